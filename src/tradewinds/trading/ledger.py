"""`Ledger`: cash and lots that change in place, by the arithmetic of `core.account.apply_fill`; a fill costs the lots that it closes.

1. A fill moves cash in its currency, its commission in the commission's.
2. Against what is held it closes lots: the oldest (fifo), the dearest (hifo), or all at their average; the rest opens a lot.
3. At the average, the lots that were averaged last share one price and are kept as such: no fill looks at all of them.

Whoever owns a ledger sees to it that a fill is booked once.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from tradewinds.core.account import ZERO, Fill, Gain, Lot, LotMethod
from tradewinds.core.money import NUMBERS


@dataclass(slots=True)
class Holding:
    """What is held of an instrument. lots: of one sign, in the order in which they will be closed."""

    instrument: str
    currency: str
    multiplier: Decimal = Decimal(1)
    method: LotMethod = "fifo"
    quantity: Decimal = ZERO
    average_cost: Decimal = ZERO  # as `cost`, if every closing had been at the average: what venues count as entry
    _lots: deque[Lot] | list[Lot] = field(default_factory=deque)
    _average: Decimal | None = None
    _averaged: Decimal = ZERO  # units at the front that were opened at `_average`, as far as cost is concerned
    _newer_cost: Decimal = ZERO  # of the lots behind them, before the multiplier

    def __post_init__(self) -> None:
        if self.method == "hifo":
            self._lots = []

    @property
    def lots(self) -> tuple[Lot, ...]:
        """Oldest first, each at the price at which it counts as opened."""
        lots = sorted(self._lots, key=lambda lot: lot.opened_ns)
        if self._average is None:
            return tuple(lots)
        found, left = [], abs(self._averaged)
        for lot in lots:
            found.append(Lot(lot.quantity, self._average, lot.opened_ns) if left > 0 else lot)
            left -= abs(lot.quantity)
        return tuple(found)

    @property
    def cost(self) -> Decimal:
        """What it cost to open, signed as the quantity, in its currency."""
        with localcontext(NUMBERS):
            if self.method == "average":
                return self._cost_at_average() * self.multiplier
            return sum((lot.quantity * lot.price for lot in self._lots), ZERO) * self.multiplier

    @property
    def average_price(self) -> Decimal | None:
        """Price at which the lots were opened, weighted by their size; None when flat."""
        with localcontext(NUMBERS):
            return self.cost / self.multiplier / self.quantity if self.quantity else None

    def move(self, signed: Decimal, price: Decimal, at_ns: int) -> list[Gain]:
        """Take in signed units at a price; returns what it closed."""
        gains: list[Gain] = []
        left = signed
        self._move_average(signed, price)
        if self.quantity * signed < 0:
            if self.method == "average":
                self._average_all()
            while left and self._lots:
                gain = self._close(left, price, at_ns)
                gains.append(gain)
                left += gain.quantity
        self.quantity += signed
        if left:
            self._open(Lot(left, price, at_ns))
        return gains

    def _move_average(self, signed: Decimal, price: Decimal) -> None:
        with localcontext(NUMBERS):
            after = self.quantity + signed
            if self.quantity * signed >= 0:
                self.average_cost += signed * price * self.multiplier
            elif after * signed > 0:
                self.average_cost = after * price * self.multiplier
            else:
                self.average_cost = self.average_cost * after / self.quantity

    def _close(self, left: Decimal, price: Decimal, at_ns: int) -> Gain:
        lot = self._lots.pop() if isinstance(self._lots, list) else self._lots.popleft()
        size = min(abs(left), abs(lot.quantity)).copy_sign(lot.quantity)
        opened = lot.price if self._average is None else self._average
        with localcontext(NUMBERS):
            amount = size * (price - opened) * self.multiplier
        rest = lot.quantity - size
        if rest:
            back = Lot(rest, lot.price, lot.opened_ns)
            self._lots.append(back) if isinstance(self._lots, list) else self._lots.appendleft(back)
        if self._average is not None:
            self._averaged -= size
            if not self._lots:
                self._average = None
        return Gain(self.instrument, size, lot.opened_ns, opened, at_ns, price, amount, self.currency)

    def _open(self, lot: Lot) -> None:
        if isinstance(self._lots, list):
            # Closed from the end: the dearest is the highest price of a long, the lowest of a short; of equal ones the oldest.
            insort(self._lots, lot, key=lambda one: (one.price if one.quantity > 0 else -one.price, -one.opened_ns))
            return
        if self._lots and lot.opened_ns < self._lots[-1].opened_ns:
            self._insert_late(lot)
            return
        self._lots.append(lot)
        if self.method == "average":
            with localcontext(NUMBERS):
                self._newer_cost += lot.quantity * lot.price

    def _insert_late(self, lot: Lot) -> None:
        """A fill that was told after a later one: it stands where its time says; at the average, costs are averaged first."""
        if self.method == "average":
            with localcontext(NUMBERS):
                self._newer_cost += lot.quantity * lot.price
            self._average_all()
        insort(self._lots, lot, key=lambda one: one.opened_ns)

    def _cost_at_average(self) -> Decimal:
        return self._newer_cost + (ZERO if self._average is None else self._average * self._averaged)

    def _average_all(self) -> None:
        with localcontext(NUMBERS):
            self._average = self._cost_at_average() / self.quantity
        self._averaged, self._newer_cost = self.quantity, ZERO


@dataclass(slots=True)
class Ledger:
    """Cash by currency and holdings by instrument of an account, or of one strategy's part of it."""

    method: LotMethod = "fifo"
    cash: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[str, Holding] = field(default_factory=dict)

    def quantity(self, instrument: str) -> Decimal:
        """Signed units held, zero when flat."""
        found = self.positions.get(instrument)
        return ZERO if found is None else found.quantity

    def book(self, fill: Fill) -> list[Gain]:
        """Take in a fill that was not booked before; returns what it realised, before commission.

        Units held in another currency or size of contract keep theirs: whoever books says so aloud.
        """
        signed = fill.signed
        self.add_cash(fill.currency, _product(-signed, fill.multiplier, fill.price))
        if fill.commission:
            self.add_cash(fill.commission_currency or fill.currency, -fill.commission)
        return self.move(fill.instrument, signed, fill.price, fill.event_ns, fill.currency, fill.multiplier)

    def move(self, instrument: str, signed: Decimal, price: Decimal, at_ns: int, currency: str, multiplier: Decimal) -> list[Gain]:
        """Change what is held without touching cash."""
        held = self.positions.get(instrument)
        if held is None:
            held = self.positions[instrument] = Holding(instrument, currency, multiplier, self.method)
        elif not held.currency:
            held.currency, held.multiplier = currency, multiplier
        gains = held.move(signed, price, at_ns)
        if not held.quantity:
            del self.positions[instrument]
        return gains

    def add_cash(self, currency: str, amount: Decimal) -> None:
        """Move cash in a currency."""
        with localcontext(NUMBERS):
            self.cash[currency] = self.cash.get(currency, ZERO) + amount


def total(ledgers: Iterable[Ledger]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """(cash by currency, units by instrument) of several parts together, without zeros."""
    cash: dict[str, Decimal] = {}
    units: dict[str, Decimal] = {}
    with localcontext(NUMBERS):
        for one in ledgers:
            for currency, amount in one.cash.items():
                cash[currency] = cash.get(currency, ZERO) + amount
            for instrument, held in one.positions.items():
                units[instrument] = units.get(instrument, ZERO) + held.quantity
    return {name: value for name, value in cash.items() if value}, {name: value for name, value in units.items() if value}


def _product(*factors: Decimal) -> Decimal:
    with localcontext(NUMBERS):
        found = Decimal(1)
        for one in factors:
            found *= one
        return found
