"""A TWS or Gateway with one account, and what a person or a bad night can do to it. No sockets, no asyncio: `session` makes a `Talk`.

1. A session speaks the protocol (`tws_session`); orders stand in the `Exchange`, under the numbers that clients know in tickets.
2. Whatever changes at the exchange is told to the session of the client that placed it; what a hand placed, to client 0.
3. `tick` moves what depends on time: the exchange, late commission reports, market data, bars.

What can be staged: cut off from IB (1100, 1101, 1102) with fills meanwhile that nobody tells, the nightly restart, order ids rolled back,
the weekly log-in that waits for a second factor, orders lost without a word, questions that hold an order, a corrected execution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from tradewinds.sandbox.conversation import Close, Send
from tradewinds.sandbox.exchange import ZERO, Exchange, Execution, VenueOrder
from tradewinds.sandbox.tws_bars import BarFeed, Pacing
from tradewinds.sandbox.tws_contracts import Catalogue, Listed
from tradewinds.sandbox.tws_session import Session
from tradewinds.sandbox.tws_wire import Ticket, completed_order, contract_row, frame, joined, moment, open_order, order_status

VERSION = 178
LINES_MAX = 100
Mode = Literal["up", "cut off", "restarting", "locked out"]
Asks = Callable[[Ticket], "tuple[int, str] | None"]
_STATUS = {
    "partial": "Submitted", "filled": "Filled", "cancelled": "Cancelled", "expired": "Cancelled", "replaced": "Cancelled",
    "rejected": "Inactive",
}  # fmt: skip
_TYPES = {"market": "MKT", "limit": "LMT", "stop": "STP", "stop_limit": "STP LMT", "trailing_stop": "TRAIL", "take_profit": "LIT"}


def ib_fee(order: VenueOrder, quantity: Decimal, price: Decimal, is_maker: bool) -> tuple[Decimal, str]:
    """About what Interactive Brokers takes: half a cent a share, 0.2 bp of a currency, 0.18 % of a coin; no minimum."""
    symbol, _, venue = order.symbol.rpartition(".")
    if venue == "IDEALPRO":
        return quantity * price * Decimal("0.00002"), symbol.partition("_")[2]
    if venue == "PAXOS":
        return quantity * price * Decimal("0.0018"), "USD"
    return quantity * Decimal("0.005"), "USD"


@dataclass(slots=True)
class Gateway:
    """now_ns: the venue's time. monotonic: seconds, for rates of messages. cash: what the account had before anything was traded.

    version: the newest protocol that it speaks. asks: the code and text with which it holds an order until a person confirms, None
    for an order that it passes on. commission_delay_ns: how long after an execution its commission is told. drops_orders: while true,
    an order that arrives is lost without an answer; is_silent_about_history: the same for requests of bars. farms_are_told: the
    notices 2104 and 2106 after a log-in.
    """

    exchange: Exchange
    catalogue: Catalogue
    account: str
    now_ns: Callable[[], int]
    monotonic: Callable[[], float]
    cash: Mapping[str, Decimal] = field(default_factory=lambda: {"USD": Decimal(1_000_000)})
    feed: BarFeed | None = None
    version: int = VERSION
    asks: Asks | None = None
    commission_delay_ns: int = 0
    drops_orders: bool = False
    farms_are_told: bool = True
    is_silent_about_history: bool = False
    is_subscribed: Callable[[str], bool] = lambda instrument: True
    mode: Mode = "up"
    sessions: dict[int, Session] = field(default_factory=dict)
    tickets: dict[int, Ticket] = field(default_factory=dict)
    next_id: int = 1
    pacing: Pacing = field(default_factory=Pacing)
    _open: list[Session] = field(default_factory=list)
    _by_venue: dict[int, Ticket] = field(default_factory=dict)
    _by_client: dict[tuple[int, int], Ticket] = field(default_factory=dict)
    _used: dict[int, int] = field(default_factory=dict)
    _placing: Ticket | None = None
    _last_perm: int = 1_800_000_000
    _day_ns: int = 0
    _cut_ns: int = 0
    _late: list[tuple[int, Execution]] = field(default_factory=list)
    _corrected: dict[int, tuple[int, Decimal]] = field(default_factory=dict)
    _unpaid: set[int] = field(default_factory=set)
    _said: dict[tuple[object, ...], Any] = field(default_factory=dict)  # what was said before, by all that it says; forgotten with the day

    def __post_init__(self) -> None:
        self.exchange.listeners.append(self._on_exchange)

    # Connections

    @property
    def is_listening(self) -> bool:
        """Whether the port takes connections."""
        return self.mode in ("up", "cut off")

    @property
    def connections(self) -> tuple[Session, ...]:
        """Everybody who is connected, logged on or not."""
        return tuple(self._open)

    def session(self, send: Send, close: Close) -> Session:
        """A client connected. Where the gateway does not listen, the connection ends at once."""
        made = Session(self, send, close)
        if self.is_listening:
            self._open.append(made)
        else:
            made.end()
        return made

    def left(self, session: Session) -> None:
        """A client is gone."""
        if session in self._open:
            self._open.remove(session)
        if self.sessions.get(session.client_id) is session:
            del self.sessions[session.client_id]

    def tick(self) -> None:
        """Time has passed or prices have moved."""
        self.exchange.match()
        now_ns = self.now_ns()
        due = [one for at_ns, one in self._late if at_ns <= now_ns]
        self._late = [each for each in self._late if each[0] > now_ns]
        for execution in due:
            self._pay(execution)
        for session in tuple(self._open):
            session.stream.tick()

    # What can be staged

    def cut_off(self) -> None:
        """The gateway loses IB: 1100. What happens to orders meanwhile is told to nobody."""
        self.mode, self._cut_ns = "cut off", self.now_ns()
        self._notice(1100, "Connectivity between IBKR and Trader Workstation has been lost.")

    def restore(self, *, is_data_lost: bool = False) -> None:
        """IB is back: 1101 where subscriptions are lost, 1102 otherwise. What was missed is not told again."""
        self.mode = "up"
        if is_data_lost:
            for session in self._open:
                session.stream.clear()
            self._notice(1101, "Connectivity between IBKR and Trader Workstation has been restored - data lost.")
        else:
            self._notice(1102, "Connectivity between IBKR and Trader Workstation has been restored - data maintained.")

    def go_down(self, *, mode: Literal["restarting", "locked out"] = "restarting", is_new_day: bool = False) -> None:
        """The nightly restart, or the weekly log-out: every connection ends; a new day forgets executions and completed orders."""
        self.mode = mode
        for session in tuple(self._open):
            session.end()
        self._unpaid.clear()  # known by the time that somebody can ask again
        self._late.clear()
        if is_new_day:
            self._day_ns = self.now_ns()
            self._said.clear()

    def come_back(self) -> None:
        """It listens again, logged in: the restart is over, or a person gave the second factor."""
        self.mode = "up"

    def roll_ids_back(self, to: int) -> None:
        """Forget which order ids were used from `to` on: the next valid id falls, and ended orders' ids are taken anew."""
        self.next_id = to
        self._used = {client: min(one, to - 1) for client, one in self._used.items()}

    def by_hand(self, order: VenueOrder) -> VenueOrder:
        """A person places an order in TWS."""
        order.by_hand = True
        return self.exchange.place(order)

    def confirm(self, perm_id: int) -> None:
        """A person answers the question with yes: the order goes on its way."""
        self.place(self.tickets[perm_id])

    def refuse(self, perm_id: int) -> None:
        """A person answers no."""
        self.end_held(self.tickets[perm_id], "Cancelled by Trader")

    def correct(self, execution_id: int, price: Decimal) -> None:
        """The venue corrects the price of an execution: the same one under the next suffix."""
        revision, _ = self._corrected.get(execution_id, (1, ZERO))
        self._corrected[execution_id] = revision + 1, price
        execution = self.exchange.executions[execution_id - 1]
        self._tell(self._by_venue[execution.order_id], lambda session: self.execution(execution, -1, session.version))
        self._tell(self._by_venue[execution.order_id], lambda _: self.commission(execution))

    # Orders

    def ticket_of(self, client_id: int, order_id: int) -> Ticket | None:
        """What this client placed under this id, None where it never did."""
        return self._by_client.get((client_id, order_id))

    def ticket_at(self, venue_id: int) -> Ticket | None:
        """The ticket of an order of the exchange."""
        return self._by_venue.get(venue_id)

    def is_used(self, client_id: int, order_id: int) -> bool:
        """Whether an order id can not be given to a new order."""
        return order_id <= self._used.get(client_id, 0)

    def enter(self, ticket: Ticket) -> Ticket:
        """Number a ticket."""
        self._last_perm += 1
        ticket.perm_id = self._last_perm
        self.tickets[ticket.perm_id] = ticket
        if ticket.order_id > 0:
            self._by_client[ticket.client_id, ticket.order_id] = ticket
            self._used[ticket.client_id] = max(self._used.get(ticket.client_id, 0), ticket.order_id)
            self.next_id = max(self.next_id, ticket.order_id + 1)
        return ticket

    def place(self, ticket: Ticket) -> None:
        """Pass a ticket on to the exchange."""
        ticket.status = ticket.warning = ""
        self._placing = ticket
        try:
            self.exchange.place(ticket.venue_order())
        finally:
            self._placing = None

    def reject(self, ticket: Ticket, reason: str) -> None:
        """IB refuses an order."""
        self._placing = ticket
        try:
            self.exchange.reject(ticket.venue_order(), reason)
        finally:
            self._placing = None

    def end_held(self, ticket: Ticket, reason: str) -> None:
        """An order that was never passed on ends."""
        ticket.status, ticket.ended_ns, ticket.ended_because, ticket.warning = "Cancelled", self.now_ns(), reason, ""
        self.tell_order(ticket)

    def order_of(self, ticket: Ticket) -> VenueOrder | None:
        """The exchange's order of a ticket, None while it is held or where the venue lost it."""
        return self.exchange.orders.get(ticket.venue_id)

    def status_of(self, ticket: Ticket) -> str:
        """As the API names it; "" for an order that the venue no longer knows."""
        if ticket.status:
            return ticket.status
        order = self.order_of(ticket)
        if order is None:
            return ""
        if order.status == "new":
            return "PreSubmitted" if order.waits and not order.is_triggered else "Submitted"
        return _STATUS[order.status]

    def is_working(self, ticket: Ticket) -> bool:
        """Whether it can still be filled, now or after a confirmation."""
        return self.status_of(ticket) in ("PendingSubmit", "PreSubmitted", "Submitted")

    def working(self, client_id: int | None) -> list[Ticket]:
        """Working orders of one client (client 0 sees those made by hand), or of all."""
        seen = [one for one in self.tickets.values() if client_id in (None, one.client_id)]
        return [one for one in seen if self.is_working(one)]

    def completed(self) -> list[Ticket]:
        """Orders that ended since the day began."""
        return [
            one
            for one in self.tickets.values()
            if self.status_of(one) in ("Filled", "Cancelled", "Inactive") and one.ended_ns >= self._day_ns
        ]

    def executions(self) -> list[Execution]:
        """Of the account, since the day began; cut off from IB it knows of none that came later."""
        until_ns = self._cut_ns if self.mode == "cut off" else self.now_ns()
        return [one for one in self.exchange.executions if one.account == self.account and self._day_ns <= one.at_ns <= until_ns]

    def balances(self) -> dict[str, Decimal]:
        """Cash by currency, after every execution and commission."""
        found = dict(self.cash)
        for one in self.exchange.executions:
            if one.account != self.account:
                continue
            listed = self.catalogue.of(one.symbol)
            signed = one.quantity if one.side == "buy" else -one.quantity
            found[listed.currency] = found.get(listed.currency, ZERO) - signed * one.price
            if listed.sec_type == "CASH":
                found[listed.symbol] = found.get(listed.symbol, ZERO) + signed
            if one.commission:
                found[one.commission_asset] = found.get(one.commission_asset, ZERO) - one.commission
        return found

    # Messages

    def execution(self, one: Execution, request: int, version: int) -> bytes:
        """Message 11."""
        ticket = self._by_venue.get(one.order_id)
        order = self.exchange.orders.get(one.order_id)
        filled = one.quantity if order is None else order.filled
        numbers = (0, 0, 0) if ticket is None else (ticket.order_id, ticket.perm_id, ticket.client_id)
        key = "execution", one.id, self._corrected.get(one.id), numbers, filled, version
        said = self._said.get(key)
        if said is None:
            listed, price = self.catalogue.of(one.symbol), self._corrected.get(one.id, (1, one.price))[1]
            said = self._said[key] = joined(
                numbers[0], contract_row(listed), self._exec_id(one), moment(one.at_ns), one.account, listed.primary or listed.exchange,
                "BOT" if one.side == "buy" else "SLD", one.quantity, price, numbers[1], numbers[2], "0", filled, price, one.client_id, "",
                "", "",
                1 if one.is_maker else 2, *(("0",) if version >= 178 else ()),
            )  # fmt: skip
        return frame(11, request, said)

    def position(self, listed: Listed, held: Decimal) -> bytes:
        """Message 61."""
        return frame(61, 3, self.account, contract_row(listed), held, self.exchange.average(self.account, listed.instrument))

    def commission(self, one: Execution) -> bytes | None:
        """Message 59, None while it is not known."""
        if one.id in self._unpaid:
            return None
        key = "commission", one.id, self._corrected.get(one.id)
        said: bytes | None = self._said.get(key)
        if said is None:
            currency = one.commission_asset or self.catalogue.of(one.symbol).currency
            said = self._said[key] = frame(59, 1, self._exec_id(one), one.commission, currency, one.realised, "", "")
        return said

    def ended_order(self, ticket: Ticket, version: int) -> bytes:
        """Message 101."""
        status = self.status_of(ticket)
        numbers = ticket.quantity, ticket.filled, ticket.limit, ticket.aux, ticket.ended_ns
        key = "completed", ticket.perm_id, version, status, ticket.ended_because, *numbers
        said: bytes | None = self._said.get(key)
        if said is None:
            said = self._said[key] = completed_order(ticket, status, version)
        return said

    def tell_order(self, ticket: Ticket) -> None:
        """Messages 5 and 3 to whoever owns the order."""
        status = self.status_of(ticket)
        self._tell(ticket, lambda session: open_order(ticket, status, session.version) + order_status(ticket, status))

    # What happens

    def _on_exchange(self, order: VenueOrder, execution: Execution | None) -> None:
        if order.account != self.account:
            return
        ticket = self._by_venue.get(order.id) or self._bind(order)
        ticket.filled, ticket.limit, ticket.quantity = order.filled, str(order.limit or ticket.limit), order.quantity
        ticket.average = order.quote_filled / order.filled if order.filled else ZERO
        if not order.is_working:
            ticket.ended_ns, ticket.ended_because = order.updated_ns, order.reason or order.status
        if execution is not None:
            ticket.last_price = execution.price
            self._tell_position(ticket.listed)
            self._tell(ticket, lambda session: self.execution(execution, -1, session.version))
        if order.status in ("cancelled", "expired"):
            self._tell(ticket, lambda session: session.error(ticket.order_id, 202, f"Order Canceled - reason:{order.reason}"))
        elif order.status == "rejected":
            self._tell(ticket, lambda session: session.error(ticket.order_id, 201, f"Order rejected - reason:{order.reason}"))
        self.tell_order(ticket)
        if execution is not None and self.commission_delay_ns:
            self._unpaid.add(execution.id)
            self._late.append((execution.at_ns + self.commission_delay_ns, execution))
        elif execution is not None:
            self._pay(execution)

    def _tell_position(self, listed: Listed) -> None:
        held = self.exchange.position(self.account, listed.instrument)
        for session in self.sessions.values():
            if session.hears_positions and self.mode != "cut off":
                session.send(self.position(listed, held))

    def _bind(self, order: VenueOrder) -> Ticket:
        """The ticket of an order that the exchange took in just now: the one being placed, or a new one of an order made by hand."""
        ticket, self._placing = self._placing, None
        if ticket is None:
            side = "BUY" if order.side == "buy" else "SELL"
            listed, prices = self.catalogue.of(order.symbol), (str(order.limit or ""), str(order.stop or ""))
            kind, time = _TYPES[order.kind], order.time_in_force.upper()
            ticket = Ticket(listed, order.account, 0, 0, 0, side, order.quantity, kind, *prices, time, order.client_id)
            self.enter(ticket)
        ticket.venue_id = order.id
        self._by_venue[order.id] = ticket
        return ticket

    def _pay(self, execution: Execution) -> None:
        self._unpaid.discard(execution.id)
        self._tell(self._by_venue[execution.order_id], lambda _: self.commission(execution))

    def _tell(self, ticket: Ticket, made: Callable[[Session], bytes | None]) -> None:
        session = self.sessions.get(ticket.client_id)
        if session is not None and self.mode != "cut off":
            message = made(session)
            if message is not None:
                session.send(message)

    def _notice(self, code: int, text: str) -> None:
        for session in tuple(self.sessions.values()):
            session.send(session.error(-1, code, text))

    def _exec_id(self, one: Execution) -> str:
        return f"0000e0d5.{one.id:08x}.01.{self._corrected.get(one.id, (1, ZERO))[0]:02d}"
