"""Decimal money, price and quantity: the one crossing between wire text, Decimal and research floats."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext
from typing import ParamSpec, TypeVar

from tradewinds.core.errors import Rejected

P = ParamSpec("P")
T = TypeVar("T")


def numbers(digits: int) -> Context:
    """How to count with so many digits, whole: for `localcontext`.

    `localcontext(prec=...)` would take the rest from the process, where libraries change it for everybody: after its first order ccxt has
    ties rounded away from zero. What was counted before and after would then differ, and a journal read again by another process.
    """
    traps = [DivisionByZero, InvalidOperation, Overflow]
    return Context(digits, ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999, capitals=1, clamp=0, flags=[], traps=traps)


NUMBERS = numbers(50)
"""Of money, lots and averages: no sum or product of them is rounded, a quotient in its fiftieth digit."""


def by_numbers(step: Callable[P, T]) -> Callable[P, T]:
    """The same function, which counts by NUMBERS whatever the process does."""

    @functools.wraps(step)
    def counted(*given: P.args, **named: P.kwargs) -> T:
        with localcontext(NUMBERS):
            return step(*given, **named)

    return counted


# The quotient of any price or quantity by any step must be exact; the usual 28 digits round it.
_EXACT = numbers(80)


def decimal(value: str | int | Decimal, *, what: str) -> Decimal:
    """A finite Decimal of wire text. Floats are not accepted: their text is the caller's choice."""
    if isinstance(value, float | bool):
        raise Rejected(f"{what}: {value!r} is a {type(value).__name__}, expected decimal text, an integer or a Decimal")
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError, TypeError):
        raise Rejected(f"{what}: {value!r}, expected a decimal number") from None
    if not number.is_finite():
        raise Rejected(f"{what}: {value!r}, expected a finite number")
    return number


def round_to_step(value: Decimal, step: Decimal, *, up: bool = False) -> Decimal:
    """The multiple of `step` at or below `value` in size (at or above with `up`); the sign is kept."""
    if step <= 0:
        raise Rejected(f"rounding {value}: step {step}, expected a positive step")
    with localcontext(_EXACT):
        count, rest = divmod(abs(value), step)
        size = (count + (1 if up and rest else 0)) * step
        return size.copy_sign(value).normalize() + 0


def from_float(value: float, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to a research float, ties to even."""
    if not math.isfinite(value):
        raise Rejected(f"rounding {value} to {step}: expected a finite number")
    if step <= 0:
        raise Rejected(f"rounding {value}: step {step}, expected a positive step")
    with localcontext(_EXACT):
        # float() first: the text of a numpy float names its type.
        count = (Decimal(repr(float(value))) / step).to_integral_value(ROUND_HALF_EVEN)
        return count * step + 0


def plain(value: Decimal) -> str:
    """Text without an exponent, as every venue's wire wants it."""
    return format(value, "f")
