"""`backtest`: one strategy over one market, from declaration to result.

1. Parameters are checked and the lookback is known; the first decision falls on the first bar that has that many before it.
2. What the strategy sees is laid out: prices comparable over splits and dividends, others as of each bar's end.
3. A vector strategy is asked once for all targets, those of other rows than its decisions do not count; an event strategy bar by bar.
4. The kernel follows; the result carries its fingerprint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import text
from tradewinds.core.market import Interval
from tradewinds.history.panel import Panel
from tradewinds.simulation.anchor import anchor_of, anchor_of_other
from tradewinds.simulation.event import EventRun
from tradewinds.simulation.market import Market
from tradewinds.simulation.result import Result, result_of
from tradewinds.simulation.rules import Setup
from tradewinds.simulation.simulator import Simulator
from tradewinds.trading import decide
from tradewinds.trading.columns import Corrections
from tradewinds.trading.panel import StrategyPanel
from tradewinds.trading.strategy import Params, Strategy

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_NO_OTHERS: Mapping[str, Panel] = {}


def backtest(
    strategy: Strategy,
    market: Market,
    panel: Panel,
    parameters: Mapping[str, Any] | None = None,
    setup: Setup | None = None,
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
    others: Mapping[str, Panel] = _NO_OTHERS,
    decisions: Ints | Sequence[int] | None = None,
    corrections: Mapping[str, Corrections] | None = None,
) -> Result:
    """Run it over the bars that end in (start_ns, end_ns]; warm-up bars before come from the same market.

    panel: bars as traded, on the market's times and instruments. others: the declared other intervals and datasets, by name.
    decisions: rows at which the strategy may decide (`trading.rhythm.decision_rows`), None: every bar. corrections: of event strategies'
    facts, by the strategy's interval or the name of another.
    Raises Rejected where the strategy answers nonsense, naming strategy, bar and value, and where warm-up bars are missing.
    """
    params = strategy.params(parameters)
    chosen = setup or Setup()
    first = first_decision(strategy, params, market, start_ns)
    last = market.shape[0] if end_ns is None else int(np.searchsorted(market.end_ns, end_ns, "right"))
    if last <= first:
        raise Rejected(f"strategy {strategy.name}: no bar from its first decision {text(int(market.end_ns[first]))} to the end asked for")
    seen = seen_panel(strategy, market, panel, others=others, decisions=decisions)
    if strategy.kind == "vector":
        simulator = Simulator(market, chosen, targets=strategy.targets)
        targets = targets_of(strategy, seen, params)
        try:
            simulator.run(targets, first, last)
        except Rejected as error:
            raise Rejected(f"strategy {strategy.name}: {error}") from error
    else:
        run = EventRun(strategy, params, market, seen, chosen, first, corrections=corrections)
        run.run(last)
        simulator = run.simulator
    return result_of(strategy, params, simulator, first, last, is_point_in_time=seen.is_point_in_time)


def seen_panel(
    strategy: Strategy,
    market: Market,
    panel: Panel,
    *,
    others: Mapping[str, Panel] = _NO_OTHERS,
    decisions: Ints | Sequence[int] | None = None,
) -> StrategyPanel:
    """What the strategy sees of a panel as traded and of the others that it declares.

    Raises Rejected where the panel is not the market's, or a declared interval or dataset is missing.
    """
    if panel.instruments != market.ids or not (panel.times is market.start_ns or np.array_equal(panel.times, market.start_ns)):
        raise Rejected(f"strategy {strategy.name}: a panel of {panel.shape} cells, expected the times and instruments of the market")
    declared = (*strategy.other_intervals, *strategy.datasets)
    absent = [name for name in declared if name not in others]
    if absent:
        raise Rejected(f"strategy {strategy.name}: {absent[0]!r} is declared and was not given, expected it among {sorted(others)}")
    missing = [name for name in strategy.fields if name not in panel.fields]
    if missing:
        raise Rejected(f"strategy {strategy.name}: field {missing[0]!r} of its bars, expected one of {', '.join(sorted(panel.fields))}")
    anchor = anchor_of(market) if strategy.prices == "adjusted" else None
    anchors = {}
    if anchor is not None:
        scaled = {name: anchor_of_other(market, anchor, others[name]) for name in strategy.other_intervals}
        anchors = {name: one for name, one in scaled.items() if one is not None}
    rows = None if decisions is None else _checked_rows(strategy, np.asarray(decisions, dtype=np.int64), market.shape[0])
    return StrategyPanel(panel, {name: others[name] for name in declared}, rows, anchor, anchors)


def targets_of(strategy: Strategy, seen: StrategyPanel, params: Params) -> Floats:
    """Targets (times, instruments) of a vector strategy for the kernel: NaN at rows at which it may not decide."""
    targets = decide.decide_all(strategy, seen, params)
    if seen.decision_rows is None:
        return targets
    kept = np.full(targets.shape, np.nan)
    kept[seen.decision_rows] = targets[seen.decision_rows]
    return kept


def first_decision(strategy: Strategy, params: Params, market: Market, start_ns: int | None) -> int:
    """The row of the first decision: the first bar that ends after `start_ns` and has the lookback behind it."""
    bars = strategy.lookback_bars(params)
    times = market.shape[0]
    if start_ns is None:
        first = bars - 1
    else:
        first = int(np.searchsorted(market.end_ns, start_ns, "right"))
        if first < bars - 1:
            raise Rejected(_missing_warm_up(strategy, market, start_ns, first, bars))
    if first >= times:
        if start_ns is not None and times >= bars:
            raise Rejected(f"strategy {strategy.name}: a start at {text(start_ns)}, expected one before {text(int(market.end_ns[-1]))}")
        raise Rejected(f"strategy {strategy.name}: {times} bars, expected at least {bars} for its lookback")
    return first


def checked_targets(strategy: Strategy, answer: object, market: Market) -> Floats:
    """The answer of a vector strategy as float64 (times, instruments); raises Rejected naming strategy, bar and value."""
    return decide.checked_targets(strategy, answer, market.ids, market.end_ns)


def _missing_warm_up(strategy: Strategy, market: Market, start_ns: int, first: int, bars: int) -> str:
    begin, missing = int(market.start_ns[0]), bars - 1 - first
    length = Interval(strategy.interval).ns
    since = "" if length is None else f" (from {text(begin - missing * length)} where it trades without a pause)"
    return (
        f"strategy {strategy.name}: a start at {text(start_ns)} has {first + 1} bars, expected the {bars} of its lookback; missing are "
        f"{missing} bars of {strategy.interval} before {text(begin)}{since}"
    )


def _checked_rows(strategy: Strategy, rows: Ints, times: int) -> Ints:
    if rows.ndim != 1 or (len(rows) and not (rows[0] >= 0 and rows[-1] < times and bool((np.diff(rows) > 0).all()))):
        raise Rejected(f"strategy {strategy.name}: decisions at rows {rows[:5].tolist()}, expected rising rows from 0 to {times - 1}")
    return rows
