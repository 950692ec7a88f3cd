"""What one vendor's bars say about themselves."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import Rejected
from tradewinds.core.market import bars
from tradewinds.core.observation import Finding
from tradewinds.history.quality import BarLimits, check_bars

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
BASE = 1_700_000_040_000_000_000  # a whole minute
NAMES = ("open", "high", "low", "close", "volume")


def minutes(count: int = 300, instrument: str = "BTCUSDT.BINANCE") -> pl.DataFrame:
    """Bars near 100 that move by at most one part in a thousand, each minute, ten units traded."""
    step = np.arange(count)
    close = 100 + 0.05 * ((step * 7) % 5)
    opened = np.concatenate([[100.0], close[:-1]])
    start = BASE + step * MINUTE
    return pl.DataFrame(
        {
            "instrument": [instrument] * count,
            "start_ns": start,
            "event_ns": start + MINUTE,
            "known_ns": start + MINUTE,
            "open": opened,
            "high": np.maximum(opened, close) + 0.01,
            "low": np.minimum(opened, close) - 0.01,
            "close": close,
            "volume": 10.0 + (step * 3) % 7,
        }
    )


def with_cell(frame: pl.DataFrame, row: int, **changes: float) -> pl.DataFrame:
    at = pl.int_range(pl.len()) == row
    return frame.with_columns(pl.when(at).then(pl.lit(value)).otherwise(pl.col(name)).alias(name) for name, value in changes.items())


def check(frame: pl.DataFrame, **options: object) -> list[Finding]:
    return check_bars(frame, bars("1m"), vendor="binance", **options)  # type: ignore[arg-type]  # options differ by test


def kinds(found: list[Finding]) -> list[tuple[str, int]]:
    """(kind, minute)."""
    return [(f.kind, (f.start_ns - BASE) // MINUTE) for f in found]


def test_clean_bars_have_no_finding() -> None:
    assert check(minutes()) == []


def test_no_bars_have_no_finding() -> None:
    assert check(minutes().clear()) == []


def test_missing_minutes_are_one_gap_with_its_ends() -> None:
    frame = minutes().filter(~pl.int_range(pl.len()).is_between(100, 104))

    (found,) = check(frame)

    assert (found.kind, found.vendor, found.instrument, found.dataset) == ("gap", "binance", "BTCUSDT.BINANCE", "bars-1m")
    assert (found.start_ns, found.end_ns) == (BASE + 100 * MINUTE, BASE + 105 * MINUTE)
    assert found.detail.startswith("5 bars missing until")


def test_gaps_are_found_against_the_expected_starts_where_those_are_given() -> None:
    frame = minutes(10).filter(~pl.int_range(pl.len()).is_in([3, 7]))
    expected = np.array([BASE + k * MINUTE for k in range(12) if k != 7])

    assert kinds(check(frame, expected=expected)) == [("gap", 3), ("gap", 10)]


def test_a_bar_that_nobody_expects_is_a_shift() -> None:
    expected = np.array([BASE + k * MINUTE for k in range(10) if k != 7])

    assert kinds(check(minutes(10), expected=expected)) == [("shift", 7)]


def test_daily_bars_have_gaps_only_against_expected_starts() -> None:
    weekly = minutes(4).with_columns(pl.col("start_ns") * 0 + BASE + pl.int_range(pl.len()) * 7 * 24 * HOUR)

    assert check_bars(weekly, "bars-1d", vendor="tiingo") == []


def test_a_bar_off_the_grid_is_a_shift() -> None:
    frame = with_cell(minutes(10), 4, start_ns=BASE + 4 * MINUTE + 1_000_000_000)

    assert ("shift", 4) in kinds(check(frame))


def test_the_same_bar_twice_is_a_duplicate() -> None:
    frame = pl.concat([minutes(20), minutes(20)[5:6]]).sort("start_ns")

    assert kinds(check(frame)) == [("duplicate", 5)]


def test_a_bar_known_again_later_with_another_close_is_revised() -> None:
    later = with_cell(minutes(20)[5:6], 0, close=100.02, known_ns=BASE + 90 * MINUTE)

    assert kinds(check(pl.concat([minutes(20), later]).sort("start_ns", "known_ns"))) == [("revised", 5)]


def test_two_closes_of_one_bar_known_at_once_are_a_conflict() -> None:
    other = with_cell(minutes(20)[5:6], 0, close=100.02)

    found = check(pl.concat([minutes(20), other]).sort("start_ns"))

    assert [(f.kind, f.severity) for f in found] == [("conflict", "error")]


def test_rows_that_run_backwards_are_named_and_the_rest_is_checked_in_order() -> None:
    frame = minutes(20)
    frame = pl.concat([frame[:5], frame[6:10], frame[5:6], frame[10:]])

    assert kinds(check(frame)) == [("unordered", 5)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"high": 99.0}, None),
        ({"low": 101.0}, None),
        ({"low": -1.0}, None),
        ({"low": 0.0}, None),
        ({"open": float("nan")}, None),
        ({"close": float("inf"), "high": float("inf")}, None),
        ({"volume": -1.0}, "volume"),
        ({"volume": float("nan")}, "volume"),
        ({"volume": 2.0**63}, "volume"),
    ],
)
def test_a_bar_that_no_market_can_have_made_is_impossible(changes: dict[str, float], field: str | None) -> None:
    found = [f for f in check(with_cell(minutes(), 50, **changes)) if f.kind == "impossible"]

    assert [(f.field, (f.start_ns - BASE) // MINUTE, f.severity) for f in found] == [(field, 50, "error")]


@pytest.mark.parametrize("price", [100_000.0, 0.00000812])
def test_large_and_tiny_prices_are_possible(price: float) -> None:
    frame = minutes().with_columns(pl.col(name) / 100 * price for name in ("open", "high", "low", "close"))

    assert check(frame) == []


def test_a_move_of_a_tenth_within_a_minute_is_a_warning_and_data_stays_as_it_is() -> None:
    frame = minutes()
    fall = frame.with_columns(pl.when(pl.int_range(pl.len()) >= 60).then(pl.col(n) * 0.9).otherwise(pl.col(n)).alias(n) for n in NAMES[:4])
    before = fall.clone()

    found = check(fall)

    assert [(f.kind, f.field, f.severity) for f in found] == [("spike", "close", "warning")]
    assert fall.equals(before)


def test_a_lone_high_is_a_spike_of_the_high() -> None:
    found = check(with_cell(minutes(), 60, high=130.0))

    assert [(f.kind, f.field) for f in found] == [("spike", "high")]


def test_a_price_a_hundred_times_as_high_is_a_unit_fault() -> None:
    frame = minutes()
    cents = frame.with_columns(pl.when(pl.int_range(pl.len()) >= 60).then(pl.col(n) * 100).otherwise(pl.col(n)).alias(n) for n in NAMES[:4])

    assert kinds(check(cents)) == [("unit", 60)]


def test_flat_minutes_without_volume_are_normal() -> None:
    frame = minutes()
    quiet = pl.int_range(pl.len()).is_between(100, 120)
    close = frame["close"][99]
    frame = frame.with_columns(
        *[pl.when(quiet).then(close).otherwise(pl.col(n)).alias(n) for n in NAMES[:4]],
        pl.when(quiet).then(0.0).otherwise(pl.col("volume")).alias("volume"),
    )

    assert check(frame) == []


def test_traded_minutes_that_repeat_to_the_last_digit_are_stale() -> None:
    frame = minutes()
    for k in (61, 62, 63):
        frame = with_cell(frame, k, **{name: frame[name][60] for name in NAMES})

    (found,) = check(frame)

    assert (found.kind, found.detail[:14]) == ("stale", "3 traded bars ")


def test_volume_zero_while_the_price_moves_is_a_volume_fault() -> None:
    assert kinds(check(with_cell(minutes(), 70, volume=0.0))) == [("volume_scale", 70)]


def test_a_quote_volume_outside_of_low_and_high_is_a_volume_fault() -> None:
    frame = minutes().with_columns((pl.col("volume") * pl.col("close")).alias("quote_volume"))

    assert check(frame) == []
    assert kinds(check(with_cell(frame, 80, volume=1000.0))) == [("volume_scale", 80)]


def test_a_day_with_a_hundredth_of_the_usual_volume_is_a_volume_fault() -> None:
    frame = minutes(20 * 60)
    scaled = frame.with_columns(
        pl.when(pl.int_range(pl.len()).is_between(300, 359)).then(pl.col("volume") / 100).otherwise(pl.col("volume"))
    )

    (found,) = check(scaled, limits=BarLimits(volume_block=60))

    assert (found.kind, found.start_ns, found.end_ns) == ("volume_scale", BASE + 300 * MINUTE, BASE + 360 * MINUTE)


def test_a_bar_that_ends_after_now_lies_in_the_future() -> None:
    assert kinds(check(minutes(10), now_ns=BASE + 9 * MINUTE)) == [("future", 9)]


def test_a_bar_known_later_than_allowed_is_late() -> None:
    frame = with_cell(minutes(10), 3, known_ns=BASE + 8 * HOUR)

    assert check(frame) == []
    assert kinds(check(frame, limits=BarLimits(lateness_ns=HOUR))) == [("late", 3)]


def test_instruments_are_judged_each_on_its_own_in_whatever_order_they_come() -> None:
    one, other = minutes(30, "AAA.X").filter(pl.int_range(pl.len()) != 4), minutes(30, "BBB.X")
    mixed = pl.concat([one, other]).sort("start_ns", "instrument")

    found = check(mixed)

    assert [(f.instrument, f.kind) for f in found] == [("AAA.X", "gap")]


def test_missing_columns_are_refused() -> None:
    with pytest.raises(Rejected, match=r"quality of bars-1m from binance: columns \['close'\] are missing"):
        check(minutes().drop("close"))


def test_limits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(Rejected, match="spike_least"):
        BarLimits(spike_least=0.0)


@given(st.sets(st.integers(1, 58), max_size=10))
@settings(max_examples=50, deadline=None)
def test_gaps_say_exactly_which_minutes_are_missing(gone: set[int]) -> None:
    found = check(minutes(60).filter(~pl.int_range(pl.len()).is_in(list(gone))))

    told = {k for f in found if f.end_ns is not None for k in range((f.start_ns - BASE) // MINUTE, (f.end_ns - BASE) // MINUTE)}
    assert {f.kind for f in found} <= {"gap"}
    assert told == gone


# Recorded data with known answers


def klines(path: Path) -> pl.DataFrame:
    frame = pl.read_csv(gzip.decompress(path.read_bytes())) if path.suffix == ".gz" else pl.read_parquet(path)
    values = [pl.col(name).cast(pl.Float64) for name in (*NAMES, "quote_volume")]
    return frame.select(
        pl.lit("X.BINANCE").alias("instrument"), (pl.col("open_time").cast(pl.Int64) * 1_000_000).alias("start_ns"), *values
    )


@pytest.mark.shared
def test_the_outage_of_2023_is_a_gap_of_one_hour_in_recorded_hours(shared: Path) -> None:
    found = check_bars(klines(shared / "crypto/binance_spot_rest/SOLUSDT-1h.parquet"), "bars-1h", vendor="binance")

    gaps = [f for f in found if f.kind == "gap"]
    assert [(f.start_ns, f.end_ns) for f in gaps] == [(1_679_662_800_000_000_000, 1_679_666_400_000_000_000)]


@pytest.mark.shared
def test_recorded_two_hour_bars_have_their_eighteen_known_gaps(shared: Path) -> None:
    found = check_bars(klines(shared / "crypto/binance_spot_rest/BTCUSDT-2h.parquet"), "bars-2h", vendor="binance")

    assert sum(f.kind == "gap" for f in found) == 18


@pytest.mark.shared
def test_a_real_fall_of_a_tenth_in_a_recorded_minute_is_only_a_warning(shared: Path) -> None:
    found = check_bars(klines(shared / "crypto/binance_um_1m/FILUSDT-1m-2023-06.csv.gz"), "bars-1m", vendor="binance")

    assert {(f.kind, f.severity) for f in found} == {("spike", "warning")}
    assert any("-10.7%" in f.detail for f in found)


def test_volumes_that_a_vendor_never_states_are_no_fault() -> None:
    rows = minutes().with_columns(volume=pl.lit(None, pl.Float64))

    assert check_bars(rows, bars("1m"), vendor="test") == []
    assert [one.kind for one in check_bars(pl.concat([rows, rows[7:8]]).sort("start_ns"), bars("1m"), vendor="test")] == ["duplicate"]


def test_rows_that_go_on_from_known_ones_have_a_gap_where_the_next_is_missing() -> None:
    rows = minutes()
    name = "BTCUSDT.BINANCE"

    late = check_bars(rows, bars("1m"), vendor="test", follows={name: BASE - 2 * MINUTE})
    at_once = check_bars(rows, bars("1m"), vendor="test", follows={name: BASE})
    again = check_bars(rows, bars("1m"), vendor="test", follows={name: BASE + 5 * MINUTE})

    assert [(one.kind, one.start_ns, one.end_ns) for one in late] == [("gap", BASE - 2 * MINUTE, BASE)]
    assert (at_once, again) == ([], [])
