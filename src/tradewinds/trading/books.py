"""The state of one account: orders, the account and each strategy's part of it. It changes by records alone (`apply`).

Replaying a journal's records gives the state again; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from tradewinds.core.account import ZERO, Account, Fill, Gain, LotMethod, apply_fill
from tradewinds.core.broker import LinkState, OrderRef, OrderReport
from tradewinds.core.order import ENDED, ApprovedOrder, OrderState, changed
from tradewinds.trading.entry import (
    Adjusted,
    Adopted,
    Alerted,
    Approved,
    Booked,
    Changed,
    Compare,
    Decided,
    Linked,
    NotFound,
    Overridden,
    Record,
    Refused,
)

MANUAL = ""  # the book of what no strategy of ours ordered


@dataclass(slots=True)
class Order:
    """One order and how far it got. since_ns: when it came into its state. not_found: answers that count, one after the other."""

    approved: ApprovedOrder
    state: OrderState
    since_ns: int
    replaces: str | None = None
    venue_order_id: str = ""
    reason: str = ""
    filled: Decimal = ZERO
    not_found: int = 0
    not_found_ns: int = 0

    @property
    def client_order_id(self) -> str:
        return self.approved.client_order_id

    @property
    def ref(self) -> OrderRef:
        return OrderRef(self.client_order_id, self.venue_order_id, self.approved.terms.instrument)

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def left(self) -> Decimal:
        """Signed units that may still fill."""
        if self.has_ended:
            return ZERO
        terms = self.approved.terms
        return (terms.quantity - self.filled).copy_sign(terms.signed)


@dataclass(slots=True)
class Books:
    """Everything that the core knows of one account."""

    account: str
    method: LotMethod = "fifo"
    orders: dict[str, Order] = field(default_factory=dict)
    open: dict[str, Order] = field(default_factory=dict)
    whole: Account = field(default_factory=Account)
    parts: dict[str, Account] = field(default_factory=dict)
    foreign: dict[str, OrderReport] = field(default_factory=dict)
    gains: list[tuple[str, Gain]] = field(default_factory=list)
    adjusted: dict[str, Decimal] = field(default_factory=dict)
    link: LinkState = "down"
    cursor: str = ""
    compared_ns: int = 0
    is_halted: bool = False
    epoch: int = 0
    overrides: dict[tuple[str, str], str] = field(default_factory=dict)
    steps: int = 0
    states: dict[str, str] = field(default_factory=dict)  # of strategies, as last decided
    decided_ns: dict[str, int] = field(default_factory=dict)  # when a strategy decided last
    untold: dict[str, list[Fill]] = field(default_factory=dict)  # fills of a strategy since it decided last

    def apply(self, time_ns: int, records: Iterable[Record]) -> None:
        """Take in the records of one step."""
        for record in records:
            self.apply_one(time_ns, record)
        self.steps += 1

    def apply_one(self, time_ns: int, record: Record) -> None:
        """Take in one record."""
        match record:
            case Approved(order, replaces):
                found = Order(order, OrderState.INTENT, time_ns, replaces)
                self.orders[order.client_order_id] = self.open[order.client_order_id] = found
            case Changed(client_order_id, state, reason, venue_order_id):
                self._change(time_ns, client_order_id, state, reason, venue_order_id)
            case Booked(fill, strategy):
                self.whole, _ = apply_fill(self.whole, fill, self.method)
                self.parts[strategy], gains = apply_fill(self.parts.get(strategy, Account()), fill, self.method)
                self.gains += [(strategy, gain) for gain in gains]
                order_ = self.orders.get(fill.client_order_id)
                if order_ is not None:
                    order_.filled += fill.quantity
                    self.untold.setdefault(strategy, []).append(fill)
            case NotFound(client_order_id, asked_ns):
                order_ = self.orders[client_order_id]
                order_.not_found += 1
                order_.not_found_ns = asked_ns
            case Adopted(report):
                self.foreign[report.venue_order_id] = report
            case Adjusted(what, quantity, _):
                self.adjusted[what] = self.adjusted.get(what, ZERO) + quantity
            case Compare(cursor, asked_ns):
                self.cursor, self.compared_ns = cursor, asked_ns
            case Linked(state, _):
                self.link = state
            case Overridden(control):
                if control.action in ("halt", "resume"):
                    self.is_halted, self.epoch = control.action == "halt", max(self.epoch, control.epoch)
                else:
                    self.overrides[control.strategy, control.instrument] = control.action
            case Decided(strategy, decision_ns, _, _, kept):
                self.decided_ns[strategy] = decision_ns
                self.states[strategy] = kept or self.states.get(strategy, "")
                self.untold.pop(strategy, None)
            case Refused() | Alerted():
                pass

    def working(self, instrument: str) -> Decimal:
        """Signed units of orders that may still fill."""
        return sum((one.left for one in self.open.values() if one.approved.terms.instrument == instrument), ZERO)

    def _change(self, time_ns: int, client_order_id: str, state: OrderState, reason: str, venue_order_id: str) -> None:
        order = self.orders[client_order_id]
        order.state = changed(client_order_id, order.state, state)
        order.since_ns, order.reason = time_ns, reason or order.reason
        order.venue_order_id = venue_order_id or order.venue_order_id
        order.not_found = 0
        if order.has_ended:
            self.open.pop(client_order_id, None)
        else:
            self.open[client_order_id] = order
