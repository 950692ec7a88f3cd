"""Decimal money, price and quantity: the one crossing between wire text, Decimal and research floats."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_EVEN, Decimal, InvalidOperation

from tradewinds.core.errors import Rejected


def decimal(value: str | int | Decimal, *, what: str) -> Decimal:
    """A finite Decimal of wire text. Floats are not accepted: their text is the caller's choice."""
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        raise Rejected(f"{what}: {value!r}, expected a decimal number") from None
    if not number.is_finite():
        raise Rejected(f"{what}: {value!r}, expected a finite number")
    return number


def round_to_step(value: Decimal, step: Decimal, *, up: bool = False) -> Decimal:
    """The multiple of `step` at or below `value` in size (at or above with `up`); the sign is kept."""
    if step <= 0:
        raise Rejected(f"rounding {value}: step {step}, expected a positive step")
    count = (abs(value) / step).to_integral_value(ROUND_CEILING if up else ROUND_DOWN)
    return (count * step).copy_sign(value).normalize() + 0


def from_float(value: float, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to a research float, ties to even."""
    count = (Decimal(repr(value)) / step).to_integral_value(ROUND_HALF_EVEN)
    return count * step


def plain(value: Decimal) -> str:
    """Text without an exponent, as every venue's wire wants it."""
    return format(value, "f")
