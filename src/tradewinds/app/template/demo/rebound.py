"""Holds each instrument for as long as its last minute fell: something that trades often, not something that earns."""

import numpy as np

from tradewinds.trading.strategy import Float, vector


@vector(parameters={"part": Float(0.2, 0.01, 1.0)}, lookback=2, targets="weights", interval="1m", rhythm="every bar")
def rebound(panel, params):
    """Targets (times, instruments): the part of the account wanted after each close."""
    targets = np.zeros_like(panel.close)
    targets[1:] = np.where(panel.close[1:] < panel.close[:-1], params.part, 0.0)
    return targets
