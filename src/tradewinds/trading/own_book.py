"""`OwnBook`: one strategy's part of an account, as it is sized against: its position, its working orders, its equity.

Several strategies trade one account; each sees what it bought itself and its own cash: the capital that was allotted to it, and what
trading moved since. Amounts are floats here, for sizing and for strategies to read; what becomes of them are whole lots.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.account import ZERO
from tradewinds.core.instrument import Instrument
from tradewinds.core.money import round_to_step
from tradewinds.core.order import Intent
from tradewinds.trading.books import Books, Order
from tradewinds.trading.ledger import Ledger

Floats = NDArray[np.float64]

ONE = Decimal(1)
NAN = math.nan


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a currency becomes the account's: a fixed rate, or the last close of an instrument (its inverse for one quoted the other way)."""

    instrument: str | None = None
    is_inverse: bool = False
    fixed: float = 1.0


@dataclass(slots=True)
class OwnBook:
    """What the strategy `name` has. `look` brings it up to date before it is asked; last: (instruments,) newest closes."""

    name: str
    instruments: tuple[Instrument, ...]
    currency: str
    conversions: Mapping[str, Conversion] = field(default_factory=dict)
    _books: Books | None = None
    _part: Ledger = field(default_factory=Ledger)
    _last: Floats = field(default_factory=lambda: np.empty(0))
    _prices: Mapping[str, float] = field(default_factory=dict)

    def look(self, books: Books, last: Floats, prices: Mapping[str, float]) -> None:
        """As of now: the books, the newest closes of its instruments, and of every instrument that any bar named."""
        self._books, self._last, self._prices = books, last, prices
        self._part = books.parts.get(self.name, _NOTHING)

    def quantity(self, column: int) -> Decimal:
        """Units held, signed."""
        return self._part.quantity(self.instruments[column].id)

    def lots(self, column: int) -> int:
        """Whole lots held, signed; what is less than a lot is left where it is."""
        lot = lot_of(self.instruments[column])
        return int(round_to_step(self.quantity(column), lot) / lot)

    def lots_to_sell(self, column: int) -> int:
        """Whole lots that can be sold of a long: on a spot market a commission may have been paid in what was bought."""
        assert self._books is not None
        lot = lot_of(self.instruments[column])
        return int(round_to_step(self._books.held(self.instruments[column].id, self.name), lot) / lot)

    def average_price(self, column: int) -> float | None:
        """At which what is held was opened."""
        held = self._part.positions.get(self.instruments[column].id)
        price = None if held is None else held.average_price
        return None if price is None else float(price)

    def price(self, column: int) -> float:
        """The newest close, NaN before the first."""
        return float(self._last[column])

    def cash(self, currency: str) -> float:
        """The balance in a currency: what it was allotted, and what trading moved."""
        assert self._books is not None
        allotted_in, amount = self._books.capital.get(self.name, (currency, ZERO))
        return float(self._part.cash.get(currency, ZERO) + (amount if allotted_in == currency else ZERO))

    def equity(self) -> float:
        """In account currency at the newest closes; NaN where a currency has no rate yet."""
        total = 0.0
        assert self._books is not None
        allotted_in = self._books.capital.get(self.name, (self.currency, ZERO))[0]
        for currency in sorted({self.currency, allotted_in, *self._part.cash}):
            amount = self.cash(currency)
            total += amount * self.rate(currency) if amount else 0.0
        for column, one in enumerate(self.instruments):
            held = self.quantity(column)
            if held:
                total += float(held * one.multiplier) * self.price(column) * self.rate(one.currency)
        return total

    def rate(self, currency: str) -> float:
        """Account currency per unit, NaN where it is not known (yet)."""
        if currency == self.currency:
            return 1.0
        how = self.conversions.get(currency)
        if how is None:
            return self._rate_of_base(currency)
        if how.instrument is None:
            return how.fixed
        price = self._prices.get(how.instrument, NAN)
        return 1.0 / price if how.is_inverse else price

    def _rate_of_base(self, currency: str) -> float:
        """Of an asset that one of its own pairs has as base, as commissions on a spot market are paid in: by the pair's newest close."""
        for column, one in enumerate(self.instruments):
            if one.base == currency and one.currency != currency:
                return self.price(column) * self.rate(one.currency)
        return NAN

    def working(self, column: int) -> Iterator[Order]:
        """Its orders of an instrument that may still fill."""
        assert self._books is not None
        for order in self._books.open_of(self.instruments[column].id):
            if order.approved.intent.strategy == self.name:
                yield order

    def waiting(self, column: int) -> Iterator[Intent]:
        """What it wants of an instrument and a person has not allowed yet."""
        assert self._books is not None
        instrument = self.instruments[column].id
        for one in self._books.waiting.values():
            if one.intent.strategy == self.name and one.intent.terms.instrument == instrument:
                yield one.intent

    def is_waiting(self, client_order_id: str) -> bool:
        """Whether a person has to allow it yet."""
        assert self._books is not None
        return client_order_id in self._books.waiting

    def found(self, client_order_id: str) -> Order | None:
        """An order of the account by its id, None where the gate did not let it pass."""
        assert self._books is not None
        return self._books.orders.get(client_order_id)


def lot_of(instrument: Instrument) -> Decimal:
    """What quantities move in; one unit where the venue states nothing."""
    return ONE if instrument.lot is None else instrument.lot


_NOTHING = Ledger()
