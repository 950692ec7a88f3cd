"""The static limits, written once for both kinds of number: the gate calls these with Decimals, the backtest compiled with floats.

Plain functions of numbers alone, so that they hold for Decimal, float64 and int64 alike; `static_compiled.py` compiles the very same.
Signs: quantities bought are positive. `pending` is what works on the order's own side, as if all of it filled.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

N = TypeVar("N", Decimal, float)

RULES = ("", "quantity", "notional", "long only", "position", "gross", "net", "leverage", "concentration")
PASSED, QUANTITY, NOTIONAL, LONG_ONLY, POSITION, GROSS, NET, LEVERAGE, CONCENTRATION = range(9)


def position_after(held: N, pending: N, signed: N) -> N:
    """The position when everything on this side has filled."""
    return held + pending + signed


def is_reducing(held: N, after: N) -> bool:
    """Whether an order brings a position nearer to zero and not beyond."""
    return (held > 0 and 0 <= after < held) or (held < 0 and held < after <= 0)


def is_above(value: N, limit: N) -> bool:
    """Whether one number of an order is over its limit; the limit itself is allowed."""
    return value > limit


def is_beyond(after: N, before: N, limit: N) -> bool:
    """Whether a size goes over its limit and grows: what was over it before may shrink."""
    return abs(after) > limit and abs(after) > abs(before)


def is_net_beyond(after: N, side: int, limit: N) -> bool:
    """Whether the net exposure on the order's own side (1 bought, -1 sold) goes over its limit."""
    return after * side > limit


def worst_size(high: N, low: N) -> N:
    """The larger size of what a position may become: everything bought filled, or everything sold."""
    return max(abs(high), abs(low))
