"""Data stores: nautilus_trader#3875, a consolidation that deleted on its second run; #4647, writes that overlapped.

In public: `consolidate_data_by_period` made daily files of hourly ones; called again on the same catalogue it skipped the writing, because
the files were there, and swept all of them away as "remaining", without an error (#3875). A write whose times overlapped with stored ones
renamed a file first and checked afterwards: the check failed, the store was left inconsistent, and every later write failed too (#4647).

Here: a merge is one commit that names its files, so doing it again changes nothing; facts have an identity, so overlapping writes add what
is new and nothing twice; two writers at once take turns; nothing is deleted that any reader may still name.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tradewinds.core.errors import DataFault
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.stores.lake import FileLake, local_lake
from tradewinds.stores.lake_files import LocalFiles

TABLE = Table(bars("1m"))
MONTH = "2024-01"
JANUARY = parse("2024-01-01")
LATE = parse("2030-01-01")


def rows(first: int, last: int, *, close: float = 0.0, known_minutes: int = 1) -> pl.DataFrame:
    """Minutes [first, last) of January; closes are the minute's number unless told."""
    starts = [JANUARY + at * NS_PER_MINUTE for at in range(first, last)]
    return pl.DataFrame(
        {
            "instrument": ["BTC.X"] * len(starts),
            "start_ns": starts,
            "event_ns": [at + NS_PER_MINUTE for at in starts],
            "known_ns": [at + known_minutes * NS_PER_MINUTE for at in starts],
            "captured_ns": [JANUARY] * len(starts),
            "source": ["ab" * 32] * len(starts),
            "close": [close or float(at) for at in range(first, last)],
        }
    )


def closes(lake: FileLake) -> list[float]:
    return lake.read(TABLE, as_of_ns=LATE)["close"].to_list()


def test_a_second_consolidation_deletes_nothing(tmp_path: Path) -> None:
    # given two days in 48 files, consolidated once
    lake = local_lake(tmp_path)
    for hour in range(48):
        lake.publish(TABLE, MONTH, rows(hour * 60, hour * 60 + 60))
    before = closes(lake)
    assert before == [float(at) for at in range(2880)]
    assert lake.compact(TABLE, MONTH) > 0
    files, version = lake.files(TABLE), lake.version(TABLE, MONTH)

    # when it is done again and again, also by who opens the lake anew
    for one in (lake, local_lake(tmp_path), local_lake(tmp_path)):
        assert one.compact(TABLE, MONTH) == 0

    # then every row is there, in the same files
    assert closes(local_lake(tmp_path)) == before
    assert (lake.files(TABLE), lake.version(TABLE, MONTH)) == (files, version)
    assert lake.verify(TABLE) > 0


def test_clearing_up_after_a_consolidation_leaves_what_is_current(tmp_path: Path) -> None:
    lake = local_lake(tmp_path)
    for hour in range(4):
        lake.publish(TABLE, MONTH, rows(hour * 60, hour * 60 + 60))
    lake.compact(TABLE, MONTH)

    for _ in range(2):
        lake.retain(TABLE, keep_ns=0, now_ns=LATE + NS_PER_DAY)

    assert closes(local_lake(tmp_path)) == [float(at) for at in range(240)]


def test_writes_that_overlap_add_what_is_new_and_nothing_twice(tmp_path: Path) -> None:
    # given an hour, and a write that overlaps with half of it
    lake = local_lake(tmp_path)
    lake.publish(TABLE, MONTH, rows(0, 60))

    lake.publish(TABLE, MONTH, rows(30, 90))

    # then there are ninety minutes, each once, and later writes are taken: within, before and after what is there
    assert closes(lake) == [float(at) for at in range(90)]
    for first, last in ((10, 20), (0, 90), (85, 120)):
        lake.publish(TABLE, MONTH, rows(first, last))
    assert closes(local_lake(tmp_path)) == [float(at) for at in range(120)]


def test_an_overlap_that_says_otherwise_is_a_correction_with_its_own_time(tmp_path: Path) -> None:
    lake = local_lake(tmp_path)
    lake.publish(TABLE, MONTH, rows(0, 3))

    lake.publish(TABLE, MONTH, rows(1, 2, close=99.0, known_minutes=500))

    assert closes(lake) == [0.0, 99.0, 2.0]
    assert lake.read(TABLE, as_of_ns=JANUARY + 100 * NS_PER_MINUTE)["close"].to_list() == [0.0, 1.0, 2.0]


def test_a_writer_that_is_overtaken_between_its_files_and_its_commit_keeps_both(tmp_path: Path) -> None:
    # given a writer in whose middle another one commits an overlapping hour
    overtaken: list[int] = []

    def step(what: str) -> None:
        if not overtaken:
            overtaken.append(1)
            local_lake(tmp_path).publish(TABLE, MONTH, rows(30, 90))

    local_lake(tmp_path).publish(TABLE, MONTH, rows(0, 10))

    # when it ends
    FileLake(LocalFiles(tmp_path, step=step)).publish(TABLE, MONTH, rows(5, 60))

    # then the rows of both are there, each once
    assert overtaken == [1]
    assert closes(local_lake(tmp_path)) == [float(at) for at in range(90)]


def test_a_consolidation_that_is_overtaken_by_a_write_keeps_the_write(tmp_path: Path) -> None:
    overtaken: list[int] = []

    def step(what: str) -> None:
        if not overtaken:
            overtaken.append(1)
            local_lake(tmp_path).publish(TABLE, MONTH, rows(60, 90))

    lake = local_lake(tmp_path)
    lake.publish(TABLE, MONTH, rows(0, 30))
    lake.publish(TABLE, MONTH, rows(30, 60))

    FileLake(LocalFiles(tmp_path, step=step)).compact(TABLE, MONTH)

    assert overtaken == [1]
    assert closes(local_lake(tmp_path)) == [float(at) for at in range(90)]


def test_a_store_whose_files_were_swept_away_says_so_instead_of_answering_with_nothing(tmp_path: Path) -> None:
    # given a consolidated month, and a sweep that removes every file that the last run did not write
    lake = local_lake(tmp_path)
    lake.publish(TABLE, MONTH, rows(0, 30))
    lake.publish(TABLE, MONTH, rows(30, 60))
    lake.compact(TABLE, MONTH)
    assert lake.compact(TABLE, MONTH) == 0
    for one in tmp_path.rglob("*.parquet"):
        one.unlink()

    # then what was there is missed by name
    with pytest.raises(DataFault):
        closes(local_lake(tmp_path))
