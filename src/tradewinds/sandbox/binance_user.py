"""The WebSocket API of the Binance spot venue: requests as over REST, sessions, and the user data stream with its events.

1. A talk is one connection. Its requests name a method and carry parameters, signed in alphabetical order, or it logs on (Ed25519 keys).
2. A subscription brings every event of one account, in the order in which the exchange told them.
3. Events that nobody was connected for are lost, as at the venue: whoever reconnects asks by REST.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tradewinds.core.instant import NS_PER_MS
from tradewinds.sandbox.binance_desk import Asked, Denied, Need
from tradewinds.sandbox.binance_orders import EXPIRY_REASONS, NONE, STATUSES, eight
from tradewinds.sandbox.binance_questions import Refused
from tradewinds.sandbox.conversation import Close, Question, Send
from tradewinds.sandbox.keys import ApiKey
from tradewinds.sandbox.venue_order import Execution, VenueOrder, What

if TYPE_CHECKING:
    from tradewinds.sandbox.binance_spot import BinanceSpot

LIFE_S = 86_400.0
SUBSCRIPTIONS_MAX = 1_000
METHODS: dict[str, tuple[str, str]] = {
    "ping": ("GET", "/api/v3/ping"),
    "time": ("GET", "/api/v3/time"),
    "exchangeInfo": ("GET", "/api/v3/exchangeInfo"),
    "ticker.price": ("GET", "/api/v3/ticker/price"),
    "ticker.book": ("GET", "/api/v3/ticker/bookTicker"),
    "klines": ("GET", "/api/v3/klines"),
    "depth": ("GET", "/api/v3/depth"),
    "order.place": ("POST", "/api/v3/order"),
    "order.test": ("POST", "/api/v3/order/test"),
    "order.status": ("GET", "/api/v3/order"),
    "order.cancel": ("DELETE", "/api/v3/order"),
    "order.cancelReplace": ("POST", "/api/v3/order/cancelReplace"),
    "order.amend.keepPriority": ("PUT", "/api/v3/order/amend/keepPriority"),
    "openOrders.status": ("GET", "/api/v3/openOrders"),
    "openOrders.cancelAll": ("DELETE", "/api/v3/openOrders"),
    "allOrders": ("GET", "/api/v3/allOrders"),
    "myTrades": ("GET", "/api/v3/myTrades"),
    "account.status": ("GET", "/api/v3/account"),
    "account.commission": ("GET", "/api/v3/account/commission"),
    "account.rateLimits.orders": ("GET", "/api/v3/rateLimit/order"),
}
_TYPES: dict[What, str] = {
    "placed": "NEW", "triggered": "NEW", "amended": "REPLACED", "filled": "TRADE", "cancelled": "CANCELED", "rejected": "REJECTED",
    "expired": "EXPIRED", "replaced": "CANCELED",
}  # fmt: skip
_encode = msgspec.json.Encoder().encode


class SpotTalk:
    """One connection."""

    def __init__(self, venue: BinanceSpot, question: Question, send: Send, close: Close) -> None:
        self._venue = venue
        self._address = question.address
        self._send = send
        self._close = close
        self._born = venue.world.monotonic()
        self._born_ms = venue.desk.now_ns() // NS_PER_MS
        self._session: tuple[ApiKey, int] | None = None
        self._subscribed: dict[int, tuple[str, bool]] = {}
        self._next = 0

    def received(self, data: bytes) -> None:
        """Answer one request."""
        try:
            asked = json.loads(data, parse_float=str)
        except ValueError:
            asked = None
        if not isinstance(asked, dict) or not isinstance(asked.get("method"), str) or not isinstance(asked.get("params", {}), dict):
            self._say({"id": None, "status": 400, "error": {"code": -1135, "msg": "Invalid JSON Request"}})
            return
        self._venue.exchange.match()
        whole: dict[str, Any] = {"id": asked.get("id")}
        try:
            whole |= {"status": 200, "result": self._answer(asked["method"], asked.get("params") or {})}
        except Refused as error:
            status = error.status if isinstance(error, Denied) else 400
            said = {"code": error.code, "msg": str(error), **((error.data or {}) if isinstance(error, Denied) else {})}
            whole |= {"status": status, "error": said}
        used = self._venue.desk.budget.spend(self._address, 0).used
        limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
        whole["rateLimits"] = [{**limit, "limit": self._venue.desk.budget.limit, "count": used}]
        self._say(whole)

    def closed(self) -> None:
        """Nobody listens any more."""
        self._venue.talks.discard(self)

    def tick(self) -> None:
        """Hang up after a day."""
        if self._venue.world.monotonic() - self._born > LIFE_S:
            self.end()

    def end(self, *, says_so: bool = False) -> None:
        """Hang up, with `serverShutdown` before it or without."""
        if says_so:
            self._say({"event": {"e": "serverShutdown", "E": self._venue.desk.now_ns() // NS_PER_MS}})
        self._venue.talks.discard(self)
        self._close()

    def tell(self, account: str, event: Mapping[str, Any]) -> None:
        """Send an event to the subscriptions of its account."""
        for number, (of, _) in self._subscribed.items():
            if of == account:
                self._say({"subscriptionId": number, "event": event})

    def terminate(self, account: str) -> None:
        """End the subscriptions of an account, as when its key is revoked."""
        for number in [each for each, (of, _) in self._subscribed.items() if of == account]:
            self._unsubscribe(number)

    def _answer(self, method: str, params: Mapping[str, Any]) -> Any:
        if method in METHODS:
            return self._as_rest(method, params)
        verdict = self._venue.desk.budget.spend(self._address, 2)
        if verdict.status != 200:
            raise Denied(verdict.status, -1003, "Too much request weight used.", {"data": {"retryAfter": verdict.retry_after_s}})
        if method == "session.logon":
            asked = self._authorised(params, "read", is_new=True)
            assert asked.key is not None
            if "PUBLIC KEY" not in asked.key.secret:
                raise Refused(-4056, "HMAC_SHA256 API key is not supported.")
            self._session = asked.key, asked.now_ns // NS_PER_MS
            return self._status()
        if method == "session.logout":
            for number in [each for each, (_, is_of_session) in self._subscribed.items() if is_of_session]:
                self._unsubscribe(number)
            self._session = None
            return self._status()
        if method == "session.status":
            return self._status()
        if method == "session.subscriptions":
            return [{"subscriptionId": number} for number in self._subscribed]
        if method == "userDataStream.subscribe":
            if self._session is None:
                raise Denied(401, -2015, "Invalid API-key, IP, or permissions for action.")
            return self._subscribe(self._session[0].account, is_of_session=True)
        if method == "userDataStream.subscribe.signature":
            return self._subscribe(self._authorised(params, "read", is_new=True).account, is_of_session=False)
        if method == "userDataStream.unsubscribe":
            wanted = params.get("subscriptionId")
            if wanted is not None and wanted not in self._subscribed:
                raise Refused(-2036, "User Data Stream subscription not active.")
            for number in list(self._subscribed) if wanted is None else [wanted]:
                self._unsubscribe(number)
            return {}
        raise Refused(-1020, "This operation is not supported.")

    def _as_rest(self, method: str, params: Mapping[str, Any]) -> Any:
        desk = self._venue.desk
        endpoint = desk.endpoints[METHODS[method]]
        if endpoint.need is None:
            asked = Asked({name: json.dumps(value) if isinstance(value, list) else str(value) for name, value in params.items()}, None, 0)
            asked.now_ns = desk.now_ns()
        else:
            asked = self._authorised(params, endpoint.need)
        cost = endpoint.weight if isinstance(endpoint.weight, int) else endpoint.weight(asked)
        verdict = desk.budget.spend(self._address, cost)
        if verdict.status != 200:
            raise Denied(verdict.status, -1003, "Too much request weight used.", {"data": {"retryAfter": verdict.retry_after_s}})
        if endpoint.is_order:
            desk.count_order(asked.account)
        return endpoint.call(asked)

    def _authorised(self, params: Mapping[str, Any], need: Need, *, is_new: bool = False) -> Asked:
        session = None if self._session is None or is_new else self._session[0]
        return self._venue.desk.authorised(params, need, session=session)

    def _subscribe(self, account: str, *, is_of_session: bool) -> dict[str, int]:
        if any(of == account for of, _ in self._subscribed.values()):
            raise Refused(-2035, "User Data Stream subscription already active.")
        if len(self._subscribed) >= SUBSCRIPTIONS_MAX:
            raise Refused(-2042, "Maximum subscription ID reached for this connection.")
        number, self._next = self._next, self._next + 1
        self._subscribed[number] = account, is_of_session
        return {"subscriptionId": number}

    def _unsubscribe(self, number: int) -> None:
        self._say({"subscriptionId": number, "event": {"e": "eventStreamTerminated", "E": self._venue.desk.now_ns() // NS_PER_MS}})
        del self._subscribed[number]

    def _status(self) -> dict[str, Any]:
        key, since = (None, None) if self._session is None else self._session
        return {
            "apiKey": None if key is None else key.key,
            "authorizedSince": since,
            "connectedSince": self._born_ms,
            "returnRateLimits": True,
            "serverTime": self._venue.desk.now_ns() // NS_PER_MS,
            "userDataStream": any(is_of_session for _, is_of_session in self._subscribed.values()),
        }

    def _say(self, whole: Mapping[str, Any]) -> None:
        self._send(_encode(whole))


def execution_report(order: VenueOrder, done: Execution | None, what: What, number: int, now_ms: int) -> dict[str, Any]:
    """The event of one change of an order. number: of the change."""
    at_ms = order.updated_ns // NS_PER_MS
    is_working = order.is_working and (order.is_triggered or not order.waits)
    is_cancel, is_amended = what == "cancelled", what == "amended"
    event: dict[str, Any] = {
        "e": "executionReport",
        "E": now_ms,
        "s": order.symbol,
        "c": order.extra.get("cancel", order.client_id) if is_cancel else order.client_id,
        "S": order.side.upper(),
        "o": order.extra.get("type", "LIMIT" if order.limit else "MARKET"),
        "f": order.extra.get("tif", "GTC"),
        "q": eight(order.quantity),
        "p": eight(order.limit or NONE),
        "P": eight(order.stop or NONE),
        "F": "0.00000000",
        "g": -1,
        "C": order.client_id if is_cancel else order.extra.get("before", "") if is_amended else "",
        "x": _TYPES[what],
        "X": STATUSES[order.status],
        "r": "NONE",
        "i": order.id,
        "l": eight(NONE if done is None else done.quantity),
        "z": eight(order.filled),
        "L": eight(NONE if done is None else done.price),
        "n": "0" if done is None else eight(done.commission),
        "N": None if done is None else done.commission_asset,
        "T": at_ms,
        "t": -1 if done is None else done.id,
        "I": number,
        "w": is_working,
        "m": done is not None and done.is_maker,
        "M": done is not None,
        "O": order.created_ns // NS_PER_MS,
        "Z": eight(order.quote_filled),
        "Y": eight(NONE if done is None else done.price * done.quantity),
        "Q": order.extra.get("quoteOrderQty", "0.00000000"),
        "V": "EXPIRE_MAKER",
    }
    if is_working or order.filled:
        event["W"] = order.created_ns // NS_PER_MS
    if "trailingDelta" in order.extra:
        event["d"] = int(order.extra["trailingDelta"])
    if order.status == "expired":
        event["eR"] = EXPIRY_REASONS.get(order.reason, "EXCHANGE_CANCELED")
    return event
