"""The factors by name. Each says its formula and its source; a text may call them all (`expression.py`).

P is the close, r its daily return, V the volume, t the session at whose end the factor is known. Signs are the papers': a large value is
more of what the name says. What is not known, divided by zero or the logarithm of what is not positive is NaN.
"""

from __future__ import annotations

from collections.abc import Callable

from tradewinds.factors import library_column, library_market, library_price
from tradewinds.factors.term import Term

LIBRARY: dict[str, Callable[..., Term]] = {
    one.__name__: one
    for one in (
        library_price.momentum, library_price.reversal, library_price.high_52w, library_price.low_52w, library_price.seasonality,
        library_price.volatility, library_price.skew, library_price.max_return,
        library_market.market_return, library_market.beta, library_market.idiosyncratic_volatility, library_market.dollar_volume,
        library_market.amihud, library_market.turnover,
        library_column.size, library_column.value, library_column.earnings_yield, library_column.carry, library_column.rate_carry,
        library_column.positioning, library_column.hedging_pressure,
    )
}  # fmt: skip
