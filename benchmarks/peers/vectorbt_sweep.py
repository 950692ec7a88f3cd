"""vectorbt: (fast, slow) pairs over one instrument in chunks of 100, which is what memory allows; one unit, 1 basis point, next open.

equity_final is the sum over the configurations.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import prices
import vectorbt as vbt
from measured import Outcome, answer, asked

CHUNK = 100

settings = asked(configurations=1_000)
bars = prices.walk(settings.bars, settings.seed)
index = pd.to_datetime(prices.starts_ns(settings.bars))
close, opened = pd.Series(bars["close"], index), pd.Series(bars["open"], index)
pairs = prices.pairs(settings.configurations)


def work() -> Callable[[], Outcome]:
    fills, equity = 0, 0.0
    for begin in range(0, len(pairs), CHUNK):
        chunk = pairs[begin : begin + CHUNK]
        fast = vbt.MA.run(close, [pair[0] for pair in chunk], short_name="fast")
        slow = vbt.MA.run(close, [pair[1] for pair in chunk], short_name="slow")
        entries = np.roll(fast.ma.to_numpy() > slow.ma.to_numpy(), 1, axis=0)
        entries[0] = False
        portfolio = vbt.Portfolio.from_signals(
            close, entries, ~entries, price=opened, size=1.0, fees=1e-4, init_cash=10_000_000.0, freq="1min"
        )
        fills += int(portfolio.orders.count().sum())
        equity += float(portfolio.final_value().sum())
    return lambda: Outcome(fills, equity)


answer("vectorbt", vbt.__version__, settings, work)
