"""Two slow, independent accountants in plain Python and Decimal, which the kernel has to agree with to the cent.

`Ledger` is told fills and postings and keeps cash, lots, cost and equity. `Exchange` matches market, limit and stop orders by itself,
with splits, dividends and commissions, and knows nothing of the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal


def exact(number: float) -> Decimal:
    """The decimal that the shortest text of a float means: 0.1 is 0.1."""
    return Decimal(repr(float(number)))


@dataclass
class Ledger:
    """units: value of one lot at price 1, of each instrument; currencies: of each instrument; cash: by currency."""

    units: Sequence[Decimal]
    currencies: Sequence[int]
    cash: list[Decimal]
    lots: list[int] = field(default_factory=list)
    cost: list[Decimal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lots = [0] * len(self.units)
        self.cost = [Decimal(0)] * len(self.units)

    def fill(self, instrument: int, lots: int, price: float, commission: float) -> Decimal:
        """Book a fill; returns the profit of what it closed, by average cost."""
        amount = lots * self.units[instrument] * exact(price)
        held, cost = self.lots[instrument], self.cost[instrument]
        closed = min(abs(lots), abs(held)) if held * lots < 0 else 0
        profit = Decimal(0)
        if closed:
            sign = 1 if held > 0 else -1
            profit = sign * closed * self.units[instrument] * exact(price) - cost * closed / abs(held)
            cost -= cost * closed / abs(held)
        opened = lots + closed * (1 if held > 0 else -1) if closed else lots
        self.cost[instrument] = cost + opened * self.units[instrument] * exact(price)
        self.lots[instrument] = held + lots
        self.cash[self.currencies[instrument]] -= amount + exact(commission)
        return profit

    def post(self, currency: int, amount: float, instrument: int, lots: int) -> None:
        """Book a posting: cash that came, lots that a split made."""
        self.cash[currency] += exact(amount)
        if lots:
            self.lots[instrument] += lots

    def equity(self, closes: Sequence[float], rates: Sequence[float]) -> Decimal:
        total = sum((cash * exact(rate) for cash, rate in zip(self.cash, rates, strict=True)), Decimal(0))
        for instrument, lots in enumerate(self.lots):
            if lots:
                value = lots * self.units[instrument] * exact(closes[instrument])
                total += value * exact(rates[self.currencies[instrument]])
        return total


@dataclass
class Order:
    id: int
    instrument: int
    side: int
    lots: Decimal
    kind: str
    price: Decimal


@dataclass
class Exchange:
    """Bars are (open, high, low, close) of Decimals, None where an instrument did not trade. fee: fraction; fee_min: per fill."""

    units: Sequence[Decimal]
    currencies: Sequence[int]
    cash: list[Decimal]
    fee: Decimal
    per_lot: Decimal
    per_lot_min: Decimal
    lots: list[Decimal] = field(default_factory=list)
    last: list[Decimal] = field(default_factory=list)
    open_orders: list[Order] = field(default_factory=list)
    fills: list[tuple[int, int, int, Decimal]] = field(default_factory=list)  # row, order, lots, price

    def __post_init__(self) -> None:
        self.lots = [Decimal(0)] * len(self.units)
        self.last = [Decimal(0)] * len(self.units)

    def dividend(self, instrument: int, per_unit: Decimal) -> None:
        self.cash[self.currencies[instrument]] += self.lots[instrument] * self.units[instrument] * per_unit

    def split(self, instrument: int, ratio: Decimal) -> None:
        wanted = self.lots[instrument] * ratio
        whole = Decimal(int(wanted))
        self.last[instrument] /= ratio
        self.cash[self.currencies[instrument]] += (wanted - whole) * self.units[instrument] * self.last[instrument]
        self.lots[instrument] = whole
        for order in self.open_orders:
            if order.instrument == instrument:
                order.lots = Decimal(int(order.lots * ratio))
                order.price /= ratio
        self.open_orders = [order for order in self.open_orders if order.lots > 0]

    def bar(self, row: int, bars: Sequence[tuple[Decimal, Decimal, Decimal, Decimal] | None]) -> None:
        self._phase(row, bars, ("market", "limit", "stop"), self._at_open)
        self._phase(row, bars, ("stop",), self._inside)
        self._phase(row, bars, ("limit",), self._inside)
        for instrument, bar in enumerate(bars):
            if bar is not None:
                self.last[instrument] = bar[3]

    def _phase(self, row: int, bars: Sequence[tuple[Decimal, ...] | None], kinds: Sequence[str], price_of: object) -> None:
        assert callable(price_of)
        reducing = {order.id: order.side * self.lots[order.instrument] < 0 for order in self.open_orders}
        for order in sorted(self.open_orders, key=lambda one: (not reducing[one.id], one.id)):
            bar = bars[order.instrument]
            price = price_of(order, bar) if bar is not None and order.kind in kinds else None
            if price is not None:
                self._book(row, order, price)
                self.open_orders.remove(order)

    @staticmethod
    def _at_open(order: Order, bar: tuple[Decimal, ...]) -> Decimal | None:
        beyond = order.side * (bar[0] - order.price)
        is_due = order.kind == "market" or (beyond <= 0 if order.kind == "limit" else beyond >= 0)
        return bar[0] if is_due else None

    @staticmethod
    def _inside(order: Order, bar: tuple[Decimal, ...]) -> Decimal | None:
        is_upward = (order.side > 0) == (order.kind == "stop")
        is_touched = bar[1] >= order.price if is_upward else bar[2] <= order.price
        return order.price if is_touched else None

    def _book(self, row: int, order: Order, price: Decimal) -> None:
        amount = order.side * order.lots * self.units[order.instrument] * price
        fee = abs(amount) * self.fee + max(order.lots * self.per_lot, self.per_lot_min)
        self.cash[self.currencies[order.instrument]] -= amount + fee
        self.lots[order.instrument] += order.side * order.lots
        self.fills.append((row, order.id, int(order.side * order.lots), price))
