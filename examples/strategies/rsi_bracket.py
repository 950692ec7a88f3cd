"""RSI with an ATR bracket: buy after a sharp fall, and decide at once where to give up and where to be content.

When the relative strength index falls below `oversold` and nothing is held, buy at the market. A stop `stop_atr` average true ranges
below and a take-profit `profit_atr` above belong to the purchase: they start to work when it has filled, and the one that fills first
cancels the other. So much is bought that the stop costs `risk` of the account.
"""

from tradewinds.factors.incremental import Atr, Rsi
from tradewinds.trading.strategy import Float, Int, event

# Wilder's averages never quite forget how they began. With so many bars of warm-up the beginning weighs a millionth.
FORGOTTEN = 1e-6


@event(
    parameters={
        "length": Int(14, 2, 50),
        "oversold": Float(30.0, 5.0, 50.0),
        "stop_atr": Float(2.0, 0.5, 10.0),
        "profit_atr": Float(3.0, 0.5, 20.0),
        "risk": Float(0.01, 0.0001, 0.1),
    },
    lookback=lambda p: max(Rsi(p.length).warmup(FORGOTTEN), Atr(p.length).warmup(FORGOTTEN)),
    interval="1h",
)
class RsiBracket:
    """Its attributes are its state: the engine writes them down after each bar and can take them up again after a crash."""

    def __init__(self, params):
        self.params = params
        self.rsi = Rsi(params.length)
        self.atr = Atr(params.length)

    def warm_up(self, view):
        """The bars of the lookback: learn, but decide nothing."""
        self.rsi.update(view.close)
        self.atr.update(view.high, view.low, view.close)

    def on_bar(self, view):
        """At the end of each bar."""
        self.warm_up(view)
        if view.quantity() != 0 or view.open_orders() or not self.rsi.value < self.params.oversold:
            return
        distance = self.params.stop_atr * self.atr.value
        stop, profit = view.close - distance, view.close + self.params.profit_atr * self.atr.value
        if not 0 < stop < view.close:  # nothing moved, or so much that the stop would be below zero
            return
        wanted = self.params.risk * view.equity / distance
        affordable = 0.95 * view.cash / view.close  # the next open may be higher than this close
        quantity = min(wanted, affordable)
        if quantity > 0:
            view.bracket("buy", quantity, stop=stop, take_profit=profit)
