"""TD Sequential, and support and resistance, bar by bar; the rules stand in `level.py`."""

from __future__ import annotations

from collections import deque

from tradewinds.factors.columns import whole
from tradewinds.factors.incremental_state import NAN, Incremental
from tradewinds.factors.level import COUNTDOWN_BACK, COUNTDOWN_BARS, FLIP_BACK, QUALIFIER, SETUP_BARS

FOUR_NAN = (NAN, NAN, NAN, NAN)
_KEPT_BARS = SETUP_BARS + 2


class TdSequential(Incremental):
    """(buy setup, sell setup, buy countdown, sell countdown)."""

    __slots__ = ("_buying", "_close", "_high", "_low", "_selling", "value")
    fixed = ()

    def __init__(self) -> None:
        self.value = FOUR_NAN
        self._high: deque[float] = deque(maxlen=_KEPT_BARS)
        self._low: deque[float] = deque(maxlen=_KEPT_BARS)
        self._close: deque[float] = deque(maxlen=_KEPT_BARS)
        self._buying, self._selling = _Side(), _Side()

    def update(self, high: float, low: float, close: float) -> tuple[float, float, float, float]:
        self.value = FOUR_NAN
        if high + low + close != high + low + close:
            return self.value
        self._high.append(high)
        self._low.append(low)
        self._close.append(close)
        if len(self._close) <= FLIP_BACK + 1:
            return self.value
        closes, highs, lows = list(self._close), list(self._high), list(self._low)
        now, before = closes[-1] - closes[-1 - FLIP_BACK], closes[-2] - closes[-2 - FLIP_BACK]
        self._buying.grow(now, before)
        self._selling.grow(-now, -before)
        buying = self._buying.count_down(highs, lows, closes, self._selling.setup)
        mirrored = [-one for one in lows], [-one for one in highs], [-one for one in closes]
        selling = self._selling.count_down(*mirrored, self._buying.setup)
        self.value = (float(self._buying.setup), float(self._selling.setup), float(buying), float(selling))
        return self.value

    @property
    def is_ready(self) -> bool:
        return len(self._close) > FLIP_BACK + 1


class _Side(Incremental):
    """One side's setup and countdown, on prices mirrored for selling."""

    __slots__ = ("_edge", "_eighth", "count", "is_running", "setup")
    fixed = ()

    def __init__(self) -> None:
        self.setup = self.count = 0
        self.is_running = False
        self._edge = self._eighth = 0.0

    def grow(self, now: float, before: float) -> None:
        if now >= 0.0:
            self.setup = 0
        elif before >= 0.0:
            self.setup = 1
        else:
            self.setup = self.setup + 1 if 0 < self.setup < SETUP_BARS else 0

    def count_down(self, highs: list[float], lows: list[float], closes: list[float], other_setup: int) -> int:
        if self.setup == SETUP_BARS:
            self.is_running, self.count = True, 0
            self._edge = max(*highs[-SETUP_BARS:], *closes[-SETUP_BARS - 1 : -1])
        if self.is_running and (other_setup == SETUP_BARS or min(lows[-1], closes[-2]) > self._edge):
            self.is_running = False
        if not self.is_running:
            return 0
        if closes[-1] <= lows[-1 - COUNTDOWN_BACK]:
            if self.count < COUNTDOWN_BARS - 1 or lows[-1] <= self._eighth:
                self.count += 1
            if self.count == QUALIFIER:
                self._eighth = closes[-1]
        self.is_running = self.count < COUNTDOWN_BARS
        return self.count


class SupportResistance(Incremental):
    """(support, resistance): the nearest known levels at or below and at or above the close."""

    __slots__ = ("_high", "_highs", "_low", "_lows", "kept", "left", "right", "value")
    fixed = ("left", "right", "kept")

    def __init__(self, left: int = 5, right: int = 5, kept: int = 20) -> None:
        self.left, self.right, self.kept = (whole("SupportResistance", one) for one in (left, right, kept))
        self.value = (NAN, NAN)
        self._high: deque[float] = deque(maxlen=left + right + 1)
        self._low: deque[float] = deque(maxlen=left + right + 1)
        self._highs: deque[float] = deque(maxlen=kept)
        self._lows: deque[float] = deque(maxlen=kept)

    def update(self, high: float, low: float, close: float) -> tuple[float, float]:
        self.value = (NAN, NAN)
        if high + low + close != high + low + close:
            return self.value
        self._high.append(high)
        self._low.append(low)
        if len(self._high) > self.left + self.right:
            highs, lows, left = list(self._high), list(self._low), self.left
            if max(highs[:left]) < highs[left] >= max(highs[left + 1 :]):
                self._highs.append(highs[left])
            if min(lows[:left]) > lows[left] <= min(lows[left + 1 :]):
                self._lows.append(lows[left])
        levels = [*self._highs, *self._lows]
        self.value = (
            max([one for one in levels if one <= close], default=NAN), min([one for one in levels if one >= close], default=NAN),
        )  # fmt: skip
        return self.value

    @property
    def is_ready(self) -> bool:
        return bool(self._highs or self._lows)
