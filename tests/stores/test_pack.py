"""The pack over a real lake on disk."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tradewinds.core.errors import Missing, Rejected, Transient, Unreadable
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE, parse
from tradewinds.core.market import TRADES, bars
from tradewinds.core.observation import Table
from tradewinds.stores import pack_build
from tradewinds.stores.lake import FileLake, local_lake
from tradewinds.stores.pack import PackStore

TABLE = Table(bars("1m"))
JANUARY = parse("2024-01-01")
NOW = parse("2024-03-01")
LATER = parse("2024-04-01")


@pytest.fixture
def lake(tmp_path: Path) -> FileLake:
    return local_lake(tmp_path / "lake")


@pytest.fixture
def store(tmp_path: Path) -> PackStore:
    return PackStore(tmp_path / "pack")


def rows(instrument: str, closes: list[float], *, start: str = "2024-01-01", known_after_ns: int = 0, **more: Any) -> pl.DataFrame:
    starts = [parse(start) + i * NS_PER_MINUTE for i in range(len(closes))]
    columns = {
        "instrument": [instrument] * len(closes),
        "start_ns": starts,
        "event_ns": [at + NS_PER_MINUTE for at in starts],
        "known_ns": [at + NS_PER_MINUTE + known_after_ns for at in starts],
        "captured_ns": starts,
        "source": ["ab" * 32] * len(closes),
        "close": closes,
    }
    return pl.DataFrame(columns | more)


def publish(lake: FileLake, frame: pl.DataFrame, partition: str = "2024-01") -> None:
    lake.publish(TABLE, partition, frame)


def test_values_are_those_first_known_and_corrections_stand_beside_them(lake: FileLake, store: PackStore) -> None:
    publish(lake, rows("BTC.X", [1.0, 2.0, 3.0]))
    publish(lake, rows("BTC.X", [1.0, 2.5, 3.0], known_after_ns=NS_PER_DAY))
    publish(lake, rows("BTC.X", [9.0, 2.5, 3.0], known_after_ns=2 * NS_PER_DAY))
    store.build(lake, TABLE, as_of_ns=NOW)

    pack = store.open(TABLE)

    assert pack.instruments == ("BTC.X",)
    assert pack.read("BTC.X", "close").tolist() == [1.0, 2.0, 3.0]
    assert pack.read("BTC.X", "start_ns").tolist() == [JANUARY, JANUARY + NS_PER_MINUTE, JANUARY + 2 * NS_PER_MINUTE]
    assert pack.read("BTC.X", "known_ns")[1] == JANUARY + 2 * NS_PER_MINUTE
    corrections = pack.corrections("BTC.X")
    assert corrections.rows.tolist() == [1, 0]
    assert corrections.known_ns.tolist() == [JANUARY + 2 * NS_PER_MINUTE + NS_PER_DAY, JANUARY + NS_PER_MINUTE + 2 * NS_PER_DAY]
    assert corrections.values["close"].tolist() == [2.5, 9.0]


def test_latest_must_be_named_and_leaves_the_first_known_alone(lake: FileLake, store: PackStore) -> None:
    publish(lake, rows("BTC.X", [1.0, 2.0]))
    publish(lake, rows("BTC.X", [1.0, 2.5], known_after_ns=NS_PER_DAY))
    store.build(lake, TABLE, as_of_ns=NOW)
    pack = store.open(TABLE)

    assert pack.read("BTC.X", "close", view="latest").tolist() == [1.0, 2.5]
    assert pack.read("BTC.X", "close").tolist() == [1.0, 2.0]
    with pytest.raises(Rejected, match="pack view: 'newest', expected first or latest"):
        pack.read("BTC.X", "close", view="newest")  # type: ignore[arg-type]  # the misuse is the example


def test_an_event_loop_applies_each_correction_when_it_became_known(lake: FileLake, store: PackStore) -> None:
    publish(lake, rows("BTC.X", [1.0, 2.0]))
    publish(lake, rows("BTC.X", [1.5, 2.5], known_after_ns=NS_PER_DAY))
    store.build(lake, TABLE, as_of_ns=NOW)
    pack = store.open(TABLE)
    values = pack.read("BTC.X", "close").copy()
    corrections = pack.corrections("BTC.X")
    first_known = JANUARY + NS_PER_MINUTE + NS_PER_DAY

    seen = []
    before: int | None = None
    for now in (JANUARY + NS_PER_DAY, first_known, first_known + NS_PER_MINUTE):
        seen.append((corrections.apply("close", values, after_ns=before, until_ns=now), values.tolist()))
        before = now

    assert seen == [(0, [1.0, 2.0]), (1, [1.5, 2.0]), (1, [1.5, 2.5])]
    assert pack.as_of("BTC.X", "close", first_known).tolist() == [1.5, 2.0]
    assert pack.as_of("BTC.X", "close", JANUARY + NS_PER_MINUTE).tolist() == [1.0]


def test_what_became_known_after_the_vintage_is_not_in_it(lake: FileLake, store: PackStore) -> None:
    publish(lake, rows("BTC.X", [1.0, 2.0]))
    publish(lake, rows("BTC.X", [1.5, 2.0], known_after_ns=NS_PER_DAY))

    store.build(lake, TABLE, as_of_ns=JANUARY + NS_PER_MINUTE)

    pack = store.open(TABLE)
    assert pack.read("BTC.X", "close").tolist() == [1.0]
    assert pack.corrections("BTC.X").rows.tolist() == []


def test_columns_are_mapped_read_only_and_aligned(lake: FileLake, store: PackStore) -> None:
    publish(lake, rows("BTC.X", [1.0, 2.0, 3.0]))
    store.build(lake, TABLE, as_of_ns=NOW, columns=("close", "volume"))
    pack = store.open(TABLE)

    close = pack.read("BTC.X", "close")

    assert pack.columns == ("close", "volume")
    assert close.ctypes.data % 64 == 0
    assert not close.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        close[0] = 5.0
    with pytest.raises(Rejected, match="column 'open', expected one of"):
        pack.read("BTC.X", "open")
    with pytest.raises(Missing, match=r"'ETH\.X', expected one of its 1 instruments"):
        pack.read("ETH.X", "close")


def test_numbers_survive_whole_and_absent_is_not_a_number(lake: FileLake, store: PackStore) -> None:
    values = [100000.0, 0.00000812, float(2**63) * 4, 1e-300]
    publish(lake, rows("A/B C.X", values, trades=[1, None, 2**53, 0]))
    store.build(lake, TABLE, as_of_ns=NOW)
    pack = store.open(TABLE)

    assert pack.read("A/B C.X", "close").tolist() == values
    trades = pack.read("A/B C.X", "trades")
    assert np.isnan(trades[1])
    assert trades[[0, 2, 3]].tolist() == [1.0, 2.0**53, 0.0]
    assert np.isnan(pack.read("A/B C.X", "open")).all()


def test_an_integer_that_a_float_cannot_hold_is_refused(lake: FileLake, store: PackStore) -> None:
    publish(lake, rows("BTC.X", [1.0], trades=[2**53 + 1]))

    with pytest.raises(Rejected, match=r"trades 9007199254740993, expected an integer within 2\*\*53"):
        store.build(lake, TABLE, as_of_ns=NOW)

    assert store.current(TABLE) is None


def test_only_changed_instruments_are_written_again(lake: FileLake, store: PackStore) -> None:
    publish(lake, rows("BTC.X", [1.0]))
    publish(lake, rows("ETH.X", [2.0]))
    first = store.build(lake, TABLE, as_of_ns=NOW)
    publish(lake, rows("BTC.X", [1.5], known_after_ns=NS_PER_DAY))

    second = store.build(lake, TABLE, as_of_ns=LATER)

    old, new = store.open(TABLE, first.vintage), store.open(TABLE)
    assert (old.folder / "ETH.X.cols").samefile(new.folder / "ETH.X.cols")
    assert not (old.folder / "BTC.X.cols").samefile(new.folder / "BTC.X.cols")
    assert old.corrections("BTC.X").rows.tolist() == []
    assert new.corrections("BTC.X").values["close"].tolist() == [1.5]
    assert second.versions == {"2024-01": 3}
    assert store.vintages(TABLE) == [first.vintage, second.vintage]


def test_the_same_build_again_writes_nothing_and_the_same_inputs_give_the_same_bytes(
    lake: FileLake, store: PackStore, tmp_path: Path
) -> None:
    publish(lake, rows("BTC.X", [1.0, 2.0]))
    publish(lake, rows("BTC.X", [1.0, 2.5], known_after_ns=NS_PER_DAY))
    first = store.build(lake, TABLE, as_of_ns=NOW)
    stamps = {path: path.stat().st_mtime_ns for path in store.root.rglob("*") if path.is_file() and path.name != ".lock"}

    again = store.build(lake, TABLE, as_of_ns=NOW)
    other = PackStore(tmp_path / "other")
    other.build(lake, TABLE, as_of_ns=NOW)

    assert again == first
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    mine, others = store.open(TABLE).folder, other.open(TABLE).folder
    assert {path.name: path.read_bytes() for path in mine.iterdir()} == {path.name: path.read_bytes() for path in others.iterdir()}


def test_the_recent_window_is_time_major_with_gaps_and_corrections(lake: FileLake, store: PackStore) -> None:
    publish(lake, rows("BTC.X", [1.0, 2.0, 3.0, 4.0]))
    publish(lake, rows("ETH.X", [20.0, 30.0], start="2024-01-01T00:01:00Z"))
    publish(lake, rows("ETH.X", [20.0, 35.0], start="2024-01-01T00:01:00Z", known_after_ns=NS_PER_DAY))
    store.build(lake, TABLE, as_of_ns=NOW, recent_ns=3 * NS_PER_MINUTE)
    pack = store.open(TABLE)

    recent, latest = pack.recent(), pack.recent(view="latest")

    assert recent.instruments == ("BTC.X", "ETH.X")
    assert recent.start_ns.tolist() == [JANUARY + i * NS_PER_MINUTE for i in (1, 2, 3)]
    assert recent.values["close"][:, 0].tolist() == [2.0, 3.0, 4.0]
    assert recent.values["close"][:2, 1].tolist() == [20.0, 30.0]
    assert np.isnan(recent.values["close"][2, 1])
    assert latest.values["close"][1].tolist() == [3.0, 35.0]
    assert recent.corrections.rows.tolist() == [3]
    assert recent.last(NS_PER_MINUTE) == slice(2, 3)


def test_a_span_names_positions_of_a_half_open_interval(lake: FileLake, store: PackStore) -> None:
    publish(lake, rows("BTC.X", [1.0, 2.0, 3.0, 4.0]))
    store.build(lake, TABLE, as_of_ns=NOW)
    pack = store.open(TABLE)

    span = pack.span("BTC.X", JANUARY + NS_PER_MINUTE, JANUARY + 3 * NS_PER_MINUTE)

    assert pack.read("BTC.X", "close")[span].tolist() == [2.0, 3.0]


def test_verify_names_a_file_that_changed(lake: FileLake, store: PackStore) -> None:
    publish(lake, rows("BTC.X", [1.0, 2.0]))
    store.build(lake, TABLE, as_of_ns=NOW)
    pack = store.open(TABLE)
    path = pack.folder / "BTC.X.cols"
    assert pack.verify() == path.stat().st_size + (pack.folder / "recent.cols").stat().st_size

    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=r"BTC\.X\.cols: \d+ bytes hash to"):
        pack.verify()
    path.write_bytes(content[:-8])
    with pytest.raises(Unreadable, match=r"BTC\.X\.cols: \d+ bytes, expected"):
        store.open(TABLE).read("BTC.X", "close")


def test_old_vintages_are_retired_but_open_maps_stay_valid(lake: FileLake, store: PackStore) -> None:
    vintages = []
    for day in range(1, 4):
        publish(lake, rows("BTC.X", [float(day)], start=f"2024-01-0{day}"))
        vintages.append(store.build(lake, TABLE, as_of_ns=NOW + day).vintage)
    oldest = store.open(TABLE, vintages[0])
    close = oldest.read("BTC.X", "close")

    removed = store.retain(TABLE, keep=2)

    assert removed == [vintages[0]]
    assert store.vintages(TABLE) == vintages[1:]
    assert store.retain(TABLE, keep=2) == []
    assert close.tolist() == [1.0]
    with pytest.raises(Missing, match="expected one of"):
        store.open(TABLE, vintages[0])


def test_a_cut_between_any_two_syncs_leaves_the_old_vintage_and_the_repeat_completes(
    lake: FileLake, store: PackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCutError(BaseException):
        pass

    publish(lake, rows("BTC.X", [1.0]))
    store.build(lake, TABLE, as_of_ns=NOW)
    publish(lake, rows("BTC.X", [1.0, 2.0]))
    publish(lake, rows("ETH.X", [5.0]))
    real = os.fsync
    answers = []

    for last in range(20):
        left = last

        def cut(descriptor: int) -> None:
            nonlocal left
            if left == 0:
                raise PowerCutError
            left -= 1
            real(descriptor)

        monkeypatch.setattr(pack_build.os, "fsync", cut)
        try:
            store.build(lake, TABLE, as_of_ns=LATER)
        except PowerCutError:
            assert store.open(TABLE).verify() > 0
            answers.append(store.open(TABLE).read("BTC.X", "close").tolist())
        else:
            break
        finally:
            monkeypatch.setattr(pack_build.os, "fsync", real)
    assert len(answers) >= 5
    assert answers == sorted(answers)
    assert all(answer in ([1.0], [1.0, 2.0]) for answer in answers)
    assert store.open(TABLE).instruments == ("BTC.X", "ETH.X")
    assert not list(store.root.rglob(".building-*"))


def test_a_full_disk_is_transient_and_gives_its_room_back(lake: FileLake, store: PackStore, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(lake, rows("BTC.X", [1.0]))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pack_build.os, "fsync", full)
    with pytest.raises(Transient, match=r"writing .*BTC\.X\.cols: No space left on device"):
        store.build(lake, TABLE, as_of_ns=NOW)

    assert store.current(TABLE) is None
    assert {path.name for path in store.root.rglob("*")} == {"history", "bars-1m", ".lock"}


def test_two_builders_at_once_are_told_apart(lake: FileLake, store: PackStore) -> None:
    publish(lake, rows("BTC.X", [1.0]))
    folder = store.root / TABLE.name
    folder.mkdir(parents=True)
    with open(folder / ".lock", "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        with pytest.raises(Transient, match="another process is building"):
            store.build(lake, TABLE, as_of_ns=NOW)

    assert store.build(lake, TABLE, as_of_ns=NOW).vintage == store.current(TABLE)


def test_nothing_to_pack_and_what_cannot_be_packed_are_refused(lake: FileLake, store: PackStore) -> None:
    with pytest.raises(Missing, match="the lake holds nothing known at 2024-03-01"):
        store.build(lake, TABLE, as_of_ns=NOW)
    with pytest.raises(Missing, match="vintage current, expected one of"):
        store.open(TABLE)
    with pytest.raises(Rejected, match=r"keys \('id',\), expected one fact per instrument and time"):
        store.build(lake, Table(TRADES), as_of_ns=NOW)
    with pytest.raises(Rejected, match=r"columns \['klose'\]"):
        store.build(lake, TABLE, as_of_ns=NOW, columns=("klose",))
