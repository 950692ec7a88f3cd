"""Conditional orders of the USD-M futures venue at addresses of their own, until they start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewinds.sandbox.binance_desk import Asked
from tradewinds.sandbox.binance_history import rows_wanted
from tradewinds.sandbox.binance_questions import Refused
from tradewinds.sandbox.binance_um_orders import algo_shown, is_plain
from tradewinds.sandbox.venue_order import VenueOrder

if TYPE_CHECKING:
    from tradewinds.sandbox.binance_um import BinanceUm


def new_algo(venue: BinanceUm, asked: Asked) -> dict[str, Any]:
    """Place a conditional order."""
    if asked.text("algoType") != "CONDITIONAL":
        raise Refused(-1130, "Data sent for parameter 'algoType' is not valid.")
    return _shown(venue, venue.exchange.place(venue.checked(asked, is_algo=True)), asked)


def open_algo(venue: BinanceUm, asked: Asked) -> list[dict[str, Any]]:
    """The conditional orders that wait."""
    return [_shown(venue, one, asked) for one in venue.working(asked) if not is_plain(one)]


def all_algo(venue: BinanceUm, asked: Asked) -> list[dict[str, Any]]:
    """Every conditional order of a pair, whatever became of it."""
    return [_shown(venue, one, asked) for one in venue.ever(asked) if "algo" in one.extra][-rows_wanted(asked) :]


def find_algo(venue: BinanceUm, asked: Asked, *, is_cancel: bool = False) -> VenueOrder:
    """The order that `algoId` or `clientAlgoId` names; raises the venue's refusal where there is none."""
    number, name = asked.number("algoId"), asked.params.get("clientAlgoId")
    if number is None and not name:
        raise Refused(-1102, "Param 'algoId' or 'clientAlgoId' must be sent, but both were empty/null!")
    found = venue.exchange.orders.get(number) if number is not None else venue.exchange.named(asked.account, name or "")
    if found is None or found.account != asked.account or "algo" not in found.extra:
        raise Refused(-2011, "Unknown order sent.") if is_cancel else Refused(-2013, "Order does not exist.")
    return found


def found_algo(venue: BinanceUm, asked: Asked) -> dict[str, Any]:
    """One conditional order."""
    return _shown(venue, find_algo(venue, asked), asked)


def cancelled_algo(venue: BinanceUm, asked: Asked) -> dict[str, Any]:
    """Cancel a conditional order that has not started."""
    order = find_algo(venue, asked, is_cancel=True)
    if is_plain(order) or venue.exchange.cancel(order.id) is None:
        raise Refused(-2011, "Unknown order sent.")
    return {"algoId": order.id, "clientAlgoId": order.client_id, "code": "200", "msg": "success"}


def _shown(venue: BinanceUm, order: VenueOrder, asked: Asked) -> dict[str, Any]:
    return algo_shown(order, asked, venue.rules(order.symbol))
