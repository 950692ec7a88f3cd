"""Averages and extremes bar by bar, in the arithmetic of `single.py`."""

from __future__ import annotations

from collections import deque

from tradewinds.factors.columns import whole
from tradewinds.factors.incremental_state import NAN, Incremental, decay_bars


class Sma(Incremental):
    """Simple moving average."""

    __slots__ = ("_total", "_window", "length", "value")

    def __init__(self, length: int) -> None:
        self.length = whole("Sma", length)
        self.value = NAN
        self._total = 0.0
        self._window: deque[float] = deque(maxlen=length)

    def update(self, value: float) -> float:
        if value != value:
            self.value = NAN
            return value
        window = self._window
        window.append(value)
        total = self._total + value
        if len(window) < self.length:
            self._total = total
            return NAN
        self.value = result = total / self.length
        self._total = total - window[0]
        return result

    @property
    def is_ready(self) -> bool:
        return len(self._window) == self.length


class Smoothing(Incremental):
    """Exponential smoothing of a given weight, seeded with the mean of the first `length` values."""

    __slots__ = ("_level", "_seen", "length", "value", "weight")
    fixed = ("length", "weight")

    def __init__(self, length: int, weight: float) -> None:
        self.length = whole("Smoothing", length)
        self.weight = weight
        self.value = NAN
        self._level = 0.0
        self._seen = 0

    def update(self, value: float) -> float:
        if self._seen >= self.length and value == value:
            level = self._level
            self.value = self._level = level = level + (value - level) * self.weight
            return level
        self.value = NAN
        if value == value:
            self._seen += 1
            self._level += value
            if self._seen == self.length:
                self.value = self._level = self._level / self.length
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._seen >= self.length

    def warmup(self, error: float) -> int:
        """Bars after which the value differs from one with a longer past by at most `error` of the seeds' difference."""
        return self.length + decay_bars(self.weight, error)


class Ema(Smoothing):
    """Exponential moving average with weight 2 / (length + 1)."""

    __slots__ = ()

    def __init__(self, length: int) -> None:
        super().__init__(length, 2.0 / (whole("Ema", length) + 1))


class Wilder(Smoothing):
    """Wilder's moving average with weight 1 / length."""

    __slots__ = ()

    def __init__(self, length: int) -> None:
        super().__init__(length, 1.0 / whole("Wilder", length))


class Wma(Incremental):
    """Average weighted 1, 2, .., length, the latest most."""

    __slots__ = ("_window", "length", "value")

    def __init__(self, length: int) -> None:
        self.length = whole("Wma", length)
        self.value = NAN
        self._window: deque[float] = deque(maxlen=length)

    def update(self, value: float) -> float:
        self.value = NAN
        if value == value:
            self._window.append(value)
            if len(self._window) == self.length:
                total = sum(weight * one for weight, one in enumerate(self._window, 1))
                self.value = total / (self.length * (self.length + 1) / 2)
        return self.value

    @property
    def is_ready(self) -> bool:
        return len(self._window) == self.length


class Highest(Incremental):
    """The greatest of the last `length` bars, the current one included."""

    __slots__ = ("_places", "_seen", "_values", "length", "value")

    def __init__(self, length: int) -> None:
        self.length = whole("Highest", length, 2)
        self.value = NAN
        self._seen = 0
        self._places: deque[int] = deque()  # of values that may still become the greatest, falling from the left
        self._values: deque[float] = deque()

    def update(self, value: float) -> float:
        if value != value:
            self.value = NAN
            return value
        values, places, seen = self._values, self._places, self._seen
        while values and values[-1] <= value:
            values.pop()
            places.pop()
        values.append(value)
        places.append(seen)
        if places[0] <= seen - self.length:
            values.popleft()
            places.popleft()
        self._seen = seen + 1
        self.value = values[0] if seen >= self.length - 1 else NAN
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._seen >= self.length


class Lowest(Incremental):
    """The least of the last `length` bars, the current one included."""

    __slots__ = ("_mirrored", "length", "value")

    def __init__(self, length: int) -> None:
        self.length = whole("Lowest", length, 2)
        self.value = NAN
        self._mirrored = Highest(length)

    def update(self, value: float) -> float:
        self.value = -self._mirrored.update(-value)
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._mirrored.is_ready


class Mom(Incremental):
    """The value less that of `length` bars before."""

    __slots__ = ("_window", "length", "value")

    def __init__(self, length: int) -> None:
        self.length = whole("Mom", length)
        self.value = NAN
        self._window: deque[float] = deque(maxlen=length + 1)

    def update(self, value: float) -> float:
        self.value = NAN
        if value == value:
            self._window.append(value)
            if len(self._window) > self.length:
                self.value = value - self._window[0]
        return self.value

    @property
    def is_ready(self) -> bool:
        return len(self._window) > self.length


class Roc(Incremental):
    """Rate of change over `length` bars in percent; 0 where the earlier value is 0, as in TA-Lib."""

    __slots__ = ("_window", "length", "value")

    def __init__(self, length: int = 10) -> None:
        self.length = whole("Roc", length)
        self.value = NAN
        self._window: deque[float] = deque(maxlen=length + 1)

    def update(self, value: float) -> float:
        self.value = NAN
        if value == value:
            self._window.append(value)
            if len(self._window) > self.length:
                before = self._window[0]
                self.value = (value / before - 1.0) * 100.0 if before != 0.0 else 0.0
        return self.value

    @property
    def is_ready(self) -> bool:
        return len(self._window) > self.length
