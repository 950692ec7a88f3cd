"""The moving-average cross as a user of Backtrader writes it. Needs backtrader; nothing of Tradewinds imports it.

    python backtrader_sma_cross.py GOOG.csv

The file: Date, Open, High, Low, Close, Volume with a header.
"""

import sys

import backtrader as bt


class SmaCross(bt.Strategy):
    """One unit while the fast average is above the slow one."""

    params = (("fast", 20), ("slow", 50))

    def __init__(self):
        fast = bt.indicators.SMA(self.data.close, period=self.p.fast)
        slow = bt.indicators.SMA(self.data.close, period=self.p.slow)
        self.is_up = fast > slow  # a line: its newest value is self.is_up[0]

    def next(self):
        # Called from the first bar on which every indicator has a value: the warm-up is implied.
        if self.is_up[0] and not self.position:
            self.buy(size=1)  # fills at the next bar's open
        elif not self.is_up[0] and self.position:
            self.close()


def run(path, cash=100_000.0, commission=0.001):
    """The final value of the account."""
    cerebro = bt.Cerebro()
    cerebro.adddata(bt.feeds.GenericCSVData(dataname=path, dtformat="%Y-%m-%d", openinterest=-1))
    cerebro.addstrategy(SmaCross)
    cerebro.broker.setcash(cash)
    cerebro.broker.setcommission(commission=commission)  # a fraction of the amount: 10 basis points
    cerebro.run()
    return cerebro.broker.getvalue()


if __name__ == "__main__":
    sys.stdout.write(f"{run(sys.argv[1]):.2f}\n")
