"""Numbers, money, times and spans as people read them: the same text on every machine, whatever its locale.

Commas part thousands, a point the decimals, times are UTC. What is not a finite number is an en dash.
"""

from __future__ import annotations

import math

from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, NS_PER_SECOND, text

ABSENT = "\u2013"
MINUS = "\u2212"
ENDLESS = 1e15
"""Numbers from here on are written with a power of ten."""


def decimal(value: float, decimals: int = 2, *, is_signed: bool = False) -> str:
    """1234.5 as "1,234.50"."""
    if not math.isfinite(value):
        return ABSENT
    digits = f"{abs(value):,.{decimals}f}" if abs(value) < ENDLESS else f"{abs(value):.3e}"
    if float(digits.replace(",", "")) == 0:
        return digits
    sign = MINUS if value < 0 else "+" if is_signed else ""
    return sign + digits


def percent(value: float, decimals: int = 2, *, is_signed: bool = False) -> str:
    """A fraction, 0.1234, as "12.34%"."""
    shown = decimal(value * 100, decimals, is_signed=is_signed)
    return shown if shown == ABSENT else shown + "%"


def money(value: float, currency: str = "", *, is_signed: bool = False) -> str:
    """An amount to the cent, or whole from a million on: "1,234.50 USD"."""
    shown = decimal(value, 0 if abs(value) >= 1e6 else 2, is_signed=is_signed)
    return shown if shown == ABSENT or not currency else f"{shown} {currency}"


def count(value: float) -> str:
    """A whole number: "12,345"."""
    return decimal(value, 0)


def significant(value: float, digits: int = 6) -> str:
    """A price or a quantity with as many decimals as it needs: 0.00000812 and 100,000 both stay readable."""
    if not math.isfinite(value):
        return ABSENT
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    shown = f"{abs(value):,.{decimals}f}" if abs(value) < ENDLESS else f"{abs(value):.3e}"
    if "." in shown and "e" not in shown:
        shown = shown.rstrip("0").rstrip(".")
    return (MINUS if value < 0 else "") + shown


def short(value: float) -> str:
    """For axes: 1,500,000 as "1.5M"."""
    size = abs(value)
    if size >= ENDLESS:
        return significant(value)
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if size >= unit:
            return significant(value / (1e3 if letter == "k" else unit), 4) + letter
    return significant(value, 4)


def moment(instant_ns: int) -> str:
    """ "2024-03-01", or "2024-03-01 14:30" where it is not midnight; seconds where they are not zero."""
    day, clock = text(instant_ns).removesuffix("Z").split("T")
    if clock == "00:00:00":
        return day
    return f"{day} {clock.removesuffix(':00') if clock.endswith(':00') else clock}"


def span(nanoseconds: float) -> str:
    """How long: "3 d 4 h", "25 min", "8 s"."""
    if not math.isfinite(nanoseconds):
        return ABSENT
    left = round(nanoseconds)
    parts = []
    for size, unit in ((365 * NS_PER_DAY, "y"), (NS_PER_DAY, "d"), (NS_PER_HOUR, "h"), (NS_PER_MINUTE, "min"), (NS_PER_SECOND, "s")):
        whole, left = divmod(left, size)
        if whole:
            parts.append(f"{whole} {unit}")
        if parts and (len(parts) == 2 or not whole):
            break
    return " ".join(parts) or "0 s"
