"""A span of an account as its journal has it, such as a month: what was there before, what happened, what was there after.

1. The journal is read from its beginning; what was booked before the span makes the opening balances.
2. What is booked within [start_ns, end_ns) is listed: fills, cash and positions that moved without one, gains that were realised.
3. A fill belongs to the span in which it was booked, which may be a moment after it happened; so opening and movements
   make the closing, exactly.

Nothing is valued: there is no market price in a journal. Positions stand at what they cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from tradewinds.core.account import ZERO, Fill
from tradewinds.core.errors import Rejected
from tradewinds.core.money import NUMBERS
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Adjusted, Booked, Elsewhere, Entry
from tradewinds.trading.gains import GainRow, gain_rows

BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Held:
    """What was held of an instrument at an instant. cost: what its lots cost, signed as the quantity, in `currency`."""

    instrument: str
    quantity: Decimal
    average_price: Decimal
    cost: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Traded:
    """A fill with who ordered it. amount: what it moved of `fill.currency`, commission apart: negative for a purchase."""

    fill: Fill
    strategy: str
    booked_ns: int

    @property
    def amount(self) -> Decimal:
        with localcontext(NUMBERS):
            return -self.fill.signed * self.fill.price * self.fill.multiplier

    @property
    def commission_currency(self) -> str:
        return self.fill.commission_currency or self.fill.currency


@dataclass(frozen=True, slots=True)
class Moved:
    """Cash or units that came or went without a fill of ours: an opening balance, a deposit, funding, what a person traded elsewhere."""

    at_ns: int
    what: str
    quantity: Decimal
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """[start_ns, end_ns) of an account. cash: by currency. entries: of the journal within the span; chain: its hash at the end."""

    account: str
    start_ns: int
    end_ns: int
    cash_before: Mapping[str, Decimal]
    cash_after: Mapping[str, Decimal]
    held_before: tuple[Held, ...]
    held_after: tuple[Held, ...]
    fills: tuple[Traded, ...] = ()
    moved: tuple[Moved, ...] = ()
    gains: tuple[GainRow, ...] = ()
    entries: int = 0

    @property
    def commissions(self) -> dict[str, Decimal]:
        """Paid, by currency; negative where rebates were more."""
        return _sums((one.commission_currency, one.fill.commission) for one in self.fills)

    @property
    def realised(self) -> dict[str, Decimal]:
        """Gains less losses of lots that were closed, by currency, before commission."""
        return _sums((one.currency, one.gain) for one in self.gains)

    @property
    def traded(self) -> dict[str, Decimal]:
        """What fills moved of each currency, commission apart."""
        return _sums((one.fill.currency, one.amount) for one in self.fills)


@dataclass(slots=True)
class _Span:
    fills: list[Traded] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    entries: int = 0


def statement_of(entries: Iterable[Entry], books: Books, start_ns: int, end_ns: int) -> AccountStatement:
    """The statement of a journal that is read from its beginning. books: empty ones of the account; they are at the end of the span after.

    Raises Rejected where the span is none.
    """
    if end_ns <= start_ns:
        raise Rejected(f"statement of {books.account}: from {start_ns} to {end_ns}, expected an end after the start")
    span = _Span()
    before: tuple[dict[str, Decimal], tuple[Held, ...], int] | None = None
    for entry in entries:
        if entry.time_ns >= end_ns:
            break
        if entry.time_ns >= start_ns:
            if before is None:
                before = (*_standing(books), len(books.gains))
            _note(span, entry)
        if isinstance(entry.input, Elsewhere):
            books.learn(entry.input)
        books.apply(entry.time_ns, entry.records)
    cash, held = _standing(books)
    cash_before, held_before, known = before or (cash, held, len(books.gains))
    gains = tuple(gain_rows(books.gains[known:], books.method, books.instruments))
    return AccountStatement(
        books.account, start_ns, end_ns, cash_before, cash, held_before, held, tuple(span.fills), tuple(span.moved), gains, span.entries
    )


def _note(span: _Span, entry: Entry) -> None:
    span.entries += 1
    for record in entry.records:
        if isinstance(record, Booked):
            span.fills.append(Traded(record.fill, record.strategy or BY_HAND, entry.time_ns))
        elif isinstance(record, Adjusted):
            span.moved.append(Moved(entry.time_ns, record.what, record.quantity, record.kind, record.reason))


def _standing(books: Books) -> tuple[dict[str, Decimal], tuple[Held, ...]]:
    cash = {currency: amount for currency, amount in sorted(books.whole.cash.items()) if amount}
    held = tuple(
        Held(name, one.quantity, one.average_price or ZERO, one.cost, one.currency)
        for name, one in sorted(books.whole.positions.items())
        if one.quantity
    )
    return cash, held


def _sums(amounts: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    with localcontext(NUMBERS):
        for currency, amount in amounts:
            found[currency] = found.get(currency, ZERO) + amount
    return dict(sorted(found.items()))
