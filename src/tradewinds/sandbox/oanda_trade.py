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
from decimal import Decimal
from urllib.parse import parse_qs, unquote

import msgspec

from tradewinds.sandbox.conversation import Answer, Close, Question, Send, Talk
from tradewinds.sandbox.exchange import Exchange, Execution, Quote, VenueOrder
from tradewinds.sandbox.oanda_trade_answers import account, changes, end_of_new_york_day, number_of, orders, positions, priced, transactions
from tradewinds.sandbox.oanda_trade_book import Book, Fields, Rule, moment
from tradewinds.sandbox.oanda_trade_desk import OrderDesk, related
from tradewinds.sandbox.oanda_trade_orders import Refusal

NS = 1_000_000_000
HEARTBEAT_NS = 5 * NS
_encode = msgspec.json.Encoder().encode
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
        self._desk = OrderDesk(self)
        self._requests = 0
        self._second, self._in_second = 0, 0
        self.exchange.listeners.append(self._listen)
        for name in dict.fromkeys(one for accounts in self.tokens.values() for one in accounts):
            self._add(name, currency, balance)

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
        return Answer(status, _encode(body), headers)

    # Requests

    def _routed(self, book: Book, question: Question) -> tuple[int, Fields]:
        rest = unquote((_PATH.fullmatch(question.path) or {"rest": ""})["rest"] or "")
        asked = {name: values[-1] for name, values in parse_qs(question.query).items()}
        body = _body(question)
        parts = rest.strip("/").split("/") if rest.strip("/") else []
        match question.method, parts:
            case "GET", [] | ["summary"]:
                return 200, {"account": account(book, self.mid, is_whole=not parts)}
            case "POST", ["orders"]:
                return 201, self._desk.create(book, body.get("order"))
            case "GET", ["orders"]:
                return 200, {"orders": orders(book, asked, self._is_read)}
            case "GET", ["pendingOrders"]:
                return 200, {"orders": [book.order(one) for one in reversed(self.exchange.working(book.id))]}
            case "GET", ["orders", name]:
                found = self.order_of(book, name, is_read=True)
                return (404, dict(_NO_ORDER)) if found is None else (200, {"order": book.order(found)})
            case "PUT", ["orders", name]:
                return 201, self._desk.replace(book, name, body.get("order"))
            case "PUT", ["orders", name, "cancel"]:
                return 200, self._desk.cancel(book, name)
            case "PUT", ["orders", name, "clientExtensions"]:
                return 200, self._desk.rename(book, name, body.get("clientExtensions"))
            case "GET", ["trades" | "openTrades"]:
                return 200, {"trades": [book.trade(one, self.mid(one.instrument)) for one in reversed(book.open_trades())]}
            case "GET", ["trades", number] if number in book.trades:
                return 200, {"trade": book.trade(book.trades[number], self.mid(book.trades[number].instrument))}
            case "PUT", ["trades", number, "close"] if number in book.trades:
                return 200, self._desk.close_trade(book, number, body)
            case "GET", ["positions" | "openPositions" as which]:
                return 200, {"positions": positions(book, self.mid, is_open=which == "openPositions")}
            case "GET", ["positions", name] if name in self.rules:
                return 200, {"position": book.position(name, self.mid(name))}
            case "PUT", ["positions", name, "close"] if name in self.rules:
                return 200, self._desk.close_position(book, name, body)
            case "GET", ["changes"]:
                return 200, changes(book, self.mid, number_of(asked, "sinceTransactionID"))
            case "GET", ["transactions", *more]:
                return transactions(book, more, asked)
            case "GET", ["pricing"]:
                names = asked.get("instruments", "").split(",")
                if not set(names) <= set(self.rules):
                    return 400, {"errorMessage": "Invalid value specified for 'instruments'"}
                return 200, {
                    "prices": [priced(book, name, is_open=self.is_open(name)) for name in names],
                    "time": moment(self.exchange.now_ns()),
                }
        return 404, {"errorMessage": "Not found"}

    def order_of(self, book: Book, name: str, *, is_read: bool = False) -> VenueOrder | None:
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

    def _refused(self, book: Book, refused: Refusal) -> tuple[int, Fields]:
        before = len(book.transactions)
        told = book.record(refused.kind, **refused.fields, rejectReason=refused.reason)
        said: Fields = {refused.name: told, **related(book, before)}
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

    def _show(self, stream: Stream) -> None:
        for name in stream.instruments:
            quote = self.exchange.quote(name)
            if stream.shown.get(name) != quote:
                stream.shown[name] = quote
                stream.send(_encode(priced(stream.book, name, is_open=self.is_open(name))) + b"\n")

    def _beat(self, stream: Stream) -> None:
        said: Fields = {"type": "HEARTBEAT", "time": moment(self.exchange.now_ns())}
        if not stream.instruments:
            said["lastTransactionID"] = stream.book.last_id
        stream.send(_encode(said) + b"\n")

    def _forget(self, stream: Stream) -> None:
        if stream in self.streams:
            self.streams.remove(stream)

    def _listen(self, order: VenueOrder, done: Execution | None) -> None:
        self.books[order.account].hear(order, done)

    def _add(self, name: str, currency: str, balance: Decimal) -> None:
        def told(transaction: Fields) -> None:
            line = _encode(transaction) + b"\n"
            for stream in list(self.streams):
                if stream.book.id == name and not stream.instruments:
                    stream.send(line)

        rate: Callable[[str], Decimal] = lambda one: self.home_rate(one, currency)  # noqa: E731 - a name would say no more
        book = self.books[name] = Book(name, currency, balance, self.exchange, self.rules, rate, told)
        book.record("CREATE", divisionID=1, siteID=1, accountUserID=1, accountNumber=1, homeCurrency=currency)
        amount = f"{balance:.4f}"
        book.record("TRANSFER_FUNDS", amount=amount, fundingReason="CLIENT_FUNDING", accountBalance=amount)


def _body(question: Question) -> Fields:
    try:
        found = json.loads(question.body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
