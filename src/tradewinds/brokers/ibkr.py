"""Interactive Brokers by TWS or Gateway, behind `core.broker.Broker`.

1. One fixed client id; order ids from a store that only rises; `orderRef` carries our client order id and is what orders are known by.
2. After an order was sent, the first thing that the gateway says of it is the answer. An error is believed only after asking: open orders,
   executions, completed orders. Silence is OutcomeUnknown.
3. A fill is an execution without the suffix of its corrections, told with its commission, or without it after COMMISSION_WAIT_S.
4. The connection is kept: a question every HEARTBEAT_S; a new one after every loss, behind which executions are asked for again. Lost to IB
   (1100), in its nightly restart or locked out until a person logs in, nothing is sent and nothing that it says is taken for the whole.
5. A question of the gateway (an order held until somebody confirms) is told as a `Link` and never answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ib_async.objects import CommissionReport

from tradewinds.brokers.ibkr_contract import KINDS, TIMES, Contracts, order_of, terms_of
from tradewinds.brokers.ibkr_fills import VENUE, FillBook
from tradewinds.brokers.ibkr_ids import IdStore, checked_client_id
from tradewinds.brokers.ibkr_line import ENDED, HELD, Executed, Line, Said, Standing, first_of
from tradewinds.brokers.ibkr_schedule import Schedule
from tradewinds.core.broker import BrokerCapability, FillPage, Hear, Holdings, Link, LinkState, OrderRef, OrderReport, Told
from tradewinds.core.errors import Invariant, OutcomeUnknown, Rejected, TradewindsError, Transient
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, OrderState
from tradewinds.core.ports import Clock

NS = 1_000_000_000
CLIENT_ID = 17
ABSENT_AFTER_S = 5.0
CONNECTIVITY_LOST = (1100, 2110)
RESTORED_DATA_LOST, RESTORED = 1101, 1102
# Precautions that hold an order in TWS until somebody confirms it there.
QUESTIONS = frozenset({109, 382, 383, 451, 10289, 10331, 10332})
# Told about an order that works on.
WARNINGS = frozenset({202, 399, 404, 10167, *range(2100, 2200)})
DUPLICATE_ID, NOT_CONNECTED = 103, 504
# With these an order was refused, if asking finds it nowhere.
REFUSALS = frozenset({105, 110, 113, 135, 161, 200, 201, 203, 320, 321, 322, 325, 328, 387, 388, 389, 391, 434, 435, 436, 460, 461,
                      10000, 10052, 10149, 10187, 10242, 10243, 10244, 10268, 10318})  # fmt: skip
_STATES = {
    "PreSubmitted": OrderState.ACCEPTED, "Submitted": OrderState.ACCEPTED, "PendingCancel": OrderState.ACCEPTED,
    "Filled": OrderState.FILLED,
    "Cancelled": OrderState.CANCELLED, "ApiCancelled": OrderState.CANCELLED,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: of a connection, a question, an order's first answer, between signs of life, between attempts to connect.

    locked_out_s: without a connection, or cut off from IB, for so long, a person has to look.
    """

    connect_s: float = 10.0
    question_s: float = 10.0
    order_s: float = 5.0
    heartbeat_s: float = 30.0
    again_s: float = 1.0
    again_s_max: float = 30.0
    locked_out_s: float = 600.0


@dataclass(slots=True)
class _Expected:
    """What is waited for about one order. wants_end: only its end is an answer, or an error."""

    name: str
    order_id: int
    wants_end: bool = False
    heard: asyncio.Future[Standing | Said] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def told(self, what: Standing | Said) -> None:
        """Something was said of it."""
        is_answer = isinstance(what, Said) or not self.wants_end or what.status in (*ENDED, "Inactive")
        if is_answer and not self.heard.done():
            self.heard.set_result(what)


class IbkrBroker:
    """`core.broker.Broker` for one account behind one gateway.

    address: host:port. account: "" for the only one. environment: a test account begins with D; the other kind is refused.
    ids: kept beside the journal. Connections are made by the running loop's `create_connection`; time is the clock's and the loop's.
    """

    def __init__(
        self,
        address: str,
        *,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        ids: IdStore,
        account: str = "",
        client_id: int = CLIENT_ID,
        environment: str = "test",
        schedule: Schedule | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.capability = BrokerCapability(
            "ibkr", VENUE, frozenset(KINDS), frozenset(TIMES), can_replace=True, has_reduce_only=False, absent_after_s=ABSENT_AFTER_S,
            holds="positions", orders_per_second=40.0,
        )  # fmt: skip
        self._host, self._port = address_of(address)
        self._contracts = Contracts(instruments)
        self._clock = clock
        self._ids = ids
        self._account = account
        self._client_id = checked_client_id(client_id)
        self._environment = environment
        self._schedule = schedule or Schedule()
        self._patience = patience or Patience()
        self._hear: Hear | None = None
        self._line: Line | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._resuming: asyncio.Task[None] | None = None
        self._state: LinkState | None = None
        self._up_ns = 0
        self._down_ns: int | None = None
        self._waiting: dict[str, _Expected] = {}
        self._fills = FillBook(self._contracts, clock, self._tell)

    # The port

    async def open(self, hear: Hear) -> None:
        """Connect and go on trying. Raises Rejected where the gateway is the wrong one or the client id is taken; else a Link tells."""
        if self._keeper is not None:
            raise Invariant("interactive brokers: opened twice, expected one open")
        self._hear = hear
        self._up_ns = self._clock.now_ns()
        try:
            await self._connect()
        except Transient as error:
            self._lost(str(error))
        except BaseException:
            self._hear = None
            raise
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        tasks = [one for one in (self._keeper, self._resuming) if one is not None]
        self._hear = self._keeper = self._resuming = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._fills.close()
        if self._line is not None:
            self._line.end("closed")
            self._line = None

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        what = f"order {order.client_order_id}"
        contract = self._contracts.of(order.terms.instrument)
        made = order_of(order.terms, order.client_order_id, self._account)
        self._must_be_sendable(what)
        if order.terms.is_reduce_only:
            await self._check_it_reduces(order)
        line = await self._slot(what)
        order_id = self._ids.take(line.next_id, order.client_order_id, self._clock.now_ns())
        expected = _Expected(order.client_order_id, order_id)
        return await self._asked(what, expected, line, lambda: line.place(order_id, contract, made))

    async def cancel(self, order: OrderRef) -> OrderReport:
        what = f"cancel of {order.client_order_id or order.venue_order_id}"
        standing = await self._own(order, what)
        line = await self._slot(what)
        expected = _Expected(standing.reference, standing.order_id, wants_end=True)
        return await self._asked(what, expected, line, lambda: line.cancel(standing.order_id))

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        """`by` takes the place of what is left: its quantity counts from now on, and the gateway is told it with what was filled before."""
        what = f"replace of {order.client_order_id} by {by.client_order_id}"
        self._must_be_sendable(what)
        contract = self._contracts.of(by.terms.instrument)
        standing = await self._own(order, what)
        terms = replace(by.terms, quantity=by.terms.quantity + standing.filled)
        made = order_of(terms, by.client_order_id, self._account)
        line = await self._slot(what)
        expected = _Expected(by.client_order_id, standing.order_id)
        return await self._asked(what, expected, line, lambda: line.place(standing.order_id, contract, made))

    async def find(self, order: OrderRef) -> OrderReport | None:
        self._must_be_up("find")
        found = await self._found(order)
        if found is not None:
            return found
        taken_ns = self._ids.taken_ns(order.client_order_id)
        if taken_ns is not None and taken_ns < self._schedule.day_start_ns(self._clock.now_ns()):
            raise OutcomeUnknown(
                f"order {order.client_order_id}: sent before midnight, of which the gateway knows no more; see the statement"
            )
        return None

    async def open_orders(self) -> tuple[OrderReport, ...]:
        standing = await self._must_be_up("open orders").open_orders()
        return tuple(self._report(one) for one in standing if one.order.account in ("", self._account))

    async def fills(self, since: str) -> FillPage:
        """Of today; the cursor is the time of the newest, and an hour before it is told again."""
        rows = await self._must_be_up("executions").executions()
        self._must_be_up("executions")
        return self._fills.page([one for one in rows if one.execution.acctNumber == self._account], since)

    async def holdings(self) -> Holdings:
        """A currency pair counts as a position, not as cash of its base too."""
        line = self._must_be_up("holdings")
        positions: dict[str, Decimal] = {}
        values = await line.account_values(self._account)
        cash = {currency: Decimal(value) for tag, value, currency in values if tag == "CashBalance" and currency != "BASE"}
        for account, contract, quantity in await line.positions():
            if account != self._account or not quantity:
                continue
            positions[self._contracts.instrument(contract)] = quantity
            if contract.secType == "CASH":
                cash[contract.symbol] = cash.get(contract.symbol, Decimal(0)) - quantity
        self._must_be_up("holdings")
        return Holdings(positions, {currency: amount for currency, amount in cash.items() if amount}, self._clock.now_ns())

    # Sending

    def _must_be_up(self, what: str) -> Line:
        if self._line is None or self._state != "up" or not self._line.is_open:
            raise Transient(f"{what}: the gateway is {self._state or 'not open'}, expected it up")
        return self._line

    def _must_be_sendable(self, what: str) -> Line:
        line = self._must_be_up(what)
        if self._schedule.is_near(self._clock.now_ns()):
            raise Transient(f"{what}: the gateway restarts about now, not sent", retry_after_s=self._schedule.after_s)
        return line

    async def _slot(self, what: str) -> Line:
        """The line, when one more message may be sent on it."""
        line = self._must_be_up(what)
        await line.slot()
        if line is not self._must_be_up(what):
            raise Transient(f"{what}: not sent, the connection is another one by now")
        return line

    async def _asked(self, what: str, expected: _Expected, line: Line, send: Callable[[], None]) -> OrderReport:
        """Send, and wait for what the gateway says first."""
        name = expected.name
        if name in self._waiting:
            raise Transient(f"{what}: another request about it is under way, expected one at a time")
        self._waiting[name] = expected
        try:
            send()
            await first_of(expected.heard, line.gone, self._patience.order_s)
        finally:
            del self._waiting[name]
        if not expected.heard.done():
            reason = line.gone.result() if line.gone.done() else f"no answer within {self._patience.order_s:g} s"
            raise OutcomeUnknown(f"{what}: {reason}, expected a status")
        first = expected.heard.result()
        return self._report(first) if isinstance(first, Standing) else await self._refused(what, name, first)

    async def _refused(self, what: str, name: str, said: Said) -> OrderReport:
        """After an error: what the gateway says when asked."""
        text = f"{what}: {said.code} {said.text}"
        if said.code in (DUPLICATE_ID, NOT_CONNECTED):
            raise Transient(f"{text}, expected another id" if said.code == DUPLICATE_ID else text)
        try:
            found = await self._found(OrderRef(name, "", ""))
        except TradewindsError as error:
            raise OutcomeUnknown(f"{text}; and then {error}") from error
        if found is not None:
            return replace(found, reason=found.reason or f"{said.code} {said.text}")
        if said.code in REFUSALS:
            raise Rejected(text)
        raise OutcomeUnknown(f"{text}; it is found nowhere")

    # Finding

    async def _own(self, order: OrderRef, what: str) -> Standing:
        """The working order that a request is about; raises Rejected where it does not work or is not of this client."""
        line = self._must_be_up(what)
        found = _match(line.standing.values(), order)
        if found is None:
            found = _match(await line.open_orders(), order)
        if found is None or found.status in ENDED:
            raise Rejected(f"{what}: it does not work, expected a working order")
        if found.client_id != self._client_id or found.order_id <= 0:
            raise Rejected(f"{what}: placed by client {found.client_id}, expected one of client {self._client_id}; change it in TWS")
        return found

    async def _found(self, order: OrderRef) -> OrderReport | None:
        """Among open orders, then among completed ones, then by its executions."""
        line = self._must_be_up("find")
        open_orders = await line.open_orders()
        found = _match(open_orders, order)
        if found is None:
            executed = await line.executions()
            completed = await line.completed_orders()
            # What was open when the first question was answered may have ended before the last was: hence it is asked in this order.
            found = _match(completed, order)
            if found is None:
                return self._by_executions(order, executed)
        self._must_be_up("find")
        report = self._report(found)
        if order.client_order_id and found.reference != order.client_order_id:
            return replace(report, client_order_id=order.client_order_id, state=OrderState.REPLACED, filled=None, terms=None)
        return report

    def _by_executions(self, order: OrderRef, rows: list[Executed]) -> OrderReport | None:
        """An order that only its executions remember: it was replaced, or ended and its end was forgotten."""
        own = [one for one in rows if order.client_order_id and one.execution.orderRef == order.client_order_id]
        self._must_be_up("find")
        if not own:
            return None
        perm_id = own[0].execution.permId
        name = self._contracts.instrument(own[0].contract)
        filled = self._fills.executed(perm_id).get(order.client_order_id, Decimal(0))
        is_replaced = len(self._fills.executed(perm_id)) > 1
        state = OrderState.REPLACED if is_replaced else OrderState.UNKNOWN
        return OrderReport(order.client_order_id, str(perm_id), name, state, self._clock.now_ns(), filled, "known by its executions")

    async def _check_it_reduces(self, order: ApprovedOrder) -> None:
        held = (await self.holdings()).quantity(order.terms.instrument)
        if held * order.terms.signed >= 0 or abs(held) < order.terms.quantity:
            raise Rejected(f"order {order.client_order_id}: {order.terms.signed} to reduce {held}, expected less of the other sign")

    def _report(self, one: Standing) -> OrderReport:
        others = sum((size for name, size in self._fills.executed(one.perm_id).items() if name != one.reference), Decimal(0))
        filled = max(Decimal(0), one.filled - others)
        state = _STATES.get(one.status)
        if state is OrderState.ACCEPTED and filled > 0:
            state = OrderState.PARTIALLY_FILLED
        if one.status == "Inactive" and (one.is_complete or filled == 0):
            state = OrderState.REJECTED
        instrument = self._contracts.instrument(one.contract)
        return OrderReport(
            one.reference, str(one.perm_id), instrument, state or OrderState.UNKNOWN, self._clock.now_ns(), filled, one.reason,
            terms_of(instrument, one.order),
        )  # fmt: skip

    # Hearing

    def on_order(self, standing: Standing) -> None:
        """The gateway told of an order."""
        if standing.order.account not in ("", self._account):
            return
        if standing.status in HELD and not standing.reason:
            return
        expected = self._waiting.get(standing.reference)
        if expected is not None:
            expected.told(standing)
        # While a cancel is pending the order works on; saying so would read as if the cancel had been refused.
        news = standing.reference, standing.status, standing.filled, standing.order.lmtPrice, standing.order.totalQuantity, standing.reason
        if standing.status != "PendingCancel" and news != standing.told:
            standing.told = news
            self._tell(self._report(standing))

    def on_execution(self, one: Executed) -> None:
        """The gateway told of an execution, now or when asked."""
        if one.execution.acctNumber == self._account:
            self._fills.heard(one)

    def on_commission(self, report: CommissionReport) -> None:
        """The gateway told what an execution cost."""
        self._fills.paid(report)

    def on_said(self, said: Said) -> None:
        """The gateway told an error or a warning."""
        line = self._line
        if said.code in CONNECTIVITY_LOST and line is not None:
            line.is_cut = True
            self._lost(f"{said.code} {said.text}")
        elif said.code in (RESTORED, RESTORED_DATA_LOST) and line is not None:
            line.is_cut = False
            if said.code == RESTORED_DATA_LOST:
                self._link("data lost", f"{said.code} {said.text}")
            self._resume_soon(line, f"{said.code} {said.text}")
        elif said.about > 0:
            self._on_order_said(said)

    def _on_order_said(self, said: Said) -> None:
        if said.code in QUESTIONS:
            # Not a change of the connection: the state stays what it is.
            self._tell(Link("question", f"order {self._name(said.about)}: {said.code} {said.text}", self._clock.now_ns()))
        if said.code not in WARNINGS:
            for expected in tuple(self._waiting.values()):
                if expected.order_id == said.about:
                    expected.told(said)

    def _name(self, order_id: int) -> str:
        """Our name of an order that a message calls by its number."""
        standing = () if self._line is None else self._line.standing.values()
        names = [one.name for one in self._waiting.values() if one.order_id == order_id]
        names += [one.reference for one in standing if (one.client_id, one.order_id) == (self._client_id, order_id)]
        return names[0] if names else str(order_id)

    def _tell(self, told: Told) -> None:
        if self._hear is not None:
            self._hear(told)

    # The connection

    async def _keep(self) -> None:
        """Hold the connection: signs of life, and a new one whenever it is gone."""
        wait_s = self._patience.again_s
        while True:
            line = self._line
            if line is not None and line.is_open:
                wait_s = self._patience.again_s
                await self._watch(line)
                self._lost(line.gone.result())
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, self._patience.again_s_max)
            try:
                await self._connect()
            except TradewindsError as error:
                self._lost(str(error))

    async def _watch(self, line: Line) -> None:
        """Until the line is gone: one question every while, and the state of a long cut."""
        while not line.gone.done():
            await asyncio.wait({line.gone}, timeout=self._patience.heartbeat_s)
            if not line.gone.done():
                try:
                    await line.time()
                except TradewindsError:
                    line.end("no sign of life")
            if self._state not in (None, "up") and not line.gone.done():
                self._lost("still without Interactive Brokers")

    async def _connect(self) -> None:
        line = Line(self, zone=self._schedule.zone, answer_s=self._patience.question_s)
        self._line = line
        try:
            await line.connect(self._host, self._port, self._client_id, self._patience.connect_s)
            self._check_account(line)
            await self._resume(line, "connected")
        except BaseException as error:
            line.end(str(error))
            raise

    def _check_account(self, line: Line) -> None:
        """Which account, and that it is of the kind that was meant."""
        what = f"interactive brokers at {self._host}:{self._port}"
        if not self._account and len(line.accounts) != 1:
            raise Rejected(f"{what}: accounts {', '.join(line.accounts)}, expected one to be named in the configuration")
        account = self._account or line.accounts[0]
        if account not in line.accounts:
            raise Rejected(f"{what}: no account {account}, expected one of {', '.join(line.accounts)}")
        if account.startswith("D") != (self._environment == "test"):
            raise Rejected(f"{what}: account {account} for environment {self._environment}, expected D... for test and others for live")
        self._account = account

    async def _resume(self, line: Line, detail: str) -> None:
        """What happened while we did not hear, then up."""
        await line.open_orders()
        await line.executions()
        if not line.is_cut and line.is_open:
            self._up_ns = self._clock.now_ns()
            self._down_ns = None
            self._link("up", detail)

    def _resume_soon(self, line: Line, detail: str) -> None:
        async def resume() -> None:
            try:
                await self._resume(line, detail)
            except TradewindsError as error:
                line.end(str(error))

        self._resuming = asyncio.get_running_loop().create_task(resume())

    def _lost(self, detail: str) -> None:
        """Say why we are not up, in words that tell a person what to do."""
        now_ns = self._clock.now_ns()
        if self._down_ns is None:
            self._down_ns = now_ns
        if self._schedule.last_logout_ns(now_ns) > self._up_ns:
            self._link("locked out", f"{detail}; the weekly log-out passed: log in at the gateway and confirm the second factor")
        elif self._schedule.is_near(now_ns):
            self._link("restarting", f"{detail}; the nightly restart, orders wait")
        elif now_ns - self._down_ns >= self._patience.locked_out_s * NS:
            self._link("locked out", f"{detail}; for {(now_ns - self._down_ns) // NS} s: see whether the gateway waits for a log-in")
        else:
            self._link("down", detail)

    def _link(self, state: LinkState, detail: str) -> None:
        if state != self._state or state == "up":
            self._state = state
            self._tell(Link(state, detail, self._clock.now_ns()))


def address_of(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:4002` or `tws://127.0.0.1:4002`."""
    host, colon, port = text.removeprefix("tws://").rstrip("/").rpartition(":")
    if not colon or not host or not port.isdigit():
        raise Rejected(f"interactive brokers address {text!r}, expected host:port such as 127.0.0.1:4002")
    return host.strip("[]"), int(port)


def _match(rows: Iterable[Standing], order: OrderRef) -> Standing | None:
    """The newest that carries our name, else the one with the venue's number."""
    found: Standing | None = None
    for one in rows:
        if order.client_order_id and one.reference == order.client_order_id:
            return one
        if order.venue_order_id and str(one.perm_id) == order.venue_order_id:
            found = one
    return found
