"""The evening's reconciliation: what our journal says of a day beside what the broker's own statement says.

1. `day_of` reads a day out of the journal: orders that were alive in it, its fills.
2. `breaks` compares with the statement: orders, fills, fees, cash, positions. Each difference is one break, named by kind and subject.
3. Holdings are compared by `settlement.differences`. What recovery took over during the day without an explanation is a break too: the
   books say what the venue says since, and nobody would see it otherwise.

A break changes nothing. Recovery settles differences by rule while trading; the evening is the second look, by other eyes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from tradewinds.core.account import ZERO, Fill
from tradewinds.core.broker import Holdings, OrderReport
from tradewinds.core.order import ENDED, ApprovedOrder, OrderState
from tradewinds.trading.entry import Adjusted, Approved, Booked, Changed, Compare, Entry
from tradewinds.trading.settlement import Difference

BreakKind = Literal[
    "order unknown to the broker", "order unknown to us", "order state", "order filled", "fill unknown to the broker",
    "fill unknown to us", "fill differs", "fee differs", "position", "cash", "position taken over",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """What the broker says of [start_ns, end_ns): orders (open ones and those that ended in it), fills in it, holdings at its end.

    holdings None: the broker gives them for the present only, and the day is over.
    """

    account: str
    start_ns: int
    end_ns: int
    orders: tuple[OrderReport, ...]
    fills: tuple[Fill, ...]
    holdings: Holdings | None = None


@dataclass(frozen=True, slots=True)
class OurOrder:
    """An order as the journal has it at the end of the day."""

    approved: ApprovedOrder
    state: OrderState
    filled: Decimal
    changed_ns: int
    was_sent: bool = False


@dataclass(frozen=True, slots=True)
class OurDay:
    """What the journal says of [start_ns, end_ns)."""

    start_ns: int
    end_ns: int
    orders: Mapping[str, OurOrder] = field(default_factory=dict)
    fills: Mapping[tuple[str, str], Fill] = field(default_factory=dict)
    taken_over: tuple[Adjusted, ...] = ()  # without an explanation; not what was there before the first start
    moved: tuple[Adjusted, ...] = ()  # cash that moved without a fill: funding, interest, deposits
    entries: int = 0


@dataclass(frozen=True, slots=True)
class Break:
    """One difference. ours, theirs: as text, "" where one side has nothing."""

    kind: BreakKind
    subject: str
    ours: str
    theirs: str


def day_of(entries: Iterable[Entry], start_ns: int, end_ns: int) -> OurDay:
    """The day out of a journal that is read from its beginning; entries of later days are not looked at."""
    orders: dict[str, OurOrder] = {}
    fills: dict[tuple[str, str], Fill] = {}
    adjusted: list[Adjusted] = []
    count, has_compared = 0, False
    for entry in entries:
        if entry.time_ns >= end_ns:
            break
        is_in_it = entry.time_ns >= start_ns
        count += is_in_it
        if is_in_it and has_compared:
            adjusted += [record for record in entry.records if isinstance(record, Adjusted)]
        has_compared = has_compared or any(isinstance(record, Compare) for record in entry.records)
        for record in entry.records:
            if isinstance(record, Approved):
                orders[record.order.client_order_id] = OurOrder(record.order, OrderState.INTENT, ZERO, entry.time_ns)
            elif isinstance(record, Changed) and record.client_order_id in orders:
                before = orders[record.client_order_id]
                was_sent = before.was_sent or record.state not in (OrderState.CANCELLED, OrderState.ABSENT)
                orders[record.client_order_id] = OurOrder(before.approved, record.state, before.filled, entry.time_ns, was_sent)
            elif isinstance(record, Booked):
                if start_ns <= record.fill.event_ns < end_ns:
                    fills[record.fill.key] = record.fill
                known = orders.get(record.fill.client_order_id)
                if known is not None:
                    filled = known.filled + record.fill.quantity
                    orders[record.fill.client_order_id] = OurOrder(known.approved, known.state, filled, entry.time_ns, True)
    alive = {name: one for name, one in orders.items() if one.state not in ENDED or one.changed_ns >= start_ns}
    taken_over = tuple(one for one in adjusted if one.kind == "position")
    moved = tuple(one for one in adjusted if one.kind == "cash")
    return OurDay(start_ns, end_ns, alive, fills, taken_over, moved, count)


def breaks(ours: OurDay, theirs: Statement, held: Iterable[Difference] = ()) -> tuple[Break, ...]:
    """Every difference, in a fixed order. held: what `settlement.differences` says of the books and the statement's holdings."""
    found = [*_orders(ours, theirs), *_fills(ours, theirs)]
    found += [Break(one.kind, one.what, str(one.expected), str(one.found)) for one in held]
    found += [Break("position taken over", one.what, "", f"{one.quantity}: {one.reason}") for one in ours.taken_over]
    return tuple(found)


def _orders(ours: OurDay, theirs: Statement) -> Iterable[Break]:
    said = {one.client_order_id: one for one in theirs.orders if one.client_order_id}
    for name, order in sorted(ours.orders.items()):
        one = said.get(name)
        if one is None:
            # What never reached the venue cannot be known there.
            if order.was_sent and order.state not in (OrderState.ABSENT, OrderState.REJECTED):
                yield Break("order unknown to the broker", name, order.state.value, "")
            continue
        if one.state is not order.state and not (one.state in _WORKING and order.state in _WORKING):
            yield Break("order state", name, order.state.value, one.state.value)
        if one.filled is not None and one.filled != order.filled:
            yield Break("order filled", name, str(order.filled), str(one.filled))
    for one in theirs.orders:
        if one.client_order_id not in ours.orders:
            name = one.client_order_id or f"venue order {one.venue_order_id}"
            yield Break("order unknown to us", name, "", f"{one.state.value} {one.instrument}")


def _fills(ours: OurDay, theirs: Statement) -> Iterable[Break]:
    said = {one.key: one for one in theirs.fills if ours.start_ns <= one.event_ns < ours.end_ns}
    for key, fill in sorted(ours.fills.items()):
        one = said.get(key)
        if one is None:
            yield Break("fill unknown to the broker", key[1], _fill_text(fill), "")
        elif (one.instrument, one.signed, one.price) != (fill.instrument, fill.signed, fill.price):
            yield Break("fill differs", key[1], _fill_text(fill), _fill_text(one))
        elif (one.commission, one.commission_currency) != (fill.commission, fill.commission_currency):
            yield Break("fee differs", key[1], _fee_text(fill), _fee_text(one))
    for key, one in sorted(said.items()):
        if key not in ours.fills:
            yield Break("fill unknown to us", key[1], "", _fill_text(one))


def _fill_text(fill: Fill) -> str:
    return f"{fill.side} {fill.quantity} {fill.instrument} at {fill.price}"


def _fee_text(fill: Fill) -> str:
    return f"{fill.commission} {fill.commission_currency or fill.currency}"


_WORKING = frozenset({OrderState.SENT, OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.CANCEL_SENT, OrderState.REPLACE_SENT})
