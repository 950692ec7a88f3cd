"""OANDA v20 that trades: orders, trades, positions, account, transactions, prices and both streams, spoken sans-io.

1. A question is let in by its token and account, and by the rate of requests.
2. An order is checked as the venue checks it: what it cannot be is a 400 with a reject transaction; what it may not become is a 201
   whose order was cancelled in the same answer.
3. The exchange matches; every change becomes transactions of the account's book, which the streams send on.

Left out: orders attached to fills (take profit, stop loss), trailing stops, financing, hedging. An order that asks for one is refused.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote

from tradewinds.sandbox.conversation import Answer, Close, Question, Send, Talk
from tradewinds.sandbox.exchange import Exchange, Execution, Quote, VenueOrder
from tradewinds.sandbox.fx import NEW_YORK
from tradewinds.sandbox.oanda_trade_book import Book, Fields, Rule, moment, price
from tradewinds.sandbox.oanda_trade_orders import Refusal, order_of

NS = 1_000_000_000
HEARTBEAT_NS = 5 * NS
PAGE = 1_000
DAY_ENDS = 17
_NO_ORDER = {"errorMessage": "The order ID specified does not exist", "errorCode": "NO_SUCH_ORDER"}
_PATH = re.compile(r"(?:/v3)?/accounts(?:/(?P<account>[^/]+)(?P<rest>/.*)?)?")


@dataclass(slots=True)
class Stream:
    """One client that listens: to an account's transactions, or to the prices of some instruments."""

    book: Book
    send: Send
    close: Close
    instruments: tuple[str, ...] = ()
    beat_ns: int = 0
    shown: dict[str, Quote] = field(default_factory=dict)
    forget: Callable[[Stream], None] = lambda stream: None

    def received(self, data: bytes) -> None:
        """Nothing is received on a streaming answer."""

    def closed(self) -> None:
        self.forget(self)


class OandaVenue:
    """`sandbox.conversation.Venue`. quote: of an instrument now; is_open: whether it trades now.

    tokens: secret -> account ids; revoking one is `tokens.pop`. requests_per_second: None for no limit.
    cancel_next: reasons for which the next orders that are taken are cancelled in the same answer.
    set_quotes: prices set by hand, by instrument. read_lag_ns: how long an order is not found by those who ask for it.
    finds_ended: whether an order that ended is found by its client id.
    """

    def __init__(
        self,
        now_ns: Callable[[], int],
        quote: Callable[[str], Quote],
        rules: Iterable[Rule],
        *,
        tokens: Mapping[str, tuple[str, ...]],
        currency: str = "USD",
        balance: Decimal = Decimal(100_000),
        is_open: Callable[[str], bool] = lambda instrument: True,
        requests_per_second: int | None = None,
    ) -> None:
        self._quote = quote
        self.set_quotes: dict[str, Quote] = {}
        self.exchange = Exchange(now_ns, self.quote, day_end=end_of_new_york_day)
        self.rules = {one.name: one for one in rules}
        self.tokens = dict(tokens)
        self.is_open = is_open
        self.cancel_next: deque[str] = deque()
        self.read_lag_ns = 0
        self.finds_ended = True
        self.requests_per_second = requests_per_second
        self.streams: list[Stream] = []
        self.books: dict[str, Book] = {}
        self._requests = 0
        self._second, self._in_second = 0, 0
        self.exchange.listeners.append(self._listen)
        for account in dict.fromkeys(one for accounts in self.tokens.values() for one in accounts):
            self._add(account, currency, balance)

    # The conversation

    def answer(self, question: Question) -> Answer:
        """The answer to one request."""
        self._requests += 1
        book = self._book_or_answer(question)
        if not isinstance(book, Book):
            return book
        self.tick()
        book.request, book.batch = str(self._requests), ""
        try:
            status, body = self._routed(book, question)
        except Refusal as refused:
            status, body = self._refused(book, refused)
        finally:
            book.request, book.batch = "", ""
        return self._answer(status, {**body, "lastTransactionID": body.get("lastTransactionID", book.last_id)})

    def talk(self, question: Question, send: Send, close: Close) -> Talk | Answer:
        """A stream of prices or transactions: one JSON object a line."""
        self._requests += 1
        book = self._book_or_answer(question)
        if not isinstance(book, Book):
            return book
        rest = (_PATH.fullmatch(question.path) or {"rest": ""})["rest"]
        names = tuple(filter(None, ",".join(parse_qs(question.query).get("instruments", [])).split(",")))
        if rest == "/pricing/stream" and not (names and set(names) <= set(self.rules)):
            return self._answer(400, {"errorMessage": "Invalid value specified for 'instruments'"})
        if rest not in ("/pricing/stream", "/transactions/stream"):
            return self._answer(404, {"errorMessage": "Not found"})
        stream = Stream(book, send, close, names, self.exchange.now_ns(), {}, self._forget)
        self.streams.append(stream)
        if not names:
            self._beat(stream)
        else:
            self._show(stream)
        return stream

    def tick(self) -> None:
        """Time or prices may have moved: match what rests, send prices and heartbeats that are due."""
        self.exchange.match()
        now_ns = self.exchange.now_ns()
        for stream in list(self.streams):
            if stream.instruments:
                self._show(stream)
            if now_ns - stream.beat_ns >= HEARTBEAT_NS:
                stream.beat_ns = now_ns
                self._beat(stream)

    def place_by_hand(self, account: str, instrument: str, signed: Decimal, limit: Decimal | None = None) -> VenueOrder:
        """An order that a person places at the venue's own screen."""
        side = "buy" if signed > 0 else "sell"
        order = VenueOrder(account, "", instrument, side, "market" if limit is None else "limit", abs(signed), limit, by_hand=True)  # type: ignore[arg-type]  # mypy reads the side as str
        return self.exchange.place(order)

    def restart(self) -> None:
        """The venue goes down and comes back: streams end, the books stay."""
        for stream in list(self.streams):
            self._forget(stream)
            stream.close()

    # Letting in

    def _book_or_answer(self, question: Question) -> Book | Answer:
        token = question.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return self._answer(401, {"errorMessage": "Insufficient authorization to perform request."})
        second = self.exchange.now_ns() // NS
        self._second, self._in_second = second, (self._in_second + 1 if second == self._second else 1)
        if self.requests_per_second is not None and self._in_second > self.requests_per_second:
            return self._answer(429, {"errorMessage": "Rate limit exceeded", "errorCode": "RATE_LIMIT_EXCEEDED"})
        found = _PATH.fullmatch(question.path)
        if found is None:
            return self._answer(404, {"errorMessage": "Not found"})
        if found["account"] is None:
            return self._answer(200, {"accounts": [{"id": one, "tags": []} for one in self.tokens[token]]})
        if found["account"] not in self.tokens[token]:
            return self._answer(403 if found["account"] in self.books else 404, {"errorMessage": "The specified account does not exist"})
        return self.books[found["account"]]

    def _answer(self, status: int, body: Fields) -> Answer:
        headers = {"content-type": "application/json", "requestid": str(self._requests)}
        return Answer(status, json.dumps(body).encode(), headers)

    # Requests

    def _routed(self, book: Book, question: Question) -> tuple[int, Fields]:
        rest = unquote((_PATH.fullmatch(question.path) or {"rest": ""})["rest"] or "")
        asked = {name: values[-1] for name, values in parse_qs(question.query).items()}
        body = _body(question)
        parts = rest.strip("/").split("/") if rest.strip("/") else []
        match question.method, parts:
            case "GET", [] | ["summary"]:
                return 200, {"account": self._account(book, is_whole=not parts)}
            case "POST", ["orders"]:
                return 201, self._create(book, body.get("order"))
            case "GET", ["orders"]:
                return 200, {"orders": self._orders(book, asked)}
            case "GET", ["pendingOrders"]:
                return 200, {"orders": [book.order(one) for one in reversed(self.exchange.working(book.id))]}
            case "GET", ["orders", name]:
                found = self._order(book, name, is_read=True)
                return (404, dict(_NO_ORDER)) if found is None else (200, {"order": book.order(found)})
            case "PUT", ["orders", name]:
                return 201, self._replace(book, name, body.get("order"))
            case "PUT", ["orders", name, "cancel"]:
                return 200, self._cancel(book, name)
            case "PUT", ["orders", name, "clientExtensions"]:
                return 200, self._rename(book, name, body.get("clientExtensions"))
            case "GET", ["trades" | "openTrades"]:
                return 200, {"trades": [book.trade(one, self.mid(one.instrument)) for one in reversed(book.open_trades())]}
            case "GET", ["trades", number] if number in book.trades:
                return 200, {"trade": book.trade(book.trades[number], self.mid(book.trades[number].instrument))}
            case "PUT", ["trades", number, "close"] if number in book.trades:
                return 200, self._close_trade(book, number, body)
            case "GET", ["positions" | "openPositions" as which]:
                return 200, {"positions": self._positions(book, is_open=which == "openPositions")}
            case "GET", ["positions", name] if name in self.rules:
                return 200, {"position": book.position(name, self.mid(name))}
            case "PUT", ["positions", name, "close"] if name in self.rules:
                return 200, self._close_position(book, name, body)
            case "GET", ["changes"]:
                return 200, self._changes(book, _number(asked, "sinceTransactionID"))
            case "GET", ["transactions", *more]:
                return self._transactions(book, more, asked)
            case "GET", ["pricing"]:
                names = asked.get("instruments", "").split(",")
                if not set(names) <= set(self.rules):
                    return 400, {"errorMessage": "Invalid value specified for 'instruments'"}
                return 200, {"prices": [self._price(name) for name in names], "time": moment(self.exchange.now_ns())}
        return 404, {"errorMessage": "Not found"}

    def _create(self, book: Book, asked: Any) -> Fields:
        order = order_of(asked, book, self.exchange.now_ns())
        return self._placed(book, order, len(book.transactions))

    def _placed(self, book: Book, order: VenueOrder, before: int) -> Fields:
        reason = self._why_not(book, order)
        if reason:
            self.exchange.reject(order, reason)
        else:
            self.exchange.place(order)
        note = book.notes[order.id]
        said: Fields = {"orderCreateTransaction": note.created}
        if note.fills:
            said["orderFillTransaction"] = note.fills[-1]
        if note.cancelled is not None:
            said["orderCancelTransaction"] = note.cancelled
        return said | _related(book, before)

    def _why_not(self, book: Book, order: VenueOrder) -> str:
        """The reason for which an order that was taken is cancelled at once, "" for none."""
        if self.cancel_next:
            return self.cancel_next.popleft()
        if order.kind != "market":
            return ""
        if not self.is_open(order.symbol):
            return "MARKET_HALTED"
        quote, rule = self.exchange.quote(order.symbol), self.rules[order.symbol]
        touch = quote.ask if order.side == "buy" else quote.bid
        if order.limit is not None and (touch - order.limit) * (1 if order.side == "buy" else -1) > 0:
            return "BOUNDS_VIOLATION"
        held = self.exchange.position(book.id, order.symbol)
        after = held + (order.quantity if order.side == "buy" else -order.quantity)
        more = (abs(after) - abs(held)) * touch * self.home_rate(rule.quote_currency, book.currency) * rule.margin_rate
        return "INSUFFICIENT_MARGIN" if more > Decimal(book.summary(self.mid)["marginAvailable"]) else ""

    def _replace(self, book: Book, name: str, asked: Any) -> Fields:
        before = len(book.transactions)
        old = self._order(book, name)
        if old is None or not old.is_working:
            raise Refusal("ORDER_DOESNT_EXIST", "ORDER_CANCEL_REJECT", "orderCancelRejectTransaction", {"orderID": name}, 404)
        order = order_of(asked, book, self.exchange.now_ns(), replaces=old)
        # The cancel comes first, then the order that takes its place.
        order.extra["replaces"], order.extra["reason"] = str(old.id), "REPLACEMENT"
        old.extra["replacedBy"] = str(self.exchange.first_id + 1)
        self.exchange.end(old.id, "replaced", "CLIENT_REQUEST_REPLACED")
        said = self._placed(book, order, before)
        new_cancel = said.pop("orderCancelTransaction", None)
        said["orderCancelTransaction"] = book.notes[old.id].cancelled
        return said | ({"replacingOrderCancelTransaction": new_cancel} if new_cancel is not None else {})

    def _cancel(self, book: Book, name: str) -> Fields:
        before = len(book.transactions)
        order = self._order(book, name)
        if order is None or not order.is_working:
            raise Refusal("ORDER_DOESNT_EXIST", "ORDER_CANCEL_REJECT", "orderCancelRejectTransaction", {"orderID": name}, 404)
        self.exchange.cancel(order.id)
        return {"orderCancelTransaction": book.notes[order.id].cancelled, **_related(book, before)}

    def _rename(self, book: Book, name: str, asked: Any) -> Fields:
        before = len(book.transactions)
        order = self._order(book, name)
        if order is None or not order.is_working or not isinstance(asked, dict):
            raise Refusal(
                "ORDER_DOESNT_EXIST", "ORDER_CLIENT_EXTENSIONS_MODIFY_REJECT", "orderClientExtensionsModifyRejectTransaction",
                {"orderID": name}, 404,
            )  # fmt: skip
        if asked.get("id"):
            self.exchange.rename(order, str(asked["id"]))
            book.notes[order.id].created.setdefault("clientExtensions", {})["id"] = order.client_id
        said = book.record("ORDER_CLIENT_EXTENSIONS_MODIFY", orderID=str(order.id), clientExtensionsModify=asked)
        return {"orderClientExtensionsModifyTransaction": said, **_related(book, before)}

    def _close_trade(self, book: Book, number: str, body: Fields) -> Fields:
        trade = book.trades[number]
        size = abs(trade.left) if body.get("units", "ALL") == "ALL" else Decimal(str(body["units"]))
        if trade.left == 0 or not 0 < size <= abs(trade.left):
            raise Refusal("TRADE_DOESNT_EXIST", "MARKET_ORDER_REJECT", "orderRejectTransaction", {"tradeID": number}, 404)
        return self._closing(book, trade.instrument, -size.copy_sign(trade.left))

    def _close_position(self, book: Book, name: str, body: Fields) -> Fields:
        held = self.exchange.position(book.id, name)
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

    # Answers

    def _account(self, book: Book, *, is_whole: bool) -> Fields:
        shown = book.summary(self.mid)
        if is_whole:
            shown["orders"] = [book.order(one) for one in self.exchange.working(book.id)]
            shown["trades"] = [book.trade(one, self.mid(one.instrument)) for one in book.open_trades()]
            shown["positions"] = self._positions(book, is_open=False)
        return shown

    def _orders(self, book: Book, asked: Mapping[str, str]) -> list[Fields]:
        """Newest first."""
        state, count = asked.get("state", "PENDING"), int(asked.get("count", 50))
        before = int(asked.get("beforeID", 10**18))
        found = []
        for number in sorted(book.notes, reverse=True):
            order = self.exchange.orders[number]
            shown = book.order(order)
            if number <= before and state in ("ALL", shown["state"]) and asked.get("instrument", order.symbol) == order.symbol:
                if self._is_read(order):
                    found.append(shown)
                if len(found) == min(count, 500):
                    break
        return found

    def _order(self, book: Book, name: str, *, is_read: bool = False) -> VenueOrder | None:
        """By the venue's id, or by the client's behind an @."""
        order = (
            self.exchange.named(book.id, name[1:])
            if name.startswith("@")
            else self.exchange.orders.get(int(name))
            if name.isdigit()
            else None
        )
        if order is None or order.account != book.id or (is_read and not self._is_read(order)):
            return None
        return order if order.is_working or self.finds_ended or not name.startswith("@") else None

    def _is_read(self, order: VenueOrder) -> bool:
        return self.exchange.now_ns() - order.created_ns >= self.read_lag_ns

    def _positions(self, book: Book, *, is_open: bool) -> list[Fields]:
        known = dict.fromkeys(one.instrument for one in (book.open_trades() if is_open else book.trades.values()))
        return [book.position(name, self.mid(name)) for name in known]

    def _changes(self, book: Book, since: int) -> Fields:
        happened = book.since(since)
        touched = dict.fromkeys(int(one["orderID"] if "orderID" in one else one["id"]) for one in happened)
        orders = [book.order(self.exchange.orders[one]) for one in touched if one in book.notes]
        trades = [book.trade(one, self.mid(one.instrument)) for one in book.trades.values() if int(one.id) > since]
        changes = {
            "transactions": happened, "ordersCreated": [one for one in orders if int(one["id"]) > since], "ordersTriggered": [],
            "ordersFilled": [one for one in orders if one["state"] == "FILLED"],
            "ordersCancelled": [one for one in orders if one["state"] == "CANCELLED"],
            "tradesOpened": trades, "tradesReduced": [], "tradesClosed": [one for one in trades if one["state"] == "CLOSED"],
            "positions": self._positions(book, is_open=False) if happened else [],
        }  # fmt: skip
        summary = book.summary(self.mid)
        return {"changes": changes, "state": {name: summary[name] for name in ("NAV", "unrealizedPL", "marginUsed", "marginAvailable")}}

    def _transactions(self, book: Book, more: list[str], asked: Mapping[str, str]) -> tuple[int, Fields]:
        match more:
            case ["sinceid"]:
                return 200, {"transactions": book.since(_number(asked, "id"))[:PAGE]}
            case ["idrange"]:
                first, last = _number(asked, "from"), _number(asked, "to")
                if last < first or last - first >= PAGE:
                    return 400, {"errorMessage": "Invalid value specified for 'to'", "errorCode": "INVALID_RANGE"}
                return 200, {"transactions": [one for one in book.since(first - 1) if int(one["id"]) <= last]}
            case [number] if number.isdigit():
                found = [one for one in book.transactions if one["id"] == number]
                return (200, {"transaction": found[0]}) if found else (404, {"errorMessage": "The transaction ID specified does not exist",
                                                                             "errorCode": "NO_SUCH_TRANSACTION"})  # fmt: skip
            case []:
                times = [book.transactions[0]["time"], book.transactions[-1]["time"]]
                return 200, {"count": len(book.transactions), "from": times[0], "to": times[1], "pageSize": 100, "pages": []}
        return 404, {"errorMessage": "Not found"}

    def _refused(self, book: Book, refused: Refusal) -> tuple[int, Fields]:
        before = len(book.transactions)
        told = book.record(refused.kind, **refused.fields, rejectReason=refused.reason)
        said: Fields = {refused.name: told, **_related(book, before)}
        return refused.status, said | {"errorMessage": refused.reason.replace("_", " ").capitalize(), "errorCode": refused.reason}

    # Prices and streams

    def quote(self, instrument: str) -> Quote:
        """The best prices now."""
        found = self.set_quotes.get(instrument)
        return self._quote(instrument) if found is None else found

    def mid(self, instrument: str) -> Decimal:
        """Between bid and ask now."""
        quote = self.exchange.quote(instrument)
        return (quote.bid + quote.ask) / 2

    def home_rate(self, currency: str, home: str) -> Decimal:
        """Units of `home` for one of `currency`, 1 where the venue lists no pair of them."""
        if currency != home and f"{currency}_{home}" in self.rules:
            return self.mid(f"{currency}_{home}")
        if currency != home and f"{home}_{currency}" in self.rules:
            return 1 / self.mid(f"{home}_{currency}")
        return Decimal(1)

    def _price(self, instrument: str) -> Fields:
        quote, rule = self.exchange.quote(instrument), self.rules[instrument]
        bid, ask, is_open = price(quote.bid, rule), price(quote.ask, rule), self.is_open(instrument)
        return {
            "type": "PRICE", "instrument": instrument, "time": moment(self.exchange.now_ns()), "tradeable": is_open,
            "status": "tradeable" if is_open else "non-tradeable", "bids": [{"price": bid, "liquidity": int(quote.bid_size)}],
            "asks": [{"price": ask, "liquidity": int(quote.ask_size)}], "closeoutBid": bid, "closeoutAsk": ask,
        }  # fmt: skip

    def _show(self, stream: Stream) -> None:
        for name in stream.instruments:
            quote = self.exchange.quote(name)
            if stream.shown.get(name) != quote:
                stream.shown[name] = quote
                stream.send(json.dumps(self._price(name)).encode() + b"\n")

    def _beat(self, stream: Stream) -> None:
        said: Fields = {"type": "HEARTBEAT", "time": moment(self.exchange.now_ns())}
        if not stream.instruments:
            said["lastTransactionID"] = stream.book.last_id
        stream.send(json.dumps(said).encode() + b"\n")

    def _forget(self, stream: Stream) -> None:
        if stream in self.streams:
            self.streams.remove(stream)

    def _listen(self, order: VenueOrder, done: Execution | None) -> None:
        self.books[order.account].hear(order, done)

    def _add(self, account: str, currency: str, balance: Decimal) -> None:
        def told(transaction: Fields) -> None:
            line = json.dumps(transaction).encode() + b"\n"
            for stream in list(self.streams):
                if stream.book.id == account and not stream.instruments:
                    stream.send(line)

        rate: Callable[[str], Decimal] = lambda one: self.home_rate(one, currency)  # noqa: E731 - a name would say no more
        book = self.books[account] = Book(account, currency, balance, self.exchange, self.rules, rate, told)
        book.record("CREATE", divisionID=1, siteID=1, accountUserID=1, accountNumber=1, homeCurrency=currency)
        amount = f"{balance:.4f}"
        book.record("TRANSFER_FUNDS", amount=amount, fundingReason="CLIENT_FUNDING", accountBalance=amount)


def end_of_new_york_day(order: VenueOrder, now_ns: int) -> int:
    """When a day order placed now ends: at the next 17:00 in New York."""
    local = datetime.fromtimestamp(now_ns // NS, NEW_YORK)
    day = local.date() + timedelta(days=1 if local.hour >= DAY_ENDS else 0)
    return int(datetime.combine(day, time(DAY_ENDS), NEW_YORK).timestamp()) * NS


def _related(book: Book, before: int) -> Fields:
    return {"relatedTransactionIDs": [one["id"] for one in book.transactions[before:]], "lastTransactionID": book.last_id}


def _body(question: Question) -> Fields:
    try:
        found = json.loads(question.body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(asked: Mapping[str, str], name: str) -> int:
    text = asked.get(name, "")
    return int(text) if text.isdigit() else 0
