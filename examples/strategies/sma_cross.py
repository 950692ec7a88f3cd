"""Moving-average cross: own one unit while the fast average of closes is above the slow one, own nothing otherwise.

The oldest trend rule there is. It loses a little many times in markets that go nowhere, and gains a lot the few times that they go far.
"""

from tradewinds.factors.indicator import sma
from tradewinds.trading.strategy import Int, vector


@vector(
    parameters={"fast": Int(20, 2, 200), "slow": Int(50, 5, 400)},
    lookback=lambda p: max(p.fast, p.slow),  # the slow average needs that many closes; no decision is made before they are there
    is_valid=lambda p: p.fast < p.slow,  # a sweep leaves the other pairs out
)
def sma_cross(panel, params):
    """Targets (times, instruments): the position wanted after each close. Orders fill at the next bar's open."""
    return sma(panel.close, params.fast) > sma(panel.close, params.slow)  # True is one unit, False none
