from __future__ import annotations

import math

import pytest

from tradewinds.report.number import count, decimal, moment, money, percent, short, significant, span


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (decimal(1234.5), "1,234.50"),
        (decimal(-1234.5), "\u22121,234.50"),
        (decimal(3, 1, is_signed=True), "+3.0"),
        (decimal(-0.001), "0.00"),
        (decimal(math.nan), "\u2013"),
        (percent(0.12345), "12.35%"),
        (percent(-0.5, 0, is_signed=True), "\u221250%"),
        (percent(math.inf), "\u2013"),
        (money(99.5, "EUR"), "99.50 EUR"),
        (money(1_234_567.89, "USD"), "1,234,568 USD"),
        (count(1_000_000), "1,000,000"),
        (significant(0.00000812), "0.00000812"),
        (significant(100_000), "100,000"),
        (significant(1234.5678), "1,234.57"),
        (significant(-0.5), "\u22120.5"),
        (significant(0.0), "0"),
        (short(1_500_000), "1.5M"),
        (short(25_000), "25k"),
        (short(-2e9), "\u22122B"),
        (short(2500), "2,500"),
        (short(2.5e20), "2.500e+20"),
        (money(-6.417e270, "USD"), "\u22126.417e+270 USD"),
        (percent(1e20), "1.000e+22%"),
        (significant(1e300), "1.000e+300"),
    ],
)
def test_numbers_read_the_same_on_every_machine(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize(
    ("instant_ns", "expected"),
    [
        (0, "1970-01-01"),
        (1_709_303_400_000_000_000, "2024-03-01 14:30"),
        (1_709_303_401_000_000_000, "2024-03-01 14:30:01"),
        (1_709_303_401_500_000_000, "2024-03-01 14:30:01.500"),
    ],
)
def test_an_instant_shows_what_is_not_zero(instant_ns: int, expected: str) -> None:
    assert moment(instant_ns) == expected


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (0, "0 s"),
        (90_000_000_000, "1 min 30 s"),
        (60_000_000_000, "1 min"),
        (86_400_000_000_000, "1 d"),
        (86_400_000_000_000 + 60_000_000_000, "1 d"),
        (500 * 86_400_000_000_000, "1 y 135 d"),
        (math.nan, "\u2013"),
    ],
)
def test_a_span_shows_its_two_largest_units(nanoseconds: float, expected: str) -> None:
    assert span(nanoseconds) == expected
