"""Event strategies that look ahead, forget or differ, by means that were not looked at while the detector was written."""

import datetime as dt
import random

import numpy as np

from tradewinds.factors.incremental import Rsi, Sma
from tradewinds.simulation.rules import Fills, Setup
from tradewinds.trading.strategy import event


@event(lookback=2)
class ReadsPastTheEndOfTheWindow:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        window = view.history("close", 2)
        ahead = np.lib.stride_tricks.as_strided(window, shape=(3,))
        return 1.0 if ahead[2] > ahead[1] else 0.0


@event()
class AsksTheSimulator:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        market = view._desk.simulator.market
        at = min(view.row + 1, len(market.close) - 1)
        return 1.0 if market.high[at, 0] > view.close * 1.01 else 0.0


@event()
class SharesAListAmongAll:
    closes: list = []  # noqa: RUF012

    def __init__(self, params):
        pass

    def on_bar(self, view):
        self.closes.append(view.close)
        return 1.0 if view.close > sum(self.closes) / len(self.closes) else 0.0


_LEVELS = {}


@event()
class SharesLevelsAmongRuns:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        best = _LEVELS.get("best", 0.0)
        _LEVELS["best"] = max(best, view.high)
        return 1.0 if view.close < 0.8 * best else 0.0


@event()
class AsksWhenTheSplitIsDue:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        rows = view._desk.simulator.market.events["row"]
        return 1.0 if len(rows) and 0 < rows[0] - view.row <= 2 else 0.0


def _grown(value, kept=[]):  # noqa: B006
    kept.append(value)
    return len(kept)


@event()
class DefaultThatGrows:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        return float(_grown(view.close) % 17)


@event()
class TradesOnTheHour:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        return 1.0 if dt.datetime.now(dt.UTC).hour < 12 else 0.0


@event()
class SeedsItselfAnew:
    def __init__(self, params):
        self.chance = random.Random()

    def on_bar(self, view):
        return 1.0 if self.chance.random() < 0.3 else 0.0


@event(lookback=3)
class KeepsAFunction:
    def __init__(self, params):
        self.rule = None

    def on_bar(self, view):
        if self.rule is None or view.row % 50 == 0:
            level = view.close
            self.rule = lambda price: price > level
        return 1.0 if self.rule(view.close) else 0.0


@event(lookback=15)
class BracketAtTheSameClose:
    def __init__(self, params):
        self.rsi = Rsi(14)

    def on_bar(self, view):
        if self.rsi.update(view.close) < 45 and view.quantity() == 0:
            view.buy(1)
        elif view.quantity() > 0 and view.close > view.open:
            view.sell(view.quantity())


@event(lookback=20)
class RestartsItsAverage:
    __slots__ = ("_Hidden",)
    average = Sma(20)

    def __init__(self, params):
        pass

    def on_bar(self, view):
        return 1.0 if view.close > self.average.update(view.close) else 0.0


SETUPS = {"BracketAtTheSameClose": Setup(fills=Fills(at="same_close"))}
