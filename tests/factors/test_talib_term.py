"""All of TA-Lib as factors: nothing reads the future, and the declared memory is enough."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tradewinds.factors.expression import parse
from tradewinds.factors.factor import Factor
from tradewinds.factors.talib_door import talib_functions
from tradewinds.factors.talib_library import described
from tradewinds.factors.talib_term import ENDLESS

Floats = NDArray[np.float64]
SERIES = {"real": "close", "real0": "close", "real1": "open"}
TIMES = 1500


@pytest.fixture(scope="module")
def fields() -> dict[str, Floats]:
    """Two instruments, one with bars that did not trade."""
    chance = np.random.default_rng(6)
    shape = (TIMES, 2)
    close = np.round(100.0 * np.exp(np.cumsum(chance.normal(0.0, 0.015, shape), axis=0)), 2)
    high = np.round(close * (1.0 + np.abs(chance.normal(0.0, 0.008, shape))), 2)
    low = np.round(close * (1.0 - np.abs(chance.normal(0.0, 0.008, shape))), 2)
    volume = np.round(np.abs(chance.normal(1e4, 3e3, shape))) + 1.0
    bars: dict[str, Floats] = {
        "open": low + (high - low) * chance.random(shape),
        "high": high,
        "low": low,
        "close": close,
        "volume": volume,
    }
    bars |= {"open_interest": volume * 3.0, "periods": np.full(shape, 10.0)}
    missing = chance.random(TIMES) < 0.05
    for values in bars.values():
        values[missing, 1] = np.nan
    return bars


def text_of(name: str) -> str:
    if name in ("ASIN", "ACOS"):
        return f"{name}(open / close - 1)"
    if name in ("EXP", "SINH", "COSH"):
        return f"{name}(log(close))"
    return f"{name}({', '.join(SERIES.get(one, one) for one in described(name).inputs)})"


def factors_of(name: str) -> list[Factor]:
    outputs = described(name).outputs
    return [parse(text_of(name) + (f".{one}" if len(outputs) > 1 else "")) for one in outputs]


def at(fields: dict[str, Floats], rows: slice) -> dict[str, Floats]:
    return {name: np.ascontiguousarray(values[rows]) for name, values in fields.items()}


@pytest.mark.parametrize("name", talib_functions())
def test_the_declared_memory_is_enough_and_the_future_is_not_read(name: str, fields: dict[str, Floats]) -> None:
    some = at(fields, slice(TIMES - 400, TIMES)) if name in ENDLESS else fields
    for factor in factors_of(name):
        whole = factor.compute(some)
        spread = np.nanstd(whole, axis=0)
        spread[~(spread > 0.0)] = 1.0
        for t in (len(whole) - 111, len(whole) - 1):
            begin = max(0, t - factor.lookback)
            part = factor.compute(at(some, slice(begin, t + 1)))[-1]

            assert np.array_equal(np.isnan(part), np.isnan(whole[t]))
            assert np.nanmax(np.abs(part - whole[t]) / spread, initial=0.0) <= factor.error
        if factor.lookback:
            cut = factor.compute(at(some, slice(0, len(whole) - 60)))
            assert np.allclose(cut, whole[:-60], rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize("name", sorted(ENDLESS))
def test_what_adds_up_for_ever_begins_afresh_a_year_before(name: str, fields: dict[str, Floats]) -> None:
    factor = factors_of(name)[0]

    assert (factor.lookback, factor.error) == (251, 0.0)


def test_a_position_is_how_many_bars_ago() -> None:
    close = np.array([[1.0], [5.0], [2.0], [3.0], [4.0]])

    assert parse("maxindex(3)").compute({"close": close})[2:].ravel().tolist() == [1.0, 2.0, 0.0]


def test_a_window_with_too_few_bars_that_traded_is_not_known() -> None:
    close = np.arange(1.0, 41.0)[:, None]
    close[10:20] = np.nan

    found = parse("sma(9)").compute({"close": close}).ravel()

    assert found[9] == 6.0
    assert np.isnan(found[20:28]).all()
    assert found[28] == 25.0
