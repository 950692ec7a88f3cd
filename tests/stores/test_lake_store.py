"""What the lake promises beyond the contract: stable bytes, an open format, small reads, and an answer equal to a naive one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import Missing, Rejected, Transient, Unreadable
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Column, Dataset, Table
from tradewinds.stores import lake_log, lake_parquet
from tradewinds.stores.lake import FileLake, local_lake
from tradewinds.stores.lake_files import LocalFiles
from tradewinds.stores.memory import MemoryFiles, memory_lake

TABLE = Table(bars("1m"))
JANUARY = parse("2024-01-01")
LATE = parse("2030-01-01")


def rows(instrument: str, closes: Sequence[float], *, start_ns: int = JANUARY, known_after_ns: int = 0) -> pl.DataFrame:
    starts = [start_ns + i * NS_PER_MINUTE for i in range(len(closes))]
    return pl.DataFrame(
        {
            "instrument": [instrument] * len(closes),
            "start_ns": starts,
            "event_ns": [at + NS_PER_MINUTE for at in starts],
            "known_ns": [at + NS_PER_MINUTE + known_after_ns for at in starts],
            "captured_ns": starts,
            "source": ["ab" * 32] * len(closes),
            "close": closes,
        },
        schema_overrides={"close": pl.Float64},
    )


class CountingFiles(MemoryFiles):
    """Remembers which ranges were asked for and which files were read whole."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, int]] = []
        self.read_whole: list[str] = []

    def open(self, path: str, ranges: Sequence[tuple[int, int]]) -> pa.NativeFile:
        self.asked += [(path, length) for _, length in ranges]
        return pa.BufferReader(super().read(path))

    def read(self, path: str) -> bytes:
        self.read_whole.append(path)
        return super().read(path)


def test_the_same_history_of_publishes_gives_the_same_bytes_and_names(tmp_path: Path) -> None:
    for name in ("one", "two"):
        lake = local_lake(tmp_path / name)
        lake.publish(TABLE, "2024-01", pl.concat([rows("BTC.X", [1.0, 2.0]), rows("ETH.X", [3.0])]), note={"a": "1"})
        lake.publish(TABLE, "2024-01", rows("BTC.X", [1.0, 2.5], known_after_ns=NS_PER_DAY), note={"b": "2"})
        lake.compact(TABLE, "2024-01")

    one, two = (
        {str(path.relative_to(tmp_path / name)): path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()}
        for name in ("one", "two")
    )
    assert len(one) == 6
    assert one == two


def test_current_files_are_plain_parquet_that_duckdb_and_polars_read(tmp_path: Path) -> None:
    lake = local_lake(tmp_path)
    lake.publish(TABLE, "2024-01", pl.concat([rows("BTC.X", [1.0, 2.0]), rows("ETH.X", [3.0])]))
    lake.publish(TABLE, "2024-02", rows("BTC.X", [4.0], start_ns=parse("2024-02-01")))
    files = [str(tmp_path / name) for name in lake.files(TABLE)]

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    found = connection.execute(
        "select instrument, epoch_us(start) * 1000, close, typeof(known) from read_parquet($1) order by all", [files]
    ).fetchall()

    assert found == [
        ("BTC.X", JANUARY, 1.0, "TIMESTAMP WITH TIME ZONE"),
        ("BTC.X", JANUARY + NS_PER_MINUTE, 2.0, "TIMESTAMP WITH TIME ZONE"),
        ("BTC.X", parse("2024-02-01"), 4.0, "TIMESTAMP WITH TIME ZONE"),
        ("ETH.X", JANUARY, 3.0, "TIMESTAMP WITH TIME ZONE"),
    ]
    assert pl.read_parquet(files).schema["start"] == pl.Datetime("us", "UTC")


def test_a_row_group_holds_one_instrument_and_never_parts_facts_of_one_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_parquet, "GROUP_ROWS", 3)
    files = MemoryFiles()
    lake = FileLake(files)
    both = pl.concat([rows("BTC.X", [1.0] * 7), rows("BTC.X", [2.0] * 7, known_after_ns=NS_PER_DAY), rows("ETH.X", [3.0, 4.0])])
    lake.publish(TABLE, "2024-01", both)

    parquet = pq.ParquetFile(pa.BufferReader(files.read(lake.files(TABLE)[0])))
    groups = [parquet.read_row_group(number).to_pydict() for number in range(parquet.num_row_groups)]

    assert [len(group["start"]) for group in groups] == [4, 4, 2, 2, 2, 2]
    assert [sorted(set(group["instrument"])) for group in groups] == [["BTC.X"]] * 5 + [["ETH.X"]]
    assert [len(set(group["start"])) for group in groups] == [2, 2, 1, 1, 1, 2]
    assert lake.read(TABLE, as_of_ns=LATE)["close"].to_list() == [2.0] * 7 + [3.0, 4.0]


def test_instruments_with_few_rows_share_a_row_group_and_are_read_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_parquet, "GROUP_ROWS", 4)
    files = MemoryFiles()
    lake = FileLake(files)
    sizes = {"A.X": 1, "B.X": 2, "C.X": 5, "D.X": 3, "E.X": 1}
    lake.publish(TABLE, "2024-01", pl.concat([rows(name, [float(size)] * size) for name, size in sizes.items()]))

    parquet = pq.ParquetFile(pa.BufferReader(files.read(lake.files(TABLE)[0])))

    groups = [parquet.read_row_group(number, columns=["instrument"])["instrument"].to_pylist() for number in range(parquet.num_row_groups)]
    assert groups == [["A.X", "B.X", "B.X"], ["C.X"] * 3, ["C.X"] * 2, ["D.X"] * 3 + ["E.X"]]
    for name, size in sizes.items():
        read = lake.read(TABLE, as_of_ns=LATE, instruments=[name])
        assert read.select("instrument", "close").rows() == [(name, float(size))] * size
    both = lake.read(TABLE, as_of_ns=LATE, instruments=["E.X", "A.X"], columns=["close"])
    assert both["close"].to_list() == [1.0, 1.0]


def test_a_read_touches_only_the_row_groups_it_needs_and_no_log_entry_twice() -> None:
    files = CountingFiles()
    lake = FileLake(files)
    lake.publish(TABLE, "2024-01", pl.concat([rows("BTC.X", [1.0, 2.0]), rows("ETH.X", [3.0])]))
    lake.publish(TABLE, "2024-02", rows("BTC.X", [4.0], start_ns=parse("2024-02-01")))
    lake.publish(TABLE, "2024-02", rows("ETH.X", [5.0], start_ns=parse("2024-02-01")))
    reader = FileLake(files)
    files.asked.clear()
    files.read_whole.clear()

    reader.read(TABLE, as_of_ns=LATE, instruments=["ETH.X"], start_ns=parse("2024-02-01"))
    reader.read(TABLE, as_of_ns=LATE, instruments=["ETH.X"], start_ns=parse("2024-02-01"))
    reader.read(TABLE, as_of_ns=JANUARY, instruments=["ETH.X"])
    reader.read(TABLE, as_of_ns=LATE, instruments=["ADA.X"])

    assert len(files.asked) == 2  # the first read of a file and the second; the other two ask for nothing
    assert len({path for path, _ in files.asked}) == 1
    assert sorted(files.read_whole) == ["history/bars-1m/_log/2024-01/0000000001.json", "history/bars-1m/_log/2024-02/0000000002.json"]


def test_publishing_new_instruments_reads_no_data() -> None:
    files = CountingFiles()
    lake = FileLake(files)
    lake.publish(TABLE, "2024-01", rows("BTC.X", [1.0, 2.0]))
    lake.publish(TABLE, "2024-01", rows("ETH.X", [1.0, 2.0]))
    lake.publish(TABLE, "2024-01", rows("BTC.X", [3.0], start_ns=JANUARY + NS_PER_DAY))

    assert files.asked == []


def test_processes_that_publish_into_one_partition_at_once_lose_nothing(tmp_path: Path) -> None:
    rows("?.X", [1.0, 2.0]).write_ipc(tmp_path / "rows.arrow")
    script = (
        "import sys, polars as pl\n"
        "from tradewinds.core.market import bars\n"
        "from tradewinds.core.observation import Table\n"
        "from tradewinds.stores.lake import local_lake\n"
        "frame = pl.read_ipc(sys.argv[1] + '/rows.arrow')\n"
        "for n in range(3):\n"
        "    name = f'{sys.argv[2]}{n}.X'\n"
        "    mine = frame.with_columns(instrument=pl.lit(name))\n"
        "    local_lake(sys.argv[1] + '/lake').publish(Table(bars('1m')), '2024-01', mine, note={name: 'done'})\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]

    processes = [subprocess.Popen([*command, letter]) for letter in "ABC"]
    codes = [process.wait(120) for process in processes]

    lake = local_lake(tmp_path / "lake")
    names = [f"{letter}{n}.X" for letter in "ABC" for n in range(3)]
    assert codes == [0, 0, 0]
    assert lake.version(TABLE, "2024-01") == 9
    assert lake.read(TABLE, as_of_ns=LATE)["instrument"].to_list() == [name for name in names for _ in range(2)]
    assert lake.notes(TABLE, "2024-01") == dict.fromkeys(names, "done")


VERSIONS = st.lists(
    st.tuples(st.sampled_from(["A.X", "B.X"]), st.integers(0, 4), st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=25
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(facts=VERSIONS, compacts=st.booleans(), batch=st.integers(1, 9))
def test_every_as_of_read_equals_that_of_a_naive_model(facts: list[tuple[str, int, int, int]], compacts: bool, batch: int) -> None:
    """facts: (instrument, minute, day it was known, value); published in order of knowledge, in batches."""
    by_identity = {(name, minute, day): value for name, minute, day, value in facts}
    ordered = sorted(by_identity.items(), key=lambda item: (item[0][2], item[0]))
    model: list[tuple[str, int, int, int]] = []
    lake = memory_lake()
    for low in range(0, len(ordered), batch):
        frames = []
        for (name, minute, day), value in ordered[low : low + batch]:
            before = [v for n, m, _, v in model if (n, m) == (name, minute)]
            if not before or before[-1] != value:
                model.append((name, minute, day, value))
            known = day * NS_PER_DAY
            frames.append(rows(name, [float(value)], start_ns=JANUARY + minute * NS_PER_MINUTE, known_after_ns=known))
        lake.publish(TABLE, "2024-01", pl.concat(frames))
        if compacts:
            lake.compact(TABLE, "2024-01")

    for day in range(8):
        for low, high in ((None, None), (1, 3)):
            known = {(n, m): v for n, m, d, v in model if d < day and (low is None or high is None or low <= m < high)}
            read = lake.read(
                TABLE,
                as_of_ns=JANUARY + day * NS_PER_DAY,
                start_ns=None if low is None else JANUARY + low * NS_PER_MINUTE,
                end_ns=None if high is None else JANUARY + high * NS_PER_MINUTE,
            )
            found = zip(read["instrument"], (read["start_ns"] - JANUARY) // NS_PER_MINUTE, read["close"], strict=True)
            assert list(found) == [(n, m, float(v)) for (n, m), v in sorted(known.items())]
    assert lake.versions(TABLE).height == len(model)


def test_a_damaged_log_entry_and_a_missing_file_are_named(tmp_path: Path) -> None:
    lake = local_lake(tmp_path)
    lake.publish(TABLE, "2024-01", rows("BTC.X", [1.0]))
    data = tmp_path / lake.files(TABLE)[0]
    data.unlink()
    with pytest.raises(Missing, match=r"opening .*\.parquet: .*No such file"):
        lake.read(TABLE, as_of_ns=LATE)

    entry = tmp_path / "history/bars-1m/_log/2024-01/0000000001.json"
    entry.write_bytes(entry.read_bytes()[:100])
    with pytest.raises(Unreadable, match=r"lake log history/bars-1m/_log/2024-01/0000000001\.json: 100 bytes are no entry"):
        local_lake(tmp_path).read(TABLE, as_of_ns=LATE)


def test_damaged_parquet_is_unreadable_and_verification_names_it(tmp_path: Path) -> None:
    lake = local_lake(tmp_path)
    lake.publish(TABLE, "2024-01", rows("BTC.X", [1.0, 2.0]))
    path = tmp_path / lake.files(TABLE)[0]
    whole = path.read_bytes()
    assert lake.verify(TABLE) == len(whole)

    for damaged in (whole[: len(whole) // 2], whole[:4] + bytes(len(whole) - 4), b""):
        path.write_bytes(damaged)
        with pytest.raises(
            Unreadable, match=rf"lake file history/bars-1m/2024-01/{path.name}: .*expected the {len(whole)} bytes of Parquet"
        ):
            local_lake(tmp_path).read(TABLE, as_of_ns=LATE)
    path.write_bytes(whole[:-20] + b"X" + whole[-19:])
    with pytest.raises(Unreadable, match="bytes hash to"):
        lake.verify(TABLE)


def test_a_writer_that_always_loses_gives_up_with_a_transient_error() -> None:
    class Busy(MemoryFiles):
        def create(self, path: str, content: bytes) -> bool:
            return False

    with pytest.raises(Transient, match="100 commits by others came first"):
        FileLake(Busy()).publish(TABLE, "2024-01", rows("BTC.X", [1.0]))


def test_names_that_could_leave_the_lake_are_refused(tmp_path: Path) -> None:
    table = Table(bars("1m"), vendor="../../etc")
    with pytest.raises(Rejected, match="cannot name a folder"):
        local_lake(tmp_path).publish(table, "2024-01", rows("BTC.X", [1.0]))
    with pytest.raises(Rejected, match="expected relative names"):
        LocalFiles(tmp_path).read("a/../../b")


def test_a_note_that_is_too_long_is_refused() -> None:
    with pytest.raises(Rejected, match="has 4098 characters, expected at most 4096"):
        memory_lake().publish(TABLE, "2024-01", rows("BTC.X", [1.0]), note={"ab": "x" * 4096})


def test_two_columns_that_parquet_would_call_alike_are_refused() -> None:
    table = Table(Dataset("filings", (Column("filed_ns", "time"), Column("filed", "date"))))

    with pytest.raises(Rejected, match=r"columns \['filed'\] would stand twice"):
        memory_lake().read(table, as_of_ns=LATE)


def test_values_of_every_kind_survive() -> None:
    table = Table(
        Dataset("filings", (Column("form", "text"), Column("filed_ns", "time"), Column("due", "date"), Column("is_late", "bool")))
    )
    lake = memory_lake()
    frame = rows("A.X", [1.0, 2.0]).drop("close")
    frame = frame.with_columns(
        form=pl.Series(["10-K", None]),
        filed_ns=pl.Series([JANUARY, None]),
        due=pl.Series([parse_date("2024-02-29"), None]),
        is_late=pl.Series([True, None]),
    )
    lake.publish(table, "2024-01", frame)
    lake.publish(table, "2024-01", frame.with_columns(form=pl.lit("10-Q"), known_ns=pl.col("known_ns") + NS_PER_DAY)[:1])

    read = lake.read(table, as_of_ns=LATE, columns=["form", "filed_ns", "due", "is_late"])

    assert read.rows() == [("10-Q", JANUARY, parse_date("2024-02-29"), True), (None, None, None, None)]


def parse_date(text: str) -> object:
    from datetime import date

    return date.fromisoformat(text)


def test_the_oldest_notes_make_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_log, "NOTES_MAX", 2)
    lake = memory_lake()

    for number, key in enumerate("abca"):
        lake.publish(TABLE, "2024-01", rows("BTC.X", [1.0]), note={key: str(number)})

    assert lake.notes(TABLE, "2024-01") == {"c": "2", "a": "3"}


def test_a_partition_whose_first_commit_was_interrupted_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "history/bars-1m/_log/2024-01").mkdir(parents=True)
    lake = local_lake(tmp_path)

    assert lake.partitions(TABLE) == []
    assert lake.read(TABLE, as_of_ns=LATE).height == 0
    assert lake.publish(TABLE, "2024-01", rows("BTC.X", [1.0])).version == 1
    assert lake.partitions(TABLE) == ["2024-01"]


def test_a_whole_month_published_again_with_few_changes_appends_only_those() -> None:
    lake = memory_lake()
    month = pl.concat([rows(name, [float(i) for i in range(2_000)]) for name in ("A.X", "B.X")])
    lake.publish(TABLE, "2024-01", month)
    is_changed = pl.int_range(pl.len()) % 500 == 3
    later = month.with_columns(
        close=pl.when(is_changed).then(pl.col("close") + 0.5).otherwise(pl.col("close")), known_ns=pl.col("known_ns") + NS_PER_DAY
    )

    publication = lake.publish(TABLE, "2024-01", later)

    assert (publication.rows_new, publication.rows_restated, publication.rows_same) == (0, 8, 3_992)
    assert publication.changed == {"A.X": 4, "B.X": 4}
    assert lake.versions(TABLE).height == 4_008
    assert lake.read(TABLE, as_of_ns=LATE)["close"].sum() == month["close"].sum() + 4.0
