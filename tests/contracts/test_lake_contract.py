"""What every lake must do, over memory, a local folder and S3 (a local server that enforces conditional writes)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE, parse
from tradewinds.core.market import TRADES, bars
from tradewinds.core.observation import Column, Dataset, Publication, Table
from tradewinds.stores.lake import FileLake, local_lake
from tradewinds.stores.memory import memory_lake

MINUTES = Table(bars("1m"))
JANUARY = parse("2024-01-01")
LATE = parse("2030-01-01")


@pytest.fixture(params=["memory", "local", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileLake]:
    if request.param == "memory":
        yield memory_lake()
    elif request.param == "local":
        yield local_lake(tmp_path / "lake")
    else:
        from tradewinds.stores.lake_s3 import S3Files

        client, bucket = request.getfixturevalue("s3_bucket")
        yield FileLake(S3Files(client, bucket, "firm/lake"))


def minutes(instrument: str, closes: list[float], *, start: str = "2024-01-01", known_after_ns: int = 0, **more: Any) -> pl.DataFrame:
    """One bar a minute with the given closes; known when the minute ends, plus `known_after_ns`."""
    count = len(closes)
    first = parse(start)
    starts = [first + i * NS_PER_MINUTE for i in range(count)]
    ends = [at + NS_PER_MINUTE for at in starts]
    columns = {
        "instrument": [instrument] * count,
        "start_ns": starts,
        "event_ns": ends,
        "known_ns": [at + known_after_ns for at in ends],
        "captured_ns": [at + known_after_ns for at in ends],
        "source": ["ab" * 32] * count,
        "open": closes,
        "high": closes,
        "low": closes,
        "close": closes,
        "volume": [1.5] * count,
    }
    return pl.DataFrame(columns | more)


def closes(rows: pl.DataFrame) -> list[float | None]:
    return rows["close"].to_list()


def test_what_was_published_is_read_back_with_every_column(lake: FileLake) -> None:
    publication = lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 2.0]))

    rows = lake.read(MINUTES, as_of_ns=LATE)

    assert (publication.version, publication.rows_new, publication.rows_restated, publication.rows_same) == (1, 2, 0, 0)
    assert publication.bytes_written > 0
    assert rows.row(0, named=True) == {
        "instrument": "BTC.X",
        "start_ns": JANUARY,
        "event_ns": JANUARY + NS_PER_MINUTE,
        "known_ns": JANUARY + NS_PER_MINUTE,
        "captured_ns": JANUARY + NS_PER_MINUTE,
        "source": "ab" * 32,
        "vendor": None,
        "status": None,
        "reason": None,
        "open": 1.0,
        "high": 1.0,
        "low": 1.0,
        "close": 1.0,
        "volume": 1.5,
        "quote_volume": None,
        "trades": None,
        "taker_base": None,
        "taker_quote": None,
    }
    assert rows.schema["start_ns"] == pl.Int64
    assert rows.schema["trades"] == pl.Int64
    assert closes(rows) == [1.0, 2.0]


def test_publishing_the_same_rows_again_writes_nothing(lake: FileLake) -> None:
    lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 2.0]))

    again = lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 2.0], known_after_ns=NS_PER_DAY))

    assert again == Publication(MINUTES.name, "2024-01", 1, 0, 0, 2, 0)
    assert lake.read(MINUTES, as_of_ns=LATE)["known_ns"].to_list() == [JANUARY + NS_PER_MINUTE, JANUARY + 2 * NS_PER_MINUTE]


def test_a_restatement_is_seen_only_from_the_time_it_was_known(lake: FileLake) -> None:
    lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 2.0, 3.0]))
    restated = minutes("BTC.X", [1.0, 2.5, 3.0], known_after_ns=NS_PER_DAY)

    publication = lake.publish(MINUTES, "2024-01", restated)

    assert (publication.version, publication.rows_new, publication.rows_restated, publication.rows_same) == (2, 0, 1, 2)
    known = JANUARY + 2 * NS_PER_MINUTE + NS_PER_DAY
    assert closes(lake.read(MINUTES, as_of_ns=known - 1)) == [1.0, 2.0, 3.0]
    assert closes(lake.read(MINUTES, as_of_ns=known)) == [1.0, 2.5, 3.0]
    assert closes(lake.versions(MINUTES)) == [1.0, 2.0, 2.5, 3.0]


def test_publishing_the_first_version_again_after_a_restatement_writes_nothing(lake: FileLake) -> None:
    first, second = minutes("BTC.X", [1.0]), minutes("BTC.X", [2.0], known_after_ns=NS_PER_DAY)
    lake.publish(MINUTES, "2024-01", first)
    lake.publish(MINUTES, "2024-01", second)

    again = [lake.publish(MINUTES, "2024-01", rows) for rows in (first, second, pl.concat([first, second]))]

    assert [(each.version, each.rows_same, each.bytes_written) for each in again] == [(2, 1, 0), (2, 1, 0), (2, 2, 0)]


def test_a_value_that_returns_to_what_it_was_is_a_third_version(lake: FileLake) -> None:
    for days, close in enumerate([1.0, 2.0, 1.0]):
        lake.publish(MINUTES, "2024-01", minutes("BTC.X", [close], known_after_ns=days * NS_PER_DAY))

    assert closes(lake.versions(MINUTES)) == [1.0, 2.0, 1.0]


def test_several_versions_published_at_once_equal_the_same_published_in_turn(lake: FileLake) -> None:
    both = pl.concat([minutes("BTC.X", [1.0, 5.0]), minutes("BTC.X", [2.0, 5.0], known_after_ns=NS_PER_DAY)])

    publication = lake.publish(MINUTES, "2024-01", both)

    assert (publication.rows_new, publication.rows_restated, publication.rows_same) == (2, 1, 1)
    assert closes(lake.read(MINUTES, as_of_ns=JANUARY + 2 * NS_PER_MINUTE)) == [1.0, 5.0]
    assert closes(lake.read(MINUTES, as_of_ns=LATE)) == [2.0, 5.0]


def test_a_different_value_that_is_not_known_later_is_refused_and_changes_nothing(lake: FileLake) -> None:
    lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 2.0]))

    with pytest.raises(DataFault, match=r"BTC.X at 2024-01-01T00:01:00Z known 2024-01-01T00:02:00Z, expected a known time after"):
        lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 9.0]))

    assert lake.version(MINUTES, "2024-01") == 1
    assert closes(lake.read(MINUTES, as_of_ns=LATE)) == [1.0, 2.0]


def test_one_fact_with_two_values_known_at_once_is_refused(lake: FileLake) -> None:
    with pytest.raises(DataFault, match="stands there twice with different values"):
        lake.publish(MINUTES, "2024-01", pl.concat([minutes("BTC.X", [1.0]), minutes("BTC.X", [2.0])]))

    assert lake.partitions(MINUTES) == []


def test_a_fact_that_stands_twice_with_the_same_values_is_kept_once(lake: FileLake) -> None:
    publication = lake.publish(MINUTES, "2024-01", pl.concat([minutes("BTC.X", [1.0]), minutes("BTC.X", [1.0])]))

    assert (publication.rows_new, publication.rows_same) == (1, 1)
    assert closes(lake.versions(MINUTES)) == [1.0]


def test_nothing_is_known_before_its_time(lake: FileLake) -> None:
    lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 2.0, 3.0]))

    assert closes(lake.read(MINUTES, as_of_ns=JANUARY + 2 * NS_PER_MINUTE)) == [1.0, 2.0]
    assert lake.read(MINUTES, as_of_ns=JANUARY).height == 0


def test_rows_come_sorted_by_instrument_and_start_whatever_order_they_were_published_in(lake: FileLake) -> None:
    shuffled = pl.concat([minutes("ETH.X", [3.0, 4.0]), minutes("BTC.X", [1.0, 2.0])])[[3, 0, 2, 1]]
    lake.publish(MINUTES, "2024-01", shuffled)
    lake.publish(MINUTES, "2024-02", minutes("BTC.X", [7.0], start="2024-02-01"))
    lake.publish(MINUTES, "2024-01", minutes("BTC.X", [6.0], start="2024-01-31"))
    lake.publish(MINUTES, "2024-01", minutes("ADA.X", [0.5]))

    rows = lake.read(MINUTES, as_of_ns=LATE)

    assert rows["instrument"].to_list() == ["ADA.X", "BTC.X", "BTC.X", "BTC.X", "BTC.X", "ETH.X", "ETH.X"]
    assert closes(rows) == [0.5, 1.0, 2.0, 6.0, 7.0, 3.0, 4.0]
    assert lake.versions(MINUTES).equals(rows)


def test_a_read_can_name_instruments_columns_and_a_half_open_span(lake: FileLake) -> None:
    lake.publish(MINUTES, "2024-01", pl.concat([minutes("BTC.X", [1.0, 2.0, 3.0, 4.0]), minutes("ETH.X", [5.0, 6.0, 7.0, 8.0])]))

    rows = lake.read(
        MINUTES,
        as_of_ns=LATE,
        instruments=["ETH.X", "NONE.X"],
        columns=["close", "start_ns"],
        start_ns=JANUARY + NS_PER_MINUTE,
        end_ns=JANUARY + 3 * NS_PER_MINUTE,
    )

    assert rows.to_dict(as_series=False) == {"close": [6.0, 7.0], "start_ns": [JANUARY + NS_PER_MINUTE, JANUARY + 2 * NS_PER_MINUTE]}


def test_a_span_cuts_restated_facts_as_well(lake: FileLake) -> None:
    lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 2.0, 3.0, 4.0]))
    lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 20.0, 30.0, 4.0], known_after_ns=NS_PER_DAY))

    assert closes(lake.read(MINUTES, as_of_ns=LATE, start_ns=JANUARY + 2 * NS_PER_MINUTE)) == [30.0, 4.0]
    assert closes(lake.versions(MINUTES, end_ns=JANUARY + 2 * NS_PER_MINUTE)) == [1.0, 2.0, 20.0]


def test_an_unknown_column_instrument_table_or_empty_span(lake: FileLake) -> None:
    lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0]))

    assert lake.read(MINUTES, as_of_ns=LATE, instruments=[]).height == 0
    assert lake.read(MINUTES, as_of_ns=LATE, start_ns=JANUARY, end_ns=JANUARY).height == 0
    assert lake.read(Table(bars("1d")), as_of_ns=LATE).columns[:2] == ["instrument", "start_ns"]
    assert lake.version(Table(bars("1d")), "2024") == 0
    assert lake.note(Table(bars("1d")), "2024", "x") is None
    with pytest.raises(Rejected, match="column 'clos', expected one of"):
        lake.read(MINUTES, as_of_ns=LATE, columns=["clos"])


def test_tables_and_partitions_are_listed(lake: FileLake) -> None:
    daily = Table(bars("1d"), vendor="alpha")
    lake.publish(MINUTES, "2024-02", minutes("BTC.X", [1.0], start="2024-02-01"))
    lake.publish(MINUTES, "2023-12", minutes("BTC.X", [1.0], start="2023-12-31"))
    lake.publish(daily, "2024", minutes("BTC.X", [1.0]))

    assert lake.tables() == ["history/bars-1m", "vendor/alpha/bars-1d"]
    assert lake.partitions(MINUTES) == ["2023-12", "2024-02"]
    assert lake.partitions(daily) == ["2024"]


def test_numbers_survive_whole(lake: FileLake) -> None:
    values = [100000.0, 0.00000812, float(2**63) * 4, float("nan"), float("inf"), -0.0]
    lake.publish(MINUTES, "2024-01", minutes("PEPE.X", values, trades=[0, 2**62, -5, None, 1, 2]))

    rows = lake.read(MINUTES, as_of_ns=LATE)

    assert [repr(value) for value in rows["close"]] == [repr(value) for value in values]
    assert rows["trades"].to_list() == [0, 2**62, -5, None, 1, 2]
    assert lake.publish(MINUTES, "2024-01", minutes("PEPE.X", values, trades=[0, 2**62, -5, None, 1, 2])).rows_same == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start_ns": pl.lit(JANUARY + 1, dtype=pl.Int64)}, "finer than a microsecond"),
        ({"start_ns": pl.lit(JANUARY - NS_PER_DAY, dtype=pl.Int64)}, "start 2023-12-31T00:00:00Z, expected one in"),
        ({"known_ns": pl.lit(None, dtype=pl.Int64)}, "rows without known_ns"),
        ({"close": pl.lit("1.0")}, "column close is String, expected Float64"),
        ({"klose": pl.lit(1.0)}, r"columns \['klose'\], expected only"),
    ],
)
def test_rows_that_cannot_be_stored_are_refused(lake: FileLake, change: dict[str, pl.Expr], message: str) -> None:
    with pytest.raises(Rejected, match=message):
        lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0]).with_columns(**change))


def test_a_missing_required_column_and_a_wrong_partition_are_refused(lake: FileLake) -> None:
    with pytest.raises(Rejected, match="no column known_ns"):
        lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0]).drop("known_ns"))
    with pytest.raises(Rejected, match="partition '2024', expected a month such as 2024-01"):
        lake.publish(MINUTES, "2024", minutes("BTC.X", [1.0]))


def test_notes_accumulate_and_a_note_alone_is_a_commit(lake: FileLake) -> None:
    lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0]), note={"BTC": "aa"})
    lake.publish(MINUTES, "2024-01", minutes("ETH.X", [1.0]), note={"ETH": "bb"})

    same = lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0]), note={"BTC": "aa"})
    other = lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0]), note={"BTC": "cc"})

    assert (same.version, same.bytes_written) == (2, 0)
    assert (other.version, other.rows_same) == (3, 1)
    assert [lake.note(MINUTES, "2024-01", key) for key in ("BTC", "ETH", "ADA")] == ["cc", "bb", None]


def test_facts_of_one_time_are_told_apart_by_the_keys_of_the_dataset(lake: FileLake) -> None:
    table = Table(TRADES, vendor="alpha")

    def prints(prices: list[float], known_ns: int) -> pl.DataFrame:
        base = minutes("BTC.X", prices, known_after_ns=known_ns).select("instrument", "start_ns", "known_ns", "captured_ns", "source")
        return base.with_columns(
            start_ns=JANUARY,
            event_ns=JANUARY,
            id=pl.int_range(len(prices), 0, -1, dtype=pl.Int64),
            price=pl.Series(prices),
            quantity=1.0,
            is_buyer_maker=True,
        ).with_columns(known_ns=JANUARY + known_ns, captured_ns=JANUARY + known_ns)

    lake.publish(table, "2024-01", prints([3.0, 2.0, 1.0], 1000))
    restated = lake.publish(table, "2024-01", prints([3.0, 2.5, 1.0], 2000))

    rows = lake.read(table, as_of_ns=LATE)
    assert (restated.rows_restated, restated.rows_same) == (1, 2)
    assert rows["id"].to_list() == [1, 2, 3]
    assert rows["price"].to_list() == [1.0, 2.5, 3.0]
    assert lake.read(table, as_of_ns=JANUARY + 1000)["price"].to_list() == [1.0, 2.0, 3.0]


def test_a_dataset_that_gains_a_column_reads_older_files_with_nulls(lake: FileLake) -> None:
    old = Table(Dataset("rates", (Column("rate"),), partitioning="year"))
    new = Table(Dataset("rates", (Column("rate"), Column("fixed", "bool"), Column("next_ns", "time")), partitioning="year"))
    times = minutes("EUR.X", [1.0]).select("instrument", "start_ns", "event_ns", "known_ns", "captured_ns", "source")
    lake.publish(old, "2024", times.with_columns(rate=1.5))
    later = times.with_columns(pl.col("start_ns", "event_ns", "known_ns") + NS_PER_DAY)

    lake.publish(new, "2024", later.with_columns(rate=1.6, fixed=True, next_ns=JANUARY))

    rows = lake.read(new, as_of_ns=LATE)
    assert rows.select("rate", "fixed", "next_ns").rows() == [(1.5, None, None), (1.6, True, JANUARY)]
    assert rows.schema["fixed"] == pl.Boolean
    assert lake.publish(new, "2024", times.with_columns(rate=1.5)).rows_same == 1


def test_compacting_changes_files_but_no_answer(lake: FileLake) -> None:
    lake.publish(MINUTES, "2024-01", minutes("ETH.X", [5.0, 6.0]))
    lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 2.0, 3.0]), note={"BTC": "aa"})
    lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 2.5], known_after_ns=NS_PER_DAY))
    moments = [JANUARY, JANUARY + 2 * NS_PER_MINUTE, LATE]
    before = [lake.read(MINUTES, as_of_ns=moment) for moment in moments]
    versions = lake.versions(MINUTES)

    written = lake.compact(MINUTES, "2024-01")

    assert written > 0
    assert len(lake.files(MINUTES)) == 1
    assert all(lake.read(MINUTES, as_of_ns=moment).equals(rows) for moment, rows in zip(moments, before, strict=True))
    assert lake.versions(MINUTES).equals(versions)
    assert lake.note(MINUTES, "2024-01", "BTC") == "aa"
    assert lake.compact(MINUTES, "2024-01") == 0
    assert lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 2.5, 3.0], known_after_ns=NS_PER_DAY)).rows_same == 3


def test_retention_removes_what_no_current_entry_names_and_can_be_repeated(lake: FileLake) -> None:
    lake.publish(MINUTES, "2024-01", minutes("ETH.X", [5.0, 6.0]))
    lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 2.0]))
    lake.compact(MINUTES, "2024-01")
    rows = lake.read(MINUTES, as_of_ns=LATE)
    far = parse("2100-01-01")

    kept = lake.retain(MINUTES, keep_ns=far, now_ns=far)
    removed = [lake.retain(MINUTES, keep_ns=0, now_ns=far) for _ in range(2)]

    assert kept == 0
    assert removed[0] > 0
    assert removed[1] == 0
    assert lake.read(MINUTES, as_of_ns=LATE).equals(rows)
    assert lake.version(MINUTES, "2024-01") == 3


def test_writers_of_one_partition_at_once_all_succeed(lake: FileLake) -> None:
    names = [f"S{i}.X" for i in range(8)]
    gate = threading.Barrier(4)

    def publish(mine: list[str]) -> None:
        gate.wait(30)
        for name in mine:
            lake.publish(MINUTES, "2024-01", minutes(name, [1.0, 2.0]), note={name: "done"})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(publish, [names[i::4] for i in range(4)]))

    assert lake.version(MINUTES, "2024-01") == 8
    assert lake.read(MINUTES, as_of_ns=LATE)["instrument"].unique().sort().to_list() == names
    assert all(lake.note(MINUTES, "2024-01", name) == "done" for name in names)


def test_writers_of_the_same_rows_at_once_store_them_once(lake: FileLake) -> None:
    gate = threading.Barrier(4)

    def publish(_: int) -> Publication:
        gate.wait(30)
        return lake.publish(MINUTES, "2024-01", minutes("BTC.X", [1.0, 2.0]))

    with ThreadPoolExecutor(4) as pool:
        publications = list(pool.map(publish, range(4)))

    assert sorted((each.rows_new, each.bytes_written > 0) for each in publications) == [(0, False)] * 3 + [(2, True)]
    assert lake.versions(MINUTES).height == 2
