"""The one crossing between text, Decimal and float."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import Rejected
from tradewinds.core.money import decimal, from_float, plain, round_to_step


@pytest.mark.parametrize(
    ("given", "value"),
    [("0.00000812", "0.00000812"), ("100000", "100000"), (7, "7"), (Decimal("1.50"), "1.50"), ("-3.2", "-3.2"), ("1e-8", "1e-8")],
)
def test_wire_text_becomes_the_same_number(given: Any, value: str) -> None:
    assert decimal(given, what="price") == Decimal(value)


@pytest.mark.parametrize("given", ["", "abc", "NaN", "Infinity", "-Infinity", "1,035.28", None, 0.1, True, float("nan")])
def test_what_is_no_exact_number_is_refused_by_name(given: Any) -> None:
    with pytest.raises(Rejected, match="price of AAPL"):
        decimal(given, what="price of AAPL")


@pytest.mark.parametrize(
    ("value", "step", "down", "up"),
    [
        ("1.2345", "0.01", "1.23", "1.24"),
        ("-1.2345", "0.01", "-1.23", "-1.24"),
        ("1.23", "0.01", "1.23", "1.23"),
        ("0.004", "0.01", "0", "0.01"),
        ("107", "25", "100", "125"),
        ("100000", "0.00000001", "100000", "100000"),
        ("0", "0.5", "0", "0"),
        ("2.99999999999999999999999999999999", "1", "2", "3"),
        ("123456789012345678901234567890.123", "0.00000001", "123456789012345678901234567890.123", "123456789012345678901234567890.123"),
    ],
)
def test_rounding_to_a_step_goes_towards_zero_or_away_from_it(value: str, step: str, down: str, up: str) -> None:
    assert plain(round_to_step(Decimal(value), Decimal(step))) == down
    assert plain(round_to_step(Decimal(value), Decimal(step), up=True)) == up


@pytest.mark.parametrize("step", ["0", "-0.01"])
def test_a_step_that_is_not_positive_is_refused(step: str) -> None:
    with pytest.raises(Rejected, match=f"step {step}"):
        round_to_step(Decimal(1), Decimal(step))
    with pytest.raises(Rejected, match=f"step {step}"):
        from_float(1.0, Decimal(step))


@pytest.mark.parametrize(
    ("value", "step", "expected"),
    [
        (0.1 + 0.2, "0.1", "0.3"),
        (8.12e-06, "0.00000001", "0.00000812"),
        (100000.0, "0.01", "100000.00"),
        (2.5, "1", "2"),
        (3.5, "1", "4"),
        (-0.001, "0.01", "0.00"),
    ],
)
def test_a_research_float_becomes_the_nearest_step(value: float, step: str, expected: str) -> None:
    assert from_float(value, Decimal(step)) == Decimal(expected)


def test_a_numpy_float_is_a_float() -> None:
    np = pytest.importorskip("numpy")

    assert from_float(np.float64(1.234), Decimal("0.01")) == Decimal("1.23")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_float_that_is_no_number_never_reaches_an_order(value: float) -> None:
    with pytest.raises(Rejected, match="expected a finite number"):
        from_float(value, Decimal("0.01"))


def test_text_for_a_venue_has_no_exponent() -> None:
    assert plain(Decimal("1E+5")) == "100000"
    assert plain(Decimal("1E-8")) == "0.00000001"


NUMBERS = st.decimals(min_value=-(10**12), max_value=10**12, places=8)
STEPS = st.sampled_from(["0.00000001", "0.01", "0.5", "1", "25", "0.003"]).map(Decimal)


@settings(max_examples=150)
@given(value=NUMBERS, step=STEPS)
def test_a_rounded_number_is_a_multiple_within_one_step(value: Decimal, step: Decimal) -> None:
    down, up = round_to_step(value, step), round_to_step(value, step, up=True)

    assert down % step == 0
    assert up % step == 0
    assert abs(down) <= abs(value) <= abs(up)
    assert abs(up) - abs(down) in (0, step)
    assert round_to_step(down, step) == down
