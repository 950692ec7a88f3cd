"""`OwnBook`: one strategy's part of an account, as it is sized against: its position, its working orders, its equity.

Several strategies trade one account; each sees what it bought itself and its own cash: the capital that was allotted to it, and what
trading moved since. Amounts are floats here, for sizing and for strategies to read; what becomes of them are whole lots.

One that trades several accounts sees all of them: instruments that another account trades by the copy of that account's books which
its home keeps (`elsewhere.py`). What is on its way there counts as waiting, until the other account says what it made of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.account import ZERO, Fill
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
    """What the strategy `name` has. `look` brings it up to date before it is asked; last: (instruments,) newest closes.

    elsewhere: the account of each instrument that is not traded at home. currency: of its home, in which everything is counted.
    """

    name: str
    instruments: tuple[Instrument, ...]
    currency: str
    conversions: Mapping[str, Conversion] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
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
        return self._part_of(self.account(column)).quantity(self.instruments[column].id)

    def lots(self, column: int) -> int:
        """Whole lots held, signed; what is less than a lot is left where it is."""
        lot = lot_of(self.instruments[column])
        return int(round_to_step(self.quantity(column), lot) / lot)

    def lots_to_sell(self, column: int) -> int:
        """Whole lots that can be sold of a long: on a spot market a commission may have been paid in what was bought."""
        lot = lot_of(self.instruments[column])
        books = self._books_of(self.account(column))
        held = ZERO if books is None else books.held(self.instruments[column].id, self.name)
        return int(round_to_step(held, lot) / lot)

    def average_price(self, column: int) -> float | None:
        """At which what is held was opened."""
        held = self._part_of(self.account(column)).positions.get(self.instruments[column].id)
        price = None if held is None else held.average_price
        return None if price is None else float(price)

    def price(self, column: int) -> float:
        """The newest close, NaN before the first."""
        return float(self._last[column])

    def cash(self, currency: str) -> float:
        """The balance in a currency on all its accounts: what it was allotted, and what trading moved."""
        return sum((self._cash(account, currency) for account in self.accounts), 0.0)

    def equity(self) -> float:
        """Of all its accounts, in the currency of its home at the newest closes; NaN where a currency has no rate yet."""
        return sum((self.equity_on(account) for account in self.accounts), 0.0)

    def equity_on(self, account: str) -> float:
        """What it has on one account ("": its home), in the currency of its home."""
        total = 0.0
        books, part = self._books_of(account), self._part_of(account)
        allotted_in = self.currency if books is None else books.capital.get(self.name, (self.currency, ZERO))[0]
        for currency in sorted({self.currency, allotted_in, *part.cash}):
            amount = self._cash(account, currency)
            total += amount * self.rate(currency) if amount else 0.0
        for column, one in enumerate(self.instruments):
            held = part.quantity(one.id) if self.account(column) == account else ZERO
            if held:
                total += float(held * one.multiplier) * self.price(column) * self.rate(one.currency)
        return total

    @property
    def accounts(self) -> tuple[str, ...]:
        """Its home as "", then the others."""
        return ("", *sorted(set(self.elsewhere.values())))

    def account(self, column: int) -> str:
        """Where an instrument is traded; "" at home."""
        return self.elsewhere.get(self.instruments[column].id, "")

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
        books = self._books_of(self.account(column))
        for order in () if books is None else books.open_of(self.instruments[column].id):
            if order.approved.intent.strategy == self.name:
                yield order

    def waiting(self, column: int) -> Iterator[Intent]:
        """What it wants of an instrument, and a person has not allowed yet, or its account has not said yet."""
        instrument, account = self.instruments[column].id, self.account(column)
        books = self._books_of(account)
        for one in () if books is None else books.waiting.values():
            if one.intent.strategy == self.name and one.intent.terms.instrument == instrument:
                yield one.intent
        yield from self.on_the_way(column)

    def on_the_way(self, column: int) -> Iterator[Intent]:
        """What it wants of an instrument elsewhere, as long as that account has not said what it makes of it."""
        instrument = self.instruments[column].id
        yield from (one for one in self._handed(self.account(column)) if one.terms.instrument == instrument)

    def is_waiting(self, client_order_id: str) -> bool:
        """Whether a person has to allow it yet, or its account has not said yet what it makes of it."""
        for account in self.accounts:
            books = self._books_of(account)
            if books is not None and client_order_id in books.waiting:
                return True
            if any(one.client_order_id == client_order_id for one in self._handed(account)):
                return True
        return False

    def found(self, client_order_id: str) -> Order | None:
        """An order of its accounts by its id, None where the gate did not let it pass."""
        for account in self.accounts:
            books = self._books_of(account)
            if books is not None and client_order_id in books.orders:
                return books.orders[client_order_id]
        return None

    def untold(self) -> Iterator[tuple[Fill, Order]]:
        """Fills since it decided last, each with its order; those of one account in their order."""
        for account in self.accounts:
            books = self._books_of(account)
            if books is not None:
                yield from ((fill, books.orders[fill.client_order_id]) for fill in books.untold.get(self.name, ()))

    # Accounts

    def _books_of(self, account: str) -> Books | None:
        """None of another account that has not told anything yet."""
        assert self._books is not None
        return self._books if account == "" else self._books.away.get(account)

    def _part_of(self, account: str) -> Ledger:
        if account == "":
            return self._part
        books = self._books_of(account)
        return _NOTHING if books is None else books.parts.get(self.name, _NOTHING)

    def _cash(self, account: str, currency: str) -> float:
        books = self._books_of(account)
        allotted_in, amount = (currency, ZERO) if books is None else books.capital.get(self.name, (currency, ZERO))
        return float(self._part_of(account).cash.get(currency, ZERO) + (amount if allotted_in == currency else ZERO))

    def _handed(self, account: str) -> Iterator[Intent]:
        """What is on its way to another account."""
        assert self._books is not None
        if account:
            for given in self._books.handed.get(account, {}).values():
                if given.strategy == self.name:
                    yield from given.intents


def lot_of(instrument: Instrument) -> Decimal:
    """What quantities move in; one unit where the venue states nothing."""
    return ONE if instrument.lot is None else instrument.lot


_NOTHING = Ledger()
