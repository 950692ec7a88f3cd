"""backtesting.py: a moving-average cross on one instrument, one unit, 1 basis point, filled at the next open."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import prices
from backtesting import Backtest, Strategy, __version__
from measured import Outcome, answer, asked

settings = asked()
bars = prices.walk(settings.bars, settings.seed)
frame = pd.DataFrame({name.capitalize(): bars[name] for name in prices.FIELDS}, pd.to_datetime(prices.starts_ns(settings.bars)))


def mean(values: object, window: int) -> np.ndarray:
    return pd.Series(values).rolling(window).mean().to_numpy()


class SmaCross(Strategy):
    def init(self) -> None:
        self.fast = self.I(mean, self.data.Close, settings.fast)
        self.slow = self.I(mean, self.data.Close, settings.slow)

    def next(self) -> None:
        is_above = self.fast[-1] > self.slow[-1]
        if is_above and not self.position:
            self.buy(size=1)
        elif not is_above and self.position:
            self.position.close()


def work() -> Callable[[], Outcome]:
    found = Backtest(frame, SmaCross, cash=10_000_000.0, commission=1e-4).run()
    open_trades = len(found["_strategy"]._broker.trades)
    return lambda: Outcome(2 * int(found["# Trades"]) + open_trades, float(found["Equity Final [$]"]))


answer("backtesting.py", __version__, settings, work)
