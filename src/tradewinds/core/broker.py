"""What a broker is to us: one port of few methods, a capability record, and what it tells.

    submit, cancel, replace     change something; may raise OutcomeUnknown
    find                        asks for one order by our id (or the venue's): the question after every doubt
    open_orders, fills, holdings   what the venue holds to be true; recovery compares it with the journal
    hear                        called with reports, fills and links as they arrive, each perhaps twice, late or never

Errors of every method say what the caller may do next: Transient, certainly without effect; Rejected, the venue said no;
OutcomeUnknown, perhaps done: `find` before anything else. Nothing else is raised on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from tradewinds.core.account import ZERO, Fill
from tradewinds.core.errors import Rejected
from tradewinds.core.order import ApprovedOrder, OrderKind, OrderState, OrderTerms, TimeInForce

LinkState = Literal["up", "down", "data lost", "restarting", "locked out", "question", "refused key"]


@dataclass(frozen=True, slots=True)
class BrokerCapability:
    """What a broker can do. venue: as instrument ids name it.

    absent_after_s: receive window plus clock skew; "not found" earlier than this after the send proves nothing.
    holds: "balances" where a holding is a balance of an asset (spot), "positions" where the venue keeps positions by instrument.
    orders_per_second: sent orders that the venue takes, None where it states no limit.
    exchanges_fx: a bought currency pair moves the balances of both currencies (IDEALPRO); otherwise pairs are margined (OANDA).
    cash_step: what one fill moves is rounded to this by the venue; 0 where it is exact.
    """

    name: str
    venue: str
    kinds: frozenset[OrderKind]
    times_in_force: frozenset[TimeInForce]
    can_replace: bool
    has_reduce_only: bool
    absent_after_s: float
    holds: Literal["balances", "positions"]
    orders_per_second: float | None = None
    exchanges_fx: bool = False
    cash_step: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class OrderRef:
    """How an order is named to a broker: by our id, and by the venue's where it is known ("" otherwise)."""

    client_order_id: str
    venue_order_id: str
    instrument: str


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What the venue says of one order.

    client_order_id: "" where it carries none, as one placed by hand. state: ACCEPTED, PARTIALLY_FILLED or one that has ended; UNKNOWN
    for a status that we do not know. filled: units so far, None where the message does not say. event_ns: the venue's time.
    terms: where the message holds them. fills: executions that came with it.
    """

    client_order_id: str
    venue_order_id: str
    instrument: str
    state: OrderState
    event_ns: int
    filled: Decimal | None = None
    reason: str = ""
    terms: OrderTerms | None = None
    fills: tuple[Fill, ...] = ()

    def __post_init__(self) -> None:
        if self.filled is not None and not (self.filled.is_finite() and self.filled >= 0):
            raise Rejected(f"report on order {self.venue_order_id}: filled {self.filled}, expected zero or more")


@dataclass(frozen=True, slots=True)
class FillPage:
    """Executions since a cursor, oldest first, and the cursor to ask with next time. A cursor is the adapter's own text, "" at first."""

    fills: tuple[Fill, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the venue says that we hold. positions: signed units by instrument (no zeros); cash: by currency or asset."""

    positions: Mapping[str, Decimal] = field(default_factory=dict)
    cash: Mapping[str, Decimal] = field(default_factory=dict)
    at_ns: int = 0

    def quantity(self, instrument: str) -> Decimal:
        """Signed units, zero when flat."""
        return self.positions.get(instrument, ZERO)


@dataclass(frozen=True, slots=True)
class Link:
    """The connection to the broker changed. "up": ask for what was missed. "question": the broker wants a person's answer."""

    state: LinkState
    detail: str
    at_ns: int


Told = OrderReport | Fill | Link
Hear = Callable[[Told], None]


class Broker(Protocol):
    """One account at one broker. Methods run on one event loop; several may be under way at once."""

    @property
    def capability(self) -> BrokerCapability: ...

    async def open(self, hear: Hear) -> None:
        """Connect, check the key (one that can withdraw is refused) and listen. Reconnects by itself afterwards and says so by Link."""
        ...

    async def close(self) -> None:
        """Stop listening and disconnect. Orders stay where they are."""
        ...

    async def submit(self, order: ApprovedOrder) -> OrderReport: ...

    async def cancel(self, order: OrderRef) -> OrderReport: ...

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        """Change a working order in one request; the report is about `by`. Raises Rejected where the capability has no replace."""
        ...

    async def find(self, order: OrderRef) -> OrderReport | None:
        """What the venue knows of the order, open or ended; None where it says that it knows none."""
        ...

    async def open_orders(self) -> tuple[OrderReport, ...]:
        """Every order that works, also those of other hands."""
        ...

    async def fills(self, since: str) -> FillPage: ...

    async def holdings(self) -> Holdings: ...
