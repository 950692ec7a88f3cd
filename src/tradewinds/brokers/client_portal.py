"""Interactive Brokers by the Client Portal gateway: a second way in, over HTTP, for shares and currencies.

1. `cOID` carries our id; the venue refuses it a second time. The session is initialised, primed and kept alive by `tickle`.
2. Nothing is told by itself: the lists of orders and trades are asked for, as often as the venue allows. The first list of orders is empty
   and says so (`snapshot: false`); it is asked for again before "not found" is believed.
3. A question instead of an answer is told as a `Link` and never confirmed: without `/iserver/reply` there is no order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import aiohttp

from tradewinds.brokers.client_portal_messages import KINDS, TIMES, VENUE, body_of, fill_of, number, report_of
from tradewinds.brokers.http import HttpAnswer, HttpWire, NewSession, session_for
from tradewinds.core.account import Fill
from tradewinds.core.broker import BrokerCapability, FillPage, Hear, Holdings, Link, LinkState, OrderRef, OrderReport
from tradewinds.core.errors import OutcomeUnknown, Rejected, TradewindsError, Transient, Unreadable
from tradewinds.core.instrument import Instrument, split_id
from tradewinds.core.order import ApprovedOrder, OrderState
from tradewinds.core.ports import Clock
from tradewinds.wire.loopback import is_loopback

URL = "https://localhost:5000/v1/api"
ABSENT_AFTER_S = 10.0
SLOW_S = 5.1  # orders, trades and accounts may be asked for once in five seconds
TICKLE_S = 55.0
REQUESTS_A_SECOND_MAX = 8
PENALTY_S = 600.0
PAGES_MAX = 100
OVERLAP_NS = 3_600 * 1_000_000_000
LISTINGS = {"XNAS": "NASDAQ", "XNYS": "NYSE", "ARCX": "ARCA", "XASE": "AMEX"}
CURRENCIES = "IDEALPRO"
DUPLICATE = "already registered"


class ClientPortalBroker:
    """`core.broker.Broker` for one account. url: up to and with /v1/api. account: "" for the only one."""

    def __init__(
        self,
        *,
        url: str,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        account: str = "",
        environment: str = "test",
        name: str = "client_portal",
        new_session: NewSession | None = None,
        timeout_s: float = 10.0,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self.capability = BrokerCapability(
            name, VENUE, frozenset(KINDS), frozenset(TIMES), can_replace=False, has_reduce_only=False, absent_after_s=ABSENT_AFTER_S,
            holds="positions", orders_per_second=5.0,
        )  # fmt: skip
        self._wire = HttpWire(url, what=name, new_session=new_session or session_of(url), timeout_s=timeout_s)
        self._instruments = instruments
        self._clock = clock
        self._account = account
        self._environment = environment
        self._may_send = may_send
        self._hear: Hear | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._state: LinkState | None = None
        self._con_ids: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._slow: dict[str, tuple[asyncio.Lock, float]] = {}
        self._sent: list[float] = []
        self._told: dict[str, tuple[OrderState, Decimal | None]] = {}
        self._told_fills: set[str] = set()
        self._penalty_s = float("-inf")

    async def open(self, hear: Hear) -> None:
        """Begin the session, check the account, name the contracts. Raises Transient where it is not logged in; then open again."""
        await self.close()
        self._hear = hear
        self._wire.open()
        try:
            await self._begin()
            await self._name_contracts()
        except BaseException:
            await self.close()
            raise
        self._link("up", "connected")
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        keeper, self._keeper = self._keeper, None
        self._hear = self._state = None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        await self._wire.close()

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        what = f"order {order.client_order_id}"
        self._must_be_up(what)  # before that no contract is known, and nothing could be refused for good
        body = body_of(order, self._con_id(order.terms.instrument))
        if order.terms.is_reduce_only:
            held = (await self.holdings()).quantity(order.terms.instrument)
            if held * order.terms.signed >= 0 or abs(held) < order.terms.quantity:
                raise Rejected(f"{what}: {order.terms.signed} to reduce {held}, expected less of the other sign")
        return await self._changed(what, order, f"/iserver/account/{self._account}/orders", {"orders": [body]})

    async def cancel(self, order: OrderRef) -> OrderReport:
        what = f"cancel of {order.client_order_id}"
        row = await self._own(order, what)
        answer = await self._ask("DELETE", f"/iserver/account/{self._account}/order/{row['orderId']}", changes=True)
        if answer.status >= 500:
            raise OutcomeUnknown(f"{what}: {answer.status} {answer.excerpt}, expected an answer")
        # The answer says that the request was submitted; what became of it says the list.
        found = _match(await self._list(), order)
        report = None if found is None else self._report(found)
        if report is None or report.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            raise OutcomeUnknown(f"{what}: {answer.excerpt}, expected the order to have ended")
        return report

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        raise Rejected(f"replace of {order.client_order_id}: not by this way in, expected cancel and new")

    async def find(self, order: OrderRef) -> OrderReport | None:
        self._must_be_up("find")
        found = _match(await self._list(), order)
        return None if found is None else self._report(found)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        self._must_be_up("open orders")
        reports = [self._report(row) for row in await self._list()]
        return tuple(one for one in reports if one.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.UNKNOWN))

    async def fills(self, since: str) -> FillPage:
        """Of the last seven days; the cursor is the time of the newest, and an hour before it is told again."""
        self._must_be_up("fills")
        found = await self._trades()
        newest = max([int(since or 0), *(one.event_ns for one in found)])
        return FillPage(tuple(one for one in found if one.event_ns >= int(since or 0) - OVERLAP_NS), str(newest))

    async def holdings(self) -> Holdings:
        self._must_be_up("holdings")
        rows: list[Mapping[str, Any]] = []
        for page in range(PAGES_MAX):
            more = await self._json("GET", f"/portfolio/{self._account}/positions/{page}")
            rows += more
            if len(more) < 30:
                break
        ledger = await self._json("GET", f"/portfolio/{self._account}/ledger")
        cash = {name: number(one["cashbalance"]) for name, one in ledger.items() if name != "BASE" and number(one["cashbalance"])}
        positions: dict[str, Decimal] = {}
        for row in rows:
            name, quantity = self._name(row), number(row["position"])
            if quantity:
                positions[name] = quantity
            if row.get("assetClass") == "CASH":
                base = split_id(name)[0].partition("_")[0]
                cash[base] = cash.get(base, Decimal(0)) - quantity
        return Holdings(positions, {name: amount for name, amount in cash.items() if amount}, self._clock.now_ns())

    # Requests

    def _must_be_up(self, what: str) -> None:
        if self._state != "up":
            raise Transient(f"{what}: the gateway is {self._state or 'not open'}, expected it up")

    async def _changed(self, what: str, order: ApprovedOrder, path: str, body: Any) -> OrderReport:
        """Send an order, and read what came back."""
        if not self._may_send():
            raise Transient(f"{what}: halted before it was sent")
        answer = await self._ask("POST", path, body=body, changes=True)
        if answer.status >= 500:
            raise OutcomeUnknown(f"{what}: {answer.status} {answer.excerpt}, expected an answer")
        try:
            said = answer.json()
        except ValueError:
            raise OutcomeUnknown(f"{what}: {answer.excerpt}, expected JSON") from None
        first = said[0] if isinstance(said, list) and said else said
        if not isinstance(first, dict):
            raise OutcomeUnknown(f"{what}: {answer.excerpt}, expected an object")
        if "order_id" in first:
            row = {
                "orderId": first["order_id"],
                "status": first.get("order_status"),
                "filledQuantity": 0,
                "order_ref": order.client_order_id,
            }
            return report_of(row, order.terms.instrument, self._clock.now_ns())
        if "message" in first and "id" in first:
            text = " ".join(map(str, first["message"]))
            self._say(Link("question", f"order {order.client_order_id}: {text} (reply {first['id']})", self._clock.now_ns()))
            return OrderReport(order.client_order_id, "", order.terms.instrument, OrderState.UNKNOWN, self._clock.now_ns(), reason=text)
        error = str(first.get("error", answer.excerpt))
        if DUPLICATE in error:
            raise OutcomeUnknown(f"{what}: {error}, which an earlier request did")
        if 400 <= answer.status < 500 or "error" in first:
            raise Rejected(f"{what}: {error}")
        raise OutcomeUnknown(f"{what}: {answer.status} {answer.excerpt}, expected an order id")

    async def _ask(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Any = None, changes: bool = False
    ) -> HttpAnswer:
        """At our own pace; 401 and 429 say that nothing was done."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._penalty_s < PENALTY_S:
            raise Transient(f"{path}: in the penalty box, not sent", retry_after_s=self._penalty_s + PENALTY_S - loop.time())
        while True:
            self._sent = [at for at in self._sent if loop.time() - at < 1.0]
            if len(self._sent) < REQUESTS_A_SECOND_MAX:
                break
            await asyncio.sleep(0.05)
        self._sent.append(loop.time())
        answer = await self._wire.ask(method, path, params=params or {}, body=body, changes=changes)
        if answer.status == 401:
            self._link("locked out", f"{path}: not logged in; log in at the gateway and confirm the second factor")
            raise Transient(f"{path}: 401 {answer.excerpt}, expected a session that is logged in")
        if answer.status == 429:
            self._penalty_s = loop.time()
            self._link("down", f"{path}: too many requests; the gateway takes none for ten minutes")
            raise Transient(f"{path}: 429, not done", retry_after_s=answer.retry_after_s or PENALTY_S)
        return answer

    async def _json(self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Any = None) -> Any:
        """The answer to a question; raises Transient where it is none."""
        answer = await self._ask(method, path, params=params, body=body)
        try:
            if answer.status == 200:
                return answer.json()
        except ValueError:
            pass
        raise Transient(f"{path}: {answer.status} {answer.excerpt}, expected JSON")

    async def _slowly(self, path: str) -> Any:
        """One of the lists that may be asked for once in five seconds."""
        lock, _ = self._slow.setdefault(path, (asyncio.Lock(), float("-inf")))
        async with lock:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(max(0.0, self._slow[path][1] + SLOW_S - loop.time()))
            self._slow[path] = lock, loop.time()
            return await self._json("GET", path)

    async def _list(self) -> list[Mapping[str, Any]]:
        """Every order of the session's days; asked for again where the first answer is no snapshot."""
        for _ in range(2):
            answer = await self._slowly("/iserver/account/orders")
            if isinstance(answer, dict) and answer.get("snapshot") is True and isinstance(answer.get("orders"), list):
                return [row for row in answer["orders"] if str(row.get("acct", self._account)) == self._account]
        raise Transient("/iserver/account/orders: no snapshot twice, expected the orders")

    async def _trades(self) -> list[Fill]:
        rows = await self._slowly("/iserver/account/trades")
        if not isinstance(rows, list):
            raise Transient(f"/iserver/account/trades: {str(rows)[:80]}, expected a list")
        found = [self._fill(row) for row in rows if str(row.get("account", self._account)) == self._account]
        return sorted(found, key=lambda one: (one.event_ns, one.id))

    async def _own(self, order: OrderRef, what: str) -> Mapping[str, Any]:
        self._must_be_up(what)
        found = _match(await self._list(), order)
        if found is None or self._report(found).state not in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            raise Rejected(f"{what}: it does not work, expected a working order")
        return found

    # The session

    async def _begin(self) -> None:
        """Initialise and prime; the account must be of the kind that was meant."""
        await self._json("POST", "/iserver/auth/ssodh/init", body={"publish": True, "compete": True})
        status = await self._json("POST", "/iserver/auth/status")
        if not status.get("authenticated") or status.get("competing"):
            raise Transient(f"client portal: {str(status)[:120]}, expected a session of our own that is authenticated")
        accounts = list((await self._json("GET", "/iserver/accounts")).get("accounts", []))
        account = self._account or (accounts[0] if len(accounts) == 1 else "")
        if account not in accounts:
            raise Rejected(f"client portal: account {account!r}, expected one of {', '.join(map(str, accounts))}")
        if account.startswith("D") != (self._environment == "test"):
            raise Rejected(
                f"client portal: account {account} for environment {self._environment}, expected D... for test and others for live"
            )
        self._account = account
        await self._slowly("/portfolio/accounts")

    async def _name_contracts(self) -> None:
        """The venue's numbers of our instruments; one that it does not know is refused when it is traded."""
        for name, instrument in self._instruments.items():
            symbol, venue = split_id(name)
            if venue in LISTINGS and name not in self._con_ids:
                rows = await self._json("GET", "/iserver/secdef/search", params={"symbol": symbol})
                for row in rows if isinstance(rows, list) else ():
                    if row.get("symbol") == symbol and row.get("description") == LISTINGS[venue]:
                        self._con_ids[name] = int(row["conid"])
            elif venue == CURRENCIES and name not in self._con_ids:
                answer = await self._json("GET", "/iserver/currency/pairs", params={"currency": instrument.currency})
                for row in answer.get(instrument.currency, []):
                    if row.get("symbol") == symbol.replace("_", "."):
                        self._con_ids[name] = int(row["conid"])
        self._names = {number: name for name, number in self._con_ids.items()}

    async def _keep(self) -> None:
        """Tickle, look at orders and trades, and begin the session anew when it is gone."""
        tickled_s = float("-inf")
        while True:
            await asyncio.sleep(SLOW_S)
            try:
                if self._state != "up":
                    await self._begin()
                    self._link("up", "the session is back")
                if asyncio.get_running_loop().time() - tickled_s >= TICKLE_S:
                    tickled_s = asyncio.get_running_loop().time()
                    shown = await self._json("POST", "/tickle")
                    if not shown.get("iserver", {}).get("authStatus", {}).get("authenticated"):
                        raise Transient("/tickle: the session is not authenticated, expected it alive")
                await self._look()
            except TradewindsError as error:
                if self._state == "up":
                    self._link("down", str(error))

    async def _look(self) -> None:
        for fill in await self._trades():
            if fill.id not in self._told_fills:
                self._told_fills.add(fill.id)
                self._say(fill)
        for row in await self._list():
            report = self._report(row)
            news = report.state, report.filled
            if self._told.get(report.venue_order_id) != news:
                self._told[report.venue_order_id] = news
                self._say(report)

    def _con_id(self, instrument: str) -> int:
        found = self._con_ids.get(instrument)
        if found is None:
            raise Rejected(f"client portal: no contract for {instrument}, expected one of {', '.join(sorted(self._con_ids)) or 'none'}")
        return found

    def _name(self, row: Mapping[str, Any]) -> str:
        return self._names.get(int(row.get("conid", 0)), f"{row.get('ticker') or row.get('conid')}.IBKR")

    def _report(self, row: Mapping[str, Any]) -> OrderReport:
        try:
            return report_of(row, self._name(row), self._clock.now_ns())
        except Unreadable as error:
            raise Transient(str(error)) from None

    def _fill(self, row: Mapping[str, Any]) -> Fill:
        name = self._name(row)
        instrument = self._instruments.get(name)
        try:
            return fill_of(
                row, name, "USD" if instrument is None else instrument.currency, Decimal(1) if instrument is None else instrument.multiplier
            )
        except Unreadable as error:
            raise Transient(str(error)) from None

    def _link(self, state: LinkState, detail: str) -> None:
        if self._state != state:
            self._state = state
            self._say(Link(state, detail, self._clock.now_ns()))

    def _say(self, told: OrderReport | Fill | Link) -> None:
        if self._hear is not None:
            self._hear(told)


def session_of(url: str) -> NewSession:
    """Sessions for a gateway. On this machine its certificate is one that it made itself, which nobody can check."""
    if url.startswith("https") and is_loopback(url):
        return lambda: aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False))
    return session_for(url)


def _match(rows: list[Mapping[str, Any]], order: OrderRef) -> Mapping[str, Any] | None:
    for row in rows:
        if order.client_order_id and row.get("order_ref") == order.client_order_id:
            return row
    return next((row for row in rows if order.venue_order_id and str(row.get("orderId")) == order.venue_order_id), None)
