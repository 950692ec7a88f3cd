"""Longer bars of shorter ones on session edges, to the last digit of what the venue itself publishes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.calendars.sessions import Calendar, calendar
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, NS_PER_MS, parse, text
from tradewinds.history.resample import resample

ALWAYS = calendar("24/7")
DAY = parse("2024-01-03")


def minutes(starts: np.ndarray | list[int], *, instrument: str = "BTCUSDT.BINANCE", step: int = NS_PER_MINUTE) -> pl.DataFrame:
    """Bars whose close counts 1, 2, 3..., high above and low below it, volume 1."""
    count = len(starts)
    close = np.arange(1.0, count + 1)
    return pl.DataFrame(
        {
            "instrument": [instrument] * count,
            "start_ns": np.asarray(starts, dtype=np.int64),
            "event_ns": np.asarray(starts, dtype=np.int64) + step,
            "known_ns": np.asarray(starts, dtype=np.int64) + step + 7,
            "open": close - 0.5,
            "high": close + 0.25,
            "low": close - 0.75,
            "close": close,
            "volume": np.ones(count),
            "trades": np.ones(count, dtype=np.int64),
        }
    )


def test_five_minutes_become_one_bar_known_when_the_last_was() -> None:
    frame = minutes(DAY + np.arange(5) * NS_PER_MINUTE)

    (row,) = resample(frame, ALWAYS, "5m").rows(named=True)

    assert row == {
        "instrument": "BTCUSDT.BINANCE",
        "start_ns": DAY,
        "event_ns": DAY + 5 * NS_PER_MINUTE,
        "known_ns": DAY + 5 * NS_PER_MINUTE + 7,
        "open": 0.5,
        "high": 5.25,
        "low": 0.25,
        "close": 5.0,
        "volume": 5.0,
        "trades": 5,
    }


def test_a_bar_that_is_not_finished_or_not_begun_is_not_emitted() -> None:
    frame = minutes(DAY + np.arange(3, 14) * NS_PER_MINUTE)  # minutes 3 to 13

    assert resample(frame, ALWAYS, "5m")["start_ns"].to_list() == [DAY + 5 * NS_PER_MINUTE]


def test_quiet_minutes_at_the_edges_count_when_the_window_is_named() -> None:
    frame = minutes([DAY + 2 * NS_PER_MINUTE, DAY + 8 * NS_PER_MINUTE])

    found = resample(frame, ALWAYS, "5m", start_ns=DAY, end_ns=DAY + 10 * NS_PER_MINUTE)

    assert found["start_ns"].to_list() == [DAY, DAY + 5 * NS_PER_MINUTE]
    assert resample(frame, ALWAYS, "5m").is_empty()


def test_an_hour_of_shanghai_does_not_reach_across_lunch() -> None:
    xshg = calendar("XSHG")
    frame = minutes(xshg.minutes(date(2024, 1, 3)), instrument="600000.XSHG")

    found = resample(frame, xshg, "1h")

    assert [text(start)[11:16] for start in found["start_ns"]] == ["01:30", "02:30", "05:00", "06:00"]
    assert found["volume"].to_list() == [60.0, 60.0, 60.0, 60.0]
    assert found["close"].to_list() == [60.0, 120.0, 180.0, 240.0]


def test_a_half_day_in_new_york_is_a_whole_daily_bar() -> None:
    xnys = calendar("XNYS")
    frame = minutes(xnys.minutes(date(2024, 11, 29)), instrument="AAPL.XNAS")

    (row,) = resample(frame, xnys, "1d").rows(named=True)

    assert (text(row["start_ns"]), text(row["event_ns"])) == ("2024-11-29T14:30:00Z", "2024-11-29T18:00:00Z")
    assert row["volume"] == 210.0


def test_extended_hours_are_left_out() -> None:
    xnys = calendar("XNYS")
    early = xnys.open_ns(date(2024, 1, 3)) - 60 * NS_PER_MINUTE
    frame = minutes(early + np.arange(60 + 390 + 60) * NS_PER_MINUTE, instrument="AAPL.XNAS")

    (row,) = resample(frame, xnys, "1d").rows(named=True)

    assert (row["open"], row["close"], row["volume"]) == (60.5, 450.0, 390.0)


def test_an_fx_day_runs_from_five_to_five_in_new_york() -> None:
    fx = calendar("FX")
    sunday = parse("2024-03-10T21:00:00Z")  # 17:00 in New York, hours after its clocks went forward
    frame = minutes(sunday + np.arange(48) * NS_PER_HOUR, instrument="EUR_USD.OANDA", step=NS_PER_HOUR)

    found = resample(frame, fx, "1d")

    assert [text(start) for start in found["start_ns"]] == ["2024-03-10T21:00:00Z", "2024-03-11T21:00:00Z"]
    assert found["volume"].to_list() == [24.0, 24.0]


def test_months_are_of_the_calendar() -> None:
    frame = minutes(parse("2024-01-01") + np.arange(366) * NS_PER_DAY, step=NS_PER_DAY)

    found = resample(frame, ALWAYS, "1mo")

    assert found["volume"].to_list() == [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def test_a_bar_that_lies_across_an_edge_is_refused_by_name() -> None:
    xnys = calendar("XNYS")
    hourly = minutes(parse("2024-01-03T14:00:00Z") + np.arange(7) * NS_PER_HOUR, instrument="AAPL.XNAS", step=NS_PER_HOUR)

    with pytest.raises(
        Rejected, match=r"AAPL.XNAS to 1d on XNYS: the bar 2024-01-03T14:00:00Z to 2024-01-03T15:00:00Z lies across an edge"
    ):
        resample(hourly, xnys, "1d")
    with pytest.raises(Rejected, match="lies across an edge"):
        resample(minutes(DAY + np.arange(4) * NS_PER_HOUR, step=NS_PER_HOUR), ALWAYS, "90m")


def test_a_bar_given_twice_is_refused_before_it_is_counted_twice() -> None:
    with pytest.raises(DataFault, match=r"BTCUSDT.BINANCE: two bars start at 2024-01-03T00:00:00Z"):
        resample(minutes([DAY, DAY]), ALWAYS, "5m")


def test_what_is_no_bar_is_refused() -> None:
    with pytest.raises(Rejected, match="known_ns"):
        resample(minutes([DAY]).drop("known_ns"), ALWAYS, "5m")
    with pytest.raises(Rejected, match="'sentiment'"):
        resample(minutes([DAY]).with_columns(pl.lit(1.0).alias("sentiment")), ALWAYS, "5m", start_ns=DAY, end_ns=DAY + NS_PER_HOUR)


def test_missing_prices_inside_are_passed_over_and_a_volume_nobody_stated_stays_absent() -> None:
    frame = minutes(DAY + np.arange(5) * NS_PER_MINUTE).with_columns(
        pl.Series("open", [None, 1.5, 2.5, 3.5, 4.5]),
        pl.Series("close", [1.0, 2.0, 3.0, 4.0, float("nan")]),
        pl.lit(None, dtype=pl.Float64).alias("volume"),
    )

    (row,) = resample(frame, ALWAYS, "5m").rows(named=True)

    assert (row["open"], row["close"], row["volume"]) == (1.5, 4.0, None)


def test_provenance_is_shared_or_absent_and_the_worst_status_wins() -> None:
    frame = minutes(DAY + np.arange(10) * NS_PER_MINUTE).with_columns(
        pl.Series("source", ["aa"] * 5 + ["aa", "bb", "bb", "bb", "bb"]),
        pl.Series("vendor", ["alpha"] * 10),
        pl.Series("status", ["ok"] * 5 + ["ok", "provisional", "ok", "resolved", "ok"]),
        pl.Series("reason", [None] * 10, dtype=pl.String),
    )

    found = resample(frame, ALWAYS, "5m")

    assert found["source"].to_list() == ["aa", None]
    assert found["vendor"].to_list() == ["alpha", "alpha"]
    assert found["status"].to_list() == ["ok", "provisional"]
    assert found["reason"].to_list() == [None, None]


def test_bid_and_ask_bars_are_resampled_side_by_side() -> None:
    frame = minutes(DAY + np.arange(5) * NS_PER_MINUTE).select(
        "instrument", "start_ns", "event_ns", "known_ns", pl.col("high").alias("bid_high"), pl.col("low").alias("ask_low")
    )

    (row,) = resample(frame, ALWAYS, "5m").rows(named=True)

    assert (row["bid_high"], row["ask_low"]) == (5.25, 0.25)


def test_instruments_do_not_mix_and_have_windows_of_their_own() -> None:
    first = minutes(DAY + np.arange(10) * NS_PER_MINUTE, instrument="A.X")
    second = minutes(DAY + np.arange(5, 10) * NS_PER_MINUTE, instrument="B.X")

    found = resample(pl.concat([second, first]), ALWAYS, "5m")

    assert found.select("instrument", "close").rows() == [("A.X", 5.0), ("A.X", 10.0), ("B.X", 5.0)]


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(["24/7", "XSHG", "XNYS", "FX"]),
    keep=st.lists(st.booleans(), min_size=1440, max_size=1440),
    middle=st.sampled_from(["5m", "15m"]),
)
def test_resampling_in_two_steps_equals_one(name: str, keep: list[bool], middle: str) -> None:
    market = calendar(name)
    day = date(2024, 3, 6)
    starts = market.minutes(day)
    frame = minutes(starts[np.array(keep[: len(starts)])], instrument="A.X")
    window = {"start_ns": market.open_ns(day), "end_ns": market.close_ns(day)}

    direct = resample(frame, market, "1h", **window)
    stepwise = resample(resample(frame, market, middle, **window), market, "1h", **window)

    assert direct.equals(stepwise)
    assert direct["volume"].sum() == frame["volume"].sum()


def _venue(path: Path, step: int) -> pl.DataFrame:
    exact = pl.Decimal(38, 8)
    names = {"quote_volume": "quote_volume", "taker_base": "taker_buy_volume", "taker_quote": "taker_buy_quote_volume"}
    return pl.read_parquet(path).select(
        pl.lit(path.name.partition("-")[0] + ".BINANCE").alias("instrument"),
        (pl.col("open_time") * NS_PER_MS).alias("start_ns"),
        (pl.col("open_time") * NS_PER_MS + step).alias("event_ns"),
        (pl.col("open_time") * NS_PER_MS + step).alias("known_ns"),
        *(pl.col(name).cast(exact) for name in ("open", "high", "low", "close", "volume")),
        *(pl.col(theirs).cast(exact).alias(ours) for ours, theirs in names.items()),
        pl.col("count").alias("trades"),
    )


@pytest.mark.shared
@pytest.mark.parametrize(
    ("symbol", "short", "long", "bars"),
    [
        ("BTCUSDT", "15m", "1h", 11668),
        ("AVAXUSDT", "15m", "1h", 11668),
        ("BTCUSDT", "1h", "2h", 18962),
        ("BTCUSDT", "2h", "1d", 3177),
        ("BTCUSDT", "1h", "1d", 1580),
        ("ETHUSDT", "1h", "1d", 1580),
        ("SOLUSDT", "1h", "1d", 1580),
        ("XRPUSDT", "1h", "1d", 1580),
        ("AVAXUSDT", "1h", "1d", 1580),
        ("LINKUSDT", "1h", "1d", 1580),
    ],
)
def test_the_venues_own_longer_bars_come_out_without_one_mismatch(shared: Path, symbol: str, short: str, long: str, bars: int) -> None:
    steps = {"15m": 15 * NS_PER_MINUTE, "1h": NS_PER_HOUR, "2h": 2 * NS_PER_HOUR, "1d": NS_PER_DAY}
    folder = shared / "crypto" / "binance_spot_rest"
    parts, theirs = (_venue(folder / f"{symbol}-{name}.parquet", steps[name]) for name in (short, long))

    ours = resample(parts, ALWAYS, long)

    both = ours.join(theirs, on=["instrument", "start_ns"], how="inner", suffix="_theirs")
    assert len(both) == bars
    for name in ("open", "high", "low", "close", "volume", "quote_volume", "taker_base", "taker_quote", "trades"):
        assert both.filter(pl.col(name) != pl.col(f"{name}_theirs")).is_empty(), name


@pytest.mark.shared
def test_the_outage_of_march_2023_leaves_a_day_of_23_hours_that_is_still_the_venues(shared: Path) -> None:
    folder = shared / "crypto" / "binance_spot_rest"
    day = parse("2023-03-24")
    hours = _venue(folder / "BTCUSDT-1h.parquet", NS_PER_HOUR).filter(pl.col("start_ns").is_between(day, day + NS_PER_DAY, closed="left"))

    (row,) = resample(hours, ALWAYS, "1d").rows(named=True)

    assert len(hours) == 23
    assert (row["trades"], str(row["volume"])) == (1511137, "86242.06544000")


def test_every_calendar_gives_the_same_type_back() -> None:
    for name in ("24/7", "XNYS"):
        market: Calendar = calendar(name)
        frame = minutes(market.minutes(date(2024, 1, 3)), instrument="A.X")
        assert resample(frame, market, "1d").schema == frame.schema
    assert resample(frame.clear(), market, "1d").is_empty()
