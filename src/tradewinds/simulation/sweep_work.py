"""What a worker of a sweep does with a block of configurations, and what it needs for that.

1. The market and the panel are cut off at the end of the span, so that nothing after it can be seen.
2. A vector strategy is asked for its targets and the kernel follows them, without logs, in one simulator that is used again and again;
   an event strategy is run bar by bar, with logs, because it may ask for its orders and be told its fills. Both are the code that a
   single backtest runs.
3. The account is sampled at session ends; figures and statistics of sets stay, the rest goes.
4. Whatever a configuration raises becomes its failure; the next one runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.history.panel import Panel
from tradewinds.performance.returns import annualisation, sample_rows
from tradewinds.simulation.backtest import first_decision, seen_panel, targets_of
from tradewinds.simulation.event import EventRun
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import Setup
from tradewinds.simulation.search import Value
from tradewinds.simulation.simulator import Simulator
from tradewinds.simulation.sweep import FIGURES, Figures, Trial, failure_of, figures_of, record_of
from tradewinds.simulation.sweep_statistics import RETURN_FIGURES, measure
from tradewinds.trading.columns import Corrections
from tradewinds.trading.strategy import Params, Strategy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """Rows [first, last) of the market: the account is opened at the close of `first`, nothing at or after `last` is seen.

    members: (sets, sessions) of the span's sessions, see `sessions`; each set's statistics are kept. is_warm: whether the bars before
    `first` must hold the lookback; otherwise a configuration begins to decide once they do.
    """

    first: int
    last: int
    members: NDArray[np.bool_] = field(default_factory=lambda: np.empty((0, 0), np.bool_))
    is_warm: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SweepWork:
    """Everything that a worker needs. spans: by the `fold` that a task names. others, decisions, corrections: as in `backtest`.

    lookback_most: what was purged; a configuration that looks back further fails.
    """

    strategy: Strategy
    market: Market
    panel: Panel
    setup: Setup
    spans: tuple[Span, ...]
    others: Mapping[str, Panel] = field(default_factory=dict)
    decisions: Ints | None = None
    lookback_most: int | None = None
    corrections: Mapping[str, Corrections] = field(default_factory=dict)

    def __post_init__(self) -> None:
        times = self.market.shape[0]
        for span in self.spans:
            if not 0 <= span.first < span.last <= times:
                raise Rejected(f"sweep: rows [{span.first}, {span.last}) of a market of {times} bars, expected at least one within it")

    def open(self) -> Callable[[Any], Any]:
        """The function of a worker: payload of a task to the records of its trials."""
        return Worker(self).block


class Worker:
    """One worker's state: the span that it is at, and its simulator."""

    def __init__(self, work: SweepWork) -> None:
        self._work = work
        self._fold = -1
        self._run: _Run

    def block(self, payload: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Try each configuration; records of the trials in order."""
        fold = payload["fold"]
        if fold != self._fold:
            span = self._work.spans[fold]
            self._run = _Run(self._work, span)
            self._fold = fold
        keeps_returns = payload.get("keeps_returns", False)
        return [record_of(self._trial(number, parameters, fold, keeps_returns)) for number, parameters in payload["proposals"]]

    def _trial(self, number: int, parameters: Mapping[str, Value], fold: int, keeps_returns: bool) -> Trial:
        try:
            params = self._work.strategy.params(parameters)
            figures, sets, returns = self._run.tried(params)
        except Exception as error:  # noqa: BLE001 - a strategy is foreign code: whatever it raises is its configuration's failure
            return Trial(number, parameters, fold, failure=failure_of(error))
        return Trial(number, parameters, fold, figures, sets, None, returns if keeps_returns else None)


Tried = tuple[Figures, Floats, Floats]


class _Gauge:
    """Turns the equity of one span into figures and statistics; its arrays are used again for every configuration."""

    def __init__(self, market: Market, setup: Setup, span: Span) -> None:
        self.rows = sample_rows(market.session, span.first, span.last)
        self._capital = setup.account.capital
        self._year = annualisation(market.end_ns[self.rows]).periods_per_year
        self._members = np.ascontiguousarray(span.members)
        sessions = len(self.rows) - 1
        if len(self._members) and self._members.shape[1] != sessions:
            raise Rejected(f"sweep: sets over {self._members.shape[1]} sessions, expected the {sessions} of the span")

    def measure(self, samples: Floats, first: int, counted: tuple[int, float, float, float]) -> Tried:
        """samples: equity at `rows`. counted: fills, commission, slippage, turnover."""
        returns = np.empty(len(self.rows) - 1)
        numbers = np.empty(RETURN_FIGURES)
        sets = np.empty((len(self._members), 3))
        measure(samples, self.rows, first, self._capital, self._year, self._members, returns, numbers, sets)
        equity = self._capital if self.rows[-1] < first else float(samples[-1])
        return figures_of(dict(zip(FIGURES, (len(returns), equity, *numbers.tolist(), *counted), strict=True))), sets, returns


class _Run:
    """Configurations over one span."""

    def __init__(self, work: SweepWork, span: Span) -> None:
        self._strategy, self._setup, self._span, self._lookback_most = work.strategy, work.setup, span, work.lookback_most
        self._market = market_until(work.market, span.last)
        decisions = None if work.decisions is None else work.decisions[work.decisions < span.last]
        panel = panel_until(work.panel, work.market, span.last)
        self._seen = seen_panel(work.strategy, self._market, panel, others=work.others, decisions=decisions)
        cut = {work.strategy.interval: panel.shape[0]}  # only the driving bars end with the span
        self._corrections = {name: one.before(cut[name]) if name in cut else one for name, one in work.corrections.items()}
        self._gauge = _Gauge(self._market, work.setup, span)
        self._simulator = Simulator(
            self._market, work.setup, targets=work.strategy.targets, keeps_equity=False, keeps_log=work.strategy.kind == "event",
            samples=self._gauge.rows,
        )  # fmt: skip

    def tried(self, params: Params) -> Tried:
        """Raises whatever the strategy or the simulation raises."""
        bars = self._strategy.lookback_bars(params)
        if self._lookback_most is not None and bars > self._lookback_most:
            raise Rejected(f"sweep: a lookback of {bars} bars, expected at most the {self._lookback_most} that were purged")
        first = _first(self._strategy, params, self._market, self._span)
        simulator = self._simulated(params, first)
        state = simulator.books.state[0]
        counted = int(state["fills"]), float(state["commission"]), float(state["slippage"]), float(state["turnover"])
        return self._gauge.measure(simulator.sampled(), first, counted)

    def _simulated(self, params: Params, first: int) -> Simulator:
        simulator = self._simulator
        simulator.reset()
        if self._strategy.kind == "event":
            EventRun(
                self._strategy, params, self._market, self._seen, self._setup, first, corrections=self._corrections, simulator=simulator
            ).run(self._market.shape[0])
        else:
            simulator.run(targets_of(self._strategy, self._seen, params), first)
        return simulator


def market_until(market: Market, last: int) -> Market:
    """The market's bars before row `last`, as views; events at or after it are gone."""
    if last == market.shape[0]:
        return market
    cut = {name: getattr(market, name)[:last] for name in ("start_ns", "end_ns", "session", "open", "high", "low", "close", "volume")}
    rates = market.rates[:last] if len(market.rates) > 1 else market.rates
    return replace(market, **cut, rates=rates, events=market.events[market.events["row"] < last])


def panel_until(panel: Panel, market: Market, last: int) -> Panel:
    """The panel's rows before row `last` of its market, as views."""
    return panel if last == market.shape[0] else panel.window(int(panel.times[0]), int(panel.times[last]))


def sessions_per_year(market: Market, first: int, last: int) -> float:
    """How many returns of a span make a year, as `performance` counts."""
    return annualisation(market.end_ns[sample_rows(market.session, first, last)]).periods_per_year


def sessions(market: Market, first: int, last: int) -> tuple[Ints, Ints]:
    """(sessions,) first and last row of each return of a span: where the one before it ended, plus one, and where it ends."""
    rows = sample_rows(market.session, first, last)
    return rows[:-1] + 1, rows[1:]


def _first(strategy: Strategy, params: Params, market: Market, span: Span) -> int:
    if span.is_warm:
        return first_decision(strategy, params, market, int(market.end_ns[span.first]) - 1)
    return max(span.first, first_decision(strategy, params, market, None))
