"""`Step`: what the rules of the core write to while they handle one input: records, commands, timers.

A record is applied to the books, the standing and the gate the moment it is emitted, by the same function that replays a journal: what a
restart brings back is what was there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from tradewinds.core.account import ZERO
from tradewinds.core.order import ApprovedOrder, OrderState
from tradewinds.risk.limits import Gate
from tradewinds.trading.books import MANUAL, Books, Order
from tradewinds.trading.command import AnyCommand, Command
from tradewinds.trading.elsewhere import Tidings
from tradewinds.trading.entry import (
    Adjusted,
    Alerted,
    Allotted,
    Approved,
    Ask,
    Booked,
    Changed,
    Overridden,
    Record,
    Reopened,
    Retried,
    TakenOver,
    Waived,
)
from tradewinds.trading.flattening import GUARD
from tradewinds.trading.timers import NS, Timers
from tradewinds.trading.worth import Worth


@dataclass(slots=True)
class Step:
    """The step under way, and what lasts from step to step without being in the journal."""

    books: Books
    gate: Gate
    worth: Worth
    time_ns: int = 0
    records: list[Record] = field(default_factory=list)
    commands: list[AnyCommand] = field(default_factory=list)
    timers: Timers = field(default_factory=Timers)
    tidings: Tidings = field(default_factory=Tidings)
    under_way: dict[str, int] = field(default_factory=dict)  # orders with a command on the wire, and since when
    replacing: dict[str, None] = field(default_factory=dict)  # orders that are to be followed by another

    def begin(self, time_ns: int) -> None:
        """Nothing made yet. Times never run backwards: an earlier one counts as the last."""
        self.time_ns = max(self.time_ns, time_ns)
        self.records, self.commands = [], []
        if self.worth.is_lazy:
            self.worth.count(self.books)

    def emit(self, record: Record) -> None:
        """Write a record and apply it."""
        self.records.append(record)
        self._apply(self.time_ns, record)

    def alert(self, severity: Literal["info", "warning", "critical"], text: str) -> None:
        """A person has to know."""
        self.emit(Alerted(severity, text))

    def apply(self, time_ns: int, record: Record) -> None:
        """Replay a record: it does what it did, and what it means for the standing is counted when the replay is over."""
        self.worth.is_lazy = True
        self._apply(time_ns, record)

    def _apply(self, time_ns: int, record: Record) -> None:
        if self.books.homes or isinstance(record, Allotted | TakenOver):
            self.tidings.note(self.books, record)
        before = self.books.orders[record.client_order_id].state if isinstance(record, Changed) else None
        gains = self.books.apply_one(time_ns, record)
        match record:
            case Booked(fill, strategy):
                realised = sum((one.amount for one in gains), ZERO)
                self.gate.booked(fill, strategy, time_ns, self.worth.in_base(self.books, realised, fill.currency) or ZERO)
                for owner in self.books.parts if strategy == GUARD else (strategy,):
                    self.worth.hold(self.books, owner, fill.instrument)
                self._leave(self.books.orders.get(fill.client_order_id))
            case Changed(name, state):
                self._leave(self.books.orders[name])
                if state is not before and state in (OrderState.CANCEL_SENT, OrderState.REPLACE_SENT):
                    self.gate.sent(name, time_ns, is_cancel=True)
            case Reopened(name) | Waived(name):
                self._leave(self.books.orders[name])
            case Approved(order):
                self.gate.approved(order)
                self.gate.sent(order.client_order_id, time_ns)
                self._leave(self.books.orders[order.client_order_id])
            case Retried(name):
                self.gate.sent(name, time_ns)
            case Overridden(control):
                self.gate.control(control.action, control.strategy, control.instrument)
            case Adjusted(what, _, _, "position"):
                self.worth.hold(self.books, MANUAL, what)
            case Adjusted(what, quantity):
                self.worth.keep(self.books)
                moved = self.worth.in_base(self.books, quantity, what)
                if moved is not None:
                    self.gate.moved(None, moved)
            case Allotted():
                self.worth.keep(self.books)

    def command(self, ask: Ask, order: Order, sent: ApprovedOrder | None = None) -> None:
        """Something for the wire about an order, which is then under way until it is answered."""
        self.under_way[order.client_order_id] = self.time_ns
        self.timers.lay(ask, order.client_order_id)
        self.commands.append(Command(ask, order.client_order_id, sent, order.ref))

    def again(self, kind: str, name: str, waits_s: Sequence[float], least_s: float = 0.0) -> int:
        """Set a growing timer from now."""
        return self.timers.again(kind, name, self.time_ns, waits_s, least_s)

    def later_ns(self, seconds: float) -> int:
        """So many seconds from now."""
        return self.time_ns + int(seconds * NS)

    def _leave(self, order: Order | None) -> None:
        if order is not None:
            self.worth.leave(order)


def is_more(told: Decimal | None, order: Order) -> bool:
    """Whether the venue says that more is filled than we knew."""
    return told is not None and told > order.filled and (order.told is None or told > order.told)
