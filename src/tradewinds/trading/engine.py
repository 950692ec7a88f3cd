"""The trading core of one account as one deterministic step: `handle(time, input) -> records and commands`.

1. An input comes in: bars closed, a person's order, an answer of the broker, something it told, time.
2. The engine emits records, each applied to the books at once, and commands for the wire.
3. Whoever runs it makes the step durable, then carries the commands out, and feeds what came of them back as inputs.

Rules that hold for every path: an order is journalled before it is sent; a doubt makes it UNKNOWN and freezes its instrument; UNKNOWN is
settled by asking, never by sending again; ABSENT needs two "not found", each later than the receive window, and no execution.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from tradewinds.core.account import Fill
from tradewinds.core.broker import BrokerCapability, Link, OrderReport
from tradewinds.core.errors import Invariant
from tradewinds.core.order import LEGAL, ApprovedOrder, Intent, OrderState, Refusal
from tradewinds.risk.limits import Gate
from tradewinds.trading.books import MANUAL, Books, Order
from tradewinds.trading.entry import (
    Adjusted,
    Adopted,
    Alerted,
    Answered,
    Approved,
    Ask,
    BarsClosed,
    Booked,
    CancelWanted,
    Changed,
    Compare,
    Compared,
    Controlled,
    Decided,
    Entry,
    Heard,
    Input,
    Linked,
    NotFound,
    Overridden,
    Priced,
    Record,
    Refused,
    Started,
    Ticked,
    Wanted,
)

NS = 1_000_000_000
FIND_AGAIN_S = (0.2, 0.5, 1.0, 2.0, 5.0)
NOT_FOUND_NEEDED = 2


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to do on the wire for an order. `order`: what is sent by submit and replace."""

    ask: Ask
    client_order_id: str
    order: ApprovedOrder | None = None


@dataclass(frozen=True, slots=True)
class CompareCommand:
    """Ask the broker for open orders, fills since `cursor` and holdings, and feed them back as `Compared`."""

    cursor: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step made: records to be made durable, then commands to be carried out."""

    entry: Entry
    commands: tuple[Command | CompareCommand, ...]

    @property
    def is_empty(self) -> bool:
        """Nothing happened: there is nothing to write."""
        return not self.entry.records and isinstance(self.entry.input, Ticked)


class Host(Protocol):
    """The strategies of the account: what they want after bars closed, with what was decided for the journal."""

    def decide(self, bars: BarsClosed, books: Books) -> Iterable[tuple[Decided | Alerted, tuple[Intent, ...]]]:
        """What was decided, or that a strategy failed, each with what it wants; asked for one by one, so that books are up to date."""
        ...


@dataclass(slots=True)
class Engine:
    """One account's core. `books` is replayed from the journal before the first `handle`."""

    books: Books
    gate: Gate
    capability: BrokerCapability
    host: Host | None = None
    is_shadow: bool = False
    prices: dict[str, Priced] = field(default_factory=dict)
    _records: list[Record] = field(default_factory=list)
    _commands: list[Command | CompareCommand] = field(default_factory=list)
    _under_way: set[str] = field(default_factory=set)
    _due: dict[str, tuple[int, int]] = field(default_factory=dict)
    _time_ns: int = 0

    def handle(self, time_ns: int, given: Input) -> Outcome:
        """One step. Times never run backwards: an earlier one counts as the last."""
        self._time_ns = max(self._time_ns, time_ns)
        self._records, self._commands = [], []
        match given:
            case Started():
                pass
            case BarsClosed():
                self._on_bars(given)
            case Priced():
                self.prices[given.instrument] = given
            case Wanted(intents, _):
                self._want(intents)
            case CancelWanted():
                self._on_cancel_wanted(given)
            case Answered():
                self._on_answer(given)
            case Heard(told):
                self._on_told(told)
            case Compared():
                self._on_compared(given)
            case Ticked():
                self._on_tick()
            case Controlled():
                self._on_control(given)
        self.books.steps += 1
        return Outcome(Entry(self._time_ns, given, tuple(self._records)), tuple(self._commands))

    def recover(self) -> None:
        """After a replay: nothing is known to be under way; what was, is doubtful until the broker was asked."""
        self._under_way.clear()
        self._due = {one: (0, 0) for one, order in self.books.open.items() if order.state in _DOUBTFUL}

    def due_ns(self) -> int | None:
        """When the next `Ticked` is wanted."""
        return min((at for at, _ in self._due.values()), default=None)

    # The gate's questions

    def position(self, instrument: str) -> Decimal:
        return self.books.whole.quantity(instrument)

    def working(self, instrument: str) -> Decimal:
        return self.books.working(instrument)

    def price(self, instrument: str) -> Decimal | None:
        found = self.prices.get(instrument)
        return None if found is None else found.price

    def price_ns(self, instrument: str) -> int | None:
        found = self.prices.get(instrument)
        return None if found is None else found.price_ns

    def rate(self, instrument: str) -> Decimal | None:
        found = self.prices.get(instrument)
        return None if found is None else found.rate

    # Inputs

    def _on_bars(self, bars: BarsClosed) -> None:
        if self.host is None:
            return
        for decided, intents in self.host.decide(bars, self.books):
            self._emit(decided)
            for one in decided.cancels if isinstance(decided, Decided) else ():
                if one in self.books.open:
                    self._cancel(self.books.open[one], "its strategy asked for it")
            self._want(intents)

    def _want(self, intents: Iterable[Intent]) -> None:
        for intent in intents:
            verdict = self._judged(intent)
            if isinstance(verdict, Refusal):
                self._emit(Refused(verdict))
                continue
            self._emit(Approved(verdict))
            self.gate.approved(verdict)
            if not self.is_shadow:
                self._command("submit", verdict.client_order_id, verdict)

    def _judged(self, intent: Intent) -> ApprovedOrder | Refusal:
        if self.books.is_halted:
            return Refusal(intent, "halt", "trading is halted; `tradewinds trade --resume` after the reason is gone")
        if intent.client_order_id in self.books.orders:
            return Refusal(intent, "duplicate", f"decided before as {intent.client_order_id}")
        for order in self.books.open.values():
            if order.state is OrderState.UNKNOWN and order.approved.terms.instrument == intent.terms.instrument:
                return Refusal(
                    intent, "frozen", f"order {order.client_order_id} is UNKNOWN; its instrument waits until the broker answered"
                )
        return self.gate.judge(intent, self, self._time_ns)

    def _on_cancel_wanted(self, wanted: CancelWanted) -> None:
        for order in list(self.books.open.values()):
            terms, intent = order.approved.terms, order.approved.intent
            if wanted.client_order_id not in (None, order.client_order_id) or wanted.strategy not in (None, intent.strategy):
                continue
            if wanted.instrument in (None, terms.instrument):
                self._cancel(order, wanted.reason)

    def _cancel(self, order: Order, reason: str) -> None:
        if order.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            self._emit(Changed(order.client_order_id, OrderState.CANCEL_SENT, reason))
            self._command("cancel", order.client_order_id)

    def _on_answer(self, answer: Answered) -> None:
        self._under_way.discard(answer.client_order_id)
        order = self.books.orders.get(answer.client_order_id)
        if order is None:
            raise Invariant(f"answer to {answer.ask} of {answer.client_order_id}, expected an order of the journal")
        if answer.report is not None:
            self._on_report(answer.report)
        elif answer.doubt is None:
            self._on_not_found(order)
        elif answer.ask == "submit" and answer.doubt == "rejected":
            self._change(order, OrderState.REJECTED, answer.detail)
        elif answer.ask == "submit" and answer.doubt == "transient":
            self._change(order, OrderState.ABSENT, answer.detail)
        else:
            self._doubt(order, answer.detail)

    def _doubt(self, order: Order, detail: str) -> None:
        if not order.has_ended:
            if order.state is OrderState.INTENT:
                self._emit(Changed(order.client_order_id, OrderState.SENT))
            self._change(order, OrderState.UNKNOWN, detail)
            self._ask_again(order.client_order_id)

    def _on_not_found(self, order: Order) -> None:
        if order.has_ended:
            return
        window_ns = int(self.capability.absent_after_s * NS)
        if self._time_ns - order.approved.approved_ns >= window_ns:
            self._emit(NotFound(order.client_order_id, self._time_ns))
        if order.not_found >= NOT_FOUND_NEEDED and self.books.compared_ns > order.approved.approved_ns + window_ns and order.filled == 0:
            self._change(order, OrderState.ABSENT, "the venue does not know it")
        else:
            self._commands.append(CompareCommand(self.books.cursor))
            self._ask_again(order.client_order_id)

    def _on_told(self, told: OrderReport | Fill | Link) -> None:
        if isinstance(told, OrderReport):
            self._on_report(told)
        elif isinstance(told, Fill):
            self._book(told)
        else:
            self._emit(Linked(told.state, told.detail))
            if told.state == "up":
                self._commands.append(CompareCommand(self.books.cursor))

    def _on_report(self, report: OrderReport) -> None:
        order = self.books.orders.get(report.client_order_id)
        for fill in report.fills:
            self._book(fill)
        if order is None:
            if report.venue_order_id not in self.books.foreign:
                self._emit(Adopted(report))
                self._emit(Alerted("warning", f"order {report.venue_order_id} of {report.instrument} is not ours; it is left alone"))
            return
        if report.state is not order.state and report.state in LEGAL[order.state]:
            self._change(order, report.state, report.reason, report.venue_order_id)
        if not order.has_ended and order.state is not OrderState.UNKNOWN:
            self._due.pop(order.client_order_id, None)

    def _book(self, fill: Fill) -> None:
        if fill.key in self.books.whole.booked:
            return
        order = self.books.orders.get(fill.client_order_id)
        self._emit(Booked(fill, MANUAL if order is None else order.approved.intent.strategy))
        if order is not None and order.filled >= order.approved.terms.quantity:
            self._change(order, OrderState.FILLED)
        elif order is not None and order.state in (OrderState.SENT, OrderState.ACCEPTED, OrderState.UNKNOWN):
            self._change(order, OrderState.PARTIALLY_FILLED)

    def _on_compared(self, truth: Compared) -> None:
        for fill in truth.fills:
            self._book(fill)
        for report in truth.open_orders:
            self._on_report(report)
        self._adjust(truth.holdings.positions)
        self._emit(Compare(truth.cursor, truth.asked_ns))
        named = {one.client_order_id for one in truth.open_orders}
        for order in list(self.books.open.values()):
            if order.client_order_id not in named and order.approved.approved_ns < truth.asked_ns and order.state is not OrderState.INTENT:
                self._find(order.client_order_id)

    def _adjust(self, positions: Mapping[str, Decimal]) -> None:
        """A first comparison takes over what was there before us."""
        if self.books.compared_ns == 0:
            for instrument, quantity in sorted(positions.items()):
                difference = quantity - self.books.whole.quantity(instrument)
                if difference:
                    self._emit(Adjusted(instrument, difference, "held before the first start"))

    def _on_tick(self) -> None:
        for client_order_id, (at, _) in list(self._due.items()):
            if at <= self._time_ns:
                self._find(client_order_id)

    def _on_control(self, control: Controlled) -> None:
        self._emit(Overridden(control))
        if control.action == "halt":
            for order in list(self.books.open.values()):
                if order.state is OrderState.INTENT and order.client_order_id not in self._under_way:
                    self._change(order, OrderState.CANCELLED, "halted before it was sent")
                else:
                    self._cancel(order, control.reason)

    # Acts

    def _emit(self, record: Record) -> None:
        self._records.append(record)
        self.books.apply_one(self._time_ns, record)

    def _change(self, order: Order, state: OrderState, reason: str = "", venue_order_id: str = "") -> None:
        if order.state is OrderState.INTENT and state not in LEGAL[OrderState.INTENT]:
            self._emit(Changed(order.client_order_id, OrderState.SENT))
        self._emit(Changed(order.client_order_id, state, reason, venue_order_id))
        if order.has_ended:
            self._due.pop(order.client_order_id, None)

    def _command(self, ask: Ask, client_order_id: str, order: ApprovedOrder | None = None) -> None:
        self._under_way.add(client_order_id)
        self._commands.append(Command(ask, client_order_id, order))

    def _find(self, client_order_id: str) -> None:
        if client_order_id not in self._under_way:
            self._due.pop(client_order_id, None)
            self._command("find", client_order_id)

    def _ask_again(self, client_order_id: str) -> None:
        tries = self._due.get(client_order_id, (0, 0))[1]
        wait = FIND_AGAIN_S[min(tries, len(FIND_AGAIN_S) - 1)]
        self._due[client_order_id] = (self._time_ns + int(wait * NS), tries + 1)


_DOUBTFUL = frozenset(
    {OrderState.INTENT, OrderState.SENT, OrderState.UNKNOWN, OrderState.CANCEL_SENT, OrderState.REPLACE_SENT}
)  # fmt: skip
