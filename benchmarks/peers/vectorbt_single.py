"""vectorbt: a moving-average cross on one instrument, one unit, 1 basis point, filled at the next open; signals and simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import prices
import vectorbt as vbt
from measured import Outcome, answer, asked

settings = asked()
bars = prices.walk(settings.bars, settings.seed)
index = pd.to_datetime(prices.starts_ns(settings.bars))
close, opened = pd.Series(bars["close"], index), pd.Series(bars["open"], index)


def work() -> Callable[[], Outcome]:
    fast, slow = vbt.MA.run(close, settings.fast), vbt.MA.run(close, settings.slow)
    entries = np.roll(fast.ma_above(slow).to_numpy(), 1)  # decided at a close, filled at the next open
    entries[0] = False
    exits = ~entries
    portfolio = vbt.Portfolio.from_signals(close, entries, exits, price=opened, size=1.0, fees=1e-4, init_cash=10_000_000.0, freq="1min")
    return lambda: Outcome(int(portfolio.orders.count()), float(portfolio.value().iloc[-1]))


answer("vectorbt", vbt.__version__, settings, work)
