"""Any TA-Lib function as a step: `rsi(14)`, `sma(volume, 20)`, `macd(12, 26, 9).macd_hist`.

A factor reads a stated number of rows and no others; TA-Lib's functions fall into three kinds by what they remember:

1. Most read a fixed number of bars.
2. RECURSIVE ones smooth, and forget: after as many bars as `_bars` says, what came before changes a value by at most ERROR.
3. ENDLESS ones add up from the first bar on and never forget (OBV, AD, VWAP ..): here they begin afresh FRESH_BARS before each row.

Bars are the rows that traded. A value is NaN unless three quarters of the rows that it may read did, so that it never needs older ones;
a new listing has its first values as soon as there are enough bars. MAXINDEX, MININDEX and MINMAXINDEX answer how many bars ago.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors import cell
from tradewinds.factors.columns import computed
from tradewinds.factors.steps import SHARE_LEAST, number
from tradewinds.factors.talib_library import TalibFunction, described, names
from tradewinds.factors.term import Term

Floats = NDArray[np.float64]

ROUNDING = 1e-9  # TA-Lib's window sums slide: where they began shows in the last digits
ERROR = 1e-6  # of a value's standard deviation, as ROUNDING; measured over all of them with their own defaults: below 1e-8
FRESH_BARS = 252
FADING_BARS = 21  # times the longest period: exp(-21) of what came before is left of Wilder's average

RECURSIVE = frozenset((
    "ADOSC", "ADX", "ADXR", "APO", "ATR", "CMO", "CVI", "DEMA", "DX", "EFI", "EMA", "ERI", "KAMA", "KC",
    "KDJ", "MACD", "MACDEXT", "MACDFIX", "MASSI", "MINUS_DI", "MINUS_DM", "NATR", "PLUS_DI", "PLUS_DM", "PPO", "PVO", "RMA", "RSI",
    "RVI", "SMI", "STOCHRSI", "T3", "TEMA", "TRIX", "TSI", "ZLEMA",
))  # fmt: skip
# They forget by what happens, not by a weight: so many bars more.
SETTLING_BARS = {"SAR": 250, "SAREXT": 250, "SUPERTREND": 250, "HA": 60, "HT_TRENDLINE": 120} | dict.fromkeys(
    ("HT_DCPERIOD", "HT_DCPHASE", "HT_PHASOR", "HT_SINE", "HT_TRENDMODE", "MAMA"), 700
)
ENDLESS = frozenset(("AD", "CUMSUM", "NVI", "OBV", "PVI", "PVT", "VWAP", "WAD"))
POSITIONS = frozenset(("MAXINDEX", "MININDEX", "MINMAXINDEX"))
MAMA_TYPE = 7  # of TA-Lib's kinds of average, of which 0, the simple one, has no memory
_DEFAULTS = {"real": "close"}


def is_talib(name: str) -> bool:
    """Whether TA-Lib has a function of that name, in any case."""
    return name.upper() in names()


def talib_term(
    name: str, series: Sequence[Term], numbers: Sequence[float], named: Mapping[str, float], output: str | None = None
) -> Term:  # fmt: skip
    """The step. series: its inputs, the panel's own fields (`close` for a single one) where none are given; numbers: parameters in order.

    output: the name of one of several outputs, the first where it is None. Raises Rejected for what the function does not take.
    """
    function = described(name)
    parts = _parts(function, series)
    values = _values(function, numbers, named)
    place = _place(function, output)
    bars, error = _bars(function, values)
    text = f"{function.name}({', '.join([*(one.text for one in parts), *(number(one) for one in values)])})"
    if len(function.outputs) > 1:
        text += f".{function.outputs[place]}"
    if function.name in ENDLESS:
        return Term(text, parts, lambda given, out: _fresh(function, values, place, given, out), FRESH_BARS - 1)
    rows = math.ceil((bars + 1) / SHARE_LEAST) - 1 if bars else 0
    needed = bars + 1 if error == ROUNDING else 0

    def fill(given: tuple[Floats, ...], out: Floats) -> None:
        found = computed(function.name, lambda i, o: function.fill(i, o, values), given, len(function.outputs), values)[place]
        if function.name in POSITIONS:
            cell.bars_since(found, _traded(given), out)
        else:
            cell.cleaned(found, out)
        if needed and rows and any(np.isnan(one).any() for one in given):
            cell.hide_sparse(_traded(given), rows + 1, needed, out)

    return Term(text, parts, fill, rows, error if rows else 0.0)


def _parts(function: TalibFunction, series: Sequence[Term]) -> tuple[Term, ...]:
    if len(series) == len(function.inputs):
        return tuple(series)
    fields = [_DEFAULTS.get(one, one) for one in function.inputs]
    if series or any(one in ("real0", "real1", "periods") for one in fields):
        raise Rejected(f"talib {function.name}: {len(series)} series, expected {len(function.inputs)}: {', '.join(function.inputs)}")
    return tuple(Term(one) for one in fields)


def _values(function: TalibFunction, numbers: Sequence[float], named: Mapping[str, float]) -> tuple[float, ...]:
    if len(numbers) > len(function.parameters):
        known = ", ".join(one.name for one in function.parameters) or "none"
        raise Rejected(f"talib {function.name}: {len(numbers)} numbers, expected at most {len(function.parameters)}: {known}")
    given = {one.name: value for one, value in zip(function.parameters, numbers, strict=False)}
    twice = sorted(set(given) & set(named))
    if twice:
        raise Rejected(f"talib {function.name}: {twice} stand there twice, expected each once")
    return function.values({**given, **named})


def _place(function: TalibFunction, output: str | None) -> int:
    if output is None:
        return 0
    if output not in function.outputs:
        raise Rejected(f"talib {function.name}: output {output!r}, expected one of {', '.join(function.outputs)}")
    return function.outputs.index(output)


def _bars(function: TalibFunction, values: tuple[float, ...]) -> tuple[int, float]:
    """How many bars before its own a value reads, and what a start there may change it by."""
    bars = function.lookback(values)
    pairs = list(zip(function.parameters, values, strict=True))
    longest = max([int(value) for one, value in pairs if one.is_integer and not one.name.endswith("ma_type")], default=1)
    kinds = {value for one, value in pairs if one.name.endswith("ma_type")} - {0}
    settling = SETTLING_BARS["MAMA"] if MAMA_TYPE in kinds else SETTLING_BARS.get(function.name, 0)
    if function.name in RECURSIVE or settling or kinds:
        return bars + FADING_BARS * longest + settling, ERROR
    return bars, ROUNDING


def _traded(given: tuple[Floats, ...]) -> NDArray[np.bool_]:
    traded = ~np.isnan(given[0])
    for one in given[1:]:
        traded &= ~np.isnan(one)
    return traded


def _fresh(function: TalibFunction, values: tuple[float, ...], place: int, given: tuple[Floats, ...], out: Floats) -> None:
    """Each row computed of the FRESH_BARS rows that end with it; slow, as what has no memory of its own must be."""
    times = len(out)
    traded = _traded(given)
    for column in range(out.shape[1]):
        series = [np.ascontiguousarray(one[:, column]) for one in given]
        lives = traded[:, column]
        for t in range(times):
            if not lives[t]:
                out[t, column] = np.nan
                continue
            window = slice(max(0, t + 1 - FRESH_BARS), t + 1)
            keep = lives[window]
            inputs = [one[window] if keep.all() else one[window][keep] for one in series]
            outputs = [np.empty(len(inputs[0])) for _ in function.outputs]
            function.fill([np.ascontiguousarray(one) for one in inputs], outputs, values)
            out[t, column] = outputs[place][-1] if np.isfinite(outputs[place][-1]) else np.nan
