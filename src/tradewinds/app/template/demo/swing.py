"""Buys after a minute that fell and sells after one that rose, bar by bar: something that trades often, not something that earns."""

from tradewinds.trading.strategy import Int, event


@event(parameters={"units": Int(25_000, 1, 10_000_000)}, lookback=2, targets="units", interval="1m", rhythm="every bar")
class Swing:
    """Long after a fall, flat after a rise; a minute that did neither leaves the position."""

    def __init__(self, params):
        self.units = params.units

    def on_bar(self, view):
        """The position wanted from now on."""
        before, last = view.history("close", 2)
        if last != before:
            view.target(self.units if last < before else 0)
