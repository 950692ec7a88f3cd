"""Whose book a fill of the guard belongs to: the guard closes what the account holds, and those who held it are flat afterwards.

1. A fill closes what the books hold of the instrument on the other side, one book after the other by name, with its share of the
   commission; what nobody held stays in the guard's own.
2. Where the account as a whole is flat then, books that held it long and short against each other are closed at the same price.

The sum over the books moves by the fill and by nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, localcontext

from tradewinds.core.account import ZERO, Fill
from tradewinds.core.money import NUMBERS
from tradewinds.trading.ledger import Ledger

GUARD = "guard"  # under this name its orders stand in journals
_COMMISSION_STEP = Decimal("1E-12")


def shares(parts: Mapping[str, Ledger], fill: Fill, held_after: Decimal) -> list[tuple[str, Fill]]:
    """The fill in parts, by book. held_after: what the account as a whole holds once it is booked."""
    with localcontext(NUMBERS):
        held = {name: part.quantity(fill.instrument) for name, part in sorted(parts.items())}
        sizes: dict[str, Decimal] = {}
        left = fill.quantity
        for name, size in held.items():
            taken = min(left, abs(size)) if size * fill.signed < 0 else ZERO
            if taken:
                sizes[name] = taken
                left -= taken
        if left:
            sizes[GUARD] = sizes.get(GUARD, ZERO) + left
        found = _with_commission(fill, sizes)
        if held_after == 0:
            sign = 1 if fill.signed > 0 else -1
            rest = {name: size + sign * sizes.get(name, ZERO) for name, size in held.items()}
            rest.setdefault(GUARD, sign * sizes.get(GUARD, ZERO))
            found += [
                (name, replace(fill, side="sell" if size > 0 else "buy", quantity=abs(size), commission=ZERO))
                for name, size in rest.items()
                if size
            ]
        return found


def _with_commission(fill: Fill, sizes: Mapping[str, Decimal]) -> list[tuple[str, Fill]]:
    """The commission in the proportion of the units; the last one bears what rounding leaves."""
    found: list[tuple[str, Fill]] = []
    owed = fill.commission
    for number, (name, size) in enumerate(sizes.items(), 1):
        commission = owed if number == len(sizes) else (fill.commission * size / fill.quantity).quantize(_COMMISSION_STEP)
        owed -= commission
        found.append((name, replace(fill, quantity=size, commission=commission)))
    return found
