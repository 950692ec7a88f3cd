"""backtrader: a moving-average cross on one instrument or several, one unit each, 1 basis point, filled at the next open.

Its fastest settings: indicators at once (runonce), data preloaded, no observers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import backtrader as bt
import prices
from measured import Outcome, answer, asked

settings = asked()
bars = prices.walks(settings.bars, settings.instruments, settings.seed)
EPOCH = dt.datetime(2023, 1, 1)  # noqa: DTZ001 -- backtrader counts days of times without a zone
DAYS = [bt.date2num(EPOCH) + number / 1440.0 for number in range(settings.bars)]


class Feed(bt.feed.DataBase):
    """Arrays as a feed."""

    params = (("column", 0),)

    def start(self) -> None:
        super().start()
        self.rows = zip(DAYS, *(bars[name][:, self.p.column].tolist() for name in prices.FIELDS), strict=True)

    def _load(self) -> bool:
        row = next(self.rows, None)
        if row is None:
            return False
        lines = self.lines
        lines.datetime[0], lines.open[0], lines.high[0], lines.low[0], lines.close[0], lines.volume[0] = row
        lines.openinterest[0] = 0.0
        return True


class SmaCross(bt.Strategy):
    def __init__(self) -> None:
        self.pairs = [
            (data, bt.ind.SMA(data.close, period=settings.fast), bt.ind.SMA(data.close, period=settings.slow)) for data in self.datas
        ]
        self.fills = 0

    def next(self) -> None:
        for data, fast, slow in self.pairs:
            is_above, held = fast[0] > slow[0], self.getposition(data).size
            if is_above and not held:
                self.buy(data=data, size=1)
            elif not is_above and held:
                self.close(data=data)

    def notify_order(self, order: bt.Order) -> None:
        self.fills += order.status == order.Completed


def work() -> Callable[[], Outcome]:
    engine = bt.Cerebro(stdstats=False, runonce=True, preload=True)
    for column in range(settings.instruments):
        engine.adddata(Feed(column=column, timeframe=bt.TimeFrame.Minutes))
    engine.addstrategy(SmaCross)
    engine.broker.setcash(10_000_000.0 * settings.instruments)
    engine.broker.setcommission(commission=1e-4)
    strategy = engine.run()[0]
    return lambda: Outcome(strategy.fills, float(engine.broker.getvalue()))


answer("backtrader", bt.__version__, settings, work)
