"""What is traded in the comparison with other engines: sixteen scenarios, each told once and for everybody.

A scenario is bars in whole ticks by a seed and a list of instructions by row, each decided at the close of its row. Signals are made
here in whole numbers, so that no engine's floating point decides whether two averages cross. Conventions under which a scenario runs:

    next_open    market orders fill at the open after the decision
    same_close   market orders fill at the close at which they were decided
    next_close   market orders fill at the close of the bar after the decision
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ticks = NDArray[np.int64]

NS_PER_DAY = 86_400_000_000_000
NS_PER_MINUTE = 60_000_000_000
FIRST_NS = 1_041_811_200_000_000_000  # Monday 2003-01-06
TICKS_PER_UNIT = 100.0
VOLUME = 100_000_000.0
FIELDS = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Instruction:
    """What is decided at the close of `row` for one instrument.

    act: "order"; "flatten" cancels what is open and sells (buys back) what is held; "cancel" cancels what is open.
    kind: market, limit, stop, trailing_stop. stop_loss and take_profit make it a bracket. is_if_flat: nothing is held and nothing open.
    tif: gtc or day. when: any or close. group: orders of one group cancel each other.
    """

    row: int
    instrument: int
    side: int = 1
    quantity: float = 0.0
    act: str = "order"
    kind: str = "market"
    limit: float | None = None
    stop: float | None = None
    trail: float | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    tif: str = "gtc"
    when: str = "any"
    is_if_flat: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """ticks: open, high, low, close as whole ticks, (times, instruments). weights: row -> target weights for the engine that sizes itself.

    fees: bps (of the amount), per_trade, minimum (of a fill). lot: smallest quantity. is_rejecting: what costs more than the cash that
    is there is refused whole. The instructions of `weights` scenarios hold the quantities already, worked out here in whole numbers.
    """

    name: str
    ticks: dict[str, Ticks]
    start_ns: Ticks
    bar_ns: int
    instructions: tuple[Instruction, ...]
    cash: float = 1_000_000.0
    fees: dict[str, float] = field(default_factory=dict)
    lot: float = 1.0
    is_rejecting: bool = False
    weights: dict[int, list[float]] = field(default_factory=dict)

    @property
    def prices(self) -> dict[str, NDArray[np.float64]]:
        """The four prices in money, each (times, instruments)."""
        return {name: values / TICKS_PER_UNIT for name, values in self.ticks.items()}

    def declared(self) -> dict[str, Any]:
        """All but the bars, for JSON."""
        return {
            "name": self.name, "bar_ns": self.bar_ns, "cash": self.cash, "fees": self.fees, "lot": self.lot,
            "is_rejecting": self.is_rejecting, "instructions": [asdict(one) for one in self.instructions],
        }  # fmt: skip


def walk(
    bars: int, instruments: int, seed: int, *, start: int = 10_000, step: int = 60, gap: int = 25, lowest: int = 1_000
) -> dict[str, Ticks]:
    """Bars that wander by up to `step` ticks within and `gap` ticks between, reflected at `lowest` so that a price stays a price."""
    draw = np.random.default_rng(seed)
    inside = draw.integers(-step, step + 1, (bars, instruments))
    between = draw.integers(-gap, gap + 1, (bars, instruments))
    wicks = draw.integers(0, step // 2 + 1, (2, bars, instruments))
    path = np.cumsum(inside + between, axis=0) + start
    path = np.abs(path - lowest) + lowest
    close = path
    opened = np.concatenate([np.full((1, instruments), start), close[:-1]]) + between
    opened = np.maximum(opened, lowest // 2)
    high = np.maximum(opened, close) + wicks[0]
    low = np.maximum(np.minimum(opened, close) - wicks[1], 1)
    return {"open": opened, "high": high, "low": low, "close": close}


def days(bars: int) -> Ticks:
    """Starts of weekdays, one bar a day."""
    weeks, rest = np.divmod(np.arange(bars), 5)
    return FIRST_NS + (weeks * 7 + rest) * NS_PER_DAY


def minutes(bars: int, per_day: int) -> Ticks:
    """Starts of minutes from 14:30, `per_day` of them each weekday."""
    day, minute = np.divmod(np.arange(bars), per_day)
    return days(int(day[-1]) + 1)[day] + (14 * 60 + 30 + minute) * NS_PER_MINUTE


def is_above(close: Ticks, fast: int, slow: int) -> NDArray[np.bool_]:
    """Whether the mean of `fast` closes is above that of `slow`, in whole numbers; False before there are `slow` of them."""
    total = np.concatenate([[0], np.cumsum(close)])
    above = np.zeros(len(close), dtype=bool)
    rows = np.arange(slow, len(close) + 1)
    above[slow - 1 :] = (total[rows] - total[rows - fast]) * slow > (total[rows] - total[rows - slow]) * fast
    return above


def followed(wanted: Ticks, instrument: int = 0, unit: float = 1.0, **more: Any) -> list[Instruction]:
    """Market orders that make the position `wanted` (times,) in units of `unit`."""
    change = np.diff(wanted, prepend=0)
    return [
        Instruction(int(row), instrument, int(np.sign(change[row])), float(abs(change[row])) * unit, **more)
        for row in np.flatnonzero(change)
        if row < len(wanted) - 1
    ]


def rebalanced(ticks: dict[str, Ticks], weights: dict[int, list[float]], cash: int, fill: str, bps: int = 0) -> list[Instruction]:
    """Whole units for target weights (in hundredths), from equity at each decision's close.

    cash: in ticks. Money is kept in ten-thousandths of a tick, so that nothing is rounded, fees of `bps` included.
    """
    scale = 10_000
    money, held = cash * scale, np.zeros(ticks["close"].shape[1], dtype=object)
    made: list[Instruction] = []
    for row, target in sorted(weights.items()):
        close = [int(one) for one in ticks["close"][row]]
        equity = money + scale * sum(int(h) * c for h, c in zip(held, close, strict=True))
        wanted = [equity * round(w * 100) // (100 * scale * c) for w, c in zip(target, close, strict=True)]
        price = ticks["open"][row + 1] if fill == "next_open" else ticks["close"][row if fill == "same_close" else row + 1]
        for i, (want, have) in enumerate(zip(wanted, held, strict=True)):
            change = int(want) - int(have)
            if change:
                made.append(Instruction(row, i, 1 if change > 0 else -1, float(abs(change))))
                money -= change * int(price[i]) * scale + abs(change) * int(price[i]) * bps
                held[i] = int(want)
    return made


Maker = Callable[[str, bool], Scenario]


def sma_long_flat(fill: str, is_full: bool) -> Scenario:
    """1,000 units while the mean of 10 closes is above that of 30, 10 basis points."""
    bars = 5_000 if is_full else 2_000
    ticks = walk(bars, 1, 11)
    wanted = is_above(ticks["close"][:, 0], 10, 30).astype(np.int64)
    return Scenario("sma_long_flat", ticks, days(bars), NS_PER_DAY, tuple(followed(wanted, unit=1000.0)), fees={"bps": 10.0})


def sma_long_short(fill: str, is_full: bool) -> Scenario:
    """Long 1,000 units above, short 1,000 below: every cross is a reversal of 2,000."""
    bars = 5_000 if is_full else 2_000
    ticks = walk(bars, 1, 12)
    wanted = np.where(is_above(ticks["close"][:, 0], 12, 40), 1, -1)
    wanted[:39] = 0
    return Scenario("sma_long_short", ticks, days(bars), NS_PER_DAY, tuple(followed(wanted, unit=1000.0)), fees={"bps": 10.0})


def weights_rebalance(fill: str, is_full: bool) -> Scenario:
    """Four instruments at changing weights every fifth day, sized from equity at the close."""
    bars = 3_000 if is_full else 600
    ticks = walk(bars, 4, 13)
    draw = np.random.default_rng(130)
    weights = {row: [float(w) / 100.0 for w in draw.integers(0, 25, 4)] for row in range(4, bars - 2, 5)}
    made = rebalanced(ticks, weights, 100_000_000, fill)
    return Scenario("weights_rebalance", ticks, days(bars), NS_PER_DAY, tuple(made), weights=weights)


def limit_entries(fill: str, is_full: bool) -> Scenario:
    """A limit to buy below (or sell above) the close every 12 days, left to work; all is sold again 9 days later."""
    return _entries("limit_entries", 14, "limit", -1, is_full)


def stop_entries(fill: str, is_full: bool) -> Scenario:
    """A stop to buy above (or sell below) the close every 12 days; all is sold again 9 days later."""
    return _entries("stop_entries", 15, "stop", 1, is_full)


def _entries(name: str, seed: int, kind: str, direction: int, is_full: bool) -> Scenario:
    bars = 12_000 if is_full else 1_200
    ticks = walk(bars, 1, seed)
    draw = np.random.default_rng(seed * 10)
    made = []
    for row in range(5, bars - 12, 12):
        side = int(draw.choice([-1, 1]))
        price = (int(ticks["close"][row, 0]) + direction * side * int(draw.integers(20, 120))) / 100.0
        made.append(Instruction(row, 0, side, 500.0, kind=kind, **{kind: price}))
        made.append(Instruction(row + 9, 0, act="flatten"))
    return Scenario(name, ticks, days(bars), NS_PER_DAY, tuple(made), fees={"bps": 10.0})


def brackets(fill: str, is_full: bool) -> Scenario:
    """Bought or sold short at the market whenever flat, with a stop-loss and a take-profit about two bars' range away."""
    return _brackets("brackets", walk(12_000 if is_full else 1_200, 1, 16), 160)


def gaps(fill: str, is_full: bool) -> Scenario:
    """The same in a market that opens far from where it closed: stops and limits are jumped over and fill at the open."""
    return _brackets("gaps", walk(12_000 if is_full else 1_200, 1, 17, step=20, gap=150), 170)


def _brackets(name: str, ticks: dict[str, Ticks], seed: int) -> Scenario:
    bars = len(ticks["close"])
    draw = np.random.default_rng(seed)
    made = []
    for row in range(3, bars - 3):
        side, near, far = int(draw.choice([-1, 1])), int(draw.integers(180, 300)), int(draw.integers(180, 400))
        close = int(ticks["close"][row, 0])
        made.append(
            Instruction(
                row, 0, side, 400.0, stop_loss=(close - side * near) / 100.0, take_profit=(close + side * far) / 100.0, is_if_flat=True
            )
        )
    return Scenario(name, ticks, days(bars), NS_PER_DAY, tuple(made), fees={"bps": 10.0})


def trailing_stops(fill: str, is_full: bool) -> Scenario:
    """Bought every 30 days; from the next close a stop trails by a fixed distance; what is left is sold after 28 days."""
    bars = 12_000 if is_full else 1_500
    ticks = walk(bars, 1, 18)
    made = []
    for row in range(4, bars - 31, 30):
        made.append(Instruction(row, 0, 1, 300.0))
        made.append(Instruction(row + 1, 0, -1, 300.0, kind="trailing_stop", trail=1.5))
        made.append(Instruction(row + 28, 0, act="flatten"))
    return Scenario("trailing_stops", ticks, days(bars), NS_PER_DAY, tuple(made), fees={"bps": 10.0})


def unaffordable(fill: str, is_full: bool) -> Scenario:
    """Purchases of random size out of 100,000: those that cost more than the cash that is there are refused whole."""
    bars = 6_000 if is_full else 900
    ticks = walk(bars, 1, 19, start=20_000)
    draw = np.random.default_rng(190)
    made = []
    for row in range(3, bars - 3, 3):
        if row % 15 == 0:
            made.append(Instruction(row, 0, act="flatten"))
        else:
            made.append(Instruction(row, 0, 1, float(draw.integers(50, 400))))
    return Scenario("unaffordable", ticks, days(bars), NS_PER_DAY, tuple(made), 100_000.0, {"bps": 10.0}, is_rejecting=True)


def shared_cash(fill: str, is_full: bool) -> Scenario:
    """Eight instruments on one cash balance, each long, flat or short by its own averages."""
    bars = 4_000 if is_full else 800
    ticks = walk(bars, 8, 20)
    made: list[Instruction] = []
    for i in range(8):
        wanted = np.where(is_above(ticks["close"][:, i], 5 + i, 30 + i), 1, -(i % 2))
        wanted[: 29 + i] = 0
        made += followed(wanted, i, unit=100.0 * (1 + i))
    return Scenario("shared_cash", ticks, days(bars), NS_PER_DAY, _sorted(made), 5_000_000.0, {"bps": 100.0})


def fees_per_trade(fill: str, is_full: bool) -> Scenario:
    """A fixed commission of 4.95 a fill."""
    return _fees("fees_per_trade", {"per_trade": 4.95}, is_full)


def fees_minimum(fill: str, is_full: bool) -> Scenario:
    """10 basis points, at least 7.50 a fill."""
    return _fees("fees_minimum", {"bps": 10.0, "minimum": 7.5}, is_full)


def _fees(name: str, fees: dict[str, float], is_full: bool) -> Scenario:
    bars = 6_000 if is_full else 1_000
    ticks = walk(bars, 1, 21)
    draw = np.random.default_rng(210)
    wanted = np.repeat(draw.integers(-6, 7, bars // 7 + 1), 7)[:bars]
    wanted[:2] = 0  # backtesting.py decides from its second bar on
    return Scenario(name, ticks, days(bars), NS_PER_DAY, tuple(followed(wanted, unit=20.0)), fees=fees)


def fractional_lots(fill: str, is_full: bool) -> Scenario:
    """Quantities in thousandths."""
    bars = 6_000 if is_full else 1_000
    ticks = walk(bars, 1, 22)
    wanted = np.repeat(np.random.default_rng(220).integers(0, 20_000, bars // 9 + 1), 9)[:bars]
    wanted[:2] = 0
    made = tuple(
        Instruction(one.row, 0, one.side, round(one.quantity) / 1000.0) for one in followed(wanted)
    )  # divided last: the float nearest to the decimal number
    return Scenario("fractional_lots", ticks, days(bars), NS_PER_DAY, made, fees={"bps": 100.0}, lot=0.001)


def on_close(fill: str, is_full: bool) -> Scenario:
    """Orders for the next close."""
    bars = 6_000 if is_full else 1_000
    ticks = walk(bars, 1, 23)
    wanted = is_above(ticks["close"][:, 0], 8, 21).astype(np.int64)
    return Scenario("on_close", ticks, days(bars), NS_PER_DAY, tuple(followed(wanted, unit=1000.0, when="close")), fees={"bps": 10.0})


def day_orders(fill: str, is_full: bool) -> Scenario:
    """Limits for the day on 30-minute days: those not filled by the last minute are gone; all is sold in the middle of the next day."""
    per_day = 30
    bars = per_day * (200 if is_full else 40)
    ticks = walk(bars, 1, 24, step=12, gap=2)
    draw = np.random.default_rng(240)
    made = []
    for day in range(0, bars // per_day - 2, 2):
        row = day * per_day + 10
        price = (int(ticks["close"][row, 0]) - int(draw.integers(2, 40))) / 100.0
        made.append(Instruction(row, 0, 1, 200.0, kind="limit", limit=price, tif="day"))
        made.append(Instruction(row + per_day + 5, 0, act="flatten"))
    return Scenario("day_orders", ticks, minutes(bars, per_day), NS_PER_MINUTE, tuple(made), fees={"bps": 100.0})


def wide_history(fill: str, is_full: bool) -> Scenario:
    """250 instruments over 20 years of days: every month the 25 that rose most over the year before, at 1 % each."""
    bars, width = (5_040, 250) if is_full else (756, 40)
    ticks = walk(bars, width, 25, step=90, gap=30)
    best = width // 10
    weights = {}
    for row in range(252, bars - 2, 21):
        rise = ticks["close"][row] * 10_000 // ticks["close"][row - 252]
        chosen = set(sorted(range(width), key=lambda i: (-int(rise[i]), i))[:best])
        weights[row] = [0.01 if i in chosen else 0.0 for i in range(width)]
    made = rebalanced(ticks, weights, 1_000_000_000, fill)
    return Scenario("wide_history", ticks, days(bars), NS_PER_DAY, tuple(made), 10_000_000.0, weights=weights)


MAKERS: dict[str, Maker] = {
    maker.__name__: maker
    for maker in (
        sma_long_flat, sma_long_short, weights_rebalance, limit_entries, stop_entries, brackets, trailing_stops, gaps, unaffordable,
        shared_cash, fees_per_trade, fees_minimum, fractional_lots, on_close, day_orders, wide_history,
    )
}  # fmt: skip


def _sorted(made: list[Instruction]) -> tuple[Instruction, ...]:
    return tuple(sorted(made, key=lambda one: (one.row, one.instrument)))
