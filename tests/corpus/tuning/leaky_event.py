"""Event strategies that look ahead, forget, or cannot be repeated."""

import random
import time

from tradewinds.factors.incremental import Sma
from tradewinds.simulation.rules import Fills, Setup
from tradewinds.trading.strategy import event


@event(lookback=3)
class PeeksBehindTheWindow:
    def __init__(self, params):
        self.bought = False

    def on_bar(self, view):
        whole = view.history("close", 2).base
        ahead = view.row + 1
        return 1.0 if ahead < len(whole) and whole.reshape(-1)[ahead] > view.close else 0.0


@event()
class ReadsTheArraysOfTheView:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        closes = view._bars.fields["close"]
        return 1.0 if closes[min(view.row + 2, len(closes) - 1), 0] > view.close else -1.0


@event()
class KnowsWhereItEnds:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        last = view._bars.fields["close"][-1, 0]
        return 1.0 if last > view.close else 0.0


@event()
class TossesACoin:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        return 1.0 if random.random() > 0.5 else 0.0


@event()
class LooksAtTheClock:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        return 1.0 if time.time() % 86_400 > 43_200 else 0.0


_COUNT = {"bars": 0}


@event()
class KeepsStateInTheFile:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        _COUNT["bars"] += 1
        return float(_COUNT["bars"] % 13)


@event()
class KeepsStateInAGenerator:
    def __init__(self, params):
        self.source = iter(range(10**9))

    def on_bar(self, view):
        return float(next(self.source) % 4)


@event(lookback=5)
class FilledAtTheCloseItDecidesBy:
    def __init__(self, params):
        self.average = Sma(5)

    def on_bar(self, view):
        value = self.average.update(view.close)
        return 1.0 if view.close > value else 0.0


_MEMORY = {}


@event()
class RemembersTheLastRun:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        _MEMORY[view.row] = view.close
        return 1.0 if _MEMORY.get(view.row + 1, view.close) > view.close else 0.0


SETUPS = {"FilledAtTheCloseItDecidesBy": Setup(fills=Fills(at="same_close"))}
