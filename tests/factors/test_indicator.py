"""The rules that all array indicators keep: columns, gaps, warm-up, kept results, refusals; and closed forms."""

from __future__ import annotations

import gc
import inspect
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors import indicator as ta

Floats = NDArray[np.float64]
Bars = dict[str, Floats]
NAN = np.nan
INDICATORS = sorted(name for name in ta.__all__ if name[0].islower() and not name.startswith(("talib", "crossed", "above")))


def _outputs(name: str, bars: Bars) -> tuple[Floats, ...]:
    """An indicator on columns chosen by the names of its parameters."""
    roles = bars | {"values": bars["close"], "first": bars["close"], "second": bars["high"], "market": bars["high"]}
    wanted = {"length": 10, "periods_per_year": 252.0}
    function = getattr(ta, name)
    given: list[Any] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in roles:
            given.append(roles[parameter.name])
        elif parameter.default is inspect.Parameter.empty:
            given.append(wanted[parameter.name])
    answer = function(*given)
    return answer if isinstance(answer, tuple) else (answer,)


def _panel(made: Callable[..., Bars]) -> Bars:
    columns = [made(seed) for seed in range(20)]
    panel = {name: np.column_stack([one[name] for one in columns]) for name in columns[0]}
    return panel | {"session": np.arange(700) // 50}


@pytest.mark.parametrize("name", INDICATORS)
def test_a_column_among_many_is_a_column_alone(name: str, bars: Callable[..., Bars]) -> None:
    panel = _panel(bars)

    many = _outputs(name, panel)
    alone = _outputs(name, {key: values[:, 17] if values.ndim == 2 else values for key, values in panel.items()})

    for wide, single in zip(many, alone, strict=True):
        assert np.isfinite(single).any()
        np.testing.assert_array_equal(wide[:, 17], single)


@pytest.mark.parametrize("name", INDICATORS)
def test_a_value_does_not_change_with_what_comes_after(name: str, bars: Callable[..., Bars]) -> None:
    panel = _panel(bars)

    full = _outputs(name, panel)
    cut = _outputs(name, {key: values[:431] for key, values in panel.items()})

    for whole, part in zip(full, cut, strict=True):
        np.testing.assert_array_equal(whole[:431], part)


@pytest.mark.parametrize("name", INDICATORS)
def test_missing_bars_are_left_out_and_answer_nan(name: str, bars: Callable[..., Bars]) -> None:
    panel = _panel(bars)
    traded = np.ones(700, dtype=bool)
    traded[[*range(7), 100, 101, 350, *range(690, 700)]] = False
    gaps = {key: values.copy() for key, values in panel.items()}
    for key in ("open", "high", "low", "close", "volume"):
        gaps[key][~traded, 3] = NAN

    found = _outputs(name, gaps)
    compact = _outputs(name, {key: (values[traded, 3] if values.ndim == 2 else values[traded]) for key, values in panel.items()})
    untouched = _outputs(name, panel)

    for values, expected, before in zip(found, compact, untouched, strict=True):
        np.testing.assert_array_equal(values[traded, 3], expected)
        assert np.isnan(values[~traded, 3]).all()
        np.testing.assert_array_equal(np.delete(values, 3, axis=1), np.delete(before, 3, axis=1))


@pytest.mark.parametrize("name", ta.talib_functions())
def test_no_function_of_talib_looks_ahead(name: str, bars: Callable[..., Bars]) -> None:
    made = bars(8)
    function = ta.talib_function(name)
    roles = made | {"real": made["close"], "real0": made["close"], "real1": made["high"], "periods": np.full(700, 7.0)}
    if name in ("ACOS", "ASIN"):
        roles["real"] = made["close"] / 1_000.0
    columns = [roles[one] for one in function.function.inputs]

    full, cut = function(*columns), function(*[one[:431] for one in columns])

    for whole, part in zip(full, cut, strict=True):
        assert whole.shape == (700,)
        np.testing.assert_array_equal(whole[:431], part)


def test_known_values_of_short_series() -> None:
    line = np.array([1.0, 2.0, 3.0, 4.0, 5.0])

    np.testing.assert_array_equal(ta.sma(line, 2), [NAN, 1.5, 2.5, 3.5, 4.5])
    np.testing.assert_array_equal(ta.ema(line, 3), [NAN, NAN, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(ta.highest(line, 2), [NAN, 2.0, 3.0, 4.0, 5.0])
    np.testing.assert_array_equal(ta.stddev(line, 2), [NAN, 0.5, 0.5, 0.5, 0.5])
    np.testing.assert_array_equal(ta.rsi(line, 2), [NAN, NAN, 100.0, 100.0, 100.0])
    np.testing.assert_array_equal(ta.atr(line + 1, line - 1, line, 2), [NAN, NAN, 2.0, 2.0, 2.0])
    np.testing.assert_allclose(ta.roc(line, 1), [NAN, 100.0, 50.0, 100.0 / 3.0, 25.0], rtol=1e-12)
    np.testing.assert_array_equal(ta.zscore(line, 2), [NAN, 1.0, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(ta.obv(np.array([1.0, 2.0, 2.0, 1.0]), np.array([10.0, 20.0, 30.0, 40.0])), [10.0, 30.0, 30.0, -10.0])


def test_a_flat_market_has_no_deviation_and_no_score() -> None:
    flat = np.full(50, 0.1)

    np.testing.assert_array_equal(ta.stddev(flat, 7)[6:], np.zeros(44))
    assert np.isnan(ta.zscore(flat, 7)).all()
    np.testing.assert_array_equal(ta.cci(flat, flat, flat, 7)[6:], np.zeros(44))


def test_deviation_stays_exact_over_a_long_series_far_from_zero() -> None:
    values = 1e6 + np.sin(np.arange(50_000.0))

    found = ta.stddev(values, 20)

    exact = np.lib.stride_tricks.sliding_window_view(values, 20).std(axis=1)
    np.testing.assert_allclose(found[19:], exact, rtol=1e-9)


def test_a_session_starts_the_volume_weighted_price_anew() -> None:
    price, volume = np.array([10.0, 20.0, 30.0, 40.0]), np.array([1.0, 3.0, 0.0, 2.0])

    found = ta.vwap(price, price, price, volume, np.array([1, 1, 2, 2]))

    np.testing.assert_array_equal(found, [10.0, 17.5, NAN, 40.0])


def test_a_setup_of_nine_and_a_countdown_of_thirteen() -> None:
    # Six rising closes, then a fall of one a bar: the flip is at row 6, the ninth bar of the setup at row 14, where counting down begins.
    close = np.array([10.0, 11, 12, 13, 14, 15, *(10.0 - step for step in range(26))])

    found = ta.td_sequential(close + 0.5, close - 0.5, close)

    assert np.isnan(found.buy_setup[:5]).all()
    np.testing.assert_array_equal(found.buy_setup[5:18], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0])
    np.testing.assert_array_equal(found.buy_countdown[13:29], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 0])
    assert not found.sell_setup[5:].any()
    assert not found.sell_countdown[5:].any()


def test_a_rise_above_the_setup_cancels_its_countdown() -> None:
    close = np.array([10.0, 11, 12, 13, 14, 15, *(10.0 - step for step in range(12)), 30.0, 31.0, 32.0])

    found = ta.td_sequential(close + 0.5, close - 0.5, close)

    assert found.buy_countdown[17] == 4
    np.testing.assert_array_equal(found.buy_countdown[19:], [0, 0])


def test_a_pivot_is_known_only_when_its_right_side_has_passed() -> None:
    high = np.array([1.0, 2.0, 5.0, 3.0, 2.0, 2.5, 2.6])
    low = high - 0.5

    found = ta.support_resistance(high, low, low, left=2, right=2)

    np.testing.assert_array_equal(found.resistance, [NAN, NAN, NAN, NAN, 5.0, 5.0, 5.0])
    np.testing.assert_array_equal(found.support, [NAN, NAN, NAN, NAN, NAN, NAN, 1.5])


def test_a_broken_resistance_becomes_support() -> None:
    high = np.array([1.0, 2.0, 5.0, 3.0, 2.0, 6.0, 7.0])

    found = ta.support_resistance(high, high - 0.1, high - 0.05, left=2, right=2)

    assert found.resistance[4] == 5.0
    assert found.support[5] == 5.0


def test_a_tie_is_no_crossing() -> None:
    fast = np.array([NAN, 1.0, 0.1 + 0.2, 0.3, 0.4, 0.2])
    slow = np.array([NAN, 2.0, 0.3, 0.1 + 0.2, 0.3, 0.3])

    np.testing.assert_array_equal(ta.above(fast, slow), [False, False, False, False, True, False])
    np.testing.assert_array_equal(ta.crossed_above(fast, slow), [False, False, False, False, True, False])
    np.testing.assert_array_equal(ta.crossed_below(fast, slow), [False, False, False, False, False, True])


def test_bad_questions_are_refused_by_name() -> None:
    close = np.ones(5)

    with pytest.raises(Rejected, match="sma: length 0, expected a whole number of bars, at least 1"):
        ta.sma(close, 0)
    with pytest.raises(Rejected, match=r"sma: length 2\.5, expected"):
        ta.sma(close, 2.5)  # type: ignore[arg-type]
    with pytest.raises(Rejected, match=r"atr: arrays of shapes \(5,\) and \(4,\), expected equal ones"):
        ta.atr(close, close[:4], close, 2)
    with pytest.raises(Rejected, match=r"sma: an array of shape \(1, 1, 1\), expected"):
        ta.sma(np.ones((1, 1, 1)), 2)
    with pytest.raises(Rejected, match="TA-Lib function 'SMAA', expected one of"):
        ta.talib_function("SMAA")
    with pytest.raises(Rejected, match=r"talib SMA: parameter 'period', expected one of \['time_period'\]"):
        ta.talib_function("sma")(close, period=3)
    with pytest.raises(Rejected, match=r"talib ATR: 1 arrays, expected 3: high, low, close"):
        ta.talib_function("ATR")(close)
    with pytest.raises(Rejected, match=r"talib RSI: .*-4"):
        ta.talib_function("RSI")(close, timeperiod=-4)
    with pytest.raises(Rejected, match="macd: fast 26 and slow 12, expected fast below slow"):
        ta.macd(close, 26, 12)


def test_too_few_bars_and_none_at_all_are_nan() -> None:
    for name in INDICATORS:
        for times in (0, 1, 2):
            bars = {key: np.full(times, 5.0) for key in ("open", "high", "low", "close", "volume")}
            for out in _outputs(name, bars | {"session": np.zeros(times, np.int64)}):
                assert out.shape == (times,), name


def test_results_on_arrays_that_nobody_can_write_are_kept_and_others_are_not(bars: Callable[..., Bars]) -> None:
    fixed = bars(1)["close"]
    fixed.setflags(write=False)
    open_to_all = fixed.copy()
    view = open_to_all[:]
    view.setflags(write=False)

    assert ta.sma(fixed, 20) is ta.sma(fixed, 20)
    assert ta.sma(fixed, 20) is not ta.sma(fixed, 21)
    first = ta.sma(view, 20)
    open_to_all[:] = 1.0
    assert ta.sma(view, 20)[-1] == 1.0 != first[-1]
    assert not first.flags.writeable


def test_what_is_kept_dies_with_its_array_and_is_never_taken_for_another(bars: Callable[..., Bars]) -> None:
    for seed in range(200):
        values = bars(seed % 7)["close"] + seed
        values.setflags(write=False)
        expected = float(values[-20:].mean())

        found = float(ta.sma(values, 20)[-1])

        del values
        gc.collect(0)
        assert found == pytest.approx(expected, rel=1e-12)


def test_threads_do_not_disturb_each_other(bars: Callable[..., Bars]) -> None:
    values = bars(1, 5_000)["close"]
    values.setflags(write=False)
    expected = {length: ta.sma(values.copy(), length) for length in range(2, 60)}

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda length: (length, ta.sma(values, length), ta.kama(values, length)), [*range(2, 60)] * 4))

    for length, average, _ in answers:
        np.testing.assert_array_equal(average, expected[length])


def test_the_library_is_loaded_without_pandas_and_leaves_talib_itself_alone() -> None:
    code = (
        "import sys, numpy as np\n"
        "from tradewinds.factors.indicator import sma, wma, talib_function\n"
        "assert talib_function('HT_TRENDLINE')(np.arange(100.0))[0][-1] > 0 and wma(np.arange(9.0), 3)[-1] > 0\n"
        "assert not {'pandas', 'polars', 'talib'} & set(sys.modules), 'pulled'\n"
        "import pandas, talib\n"
        "from talib import abstract\n"
        "series = pandas.Series(np.arange(50.0))\n"
        "assert isinstance(talib.SMA(series, 5), pandas.Series)\n"
        "assert len(abstract.SMA(pandas.DataFrame({'close': series}), timeperiod=5)) == 50\n"
        "assert wma(np.arange(9.0), 3)[-1] > 0\n"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
