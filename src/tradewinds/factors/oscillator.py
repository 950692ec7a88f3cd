"""Momentum and volume indicators: how fast, how far, with how much behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors import dense, single
from tradewinds.factors.columns import computed, whole
from tradewinds.factors.talib_door import one, talib_function

Floats = NDArray[np.float64]


class Macd(NamedTuple):
    """line: fast less slow average; signal: its average; histogram: line less signal."""

    line: Floats
    signal: Floats
    histogram: Floats


class Stochastic(NamedTuple):
    """k and d in percent."""

    k: Floats
    d: Floats


class Aroon(NamedTuple):
    """down and up in percent."""

    down: Floats
    up: Floats


def rsi(values: Floats, length: int = 14) -> Floats:
    """Wilder's relative strength index in [0, 100]; 0 where nothing moved, as in TA-Lib."""
    bars = whole("rsi", length, 2)
    return computed(
        "rsi", lambda i, o: single.rsi(i[0], bars, o[0]), (values,), 1, (bars,), lambda i, o: dense.rsi(i[0], bars, o[0])
    )[0]  # fmt: skip


def macd(values: Floats, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Moving average convergence divergence. Both averages begin at the slow one's first bar, all three outputs with the signal's."""
    bars = (whole("macd", fast), whole("macd", slow, 2), whole("macd", signal))
    if bars[0] >= bars[1]:
        raise Rejected(f"macd: fast {fast} and slow {slow}, expected fast below slow")
    return Macd(*computed("macd", lambda i, o: _macd(i[0], o, *bars), (values,), 3, bars))


def stoch(high: Floats, low: Floats, close: Floats, length: int = 14, slow_k: int = 3, slow_d: int = 3) -> Stochastic:
    """Lane's slow stochastic: place of the close in the range of `length` bars, averaged twice."""
    return Stochastic(*talib_function("STOCH")(high, low, close, fast_k_period=length, slow_k_period=slow_k, slow_d_period=slow_d))


def stochf(high: Floats, low: Floats, close: Floats, length: int = 14, fast_d: int = 3) -> Stochastic:
    """Lane's fast stochastic."""
    return Stochastic(*talib_function("STOCHF")(high, low, close, fast_k_period=length, fast_d_period=fast_d))


def stochrsi(values: Floats, length: int = 14, fast_k: int = 5, fast_d: int = 3) -> Stochastic:
    """The fast stochastic of the relative strength index."""
    return Stochastic(*talib_function("STOCHRSI")(values, time_period=length, fast_k_period=fast_k, fast_d_period=fast_d))


def adx(high: Floats, low: Floats, close: Floats, length: int = 14) -> Floats:
    """Wilder's average directional index in [0, 100]."""
    return one("ADX", high, low, close, time_period=length)


def plus_di(high: Floats, low: Floats, close: Floats, length: int = 14) -> Floats:
    """Wilder's positive directional indicator."""
    return one("PLUS_DI", high, low, close, time_period=length)


def minus_di(high: Floats, low: Floats, close: Floats, length: int = 14) -> Floats:
    """Wilder's negative directional indicator."""
    return one("MINUS_DI", high, low, close, time_period=length)


def cci(high: Floats, low: Floats, close: Floats, length: int = 20) -> Floats:
    """Lambert's commodity channel index: distance of the typical price from its mean in 0.015 mean deviations; 0 where nothing moved."""
    bars = whole("cci", length, 2)
    return computed("cci", lambda i, o: single.cci((i[0] + i[1] + i[2]) / 3.0, bars, o[0]), (high, low, close), 1, (bars,))[0]


def willr(high: Floats, low: Floats, close: Floats, length: int = 14) -> Floats:
    """Williams %R in [-100, 0]."""
    return one("WILLR", high, low, close, time_period=length)


def roc(values: Floats, length: int = 10) -> Floats:
    """Rate of change over `length` bars in percent."""
    return one("ROC", values, time_period=length)


def mom(values: Floats, length: int = 10) -> Floats:
    """Momentum: the value less that of `length` bars before."""
    return one("MOM", values, time_period=length)


def cmo(values: Floats, length: int = 14) -> Floats:
    """Chande's momentum oscillator with Wilder's smoothing, in [-100, 100]."""
    return one("CMO", values, time_period=length)


def trix(values: Floats, length: int = 30) -> Floats:
    """Rate of change of a threefold exponential average, in percent."""
    return one("TRIX", values, time_period=length)


def ppo(values: Floats, fast: int = 12, slow: int = 26) -> Floats:
    """Percentage price oscillator of exponential averages."""
    return one("PPO", values, fast_period=fast, slow_period=slow, ma_type=1)


def ultosc(high: Floats, low: Floats, close: Floats, short: int = 7, middle: int = 14, long: int = 28) -> Floats:
    """Williams' ultimate oscillator in [0, 100]."""
    return one("ULTOSC", high, low, close, time_period1=short, time_period2=middle, time_period3=long)


def aroon(high: Floats, low: Floats, length: int = 14) -> Aroon:
    """Chande's Aroon: bars since the lowest low and the highest high, as percent of `length`."""
    return Aroon(*talib_function("AROON")(high, low, time_period=length))


def bop(open: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    """Balance of power: (close - open) / (high - low)."""
    return one("BOP", open, high, low, close)


def obv(close: Floats, volume: Floats) -> Floats:
    """Granville's on-balance volume, beginning with the first bar's volume."""
    return one("OBV", close, volume)


def mfi(high: Floats, low: Floats, close: Floats, volume: Floats, length: int = 14) -> Floats:
    """Money flow index in [0, 100]."""
    return one("MFI", high, low, close, volume, time_period=length)


def ad(high: Floats, low: Floats, close: Floats, volume: Floats) -> Floats:
    """Chaikin's accumulation and distribution line."""
    return one("AD", high, low, close, volume)


def adosc(high: Floats, low: Floats, close: Floats, volume: Floats, fast: int = 3, slow: int = 10) -> Floats:
    """Chaikin's oscillator of the accumulation and distribution line."""
    return one("ADOSC", high, low, close, volume, fast_period=fast, slow_period=slow)


def correl(first: Floats, second: Floats, length: int = 30) -> Floats:
    """Pearson's correlation of two series over `length` bars."""
    return one("CORREL", first, second, time_period=length)


def beta(market: Floats, values: Floats, length: int = 5) -> Floats:
    """Slope of the returns of `values` on the market's over `length` returns (TA-Lib's BETA with its inputs the other way round)."""
    return one("BETA", market, values, time_period=length)


def _macd(values: Floats, outputs: Sequence[Floats], fast: int, slow: int, signal: int) -> None:
    line, average, histogram = outputs
    for out in outputs:
        out.fill(np.nan)
    if len(values) < slow:
        return
    slower, faster = np.empty(len(values)), np.empty(len(values) - (slow - fast))
    single.smoothed(values, slow, 2.0 / (slow + 1), slower)
    single.smoothed(values[slow - fast :], fast, 2.0 / (fast + 1), faster)
    whole_line = faster[fast - 1 :] - slower[slow - 1 :]
    single.smoothed(whole_line, signal, 2.0 / (signal + 1), average[slow - 1 :])
    line[slow + signal - 2 :] = whole_line[signal - 1 :]
    np.subtract(line, average, out=histogram)
