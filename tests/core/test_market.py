"""Intervals and the datasets of bars."""

from __future__ import annotations

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse
from tradewinds.core.market import TRADES, Interval, bars, interval_of, quotes


@pytest.mark.parametrize(
    ("name", "seconds", "is_long"),
    [
        ("1s", 1, False),
        ("1m", 60, False),
        ("15m", 900, False),
        ("4h", 14_400, False),
        ("24h", 86_400, True),
        ("1d", 86_400, True),
        ("1w", 604_800, True),
    ],
)
def test_an_interval_has_a_length(name: str, seconds: int, is_long: bool) -> None:
    assert Interval(name).ns == seconds * 1_000_000_000
    assert Interval(name).is_daily_or_longer is is_long


def test_a_month_has_no_fixed_length_and_is_not_a_minute() -> None:
    assert Interval("1mo").ns is None
    assert Interval("1mo").is_daily_or_longer
    assert Interval("1m") != Interval("1mo")


@pytest.mark.parametrize("name", ["", "m", "0m", "1M", "1 m", "-1h", "1.5h", "1y", "01h", "10000m"])
def test_a_name_that_is_no_interval_is_refused(name: str) -> None:
    with pytest.raises(Rejected, match="expected a count and one of s m h d w mo"):
        Interval(name)


def test_minute_bars_are_kept_by_month_and_daily_bars_by_year() -> None:
    day = parse("2024-01-31T23:59:00Z")

    assert (bars("1m").name, bars("1m").partition_of(day)) == ("bars-1m", "2024-01")
    assert (bars("1d").name, bars("1d").partition_of(day)) == ("bars-1d", "2024")
    assert bars(Interval("1mo")).partitioning == "year"
    assert quotes("1d").name == "quotes-1d"


def test_the_interval_is_read_back_from_a_dataset_of_bars_only() -> None:
    assert interval_of("bars-15m") == Interval("15m")
    assert interval_of("quotes-1d") is None
    assert interval_of("trades") is None
    assert interval_of("bars-") is None


def test_the_columns_of_bars_quotes_and_prints() -> None:
    assert [column.name for column in bars("1m").columns] == [
        "open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_base", "taker_quote",
    ]  # fmt: skip
    assert {column.name for column in quotes("1m").columns} >= {"bid_open", "ask_close", "volume"}
    assert TRADES.identity == ("instrument", "id", "start_ns")
