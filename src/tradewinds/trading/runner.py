"""What runs one strategy live: its windows, when it is due, what it decides, and what becomes of its failing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY, text
from tradewinds.core.market import Interval
from tradewinds.core.order import Intent, OrderKind
from tradewinds.trading import state
from tradewinds.trading.answer import take_answer
from tradewinds.trading.books import Books
from tradewinds.trading.columns import Columns
from tradewinds.trading.decide import decide_window
from tradewinds.trading.desk import Fill
from tradewinds.trading.entry import Alerted, BarsClosed, Decided
from tradewinds.trading.following import Following
from tradewinds.trading.hosted import Hosted, strategy_object
from tradewinds.trading.live_desk import ASKED, LiveDesk
from tradewinds.trading.panel import StrategyPanel
from tradewinds.trading.rhythm import decision_rows, rhythm
from tradewinds.trading.view import View
from tradewinds.trading.window import Window

Floats = NDArray[np.float64]
Yielded = tuple[Decided | Alerted, tuple[Intent, ...]]

GRID_BARS = 1440  # decision times of a rhythm are looked up for so many bars ahead at once


class Runner(Protocol):
    """One strategy at work. failure: why it is disabled, "" while it is not."""

    hosted: Hosted
    failure: str

    def on_bars(self, bars: BarsClosed, books: Books) -> Iterator[Yielded]: ...

    def react(self, now_ns: int, books: Books) -> Iterator[Yielded]: ...


class Windows:
    """The windows of one strategy: of its own interval and of the others that it declares."""

    def __init__(self, hosted: Hosted) -> None:
        names = tuple(one.id for one in hosted.instruments)
        self.own = Window(names, hosted.strategy.interval, hosted.window_bars)
        self.others = {name: Window(names, name, hosted.window_bars) for name in hosted.strategy.other_intervals}
        self._lookback = hosted.lookback_bars
        self._warm_ns = 0  # end of the newest row, while it was told as warm-up only

    def take(self, bars: BarsClosed) -> bool:
        """Take in bars; whether they are a new newest row of its own interval."""
        other = self.others.get(bars.interval)
        if other is not None:
            other.take(bars)
        is_new = bars.interval == self.own.interval and self.own.take(bars)
        if is_new:
            self._warm_ns = bars.end_ns if bars.is_warm_up else 0
        return is_new

    def is_asked_again(self, bars: BarsClosed, decided_ns: int) -> bool:
        """Whether the newest row, told as warm-up until now, is to be decided on after all: somebody asked for the decision at its end."""
        is_asked = bars.interval == self.own.interval and not bars.is_warm_up and bars.end_ns == self._warm_ns
        if is_asked:
            self._warm_ns = 0
        return is_asked and decided_ns < bars.end_ns

    @property
    def is_deep(self) -> bool:
        """Whether the lookback is there."""
        return self.own.count >= self._lookback


class Due:
    """Whether a strategy's rhythm lets it decide on a bar that ends at an instant."""

    def __init__(self, hosted: Hosted) -> None:
        self._rhythm = rhythm(hosted.strategy.rhythm)
        self._calendar = hosted.calendar
        self._length_ns = Interval(hosted.strategy.interval).ns or 30 * NS_PER_DAY
        self._due: frozenset[int] = frozenset()
        self._grid = range(0)

    def is_due(self, end_ns: int) -> bool:
        if self._rhythm.is_every_bar:
            return True
        if self._length_ns >= NS_PER_DAY:
            return bool(self._rows(end_ns, 1))
        if end_ns not in self._grid:
            self._grid = range(end_ns, end_ns + GRID_BARS * self._length_ns, self._length_ns)
            self._due = frozenset(end_ns + row * self._length_ns for row in self._rows(end_ns, GRID_BARS))
        return end_ns in self._due

    def _rows(self, end_ns: int, bars: int) -> list[int]:
        """Of so many bars from this one on, those with a decision; one more is looked at, because an instant may lie between two."""
        assert self._calendar is not None
        ends = end_ns + self._length_ns * np.arange(bars + 1)
        return [row for row in decision_rows(self._rhythm, ends - self._length_ns, ends, self._calendar).tolist() if row < bars]


class VectorRunner:
    """Asks a vector strategy for the targets of its window's last row."""

    def __init__(self, account: str, hosted: Hosted, prices: Mapping[str, float]) -> None:
        self.hosted = hosted
        self.failure = ""
        self._params = hosted.params
        self._bars = hosted.window_bars
        self._windows = Windows(hosted)
        self._due = Due(hosted)
        self._prices = prices
        self._own = hosted.own_book()
        self._following = Following(account, self._own)

    def on_bars(self, bars: BarsClosed, books: Books) -> Iterator[Yielded]:
        is_new = self._windows.take(bars) or self._windows.is_asked_again(bars, books.decided_ns.get(self.hosted.name, 0))
        if not is_new or bars.is_warm_up or self.failure or not self._windows.is_deep or not self._due.is_due(bars.end_ns):
            return
        try:
            yielded = self._decide(bars.end_ns, books)
        except Exception as error:  # noqa: BLE001 -- whatever a person's code raises; the other strategies go on
            self.failure = _said(self.hosted.name, bars.end_ns, error)
            yielded = (Alerted("critical", self.failure), ())
        yield yielded

    def react(self, now_ns: int, books: Books) -> Iterator[Yielded]:
        """Targets are followed at bars alone."""
        return iter(())

    def _decide(self, end_ns: int, books: Books) -> Yielded:
        hosted, window = self.hosted, self._windows.own
        others = {name: one.panel(self._bars) for name, one in self._windows.others.items()}
        targets = decide_window(hosted.strategy, StrategyPanel(window.panel(self._bars), others), self._params)
        self._own.look(books, window.last, self._prices)
        made = self._following.follow(end_ns, targets, hosted.strategy.targets, {})
        return Decided(hosted.name, end_ns, _text(window.instruments, targets), tuple(made.cancels)), tuple(made.intents)


class EventRunner:
    """Moves one view over the window of an event strategy; its desk collects what it asks for."""

    def __init__(
        self, account: str, hosted: Hosted, prices: Mapping[str, float], kinds: frozenset[OrderKind], *, sends_reduce_only: bool,
        kinds_on: Mapping[str, frozenset[OrderKind]] | None = None,
    ) -> None:  # fmt: skip
        self.hosted = hosted
        self.failure = ""
        self.code: Any = strategy_object(hosted)
        self._windows = Windows(hosted)
        self._due = Due(hosted)
        self._prices = prices
        self._own = hosted.own_book()
        self._following = Following(account, self._own)
        self._desk = LiveDesk(account, self._own, hosted.strategy.targets, kinds, sends_reduce_only, kinds_on or {})
        self._view: View | None = None
        self._is_started = False
        self._good = state.dump(self.code)  # as it was when it last decided

    def on_bars(self, bars: BarsClosed, books: Books) -> Iterator[Yielded]:
        is_new = self._windows.take(bars) or self._windows.is_asked_again(bars, books.decided_ns.get(self.hosted.name, 0))
        if not is_new or not self._windows.is_deep:
            return
        if bars.is_warm_up:
            yield from self._learn(bars.end_ns)
            return
        self._own.look(books, self._windows.own.last, self._prices)
        desk, end_ns = self._desk, bars.end_ns
        desk.begin(end_ns)
        is_due = not self.failure and self._due.is_due(end_ns)
        try:
            view = self._moved()
            if not self._is_started:
                self._start(view, books)
        except Exception as error:  # noqa: BLE001 -- whatever a person's code raises; the other strategies go on
            yield self._failed(end_ns, error)
            return
        fields, row = self._windows.own.fields, self._windows.own.row
        desk.settle(fields["high"][row], fields["low"][row])
        before = desk.kept(), list(desk.intents), list(desk.cancels)
        if is_due:
            try:
                self._decide(view, end_ns)
            except Exception as error:  # noqa: BLE001 -- whatever a person's code raises; the other strategies go on
                yield self._failed(end_ns, error)
                self._desk.bring_back(before[0])
                desk.intents, desk.cancels = before[1:]
                desk.targets.fill(math.nan)
                is_due = False
        if is_due or desk.cancels or desk.intents:
            yield self._decided(end_ns, books)

    def react(self, now_ns: int, books: Books) -> Iterator[Yielded]:
        desk = self._desk
        if not self._is_started or not desk.open:
            return
        self._own.look(books, self._windows.own.last, self._prices)
        desk.begin(now_ns)
        nothing = np.full(len(desk.targets), math.nan)
        desk.settle(nothing, nothing)
        if desk.intents or desk.cancels:
            yield self._decided(now_ns, books, is_reaction=True)

    def _learn(self, end_ns: int) -> Iterator[Yielded]:
        """A bar that came too late to be decided on, in the middle of a run: the strategy learns of it as of those before its start."""
        warm_up = getattr(self.code, "warm_up", None)
        if not self._is_started or self.failure or not callable(warm_up) or not self._due.is_due(end_ns):
            return
        self._desk.is_warming = True
        try:
            view = self._moved()
            self._move(view, self._windows.own.row)
            warm_up(view)
        except Exception as error:  # noqa: BLE001 -- whatever a person's code raises; the other strategies go on
            yield self._failed(end_ns, error)
        self._desk.is_warming = False

    def _decide(self, view: View, end_ns: int) -> None:
        self._move(view, self._windows.own.row)
        if callable(getattr(self.code, "on_fill", None)):
            self._tell(view, end_ns)
        take_answer(view, self._desk, self.code.on_bar(view))
        self._follow(end_ns)
        self._good = state.dump(self.code)

    def _decided(self, end_ns: int, books: Books, *, is_reaction: bool = False) -> Yielded:
        desk, name = self._desk, self.hosted.name
        kept = json.dumps({"code": self._good, "desk": desk.kept()}, sort_keys=True, separators=(",", ":"))
        changed = kept if kept != books.states.get(name) else ""
        targets = _text(self._windows.own.instruments, desk.targets)
        return Decided(name, end_ns, targets, tuple(dict.fromkeys(desk.cancels)), changed, is_reaction), tuple(desk.intents)

    def _failed(self, end_ns: int, error: Exception) -> Yielded:
        self.failure = _said(self.hosted.name, end_ns, error)
        return Alerted("critical", self.failure), ()

    def _follow(self, end_ns: int) -> None:
        desk = self._desk
        found = [self._following.follow(end_ns, desk.targets, self.hosted.strategy.targets, desk.legs)]
        for unit, column, value in desk.others:
            alone = np.full(len(desk.targets), math.nan)
            alone[column] = value
            found.append(self._following.follow(end_ns, alone, unit, desk.legs))
        for one in found:
            desk.intents += one.intents
            desk.cancels += one.cancels

    def _start(self, view: View, books: Books) -> None:
        """Anew: warm up over the lookback. After a restart: take up the state, and learn of the bars that were missed."""
        self._is_started = True
        window, name = self._windows.own, self.hosted.name
        kept = books.states.get(name, "")
        first = window.row - self.hosted.lookback_bars + 1
        self._desk.is_warming = True
        if kept:
            self._restore(kept)
            decided_ns = books.decided_ns.get(name, 0)
            rows = [row for row in range(window.first, window.row) if window.event_ns[row] > decided_ns]
            rows = [row for row in rows if self._due.is_due(int(window.event_ns[row]))]
        else:
            rows = list(range(first, window.row))
            self._move(view, first)
            if callable(getattr(self.code, "start", None)):
                self.code.start(view)
        warm_up = getattr(self.code, "warm_up", None)
        if callable(warm_up):
            for row in rows:
                self._move(view, row)
                warm_up(view)
        self._desk.is_warming = False

    def _restore(self, kept: str) -> None:
        try:
            stored = json.loads(kept)
            code, desk = stored["code"], stored["desk"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataFault(f"strategy {self.hosted.name}: state {kept[:60]!r} cannot be read, expected what was journalled") from error
        self._desk.bring_back(desk)
        state.restore(self.code, code)
        self._good = code

    def _moved(self) -> View:
        """The view over the window; where other intervals are read it is made anew, because their rows moved."""
        others = self._windows.others
        if self._view is None or others:
            window = self._windows.own
            panel = window.whole()
            seen = StrategyPanel(panel, {name: one.panel(self.hosted.window_bars) for name, one in others.items()})
            columns = {name: Columns(seen.others[name], rows_at=seen.other_rows(name)) for name in others}
            self._view = View(Columns(panel), columns, self._desk, self.hosted.lookback_bars)
        return self._view

    def _move(self, view: View, row: int) -> None:
        window = self._windows.own
        view.move(row, int(window.event_ns[row]), int(window.times[row]) // NS_PER_DAY)

    def _tell(self, view: View, end_ns: int) -> None:
        for fill, order in self._own.untold():
            reason = order.approved.intent.reason
            number = int(reason.removeprefix(ASKED)) if reason.startswith(ASKED) else 0
            asked = self._desk.open.get(number)
            said = Fill(
                number, fill.instrument, float(fill.signed), float(fill.price), float(fill.commission), end_ns,
                0 if asked is None else asked.intent.tag,
            )  # fmt: skip
            self.code.on_fill(view, said)


def _text(instruments: tuple[str, ...], targets: Floats) -> dict[str, str]:
    """Targets as a decision carries them: every digit; those that leave a position as it is are left out."""
    return {name: repr(value) for name, value in zip(instruments, targets.tolist(), strict=True) if value == value}


def _said(name: str, end_ns: int, error: Exception) -> str:
    said = str(error) if isinstance(error, Rejected | DataFault) else f"raised {type(error).__name__}: {error}"
    return f"strategy {name} is disabled until the next start: at {text(end_ns)} {said}"
