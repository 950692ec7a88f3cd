"""vectorbt: a moving-average cross on many instruments that share cash, one unit each, 1 basis point, filled at the next open."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import prices
import vectorbt as vbt
from measured import Outcome, answer, asked

settings = asked(instruments=100)
bars = prices.walks(settings.bars, settings.instruments, settings.seed)
index = pd.to_datetime(prices.starts_ns(settings.bars))
close, opened = pd.DataFrame(bars["close"], index), pd.DataFrame(bars["open"], index)
del bars


def work() -> Callable[[], Outcome]:
    fast = vbt.MA.run(close, settings.fast, per_column=False)
    slow = vbt.MA.run(close, settings.slow, per_column=False)
    entries = np.roll(fast.ma.to_numpy() > slow.ma.to_numpy(), 1, axis=0)
    entries[0] = False
    portfolio = vbt.Portfolio.from_signals(
        close,
        entries,
        ~entries,
        price=opened,
        size=1.0,
        fees=1e-4,
        init_cash=1_000_000_000.0,
        freq="1min",
        group_by=True,
        cash_sharing=True,
    )
    return lambda: Outcome(int(portfolio.orders.count()), float(portfolio.value().iloc[-1]))


answer("vectorbt", vbt.__version__, settings, work)
