"""The moving-average cross as a user of LEAN (QuantConnect) writes it: a project's main.py. Nothing of Tradewinds imports it.

    lean backtest "SmaCross"

LEAN puts its own names into the module by the star import.
"""

from AlgorithmImports import *  # noqa: F403 - LEAN's own way


class SmaCross(QCAlgorithm):  # noqa: F405
    """One share while the fast average is above the slow one."""

    def initialize(self):
        self.set_start_date(2015, 1, 1)
        self.set_end_date(2021, 1, 1)
        self.set_cash(100_000)
        self.stock = self.add_equity("GOOG", Resolution.DAILY).symbol  # noqa: F405
        self.securities[self.stock].set_fee_model(ConstantFeeModel(1))  # noqa: F405 - one dollar an order; the default is a broker's
        self.fast = self.sma(self.stock, 20, Resolution.DAILY)  # noqa: F405
        self.slow = self.sma(self.stock, 50, Resolution.DAILY)  # noqa: F405
        self.set_warm_up(50, Resolution.DAILY)  # noqa: F405 - without this line the first 50 days pass untraded

    def on_data(self, data):
        if self.is_warming_up or not self.slow.is_ready:
            return
        is_up = self.fast.current.value > self.slow.current.value
        is_held = self.portfolio[self.stock].invested
        if is_up and not is_held:
            self.market_order(self.stock, 1)  # of daily data: sent after the close, filled at the next open
        elif not is_up and is_held:
            self.liquidate(self.stock)
