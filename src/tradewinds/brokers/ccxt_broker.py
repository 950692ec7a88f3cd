"""Any exchange that ccxt knows as a broker; Binance spot and USD-M futures first.

1. Our id goes as `clientOrderId`. Binance finds an order by it, open or ended; elsewhere it is looked for among the order lists.
2. What was missed is read from the account's trades, symbol by symbol, after the cursor.
3. At Binance the user stream tells (`binance_user_stream`); where there is none, questions are repeated (`ccxt_polling`).

No request is ever repeated here, and none is sent while the venue has asked for a pause. Every exception of ccxt's and every answer that
cannot be read becomes an error of ours (`ccxt_errors`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tradewinds.brokers.ccxt_dialect import Dialect
from tradewinds.brokers.ccxt_errors import Fault, fault_of
from tradewinds.brokers.ccxt_exchange import TRACE, ExchangeOptions, Trace, make_exchange
from tradewinds.brokers.ccxt_markets import Markets
from tradewinds.brokers.ccxt_messages import CANCEL_SUFFIX, Asked, Fields, Listed, asked_of, balances_of, fill_of, number, report_of
from tradewinds.brokers.ccxt_told import Telling
from tradewinds.brokers.ccxt_trades import Trades
from tradewinds.brokers.http import session_for
from tradewinds.brokers.key_watch import KeyWatch
from tradewinds.brokers.nowhere import session_to_nowhere
from tradewinds.core.account import ZERO, Fill
from tradewinds.core.broker import BrokerCapability, FillPage, Hear, Holdings, Link, OrderRef, OrderReport, Told
from tradewinds.core.errors import OutcomeUnknown, Rejected, Transient, Unreadable
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder
from tradewinds.wire.secret import Secret


class CcxtBroker:
    """`core.broker.Broker` for one account. dialect: what is particular to the exchange; telling: makes what tells, None for nothing.

    random: spreads the waits between attempts to connect. checks_key: whether the venue is asked what the key may do.
    """

    def __init__(
        self,
        dialect: Dialect,
        given: ExchangeOptions,
        *,
        instruments: Mapping[str, Instrument],
        random: random.Random,
        telling: Callable[[CcxtBroker], Telling] | None = None,
        name: str = "",
        checks_key: bool = True,
    ) -> None:
        self.dialect = dialect
        self.capability: BrokerCapability = dialect.capability(name or dialect.exchange_id)
        self.clock = given.clock
        self.random = random
        self.secrets = tuple(one for one in (given.key, given.secret, given.password) if one is not None)
        self.given = given
        self.instruments = instruments
        self.exchange: Any = None
        self._checks_key = checks_key
        self._make_telling = telling
        self._telling: Telling | None = None
        self._hear: Hear | None = None
        self._markets = Markets(dialect, instruments)
        self._trades = Trades(self, dialect, self._markets)
        self._paused_until_s = 0.0
        self._is_ready = False
        self._key_watch = KeyWatch(self.holdings, lambda: self.say("up", "the key is accepted again"))

    def __repr__(self) -> str:
        return f"CcxtBroker({self.capability.name}, {self.dialect.exchange_id})"

    # Connecting

    async def open(self, hear: Hear) -> None:
        """Ask what must be known before the first order, once; after a Transient it may be called again."""
        await self.close()
        self._hear = hear
        self._connect()
        try:
            await self._prepare()
        except BaseException:
            await self.close()
            raise
        self._is_ready = True
        if self._make_telling is not None:
            self._telling = self._make_telling(self)
            self._telling.start()

    def _connect(self) -> None:
        self.exchange = make_exchange(self.dialect.exchange_id, self.given)
        # A session of ours, for aiohttp repeats a DELETE by itself when a kept connection turns out to be closed.
        self.exchange.session = (self.given.new_session or session_for(next(iter(self.given.urls.values()), "")))()
        self.exchange.session._retry_connection = False

    async def close(self) -> None:
        self._hear, self._is_ready = None, False
        telling, self._telling = self._telling, None
        await self._key_watch.stop()
        if telling is not None:
            await telling.stop()
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            session, exchange.session = exchange.session, None
            await exchange.close()
            await session.close()

    async def _prepare(self) -> None:
        """Everything that must be known before the first order: the markets, the venue's time, what the key may do."""
        exchange = self.exchange
        await self.call("markets", exchange.load_markets)
        if exchange.has.get("fetchTime") and self.dialect.has_time_window:
            await self.call("time", exchange.load_time_difference)
        self._markets.read(exchange)
        if self._checks_key and self.dialect.key_check:
            said = await self.call("key", getattr(exchange, self.dialect.key_check))
            if not isinstance(said, dict) or _is_true(said.get("enableWithdrawals", True)):
                raise Rejected(f"{self.capability.name}: the key may withdraw, expected one that may only read and trade")
        else:
            await self._holdings()  # whether the key is accepted at all

    def understudy(self) -> CcxtBroker:
        """Another one with the same markets that is open and whose requests go nowhere: its `submit` rehearses ours. Only once open."""
        self._check_ready()
        fake = Secret("rehearsal")
        given = replace(self.given, key=fake, secret=fake, password=fake, markets=self.exchange.markets, new_session=session_to_nowhere)
        made = CcxtBroker(
            self.dialect, given, instruments=self.instruments, random=self.random, name=self.capability.name, checks_key=False
        )
        made._connect()
        made._markets.read(made.exchange)
        made._is_ready = True
        return made

    # Orders

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        self._check_ready()
        market = self._markets.of(order.terms.instrument)
        asked = self._asked(order, market)
        self._trades.traded.add(market.instrument)
        make = self.exchange.create_order
        what = f"order {order.client_order_id}"
        said = await self.call(
            what, lambda: make(asked.symbol, asked.type, asked.side, asked.amount, asked.price, asked.params), changes=True
        )
        with self.reading(what, changes=True):
            return self._report(said, market, order)

    async def cancel(self, order: OrderRef) -> OrderReport:
        self._check_ready()
        market = self._markets.of(order.instrument)
        params: dict[str, Any] = {}
        if self.dialect.finds_by_client_id and order.client_order_id:
            params = {"origClientOrderId": order.client_order_id, "newClientOrderId": order.client_order_id + CANCEL_SUFFIX}
        elif not order.venue_order_id:
            found = await self.find(order)
            if found is None:
                raise Rejected(f"cancel of {order.client_order_id}: the venue knows no such order, expected one that works")
            order = OrderRef(order.client_order_id, found.venue_order_id, order.instrument)
        what = f"cancel of {order.client_order_id or order.venue_order_id}"
        make = self.exchange.cancel_order
        said = await self.call(what, lambda: make(order.venue_order_id, market.symbol, params), changes=True)
        with self.reading(what, changes=True):
            return self._cancelled(said, market, order)

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        if not self.capability.can_replace:
            raise Rejected(f"replace of {order.client_order_id}: {self.capability.name} has none, expected cancel and new")
        self._check_ready()
        market = self._markets.of(order.instrument)
        asked = self._asked(by, market)
        if asked.type != "limit":
            raise Rejected(f"replace of {order.client_order_id}: by a {by.terms.kind} order, expected a limit order")
        # An order that began to fill is not replaced: the new one would come on top of what was filled.
        params = {
            **asked.params, "cancelOrigClientOrderId": order.client_order_id, "cancelRestrictions": "ONLY_NEW",
            "cancelNewClientOrderId": order.client_order_id + CANCEL_SUFFIX,
        }  # fmt: skip
        what = f"replace of {order.client_order_id}"
        make = self.exchange.edit_order
        said = await self.call(
            what, lambda: make(order.venue_order_id, asked.symbol, asked.type, asked.side, asked.amount, asked.price, params), changes=True
        )
        with self.reading(what, changes=True):
            return self._report(said, market, by)

    # What the venue holds to be true

    async def find(self, order: OrderRef) -> OrderReport | None:
        self._check_ready()
        market = self._markets.of(order.instrument)
        self._trades.traded.add(market.instrument)
        shown = await self._found(order, market)
        if shown is None:
            return None
        with self.reading(f"order {order.client_order_id}"):
            report = report_of(shown, market, order.client_order_id)
        self.remember(report.venue_order_id, report.client_order_id)
        fills = await self._trades.of_order(report, market) if report.filled else ()
        return _with_fills(report, fills)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        self._check_ready()
        said = await self.call("open orders", lambda: self.exchange.fetch_open_orders(None, None, None, self.dialect.open_orders_params))
        found = []
        with self.reading("open orders"):
            for shown in said:
                report = report_of(shown, self._markets.by_symbol(str(shown.get("symbol"))))
                self.remember(report.venue_order_id, report.client_order_id)
                self._trades.traded.add(report.instrument)
                found.append(report)
        return tuple(found)

    async def fills(self, since: str) -> FillPage:
        self._check_ready()
        return await self._trades.since(since, self.clock.now_ns())

    async def holdings(self) -> Holdings:
        self._check_ready()
        return await self._holdings()

    async def _holdings(self) -> Holdings:
        asked_ns = self.clock.now_ns()
        said = await self.call("balances", self.exchange.fetch_balance)
        with self.reading("balances"):
            cash = balances_of(said)
        if self.capability.holds == "balances":
            return Holdings({}, cash, asked_ns)
        rows = await self.call("positions", lambda: self.dialect.positions(self.exchange))
        with self.reading("positions"):
            return Holdings(self._positions(rows), cash, asked_ns)

    # What is told

    def hear(self, told: Told) -> None:
        """Pass on what the stream says; nothing after `close`."""
        if self._hear is not None:
            self._hear(told)

    def say(self, state: Any, detail: str) -> None:
        """The link changed."""
        self.hear(Link(state, detail, self.clock.now_ns()))

    def market_by_id(self, name: str) -> Listed:
        """A market under the venue's name; raises Unreadable for none."""
        return self._markets.by_id(name)

    def remember(self, venue_order_id: str, client_order_id: str) -> None:
        """Our id of an order."""
        self._trades.remember(venue_order_id, client_order_id)

    # Requests

    async def call(self, what: str, make: Callable[[], Awaitable[Any]], *, changes: bool = False) -> Any:
        """What ccxt answers, or an error of ours."""
        loop = asyncio.get_running_loop()
        left_s = self._paused_until_s - loop.time()
        said = f"{self.capability.name} {what}"
        if left_s > 0:
            raise Transient(f"{said}: the venue asked for a pause, {left_s:.1f} s are left", retry_after_s=left_s)
        trace = Trace()
        token = TRACE.set(trace)
        try:
            return await make()
        except Exception as error:  # noqa: BLE001 - ccxt raises KeyError, TypeError and others of an answer that it did not expect
            fault = fault_of(error, trace, said, self.secrets, changes=changes)
        finally:
            TRACE.reset(token)
        await self._learn(fault)
        raise fault.error

    def _asked(self, order: ApprovedOrder, market: Listed) -> Asked:
        can = self.capability
        return asked_of(order, market, self.exchange, can.kinds, has_reduce_only=can.has_reduce_only)

    def _check_ready(self) -> None:
        if not self._is_ready:
            raise Transient(f"{self.capability.name}: not open yet, expected open() to have ended")

    async def _learn(self, fault: Fault) -> None:
        """What an error tells beyond itself: a pause, a clock that differs, a key that is refused."""
        if fault.meaning == "throttled":
            self._paused_until_s = max(self._paused_until_s, asyncio.get_running_loop().time() + fault.wait_s)
        elif fault.meaning == "key":
            self.say("refused key", str(fault.error))
            if self._is_ready:
                self._key_watch.refused()
        elif fault.meaning == "clock" and self.exchange is not None:
            try:
                await self.exchange.load_time_difference()
            except Exception:  # noqa: BLE001 - the clocks are compared again at the next refusal
                return

    @contextmanager
    def reading(self, what: str, *, changes: bool = False) -> Iterator[None]:
        """An answer that cannot be read: asked for again, or, where something was changed, looked up."""
        try:
            yield
        except (Unreadable, Rejected, AttributeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
            if isinstance(error, Rejected) and not changes:
                raise
            said = f"{self.capability.name} {what}: {type(error).__name__} {error}, expected an answer that can be read"
            raise (OutcomeUnknown(said) if changes else Transient(said)) from None

    def _report(self, said: Fields, market: Listed, order: ApprovedOrder) -> OrderReport:
        report = report_of(said, market, order.client_order_id)
        self.remember(report.venue_order_id, report.client_order_id)
        trades = said.get("trades") or ()
        fills = tuple(fill_of(one, market, self.capability.venue, order.client_order_id, said) for one in trades if one.get("id"))
        return _with_fills(report, fills, order)

    def _cancelled(self, said: Fields, market: Listed, order: OrderRef) -> OrderReport:
        known = {"id": order.venue_order_id or None, "status": "canceled"}
        shown = {**said, **{name: value for name, value in known.items() if value is not None and said.get(name) is None}}
        return report_of(shown, market, order.client_order_id)

    async def _found(self, order: OrderRef, market: Listed) -> Fields | None:
        if self.dialect.finds_by_client_id and order.client_order_id:
            return await self._trades.fetched("", market, {"origClientOrderId": order.client_order_id})
        if order.venue_order_id:
            return await self._trades.fetched(order.venue_order_id, market, {})
        lists = [one for one in ("fetch_open_orders", "fetch_closed_orders", "fetch_canceled_orders", "fetch_orders") if self._has(one)]
        for name in lists:
            ask = getattr(self.exchange, name)
            for shown in await self.call(name.replace("_", " "), lambda ask=ask: ask(market.symbol)):  # type: ignore[misc]  # mypy cannot type a default
                if shown.get("clientOrderId") == order.client_order_id:
                    return dict(shown)
        if not set(lists) & {"fetch_closed_orders", "fetch_orders"}:
            raise Transient(f"{self.capability.name}: order {order.client_order_id} is not open, and the venue lists no others")
        return None

    def _has(self, name: str) -> bool:
        words = name.split("_")
        return self.exchange.has.get(words[0] + "".join(word.capitalize() for word in words[1:])) is True

    def _positions(self, rows: list[Fields]) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for row in rows:
            market = self._markets.by_symbol(str(row.get("symbol")))
            contracts = (number(row, "contracts") or ZERO) / market.per_unit
            signed = -contracts if row.get("side") == "short" else contracts
            if signed:
                found[market.instrument] = found.get(market.instrument, ZERO) + signed
        return found


def _with_fills(report: OrderReport, fills: tuple[Fill, ...], order: ApprovedOrder | None = None) -> OrderReport:
    return OrderReport(
        report.client_order_id, report.venue_order_id, report.instrument, report.state, report.event_ns, report.filled, report.reason,
        report.terms if order is None else order.terms, fills,
    )  # fmt: skip


def _is_true(value: object) -> bool:
    return value is True or str(value).lower() == "true"
