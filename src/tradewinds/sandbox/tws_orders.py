"""Placing, changing, cancelling and listing orders at the local TWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from tradewinds.sandbox.tws_contracts import Asked, Listed
from tradewinds.sandbox.tws_wire import Ticket, frame, moment, open_order, order_status

if TYPE_CHECKING:
    from tradewinds.sandbox.tws_session import Session

ACTIVE_A_SIDE_MAX = 20
_PRICED = {"LMT": (True, False), "MKT": (False, False), "STP": (False, True), "STP LMT": (True, True), "TRAIL": (False, True)}
_KINDS = {"STP LMT": "STPLMT"}


def place_order(session: Session, fields: list[str]) -> None:
    """Message 3: a new order, or with the id of a working one its change."""
    gateway = session.gateway
    if gateway.drops_orders:
        return
    asked = read_order(fields, session.version)
    order_id = int(fields[1])
    known = gateway.ticket_of(session.client_id, order_id)
    if gateway.mode == "cut off":
        session.fail(order_id, 504, "Not connected")
    elif known is not None and gateway.is_working(known):
        _change(session, known, asked)
    elif gateway.is_used(session.client_id, order_id):
        session.fail(order_id, 103, "Duplicate order id")
    else:
        _new(session, order_id, asked)


def cancel_order(session: Session, fields: list[str]) -> None:
    """Message 4."""
    gateway, order_id = session.gateway, int(fields[2])
    ticket = gateway.ticket_of(session.client_id, order_id)
    if gateway.drops_orders:
        return
    if gateway.mode == "cut off":
        session.fail(order_id, 504, "Not connected")
    elif ticket is None or not gateway.status_of(ticket):
        session.fail(order_id, 10147, f"OrderId {order_id} that needs to be cancelled is not found.")
    elif not gateway.is_working(ticket):
        session.fail(
            order_id, 10148, f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {gateway.status_of(ticket)}."
        )
    elif ticket.status == "PendingSubmit":
        gateway.end_held(ticket, "Cancelled by client")
    else:
        gateway.exchange.cancel(ticket.venue_id, "")


def global_cancel(session: Session, fields: list[str]) -> None:
    """Message 58: every order of everybody."""
    gateway = session.gateway
    for ticket in gateway.working(None):
        if ticket.status == "PendingSubmit":
            gateway.end_held(ticket, "Cancelled by client")
        else:
            gateway.exchange.cancel(ticket.venue_id, "")


def open_orders(session: Session, fields: list[str]) -> None:
    """Messages 5 (own) and 16 (of all clients, and those made by hand)."""
    gateway = session.gateway
    for ticket in gateway.working(None if fields[0] == "16" else session.client_id):
        status = gateway.status_of(ticket)
        session.send(open_order(ticket, status, session.version))
        session.send(order_status(ticket, status))
    session.send(frame(53, 1))


def completed_orders(session: Session, fields: list[str]) -> None:
    """Message 99; with `apiOnly` without those made by hand."""
    gateway = session.gateway
    for ticket in gateway.completed():
        if fields[1] != "1" or ticket.order_id > 0:
            session.send(gateway.ended_order(ticket, session.version))
    session.send(frame(102))


def executions(session: Session, fields: list[str]) -> None:
    """Message 7: client, account, time, symbol, kind, exchange and side narrow it."""
    gateway, request = session.gateway, int(fields[2])
    _, _, _, client, account, since, symbol, sec_type, _, side = fields[:10]
    for one in gateway.executions():
        listed, ticket = gateway.catalogue.of(one.symbol), gateway.ticket_at(one.order_id)
        owner = 0 if ticket is None else ticket.client_id
        is_wanted = account in ("", one.account) and symbol in ("", listed.symbol) and sec_type in ("", listed.sec_type)
        is_wanted = is_wanted and client in ("", "0", str(owner)) and side in ("", "BUY" if one.side == "buy" else "SELL")
        if is_wanted and (not since or _plain(moment(one.at_ns)) >= _plain(since)):
            session.send(gateway.execution(one, request, session.version))
            paid = gateway.commission(one)
            if paid is not None:
                session.send(paid)
    session.send(frame(55, 1, request))


def next_ids(session: Session, fields: list[str]) -> None:
    """Message 8."""
    session.send(frame(9, 1, session.gateway.next_id))


def auto_open_orders(session: Session, fields: list[str]) -> None:
    """Message 15: orders made by hand are client 0's; they carry no order id here."""
    if session.client_id != 0:
        session.fail(-1, 321, "Error validating request.-'bZ' : cause - Only client 0 may bind orders made by hand")


ORDER_REQUESTS: dict[int, Callable[[Session, list[str]], None]] = {
    3: place_order, 4: cancel_order, 5: open_orders, 7: executions, 8: next_ids, 15: auto_open_orders, 16: open_orders, 58: global_cancel,
    99: completed_orders,
}  # fmt: skip


class Order:
    """What the message of an order says, as far as this venue heeds it."""

    __slots__ = ("account", "action", "aux", "cash_quantity", "contract", "limit", "order_type", "outside_rth", "parent_id", "quantity",
    "reference",
                 "time_in_force", "trail_stop", "trailing_percent", "transmit", "what_if")  # fmt: skip

    contract: Asked
    action: str
    quantity: str
    order_type: str
    limit: str
    aux: str
    time_in_force: str
    account: str
    reference: str
    transmit: str
    parent_id: str
    outside_rth: str
    trail_stop: str
    trailing_percent: str
    what_if: str
    cash_quantity: str


def read_order(fields: list[str], version: int) -> Order:
    """Walk along the message as the client of a version wrote it."""
    found, at = Order(), iter(fields[2:])
    found.contract = Asked(*_some(at, 12))
    _some(at, 2)
    found.action, found.quantity, found.order_type, found.limit, found.aux, found.time_in_force = _some(at, 6)
    _, found.account, _, _, found.reference, found.transmit, found.parent_id = _some(at, 7)
    *_, found.outside_rth, _ = _some(at, 6)
    _some(at, 7 + (1 if version < 177 else 0))
    *_, neutral, _ = _some(at, 24)
    if neutral:
        _some(at, 8)
    _, _, found.trail_stop, found.trailing_percent, _, _, increment = _some(at, 7)
    if increment and float(increment) > 0:
        _some(at, 7)
    *_, hedge = _some(at, 4)
    if hedge:
        _some(at, 1)
    *_, neutral_contract = _some(at, 5)
    if neutral_contract == "1":
        _some(at, 3)
    (algorithm,) = _some(at, 1)
    if algorithm:
        _some(at, 2 * int(next(at)))
    _, found.what_if, *_ = _some(at, 6)
    (conditions,) = _some(at, 1)
    if conditions != "0":
        raise ValueError("order with conditions, expected none at this venue")
    *_, found.cash_quantity = _some(at, 11)
    return found


def _plain(text: str) -> str:
    """A time as it sorts: both notations of the API without their separators."""
    return text.replace(" UTC", "").replace("-", " ")


def _some(at: Iterator[str], count: int) -> list[str]:
    return [next(at) for _ in range(count)]


def _new(session: Session, order_id: int, asked: Order) -> None:
    gateway = session.gateway
    listed = _contract(session, order_id, asked)
    problem = (200, "No security definition has been found for the request") if listed is None else _problem(session, listed, asked)
    if listed is None or problem is not None:
        code, text = problem or (200, "")
        session.fail(order_id, code, text)
        return
    if asked.what_if == "1":
        session.fail(order_id, 321, "Error validating request.-'bZ' : cause - This venue answers no what-if")
        return
    ticket = Ticket(
        listed, asked.account or gateway.account, session.client_id, order_id, 0, asked.action, _quantity(session, listed, asked),
        asked.order_type, _unset(asked.limit), _unset(asked.aux), asked.time_in_force or "DAY", asked.reference,
        _unset(asked.trailing_percent), asked.outside_rth, asked.parent_id,
    )  # fmt: skip
    gateway.enter(ticket)
    question = gateway.asks(ticket) if gateway.asks is not None else None
    side = [one for one in gateway.working(None) if one.listed is listed and one.action == asked.action]
    if len(side) >= ACTIVE_A_SIDE_MAX:
        gateway.reject(ticket, "There are too many active orders on this side of the contract")
    elif asked.transmit != "1" or question is not None:
        code, ticket.warning = question or (0, "")
        ticket.status = "PendingSubmit"
        gateway.tell_order(ticket)
        if code:
            session.fail(order_id, code, ticket.warning)
    else:
        gateway.place(ticket)


def _change(session: Session, ticket: Ticket, asked: Order) -> None:
    """The id of a working order: price, quantity and reference may change, nothing else."""
    gateway, order_id = session.gateway, ticket.order_id
    listed = _contract(session, order_id, asked)
    if listed is not ticket.listed or asked.action != ticket.action or asked.order_type != ticket.order_type:
        session.fail(order_id, 105, "Order being modified does not match original order")
        return
    problem = _problem(session, listed, asked)
    quantity = _quantity(session, listed, asked)
    if problem is None and quantity < ticket.filled:
        problem = 10149, "Invalid order id: the quantity is filled already"
    if problem is not None:
        session.fail(order_id, *problem)
        return
    order = gateway.order_of(ticket)
    if order is not None and asked.reference != ticket.reference:
        gateway.exchange.rename(order, asked.reference)
    ticket.reference, ticket.limit, ticket.aux, ticket.quantity = asked.reference, _unset(asked.limit), _unset(asked.aux), quantity
    if order is None:
        gateway.tell_order(ticket)
    elif quantity == order.filled:
        gateway.exchange.cancel(order.id, "nothing is left")
    else:
        stop = Decimal(ticket.aux) if ticket.aux and ticket.order_type in ("STP", "STP LMT") else None
        gateway.exchange.amend(order.id, quantity=quantity, limit=Decimal(ticket.limit) if ticket.limit else None, stop=stop)


def _contract(session: Session, order_id: int, asked: Order) -> Listed | None:
    found = session.gateway.catalogue.matching(asked.contract)
    return found[0] if len(found) == 1 else None


def _problem(session: Session, listed: Listed, asked: Order) -> tuple[int, str] | None:
    """Why TWS refuses it before it goes to IB, as code and text."""
    if asked.account not in ("", session.gateway.account):
        return 321, f"Error validating request.-'bZ' : cause - Invalid account code '{asked.account}'"
    if asked.action not in ("BUY", "SELL"):
        return 321, "Error validating request.-'bZ' : cause - Order action must be BUY or SELL"
    if asked.order_type not in _PRICED or _KINDS.get(asked.order_type, asked.order_type) not in listed.order_types.split(","):
        return 387, f"Unsupported order type for this exchange and security type.{asked.order_type}"
    if asked.time_in_force not in ("", "DAY", "GTC", "IOC", "FOK"):
        return 321, f"Error validating request.-'bZ' : cause - Invalid time in force:{asked.time_in_force}."
    if listed.sec_type == "CRYPTO" and asked.order_type == "MKT" and asked.action == "BUY" and not _unset(asked.cash_quantity):
        return 10244, "Cash quantity is required for this order"
    if listed.sec_type == "CRYPTO" and asked.order_type == "MKT" and asked.time_in_force != "IOC":
        return 10052, "Invalid time in force: a market order in a coin must be IOC"
    return _bad_number(session, listed, asked)


def _bad_number(session: Session, listed: Listed, asked: Order) -> tuple[int, str] | None:
    needs_limit, needs_aux = _PRICED[asked.order_type]
    try:
        prices = [Decimal(_unset(text) or "0") for text, is_needed in ((asked.limit, needs_limit), (asked.aux, needs_aux)) if is_needed]
        quantity = _quantity(session, listed, asked)
    except InvalidOperation:
        return 320, "Error reading request: a number was expected"
    if quantity <= 0:
        return 434, "The order size cannot be zero."
    if quantity < listed.minimum or quantity % listed.step:
        return 10242, "Fractional-sized order cannot be placed via API. Please use desktop version to place such order."
    if any(price <= 0 or price % listed.tick for price in prices):
        return 110, "The price does not conform to the minimum price variation for this contract."
    return None


def _quantity(session: Session, listed: Listed, asked: Order) -> Decimal:
    """Units; a cash quantity buys what it pays for at the ask."""
    cash = _unset(asked.cash_quantity)
    if cash and not Decimal(asked.quantity or "0"):
        ask = session.gateway.exchange.quote(listed.instrument).ask
        return Decimal(cash) / ask // listed.step * listed.step
    return Decimal(asked.quantity or "0")


def _unset(text: str) -> str:
    """A number, or nothing where it is the client's greatest, which means none."""
    return "" if text in ("", "1.7976931348623157e+308", "1.7976931348623157E308") else text
