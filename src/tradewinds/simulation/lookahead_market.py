"""A made market to check a strategy on when nobody brings data: seeded trends, shocks, gaps, a split and a dividend, facts known late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tradewinds.calendars.compiled import ALWAYS_OPEN
from tradewinds.calendars.sessions import calendar
from tradewinds.core.instant import NS_PER_DAY, parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.market import Interval
from tradewinds.history.panel import UNKNOWN_NS, Panel
from tradewinds.simulation.books import DIVIDEND, EVENT, SPLIT
from tradewinds.simulation.lookahead_scene import Scene
from tradewinds.simulation.lookahead_source import text_constants
from tradewinds.simulation.market import market_of_panel
from tradewinds.trading.rhythm import decision_rows, rhythm
from tradewinds.trading.strategy import Params, Strategy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

START = "2019-01-07"
BARS_MIN = 480
_FACT_BARS = 7  # a dataset's fact every so many bars
_FACT_LAG_BARS = 3  # known so many bars after the time that it is about


def made_scene(strategy: Strategy, params: Params, width: int, seed: int) -> Scene:
    """A scene with everything that the strategy declares. width: instruments, where the strategy names none."""
    names = strategy.instruments or tuple(f"MADE{at}.TEST" for at in range(width))
    bars = max(BARS_MIN, 3 * strategy.lookback_bars(params) + 200)
    chance = np.random.default_rng(seed)
    bar_ns = Interval(strategy.interval).ns or 30 * NS_PER_DAY
    times = parse(START) + np.arange(bars, dtype=np.int64) * bar_ns
    fields = _bars(chance, bars, len(names))
    for name in strategy.fields:
        if name not in fields:
            fields[name] = (
                np.where(np.sin(np.arange(bars) / 60.0)[:, None] > -0.5, 1.0, 0.0) if name == "member" else _facts(chance, bars, len(names))
            )
    known = np.repeat((times + bar_ns)[:, None], len(names), axis=1)
    missing = np.isnan(fields["close"])
    known[missing] = UNKNOWN_NS
    panel = Panel(names, times, times + bar_ns, known, fields)
    instruments = [Instrument(name, "equity", "USD", ALWAYS_OPEN, lot=Decimal("0.000001")) for name in names]
    market = market_of_panel(panel, instruments, events=_events(fields["close"]), vintage=f"made {seed}")
    others = {name: _longer(panel, Interval(name).ns or 30 * NS_PER_DAY, bar_ns) for name in strategy.other_intervals}
    wanted = text_constants(strategy.code)
    others |= {name: _dataset(panel, bar_ns, chance, wanted) for name in strategy.datasets}
    when = rhythm(strategy.rhythm)
    rows = None if when.is_every_bar else decision_rows(when, market.start_ns, market.end_ns, calendar(ALWAYS_OPEN))
    return Scene(market, panel, others, rows)


def feature_scene(width: int, seed: int, others: Mapping[str, Sequence[str]] | None = None) -> Scene:
    """A scene for a feature function: daily bars, and datasets of the named fields."""
    strategy = Strategy("feature", "vector", lambda panel, params: panel.close)
    scene = made_scene(strategy, strategy.params(), width, seed)
    chance = np.random.default_rng(seed + 1)
    made = {name: _dataset(scene.panel, NS_PER_DAY, chance, fields) for name, fields in (others or {}).items()}
    return Scene(scene.market, scene.panel, made, None)


def _bars(chance: np.random.Generator, bars: int, width: int) -> dict[str, Floats]:
    """Prices that trend, turn and jump; of three or more instruments the last one is listed late and misses bars."""
    rows = np.arange(bars)[:, None]
    shared = 0.012 * np.sin(rows / 23.0 + 1.0) + chance.normal(0.0, 0.008, (bars, 1))
    own = 0.006 * np.sin(rows / (11.0 + np.arange(width)) + np.arange(width)) + chance.normal(0.0, 0.012, (bars, width))
    jumps = chance.choice([0.0, 0.06, -0.06], (bars, width), p=[0.97, 0.015, 0.015])
    close = np.round(np.exp(np.cumsum(0.5 * shared + own + jumps, axis=0)) * (60.0 + 25.0 * np.arange(width)), 2) + 1.0
    opened = np.round(np.vstack([close[:1], close[:-1]]) * np.exp(chance.normal(0.0, 0.004, (bars, width))), 2)
    spread = np.abs(chance.normal(0.0, 0.006, (2, bars, width)))
    high = np.round(np.maximum(opened, close) * (1.0 + spread[0]), 2)
    low = np.round(np.minimum(opened, close) * (1.0 - spread[1]), 2)
    volume = np.round(np.exp(chance.normal(10.0, 0.5, (bars, width))))
    fields = {"open": opened, "high": high, "low": low, "close": close, "volume": volume}
    split = bars // 2
    for name, values in fields.items():
        values[split:, 0] = np.round(values[split:, 0] * (2.0 if name == "volume" else 0.5), 3)
    if width >= 3:
        absent = chance.random(bars) < 0.02
        absent[:15] = True
        for values in fields.values():
            values[absent, width - 1] = np.nan
    return fields


def _events(close: Floats) -> NDArray[np.void]:
    bars, width = close.shape
    events = np.zeros(2 if width > 1 else 1, EVENT)
    events[0] = (bars // 2, 0, SPLIT, 2.0, np.nan)
    if width > 1:
        events[1] = (2 * bars // 3, 1, DIVIDEND, 0.01 * float(close[2 * bars // 3 - 1, 1]), np.nan)
    return events


def _facts(chance: np.random.Generator, rows: int, width: int) -> Floats:
    return np.cumsum(chance.normal(0.0, 1.0, (rows, width)), axis=0)


def _longer(panel: Panel, length_ns: int, bar_ns: int) -> Panel:
    """The same bars drawn together to longer ones, known when they end."""
    step = max(1, length_ns // bar_ns)
    count = panel.shape[0] // step
    blocks = {name: values[: count * step].reshape(count, step, -1) for name, values in panel.fields.items()}
    drawn = {
        "open": lambda block: block[:, 0], "high": lambda block: np.fmax.reduce(block, axis=1),
        "low": lambda block: np.fmin.reduce(block, axis=1), "volume": lambda block: np.nansum(block, axis=1),
    }  # fmt: skip
    fields = {name: np.ascontiguousarray(drawn[name](block) if name in drawn else block[:, -1]) for name, block in blocks.items()}
    times = panel.times[: count * step : step].copy()
    ends = times + step * bar_ns
    return Panel(panel.instruments, times, ends, np.repeat(ends[:, None], panel.shape[1], axis=1), fields)


def _dataset(panel: Panel, bar_ns: int, chance: np.random.Generator, fields: Sequence[str]) -> Panel:
    """Facts every few bars, each known some bars after its time."""
    times = panel.times[::_FACT_BARS].copy()
    ends = times + bar_ns
    known = np.repeat((ends + _FACT_LAG_BARS * bar_ns)[:, None], panel.shape[1], axis=1)
    values = {name: _facts(chance, len(times), panel.shape[1]) for name in fields}
    return Panel(panel.instruments, times, ends, known, values)
