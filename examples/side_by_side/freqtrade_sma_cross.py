"""The moving-average cross as a user of freqtrade writes it: a file for its `user_data/strategies`. Nothing of Tradewinds imports it.

    freqtrade backtesting --strategy SmaCross --timeframe 1h

Pairs, stake (how much is bought), fees and capital stand in freqtrade's own config.json.
"""

from freqtrade.strategy import IntParameter, IStrategy
from pandas import DataFrame


class SmaCross(IStrategy):
    """Long while the fast average is above the slow one."""

    INTERFACE_VERSION = 3
    timeframe = "1h"
    can_short = False
    startup_candle_count = 400  # candles before the backtest's first, loaded but not traded; must cover the largest slow

    minimal_roi = {"0": 100.0}  # noqa: RUF012 - freqtrade's form. A gain of 10,000 % closes: that is, never
    stoploss = -0.99  # freqtrade wants one; this one is practically none
    use_exit_signal = True

    fast = IntParameter(2, 200, default=20, space="buy")
    slow = IntParameter(5, 400, default=50, space="buy")

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """Columns of the whole history at once. Nothing stops a line here from using rows that come later."""
        dataframe["fast"] = dataframe["close"].rolling(self.fast.value).mean()
        dataframe["slow"] = dataframe["close"].rolling(self.slow.value).mean()
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """1 where to be in. The trade opens at the next candle's open."""
        dataframe.loc[(dataframe["fast"] > dataframe["slow"]) & (dataframe["volume"] > 0), "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """1 where to be out."""
        dataframe.loc[dataframe["fast"] <= dataframe["slow"], "exit_long"] = 1
        return dataframe
