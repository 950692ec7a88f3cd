"""What one vendor's bid and ask bars say about themselves."""

from __future__ import annotations

import polars as pl
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.market import quotes
from tradewinds.history.quality_quotes import check_quotes

MINUTE = 60_000_000_000
BASE = 1_700_000_040_000_000_000
QUOTES = quotes("1m")


def minutes(count: int = 50) -> pl.DataFrame:
    """EUR_USD near 1.1, bid and ask one pip apart."""
    start = [BASE + number * MINUTE for number in range(count)]
    bid = [1.1 + 0.0001 * (number * 7 % 5) for number in range(count)]
    sides = {
        f"{side}_{price}": [round(value + apart + edge, 5) for value in bid]
        for side, apart in (("bid", 0.0), ("ask", 0.0001))
        for price, edge in (("open", 0.0), ("high", 0.0002), ("low", -0.0002), ("close", 0.0001))
    }
    return pl.DataFrame({"instrument": ["EUR_USD.OANDA"] * count, "start_ns": start, "event_ns": [at + MINUTE for at in start], **sides})


def told(rows: pl.DataFrame) -> list[tuple[str, str | None, int]]:
    return [(one.kind, one.field, (one.start_ns - BASE) // MINUTE) for one in check_quotes(rows, QUOTES, vendor="oanda")]


def changed(rows: pl.DataFrame, number: int, column: str, value: float) -> pl.DataFrame:
    at = pl.int_range(pl.len()) == number
    return rows.with_columns(pl.when(at).then(value).otherwise(pl.col(column)).alias(column))


def test_clean_quotes_have_no_finding_and_a_weekend_is_no_gap() -> None:
    assert told(minutes().filter(~pl.col("start_ns").is_between(BASE + 10 * MINUTE, BASE + 20 * MINUTE))) == []


def test_an_ask_below_its_bid_is_crossed_and_equal_ones_are_not() -> None:
    rows = changed(changed(minutes(), 3, "ask_close", 1.1), 4, "ask_open", minutes()["bid_open"][4])

    found = check_quotes(rows, QUOTES, vendor="oanda")

    assert [(one.kind, one.field, one.start_ns, one.detail) for one in found] == [
        ("crossed", "close", BASE + 3 * MINUTE, "ask_close 0.0002 below bid_close, expected at or above it")
    ]


def test_an_impossible_side_and_a_lone_high_name_their_side() -> None:
    rows = changed(changed(minutes(), 8, "bid_low", -1.0), 30, "ask_high", 1.9)

    assert told(rows) == [("impossible", "bid", 8), ("spike", "ask_high", 30)]


def test_the_same_row_twice_is_said_once() -> None:
    rows = pl.concat([minutes(), minutes()[5:6]]).sort("start_ns")

    assert told(rows) == [("duplicate", None, 5)]


def test_missing_columns_are_refused() -> None:
    with pytest.raises(Rejected, match="ask_close"):
        check_quotes(minutes().drop("ask_close"), QUOTES, vendor="oanda")
