"""my_strategy: hold each instrument while its close stands above its average, in equal parts of the account.

tradewinds backtest strategies/my_strategy.yaml        over the history
tradewinds check strategies/my_strategy.py             whether it looks ahead
"""

import numpy as np

from tradewinds.factors.indicator import sma
from tradewinds.trading.strategy import Int, vector


@vector(parameters={"bars": Int(20, 2, 400)}, lookback=lambda p: p.bars, targets="weights")
def my_strategy(panel, params):
    """Targets (times, instruments): the part of the account wanted after each close."""
    return np.where(panel.close > sma(panel.close, params.bars), 1.0 / len(panel.instruments), 0.0)
