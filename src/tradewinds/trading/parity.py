"""Parity: what the trading core did, and what it does when the journal's inputs are given to it again.

1. `replay` hands the inputs of a day to a fresh core with fresh strategies, in order, and compares what it makes of each with what was
   journalled: decisions by (strategy, time), orders by their id, whole steps by their bytes. Equal means equal to the bit.
2. A run begins where a process took the journal up (`Restarted`): the core is made anew there, from the journal as it was, as it was then.
3. After a step that differs the core is put back to what was journalled, so that one difference is not told a hundred times.
4. Every difference is named: what, when, which strategy and instrument, the recorded and the replayed value, and why.

`compare` puts decisions beside those of the vectorised backtest over the same bars; see there for ties.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

from tradewinds.core.instant import text
from tradewinds.core.money import plain
from tradewinds.core.order import Intent, OrderTerms
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Approved, Decided, Entry, HandedOver, Record, Refused, Restarted, Started, Waiting
from tradewinds.trading.journal import encode

Why = Literal["code or parameters changed", "data arrived late", "non-deterministic strategy", "gate state", "tie", "unknown"]
What = Literal["decision", "order", "step"]
Entries = Callable[[], Iterable[Entry]]

RESYNCS_MAX = 50  # beyond so many differing steps the core is not put back any more: something is wrong as a whole
DIFFERENCES_MAX = 1000
ABSENT = "none"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not what it was. time_ns: of the decision, or the step. instrument: "" where it is about none."""

    time_ns: int
    what: What
    strategy: str
    instrument: str
    recorded: str
    replayed: str
    why: Why


@dataclass(frozen=True, slots=True)
class Parity:
    """What came of a replay. Counts are of the span asked for; *_equal: those that were the same to the bit.

    differences: the first thousand, in order of time; more_differences: how many more there were.
    """

    account: str
    start_ns: int | None
    end_ns: int | None
    steps: int = 0
    steps_equal: int = 0
    decisions: int = 0
    decisions_equal: int = 0
    orders: int = 0
    orders_equal: int = 0
    differences: tuple[Difference, ...] = ()
    more_differences: int = 0
    strategies: Mapping[str, int] = field(default_factory=dict)  # decisions of each

    @property
    def is_equal(self) -> bool:
        """Whether every decision, order and step was the same."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """As commands print it and the evening keeps it; times as ISO 8601."""
        return {
            "account": self.account,
            "from": None if self.start_ns is None else text(self.start_ns),
            "to": None if self.end_ns is None else text(self.end_ns),
            "is_equal": self.is_equal,
            "steps": self.steps,
            "steps_equal": self.steps_equal,
            "decisions": self.decisions,
            "decisions_equal": self.decisions_equal,
            "decisions_percent": percent(self.decisions_equal, self.decisions),
            "orders": self.orders,
            "orders_equal": self.orders_equal,
            "orders_percent": percent(self.orders_equal, self.orders),
            "by_strategy": dict(self.strategies),
            "by_reason": _counted(self.differences),
            "differences": [as_row(one) for one in self.differences],
            "more_differences": self.more_differences,
        }


def replay(
    entries: Entries,
    make: Callable[[], Engine],
    *,
    account: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
    fingerprints: Mapping[str, str] | None = None,
) -> Parity:
    """Replay the runs that reach into [start_ns, end_ns) and compare what is in it. entries: the journal from its beginning, each time.

    make: the core as the service makes it, with fresh books, gate and strategies. fingerprints: of the strategies as they are now; None:
    as their host says. A journal that differs is replayed twice: what differs
    between the two is a strategy that decides by more than what it sees.
    """
    first = _Replay(entries, make, account, (start_ns, end_ns), fingerprints)
    found = first.run()
    if found.is_equal:
        return found
    again = _Replay(entries, make, account, (start_ns, end_ns), fingerprints)
    again.run()
    unsteady = {key for key in first.made.keys() | again.made.keys() if first.made.get(key) != again.made.get(key)}
    return replace(found, differences=tuple(_settled(one, unsteady, first.changed) for one in found.differences))


def percent(equal: int, whole: int) -> float:
    """100.0 only where all are equal; of nothing, all are."""
    return 100.0 if equal == whole else min(99.99, round(100.0 * equal / whole, 2))


def as_row(one: Difference) -> dict[str, Any]:
    """A difference as JSON."""
    return {
        "at": text(one.time_ns), "what": one.what, "strategy": one.strategy, "instrument": one.instrument, "recorded": one.recorded,
        "replayed": one.replayed, "why": one.why,
    }  # fmt: skip


class _Replay:
    """One pass. made: everything that the replayed core said, by what it is about; changed: strategies whose code is another."""

    def __init__(
        self,
        entries: Entries,
        make: Callable[[], Engine],
        account: str,
        span: tuple[int | None, int | None],
        fingerprints: Mapping[str, str] | None,
    ) -> None:
        self.made: dict[tuple[str, ...], str] = {}
        self.changed: set[str] = set()
        self._entries = entries
        self._make = make
        self._span = span
        self._fingerprints = fingerprints
        self._found = Parity(account, *span)
        self._differences: list[Difference] = []
        self._counts = dict.fromkeys(("steps", "steps_equal", "decisions", "decisions_equal", "orders", "orders_equal"), 0)
        self._by_strategy: dict[str, int] = {}
        self._more = self._resyncs = 0

    def run(self) -> Parity:
        engine = self._make()
        begin = self._first_run()
        for number, entry in enumerate(self._entries()):
            if self._span[1] is not None and entry.time_ns >= self._span[1]:
                break
            if number < begin:
                engine.replay(entry)
                continue
            if isinstance(entry.input, Restarted):
                engine = self._engine_at(number, None)
            if isinstance(entry.input, Started):
                self._note_changed(engine, entry.input)
            outcome = engine.handle(entry.time_ns, entry.input)
            is_equal = self._compare(entry, outcome.entry)
            if not is_equal and self._resyncs < RESYNCS_MAX:
                self._resyncs += 1
                engine = self._engine_at(number + 1, engine)
        counts: dict[str, Any] = dict(self._counts)
        return replace(
            self._found, **counts, differences=tuple(self._differences), more_differences=self._more,
            strategies=dict(sorted(self._by_strategy.items())),
        )  # fmt: skip

    def _first_run(self) -> int:
        """The entry with which the run began that reaches into the span; what lies before it is not lived through again."""
        begin = 0
        for number, entry in enumerate(self._entries()):
            if self._span[0] is not None and entry.time_ns >= self._span[0]:
                break
            if isinstance(entry.input, Restarted):
                begin = number
            elif self._span[0] is None:
                break
        return begin

    def _engine_at(self, count: int, before: Engine | None) -> Engine:
        """The core as it was after so many entries. before: within a run, whose strategies and timers go on."""
        engine = self._make()
        for entry in islice(self._entries(), count):
            engine.replay(entry)
        if before is not None:
            engine.host = before.host
            engine.step.timers, engine.step.under_way = before.step.timers, before.step.under_way
            engine.comparing.is_first_done = before.comparing.is_first_done
        return engine

    def _note_changed(self, engine: Engine, started: Started) -> None:
        prints = getattr(engine.host, "fingerprints", None)
        now: Mapping[str, str] = self._fingerprints or (prints() if callable(prints) else {})
        self.changed |= {name for name, was in started.strategies.items() if name in now and now[name] != was}
        self.changed |= {name for name in started.strategies.keys() ^ now.keys() if now}

    # Comparing

    def _compare(self, recorded: Entry, replayed: Entry) -> bool:
        is_inside = self._span[0] is None or recorded.time_ns >= self._span[0]
        then, now = dict(_said(recorded.records)), dict(_said(replayed.records))
        self.made.update(now)
        is_equal = recorded.records == replayed.records and encode(recorded) == encode(replayed)
        if not is_inside:
            return is_equal
        self._counts["steps"] += 1
        self._counts["steps_equal"] += is_equal
        before = len(self._differences) + self._more
        for key in sorted(then.keys() | now.keys()):
            self._judge(recorded, key, then.get(key, ABSENT), now.get(key, ABSENT))
        if not is_equal and len(self._differences) + self._more == before:
            self._differ(Difference(recorded.time_ns, "step", "", "", _words(recorded.records), _words(replayed.records), "unknown"))
        return is_equal

    def _judge(self, entry: Entry, key: tuple[str, ...], then: str, now: str) -> None:
        what, strategy, instrument = key[0], key[1], key[2]
        if what == "decision" and not instrument:
            self._counts["decisions"] += 1
            self._counts["decisions_equal"] += then == now
            self._by_strategy[strategy] = self._by_strategy.get(strategy, 0) + 1
            if then == now or ABSENT not in (then, now):
                return  # which targets differ is told one by one
        elif what == "order":
            self._counts["orders"] += 1
            self._counts["orders_equal"] += then == now
        if then != now:
            why: Why = "unknown"
            if strategy in self.changed:
                why = "code or parameters changed"
            elif what == "order" and then.partition(":")[2] == now.partition(":")[2]:
                why = "gate state"
            self._differ(Difference(_time_of(key, entry), "order" if what == "order" else "decision", strategy, instrument, then, now, why))

    def _differ(self, one: Difference) -> None:
        if len(self._differences) < DIFFERENCES_MAX:
            self._differences.append(one)
        else:
            self._more += 1


def _said(records: Iterable[Record]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What was decided and ordered: (what, strategy, instrument, name) -> text, every digit in it."""
    for record in records:
        match record:
            case Decided(strategy, decision_ns, targets, cancels, state):
                for instrument, target in targets.items():
                    yield ("decision", strategy, instrument, str(decision_ns)), target
                whole = f"{sorted(targets.items())} cancels {list(cancels)} state {state}"
                yield ("decision", strategy, "", str(decision_ns)), whole
            case Approved(order):
                yield _order(order.intent, "approved")
            case Refused(refusal):
                yield _order(refusal.intent, f"refused by {refusal.rule}")
            case Waiting(intent, rule):
                yield _order(intent, f"waits by {rule}")
            case HandedOver(given):
                for intent in given.intents:
                    yield _order(intent, f"handed over to {given.account}")
            case _:
                pass


def _order(intent: Intent, verdict: str) -> tuple[tuple[str, ...], str]:
    key = ("order", intent.strategy, intent.terms.instrument, str(intent.decision_ns), intent.client_order_id)
    return key, f"{verdict}: {_terms(intent.terms)}"


def _terms(terms: OrderTerms) -> str:
    prices = [f"{name} {plain(value)}" for name in ("limit", "stop", "trail") if (value := getattr(terms, name)) is not None]
    flags = [
        terms.time_in_force,
        *([] if terms.when == "any" else [f"at {terms.when}"]),
        *(["reduce only"] if terms.is_reduce_only else []),
    ]
    return " ".join([terms.side, plain(terms.quantity), terms.kind, *prices, *flags])


def _time_of(key: tuple[str, ...], entry: Entry) -> int:
    return int(key[3]) if key[0] in ("decision", "order") else entry.time_ns


def _words(records: Iterable[Record]) -> str:
    return ", ".join(type(one).__name__ for one in records) or ABSENT


def _settled(one: Difference, unsteady: set[tuple[str, ...]], changed: set[str]) -> Difference:
    """The same with its reason, now that a second replay is there."""
    if one.why != "unknown" or one.what == "step":
        return one
    is_unsteady = any(key[1] == one.strategy and key[2] in (one.instrument, "") and int(key[3]) == one.time_ns for key in unsteady)
    return replace(one, why="non-deterministic strategy") if is_unsteady else one


def _counted(differences: Iterable[Difference]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in differences:
        found[one.why] = found.get(one.why, 0) + 1
    return dict(sorted(found.items()))
