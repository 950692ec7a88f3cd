"""The Client Portal gateway of Interactive Brokers, without a wire: one account over HTTP, and its many conditions.

1. A session must be logged in, initialised (`ssodh/init`), kept alive (`tickle`), and primed: accounts before orders, portfolio accounts
   before positions; the first list of orders is empty and says `snapshot: false`.
2. An order may be answered with a question; until `/iserver/reply/{id}` confirms it there is no order, and an unanswered one lapses.
3. More than ten requests a second put the address into the penalty box; some addresses take one request in five seconds.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from tradewinds.sandbox.client_portal_orders import Refused, changed_order, order_row, quantity_of, read_order, trade_row
from tradewinds.sandbox.conversation import Answer, Close, Question, Send, Talk
from tradewinds.sandbox.exchange import ZERO, Exchange, VenueOrder
from tradewinds.sandbox.tws_contracts import Catalogue, Listed

BASE = "/v1/api"
REQUESTS_A_SECOND_MAX, PENALTY_S = 10, 600.0
SLOW_S = 5.0
SESSION_S = 360.0
QUESTION_S = 300.0
SLOW = ("/iserver/account/orders", "/iserver/account/trades", "/portfolio/accounts")
NS = 1_000_000_000
Asks = Callable[[VenueOrder], "str | None"]


@dataclass(slots=True)
class ClientPortal:
    """`conversation.Venue`. asks: the question with which it holds an order, None for none. is_logged_in: a person gave both factors.

    is_paced: whether limits of requests hold. prefix: what the address begins with before /iserver.
    """

    exchange: Exchange
    catalogue: Catalogue
    account: str
    now_ns: Callable[[], int]
    monotonic: Callable[[], float]
    cash: Mapping[str, Decimal] = field(default_factory=lambda: {"USD": Decimal(1_000_000)})
    asks: Asks | None = None
    is_logged_in: bool = True
    is_competing: bool = False
    is_paced: bool = True
    prefix: str = BASE
    questions: dict[str, tuple[float, VenueOrder]] = field(default_factory=dict)
    _is_started: bool = False
    _has_accounts: bool = False
    _has_portfolio: bool = False
    _has_orders: bool = False
    _alive_s: float = 0.0
    _penalty_s: float = float("-inf")
    _times: deque[float] = field(default_factory=deque)
    _slow: dict[str, float] = field(default_factory=dict)
    _shown: set[int] = field(default_factory=set)
    _asked: int = 0

    def answer(self, question: Question) -> Answer:
        """One request."""
        self.exchange.match()
        path = question.path.removeprefix(self.prefix).rstrip("/") or "/"
        limited = self._limited(path)
        if limited is not None:
            return limited
        try:
            return _said(200, self._route(question, path))
        except Refused as error:
            return _said(error.status, {"error": str(error)})
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            return _said(400, {"error": f"Bad Request: {error}"})

    def talk(self, question: Question, send: Send, close: Close) -> Talk | Answer:
        """This venue's stream is not made here."""
        return Answer(404, b"")

    def tick(self) -> None:
        """Time has passed or prices have moved."""
        self.exchange.match()

    def restart(self) -> None:
        """The gateway starts anew: logged out, nothing primed, questions forgotten; orders stay."""
        self.is_logged_in = self._is_started = self._has_accounts = self._has_portfolio = self._has_orders = False
        self.questions.clear()
        self._shown.clear()

    def _limited(self, path: str) -> Answer | None:
        now = self.monotonic()
        if not self.is_paced:
            return None
        if now - self._penalty_s < PENALTY_S:
            return _said(429, {"error": "Too Many Requests"})
        while self._times and now - self._times[0] >= 1.0:
            self._times.popleft()
        self._times.append(now)
        if len(self._times) > REQUESTS_A_SECOND_MAX:
            self._penalty_s = now
            return _said(429, {"error": "Too Many Requests"})
        if path in SLOW:
            if now - self._slow.get(path, float("-inf")) < SLOW_S:
                return _said(429, {"error": "Too Many Requests"})
            self._slow[path] = now
        return None

    def _route(self, question: Question, path: str) -> Any:
        if path in ("/sso/validate", "/tickle", "/iserver/auth/status", "/iserver/auth/ssodh/init", "/iserver/reauthenticate", "/logout"):
            return self._session(path)
        if not self._is_live():
            raise Refused("not authenticated", 401)
        query = {name: values[-1] for name, values in parse_qs(question.query).items()}
        body = json.loads(question.body, parse_float=Decimal) if question.body else {}
        parts = path.strip("/").split("/")
        if parts[0] == "portfolio":
            return self._portfolio(parts)
        if path == "/iserver/accounts":
            self._has_accounts = True
            return {"accounts": [self.account], "selectedAccount": self.account}
        if path == "/iserver/secdef/search":
            return [_found(one) for one in self.catalogue.search(query.get("symbol", ""))]
        if path == "/iserver/currency/pairs":
            return self._pairs(query.get("currency", "USD"))
        if path == "/iserver/marketdata/snapshot":
            return [self._snapshot(int(one), query.get("fields", "")) for one in query["conids"].split(",")]
        if not self._has_accounts:
            raise Refused("Please query /accounts first", 400)
        return self._orders(question.method, parts, body)

    def _session(self, path: str) -> Any:
        now = self.monotonic()
        if path == "/logout":
            self.restart()
            return {"status": True}
        if not self.is_logged_in:
            raise Refused("not authenticated", 401)
        if path == "/iserver/auth/ssodh/init":
            self._is_started, self._alive_s = True, now
        if path == "/iserver/reauthenticate":
            self._is_started, self._alive_s = True, now
            return {"message": "triggered"}
        is_live = self._is_live()
        status = {"authenticated": is_live, "competing": self.is_competing, "connected": True, "message": ""}
        if path == "/tickle":
            self._alive_s = now if is_live else self._alive_s
            return {"session": "local", "ssoExpires": 500_000, "collission": False, "userId": 1, "iserver": {"authStatus": status}}
        return {"RESULT": True, "EXPIRES": 500_000} if path == "/sso/validate" else status

    def _is_live(self) -> bool:
        """Logged in, initialised, and tickled within six minutes."""
        if self._is_started and self.monotonic() - self._alive_s >= SESSION_S:
            self._is_started = False
        return self.is_logged_in and self._is_started and not self.is_competing

    def _portfolio(self, parts: list[str]) -> Any:
        if parts == ["portfolio", "accounts"]:
            self._has_portfolio = True
            return [{"id": self.account, "accountId": self.account, "currency": "USD", "type": "DEMO"}]
        if not self._has_portfolio or parts[1] != self.account:
            raise Refused("Please query /portfolio/accounts first", 400)
        if parts[2] == "positions":
            held = [(symbol, size) for (account, symbol), size in self.exchange.positions.items() if account == self.account and size]
            return [self._position(symbol, size) for symbol, size in held] if parts[3:] in ([], ["0"]) else []
        if parts[2] == "ledger":
            return {currency: {"currency": currency, "cashbalance": float(amount)} for currency, amount in self.balances().items()}
        raise Refused("no such resource", 404)

    def balances(self) -> dict[str, Decimal]:
        """Cash by currency, after every execution and commission."""
        found = dict(self.cash)
        for one in self.exchange.executions:
            listed = self.catalogue.of(one.symbol)
            signed = one.quantity if one.side == "buy" else -one.quantity
            found[listed.currency] = found.get(listed.currency, ZERO) - signed * one.price - one.commission
            if listed.sec_type == "CASH":
                found[listed.symbol] = found.get(listed.symbol, ZERO) + signed
        return found

    def _position(self, symbol: str, size: Decimal) -> dict[str, Any]:
        listed = self.catalogue.of(symbol)
        average = float(self.exchange.average(self.account, symbol))
        row = {"acctId": self.account, "conid": listed.con_id, "contractDesc": listed.local_symbol, "position": float(size)}
        return {**row, "avgPrice": average, "currency": listed.currency, "assetClass": listed.sec_type, "ticker": listed.symbol}

    def _pairs(self, currency: str) -> Any:
        pairs = [one for one in self.catalogue if one.sec_type == "CASH" and currency in (one.symbol, one.currency)]
        return {currency: [{"symbol": one.local_symbol, "conid": one.con_id, "ccyPair": one.symbol} for one in pairs]}

    def _snapshot(self, con_id: int, fields: str) -> dict[str, Any]:
        listed = next(one for one in self.catalogue if one.con_id == con_id)
        if con_id not in self._shown:
            self._shown.add(con_id)
            return {"conid": con_id, "conidEx": str(con_id)}
        quote = self.exchange.quote(listed.instrument)
        values = {"31": (quote.bid + quote.ask) / 2, "84": quote.bid, "86": quote.ask, "88": quote.bid_size, "85": quote.ask_size}
        shown = {name: format(values[name], "f") for name in fields.split(",") if name in values}
        return {"conid": con_id, "conidEx": str(con_id), "_updated": self.now_ns() // 1_000_000, **shown}

    def _orders(self, method: str, parts: list[str], body: Any) -> Any:
        if parts == ["iserver", "account", "orders"]:
            is_snapshot, self._has_orders = self._has_orders, True
            mine = [one for one in self.exchange.orders.values() if one.account == self.account]
            return {"orders": [order_row(one, self.catalogue) for one in mine] if is_snapshot else [], "snapshot": is_snapshot}
        if parts == ["iserver", "account", "trades"]:
            return [trade_row(one, self.catalogue) for one in self.exchange.executions if one.account == self.account]
        if parts[:2] == ["iserver", "reply"] and method == "POST":
            return self._reply(parts[2], body)
        if len(parts) < 4 or parts[2] != self.account:
            raise Refused("no such account or resource", 400)
        if parts[3] == "orders" and method == "POST":
            return self._placed(body["orders"])
        if parts[3] == "order" and method in ("DELETE", "POST"):
            return self._of_one(method, int(parts[4]), body)
        raise Refused("no such resource", 404)

    def _placed(self, rows: list[Any]) -> Any:
        if len(rows) != 1:
            raise Refused("one order at a time", 400)
        order = read_order(rows[0], self.account, self.catalogue)
        if order.client_id and self.exchange.named(self.account, order.client_id) is not None:
            raise Refused(f"Local order ID={order.client_id} is already registered.", 400)
        asked = None if self.asks is None else self.asks(order)
        if asked is not None:
            self._asked += 1
            number = f"00000000-0000-4000-8000-{self._asked:012d}"
            self.questions[number] = self.monotonic(), order
            return [{"id": number, "message": [asked], "isSuppressed": False, "messageIds": ["o383"]}]
        return self._entered(order)

    def _reply(self, number: str, body: Any) -> Any:
        asked = self.questions.pop(number, None)
        if asked is None or self.monotonic() - asked[0] > QUESTION_S:
            raise Refused("the question is not known, or has lapsed", 400)
        return self._entered(asked[1]) if body.get("confirmed") is True else {"error": "Order was not confirmed"}

    def _entered(self, order: VenueOrder) -> Any:
        self.exchange.place(order)
        row = order_row(order, self.catalogue)
        return [{"order_id": str(order.id), "local_order_id": order.client_id, "order_status": row["status"], "encrypt_message": "1"}]

    def _of_one(self, method: str, order_id: int, body: Any) -> Any:
        order = self.exchange.orders.get(order_id)
        if order is None or order.account != self.account:
            raise Refused(f"OrderID {order_id} doesn't exist", 400)
        if not order.is_working:
            raise Refused(f"OrderID {order_id} cannot be cancelled or modified: {order.status}", 400)
        if method == "DELETE":
            self.exchange.cancel(order_id)
            return {"msg": "Request was submitted", "order_id": order_id, "account": self.account}
        if quantity_of(body) < order.filled:
            raise Refused("the quantity is filled already", 400)
        changed_order(self.exchange, order, body)
        return [{"order_id": str(order_id), "local_order_id": order.client_id, "order_status": order_row(order, self.catalogue)["status"]}]


def _found(one: Listed) -> dict[str, Any]:
    row = {"conid": str(one.con_id), "companyName": one.name, "symbol": one.symbol, "description": one.primary or one.exchange}
    return {**row, "sections": [{"secType": one.sec_type, "exchange": one.exchange}]}


def _said(status: int, body: Any) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})
