"""What the venue should hold if the books are right, and where it does not.

1. Where the venue keeps positions, units are compared by instrument. Where it keeps balances (spot), an asset's balance should be the
   units of every position with that base plus the cash in it: a commission paid in the base asset shrinks what is held.
2. Cash in a currency should be what fills moved; a margined instrument (a perpetual, a future, a pair that is not exchanged) moves gains
   only, so what it cost comes back on. An exchanged pair moves both currencies.
3. A currency that the venue does not list, where it lists others, was converted by it: there should be none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Literal

from tradewinds.core.account import ZERO
from tradewinds.core.broker import BrokerCapability, Holdings
from tradewinds.core.instrument import Instrument
from tradewinds.core.money import NUMBERS
from tradewinds.trading.books import Books
from tradewinds.trading.ledger import Holding

CASH_UNIT = Decimal("0.00000001")  # differences of cash below this are rounding


@dataclass(frozen=True, slots=True)
class Difference:
    """What the venue has more than the books. what: an instrument, or a currency; expected, found: there."""

    kind: Literal["position", "cash"]
    what: str
    expected: Decimal
    found: Decimal

    @property
    def quantity(self) -> Decimal:
        with localcontext(NUMBERS):
            return self.found - self.expected


def differences(books: Books, holdings: Holdings, capability: BrokerCapability) -> list[Difference]:
    """Every difference, positions first, each by name."""
    if capability.holds == "balances":
        return _of_balances(books, holdings)
    found = [
        Difference("position", one, books.whole.quantity(one), holdings.quantity(one))
        for one in sorted({*books.whole.positions, *holdings.positions})
        if books.whole.quantity(one) != holdings.quantity(one)
    ]
    if holdings.cash:
        should = expected_cash(books, capability)
        found += [Difference("cash", one, should.get(one, ZERO), holdings.cash.get(one, ZERO)) for one in sorted({*should, *holdings.cash})]
    return [one for one in found if one.kind == "position" or one.quantity.copy_abs() >= CASH_UNIT]


def expected_cash(books: Books, capability: BrokerCapability) -> dict[str, Decimal]:
    """Balances by currency, at a venue that keeps positions, if the books are right."""
    should = dict(books.whole.cash)
    with localcontext(NUMBERS):
        for name, held in books.whole.positions.items():
            rules = books.instruments.get(name)
            if rules is None:
                continue
            if _is_margined(rules, capability):
                should[held.currency] = should.get(held.currency, ZERO) + _paid(held, rules)
            elif rules.kind == "fx" and rules.base is not None:
                should[rules.base] = should.get(rules.base, ZERO) + held.quantity
    return should


def instrument_of(asset: str, instruments: Mapping[str, Instrument], books: Books) -> str | None:
    """The instrument whose position a balance of an asset is; None where the asset is cash.

    The account's own currency is cash. Then an instrument that is held counts first, one in the account's currency next.
    """
    if asset == books.currency:
        return None
    found = sorted(one.id for one in instruments.values() if one.kind == "spot" and one.base == asset)
    is_quote = any(one.kind == "spot" and one.currency == asset for one in instruments.values())
    held = [one for one in found if books.whole.quantity(one)]
    own = [one for one in found if instruments[one].currency == books.currency]
    if held or own:
        return (held or own)[0]
    return None if is_quote or not found else found[0]


def _of_balances(books: Books, holdings: Holdings) -> list[Difference]:
    should = {asset: amount for asset, amount in books.whole.cash.items() if amount}
    with localcontext(NUMBERS):
        for name, held in books.whole.positions.items():
            rules = books.instruments.get(name)
            base = rules.base if rules is not None and rules.base is not None else name
            should[base] = should.get(base, ZERO) + held.quantity
    balances = {**holdings.cash, **{name: size for name, size in holdings.positions.items() if name not in holdings.cash}}
    found = []
    for asset in sorted({*should, *balances}):
        expected, there = should.get(asset, ZERO), balances.get(asset, ZERO)
        if abs(there - expected) < CASH_UNIT:
            continue
        instrument = instrument_of(asset, books.instruments, books)
        found.append(Difference("cash" if instrument is None else "position", instrument or asset, expected, there))
    return sorted(found, key=lambda one: (one.kind != "position", one.what))


def _is_margined(rules: Instrument, capability: BrokerCapability) -> bool:
    return rules.kind in ("perpetual", "future") or (rules.kind == "fx" and not capability.exchanges_fx)


def _paid(held: Holding, rules: Instrument) -> Decimal:
    """What the venue counts as the entry of a margined position: pairs are closed first in first out, contracts at their average."""
    return held.cost if rules.kind == "fx" and held.method == "fifo" else held.average_cost
