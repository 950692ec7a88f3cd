"""The same rule here, written bar by bar so that it stands beside the others. As arrays it is one line: ../strategies/sma_cross.py.

tradewinds backtest tradewinds_sma_cross.py --data GOOG.csv --cost bps=10
"""

from tradewinds.factors.incremental import Sma
from tradewinds.trading.strategy import Int, event


@event(
    parameters={"fast": Int(20, 2, 200), "slow": Int(50, 5, 400)},
    lookback=lambda p: max(p.fast, p.slow),  # the warm-up, from before the first decision
    targets="units",
)
class SmaCross:
    """One unit while the fast average is above the slow one."""

    def __init__(self, params):
        self.fast, self.slow = Sma(params.fast), Sma(params.slow)

    def warm_up(self, view):
        """Bars of the lookback: learn, decide nothing."""
        self.fast.update(view.close)
        self.slow.update(view.close)

    def on_bar(self, view):
        """The position wanted after this bar; the order fills at the next open."""
        self.warm_up(view)
        return 1.0 if self.fast.value > self.slow.value else 0.0
