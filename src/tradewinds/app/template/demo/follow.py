"""Goes with the last minute, up or down: something that trades often, not something that earns."""

import numpy as np

from tradewinds.trading.strategy import Float, vector


@vector(parameters={"part": Float(0.4, 0.01, 2.0)}, lookback=2, targets="weights", interval="1m", rhythm="every bar")
def follow(panel, params):
    """Targets (times, instruments): the part of the account wanted after each close, below zero for short."""
    targets = np.zeros_like(panel.close)
    targets[1:] = np.sign(panel.close[1:] - panel.close[:-1]) * params.part
    return targets
