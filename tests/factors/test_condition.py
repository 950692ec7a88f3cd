"""Conditions: what they say of numbers, of what is not known, and of texts that are none."""

from __future__ import annotations

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.factors.condition import expand, parse_condition
from tradewinds.factors.term import evaluate

NAN = float("nan")


def _said(text: str, **fields: list[float]) -> list[float]:
    """What the condition says of one instrument, a row a session."""
    columns = {name: np.array(values, dtype=np.float64)[:, None] for name, values in fields.items()}
    found: list[float] = evaluate([parse_condition(text).term], columns)[0][:, 0].tolist()
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("close < 2", [1.0, 0.0, 0.0]), ("close <= 2", [1.0, 1.0, 0.0]), ("close above 2", [0.0, 0.0, 1.0]), ("2 > close", [1.0, 0.0, 0.0]),
        ("close is below 2", [1.0, 0.0, 0.0]), ("close at least 2", [0.0, 1.0, 1.0]), ("close at most 2", [1.0, 1.0, 0.0]),
        ("close == 2", [0.0, 1.0, 0.0]), ("close != 2", [1.0, 0.0, 1.0]), ("1 < close < 3", [0.0, 1.0, 0.0]),
        ("close > -1e3", [1.0, 1.0, 1.0]),
        ("close < 2 or close > 2", [1.0, 0.0, 1.0]), ("not close < 2", [0.0, 1.0, 1.0]), ("close * 2 - 1 > open", [0.0, 1.0, 1.0]),
        ("close > 1 and (open == 1 or not close > 2)", [0.0, 1.0, 1.0]),
    ],
)  # fmt: skip
def test_a_comparison_says_where_it_holds(text: str, expected: list[float]) -> None:
    assert _said(text, close=[1.0, 2.0, 3.0], open=[1.0, 1.0, 1.0]) == expected


def test_what_is_not_known_is_neither_yes_nor_no_unless_the_rest_decides() -> None:
    np.testing.assert_equal(_said("close < 2", close=[1.0, NAN, 3.0]), [1.0, NAN, 0.0])
    np.testing.assert_equal(_said("not close < 2", close=[1.0, NAN, 3.0]), [0.0, NAN, 1.0])
    np.testing.assert_equal(_said("close < 2 and open > 5", close=[1.0, NAN, NAN], open=[NAN, 1.0, 6.0]), [NAN, 0.0, NAN])
    np.testing.assert_equal(_said("close < 2 or open > 5", close=[1.0, NAN, NAN], open=[NAN, 1.0, 6.0]), [1.0, NAN, 1.0])


def test_a_crossing_holds_in_one_session_alone_and_outlives_a_halt() -> None:
    above = _said("close crosses above 10", close=[9.0, 10.0, 11.0, 12.0, 10.0, NAN, 11.0])
    below = _said("close crosses below open", close=[9.0, 10.0, 8.0, 7.0], open=[9.0, 9.0, 9.0, 7.0])

    np.testing.assert_equal(above, [NAN, 0.0, 1.0, 0.0, 0.0, NAN, 1.0])
    np.testing.assert_equal(below, [NAN, 0.0, 1.0, 0.0])


def test_a_name_stands_for_an_expression_and_a_call_of_the_same_name_does_not() -> None:
    named = {"momentum": "rank(momentum(252, 21))", "cheap": "close / open"}

    assert expand("momentum + momentum(20, 1)", named) == "rank(momentum(252, 21)) + momentum(20, 1)"
    condition = parse_condition("cheap < 1 and momentum > 0.5", named)
    assert set(condition.sides) == {"cheap", "momentum"}
    assert condition.sides["momentum"].reads_across
    assert condition.sides["cheap"].text == "(close / open)"


def test_a_condition_reads_the_talib_functions_that_expressions_read() -> None:
    rising = [float(number) for number in range(1, 31)]

    assert _said("rsi(14) > 99 and close > sma(10)", close=rising)[-1] == 1.0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("close", "expected a comparison such as rsi < 30"), ("1 < 2", "compares two numbers"), ("close <", "expected such as rsi < 30"),
        ("close in open", "expected one of < <= > >= == !="), ("(close < 1) < 2", "on each side of a comparison"),
        ("__import__(1) > 1", "unknown"), ("close.real > 1", "expected numbers, fields, calls"), ("close >> 1", "<< or >>"),
        ("lambda: close < 1", "expected a comparison"), ("rsii(14) < 30", "expected such as rsi"), ("close > 'a'", "expected numbers"),
        ("close > True", "expected a number"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_condition_is_refused_by_its_part(text: str, why: str) -> None:
    with pytest.raises(Rejected) as refused:
        parse_condition(text)

    assert why in str(refused.value)


def test_the_depth_and_length_of_a_condition_have_limits() -> None:
    with pytest.raises(Rejected, match="nested more than"):
        parse_condition("not " * 60 + "close < 1")
    with pytest.raises(Rejected, match="at most 2000"):
        parse_condition("close < 1 or " * 200 + "close < 1")
