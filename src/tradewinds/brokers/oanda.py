"""OANDA v20 as a broker: orders under our own ids, the transaction log for recovery, the transaction stream for what is told.

1. `clientExtensions.id` carries our id; the venue keeps it unique among pending orders only, so a doubtful order is looked up, by our id
   and then among the latest orders of its instrument, because an order is not found for a moment after it was taken.
2. Every change is a transaction. `fills` reads those after the cursor, which is a transaction id; the stream tells them as they come.
3. The stream's heartbeat names the last transaction: one that was missed is asked for. Silence ends the connection, and `Link` says so.

A 201 may hold an order that was cancelled in the same answer; it is reported as ended, with the venue's reason.
Tokens cannot withdraw: OANDA's interface has no withdrawal.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from tradewinds.brokers.http import HttpAnswer, HttpWire, NewSession
from tradewinds.brokers.key_watch import KeyWatch
from tradewinds.brokers.oanda_messages import (
    KINDS,
    VENUE,
    Fields,
    body_of,
    ending,
    fill_of,
    instrument_of,
    number,
    report_of,
    text,
    time_ns,
)
from tradewinds.brokers.oanda_stream import TransactionStream
from tradewinds.core.account import ZERO, Fill
from tradewinds.core.broker import BrokerCapability, FillPage, Hear, Holdings, Link, OrderRef, OrderReport
from tradewinds.core.errors import OutcomeUnknown, Rejected, Transient, Unreadable
from tradewinds.core.instrument import Instrument, split_id
from tradewinds.core.order import ApprovedOrder, OrderState, TimeInForce
from tradewinds.core.ports import Clock
from tradewinds.wire.secret import Secret

PRACTICE_URL, LIVE_URL = "https://api-fxpractice.oanda.com", "https://api-fxtrade.oanda.com"
PRACTICE_STREAM_URL, LIVE_STREAM_URL = "https://stream-fxpractice.oanda.com", "https://stream-fxtrade.oanda.com"
TIMES_IN_FORCE: frozenset[TimeInForce] = frozenset({"gtc", "day", "ioc", "fok"})
# Orders were seen not to be found for half a second after they were taken (hootnot/oanda-api-v20#204); the venue states no receive window.
ABSENT_AFTER_S = 5.0
CASH_STEP = Decimal("0.0001")  # gains are told with four decimals
ORDERS_PER_SECOND = 50.0  # half of the hundred requests a second that one connection may send
LATEST_ORDERS = 500
PAGE = 1_000
PAGES_MAX = 1_000
KNOWN_MAX = 20_000
_NOT_FOUND = ("NO_SUCH_ORDER", "ORDER_DOESNT_EXIST")


class OandaBroker:
    """`core.broker.Broker` for one OANDA account. url, stream_url: where the account lives; new_session: makes the HTTP sessions.

    account: as OANDA names it (101-004-1234567-001). random: spreads the waits between attempts to connect.
    """

    def __init__(
        self,
        *,
        account: str,
        token: Secret,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        random: random.Random,
        url: str = PRACTICE_URL,
        stream_url: str = PRACTICE_STREAM_URL,
        name: str = "oanda",
        new_session: NewSession | None = None,
        timeout_s: float = 10.0,
        silence_s: float = 12.0,
    ) -> None:
        self.capability = BrokerCapability(
            name, VENUE, frozenset(KINDS), TIMES_IN_FORCE, can_replace=True, has_reduce_only=True, absent_after_s=ABSENT_AFTER_S,
            holds="positions", orders_per_second=ORDERS_PER_SECOND, cash_step=CASH_STEP,
        )  # fmt: skip
        self._account = account
        self._instruments = instruments
        self._clock = clock
        self._headers: dict[str, str | Secret] = {"Authorization": token.behind("Bearer "), "Accept-Datetime-Format": "RFC3339"}
        self._wire = HttpWire(url, what=name, new_session=new_session, timeout_s=timeout_s, secrets=(token,))
        self._stream = TransactionStream(
            HttpWire(stream_url, what=f"{name} stream", new_session=new_session, timeout_s=timeout_s, secrets=(token,)),
            f"/v3/accounts/{account}/transactions/stream", self._headers, clock, random, silence_s, self,
        )  # fmt: skip
        self._hear: Hear | None = None
        self._home = ""
        self._known: dict[str, tuple[str, str]] = {}
        self._key_watch = KeyWatch(self.holdings, lambda: self.hear(Link("up", "the token is accepted again", clock.now_ns())))

    def __repr__(self) -> str:
        return f"OandaBroker({self.capability.name}, {self._account})"

    # Connecting

    async def open(self, hear: Hear) -> None:
        """Ask for the account, once, and listen; after a Transient it may be called again."""
        await self.close()
        self._hear = hear
        self._wire.open()
        try:
            shown = await self._ask_json("GET", "/summary")
            with self._reading("/summary"):
                summary = _mapping(shown, "account")
                home, last = text(summary, "currency"), int(text(summary, "lastTransactionID"))
        except BaseException:
            await self.close()
            raise
        self._home = home
        self._stream.start(last)

    async def close(self) -> None:
        self._hear, self._home = None, ""
        await self._key_watch.stop()
        await self._stream.stop()
        await self._wire.close()

    # Orders

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        return await self._sent("POST", "/orders", order)

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        return await self._sent("PUT", f"/orders/{_specifier(order)}", by)

    async def cancel(self, order: OrderRef) -> OrderReport:
        path = f"/orders/{_specifier(order)}/cancel"
        answer = await self._change("PUT", path, None)
        try:
            cancelled = _mapping(answer.json(), "orderCancelTransaction")
            return OrderReport(
                order.client_order_id or str(cancelled.get("clientOrderID", "")),
                text(cancelled, "orderID"),
                order.instrument,
                ending(str(cancelled.get("reason"))),
                time_ns(cancelled, "time"),
                reason=str(cancelled.get("reason")),
            )
        except (Unreadable, ValueError) as error:
            raise OutcomeUnknown(self._wire.fault("PUT", path, f"{error}, expected an orderCancelTransaction")) from None

    async def _sent(self, method: str, path: str, order: ApprovedOrder) -> OrderReport:
        body = body_of(order)
        if order.terms.instrument not in self._instruments:
            raise Rejected(f"{self.capability.name}: instrument {order.terms.instrument}, expected one of this account's")
        answer = await self._change(method, path, {"order": body})
        try:
            return self._report_of_answer(answer.json(), order)
        except (Unreadable, ValueError) as error:
            raise OutcomeUnknown(self._wire.fault(method, path, f"{error}, expected an orderCreateTransaction")) from None

    def _report_of_answer(self, said: Any, order: ApprovedOrder) -> OrderReport:
        created = _mapping(said, "orderCreateTransaction")
        number_of_order = text(created, "id")
        self._remember(number_of_order, order.client_order_id, order.terms.instrument)
        # A replacement's answer also holds the cancel of what it replaced, and the fill of neither is marked otherwise.
        of_order: list[Fields] = [one for one in said.values() if isinstance(one, dict) and str(one.get("orderID")) == number_of_order]
        fills = tuple(fill_of(one, self._home, order.client_order_id) for one in of_order if one.get("type") == "ORDER_FILL")
        cancels = [one for one in of_order if one.get("type") == "ORDER_CANCEL"]
        filled = sum((one.quantity for one in fills), ZERO)
        reason = ""
        if filled >= order.terms.quantity:
            state = OrderState.FILLED
        elif cancels:
            reason = str(cancels[-1].get("reason"))
            state = ending(reason)
        elif filled and isinstance(said.get("orderReissueTransaction"), dict):
            state, reason = OrderState.UNKNOWN, "the venue filled a part and issued the rest as another order"
        elif filled and created.get("timeInForce") in ("IOC", "FOK"):
            state, reason = OrderState.CANCELLED, "the venue filled a part and no more"
        else:
            state = OrderState.PARTIALLY_FILLED if filled else OrderState.ACCEPTED
        at_ns = time_ns((cancels or [created])[-1], "time")
        return OrderReport(order.client_order_id, number_of_order, order.terms.instrument, state, at_ns, filled, reason, order.terms, fills)

    # What the venue holds to be true

    async def find(self, order: OrderRef) -> OrderReport | None:
        self._check_ready()
        shown = await self._looked_up(f"/orders/{_specifier(order)}")
        if shown is None and order.venue_order_id and order.client_order_id:
            shown = await self._looked_up(f"/orders/@{order.client_order_id}")
        if shown is None and order.client_order_id:
            name = split_id(order.instrument)[0]
            listed = await self._ask_json("GET", "/orders", state="ALL", count=str(LATEST_ORDERS), instrument=name)
            with self._reading("/orders"):
                shown = next((one for one in _list(listed, "orders") if _client_id(one) == order.client_order_id), None)
        return None if shown is None else await self._reported(shown)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        self._check_ready()
        listed = await self._ask_json("GET", "/pendingOrders")
        with self._reading("/pendingOrders"):
            return tuple(self._seen(report_of(one)) for one in _list(listed, "orders"))

    async def fills(self, since: str) -> FillPage:
        """Fills of the transactions after the cursor, which is a transaction id."""
        self._check_ready()
        found, last = [], since or "0"
        for transaction in await self.transactions(int(last)):
            self.note(transaction)
            if transaction.get("type") == "ORDER_FILL":
                found.append(self.fill(transaction))
            last = str(transaction["id"])
        return FillPage(tuple(found), last)

    async def holdings(self) -> Holdings:
        self._check_ready()
        asked_ns = self._clock.now_ns()
        said = await self._ask_json("GET", "")
        with self._reading(""):
            account = _mapping(said, "account")
            positions = {}
            for one in _list(account, "positions"):
                units = number(_mapping(one, "long"), "units", ZERO) + number(_mapping(one, "short"), "units", ZERO)
                if units:
                    positions[instrument_of(text(one, "instrument"))] = units
            return Holdings(positions, {text(account, "currency"): number(account, "balance")}, asked_ns)

    async def transactions(self, since: int) -> list[Fields]:
        """Every transaction with a greater id, oldest first."""
        found: list[Fields] = []
        for _ in range(PAGES_MAX):
            page = await self._ask_json("GET", "/transactions/sinceid", id=str(since))
            with self._reading("/transactions/sinceid"):
                rows = _list(page, "transactions")
                found += rows
                since = max([since, *(int(text(one, "id")) for one in rows)])
                last = int(text(page, "lastTransactionID"))
            if not rows or since >= last:
                break
        return found

    async def _reported(self, shown: Fields) -> OrderReport:
        """The report of an order with the fills that belong to it."""
        with self._reading("/orders"):
            report = self._seen(report_of(shown))
            filled_by = shown.get("fillingTransactionID")
            fills = await self._fills_of(report, str(filled_by)) if filled_by else ()
        filled = sum((one.quantity for one in fills), ZERO)
        state, reason = report.state, report.reason
        if state is OrderState.FILLED and report.terms is not None and filled < report.terms.quantity:
            state, reason = OrderState.CANCELLED, "the venue filled a part and no more"
        if state is OrderState.CANCELLED and shown.get("cancellingTransactionID"):
            path = f"/transactions/{shown['cancellingTransactionID']}"
            why = await self._ask_json("GET", path)
            with self._reading(path):
                reason = str(_mapping(why, "transaction").get("reason"))
            state = ending(reason)
        return OrderReport(
            report.client_order_id, report.venue_order_id, report.instrument, state, report.event_ns, filled, reason, report.terms, fills
        )

    async def _fills_of(self, report: OrderReport, last: str) -> tuple[Fill, ...]:
        found: list[Fill] = []
        first, end = int(report.venue_order_id), int(last)
        for start in range(first, end + 1, PAGE):
            page = await self._ask_json("GET", "/transactions/idrange", **{"from": str(start), "to": str(min(end, start + PAGE - 1))})
            for one in _list(page, "transactions"):
                if one.get("type") == "ORDER_FILL" and str(one.get("orderID")) == report.venue_order_id:
                    found.append(fill_of(one, self._home, report.client_order_id))
        return tuple(found)

    # What is told

    def hear(self, told: OrderReport | Fill | Link) -> None:
        """Pass on what the stream says; nothing after `close`."""
        if self._hear is not None:
            self._hear(told)

    def fill(self, transaction: Fields) -> Fill:
        """An ORDER_FILL under our id where the order is known. Raises Transient for one that cannot be read."""
        known = self._known.get(str(transaction.get("orderID")), ("", ""))
        with self._reading("/transactions"):
            return fill_of(transaction, self._home, known[0])

    def note(self, transaction: Fields) -> None:
        """Remember the orders that transactions create, because cancels and fills name them by number."""
        extensions = transaction.get("clientExtensions")
        if str(transaction.get("type", "")).endswith("_ORDER") and isinstance(extensions, dict):
            name = str(transaction.get("instrument", ""))
            self._remember(str(transaction.get("id")), str(extensions.get("id", "")), f"{name}.{VENUE}" if name else "")

    def known(self, number_of_order: str) -> tuple[str, str]:
        """(client order id, instrument) of an order, ("", "") where it was never seen."""
        return self._known.get(number_of_order, ("", ""))

    def _seen(self, report: OrderReport) -> OrderReport:
        self._remember(report.venue_order_id, report.client_order_id, report.instrument)
        return report

    def _remember(self, number_of_order: str, client_order_id: str, instrument: str) -> None:
        self._known.pop(number_of_order, None)
        self._known[number_of_order] = client_order_id, instrument
        while len(self._known) > KNOWN_MAX:
            self._known.pop(next(iter(self._known)))

    # Requests

    def _check_ready(self) -> None:
        if not self._home:
            raise Transient(f"{self.capability.name}: not open yet, expected open() to have ended")

    async def _change(self, method: str, path: str, body: Any) -> HttpAnswer:
        """Ask for a change; returns a 2xx answer."""
        self._check_ready()
        answer = await self._wire.ask(method, self._below(path), headers=self._headers, body=body, changes=True)
        if 200 <= answer.status < 300:
            return answer
        code, said = _error(answer)
        message = self._wire.fault(method, path, f"HTTP {answer.status} {code or 'without a code'} ({said})")
        if answer.status == 429:
            raise Transient(f"{message}, expected to be within the rate limit", retry_after_s=answer.retry_after_s)
        self._check_key(answer, message)
        # An id that is taken means that an earlier request of ours arrived: it is looked up, not refused.
        if 400 <= answer.status < 500 and code and code != "CLIENT_ORDER_ID_ALREADY_EXISTS":
            raise Rejected(f"{message}, expected an order that the venue takes")
        raise OutcomeUnknown(f"{message}, expected 201 or a refusal with its code")

    async def _looked_up(self, path: str) -> Fields | None:
        answer = await self._wire.ask("GET", self._below(path), headers=self._headers)
        if answer.status == 404 and _error(answer)[0] in _NOT_FOUND:
            return None
        with self._reading(path):
            return _mapping(self._checked(answer, path), "order")

    async def _ask_json(self, method: str, path: str, **params: str) -> Any:
        answer = await self._wire.ask(method, self._below(path), headers=self._headers, params=params)
        return self._checked(answer, path)

    def _checked(self, answer: HttpAnswer, path: str) -> Any:
        if answer.status == 200:
            try:
                return answer.json()
            except ValueError as error:
                raise Transient(self._wire.fault("GET", path, f"{error}, expected JSON")) from None
        code, said = _error(answer)
        message = self._wire.fault("GET", path, f"HTTP {answer.status} {code} ({said}), expected 200")
        self._check_key(answer, message)
        if answer.status in (400, 403, 405):
            raise Rejected(message)
        raise Transient(message, retry_after_s=answer.retry_after_s)

    @contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        """An answer to a question that cannot be read is asked for again."""
        try:
            yield
        except (Unreadable, ValueError) as error:
            raise Transient(self._wire.fault("GET", path, error)) from None

    def _check_key(self, answer: HttpAnswer, message: str) -> None:
        if answer.status == 401:
            self.hear(Link("refused key", message, self._clock.now_ns()))
            if self._home:
                self._key_watch.refused()
            raise Rejected(f"{message}, expected a token that the venue accepts")

    def _below(self, path: str) -> str:
        return f"/v3/accounts/{self._account}{path}"


def _specifier(order: OrderRef) -> str:
    return order.venue_order_id or f"@{order.client_order_id}"


def _client_id(shown: Fields) -> str:
    extensions = shown.get("clientExtensions")
    return str(extensions.get("id", "")) if isinstance(extensions, dict) else ""


def _error(answer: HttpAnswer) -> tuple[str, str]:
    """The venue's code and words, "" and the beginning of the body where it has none."""
    try:
        said = answer.json()
    except ValueError:
        return "", answer.excerpt
    if not isinstance(said, dict):
        return "", answer.excerpt
    return str(said.get("errorCode") or ""), str(said.get("errorMessage") or answer.excerpt)


def _mapping(said: Any, name: str) -> Fields:
    found = said.get(name) if isinstance(said, dict) else None
    if not isinstance(found, dict):
        raise Unreadable(f"{name} {str(found)[:80]!r}, expected an object")
    return found


def _list(said: Any, name: str) -> list[Fields]:
    found = said.get(name) if isinstance(said, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unreadable(f"{name} {str(found)[:80]!r}, expected a list of objects")
    return found
