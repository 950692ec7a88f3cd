"""One connection to TWS or Gateway: `ib_async`'s client and decoder, and what they say put into one place.

`ib_async.IB` keeps a picture of orders of its own, in which any error it does not know ends an order. Here its socket client and
decoder are used without that picture: what the gateway says is what is kept, in `Standing` by permanent id.

1. `connect` agrees on the protocol and waits for the next valid id and the accounts.
2. A question (`open_orders`, `executions`...) collects rows until its end comes. One that is not answered ends the connection: a gateway
   that is silent once is not believed again.
3. Everything that happens is told to `Ears`. A line that is gone is not used again; the next connection is a new line.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC
from decimal import Decimal
from typing import Any

from ib_async.client import Client
from ib_async.contract import Contract
from ib_async.objects import CommissionReport, Execution, ExecutionFilter
from ib_async.order import Order, OrderState

from tradewinds.brokers.ibkr_contract import number
from tradewinds.brokers.ibkr_decoder import QuickDecoder
from tradewinds.brokers.ibkr_told import ENDED, Ears, Executed, Said, Standing
from tradewinds.core.errors import Rejected, Transient

MESSAGES_A_SECOND_MAX = 45  # the gateway cuts the connection at more than fifty
SLOT_S_LEAST = 0.001
CLIENT_ID_TAKEN = 326


@dataclass(slots=True)
class _Question:
    done: asyncio.Future[None]
    rows: list[Any]


async def first_of(one: asyncio.Future[Any], other: asyncio.Future[Any], seconds: float | None) -> None:
    """Wait until either is done, or time is over."""
    both: set[asyncio.Future[Any]] = {one, other}
    await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


class _Zone:
    """What the decoder looks up for times without a zone."""

    def __init__(self, zone: str) -> None:
        self.TimezoneTWS = zone


class Line:
    """A connection of one client id. answer_s: how long a question may take."""

    defaultTimezone = UTC  # noqa: N815 - the decoder asks for it under this name

    def __init__(self, ears: Ears, *, zone: str, answer_s: float) -> None:
        self.ib = _Zone(zone)
        self.standing: dict[int, Standing] = {}
        self.accounts: tuple[str, ...] = ()
        self.next_id = 0
        self.is_cut = False
        self.read_last: tuple[Any, ...] = ()
        self.gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._ears = ears
        self._answer_s = answer_s
        self._asked: dict[object, _Question] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._times: deque[float] = deque()
        self._request = 0
        self._refusal: Said | None = None
        make: Any = Client
        self._client: Any = make(self)
        # The library would hold orders back in a queue of its own, out of reach of a halt; `slot` paces instead.
        self._client.MaxRequests = 0
        self._client.decoder = QuickDecoder(self)
        self._client.apiError += self._on_gone

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return bool(self._client.isReady()) and not self.gone.done()

    async def connect(self, host: str, port: int, client_id: int, connect_s: float) -> None:
        """Raises Transient where nobody answers as a gateway does, or the client id is in use."""
        what = f"interactive brokers at {host}:{port}"
        opening = asyncio.ensure_future(self._client.connectAsync(host, port, client_id, connect_s))
        try:
            await first_of(opening, self.gone, None)
            if opening.done() and not self.gone.done():
                opening.result()
                return
            raise ConnectionError(self.gone.result())
        except (OSError, ConnectionError, TimeoutError, ValueError) as error:
            if self._refusal is not None and self._refusal.code == CLIENT_ID_TAKEN:
                raise Transient(f"{what}: client id {client_id} is taken, expected that nobody else uses it") from None
            raise Transient(f"{what}: {str(error) or 'no answer'}, expected a gateway that is logged in") from None
        finally:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)

    def end(self, reason: str) -> None:
        """Let go of the connection."""
        self._on_gone(reason)
        if self._client.conn.transport is not None:
            self._client.disconnect()

    async def slot(self) -> None:
        """Wait until one more message may be sent."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            while self._times and self._times[0] + 1.0 <= now:
                self._times.popleft()
            if len(self._times) < MESSAGES_A_SECOND_MAX:
                self._times.append(now)
                return
            # At least a moment: a rest too small to move the clock would be waited for for ever.
            await asyncio.sleep(max(SLOT_S_LEAST, self._times[0] + 1.0 - now))

    # Orders: sent at once, after `slot`

    def place(self, order_id: int, contract: Contract, order: Order) -> None:
        """Send an order; raises Transient where the connection is gone and nothing was sent."""
        self._must_be_open("an order")
        self._client.placeOrder(order_id, contract, order)

    def cancel(self, order_id: int) -> None:
        """Send a cancel."""
        self._must_be_open("a cancel")
        self._client.cancelOrder(order_id)

    # Questions

    async def open_orders(self) -> list[Standing]:
        """Every working order, of all clients and of hands."""
        rows = await self._ask("open orders", self._client.reqAllOpenOrders)
        found = [self.standing.get(one) for one in dict.fromkeys(rows)]
        return [one for one in found if one is not None and one.status not in ENDED]

    async def completed_orders(self) -> list[Standing]:
        """Orders that ended today."""
        return await self._ask("completed orders", lambda: self._client.reqCompletedOrders(False))

    async def executions(self) -> list[Executed]:
        """Of today; those of every client, and of hands."""
        request = self._next_request()
        return await self._ask("executions", lambda: self._client.reqExecutions(request, ExecutionFilter()), request)

    async def positions(self) -> list[tuple[str, Contract, Decimal]]:
        """(account, contract, signed units), the latest last; from then on `Ears.on_position` hears every change."""
        return await self._ask("positions", self._client.reqPositions)

    async def account_values(self, account: str) -> list[tuple[str, str, str]]:
        """(tag, value, currency)."""
        request = self._next_request()
        rows = await self._ask("account", lambda: self._client.reqAccountUpdatesMulti(request, account, "", True), request)
        if self.is_open:
            self._client.cancelAccountUpdatesMulti(request)
        return rows

    async def time(self) -> int:
        """The gateway's time, in seconds: a sign of life."""
        rows: list[int] = await self._ask("time", self._client.reqCurrentTime)
        return rows[0]

    async def _ask(self, key: str, send: Callable[[], None], request: object = None) -> list[Any]:
        """One question of a kind at a time: its answer does not say which one it answers."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            await self.slot()
            self._must_be_open(f"a question for {key}")
            name = key if request is None else request
            asked = self._asked[name] = _Question(asyncio.get_running_loop().create_future(), [])
            try:
                send()
                await first_of(asked.done, self.gone, self._answer_s)
            finally:
                self._asked.pop(name, None)
            if asked.done.done():
                asked.done.result()
                return asked.rows
            if not self.gone.done():
                self.end(f"no answer to a question for {key} within {self._answer_s:g} s")
            raise Transient(f"interactive brokers {key}: {self.gone.result()}, expected an answer")

    def _next_request(self) -> int:
        # Far from order ids: an error names either by its number alone.
        self._request += 1
        return 2_000_000_000 + self._request

    def _must_be_open(self, what: str) -> None:
        if not self.is_open:
            raise Transient(f"interactive brokers: {what} not sent, the connection is gone, expected an open one")

    def _row(self, name: object, row: Any) -> bool:
        asked = self._asked.get(name)
        if asked is None:
            return False
        asked.rows.append(row)
        return True

    def _finish(self, name: object) -> None:
        asked = self._asked.get(name)
        if asked is not None and not asked.done.done():
            asked.done.set_result(None)

    # What the client and the decoder call, under the names of the API

    def _on_gone(self, reason: str = "") -> None:
        if not self.gone.done():
            self.gone.set_result(reason or "the connection ended")

    def connectAck(self) -> None:
        """Nothing: `connect` waits for more."""

    def setEventsDone(self) -> None:
        self._on_gone()

    def connectionClosed(self) -> None:
        self._on_gone()

    def nextValidId(self, order_id: int) -> None:
        self.next_id = max(self.next_id, order_id)

    def managedAccounts(self, accounts: str) -> None:
        self.accounts = tuple(one for one in accounts.split(",") if one)

    def currentTime(self, seconds: int) -> None:
        self._row("time", seconds)
        self._finish("time")

    def openOrder(self, order_id: int, contract: Contract, order: Order, state: OrderState) -> None:
        self.read_last = order_id, contract, order, state
        known = self.standing.get(order.permId)
        if known is None:
            now = Standing(order.permId, order.clientId, order_id, order.orderRef, contract, order, state.status, reason=state.warningText)
        else:
            now = replace(known, reference=order.orderRef, order=order, status=state.status, reason=state.warningText or known.reason)
        self.standing[order.permId] = now
        if order.clientId == self._client.clientId:
            self.next_id = max(self.next_id, order_id + 1)
        self._row("open orders", order.permId)
        if state.status not in ENDED:
            # How much of it was filled says the status that follows; an end is told with it.
            self._ears.on_order(now)

    def openOrderEnd(self) -> None:
        self._finish("open orders")

    def orderStatus(
        self, order_id: int, status: str, filled: float, remaining: float, average: float, perm_id: int, parent_id: int, last: float,
        client_id: int, why_held: str, cap: float = 0.0,
    ) -> None:  # fmt: skip
        # Told by the permanent id alone: order ids may be used again after a restart, and this message does not carry our name.
        known = self.standing.get(perm_id)
        if known is not None:
            known.status, known.filled = status, number(filled)
            known.reason = why_held or known.reason
            self._ears.on_order(known)
            if status in ENDED:
                del self.standing[perm_id]

    def completedOrder(self, contract: Contract, order: Order, state: OrderState) -> None:
        self.read_last = contract, order, state
        filled = number(order.filledQuantity)
        reason = state.completedStatus
        one = Standing(order.permId, 0, 0, order.orderRef, contract, order, state.status, filled, reason, is_complete=True)
        self._row("completed orders", one)

    def completedOrdersEnd(self) -> None:
        self._finish("completed orders")

    def execDetails(self, request: int, contract: Contract, execution: Execution) -> None:
        self.read_last = contract, execution
        one = Executed(contract, execution)
        self._row(request, one)
        self._ears.on_execution(one)

    def execDetailsEnd(self, request: int) -> None:
        self._finish(request)

    def commissionReport(self, report: CommissionReport) -> None:
        self.read_last = (report,)
        self._ears.on_commission(report)

    def position(self, account: str, contract: Contract, quantity: float, average: float) -> None:
        if not self._row("positions", (account, contract, number(quantity))):
            self._ears.on_position(account, contract, number(quantity))

    def positionEnd(self) -> None:
        self._finish("positions")

    def accountUpdateMulti(self, request: int, account: str, model: str, tag: str, value: str, currency: str) -> None:
        self._row(request, (tag, value, currency))

    def accountUpdateMultiEnd(self, request: int) -> None:
        self._finish(request)

    def error(self, about: int, code: int, text: str, advanced: str = "") -> None:
        said = Said(about, code, text)
        if code == CLIENT_ID_TAKEN:
            self._refusal = said
        asked = self._asked.get(about)
        if asked is not None and not asked.done.done():
            asked.done.set_exception(Rejected(f"interactive brokers: {code} {text}, expected an answer"))
        else:
            self._ears.on_said(said)
