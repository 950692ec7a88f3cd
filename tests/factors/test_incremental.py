"""Per bar and over the whole array, an indicator says the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors import incremental as per_bar
from tradewinds.factors import indicator as whole

Bars = dict[str, NDArray[np.float64]]
HLC = ("high", "low", "close")


@dataclass(frozen=True)
class Pair:
    """The same indicator twice. is_exact: equal to the bit, else within 1e-9."""

    name: str
    made: Callable[[], Any]
    vector: Callable[..., Any]
    fields: tuple[str, ...] = ("close",)
    is_exact: bool = True


PAIRS = [
    Pair("sma", lambda: per_bar.Sma(20), lambda c: whole.sma(c, 20)),
    Pair("sma of one bar", lambda: per_bar.Sma(1), lambda c: whole.sma(c, 1)),
    Pair("ema", lambda: per_bar.Ema(20), lambda c: whole.ema(c, 20)),
    Pair("wilder", lambda: per_bar.Wilder(14), lambda c: whole.wilder(c, 14)),
    Pair("wma", lambda: per_bar.Wma(10), lambda c: whole.wma(c, 10), is_exact=False),
    Pair("highest", lambda: per_bar.Highest(15), lambda c: whole.highest(c, 15)),
    Pair("lowest", lambda: per_bar.Lowest(15), lambda c: whole.lowest(c, 15)),
    Pair("mom", lambda: per_bar.Mom(10), lambda c: whole.mom(c, 10)),
    Pair("roc", lambda: per_bar.Roc(10), lambda c: whole.roc(c, 10), is_exact=False),
    Pair("stddev", lambda: per_bar.Stddev(20), lambda c: whole.stddev(c, 20)),
    Pair("zscore", lambda: per_bar.Zscore(20), lambda c: whole.zscore(c, 20)),
    Pair("bbands", lambda: per_bar.Bbands(20, 2.0), lambda c: whole.bbands(c, 20, 2.0)),
    Pair("trange", per_bar.Trange, whole.trange, HLC, is_exact=False),
    Pair("atr", lambda: per_bar.Atr(14), lambda h, s, c: whole.atr(h, s, c, 14), HLC),
    Pair("natr", lambda: per_bar.Natr(14), lambda h, s, c: whole.natr(h, s, c, 14), HLC),
    Pair("donchian", lambda: per_bar.Donchian(20), lambda h, s: whole.donchian(h, s, 20), ("high", "low")),
    Pair("keltner", per_bar.Keltner, whole.keltner, HLC),
    Pair("ichimoku", per_bar.Ichimoku, whole.ichimoku, ("high", "low")),
    Pair("vwap", per_bar.Vwap, whole.vwap, (*HLC, "volume", "session")),
    Pair(
        "realised volatility", lambda: per_bar.RealisedVolatility(21, 252.0), lambda c: whole.realised_volatility(c, 21, 252.0),
        is_exact=False,
    ),
    Pair("rsi", lambda: per_bar.Rsi(14), lambda c: whole.rsi(c, 14)),
    Pair("macd", per_bar.Macd, whole.macd),
    Pair("stoch", lambda: per_bar.Stoch(14, 3, 3), lambda h, s, c: whole.stoch(h, s, c, 14, 3, 3), HLC, is_exact=False),
    Pair("willr", lambda: per_bar.Willr(14), lambda h, s, c: whole.willr(h, s, c, 14), HLC, is_exact=False),
    Pair("cci", lambda: per_bar.Cci(20), lambda h, s, c: whole.cci(h, s, c, 20), HLC),
    Pair("adx", lambda: per_bar.Adx(14), lambda h, s, c: whole.adx(h, s, c, 14), HLC, is_exact=False),
    Pair("obv", per_bar.Obv, whole.obv, ("close", "volume"), is_exact=False),
    Pair("mfi", lambda: per_bar.Mfi(14), lambda h, s, c, v: whole.mfi(h, s, c, v, 14), (*HLC, "volume"), is_exact=False),
    Pair("td sequential", per_bar.TdSequential, whole.td_sequential, HLC),
    Pair(
        "support and resistance", lambda: per_bar.SupportResistance(3, 3, 10),
        lambda h, s, c: whole.support_resistance(h, s, c, 3, 3, 10), HLC,
    ),
]  # fmt: skip


def _fed(indicator: Any, columns: list[NDArray[np.float64]], begin: int = 0) -> NDArray[np.float64]:
    rows = list(zip(*(column.tolist() for column in columns), strict=True))[begin:]
    return np.array([indicator.update(*row) for row in rows], dtype=np.float64).reshape(len(rows), -1)


def _expected(pair: Pair, bars: Bars) -> NDArray[np.float64]:
    answer = pair.vector(*(bars[name] for name in pair.fields))
    return np.column_stack(answer) if isinstance(answer, tuple) else answer[:, None]


def _agree(pair: Pair, found: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
    assert np.isfinite(expected).any()
    if pair.is_exact:
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
@pytest.mark.parametrize(("seed", "with_gaps"), [(1, False), (2, False), (3, True)])
def test_bar_by_bar_equals_the_whole_array(pair: Pair, seed: int, with_gaps: bool, bars: Callable[..., Bars]) -> None:
    made = bars(seed, with_gaps=with_gaps)
    made["session"] = np.arange(700.0) // 78

    found = _fed(pair.made(), [made[name] for name in pair.fields])

    _agree(pair, found, _expected(pair, made))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_a_state_written_as_json_goes_on_where_it_stopped(pair: Pair, bars: Callable[..., Bars]) -> None:
    made = bars(4, with_gaps=True)
    made["session"] = np.arange(700.0) // 78
    columns = [made[name] for name in pair.fields]
    first, second = pair.made(), pair.made()
    _fed(first, [column[:352] for column in columns])

    second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))

    assert second.is_ready == first.is_ready
    assert second.state() == first.state()
    np.testing.assert_array_equal(_fed(second, columns, 352), _fed(first, columns, 352))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_it_is_ready_from_its_first_value_on(pair: Pair, bars: Callable[..., Bars]) -> None:
    made = bars(5)
    made["session"] = np.arange(700.0) // 78
    columns = [made[name] for name in pair.fields]
    finite = np.isfinite(_expected(pair, made))
    first = int(np.argmax(finite.any(axis=1) if pair.name == "support and resistance" else finite.all(axis=1)))
    indicator = pair.made()

    ready = []
    for row in zip(*(column[: first + 1].tolist() for column in columns), strict=True):
        indicator.update(*row)
        ready.append(indicator.is_ready)

    assert ready == [False] * first + [True]


def test_a_state_of_another_length_is_refused() -> None:
    state = per_bar.Sma(20).state()

    with pytest.raises(Rejected, match="Sma: a state with length 20, expected 50"):
        per_bar.Sma(50).restore(state)
    with pytest.raises(Rejected, match=r"Ema: a state of .*, expected"):
        per_bar.Ema(20).restore(state)


@pytest.mark.parametrize(
    ("made", "error"), [(lambda: per_bar.Ema(20), 1e-9), (lambda: per_bar.Rsi(14), 1e-9), (lambda: per_bar.Atr(14), 1e-9)]
)
def test_after_its_warm_up_the_past_weighs_at_most_the_error(made: Callable[[], Any], error: float, bars: Callable[..., Bars]) -> None:
    values = bars(6)
    columns = [values[name] for name in (HLC if isinstance(made(), per_bar.Atr) else ("close",))]
    needed = made().warmup(error)

    full, late = _fed(made(), columns), _fed(made(), columns, 700 - needed)

    assert needed < 700
    assert abs(full[-1, 0] - late[-1, 0]) <= 100.0 * error  # prices near 100, indices up to 100


def test_closed_forms() -> None:
    line = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    sma, ema, wma, rsi, stddev = per_bar.Sma(3), per_bar.Ema(3), per_bar.Wma(3), per_bar.Rsi(2), per_bar.Stddev(2)

    fed = [[one.update(value) for value in line][-1] for one in (sma, ema, wma, rsi, stddev)]

    assert fed == [5.0, 5.0, (4 + 2 * 5 + 3 * 6) / 6, 100.0, 0.5]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
@pytest.mark.shared
def test_they_agree_on_recorded_prices(pair: Pair, shared: Path) -> None:
    frame = pl.read_csv(shared / "known" / "talib" / "GOOG_daily_talib.csv.gz", infer_schema_length=10_000)
    columns = {name.lower(): frame[name].cast(pl.Float64).to_numpy() for name in frame.columns if name.lower() in (*HLC, "open", "volume")}
    columns["session"] = np.arange(float(len(frame))) // 21

    found = _fed(pair.made(), [columns[name] for name in pair.fields])

    _agree(pair, found, _expected(pair, columns))
