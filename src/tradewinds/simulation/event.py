"""The loop of an event strategy: its view moves from bar to bar, the simulation follows only when it has to.

1. Each bar moves the one view and calls `on_bar`. What it answers (targets, intents) and what it asks of the view is decided at that close.
2. Targets are collected by row. The compiled simulation catches up, over the quiet stretch behind it in one call, when the account is
   read, an order is placed, or the run ends. Its result is the same as if every bar had been simulated before it was seen.
3. With `on_fill` bars are simulated one by one while anything may fill, and each fill is told at the end of its bar, before `on_bar`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected, TradewindsError
from tradewinds.core.instant import text
from tradewinds.simulation.desk import SimulatedDesk
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import Setup
from tradewinds.simulation.simulator import Simulator
from tradewinds.trading.columns import Columns, Corrections
from tradewinds.trading.desk import Fill
from tradewinds.trading.intent import Asked, Bracket, Intent, OneCancelsOther
from tradewinds.trading.panel import StrategyPanel
from tradewinds.trading.strategy import Params, Strategy
from tradewinds.trading.view import BAR_FIELDS, View

CHUNK_BARS = 8192  # bars are turned into Python numbers so many at a time, so that a long history does not stand in memory twice


class EventRun:
    """One run of an event strategy. `run` moves it forward; `code` is the strategy's object and may be replaced by a restored one."""

    def __init__(
        self,
        strategy: Strategy,
        params: Params,
        market: Market,
        panel: StrategyPanel,
        setup: Setup,
        first: int,
        *,
        corrections: Mapping[str, Corrections] | None = None,
        is_stepped: bool = False,
        simulator: Simulator | None = None,
    ) -> None:
        self.strategy = strategy
        self.row = first  # the next bar to be seen
        self.simulator = Simulator(market, setup, targets=strategy.targets) if simulator is None else simulator
        self._first = first
        self._market = market
        self._is_stepped = is_stepped
        self._lookback = strategy.lookback_bars(params)
        self._desk = SimulatedDesk(self.simulator, strategy.targets, first)
        self.view = View(*_columns(strategy, panel, corrections or {}), self._desk, self._lookback)
        self._desk.view = self.view
        self._told = 0
        self._decisions = panel.decision_rows
        self._next_correction_ns = 0
        self._is_started = False
        with _Named(self):
            self.code: Any = strategy.code(params)
        if not callable(getattr(self.code, "on_bar", None)):
            raise Rejected(f"strategy {strategy.name}: {type(self.code).__name__} has no on_bar, expected a class with on_bar(self, view)")

    def run(self, last: int) -> None:
        """See the bars up to (not including) row `last`, and simulate them.

        Raises Rejected naming strategy and bar where the strategy raises or asks for nonsense.
        """
        with _Named(self):
            if not self._is_started:
                self._is_started = True
                self._start()
            is_plain = self.view.bar_fields().keys() >= set(BAR_FIELDS)  # one instrument with all of them
            if is_plain and self._decisions is None and not self._watches and not self._is_stepped:
                self._see_every_bar(self.row, last)
            else:
                self._see_rows(self.row, last)
            self._desk.finish(last)
        self.row = last

    @property
    def _watches(self) -> bool:
        return callable(getattr(self.code, "on_fill", None))

    def _start(self) -> None:
        begin = self._first - self._lookback + 1
        self._move(begin)
        if callable(getattr(self.code, "start", None)):
            self.code.start(self.view)
        warm_up = getattr(self.code, "warm_up", None)
        if callable(warm_up):
            for row in range(begin, self._first):
                self._move(row)
                warm_up(self.view)

    def _see_every_bar(self, first: int, last: int) -> None:
        view, desk, on_bar, target = self.view, self._desk, self.code.on_bar, self._desk.target
        correction_ns = self._next_correction_ns
        for low in range(first, last, CHUNK_BARS):
            for row, now_ns, session, opened, high, low_price, close, volume in self._chunk(low, min(low + CHUNK_BARS, last)):
                view.row = row
                view.now_ns = now_ns
                view.session = session
                view.open = opened
                view.high = high
                view.low = low_price
                view.close = close
                view.volume = volume
                if now_ns >= correction_ns:
                    correction_ns = view.apply_corrections(now_ns)
                answer = on_bar(view)
                if answer is not None:
                    if type(answer) is float:
                        target(0, answer, None)
                    else:
                        self._take(answer)
                if desk.is_late:
                    desk.place()
        self._next_correction_ns = correction_ns

    def _chunk(self, low: int, high: int) -> Iterable[tuple[Any, ...]]:
        fields = self.view.bar_fields()
        lists = (fields[name][low:high].tolist() for name in BAR_FIELDS)
        market = self._market
        return zip(range(low, high), market.end_ns[low:high].tolist(), market.session[low:high].tolist(), *lists, strict=True)

    def _see_rows(self, first: int, last: int) -> None:
        watches, desk, on_bar = self._watches, self._desk, self.code.on_bar
        rows: Sequence[int] | NDArray[np.int64] = range(first, last)
        if self._decisions is None:
            decides: Callable[[int], bool] = lambda row: True  # noqa: E731 -- one of two tests that the loop asks
        else:
            chosen = self._decisions[(self._decisions >= first) & (self._decisions < last)].tolist()
            decides = set(chosen).__contains__
            if not watches and not self._is_stepped:
                rows = chosen
        for row in rows:
            self._move(row)
            if self._is_stepped:
                desk.sync()
            if watches and desk.may_fill():
                self._tell(row)
            if decides(row):
                answer = on_bar(self.view)
                if answer is not None:
                    self._take(answer)
            if desk.is_late:
                desk.place()

    def _move(self, row: int) -> None:
        self.view.move(row, int(self._market.end_ns[row]), int(self._market.session[row]))

    def _tell(self, row: int) -> None:
        self._desk.sync()
        fills = self.simulator.fills
        market, terms = self._market, self.simulator.bars.terms
        for one in fills[self._told :]:
            column = int(one["instrument"])
            order = int(one["order"])
            fill = Fill(
                order, market.ids[column], float(one["quantity"] * terms["lot"][column]), float(one["price"]), float(one["commission"]),
                int(market.end_ns[one["row"]]), int(self.simulator.order(order)["tag"]) if order > 0 else 0,
            )  # fmt: skip
            self.code.on_fill(self.view, fill)
        self._told = len(fills)

    def _take(self, answer: object) -> None:
        """What `on_bar` answered: a target, targets by instrument or in the order of instruments, an intent or a list of them."""
        view, desk = self.view, self._desk
        if isinstance(answer, Mapping):
            for instrument, value in answer.items():
                desk.target(view.column(instrument), value, None)
        elif isinstance(answer, np.ndarray) and answer.ndim > 0:
            if answer.shape != (len(view.instruments),):
                raise Rejected(f"targets of shape {answer.shape}, expected ({len(view.instruments)},), one an instrument")
            for column, value in enumerate(answer.tolist()):
                desk.target(column, value, None)
        elif isinstance(answer, Intent | Bracket | OneCancelsOther):
            self._place(answer)
        elif isinstance(answer, list | tuple):
            for one in answer:
                if not isinstance(one, Intent | Bracket | OneCancelsOther):
                    raise Rejected(f"an answer holds {one!r}, expected intents, brackets or one-cancels-others")
                self._place(one)
        else:
            desk.target(view.column(None), answer, None)  # type: ignore[arg-type]  # refused there, by value, where it is no number

    def _place(self, asked: Asked) -> None:
        if isinstance(asked, Intent):
            self.view.submit(asked)
        elif isinstance(asked, Bracket):
            self.view.submit_bracket(asked)
        else:
            self.view.one_cancels_other(*asked.intents)


class _Named:
    """Turns what a strategy raises into Rejected that names strategy and bar; faults of data and bugs of ours pass."""

    def __init__(self, run: EventRun) -> None:
        self._run = run

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or (isinstance(error, TradewindsError) and not isinstance(error, Rejected)):
            return
        view = self._run.view
        where = f" at {text(view.now_ns)} (bar {view.row})" if view.row >= 0 else " when it was made"
        said = str(error) if isinstance(error, Rejected) else f"raised {type(error).__name__}: {error}"
        raise Rejected(f"strategy {self._run.strategy.name}{where}: {said}") from error


def _columns(strategy: Strategy, panel: StrategyPanel, corrections: Mapping[str, Corrections]) -> tuple[Columns, dict[str, Columns]]:
    bars = Columns(panel.bars, corrections=corrections.get(strategy.interval), anchor=panel.anchor)
    others = {
        name: Columns(other, corrections=corrections.get(name), anchor=panel.other_anchors.get(name), rows_at=panel.other_rows(name))
        for name, other in panel.others.items()
    }
    return bars, others
