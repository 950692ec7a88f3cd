"""`PaperBroker`: the simulation kernel as a broker. What is ordered fills on the next bars of the feed, by the rules of a backtest.

1. An order is placed in the kernel as decided at the last bar's close, written down, then answered.
2. `take` simulates the bar that closed; its fills and ended orders are written down, then told. Give it the bars before the strategies
   see them, so that they decide on what has filled, as in a backtest.
3. Orders, fills, cash and the kernel's state come back after a restart from a file of its own (`paper_store`), as a venue's would.

Money that it reports is exact: whole lots times prices on ticks, in Decimal; the kernel's own floats decide what an account can carry.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

import numpy as np

from tradewinds.brokers.paper_store import Change, KeptOrder, PaperStore
from tradewinds.core.account import ZERO, Fill
from tradewinds.core.broker import BrokerCapability, FillPage, Hear, Holdings, Link, OrderRef, OrderReport, Told
from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.core.instrument import Instrument
from tradewinds.core.market import Interval
from tradewinds.core.money import NUMBERS, from_float
from tradewinds.core.order import ORDER_KINDS, TIMES_IN_FORCE, ApprovedOrder, OrderState, OrderTerms
from tradewinds.core.ports import Clock
from tradewinds.simulation.books import REASONS, REFUSED, STATUSES
from tradewinds.simulation.growing import PRICES, ROWS, GrowingSimulator, Row
from tradewinds.simulation.rules import Setup
from tradewinds.trading.entry import BarsClosed
from tradewinds.trading.following import TARGET
from tradewinds.trading.own_book import Conversion, lot_of

VENUE = "PAPER"
CAPABILITY = BrokerCapability(
    "paper", VENUE, frozenset(ORDER_KINDS), frozenset(TIMES_IN_FORCE), can_replace=False, has_reduce_only=True, absent_after_s=1.0,
    holds="positions",
)  # fmt: skip
_STATES = {
    "waiting": OrderState.ACCEPTED, "working": OrderState.ACCEPTED, "filled": OrderState.FILLED, "cancelled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED, "refused": OrderState.REJECTED,
}  # fmt: skip
_NUMBERS = ("quantity", "limit", "stop", "trail")


class PaperBroker:
    """`core.broker.Broker` over the kernel. interval: of the bars that fill orders, the finest that the feed brings.

    conversions: of the currencies of instruments into the account's. ends_session: whether a bar (start, end) is the last of its
    session, so that day orders end with it; None: sessions are UTC days.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        setup: Setup,
        store: PaperStore,
        clock: Clock,
        interval: str = "1m",
        *,
        conversions: Mapping[str, Conversion] | None = None,
        ends_session: Callable[[int, int], bool] | None = None,
        rows: int = ROWS,
    ) -> None:
        self.capability = CAPABILITY
        self._instruments = {one.id: one for one in instruments}
        self._columns = {one.id: at for at, one in enumerate(instruments)}
        self._simulation = GrowingSimulator(instruments, setup, rows=rows)
        self._store = store
        self._clock = clock
        self._interval = interval
        self._length_ns = Interval(interval).ns
        self._conversions = dict(conversions or {})
        self._ends_session = ends_session or _ends_day
        self._rates: list[float] = [math.nan] * (len(self._simulation.currencies) - 1)
        self._orders: dict[int, KeptOrder] = {}
        self._cash = {setup.account.currency: Decimal(repr(float(setup.account.capital)))}
        self._fills = 0
        self._snapshot = self._simulation.snapshot()
        self._hear: Hear | None = None
        for currency in self._simulation.currencies[1:]:
            if currency not in self._conversions:
                raise Rejected(f"paper broker: no conversion of {currency} into {setup.account.currency}, expected one")

    # Broker

    async def open(self, hear: Hear) -> None:
        self._hear = hear
        kept = self._store.state()
        if kept is not None:
            self._snapshot = kept[0]
            self._simulation.restore(self._snapshot)
            self._cash = {currency: Decimal(amount) for currency, amount in kept[1].items()}
            self._orders = {one.number: one for one in self._store.open_orders()}
            self._fills = self._store.last_fill()
        hear(Link("up", "paper", self._clock.now_ns()))

    async def close(self) -> None:
        self._hear = None
        self._store.close()

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        terms, name = order.terms, order.client_order_id
        self._check(name, terms)
        column, simulator = self._columns[terms.instrument], self._simulation.simulator
        limit, stop, trail = (math.nan if one is None else float(one) for one in (terms.limit, terms.stop, terms.trail))
        before = simulator.fill_count
        number = simulator.submit(
            column, 1 if terms.side == "buy" else -1, float(terms.quantity), terms.kind, tif=terms.time_in_force, when=terms.when,
            is_reduce_only=terms.is_reduce_only, limit=limit, stop=stop, trail=trail,
        )  # fmt: skip
        if order.intent.reason == TARGET:
            self._simulation.mark_as_target(number)
        now_ns = self._simulation.end_ns or self._clock.now_ns()
        self._orders[number] = KeptOrder(name, number, True, _body(terms, now_ns))
        told = self._keep(simulator.fills[before:].copy(), {number})
        for one in told:
            if isinstance(one, Fill):
                self._tell([one])
        report = next(one for one in told if isinstance(one, OrderReport))
        if report.state is OrderState.REJECTED:
            raise Rejected(f"order {name} for {terms.instrument}: refused by the paper broker ({report.reason}), expected one it can carry")
        return report

    async def cancel(self, order: OrderRef) -> OrderReport:
        number = next((one.number for one in self._orders.values() if one.client_order_id == order.client_order_id), None)
        if number is None or not self._simulation.simulator.cancel(number):
            raise Rejected(f"cancel of {order.client_order_id}: it does not work, expected a working order")
        (report,) = self._keep(self._simulation.simulator.fills[:0], {number})
        assert isinstance(report, OrderReport)
        return report

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        raise Rejected(f"replace of {order.client_order_id}: the paper broker has none, expected cancel and new")

    async def find(self, order: OrderRef) -> OrderReport | None:
        found = self._store.order(order.client_order_id)
        return None if found is None else _report(found)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return tuple(_report(one) for one in self._store.open_orders())

    async def fills(self, since: str) -> FillPage:
        found = self._store.fills(int(since or 0))
        return FillPage(tuple(_fill(body) for _, body in found), str(found[-1][0]) if found else since or "0")

    async def holdings(self) -> Holdings:
        held = {}
        for name, column in self._columns.items():
            lots = int(self._simulation.simulator.books.positions["quantity"][column])
            if lots:
                held[name] = lots * lot_of(self._instruments[name])
        return Holdings(held, {name: amount for name, amount in self._cash.items() if amount}, self._clock.now_ns())

    # Bars

    def take(self, bars: BarsClosed) -> None:
        """Simulate a bar that closed. Bars of other intervals, warm-up and those that come too late change nothing."""
        last = self._simulation.end_ns
        if bars.interval != self._interval or bars.is_warm_up or (last is not None and bars.end_ns <= last):
            return
        row = self._row(bars)
        if row is None:
            return
        try:
            fills = self._simulation.take(row)
        except Rejected as error:  # the account is below zero: it trades no more
            self._tell([Link("locked out", str(error), bars.end_ns)])
            return
        self._tell(self._keep(fills, set(self._orders)))

    def _row(self, bars: BarsClosed) -> Row | None:
        """The bars as the kernel takes them; None while a currency has no rate yet. Impossible prices count as no bar."""
        values = {name: np.full(len(self._columns), math.nan) for name in PRICES}
        closes = {}
        for bar in bars.bars:
            column = self._columns.get(bar.instrument)
            closes[bar.instrument] = bar.close
            if column is None or not (0 < bar.low <= bar.high < math.inf and bar.open > 0 and bar.close > 0 and bar.volume >= 0):
                continue
            for name in PRICES:
                values[name][column] = getattr(bar, name)
        for at, currency in enumerate(self._simulation.currencies[1:]):
            self._rates[at] = self._rate(self._conversions[currency], closes, self._rates[at])
        if any(math.isnan(rate) for rate in self._rates):
            return None
        start = bars.end_ns - self._length_ns if self._length_ns else (self._simulation.end_ns or bars.end_ns - 1)
        return Row(start, bars.end_ns, values, self._rates, self._ends_session(start, bars.end_ns))

    def _rate(self, how: Conversion, closes: Mapping[str, float], before: float) -> float:
        if how.instrument is None:
            return how.fixed
        close = closes.get(how.instrument, math.nan)
        if math.isnan(close):
            return before
        return 1.0 / close if how.is_inverse else close

    # What changed

    def _keep(self, fills: Any, numbers: set[int]) -> list[Told]:
        """Write down these fills and what became of these orders; what is to be told then. Nothing changed where it cannot be written."""
        told: list[Told] = []
        cash, orders = dict(self._cash), dict(self._orders)
        kept_fills: dict[int, Mapping[str, Any]] = {}
        for currency, amount in self._simulation.posted():
            cash[currency] = cash.get(currency, ZERO) + Decimal(repr(amount))
        for record in fills:
            number = self._fills + len(kept_fills) + 1
            fill = self._fill_of(record, number, orders)
            kept_fills[number] = {key: _plain(value) for key, value in dataclasses.asdict(fill).items()}
            told.append(fill)
            with localcontext(NUMBERS):
                moved = -fill.signed * fill.multiplier * fill.price - fill.commission
                cash[fill.currency] = cash.get(fill.currency, ZERO) + moved
        changed = [one for one in (self._order_of(orders[number]) for number in sorted(numbers)) if one is not None]
        snapshot = self._simulation.snapshot()
        try:
            texts = {name: str(amount) for name, amount in cash.items()}
            self._store.write(Change(snapshot, texts, tuple(changed), kept_fills))
        except Transient:
            self._orders = {one.number: one for one in self._store.open_orders()}
            self._simulation.restore(self._snapshot)
            raise
        self._snapshot, self._cash, self._fills = snapshot, cash, self._fills + len(kept_fills)
        for one in changed:
            if one.is_open:
                self._orders[one.number] = one
            else:
                self._orders.pop(one.number, None)
        return told + [_report(one) for one in changed]

    def _order_of(self, kept: KeptOrder) -> KeptOrder | None:
        """The order as the kernel has it now, None where nothing changed."""
        records = self._simulation.simulator.books.orders
        slot = self._slot(kept.number)
        record = records[slot]
        lot = lot_of(self._instruments[kept.body["instrument"]])
        filled = int(record["filled"]) * lot
        state = _STATES[STATUSES[record["status"]]]
        if filled and state is OrderState.ACCEPTED:
            state = OrderState.PARTIALLY_FILLED
        if filled and int(record["status"]) == REFUSED:
            state = OrderState.CANCELLED  # what filled before stands; the rest could not be carried
        body = {**kept.body, "state": state.value, "filled": str(filled), "reason": REASONS[record["reason"]]}
        if body == kept.body:
            return None
        is_open = state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)
        return KeptOrder(kept.client_order_id, kept.number, is_open, {**body, "event_ns": self._simulation.end_ns or kept.body["event_ns"]})

    def _slot(self, number: int) -> int:
        """Where an order stands in the log: ids rise by one with the places, however often the log began anew."""
        books = self._simulation.simulator.books
        found = np.flatnonzero(books.orders["id"][: int(books.state["fresh"][0])] == number)
        return int(found[-1])

    def _fill_of(self, record: Any, number: int, orders: Mapping[int, KeptOrder]) -> Fill:
        order = orders[int(record["order"])]
        instrument = self._instruments[order.body["instrument"]]
        lots, price = int(record["quantity"]), float(record["price"])
        exact = Decimal(repr(price)) if instrument.tick is None else from_float(price, instrument.tick)
        return Fill(
            str(number), VENUE, order.client_order_id, instrument.id, "buy" if lots > 0 else "sell", abs(lots) * lot_of(instrument), exact,
            instrument.currency, self._simulation.end_ns or 0, instrument.multiplier, Decimal(repr(float(record["commission"]))),
            instrument.currency,
        )  # fmt: skip

    def _check(self, name: str, terms: OrderTerms) -> None:
        instrument = self._instruments.get(terms.instrument)
        if instrument is None:
            raise Rejected(f"order {name}: instrument {terms.instrument}, expected one of {', '.join(sorted(self._instruments)[:5])}")
        if self._store.order(name) is not None:
            raise Rejected(f"order {name}: there is one of this name already, expected a new name")
        if terms.quantity % lot_of(instrument):
            raise Rejected(f"order {name}: quantity {terms.quantity}, expected a multiple of {lot_of(instrument)}")
        for what, price in (("limit", terms.limit), ("stop", terms.stop)):
            if price is not None and instrument.tick is not None and price % instrument.tick:
                raise Rejected(f"order {name}: {what} {price}, expected a multiple of {instrument.tick}")

    def _tell(self, told: Sequence[Told]) -> None:
        if self._hear is not None:
            for one in told:
                self._hear(one)


def _ends_day(start_ns: int, end_ns: int) -> bool:
    return start_ns // NS_PER_DAY != end_ns // NS_PER_DAY


def _body(terms: OrderTerms, now_ns: int) -> dict[str, Any]:
    """An order as it is kept; its state is filled in when it is written."""
    body = {key: _plain(value) for key, value in dataclasses.asdict(terms).items()}
    return body | {"state": "", "filled": "0", "reason": "", "event_ns": now_ns}


def _report(kept: KeptOrder) -> OrderReport:
    body = dict(kept.body)
    state, filled, reason, event_ns = (body.pop(name) for name in ("state", "filled", "reason", "event_ns"))
    asked: dict[str, Any] = {key: Decimal(value) if key in _NUMBERS and value is not None else value for key, value in body.items()}
    terms = OrderTerms(**asked)
    return OrderReport(
        kept.client_order_id, str(kept.number), terms.instrument, OrderState(state), event_ns, Decimal(filled), reason, terms
    )  # fmt: skip


def _fill(body: Mapping[str, Any]) -> Fill:
    numbers = ("quantity", "price", "multiplier", "commission")
    said: dict[str, Any] = {key: Decimal(value) if key in numbers else value for key, value in body.items()}
    return Fill(**said)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else value
