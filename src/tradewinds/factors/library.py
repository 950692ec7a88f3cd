"""The factors by name. Each says its formula and its source; `LIBRARY` holds them all, and a text may call them (`expression.py`).

P is the close, r its daily return, V the volume, t the session at which the factor is known.
"""

from __future__ import annotations

from collections.abc import Callable

from tradewinds.factors.library_price import momentum, reversal, size, volatility
from tradewinds.factors.term import Term

LIBRARY: dict[str, Callable[..., Term]] = {
    one.__name__: one for one in (momentum, reversal, size, volatility)
}  # fmt: skip
