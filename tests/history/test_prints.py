"""Bars of trade prints: by time as the venue makes them, and by count, volume and value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_MINUTE, NS_PER_MS, NS_PER_SECOND, parse
from tradewinds.history.prints import sampled_bars, time_bars

ALWAYS = calendar("24/7")
DAY = parse("2024-01-03")


def prints(*rows: tuple[int, float, float], instrument: str = "XRPETH.BINANCE") -> pl.DataFrame:
    """(second, price, quantity) with ids 1, 2, 3..."""
    return pl.DataFrame(
        {
            "instrument": [instrument] * len(rows),
            "event_ns": [DAY + row[0] * NS_PER_SECOND for row in rows],
            "known_ns": [DAY + row[0] * NS_PER_SECOND + 5 for row in rows],
            "id": list(range(1, len(rows) + 1)),
            "price": [row[1] for row in rows],
            "quantity": [row[2] for row in rows],
            "is_buyer_maker": [index % 2 == 0 for index in range(len(rows))],
        },
        schema_overrides={
            "event_ns": pl.Int64,
            "known_ns": pl.Int64,
            "id": pl.Int64,
            "price": pl.Float64,
            "quantity": pl.Float64,
            "is_buyer_maker": pl.Boolean,
        },
    )


TRADES = prints((0, 10.0, 1.0), (20, 12.0, 2.0), (59, 9.0, 3.0), (60, 11.0, 1.0), (190, 8.0, 5.0))


def test_prints_of_one_minute_make_its_bar_and_a_minute_without_prints_has_none() -> None:
    found = time_bars(TRADES, ALWAYS, "1m", start_ns=DAY, end_ns=DAY + 4 * NS_PER_MINUTE)

    assert [(start - DAY) // NS_PER_MINUTE for start in found["start_ns"]] == [0, 1, 3]
    first = found.row(0, named=True)
    assert [first[name] for name in ("open", "high", "low", "close", "volume", "quote_volume", "trades")] == [
        10.0,
        12.0,
        9.0,
        9.0,
        6.0,
        61.0,
        3,
    ]
    assert first["event_ns"] == DAY + NS_PER_MINUTE
    assert first["known_ns"] == DAY + 59 * NS_PER_SECOND + 5
    assert (first["taker_base"], first["taker_quote"]) == (2.0, 24.0)


def test_a_minute_that_the_window_cuts_is_not_emitted() -> None:
    found = time_bars(TRADES, ALWAYS, "1m", start_ns=DAY, end_ns=DAY + 59 * NS_PER_SECOND)

    assert found.is_empty()
    assert "close" in found.columns


def test_prints_at_one_timestamp_are_taken_by_their_id() -> None:
    together = prints((0, 10.0, 1.0), (0, 12.0, 1.0), (0, 11.0, 1.0)).reverse()

    (row,) = time_bars(together, ALWAYS, "1m", start_ns=DAY, end_ns=DAY + NS_PER_MINUTE).rows(named=True)

    assert (row["open"], row["close"]) == (10.0, 11.0)


def test_the_print_that_reaches_the_size_belongs_to_the_bar_it_completes() -> None:
    by_count = sampled_bars(TRADES, "ticks", 2)
    by_volume = sampled_bars(TRADES, "volume", 3)
    by_value = sampled_bars(TRADES, "value", 34)

    assert by_count.select("first_id", "last_id").rows() == [(1, 2), (3, 4)]
    assert by_volume.select("first_id", "last_id", "volume").rows() == [(1, 2, 3.0), (3, 3, 3.0), (4, 5, 6.0)]
    assert by_value.select("first_id", "last_id", "quote_volume").rows() == [(1, 2, 34.0), (3, 4, 38.0), (5, 5, 40.0)]


def test_decimals_that_a_float_cannot_hold_still_fill_a_bar() -> None:
    tenths = prints(*[(n, 1.0, 0.1) for n in range(30)])

    assert sampled_bars(tenths, "volume", 1.0)["trades"].to_list() == [10, 10, 10]


def test_bad_prints_are_refused() -> None:
    with pytest.raises(Rejected, match="an id stands there twice"):
        sampled_bars(pl.concat([TRADES, TRADES]), "ticks", 2)
    with pytest.raises(Rejected, match="'quantity'"):
        time_bars(TRADES.drop("quantity"), ALWAYS, "1m", start_ns=DAY, end_ns=DAY + NS_PER_MINUTE)
    with pytest.raises(Rejected, match="size 0"):
        sampled_bars(TRADES, "volume", 0)
    with pytest.raises(Rejected, match="'price', expected ticks"):
        sampled_bars(TRADES, "price", 1)  # type: ignore[arg-type]  # the refusal is what is tested


def test_no_prints_make_no_bars() -> None:
    assert sampled_bars(TRADES.clear(), "ticks", 2).is_empty()
    assert time_bars(TRADES.clear(), ALWAYS, "1m", start_ns=DAY, end_ns=DAY + NS_PER_MINUTE).is_empty()


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 9), max_size=60), size=st.integers(1, 20))
def test_volume_bars_equal_a_reading_print_by_print(sizes: list[int], size: int) -> None:
    expected, total, begin = [], 0, 1
    for number, quantity in enumerate(sizes, start=1):
        total += quantity
        if total >= size:
            expected.append((begin, number, float(total)))
            total, begin = 0, number + 1

    found = sampled_bars(prints(*[(n, 1.0, float(q)) for n, q in enumerate(sizes)]), "volume", size)

    assert found.select("first_id", "last_id", "volume").rows() == expected


@pytest.mark.shared
@pytest.mark.parametrize(("interval", "bars"), [("1m", 2469), ("5m", 706)])
def test_candles_rebuilt_from_prints_are_the_exchanges_own(shared: Path, interval: str, bars: int) -> None:
    folder = shared / "crypto" / "freqtrade"
    trades = pl.read_ipc(folder / "XRP_ETH-trades.feather").select(
        pl.lit("XRPETH.BINANCE").alias("instrument"),
        (pl.col("timestamp") * NS_PER_MS).alias("event_ns"),
        (pl.col("timestamp") * NS_PER_MS).alias("known_ns"),
        pl.col("id").cast(pl.Int64),
        "price",
        pl.col("amount").alias("quantity"),
    )
    theirs = pl.read_ipc(folder / f"XRP_ETH-{interval}.feather").with_columns(pl.col("date").dt.epoch("ns").alias("start_ns"))

    ours = time_bars(trades, ALWAYS, interval, start_ns=parse("2019-10-11"), end_ns=parse("2019-10-13T11:20:00Z"))

    both = ours.join(theirs, on="start_ns", suffix="_theirs")
    assert len(theirs) == bars
    assert len(both) >= bars - 1  # the exchange's last candle was cut
    for name in ("open", "high", "low", "close"):
        assert both[name].to_list() == both[f"{name}_theirs"].to_list()
    assert np.allclose(both["volume"], both["volume_theirs"], rtol=1e-12)
