"""The lake when the machine stops, the disk fills or a neighbour commits between any two writes."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tradewinds.core.errors import Transient
from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.stores.lake import FileLake, local_lake
from tradewinds.stores.lake_files import LocalFiles

TABLE = Table(bars("1m"))
JANUARY = parse("2024-01-01")
LATE = parse("2030-01-01")

CHILD = """
import os, signal, sys
from tests_lake_crash import rows, TABLE
from tradewinds.stores.lake import FileLake
from tradewinds.stores.lake_files import LocalFiles

seen = []
def step(what):
    seen.append(what)
    if len(seen) > int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

FileLake(LocalFiles(sys.argv[1], step=step)).publish(TABLE, "2024-01", rows([1.0, 2.5], 7), note={"input": "b"})
"""


def rows(closes: list[float], known_minutes: int = 0) -> pl.DataFrame:
    starts = [JANUARY + i * NS_PER_MINUTE for i in range(len(closes))]
    return pl.DataFrame(
        {
            "instrument": ["BTC.X"] * len(closes),
            "start_ns": starts,
            "event_ns": [at + NS_PER_MINUTE for at in starts],
            "known_ns": [at + (1 + known_minutes) * NS_PER_MINUTE for at in starts],
            "captured_ns": [JANUARY] * len(closes),
            "source": ["ab" * 32] * len(closes),
            "close": closes,
        }
    )


def closes(lake: FileLake) -> list[float]:
    return lake.read(TABLE, as_of_ns=LATE)["close"].to_list()


class _PowerCutError(BaseException):
    """Not an Exception: nothing may catch it and tidy up."""


def cutting(after: int) -> Callable[[str], None]:
    seen: list[str] = []

    def step(what: str) -> None:
        seen.append(what)
        if len(seen) > after:
            raise _PowerCutError

    return step


def steps_of(root: Path, act: Callable[[FileLake], object]) -> int:
    seen: list[str] = []
    act(FileLake(LocalFiles(root, step=seen.append)))
    return len(seen)


def restate(lake: FileLake) -> None:
    lake.publish(TABLE, "2024-01", rows([1.0, 2.5], 7), note={"input": "b"})


def test_a_cut_between_any_two_writes_of_a_publish_shows_the_old_version_or_the_new_one(tmp_path: Path) -> None:
    local_lake(tmp_path / "count").publish(TABLE, "2024-01", rows([1.0, 2.0]), note={"input": "a"})
    steps = steps_of(tmp_path / "count", restate)
    assert steps >= 8

    answers = []
    for after in range(steps):
        root = tmp_path / f"cut-{after}"
        local_lake(root).publish(TABLE, "2024-01", rows([1.0, 2.0]), note={"input": "a"})
        with pytest.raises(_PowerCutError):
            restate(FileLake(LocalFiles(root, step=cutting(after))))

        lake = local_lake(root)
        answers.append((closes(lake), lake.note(TABLE, "2024-01", "input")))
        restate(lake)
        assert (closes(lake), lake.version(TABLE, "2024-01"), lake.note(TABLE, "2024-01", "input")) == ([1.0, 2.5], 2, "b")

    old, new = ([1.0, 2.0], "a"), ([1.0, 2.5], "b")
    assert answers == sorted(answers, key=lambda answer: answer == new)
    assert answers[0] == old
    assert answers[-1] == new
    assert all(answer in (old, new) for answer in answers)


def test_a_killed_process_leaves_the_old_version_readable_and_the_repeat_completes(tmp_path: Path) -> None:
    (tmp_path / "tests_lake_crash.py").write_bytes(Path(__file__).read_bytes())
    for after in (3, 6):  # before the data file counts as written; before the entry is linked
        root = tmp_path / f"killed-{after}"
        local_lake(root).publish(TABLE, "2024-01", rows([1.0, 2.0]))

        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", CHILD, str(root), str(after)], env=environment, check=False, timeout=120)

        lake = local_lake(root)
        assert done.returncode == -signal.SIGKILL
        assert closes(lake) == [1.0, 2.0]
        restate(lake)
        assert closes(lake) == [1.0, 2.5]


def test_a_cut_during_compaction_or_retention_changes_no_answer_and_the_repeat_completes(tmp_path: Path) -> None:
    def prepared(root: Path) -> None:
        lake = local_lake(root)
        lake.publish(TABLE, "2024-01", rows([1.0, 2.0]))
        restate(lake)

    def maintain(lake: FileLake) -> None:
        lake.compact(TABLE, "2024-01")
        lake.retain(TABLE, keep_ns=0, now_ns=parse("2100-01-01"))

    prepared(tmp_path / "count")
    steps = steps_of(tmp_path / "count", maintain)
    whole = {path.name for path in (tmp_path / "count").rglob("*") if path.is_file()}
    assert len(whole) == 2

    for after in range(steps):
        root = tmp_path / f"cut-{after}"
        prepared(root)
        with pytest.raises(_PowerCutError):
            maintain(FileLake(LocalFiles(root, step=cutting(after))))

        assert closes(local_lake(root)) == [1.0, 2.5]
        maintain(local_lake(root))
        assert closes(local_lake(root)) == [1.0, 2.5]
        assert {path.name for path in root.rglob("*") if path.is_file()} == whole


@pytest.mark.parametrize("where", ["mkdir", "write", "sync", "rename", "link"])
def test_a_full_disk_is_transient_names_the_path_and_changes_nothing(tmp_path: Path, where: str) -> None:
    local_lake(tmp_path).publish(TABLE, "2024-01", rows([1.0, 2.0]))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}

    def full(what: str) -> None:
        if what.startswith(where):
            raise OSError(errno.ENOSPC, "No space left on device")

    lake = FileLake(LocalFiles(tmp_path, step=full))
    with pytest.raises(Transient, match=r"(writing|syncing) .*history/bars-1m.*: No space left on device"):
        lake.publish(TABLE, "2024-02" if where == "mkdir" else "2024-01", _rows_for(where))

    after = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert closes(local_lake(tmp_path)) == [1.0, 2.0]
    assert not [path for path in after - before if path.name.endswith((".tmp", ".json"))]


def _rows_for(where: str) -> pl.DataFrame:
    if where != "mkdir":
        return rows([1.0, 2.5], 7)
    shift = parse("2024-02-01") - JANUARY
    return rows([1.0]).with_columns(pl.col("start_ns", "event_ns", "known_ns") + shift)


def test_a_commit_by_a_neighbour_in_between_is_compared_again(tmp_path: Path) -> None:
    neighbours = iter([local_lake(tmp_path)])

    def interrupted(what: str) -> None:
        if what.startswith("link"):
            for neighbour in neighbours:
                neighbour.publish(TABLE, "2024-01", rows([1.0, 2.0]))

    late = FileLake(LocalFiles(tmp_path, step=interrupted)).publish(TABLE, "2024-01", rows([1.0, 2.0, 3.0]))

    assert (late.version, late.rows_new, late.rows_same) == (2, 1, 2)
    assert local_lake(tmp_path).versions(TABLE)["close"].to_list() == [1.0, 2.0, 3.0]


def test_a_reader_that_began_before_a_compaction_still_finds_its_files_within_the_retention(tmp_path: Path) -> None:
    lake = local_lake(tmp_path)
    lake.publish(TABLE, "2024-01", rows([1.0, 2.0]))
    restate(lake)
    old_files = lake.files(TABLE)

    lake.compact(TABLE, "2024-01")
    newest = max(path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet"))
    lake.retain(TABLE, keep_ns=60_000_000_000, now_ns=newest + 1)

    assert all((tmp_path / name).is_file() for name in old_files)


def test_what_an_interrupted_writer_left_is_swept_by_retention(tmp_path: Path) -> None:
    lake = local_lake(tmp_path)
    lake.publish(TABLE, "2024-01", rows([1.0, 2.0]))
    folder = tmp_path / "history" / "bars-1m" / "2024-01"
    (folder / ".abc.parquet.1.2.0.tmp").write_bytes(b"half")
    (folder / ("0" * 32 + ".parquet")).write_bytes(b"never committed")

    removed = lake.retain(TABLE, keep_ns=0, now_ns=parse("2100-01-01"))

    assert removed == 4 + 15
    assert len(list(folder.iterdir())) == 1
    assert closes(lake) == [1.0, 2.0]
