"""Event strategies that keep to the past, of kinds that were not looked at while the detector was written."""

import math
from dataclasses import dataclass

import numpy as np

from tradewinds.factors.incremental import Atr, Ema, Highest, Macd, SupportResistance, TdSequential
from tradewinds.trading.intent import Intent, OneCancelsOther
from tradewinds.trading.strategy import event


@event(lookback=5)
class TrailsItsStop:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        if view.quantity() == 0 and not view.open_orders():
            view.buy(2)
        elif view.quantity() > 0 and not view.open_orders():
            view.sell(view.quantity(), trail=0.05, is_trail_fraction=True, is_reduce_only=True)


@event(lookback=10)
class OneOfTwo:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        if not view.open_orders() and view.quantity() == 0:
            top, bottom = float(view.history("high", 10).max()), float(view.history("low", 10).min())
            return OneCancelsOther((Intent("buy", 1, stop=top), Intent("sell", 1, stop=bottom)))
        if view.quantity() != 0 and view.row % 10 == 0:
            view.target(0.0)
        return None


@dataclass
class Swing:
    price: float
    age: int


@event()
class KeepsADataclass:
    def __init__(self, params):
        self.swing = Swing(0.0, 0)

    def on_bar(self, view):
        if view.close > self.swing.price or self.swing.age > 20:
            self.swing = Swing(view.close, 0)
        else:
            self.swing.age += 1
        return 1.0 if self.swing.age < 5 else 0.0


@event()
class KeepsARing:
    def __init__(self, params):
        self.ring = np.full(12, np.nan)
        self.at = 0

    def on_bar(self, view):
        self.ring[self.at % 12] = view.close
        self.at += 1
        return 1.0 if self.at > 12 and view.close > float(self.ring.mean()) else 0.0


@event(lookback=40)
class MacdByBars:
    def __init__(self, params):
        self.macd = Macd()

    def on_bar(self, view):
        line, signal, _ = self.macd.update(view.close)
        return 1.0 if line > signal else -1.0


@event(targets="weights")
class HalfOfTheEquity:
    def __init__(self, params):
        self.average = Ema(9)

    def on_bar(self, view):
        return 0.5 if view.close > self.average.update(view.close) else 0.0


@event()
class OutAfterThreeWeeks:
    def __init__(self, params):
        self.since_ns = None

    def on_bar(self, view):
        if self.since_ns is None and view.close < view.open:
            self.since_ns = view.now_ns
        elif self.since_ns is not None and view.now_ns - self.since_ns > 21 * 86_400 * 10**9:
            self.since_ns = None
        return 0.0 if self.since_ns is None else 1.0


@event()
class CountsItsFills:
    def __init__(self, params):
        self.fills = {"buy": 0, "sell": 0}

    def on_fill(self, view, fill):
        self.fills["buy" if fill.quantity > 0 else "sell"] += 1

    def on_bar(self, view):
        if sum(self.fills.values()) % 4 < 2 and view.close < view.open:
            view.buy(1)
        elif view.quantity() > 0 and view.close > view.open:
            view.sell(1)


@event(lookback=30)
class BouncesOffSupport:
    def __init__(self, params):
        self.levels, self.width = SupportResistance(3, 3, 8), Atr(10)

    def on_bar(self, view):
        support, _ = self.levels.update(view.high, view.low, view.close)
        width = self.width.update(view.high, view.low, view.close)
        if math.isnan(support) or math.isnan(width):
            return None
        return 1.0 if view.close - support < width else 0.0


@event(lookback=6)
class SequentialByBars:
    def __init__(self, params):
        self.counts, self.top = TdSequential(), Highest(5)

    def on_bar(self, view):
        buy, sell, _, _ = self.counts.update(view.high, view.low, view.close)
        self.top.update(view.high)
        return 1.0 if buy == 9 else -1.0 if sell == 9 else None


@event(rhythm="month end", targets="weights", lookback=21)
class BestOfTheMonth:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        names = view.instruments
        change = {name: view.history("close", 21, name)[-1] / view.history("close", 21, name)[0] for name in names}
        best = max(names, key=lambda name: (not math.isnan(change[name]), change[name]))
        return {name: 0.9 if name == best else 0.0 for name in names}
