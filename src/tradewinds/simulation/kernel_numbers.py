"""From what a person writes (instruments, costs, fills, account) to the kernel's numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.simulation.books import RULES, TERMS, TIER
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import BasisPoints, Borrow, Financing, HalfSpread, PerTrade, PerUnit, Setup, Tiers, VolumeShare
from tradewinds.trading.sizing import CODES
from tradewinds.trading.strategy import TargetUnit

Records = NDArray[np.void]


def terms_of(market: Market, setup: Setup) -> Records:
    """TERMS of each instrument: its rules and the costs that name it. Amounts add up; of minima the largest counts, of maxima the least."""
    terms = np.zeros(len(market.instruments), TERMS)
    terms["maximum"] = np.inf
    terms["participation"] = np.inf if setup.fills.participation is None else setup.fills.participation
    terms["fraction_minimum"], terms["schedule"] = -np.inf, -1
    terms["impact_power"] = 1.0
    terms["initial_margin"] = 1.0 / setup.account.leverage
    for index, one in enumerate(market.instruments):
        terms["lot"][index] = float(one.lot) if one.lot is not None else 1.0
        terms["tick"][index] = float(one.tick) if one.tick is not None else 0.0
        terms["multiplier"][index] = float(one.multiplier)
        terms["minimum_notional"][index] = float(one.minimum_notional) if one.minimum_notional is not None else 0.0
        terms["currency"][index] = market.currencies.index(one.currency)
        terms["is_tradable"][index] = one.is_tradable
    terms["unit"] = terms["lot"] * terms["multiplier"]
    for number, cost in enumerate(setup.costs):
        _add(terms, _named(market, cost.instruments), number, cost)
    terms["is_slipping"] = (terms["half_spread"] != 0) | (terms["half_spread_price"] != 0) | (terms["impact"] != 0)
    return terms


def _named(market: Market, instruments: tuple[str, ...]) -> NDArray[np.intp]:
    if not instruments:
        return np.arange(len(market.instruments))
    ids = market.ids
    absent = [one for one in instruments if one not in ids]
    if absent:
        raise Rejected(f"costs: instrument {absent[0]!r}, expected one of the market's {len(ids)}, such as {list(ids[:3])}")
    return np.array([ids.index(one) for one in instruments])


def _add(terms: Records, at: NDArray[np.intp], number: int, cost: object) -> None:
    def add(name: str, value: float) -> None:
        terms[name][at] += value

    if isinstance(cost, PerUnit):
        add("per_unit", cost.amount)
        terms["minimum"][at] = np.maximum(terms["minimum"][at], cost.minimum)
        terms["maximum"][at] = np.minimum(terms["maximum"][at], cost.maximum)
    elif isinstance(cost, PerTrade):
        add("per_trade", cost.amount)
    elif isinstance(cost, BasisPoints):
        add("taker", cost.taker / 10_000)
        add("maker", (cost.taker if cost.maker is None else cost.maker) / 10_000)
        if cost.minimum > 0:
            terms["fraction_minimum"][at] = np.maximum(terms["fraction_minimum"][at], cost.minimum)
    elif isinstance(cost, Tiers):
        _once(terms, "schedule", at, "turnover tiers", -1)
        terms["schedule"][at] = number
    elif isinstance(cost, HalfSpread):
        add("half_spread", cost.bps / 10_000)
        add("half_spread_price", cost.price)
    elif isinstance(cost, VolumeShare):
        _once(terms, "impact", at, "volume-share impact", 0)
        terms["impact"][at], terms["impact_power"][at] = cost.impact, cost.power
    elif isinstance(cost, Borrow):
        add("borrow", cost.rate)
    elif isinstance(cost, Financing):
        add("long_rate", cost.long)
        add("short_rate", cost.short)


def _once(terms: Records, name: str, at: NDArray[np.intp], what: str, empty: float) -> None:
    if (terms[name][at] != empty).any():
        raise Rejected(f"costs: {what} stated twice for an instrument, expected once: they do not add up")


def tiers_of(setup: Setup) -> Records:
    """TIER rows of every schedule; a schedule is the position of its `Tiers` in the setup's costs."""
    rows = [
        (number, start, maker / 10_000, taker / 10_000, cost.days)
        for number, cost in enumerate(setup.costs)
        if isinstance(cost, Tiers)
        for start, maker, taker in cost.tiers
    ]
    return np.array(rows, TIER)


def turnover_days(setup: Setup) -> int:
    """Days that the ring of turnover has to hold."""
    return max([cost.days for cost in setup.costs if isinstance(cost, Tiers)], default=1)


def rules_of(setup: Setup, targets: TargetUnit, *, keeps_log: bool) -> Records:
    """RULES of the account and its fills."""
    account, fills = setup.account, setup.fills
    rules = np.zeros(1, RULES)
    rules["latency"] = fills.latency_bars
    rules["maintenance"], rules["interest"], rules["debit"] = account.maintenance, account.interest, account.debit
    rules["is_same_close"] = fills.at == "same_close"
    rules["is_optimistic"] = fills.touches == "optimistic"
    rules["is_cash_account"] = account.kind == "cash"
    rules["is_rejecting"] = account.short_cash == "reject"
    rates = [cost for cost in setup.costs if isinstance(cost, Borrow | Financing)]
    rules["is_accruing"] = bool(account.interest or account.debit or rates)
    rules["is_keeping_log"] = keeps_log
    rules["target_unit"] = CODES[targets]
    return rules
