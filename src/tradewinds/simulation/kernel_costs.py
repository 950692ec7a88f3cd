"""What a fill costs and whether the account can pay it, compiled.

1. `slipped`: the price after spread and impact, against the trader; `on_tick`: rounded to the tick, against the trader.
2. `commission`: per unit, per trade, and maker or taker fractions, which a schedule of turnover may set.
3. `affordable`: how many lots of an order cash or margin allow. Other positions count at their last close, this one at the fill's price.
"""

from __future__ import annotations

import numpy as np

from tradewinds.compiled import compiled, inlined
from tradewinds.simulation import kernel_memory as at
from tradewinds.simulation.kernel_memory import Memory

NS_PER_DAY = 86_400_000_000_000
HAIR = 1e-9  # relative: what floating point may owe without being a debt
TRIMS_MAX = 64


@inlined
def rate_of(memory: Memory, row: int, currency: int) -> float:
    """Account currency per unit of the currency in the bar `row`."""
    return float(at.rates(memory)[row if at.word(memory, at.RATE_ROWS) > 1 else 0, currency])


@compiled
def on_tick(price: float, tick: float, side: int) -> float:
    """Up to the next tick for a buyer, down for a seller; prices within a millionth of a tick stay as they are."""
    if tick == 0.0:
        return price
    ticks = price / tick
    if abs(ticks - np.rint(ticks)) < 1e-6:
        return price
    return float(np.ceil(ticks) * tick if side > 0 else np.floor(ticks) * tick)


@compiled
def slipped(memory: Memory, row: int, instrument: int, side: int, lots: int, price: float) -> float:
    """The price of a taker: worse by half the spread and by the impact of its share of the bar's volume (no volume: the whole of it)."""
    terms = at.terms(memory)[instrument]
    if terms["is_slipping"] == 0:
        return price
    move = price * terms["half_spread"] + terms["half_spread_price"]
    if terms["impact"] > 0.0:
        volume = at.volumes(memory)[row, instrument]
        share = min(1.0, lots * terms["lot"] / volume) if volume > 0.0 else 1.0
        move += price * terms["impact"] * share ** terms["impact_power"]
    return float(max(price + side * move, 0.0))


@compiled
def commission(memory: Memory, row: int, instrument: int, lots: int, price: float, is_maker: int) -> float:
    """Of a fill of `lots` (positive), in the instrument's currency; negative is a rebate."""
    terms = at.terms(memory)[instrument]
    amount = lots * terms["unit"] * price
    fraction = terms["maker"] if is_maker else terms["taker"]
    if terms["schedule"] >= 0:
        fraction += _tiered(memory, row, terms["schedule"], is_maker)
    paid = terms["per_trade"] + max(fraction * amount, terms["fraction_minimum"])
    per_unit = terms["per_unit"]
    if per_unit != 0.0 or terms["minimum"] != 0.0:
        paid += min(max(per_unit * lots * terms["lot"], terms["minimum"]), terms["maximum"] * amount)
    return float(paid)


@compiled
def _tiered(memory: Memory, row: int, schedule: int, is_maker: int) -> float:
    """The fraction of the highest tier that the turnover of the schedule's last days, today's included, has reached."""
    today, ring = roll_turnover(memory, row, schedule), at.word(memory, at.DAYS)
    fraction, turned = 0.0, -1.0
    for k in range(at.word(memory, at.TIERS)):
        tier = at.tiers(memory)[k]
        if tier["schedule"] != schedule:
            continue
        if turned < 0.0:
            turned = 0.0
            for passed in range(tier["days"]):
                turned += at.turnover(memory)[schedule, (today - passed) % ring]
        if tier["start"] <= turned:
            fraction = tier["maker"] if is_maker else tier["taker"]
    return fraction


@compiled
def roll_turnover(memory: Memory, row: int, schedule: int) -> int:
    """Empty the days of the ring that have gone by; returns the place of the bar's UTC day."""
    day = at.start_ns(memory)[row] // NS_PER_DAY
    days = at.word(memory, at.DAYS)
    for passed in range(min(day - at.turnover_day(memory)[schedule], days)):
        at.turnover(memory)[schedule, (day - passed) % days] = 0.0
    at.turnover_day(memory)[schedule] = day
    return int(day % days)


@compiled
def affordable(memory: Memory, row: int, instrument: int, side: int, lots: int, price: float, paid: float, is_maker: int) -> int:
    """How many of the lots may be filled, at a commission of `paid`: what reduces may, beyond it the account decides."""
    if at.rules(memory)["is_cash_account"]:
        return _cash_allows(memory, row, instrument, side, lots, price, paid, is_maker)
    state, terms, position = at.state(memory), at.terms(memory)[instrument], at.positions(memory)[instrument]
    held = position["quantity"]
    reducing = min(lots, abs(held)) if side * held < 0 else 0
    if reducing == lots:
        return int(lots)
    rate = rate_of(memory, row, terms["currency"])
    per_lot, share = terms["unit"] * rate, terms["initial_margin"]
    marked = position["last"] if held != 0 else price
    equity = state["equity"] + held * per_lot * (price - marked)
    there = equity + abs(equity) * HAIR - (state["margin"] - abs(held) * per_lot * marked * share)
    if abs(held + side * lots) * per_lot * price * share + paid * rate <= there:
        return int(lots)
    kept = abs(held) if side * held > 0 else 0
    there -= kept * per_lot * price * share
    return reducing + _trimmed(memory, row, instrument, lots - reducing, price, is_maker, reducing, there, rate, share)


@compiled
def _cash_allows(memory: Memory, row: int, instrument: int, side: int, lots: int, price: float, paid: float, is_maker: int) -> int:
    terms, cash = at.terms(memory)[instrument], at.cash(memory)
    there = cash[terms["currency"]]
    if terms["currency"] != 0:
        there += max(cash[0], 0.0) / rate_of(memory, row, terms["currency"])
    there += abs(there) * HAIR
    if side < 0:
        lots = min(lots, at.positions(memory)[instrument]["quantity"])
        return int(lots if there + lots * terms["unit"] * price - paid >= 0.0 else 0)
    if lots * terms["unit"] * price + paid <= there:
        return int(lots)
    return _trimmed(memory, row, instrument, lots, price, is_maker, 0, there, 1.0, 1.0)


@compiled
def _trimmed(
    memory: Memory, row: int, instrument: int, lots: int, price: float, is_maker: int, before: int, there: float, rate: float, share: float
) -> int:
    """The most lots whose value x `share` and commission (that of `before` lots with it) are within `there`."""
    each = at.terms(memory)[instrument]["unit"] * price * rate
    for _ in range(TRIMS_MAX):
        owed = lots * each * share + commission(memory, row, instrument, before + lots, price, is_maker) * rate - there
        if owed <= 0.0:
            return int(lots)
        lots -= max(1, int(owed / max(each * share, 1e-300)))
        if lots <= 0:
            return 0
    return 0
