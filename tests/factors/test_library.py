"""Factors of the library against direct readings of their formulas, and the rule that no factor reads the future."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from tradewinds.factors.expression import described, parse
from tradewinds.factors.library import LIBRARY
from tradewinds.factors.steps import STEPS

Floats = NDArray[np.float64]
Fields = dict[str, Floats]

# Each factor with a memory short enough for 420 sessions.
TEXTS = (
    "momentum(60, 5)", "reversal(5)", "high_52w(60)", "low_52w(60)", "seasonality(1)", "volatility(60)", "skew(60)", "max_return(21)",
    "market_return()", "beta(60)", "idiosyncratic_volatility(21)", "dollar_volume(21)", "amihud(21)", "turnover(21)", "size()", "value()",
    "earnings_yield()", "carry(21)", "rate_carry()", "positioning(60)", "hedging_pressure()",
)  # fmt: skip
STEP_TEXTS = (
    "log_returns(close)", "log(close)", "abs(close - open)", "sign(close)", "delay(close, 3)", "change(close, 3)", "returns(close, 3)",
    "mean(close, 7)", "total(volume, 7)", "deviation(close, 7)", "highest(close, 7)", "lowest(close, 7)", "skewness(close, 7)",
    "slope(close, open, 9)", "residual_deviation(close, open, 9)", "correlation(close, volume, 9)", "average(close)",
    "same_month(close, 300)", "rank(close)", "rank(close, sector)", "zscore(close)", "zscore(close, sector)", "demean(close)",
    "winsorise(close, 0.1)", "neutralise(close, sector)", "neutralise(close, open, sector)", "1 / close", "2 - close", "-close * 3",
)  # fmt: skip


@pytest.fixture(scope="module")
def fields() -> Fields:
    """420 sessions of 12 instruments with late listings, gaps, an end and a sector that is missing."""
    chance = np.random.default_rng(5)
    shape = (420, 12)
    close = 50.0 * np.exp(np.cumsum(chance.normal(0.0, 0.02, shape), axis=0))
    close[:100, 2] = np.nan
    close[chance.random(shape) < 0.02] = np.nan
    close[300:, 7] = np.nan
    volume = np.round(1e5 * chance.random(shape))
    volume[chance.random(shape) < 0.03] = 0.0
    sector = np.tile(np.arange(12) % 3, (420, 1)).astype(np.float64)
    sector[:, 11] = np.nan
    month = np.tile(((np.arange(420) // 21) % 12 + 1.0)[:, None], (1, 12))
    more = {
        name: np.abs(chance.normal(1e6, 2e5, shape)) for name in ("market_cap", "book_value", "earnings", "shares", "cot_open_interest")
    }
    rates = {name: chance.normal(0.0, 1.0, shape) for name in ("funding", "rate_base", "rate_quote", "cot_net")}
    return {"close": close, "open": close * 0.99, "volume": volume, "sector": sector, "month": month, **more, **rates}


def at(fields: Mapping[str, Floats], rows: slice) -> Fields:
    return {name: np.ascontiguousarray(values[rows]) for name, values in fields.items()}


def test_every_factor_and_step_is_tried_here() -> None:
    assert {text.split("(")[0] for text in TEXTS} == set(LIBRARY)
    assert {text.split("(")[0] for text in STEP_TEXTS if text.split("(")[0].isidentifier()} == set(STEPS)


@pytest.mark.parametrize("text", [*TEXTS, *STEP_TEXTS])
def test_nothing_after_a_session_changes_its_value(text: str, fields: Fields) -> None:
    factor = parse(text)
    whole = factor.compute(fields)

    for t in (40, 259, 418):
        later = {name: values.copy() for name, values in fields.items()}
        for values in later.values():
            values[t + 1 :] = 1e9
        assert np.array_equal(factor.compute(later)[: t + 1], whole[: t + 1], equal_nan=True)
        assert np.array_equal(factor.compute(at(fields, slice(0, t + 1))), whole[: t + 1], equal_nan=True)


@pytest.mark.parametrize("text", [*TEXTS, *STEP_TEXTS])
def test_a_session_needs_its_lookback_and_no_older_row(text: str, fields: Fields) -> None:
    factor = parse(text)
    whole = factor.compute(fields)

    assert np.isfinite(whole[-1]).any()
    for t in (300, 390, 419):
        rows = slice(max(0, t - factor.lookback), t + 1)
        assert np.array_equal(factor.compute(at(fields, rows))[-1], whole[t], equal_nan=True)


@pytest.mark.parametrize("text", [*TEXTS, *STEP_TEXTS])
def test_no_value_is_infinite_whatever_comes_in(text: str, fields: Fields) -> None:
    bad = {name: values.copy() for name, values in fields.items()}
    for number, (name, values) in enumerate(bad.items()):
        if name != "month":
            values[50:60, number % 12] = np.inf
            values[60:70, number % 12] = 0.0
            values[70:80, number % 12] = -1e308
            values[80:90, number % 12] = 5e-324
            if name != "sector":
                values[90:] = 7.0
    found = parse(text).compute(bad)

    assert not np.isinf(found).any()


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_every_factor_says_its_formula_and_where_it_comes_from(name: str) -> None:
    formula, source = described(LIBRARY[name])

    assert formula
    assert source


Direct = Callable[[Fields, int, int], float]


def returns(fields: Fields, t: int, j: int, rows: int) -> Floats:
    close = fields["close"][:, j]
    return close[t - rows + 1 : t + 1] / close[t - rows : t] - 1.0


def _skew(r: Floats) -> float:
    away = r - np.nanmean(r)
    return float(np.nanmean(away**3) / np.nanmean(away**2) ** 1.5)


def _line(f: Fields, t: int, j: int, rows: int) -> tuple[float, float]:
    every = f["close"][t - rows + 1 : t + 1] / f["close"][t - rows : t] - 1.0
    market, own = np.nanmean(every, axis=1), every[:, j]
    both = ~np.isnan(own)
    slope, level = np.polyfit(market[both], own[both], 1)
    rest = own[both] - level - slope * market[both]
    return float(slope), float(np.sqrt((rest**2).sum() / (both.sum() - 2)))


def _amihud(f: Fields, t: int, j: int) -> float:
    money = (f["close"] * f["volume"])[t - 20 : t + 1, j]
    money = np.where(money == 0.0, np.nan, money)
    return float(1e6 * np.nanmean(np.abs(returns(f, t, j, 21)) / money))


def _place(net: Floats) -> float:
    return float((net[-1] - net.min()) / (net.max() - net.min()))


def _season(f: Fields, t: int, j: int) -> float:
    """Months last 21 sessions here; those of the row's month within 276 rows, without its own run of days."""
    r = np.r_[np.nan, f["close"][1:, j] / f["close"][:-1, j] - 1.0]
    month = f["month"][:, j]
    begin = t - t % 21
    window = np.arange(t - 275, begin)
    return float(np.nanmean(r[window[month[window] == month[t]]]))


DIRECT: dict[str, Direct] = {
    "momentum(60, 5)": lambda f, t, j: f["close"][t - 5, j] / f["close"][t - 60, j] - 1,
    "reversal(5)": lambda f, t, j: 1 - f["close"][t, j] / f["close"][t - 5, j],
    "high_52w(60)": lambda f, t, j: f["close"][t, j] / np.nanmax(f["close"][t - 59 : t + 1, j]),
    "low_52w(60)": lambda f, t, j: f["close"][t, j] / np.nanmin(f["close"][t - 59 : t + 1, j]),
    "volatility(60)": lambda f, t, j: float(np.nanstd(returns(f, t, j, 60), ddof=1)),
    "max_return(21)": lambda f, t, j: float(np.nanmax(returns(f, t, j, 21))),
    "skew(60)": lambda f, t, j: _skew(returns(f, t, j, 60)),
    "market_return()": lambda f, t, j: float(np.nanmean(f["close"][t] / f["close"][t - 1] - 1)),
    "beta(60)": lambda f, t, j: _line(f, t, j, 60)[0],
    "idiosyncratic_volatility(21)": lambda f, t, j: _line(f, t, j, 21)[1],
    "dollar_volume(21)": lambda f, t, j: float(np.log(np.nanmean((f["close"] * f["volume"])[t - 20 : t + 1, j]))),
    "turnover(21)": lambda f, t, j: float(np.mean((f["volume"] / f["shares"])[t - 20 : t + 1, j])),
    "amihud(21)": _amihud,
    "size()": lambda f, t, j: float(np.log(f["market_cap"][t, j])),
    "value()": lambda f, t, j: f["book_value"][t, j] / f["market_cap"][t, j],
    "earnings_yield()": lambda f, t, j: f["earnings"][t, j] / f["market_cap"][t, j],
    "carry(21)": lambda f, t, j: -float(np.mean(f["funding"][t - 20 : t + 1, j])),
    "rate_carry()": lambda f, t, j: f["rate_base"][t, j] - f["rate_quote"][t, j],
    "hedging_pressure()": lambda f, t, j: f["cot_net"][t, j] / f["cot_open_interest"][t, j],
    "positioning(60)": lambda f, t, j: _place(f["cot_net"][t - 59 : t + 1, j]),
    "seasonality(1)": _season,
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_factor_is_its_formula(text: str, fields: Fields) -> None:
    found = parse(text).compute(fields)

    for t, j in ((399, 0), (410, 3), (415, 2)):
        if np.isnan(fields["close"][[t, t - 1, t - 5, t - 60], j]).any():
            continue
        assert found[t, j] == pytest.approx(DIRECT[text](fields, t, j), rel=1e-9)
    assert np.isfinite(found[[399, 410, 415], [0, 3, 2]]).any()
