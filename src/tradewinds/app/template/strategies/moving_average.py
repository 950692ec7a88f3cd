"""Moving-average cross: hold each instrument while its fast average stands above its slow one, in equal parts of the account."""

import numpy as np

from tradewinds.factors.indicator import sma
from tradewinds.trading.strategy import Int, vector


@vector(
    parameters={"fast": Int(20, 2, 200), "slow": Int(50, 5, 400)},
    lookback=lambda p: max(p.fast, p.slow),
    is_valid=lambda p: p.fast < p.slow,
    targets="weights",
)
def moving_average(panel, params):
    """Targets (times, instruments): the part of the account wanted after each close."""
    fast, slow = sma(panel.close, params.fast), sma(panel.close, params.slow)
    return np.where(fast > slow, 1.0 / len(panel.instruments), 0.0)
