"""How both Binance venues look up what was: one order by its names, rows within a span."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradewinds.core.instant import NS_PER_MS
from tradewinds.sandbox.binance_desk import Asked
from tradewinds.sandbox.binance_questions import Refused
from tradewinds.sandbox.exchange import Exchange
from tradewinds.sandbox.venue_order import VenueOrder

ROWS_USUAL, ROWS_MAX = 500, 1_000


def named_order(exchange: Exchange, asked: Asked, symbol: str, *, is_cancel: bool = False) -> VenueOrder:
    """The order that `orderId` or `origClientOrderId` names; raises the venue's refusal where there is none."""
    number, name = asked.number("orderId"), asked.params.get("origClientOrderId")
    if number is None and not name:
        raise Refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    if number is not None:
        found = exchange.orders.get(number)
    else:
        assert name is not None
        found = exchange.named(asked.account, name)
    is_right = found is not None and found.account == asked.account and found.symbol == symbol
    if found is not None and is_right and not (name and found.client_id != name):
        return found
    raise Refused(-2011, "Unknown order sent.") if is_cancel else Refused(-2013, "Order does not exist.")


def within(asked: Asked, rows: list[Any], at: Callable[[Any], int], span_ns: int, message: str) -> list[Any]:
    """The rows between `startTime` and `endTime`, both inclusive and in milliseconds; raises where the span is longer than allowed."""
    start, end = asked.instant_ns("startTime"), asked.instant_ns("endTime")
    if start is None and end is None:
        return rows
    if start is not None and end is not None and end - start > span_ns:
        raise Refused(-1127, message)
    return [
        one
        for one in rows
        if (start is None or at(one) // NS_PER_MS * NS_PER_MS >= start) and (end is None or at(one) // NS_PER_MS * NS_PER_MS <= end)
    ]


def rows_wanted(asked: Asked) -> int:
    """How many rows are wanted."""
    return min(ROWS_MAX, asked.number("limit") or ROWS_USUAL)
