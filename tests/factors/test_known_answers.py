"""Indicators against what others have published: TA-Lib, QuantConnect's LEAN, tulip, Skender's workbooks, StockCharts."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tradewinds.factors import indicator as ta

Floats = NDArray[np.float64]
pytestmark = pytest.mark.shared


def _talib_columns(o: Floats, h: Floats, s: Floats, c: Floats, v: Floats) -> dict[str, Floats]:
    """The 42 columns recorded from TA-Lib 0.8.2, by our names."""
    macd, bands, aroon, stoch = ta.macd(c), ta.bbands(c, 20, 2.0), ta.aroon(h, s, 14), ta.stoch(h, s, c, 14, 3, 3)
    return {
        "SMA20": ta.sma(c, 20), "EMA20": ta.ema(c, 20), "WMA20": ta.wma(c, 20), "DEMA20": ta.dema(c, 20), "TEMA20": ta.tema(c, 20),
        "KAMA10": ta.kama(c, 10), "T3_5": ta.talib_function("T3")(c, time_period=5)[0], "RSI14": ta.rsi(c, 14), "CMO14": ta.cmo(c, 14),
        "MACD": macd.line, "MACD_SIGNAL": macd.signal, "MACD_HIST": macd.histogram, "BB_UP": bands.upper, "BB_MID": bands.middle,
        "BB_LOW": bands.lower, "ATR14": ta.atr(h, s, c, 14), "NATR14": ta.natr(h, s, c, 14), "TRANGE": ta.trange(h, s, c),
        "ADX14": ta.adx(h, s, c, 14), "PLUS_DI14": ta.plus_di(h, s, c, 14), "MINUS_DI14": ta.minus_di(h, s, c, 14), "STOCH_K": stoch.k,
        "STOCH_D": stoch.d, "CCI20": ta.cci(h, s, c, 20), "WILLR14": ta.willr(h, s, c, 14), "OBV": ta.obv(c, v),
        "MFI14": ta.mfi(h, s, c, v, 14), "AD": ta.ad(h, s, c, v), "ADOSC": ta.adosc(h, s, c, v), "ROC10": ta.roc(c, 10),
        "MOM10": ta.mom(c, 10), "TRIX15": ta.trix(c, 15), "ULTOSC": ta.ultosc(h, s, c), "AROON_DN": aroon.down, "AROON_UP": aroon.up,
        "SAR": ta.sar(h, s), "STDDEV20": ta.stddev(c, 20), "VAR20": ta.var(c, 20), "LINREG_SLOPE14": ta.linearreg_slope(c, 14),
        "CORREL30_HL": ta.correl(h, s, 30), "BETA5_HL": ta.beta(h, s, 5), "HT_TRENDLINE": ta.ht_trendline(c),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["GOOG_daily_talib.csv.gz", "AVAXUSDT_1m_2026-02_first10080_talib.parquet"])
def test_all_columns_recorded_from_talib_come_out(shared: Path, name: str) -> None:
    path = shared / "known" / "talib" / name
    frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=10_000)
    prices = [frame[column].cast(pl.Float64).to_numpy() for column in ("open", "high", "low", "close", "volume")]

    found = _talib_columns(*prices)

    assert len(found) == 42
    is_rounded = path.suffix != ".parquet"
    for column, values in found.items():
        expected = frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        tolerance = 1e-6 if is_rounded else 1e-9
        np.testing.assert_allclose(values, expected, rtol=tolerance, atol=tolerance, err_msg=column)


def _lean(shared: Path, name: str, columns: Iterable[str]) -> list[Floats]:
    frame = pl.read_csv(shared / "known" / "lean_indicators" / name, infer_schema_length=0)
    by_name = {column.strip().lower(): column for column in frame.columns}
    texts = [frame[by_name[column.lower()]].str.strip_chars() for column in columns]
    return [text.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy() for text in texts]


HLC = ("high", "low", "close")
LEAN: list[tuple[str, tuple[str, ...], tuple[str, ...], Callable[..., tuple[Floats, ...]], float, int]] = [
    (
        "spy_bollinger_bands.txt", ("close",), ("Bollinger Bands® 20 2 Top", "Moving Average 20", "Bollinger Bands® 20 2 Bottom"),
        lambda c: ta.bbands(c, 20, 2.0), 1e-4, 0,
    ),
    (
        "spy_with_don50.txt", ("high", "low"), ("Donchian Channels 50 Top", "Donchian Channels 50 Mean", "Donchian Channels 50 Bottom"),
        lambda h, s: ta.donchian(h, s, 50), 1e-9, 0,
    ),
    ("spy_with_williamsR14.txt", HLC, ("Williams %R 14",), lambda h, s, c: (ta.willr(h, s, c, 14),), 5e-4, 0),
    ("spy_with_cci.txt", HLC, ("Commodity Channel Index (CCI) 14",), lambda h, s, c: (ta.cci(h, s, c, 14),), 5e-3, 0),
    ("spy_atr_wilder.txt", HLC, ("Average True Range 14",), lambda h, s, c: (ta.atr(h, s, c, 14),), 1e-5, 400),
    ("spy_with_macd.txt", ("close",), ("MACD", "Signal", "Histogram"), ta.macd, 1e-5, 0),
    ("spy_with_stoch12k3.txt", HLC, ("Stochastics 12 %K 3", "%D 5"), lambda h, s, c: ta.stoch(h, s, c, 12, 3, 5), 5e-4, 0),
    ("spy_with_adx.txt", HLC, ("ADX 14", "+DI14"), lambda h, s, c: (ta.adx(h, s, c, 14), ta.plus_di(h, s, c, 14)), 1e-4, 400),
    ("spy_ema.csv", ("close",), ("EMA14",), lambda c: (ta.ema(c, 14),), 1e-9, 0),
    ("spy_with_ichimoku.csv", ("high", "low"), ("Tenkan", "Kijun", "Senkou A", "Senkou B"), ta.ichimoku, 1e-9, 0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "fields", "columns", "computed", "tolerance", "begin"), LEAN, ids=[case[0] for case in LEAN])
def test_lean_says_the_same(
    shared: Path, name: str, fields: tuple[str, ...], columns: tuple[str, ...], computed: Callable[..., tuple[Floats, ...]],
    tolerance: float, begin: int,
) -> None:  # fmt: skip
    """begin: where Wilder's averages were seeded otherwise, from that row on they have converged."""
    found = computed(*_lean(shared, name, fields))

    for values, expected in zip(found, _lean(shared, name, columns), strict=True):
        both = ~np.isnan(values) & ~np.isnan(expected)
        both[:begin] = False
        assert both.sum() > 90
        np.testing.assert_allclose(values[both], expected[both], rtol=0, atol=tolerance)


def _tulip(shared: Path) -> dict[str, tuple[list[float], list[Floats]]]:
    found: dict[str, tuple[list[float], list[Floats]]] = {}
    name = ""
    for line in (shared / "known" / "tulip" / "untest.txt").read_text().splitlines():
        if line.startswith("{"):
            found[name][1].append(np.array([float(one) for one in line.strip("{}").split(",") if one]))
        elif line and not line.startswith("#"):
            name, *parameters = line.split()
            found[name] = ([float(one) for one in parameters], [])
    return found


TULIP: dict[str, tuple[int, Callable[..., object]]] = {
    "ad": (4, ta.ad), "adosc": (4, ta.adosc), "aroon": (2, ta.aroon),
    "bbands": (1, lambda c, n, d: ta.bbands(c, n, d)[::-1]), "bop": (4, ta.bop), "cci": (3, ta.cci), "hma": (1, ta.hma),
    "linreg": (1, ta.linearreg), "linregintercept": (1, ta.linearreg_intercept), "linregslope": (1, ta.linearreg_slope),
    "max": (1, ta.highest), "min": (1, ta.lowest), "mfi": (4, ta.mfi), "mom": (1, ta.mom), "psar": (2, ta.sar),
    "roc": (1, lambda c, n: ta.roc(c, n) / 100), "rsi": (1, ta.rsi), "sma": (1, ta.sma), "stddev": (1, ta.stddev), "stoch": (3, ta.stoch),
    "sum": (1, ta.rolling_sum), "trima": (1, ta.trima), "tsf": (1, ta.tsf), "typprice": (3, ta.typical_price), "ultosc": (3, ta.ultosc),
    "var": (1, ta.var), "vwma": (2, ta.vwma), "wilders": (1, ta.wilder), "willr": (3, ta.willr), "wma": (1, ta.wma),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(TULIP))
def test_tulip_says_the_same_to_three_decimals(shared: Path, name: str) -> None:
    inputs, computed = TULIP[name]
    parameters, arrays = _tulip(shared)[name]

    answer = computed(*arrays[:inputs], *(int(one) if one == int(one) and name != "psar" else one for one in parameters))

    outputs = answer if isinstance(answer, tuple) else (answer,)
    assert len(outputs) == len(arrays) - inputs
    for values, expected in zip(outputs, arrays[inputs:], strict=True):
        np.testing.assert_allclose(values[len(values) - len(expected) :], expected, rtol=0, atol=5.01e-4)


def _workbook(path: Path) -> dict[str, Floats]:
    """Columns by letter of a workbook's first sheet; text is NaN."""
    names = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(path) as book:
        rows = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml")).findall(".//m:row", names)[1:]
    columns: dict[str, Floats] = {}
    for number, row in enumerate(rows):
        for cell in row:
            value = cell.find("m:v", names)
            if value is not None and value.text and cell.get("t") not in ("s", "str", "e"):
                letters = re.match("[A-Z]+", str(cell.get("r")))
                assert letters is not None
                columns.setdefault(letters[0], np.full(len(rows), np.nan))[number] = float(value.text)
    return columns


SKENDER: dict[str, tuple[Callable[[dict[str, Floats]], tuple[Floats, ...]], str, int]] = {
    "Rsi": (lambda x: (ta.rsi(x["F"], 14),), "L", 0),
    "Ema": (lambda x: (ta.ema(x["C"], 20),), "E", 0),
    "Macd": (lambda x: ta.macd(x["F"]), "JKL", 300),
    "Atr": (lambda x: (ta.atr(x["D"], x["E"], x["F"], 14),), "L", 300),
    "BollingerBands": (lambda x: (*ta.bbands(x["F"], 20, 2.0), ta.zscore(x["F"], 20)), "JIKM", 0),
    "StdDev": (lambda x: (ta.stddev(x["F"], 10), ta.sma(x["F"], 10), ta.zscore(x["F"], 10)), "HIJ", 0),
    "Stoch": (lambda x: ta.stoch(x["D"], x["E"], x["F"], 14, 3, 3), "KL", 0),
    "Adx": (lambda x: (ta.adx(x["C"], x["D"], x["E"], 14),), "O", 400),
    "Vwap": (lambda x: (ta.vwap(x["D"], x["E"], x["F"], x["G"], np.zeros(len(x["G"]), np.int64)),), "L", 0),
}


@pytest.mark.parametrize("name", sorted(SKENDER))
def test_skenders_workbooks_say_the_same(shared: Path, name: str) -> None:
    computed, letters, begin = SKENDER[name]
    columns = _workbook(shared / "known" / "skender" / f"{name}.Calc.xlsx")

    found = computed(columns)

    for values, letter in zip(found, letters, strict=True):
        both = ~np.isnan(values) & ~np.isnan(columns[letter])
        both[:begin] = False
        assert both.sum() > 90
        np.testing.assert_allclose(values[both], columns[letter][both], rtol=1e-9 if begin == 0 else 1e-6, atol=1e-9)
