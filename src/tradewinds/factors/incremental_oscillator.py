"""Momentum and volume indicators bar by bar."""

from __future__ import annotations

from collections import deque

from tradewinds.core.errors import Rejected
from tradewinds.factors.columns import whole
from tradewinds.factors.incremental_average import Ema, Highest, Lowest, Sma
from tradewinds.factors.incremental_state import NAN, Incremental, decay_bars
from tradewinds.factors.single import ROUNDING, STILL

TWO_NAN = (NAN, NAN)
THREE_NAN = (NAN, NAN, NAN)


class Rsi(Incremental):
    """Wilder's relative strength index; 0 where nothing moved."""

    __slots__ = ("_before", "_gain", "_loss", "_seen", "_weight", "length", "value")

    def __init__(self, length: int = 14) -> None:
        self.length = whole("Rsi", length, 2)
        self.value = self._before = NAN
        self._gain = self._loss = 0.0
        self._weight = 1.0 / length
        self._seen = 0

    def update(self, value: float) -> float:
        if value != value:
            self.value = NAN
            return value
        change = value - self._before
        self._before = value
        if change != change:
            return NAN
        up, down = (change, 0.0) if change > 0.0 else (0.0, -change)
        if self._seen < self.length:
            self._seen += 1
            self._gain += up
            self._loss += down
            if self._seen < self.length:
                self.value = NAN
                return NAN
            gain = self._gain = self._gain / self.length
            loss = self._loss = self._loss / self.length
        else:
            gain, loss, weight = self._gain, self._loss, self._weight
            self._gain = gain = gain + (up - gain) * weight
            self._loss = loss = loss + (down - loss) * weight
        total = gain + loss
        self.value = 100.0 * (gain / total) if total > STILL else 0.0
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._seen >= self.length

    def warmup(self, error: float) -> int:
        """Bars after which its averages differ from those with a longer past by at most `error` of the seeds' difference."""
        return 1 + self.length + decay_bars(self._weight, error)


class Macd(Incremental):
    """(line, signal, histogram); both averages begin at the slow one's first bar."""

    __slots__ = ("_fast", "_seen", "_signal", "_slow", "fast", "signal", "slow", "value")
    fixed = ("fast", "slow", "signal")

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        if fast >= slow:
            raise Rejected(f"Macd: fast {fast} and slow {slow}, expected fast below slow")
        self.fast, self.slow, self.signal = fast, slow, signal
        self.value = THREE_NAN
        self._fast, self._slow, self._signal = Ema(fast), Ema(slow), Ema(signal)
        self._seen = 0

    def update(self, value: float) -> tuple[float, float, float]:
        if value != value:
            self.value = THREE_NAN
            return THREE_NAN
        self._seen += 1
        fast = self._fast.update(value) if self._seen > self.slow - self.fast else NAN
        line = fast - self._slow.update(value)
        signal = self._signal.update(line)
        self.value = (line, signal, line - signal) if signal == signal else THREE_NAN
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._signal.is_ready

    def warmup(self, error: float) -> int:
        """The slow average's warm-up and then the signal's."""
        return self._slow.warmup(error) + self._signal.warmup(error)


class Stoch(Incremental):
    """Lane's slow stochastic: (k, d)."""

    __slots__ = ("_d", "_high", "_k", "_low", "length", "slow_d", "slow_k", "value")
    fixed = ("length", "slow_k", "slow_d")

    def __init__(self, length: int = 14, slow_k: int = 3, slow_d: int = 3) -> None:
        self.length, self.slow_k, self.slow_d = length, slow_k, slow_d
        self.value = TWO_NAN
        self._high, self._low, self._k, self._d = Highest(length), Lowest(length), Sma(slow_k), Sma(slow_d)

    def update(self, high: float, low: float, close: float) -> tuple[float, float]:
        if high + low + close != high + low + close:
            self.value = TWO_NAN
            return TWO_NAN
        top, bottom = self._high.update(high), self._low.update(low)
        width = (top - bottom) / 100.0
        k = self._k.update((close - bottom) / width if width != 0.0 else 0.0)
        d = self._d.update(k)
        self.value = (k, d) if d == d else TWO_NAN
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._d.is_ready


class Willr(Incremental):
    """Williams %R in [-100, 0]; 0 where nothing moved."""

    __slots__ = ("_high", "_low", "length", "value")

    def __init__(self, length: int = 14) -> None:
        self.length = length
        self.value = NAN
        self._high, self._low = Highest(length), Lowest(length)

    def update(self, high: float, low: float, close: float) -> float:
        if high + low + close != high + low + close:
            self.value = NAN
            return NAN
        top, bottom = self._high.update(high), self._low.update(low)
        width = (top - bottom) / -100.0
        self.value = (top - close) / width if width != 0.0 else 0.0
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._high.is_ready


class Cci(Incremental):
    """Lambert's commodity channel index; 0 where nothing moved."""

    __slots__ = ("_window", "length", "value")

    def __init__(self, length: int = 20) -> None:
        self.length = whole("Cci", length, 2)
        self.value = NAN
        self._window: deque[float] = deque(maxlen=length)

    def update(self, high: float, low: float, close: float) -> float:
        self.value = NAN
        typical = (high + low + close) / 3.0
        if typical == typical:
            self._window.append(typical)
            if len(self._window) == self.length:
                total = spread = 0.0
                for one in self._window:
                    total += one
                mean = total / self.length
                for one in self._window:
                    spread += abs(one - mean)
                spread /= self.length
                self.value = (typical - mean) / (0.015 * spread) if spread > ROUNDING * abs(mean) else 0.0
        return self.value

    @property
    def is_ready(self) -> bool:
        return len(self._window) == self.length


class Adx(Incremental):
    """Wilder's average directional index; `plus_di` and `minus_di` are its parts at the bar."""

    __slots__ = ("_bar", "_index", "_minus", "_plus", "_range", "_seen", "_sum", "length", "minus_di", "plus_di", "value")

    def __init__(self, length: int = 14) -> None:
        self.length = whole("Adx", length, 2)
        self.value = self.plus_di = self.minus_di = NAN
        self._bar = THREE_NAN
        self._plus = self._minus = self._range = self._sum = self._index = 0.0
        self._seen = 0

    def update(self, high: float, low: float, close: float) -> float:
        if high + low + close != high + low + close:
            self.value = NAN
            return NAN
        high_before, low_before, close_before = self._bar
        self._bar = (high, low, close)
        if close_before != close_before:
            return NAN
        self._seen += 1
        self._move(high - high_before, low_before - low, max(high - low, abs(high - close_before), abs(low - close_before)))
        if self._seen >= self.length:
            self._direct()
        self.value = self._index if self._seen >= 2 * self.length - 1 else NAN
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._seen >= 2 * self.length - 1

    def warmup(self, error: float) -> int:
        """Two smoothings of weight 1 / length, one after the other."""
        return 2 * (self.length + decay_bars(1.0 / self.length, error))

    def _move(self, up: float, down: float, widest: float) -> None:
        if self._seen >= self.length:
            self._plus -= self._plus / self.length
            self._minus -= self._minus / self.length
            self._range -= self._range / self.length
        self._range += widest
        if down > 0.0 and up < down:
            self._minus += down
        elif up > 0.0 and up > down:
            self._plus += up

    def _direct(self) -> None:
        length = self.length
        is_seeding = self._seen < 2 * length
        change = NAN
        if abs(self._range) > STILL:
            self.plus_di, self.minus_di = 100.0 * (self._plus / self._range), 100.0 * (self._minus / self._range)
            total = self.plus_di + self.minus_di
            if abs(total) > STILL:
                change = 100.0 * (abs(self.minus_di - self.plus_di) / total)
        if is_seeding:
            self._sum += change if change == change else 0.0
            if self._seen == 2 * length - 1:
                self._index = self._sum / length
        elif change == change:
            self._index = (self._index * (length - 1) + change) / length


class Obv(Incremental):
    """Granville's on-balance volume, beginning with the first bar's volume."""

    __slots__ = ("_before", "_total", "value")
    fixed = ()

    def __init__(self) -> None:
        self.value = self._before = NAN
        self._total = 0.0

    def update(self, close: float, volume: float) -> float:
        if close + volume != close + volume:
            self.value = NAN
            return NAN
        before, self._before = self._before, close
        if before != before or close > before:
            self._total += volume
        elif close < before:
            self._total -= volume
        self.value = self._total
        return self.value

    @property
    def is_ready(self) -> bool:
        return self._before == self._before


class Mfi(Incremental):
    """Money flow index; 0 where less than 1 flowed, as in TA-Lib."""

    __slots__ = ("_before", "_flows", "length", "value")

    def __init__(self, length: int = 14) -> None:
        self.length = whole("Mfi", length, 2)
        self.value = self._before = NAN
        self._flows: deque[float] = deque(maxlen=length)

    def update(self, high: float, low: float, close: float, volume: float) -> float:
        self.value = NAN
        typical = (high + low + close) / 3.0
        if typical * volume != typical * volume:
            return NAN
        before, self._before = self._before, typical
        if before == before:
            self._flows.append(typical * volume if typical > before else -typical * volume if typical < before else 0.0)
            if len(self._flows) == self.length:
                rising, total = sum([one for one in self._flows if one > 0.0]), sum([abs(one) for one in self._flows])
                self.value = 100.0 * (rising / total) if total >= 1.0 else 0.0
        return self.value

    @property
    def is_ready(self) -> bool:
        return len(self._flows) == self.length
