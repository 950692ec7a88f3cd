"""Volatility, bands and channels bar by bar, in the arithmetic of `single.py`."""

from __future__ import annotations

import math
from collections import deque

from tradewinds.core.errors import Rejected
from tradewinds.factors.columns import whole
from tradewinds.factors.incremental_average import Ema, Highest, Lowest, Sma
from tradewinds.factors.incremental_state import NAN, Incremental, decay_bars
from tradewinds.factors.single import ROUNDING_VARIANCE

THREE_NAN = (NAN, NAN, NAN)
FOUR_NAN = (NAN, NAN, NAN, NAN)


class Stddev(Incremental):
    """Population standard deviation; sliding, and computed anew every `length` bars."""

    __slots__ = ("_mean", "_seen", "_squares", "_window", "length", "value")

    def __init__(self, length: int) -> None:
        self.length = whole("Stddev", length, 2)
        self.value = NAN
        self._mean = self._squares = 0.0
        self._seen = 0
        self._window: deque[float] = deque()

    def update(self, value: float) -> float:
        self.value = NAN
        if value != value:
            return NAN
        window, length = self._window, self.length
        window.append(value)
        self._seen += 1
        if self._seen < length:
            return NAN
        old = window.popleft() if self._seen > length else NAN
        if self._seen % length == 0:
            self._anew()
        else:
            moved = self._mean + (value - old) / length
            self._squares += (value - old) * ((value - moved) + (old - self._mean))
            self._mean = moved
        variance = self._squares / length
        self.value = math.sqrt(variance) if variance > ROUNDING_VARIANCE * self._mean * self._mean else 0.0
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._seen >= self.length

    def _anew(self) -> None:
        total = 0.0
        for one in self._window:
            total += one
        mean = total / self.length
        squares = 0.0
        for one in self._window:
            squares += (one - mean) * (one - mean)
        self._mean, self._squares = mean, squares


class Zscore(Incremental):
    """Distance from the mean in standard deviations; NaN where nothing moved."""

    __slots__ = ("_mean", "_spread", "length", "value")

    def __init__(self, length: int) -> None:
        self.length = length
        self.value = NAN
        self._mean, self._spread = Sma(length), Stddev(length)

    def update(self, value: float) -> float:
        mean, spread = self._mean.update(value), self._spread.update(value)
        self.value = (value - mean) / spread if spread > 0.0 else NAN
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._spread.is_ready


class Bbands(Incremental):
    """Bollinger's bands: (upper, middle, lower)."""

    __slots__ = ("_mean", "_spread", "deviations", "length", "value")
    fixed = ("length", "deviations")

    def __init__(self, length: int = 20, deviations: float = 2.0) -> None:
        self.length, self.deviations = length, deviations
        self.value = THREE_NAN
        self._mean, self._spread = Sma(length), Stddev(length)

    def update(self, value: float) -> tuple[float, float, float]:
        middle, width = self._mean.update(value), self._spread.update(value) * self.deviations
        self.value = (middle + width, middle, middle - width)
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._spread.is_ready


class Trange(Incremental):
    """Wilder's true range; NaN on the first bar."""

    __slots__ = ("_before", "is_ready", "value")
    fixed = ()

    def __init__(self) -> None:
        self.value = self._before = NAN
        self.is_ready = False

    def update(self, high: float, low: float, close: float) -> float:
        whole_bar = high + low + close
        if whole_bar != whole_bar:
            self.value = NAN
            return NAN
        before, self._before = self._before, close
        self.is_ready = before == before
        self.value = max(high - low, abs(high - before), abs(low - before)) if self.is_ready else NAN
        return self.value


class Atr(Incremental):
    """Wilder's average true range."""

    __slots__ = ("_before", "_level", "_seen", "_weight", "length", "value")

    def __init__(self, length: int = 14) -> None:
        self.length = whole("Atr", length)
        self.value = self._before = NAN
        self._weight = 1.0 / length
        self._level = 0.0
        self._seen = 0

    def update(self, high: float, low: float, close: float) -> float:
        whole_bar = high + low + close
        if whole_bar != whole_bar:
            self.value = NAN
            return NAN
        before, self._before = self._before, close
        if before != before:
            return NAN
        widest = max(high - low, abs(high - before), abs(low - before))
        if self._seen >= self.length:
            level = self._level
            self.value = self._level = level = level + (widest - level) * self._weight
            return level
        self._seen += 1
        self._level += widest
        if self._seen == self.length:
            self.value = self._level = self._level / self.length
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._seen >= self.length

    def warmup(self, error: float) -> int:
        """Bars after which the value differs from one with a longer past by at most `error` of the seeds' difference."""
        return 1 + self.length + decay_bars(self._weight, error)


class Natr(Incremental):
    """The average true range in percent of the close."""

    __slots__ = ("_range", "length", "value")

    def __init__(self, length: int = 14) -> None:
        self.length = length
        self.value = NAN
        self._range = Atr(length)

    def update(self, high: float, low: float, close: float) -> float:
        self.value = 100.0 * (self._range.update(high, low, close) / close)
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._range.is_ready

    def warmup(self, error: float) -> int:
        """As of `Atr`."""
        return self._range.warmup(error)


class Donchian(Incremental):
    """(upper, middle, lower) of the last `length` bars, the current one included."""

    __slots__ = ("_high", "_low", "length", "value")

    def __init__(self, length: int = 20) -> None:
        self.length = length
        self.value = THREE_NAN
        self._high, self._low = Highest(length), Lowest(length)

    def update(self, high: float, low: float) -> tuple[float, float, float]:
        upper, lower = self._high.update(high), self._low.update(low)
        self.value = (upper, (upper + lower) / 2, lower)
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._high.is_ready and self._low.is_ready


class Keltner(Incremental):
    """(upper, middle, lower): an exponential average of the close and `multiplier` average true ranges to both sides."""

    __slots__ = ("_middle", "_range", "atr_length", "length", "multiplier", "value")
    fixed = ("length", "atr_length", "multiplier")

    def __init__(self, length: int = 20, atr_length: int = 10, multiplier: float = 2.0) -> None:
        self.length, self.atr_length, self.multiplier = length, atr_length, multiplier
        self.value = THREE_NAN
        self._middle, self._range = Ema(length), Atr(atr_length)

    def update(self, high: float, low: float, close: float) -> tuple[float, float, float]:
        middle, width = self._middle.update(close), self.multiplier * self._range.update(high, low, close)
        self.value = (middle + width, middle if width == width else NAN, middle - width)
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._middle.is_ready and self._range.is_ready

    def warmup(self, error: float) -> int:
        """The longer of its parts' warm-ups."""
        return max(self._middle.warmup(error), self._range.warmup(error))


class Ichimoku(Incremental):
    """(conversion, base, span a, span b) as they stand on the chart at the bar; the spans were computed `displacement` bars before."""

    __slots__ = ("_highs", "_lows", "_spans", "conversion", "displacement", "length", "span", "value")
    fixed = ("conversion", "length", "span", "displacement")

    def __init__(self, conversion: int = 9, length: int = 26, span: int = 52, displacement: int = 26) -> None:
        self.conversion, self.length, self.span, self.displacement = conversion, length, span, displacement
        self.value = FOUR_NAN
        self._highs: deque[float] = deque(maxlen=span)
        self._lows: deque[float] = deque(maxlen=span)
        self._spans: deque[tuple[float, float]] = deque(maxlen=displacement + 1)

    def update(self, high: float, low: float) -> tuple[float, float, float, float]:
        if high + low != high + low:
            self.value = FOUR_NAN
            return self.value
        self._highs.append(high)
        self._lows.append(low)
        highs, lows = list(self._highs), list(self._lows)
        conversion, base, long = (
            (max(highs[-bars:]) + min(lows[-bars:])) / 2 if len(highs) >= bars else NAN
            for bars in (self.conversion, self.length, self.span)
        )
        self._spans.append(((conversion + base) / 2, long))
        spans = self._spans[0] if len(self._spans) > self.displacement else (NAN, NAN)
        self.value = (conversion, base, *spans)
        return self.value

    @property
    def is_ready(self) -> bool:
        return len(self._spans) > self.displacement and self._spans[0][1] == self._spans[0][1]


class Vwap(Incremental):
    """Average typical price weighted by volume since the session began; NaN before its first volume."""

    __slots__ = ("_money", "_session", "_units", "value")
    fixed = ()

    def __init__(self) -> None:
        self.value = NAN
        self._money = self._units = 0.0
        self._session = 0

    def update(self, high: float, low: float, close: float, volume: float, session: int) -> float:
        typical = (high + low + close) / 3.0
        if typical * volume != typical * volume:
            self.value = NAN
            return NAN
        if session != self._session:
            self._money = self._units = 0.0
            self._session = session
        self._money += typical * volume
        self._units += volume
        self.value = self._money / self._units if self._units > 0.0 else NAN
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._units > 0.0


class RealisedVolatility(Incremental):
    """Root of the mean squared log return over `length` returns, annualised."""

    __slots__ = ("_before", "_mean", "length", "periods_per_year", "value")
    fixed = ("length", "periods_per_year")

    def __init__(self, length: int, periods_per_year: float) -> None:
        if not periods_per_year > 0.0:
            raise Rejected(f"RealisedVolatility: {periods_per_year} periods per year, expected a positive number")
        self.length, self.periods_per_year = length, periods_per_year
        self.value = self._before = NAN
        self._mean = Sma(length)

    def update(self, close: float) -> float:
        if close != close:
            self.value = NAN
            return NAN
        before, self._before = self._before, close
        if before == before:
            change = math.log(close) - math.log(before)
            mean = self._mean.update(change * change)
            self.value = math.sqrt(max(mean, 0.0) * self.periods_per_year) if mean == mean else NAN
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._mean.is_ready
