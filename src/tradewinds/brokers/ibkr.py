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

from ib_async.contract import Contract
from ib_async.objects import CommissionReport

from tradewinds.brokers.ibkr_contract import KINDS, TIMES, Contracts, order_of, terms_of
from tradewinds.brokers.ibkr_fills import VENUE, FillBook
from tradewinds.brokers.ibkr_ids import IdStore, checked_client_id
from tradewinds.brokers.ibkr_keeper import Keeper, Patience
from tradewinds.brokers.ibkr_line import Line, first_of
from tradewinds.brokers.ibkr_schedule import Schedule
from tradewinds.brokers.ibkr_told import ENDED, HELD, Executed, Said, Standing
from tradewinds.core.broker import BrokerCapability, FillPage, Hear, Holdings, Link, OrderRef, OrderReport, Told
from tradewinds.core.errors import Invariant, OutcomeUnknown, Rejected, TradewindsError, Transient
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, OrderState
from tradewinds.core.ports import Clock

CLIENT_ID = 17
ABSENT_AFTER_S = 5.0
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
    ids: kept beside the journal. may_send: asked at the last moment, for an order may have waited for its turn.
    Connections are made by the running loop's `create_connection`; time is the clock's and the loop's.
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
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self.capability = BrokerCapability(
            "ibkr", VENUE, frozenset(KINDS), frozenset(TIMES), can_replace=True, has_reduce_only=False, absent_after_s=ABSENT_AFTER_S,
            holds="positions", orders_per_second=40.0, exchanges_fx=True,
        )  # fmt: skip
        self._contracts = Contracts(instruments)
        self._clock = clock
        self._ids = ids
        self._may_send = may_send
        self._hear: Hear | None = None
        self._waiting: dict[str, _Expected] = {}
        self._fills = FillBook(self._contracts, clock, self._tell)
        self._keeper = Keeper(
            address,
            checked_client_id(client_id),
            account,
            environment,
            schedule or Schedule(),
            patience or Patience(),
            clock,
            self,
            self._tell,
        )

    # The port

    async def open(self, hear: Hear) -> None:
        """Connect and go on trying. Raises Rejected where the account is not the one that was meant; else a Link tells."""
        if self._hear is not None:
            raise Invariant("interactive brokers: opened twice, expected one open")
        self._hear = hear
        try:
            await self._keeper.open()
        except BaseException:
            self._hear = None
            raise

    async def close(self) -> None:
        self._hear = None
        self._fills.close()
        await self._keeper.close()

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        what = f"order {order.client_order_id}"
        contract = self._contracts.of(order.terms.instrument)
        made = order_of(order.terms, order.client_order_id, self._keeper.account)
        self._keeper.sendable(what)
        if order.terms.is_reduce_only:
            await self._check_it_reduces(order)
        line = await self._keeper.slot(what)
        self._check_may_send(what)
        # The gateway would take a second order of the same name.
        if any(one.reference == order.client_order_id for one in line.standing.values()):
            raise OutcomeUnknown(f"{what}: an order of this name stands at the gateway, an earlier request arrived, expected a new name")
        order_id = self._ids.take(line.next_id, order.client_order_id, self._clock.now_ns())
        expected = _Expected(order.client_order_id, order_id)
        return await self._asked(what, expected, line, lambda: line.place(order_id, contract, made))

    async def cancel(self, order: OrderRef) -> OrderReport:
        what = f"cancel of {order.client_order_id or order.venue_order_id}"
        standing = await self._own(order, what)
        line = await self._keeper.slot(what)
        expected = _Expected(standing.reference, standing.order_id, wants_end=True)
        return await self._asked(what, expected, line, lambda: line.cancel(standing.order_id))

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        """`by` takes the place of what is left: its quantity counts from now on, and the gateway is told it with what was filled before."""
        what = f"replace of {order.client_order_id} by {by.client_order_id}"
        self._keeper.sendable(what)
        contract = self._contracts.of(by.terms.instrument)
        standing = await self._own(order, what)
        terms = replace(by.terms, quantity=by.terms.quantity + standing.filled)
        made = order_of(terms, by.client_order_id, self._keeper.account)
        line = await self._keeper.slot(what)
        self._check_may_send(what)
        expected = _Expected(by.client_order_id, standing.order_id)
        return await self._asked(what, expected, line, lambda: line.place(standing.order_id, contract, made))

    async def find(self, order: OrderRef) -> OrderReport | None:
        self._keeper.up("find")
        found = await self._found(order)
        if found is not None:
            return found
        taken_ns = self._ids.taken_ns(order.client_order_id)
        if taken_ns is not None and taken_ns < self._keeper.schedule.day_start_ns(self._clock.now_ns()):
            raise OutcomeUnknown(
                f"order {order.client_order_id}: sent before midnight, of which the gateway knows no more; see the statement"
            )
        return None

    async def open_orders(self) -> tuple[OrderReport, ...]:
        standing = await self._keeper.up("open orders").open_orders()
        return tuple(self._report(one) for one in standing if one.order.account in ("", self._keeper.account))

    async def fills(self, since: str) -> FillPage:
        """Of today; the cursor is the time of the newest, and an hour before it is told again."""
        rows = await self._keeper.up("executions").executions()
        page = await self._fills.page([one for one in rows if one.execution.acctNumber == self._keeper.account], since)
        self._keeper.up("executions")
        return page

    async def holdings(self) -> Holdings:
        """A currency pair counts as a position, and as cash of both currencies, which it moved."""
        line = self._keeper.up("holdings")
        positions: dict[str, Decimal] = {}
        values = await line.account_values(self._keeper.account)
        cash = {currency: Decimal(value) for tag, value, currency in values if tag == "CashBalance" and currency != "BASE"}
        for account, contract, quantity in await line.positions():
            if account == self._keeper.account:
                positions[self._contracts.instrument(contract)] = quantity
        positions = {name: quantity for name, quantity in positions.items() if quantity}
        for name, quantity in positions.items():
            self._fills.explains(name, quantity)
        self._keeper.up("holdings")
        return Holdings(positions, {currency: amount for currency, amount in cash.items() if amount}, self._clock.now_ns())

    # Sending

    def _check_may_send(self, what: str) -> None:
        if not self._may_send():
            raise Transient(f"{what}: halted before it was sent")

    async def _asked(self, what: str, expected: _Expected, line: Line, send: Callable[[], None]) -> OrderReport:
        """Send, and wait for what the gateway says first."""
        name = expected.name
        if name in self._waiting:
            raise Transient(f"{what}: another request about it is under way, expected one at a time")
        self._waiting[name] = expected
        try:
            send()
            await first_of(expected.heard, line.gone, self._keeper.patience.order_s)
        finally:
            del self._waiting[name]
        if not expected.heard.done():
            reason = line.gone.result() if line.gone.done() else f"no answer within {self._keeper.patience.order_s:g} s"
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
        line = self._keeper.up(what)
        found = _match(line.standing.values(), order)
        if found is None:
            found = _match(await line.open_orders(), order)
        if found is None or found.status in ENDED:
            raise Rejected(f"{what}: it does not work, expected a working order")
        if found.client_id != self._keeper.client_id or found.order_id <= 0:
            raise Rejected(f"{what}: placed by client {found.client_id}, expected one of client {self._keeper.client_id}; change it in TWS")
        return found

    async def _found(self, order: OrderRef) -> OrderReport | None:
        """Among open orders, then among completed ones, then by its executions."""
        line = self._keeper.up("find")
        open_orders = await line.open_orders()
        found = _match(open_orders, order)
        if found is None:
            executed = await line.executions()
            completed = await line.completed_orders()
            # What was open when the first question was answered may have ended before the last was: hence it is asked in this order.
            found = _match(completed, order)
            if found is None:
                return self._by_executions(order, executed)
        self._keeper.up("find")
        report = self._report(found)
        if order.client_order_id and found.reference != order.client_order_id:
            return replace(report, client_order_id=order.client_order_id, state=OrderState.REPLACED, filled=None, terms=None)
        return report

    def _by_executions(self, order: OrderRef, rows: list[Executed]) -> OrderReport | None:
        """An order that only its executions remember: it was replaced, or ended and its end was forgotten."""
        own = [one for one in rows if order.client_order_id and one.execution.orderRef == order.client_order_id]
        self._keeper.up("find")
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
        if standing.order.account not in ("", self._keeper.account):
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
        if one.execution.acctNumber == self._keeper.account:
            self._fills.heard(one)

    def on_commission(self, report: CommissionReport) -> None:
        """The gateway told what an execution cost."""
        self._fills.paid(report)

    def on_position(self, account: str, contract: Contract, quantity: Decimal) -> None:
        """The gateway told of a position that changed."""
        if account == self._keeper.account and not self._fills.explains(self._contracts.instrument(contract), quantity):
            self._keeper.look_soon()

    def on_said(self, said: Said) -> None:
        """The gateway told an error or a warning."""
        if not self._keeper.is_about_connection(said) and said.about > 0:
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
        standing = () if self._keeper.line is None else self._keeper.line.standing.values()
        names = [one.name for one in self._waiting.values() if one.order_id == order_id]
        names += [one.reference for one in standing if (one.client_id, one.order_id) == (self._keeper.client_id, order_id)]
        return names[0] if names else str(order_id)

    def _tell(self, told: Told) -> None:
        if self._hear is not None:
            self._hear(told)


def _match(rows: Iterable[Standing], order: OrderRef) -> Standing | None:
    """The newest that carries our name, else the one with the venue's number."""
    found: Standing | None = None
    for one in rows:
        if order.client_order_id and one.reference == order.client_order_id:
            return one
        if order.venue_order_id and str(one.perm_id) == order.venue_order_id:
            found = one
    return found
