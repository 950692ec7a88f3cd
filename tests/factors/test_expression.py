from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors.expression import parse
from tradewinds.factors.factor import Factor
from tradewinds.factors.indicator import macd, rsi, sma
from tradewinds.factors.transform import neutralise, rank, winsorise, zscore

Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def fields() -> dict[str, Floats]:
    chance = np.random.default_rng(2)
    close = 20.0 * np.exp(np.cumsum(chance.normal(0.0, 0.02, (320, 9)), axis=0))
    sector = np.tile(np.arange(9) % 3, (320, 1)).astype(np.float64)
    return {"close": close, "volume": np.abs(chance.normal(1e5, 1e4, (320, 9))), "market_cap": close * 1e7, "sector": sector}


def test_a_text_is_the_functions_that_it_names(fields: dict[str, Floats]) -> None:
    close = fields["close"]
    moved = np.full(close.shape, np.nan)
    moved[252:] = close[231:-21] / close[:-252] - 1.0

    factor = parse("zscore(winsorise(momentum(252, 21)))", name="mom")

    assert (factor.name, factor.inputs, factor.lookback, factor.error) == ("mom", ("close",), 252, 0.0)
    assert np.allclose(factor.compute(fields), zscore(winsorise(moved)), equal_nan=True)


def test_signs_and_arithmetic_follow_the_usual_order(fields: dict[str, Floats]) -> None:
    close, volume = fields["close"], fields["volume"]

    assert np.allclose(parse("1 - 2 * close / (volume + 3)").compute(fields), 1 - 2 * close / (volume + 3))
    assert np.allclose(parse("-(close - volume) / 4 / 2").compute(fields), -(close - volume) / 8)
    assert np.allclose(parse("(1 + 2) * 3 / 9 - +close").compute(fields), 1 - close)
    assert np.allclose(parse("6 / close").compute(fields), 6 / close)
    assert np.allclose(parse("rank(-reversal(5))").compute(fields)[5:], rank(close[5:] / close[:-5] - 1))


def test_a_text_may_go_over_several_lines(fields: dict[str, Floats]) -> None:
    assert parse("rank(\n  close\n  / volume\n)\n").steps.text == parse("rank(close / volume)").steps.text


def test_neutralise_takes_groups_and_factors_in_any_order(fields: dict[str, Floats]) -> None:
    size = np.log(fields["market_cap"])

    assert np.allclose(parse("neutralise(size(), sector)").compute(fields), neutralise(size, groups=fields["sector"]))
    both = neutralise(fields["volume"], size, groups=fields["sector"])
    assert np.allclose(parse("neutralise(volume, sector, size())").compute(fields), both)
    assert np.allclose(parse("neutralise(volume, size(), sector)").compute(fields), both)


def test_any_talib_function_can_be_called_with_its_own_series_and_outputs(fields: dict[str, Floats]) -> None:
    close, volume = fields["close"], fields["volume"]

    assert np.allclose(parse("rsi(14)").compute(fields), rsi(close, 14), equal_nan=True)
    assert np.allclose(parse("close / sma(20) - 1").compute(fields), close / sma(close, 20) - 1, equal_nan=True)
    assert np.allclose(parse("sma(volume, time_period=20)").compute(fields), sma(volume, 20), equal_nan=True)
    assert np.allclose(parse("macd(12, 26, 9).macd_hist").compute(fields), macd(close, 12, 26, 9)[2], equal_nan=True)
    assert np.allclose(parse("rsi(zscore(close), 14)").compute(fields), rsi(zscore(close), 14), equal_nan=True)


def test_capitals_are_talibs_where_the_library_has_the_same_name(fields: dict[str, Floats]) -> None:
    assert parse("beta(60)").steps.text.startswith("slope(")
    assert parse("BETA(close, volume, 5)").steps.text == "BETA(close, volume, 5)"


def test_a_factor_of_ones_own_is_called_like_the_others(fields: dict[str, Floats]) -> None:
    def gap(rows: int = 1) -> Factor:
        def compute(given: object) -> Floats:
            close: Floats = given["close"]  # type: ignore[index]  # a mapping of fields
            out = np.full(close.shape, np.inf)
            out[rows:] = close[rows:] - close[:-rows]
            return out

        return Factor(f"gap_{rows}", ("close",), rows, compute)

    factor = parse("rank(gap(3))", own={"gap": gap})

    close = fields["close"]
    assert factor.lookback == 3
    assert np.allclose(factor.compute(fields)[3:], rank(close[3:] - close[:-3]))
    assert np.isnan(factor.compute(fields)[:3]).all()


def test_formula_and_source_come_from_what_is_called() -> None:
    factor = parse("rank(momentum(252, 21)) + rank(value())")

    assert factor.formula == "P(t - skipped) / P(t - rows) - 1; book_value(t) / market_cap(t)"
    assert "Jegadeesh & Titman" in factor.source
    assert "Fama & French" in factor.source


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("momentm(252)", "'momentm' is unknown, expected such as momentum"),
        ("rsii(14)", "expected such as rsi"),
        ("momentum(1, 2, 3)", "too many positional arguments, expected momentum(rows, skipped)"),
        ("momentum(periods=3)", "unexpected keyword argument 'periods', expected momentum(rows, skipped)"),
        ("momentum(21, 252)", "from 21 to 252 sessions before, expected the first to be greater"),
        ("momentum(2.5)", "2.5 sessions, expected a whole number of 1 to 100000"),
        ("volatility(0)", "0 sessions, expected a whole number"),
        ("momentum(close)", "rows is close, expected a number"),
        ("rank(5)", "x is 5, expected a factor or a field"),
        ("rank", "expected a call, such as rank(...)"),
        ("neutralise(size())", "expected a group such as sector"),
        ("neutralise(close, sector, industry)", "expected one at most"),
        ("sma(14, close)", "expected series first, then numbers"),
        ("sma(volume, -3)", "expected such as it defines"),
        ("sma(1, 2, 3)", "3 numbers, expected at most 1: time_period"),
        ("macd().middle", "output 'middle', expected one of macd"),
        ("correl(5)", "0 series, expected 2: real0, real1"),
        ("momentum().real", "expected an output of a TA-Lib function"),
        ("Close", "expected a field's name in lower case"),
        ("close ** 2", "expected + - * or /"),
        ("close > 2", "expected numbers, fields, calls and + - * /"),
        ("3 + 4", "the number 7, expected a factor"),
        ("1 / 0 * close", "expected no division by zero"),
        ("rank(*close)", "no stars"),
        ("True * close", "expected a number"),
        ("rank(close", "was never closed"),
        ("close * 1e400", "expected a number of at most 1e+150"),
        ("close + " + "9" * 400, "expected a number of at most 1e+150"),
        ("close * (1e100 * 1e100)", "expected a number of at most 1e+150"),
        ("close / 1e-400", "expected no division by zero"),
        ("", "expected such as rank"),
        ("__import__('os').system('true')", "expected"),
        ("[x for x in (1,)]", "expected numbers, fields, calls"),
        ("(lambda: 1)()", "expected numbers, fields, calls"),
        ("close.__class__", "expected numbers, fields, calls"),
        ("-" * 60 + "close", "nested more than 50 deep"),
        ("close" + " + close" * 400, "characters, expected at most 2000"),
    ],
)
def test_what_is_wrong_is_said_with_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(Rejected) as raised:
        parse(text)

    assert said in str(raised.value).replace("'close'", "close")


def test_a_field_that_the_panel_lacks_is_named_with_those_it_has(fields: dict[str, Floats]) -> None:
    with pytest.raises(Rejected, match=r"fields \['book_value'\] are absent, expected them among close, market_cap, sector, volume"):
        parse("value()").compute(fields)
