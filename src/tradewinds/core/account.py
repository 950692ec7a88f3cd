"""Accounts: what a fill does to cash and positions, exactly, in Decimal.

1. A fill is booked once: its venue and id are remembered, and a second time it changes nothing.
2. What it cost (quantity x multiplier x price) leaves cash in the instrument's currency, its commission in the commission's.
3. Against a position of the other side it closes lots, first in first out, highest cost first, or at their average; the rest opens one.

Sum of cash moved, change of the cost of what is held, gain realised: zero for every fill before commission.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import Literal

from tradewinds.core.errors import Rejected
from tradewinds.core.money import NUMBERS
from tradewinds.core.order import Side

LotMethod = Literal["fifo", "hifo", "average"]
LOT_METHODS: tuple[LotMethod, ...] = ("fifo", "hifo", "average")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of an order of ours. `id` is the venue's and unique there; money in `currency`, commission in its own.

    quantity: positive units. commission: positive when paid, negative for a rebate. event_ns: when it happened at the venue.
    """

    id: str
    venue: str
    client_order_id: str
    instrument: str
    side: Side
    quantity: Decimal
    price: Decimal
    currency: str
    event_ns: int
    multiplier: Decimal = Decimal(1)
    commission: Decimal = ZERO
    commission_currency: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("quantity", self.quantity), ("price", self.price), ("multiplier", self.multiplier)):
            # Prices of some futures and spreads have been negative; quantities never are.
            if not value.is_finite() or (name != "price" and value <= 0):
                raise Rejected(f"fill {self.id} of {self.instrument}: {name} {value}, expected a positive number")
        if not self.commission.is_finite():
            raise Rejected(f"fill {self.id} of {self.instrument}: commission {self.commission}, expected a finite number")

    @property
    def signed(self) -> Decimal:
        """The quantity, negative for a sale."""
        return self.quantity if self.side == "buy" else -self.quantity

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same fill, however often it is told."""
        return self.venue, self.id


@dataclass(frozen=True, slots=True)
class Lot:
    """Units opened together. quantity: signed. price: of opening. opened_ns: when."""

    quantity: Decimal
    price: Decimal
    opened_ns: int


@dataclass(frozen=True, slots=True)
class Position:
    """What is held of an instrument: lots of one sign, oldest first."""

    instrument: str
    currency: str
    multiplier: Decimal = Decimal(1)
    lots: tuple[Lot, ...] = ()

    @property
    def quantity(self) -> Decimal:
        """Signed units."""
        return sum((lot.quantity for lot in self.lots), ZERO)

    @property
    def cost(self) -> Decimal:
        """What it cost to open, signed as the quantity, in the instrument's currency."""
        with localcontext(NUMBERS):
            return sum((lot.quantity * lot.price for lot in self.lots), ZERO) * self.multiplier

    @property
    def average_price(self) -> Decimal | None:
        """Price at which the lots were opened, weighted by their size; None when flat."""
        quantity = self.quantity
        with localcontext(NUMBERS):
            return self.cost / self.multiplier / quantity if quantity else None


@dataclass(frozen=True, slots=True)
class Gain:
    """A lot, or part of one, that was closed. quantity: signed as the lot was. amount: in `currency`, before commission."""

    instrument: str
    quantity: Decimal
    opened_ns: int
    opened_price: Decimal
    closed_ns: int
    closed_price: Decimal
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Account:
    """Cash by currency, positions by instrument, and the fills that are in them. A value: `apply_fill` gives the next one."""

    cash: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    positions: Mapping[str, Position] = field(default_factory=lambda: MappingProxyType({}))
    booked: frozenset[tuple[str, str]] = frozenset()

    def quantity(self, instrument: str) -> Decimal:
        """Signed units held, zero when flat."""
        found = self.positions.get(instrument)
        return ZERO if found is None else found.quantity


def apply_fill(account: Account, fill: Fill, method: LotMethod = "fifo") -> tuple[Account, tuple[Gain, ...]]:
    """The account after the fill, and the gains that it realised; the same account and none when it was booked before."""
    if method not in LOT_METHODS:
        raise Rejected(f"fill {fill.id}: lots by {method!r}, expected one of {', '.join(LOT_METHODS)}")
    if fill.key in account.booked:
        return account, ()
    held = account.positions.get(fill.instrument) or Position(fill.instrument, fill.currency, fill.multiplier)
    if (held.currency, held.multiplier) != (fill.currency, fill.multiplier):
        raise Rejected(
            f"fill {fill.id} of {fill.instrument}: in {fill.currency} times {fill.multiplier}, "
            f"expected {held.currency} times {held.multiplier} as what is held"
        )
    lots, gains = _matched(held, fill, method)
    positions = dict(account.positions)
    positions.pop(fill.instrument, None)
    if lots:
        positions[fill.instrument] = replace(held, lots=lots)
    cash = dict(account.cash)
    with localcontext(NUMBERS):
        cash[fill.currency] = cash.get(fill.currency, ZERO) - fill.signed * fill.multiplier * fill.price
        if fill.commission:
            paid_in = fill.commission_currency or fill.currency
            cash[paid_in] = cash.get(paid_in, ZERO) - fill.commission
    return Account(MappingProxyType(cash), MappingProxyType(positions), account.booked | {fill.key}), gains


def _matched(held: Position, fill: Fill, method: LotMethod) -> tuple[tuple[Lot, ...], tuple[Gain, ...]]:
    """The lots after the fill, and what it closed."""
    signed = fill.signed
    if held.quantity * signed >= 0:
        # A fill may be told after a later one: it stands where its time says.
        return tuple(sorted((*held.lots, Lot(signed, fill.price, fill.event_ns)), key=lambda lot: lot.opened_ns)), ()
    lots = list(held.lots)
    average = held.average_price if method == "average" else None
    if method == "hifo":
        # For a short the highest cost is the lowest price that was sold at.
        lots.sort(key=lambda lot: (-lot.price if lot.quantity > 0 else lot.price, lot.opened_ns))
    left, gains = signed, []
    while left and lots:
        lot = lots.pop(0)
        size = min(abs(left), abs(lot.quantity)).copy_sign(lot.quantity)
        opened = lot.price if average is None else average
        with localcontext(NUMBERS):
            amount = size * (fill.price - opened) * fill.multiplier
        gains.append(Gain(fill.instrument, size, lot.opened_ns, opened, fill.event_ns, fill.price, amount, fill.currency))
        left += size
        if lot.quantity - size:
            lots.insert(0, replace(lot, quantity=lot.quantity - size))
    if average is not None:
        # At the average every lot costs the same, before and after.
        lots = [replace(lot, price=average) for lot in lots]
    lots.sort(key=lambda lot: lot.opened_ns)
    if left:
        lots.append(Lot(left, fill.price, fill.event_ns))
    return tuple(lots), tuple(gains)
