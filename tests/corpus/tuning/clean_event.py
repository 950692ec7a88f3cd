"""Event strategies that keep to the past and can be taken up again."""

import math
from collections import deque

from tradewinds.factors.incremental import Atr, Rsi, Sma
from tradewinds.trading.strategy import Int, event


@event(parameters={"fast": Int(5, 2, 50), "slow": Int(20, 3, 200)}, lookback=lambda p: p.slow)
class SmaCross:
    def __init__(self, params):
        self.fast, self.slow = Sma(params.fast), Sma(params.slow)

    def on_bar(self, view):
        fast, slow = self.fast.update(view.close), self.slow.update(view.close)
        return 1.0 if fast > slow else 0.0


@event(lookback=21)
class BreaksOut:
    def __init__(self, params):
        self.stop = None

    def on_bar(self, view):
        highs = view.history("high", 21)
        if view.quantity() == 0 and view.close > max(highs[:-1]):
            view.buy(1)
        elif view.quantity() > 0 and view.close < min(view.history("low", 10)):
            view.sell(view.quantity())


@event(lookback=15)
class RsiWithAtrBracket:
    def __init__(self, params):
        self.rsi, self.atr = Rsi(14), Atr(14)

    def on_bar(self, view):
        strength, width = self.rsi.update(view.close), self.atr.update(view.high, view.low, view.close)
        if strength < 40 and not math.isnan(width) and view.quantity() == 0 and not view.open_orders():
            view.bracket("buy", 1, stop=view.close - 2 * width, take_profit=view.close + 3 * width)


@event()
class HoldsForTenBars:
    def __init__(self, params):
        self.age = 0

    def on_bar(self, view):
        self.age = self.age + 1 if self.age else (1 if view.close < view.open else 0)
        if self.age > 10:
            self.age = 0
        return 1.0 if self.age else 0.0


@event(lookback=2)
class LimitBelow:
    def __init__(self, params):
        self.order = None

    def on_bar(self, view):
        if self.order is not None:
            view.cancel(self.order)
        self.order = view.buy(1, limit=round(view.close * 0.99, 2)) if view.quantity() < 3 else None


@event(lookback=1)
class RemembersAFewCloses:
    def __init__(self, params):
        self.closes = deque(maxlen=8)

    def on_bar(self, view):
        self.closes.append(view.close)
        return 1.0 if view.close == max(self.closes) else -1.0


@event(lookback=6, datasets=("surprise",))
class TradesSurprises:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        score = view.other("surprise", "score")
        return 0.0 if math.isnan(score) else math.copysign(1.0, score)
