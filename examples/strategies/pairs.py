"""Pairs: two instruments that move together; when one runs ahead of the other, sell it and buy the one that lags.

How far apart they are is the logarithm of their price ratio, measured in its own standard deviations over `length` bars (z-score).
Beyond `entry` the gap is bet on to close; within `exit` of the mean the bet is taken off.

The position is its own memory. The code answers "enter", "leave" or "stay as you are" (NaN) from the last `length` + 1 bars alone, and
never carries a flag forward from the beginning of history. So the declared lookback is the truth, and a live run that sees only the
last `length` + 1 bars decides the same as this backtest.
"""

import numpy as np

from tradewinds.factors.indicator import crossed_above, crossed_below, zscore
from tradewinds.trading.strategy import Float, Int, vector


@vector(
    parameters={"length": Int(60, 10, 500), "entry": Float(2.0, 0.5, 5.0), "exit": Float(0.5, 0.0, 2.0), "size": Float(0.45, 0.05, 0.5)},
    lookback=lambda p: p.length + 1,  # a crossing is seen on two neighbouring rows
    targets="weights",
    is_valid=lambda p: p.exit < p.entry,
)
def pairs(panel, params):
    """Weights (times, 2): the first instrument against the second; needs a margin account, for one of the two is sold short."""
    if len(panel.instruments) != 2:
        raise ValueError(f"{len(panel.instruments)} instruments, expected a pair")
    gap = np.log(panel.close[:, 0] / panel.close[:, 1])
    z = zscore(gap, params.length)

    side = np.full(len(z), np.nan)
    side[np.abs(z) < params.exit] = 0.0
    side[crossed_above(z, params.entry)] = -1.0  # the first is dear: sell it, buy the second
    side[crossed_below(z, -params.entry)] = 1.0
    return np.column_stack([params.size * side, -params.size * side])
