"""What changes at the OANDA venue: orders placed, replaced, renamed and cancelled, trades and positions closed.

An order is checked as the venue checks it: what it cannot be is a 400 with a reject transaction (`Refusal`); what it may not become is a
201 whose order was cancelled in the same answer.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradewinds.sandbox.exchange import VenueOrder
from tradewinds.sandbox.oanda_trade_book import Book, Fields
from tradewinds.sandbox.oanda_trade_orders import Refusal, order_of

if TYPE_CHECKING:
    from tradewinds.sandbox.oanda_trade import OandaVenue


class OrderDesk:
    """Requests that change something, each answered with the transactions that it made."""

    def __init__(self, venue: OandaVenue) -> None:
        self._venue = venue

    def create(self, book: Book, asked: Any) -> Fields:
        """A new order."""
        order = order_of(asked, book, self._venue.exchange.now_ns())
        return self._placed(book, order, len(book.transactions))

    def _placed(self, book: Book, order: VenueOrder, before: int) -> Fields:
        reason = self._why_not(book, order)
        if reason:
            self._venue.exchange.reject(order, reason)
        else:
            self._venue.exchange.place(order)
        note = book.notes[order.id]
        said: Fields = {"orderCreateTransaction": note.created}
        if note.fills:
            said["orderFillTransaction"] = note.fills[-1]
        if note.cancelled is not None:
            said["orderCancelTransaction"] = note.cancelled
        return said | related(book, before)

    def _why_not(self, book: Book, order: VenueOrder) -> str:
        """The reason for which an order that was taken is cancelled at once, "" for none."""
        if self._venue.cancel_next:
            return self._venue.cancel_next.popleft()
        if order.kind != "market":
            return ""
        if not self._venue.is_open(order.symbol):
            return "MARKET_HALTED"
        quote, rule = self._venue.exchange.quote(order.symbol), self._venue.rules[order.symbol]
        touch = quote.ask if order.side == "buy" else quote.bid
        if order.limit is not None and (touch - order.limit) * (1 if order.side == "buy" else -1) > 0:
            return "BOUNDS_VIOLATION"
        held = self._venue.exchange.position(book.id, order.symbol)
        after = held + (order.quantity if order.side == "buy" else -order.quantity)
        more = (abs(after) - abs(held)) * touch * self._venue.home_rate(rule.quote_currency, book.currency) * rule.margin_rate
        return "INSUFFICIENT_MARGIN" if more > Decimal(book.summary(self._venue.mid)["marginAvailable"]) else ""

    def replace(self, book: Book, name: str, asked: Any) -> Fields:
        """Cancel a working order and put another in its place, in one answer."""
        before = len(book.transactions)
        old = self._venue.order_of(book, name)
        if old is None or not old.is_working:
            raise Refusal("ORDER_DOESNT_EXIST", "ORDER_CANCEL_REJECT", "orderCancelRejectTransaction", {"orderID": name}, 404)
        order = order_of(asked, book, self._venue.exchange.now_ns(), replaces=old)
        # The cancel comes first, then the order that takes its place.
        order.extra["replaces"], order.extra["reason"] = str(old.id), "REPLACEMENT"
        old.extra["replacedBy"] = str(self._venue.exchange.first_id + 1)
        self._venue.exchange.end(old.id, "replaced", "CLIENT_REQUEST_REPLACED")
        said = self._placed(book, order, before)
        new_cancel = said.pop("orderCancelTransaction", None)
        said["orderCancelTransaction"] = book.notes[old.id].cancelled
        return said | ({"replacingOrderCancelTransaction": new_cancel} if new_cancel is not None else {})

    def cancel(self, book: Book, name: str) -> Fields:
        """Cancel a working order."""
        before = len(book.transactions)
        order = self._venue.order_of(book, name)
        if order is None or not order.is_working:
            raise Refusal("ORDER_DOESNT_EXIST", "ORDER_CANCEL_REJECT", "orderCancelRejectTransaction", {"orderID": name}, 404)
        self._venue.exchange.cancel(order.id)
        return {"orderCancelTransaction": book.notes[order.id].cancelled, **related(book, before)}

    def rename(self, book: Book, name: str, asked: Any) -> Fields:
        """Give a working order another client id."""
        before = len(book.transactions)
        order = self._venue.order_of(book, name)
        if order is None or not order.is_working or not isinstance(asked, dict):
            raise Refusal(
                "ORDER_DOESNT_EXIST", "ORDER_CLIENT_EXTENSIONS_MODIFY_REJECT", "orderClientExtensionsModifyRejectTransaction",
                {"orderID": name}, 404,
            )  # fmt: skip
        if asked.get("id"):
            self._venue.exchange.rename(order, str(asked["id"]))
            book.notes[order.id].created.setdefault("clientExtensions", {})["id"] = order.client_id
        said = book.record("ORDER_CLIENT_EXTENSIONS_MODIFY", orderID=str(order.id), clientExtensionsModify=asked)
        return {"orderClientExtensionsModifyTransaction": said, **related(book, before)}

    def close_trade(self, book: Book, number: str, body: Fields) -> Fields:
        """Close a trade or a part of it."""
        trade = book.trades[number]
        size = abs(trade.left) if body.get("units", "ALL") == "ALL" else Decimal(str(body["units"]))
        if trade.left == 0 or not 0 < size <= abs(trade.left):
            raise Refusal("TRADE_DOESNT_EXIST", "MARKET_ORDER_REJECT", "orderRejectTransaction", {"tradeID": number}, 404)
        return self._closing(book, trade.instrument, -size.copy_sign(trade.left))

    def close_position(self, book: Book, name: str, body: Fields) -> Fields:
        """Close a position or a part of it."""
        held = self._venue.exchange.position(book.id, name)
        asked = body.get("longUnits", "NONE") if held > 0 else body.get("shortUnits", "NONE")
        if held == 0 or asked == "NONE":
            raise Refusal("CLOSEOUT_POSITION_DOESNT_EXIST", "MARKET_ORDER_REJECT", "longOrderRejectTransaction", {"instrument": name}, 404)
        size = abs(held) if asked == "ALL" else min(abs(held), abs(Decimal(str(asked))))
        said = self._closing(book, name, -size.copy_sign(held))
        side = "long" if held > 0 else "short"
        names = ("orderCreateTransaction", "orderFillTransaction", "orderCancelTransaction")
        return {side + one[0].upper() + one[1:] if one in names else one: value for one, value in said.items()}

    def _closing(self, book: Book, name: str, signed: Decimal) -> Fields:
        order = VenueOrder(book.id, "", name, "buy" if signed > 0 else "sell", "market", abs(signed), is_reduce_only=True)
        order.time_in_force = "fok"
        order.extra |= {"timeInForce": "FOK", "positionFill": "REDUCE_ONLY", "reason": "POSITION_CLOSEOUT"}
        return self._placed(book, order, len(book.transactions))


def related(book: Book, before: int) -> Fields:
    """The transactions that a request made."""
    return {"relatedTransactionIDs": [one["id"] for one in book.transactions[before:]], "lastTransactionID": book.last_id}
