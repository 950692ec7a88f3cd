"""Backups: whole, checked, without secrets, taken while others write; restored in one step or not at all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from tradewinds.core.errors import Missing, Rejected, TradewindsError, Unreadable
from tradewinds.core.instrument import Instrument
from tradewinds.core.market import bars
from tradewinds.core.observation import Payload, Pull, Table
from tradewinds.core.record import Bookmark
from tradewinds.stores.journal import open_sqlite_journal, read_sqlite_journal
from tradewinds.trading.entry import Entry, Ticked
from tradewinds.trading.journal import GENESIS, Chained, chained
from tradewinds.wiring.backup import make_backup
from tradewinds.wiring.backup_manifest import Manifest, read_manifest
from tradewinds.wiring.backup_restore import restore_backup, user_of, verify
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import load_config

CANARY = "c4nary-that-nobody-backs-up"
MINUTE_NS = 60_000_000_000
TABLE = Table(bars("1m"))
CONFIG = """
accounts:
  main: {broker: paper, currency: USDT}
"""
Open = Callable[..., House]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens the house of a home, by the workspace `firm`."""
    for name in [name for name in os.environ if name.startswith(("TRADEWINDS_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    firm = tmp_path / "firm"
    (firm / "strategies").mkdir(parents=True)
    (firm / "tradewinds.yaml").write_text(CONFIG)
    (firm / "strategies" / "trend.py").write_text("# a strategy\n")
    made: list[House] = []

    def call(home: str = "home", config: str | None = None, **environment: str) -> House:
        if config is not None:
            (firm / "tradewinds.yaml").write_text(config)
        given = {"TRADEWINDS_HOME": str(tmp_path / home), **environment}
        made.append(House(load_config(firm / "tradewinds.yaml", given), clock=ReplayClock(1_000)))
        return made[-1]

    yield call
    for house in made:
        house.close()


def entries(count: int, sequence: int = 0, last: bytes = GENESIS) -> list[Chained]:
    return chained([Entry(1_000 + sequence + number, Ticked(), ()) for number in range(count)], sequence, last)


def journal_of(home: Path, count: int) -> list[Chained]:
    rows = entries(count)
    journal = open_sqlite_journal(home / "trade" / "main.sqlite")
    journal.append(rows)
    journal.close()
    return rows


def publish(house: House, closes: list[float]) -> None:
    starts = [number * MINUTE_NS for number in range(len(closes))]
    known = [start + 2 * MINUTE_NS for start in starts]
    frame = pl.DataFrame({
        "instrument": ["BTCUSDT.LOCAL"] * len(closes), "start_ns": starts, "event_ns": [start + MINUTE_NS for start in starts],
        "known_ns": known, "captured_ns": known, "source": ["test"] * len(closes), "open": closes, "high": closes, "low": closes,
        "close": closes, "volume": [1.0] * len(closes),
    })  # fmt: skip
    house.lake.publish(TABLE, TABLE.dataset.partition_of(0), frame)


def filled(house: House) -> None:
    """A ledger, a journal of 250 entries, a lake of three bars in two versions, vendor's bytes, a model, a page, files of Airflow."""
    house.ledger.upsert_instruments([Instrument("BTCUSDT.LOCAL", "spot", "USDT", "24/7", base="BTC")])
    house.ledger.set_bookmark("ingest", "BTCUSDT.LOCAL", Bookmark(7))
    journal_of(house.home, 250)
    publish(house, [100.0, 101.0])
    publish(house, [100.0, 101.0, 102.0])
    house.raw.put(Payload(Pull("vendor", "bars-1m", "file.csv"), b"time,close\n", 5))
    for name, text in {
        "models/files/abc/model.json": "{}", "reports/night.html": "<p>", "trade/daily/main.json": "{}",
        "airflow/passwords.json": CANARY, "up/trade.log": "said",
    }.items():  # fmt: skip
        (house.home / name).parent.mkdir(parents=True, exist_ok=True)
        (house.home / name).write_text(text)


def contents(folder: Path) -> Mapping[str, bytes]:
    return {place.relative_to(folder).as_posix(): place.read_bytes() for place in sorted(folder.rglob("*")) if place.is_file()}


@pytest.fixture
def backup(opened: Open, tmp_path: Path) -> Path:
    """A whole backup of a filled home."""
    house = opened()
    filled(house)
    make_backup(house, tmp_path / "backup")
    return tmp_path / "backup"


# Whole


def test_what_was_backed_up_comes_back_in_a_new_home(opened: Open, backup: Path, tmp_path: Path) -> None:
    manifest = verify(backup)
    house = opened("new")

    done = restore_backup(house, backup)

    (kept,) = manifest.journals
    assert (kept.account, kept.kind, kept.sequence, kept.hash) == ("main", "trade", 250, entries(250)[-1].hash.hex())
    assert manifest.ledger is not None
    assert (manifest.ledger["instrument"], manifest.ledger["bookmark"], manifest.ledger["finding"]) == (1, 1, 0)
    assert done.before is None
    assert house.ledger.check() == []
    assert house.ledger.bookmark("ingest", "BTCUSDT.LOCAL") == Bookmark(7)
    assert list(read_sqlite_journal(tmp_path / "new" / "trade" / "main.sqlite").read()) == entries(250)
    assert house.lake.read(TABLE, as_of_ns=10 * MINUTE_NS)["close"].to_list() == [100.0, 101.0, 102.0]
    assert (tmp_path / "new" / "models" / "files" / "abc" / "model.json").read_text() == "{}"
    assert (tmp_path / "new" / "reports" / "night.html").exists()
    assert not (tmp_path / "new" / "airflow").exists()
    assert not (tmp_path / "new" / "raw").exists()


def test_the_restored_lake_takes_the_next_version(opened: Open, backup: Path) -> None:
    house = opened("new")
    restore_backup(house, backup)

    publish(house, [100.0, 101.0, 102.0, 103.0])

    assert house.lake.read(TABLE, as_of_ns=10 * MINUTE_NS)["close"].to_list() == [100.0, 101.0, 102.0, 103.0]


def test_the_vendors_bytes_come_along_when_asked_for(opened: Open, tmp_path: Path) -> None:
    house = opened()
    filled(house)
    make_backup(house, tmp_path / "backup", has_raw=True)
    new = opened("new")

    restore_backup(new, tmp_path / "backup")

    sha256 = Payload(Pull("vendor", "bars-1m", "file.csv"), b"time,close\n", 5).sha256
    assert new.raw.get(sha256) == b"time,close\n"
    assert new.raw.captures(sha256)[0]["locator"] == "file.csv"


def test_an_empty_home_is_backed_up_and_restored_too(opened: Open, tmp_path: Path) -> None:
    manifest = make_backup(opened(), tmp_path / "backup")
    house = opened("new")

    restore_backup(house, tmp_path / "backup")

    assert (manifest.ledger, manifest.journals) == (None, ())
    assert house.home.is_dir()


# Damage


def altered(place: Path) -> None:
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "harm", "error"),
    [
        ("home/ledger.sqlite", altered, Unreadable),
        ("home/trade/main.sqlite", altered, Unreadable),
        ("home/trade/main.sqlite", lambda place: os.truncate(place, 4096), Unreadable),
        ("home/models/files/abc/model.json", Path.unlink, Missing),
        ("workspace/tradewinds.yaml", lambda place: place.write_text(CONFIG + "#"), Unreadable),
        ("manifest.json", altered, Unreadable),
        ("manifest.json", Path.unlink, Missing),
        ("manifest.sha256", lambda place: place.write_text(""), Unreadable),
        ("home/trade/second.sqlite", lambda place: place.write_text("planted"), Unreadable),
    ],
)
def test_a_file_that_is_altered_cut_absent_or_strange_is_named_and_nothing_is_touched(
    opened: Open, backup: Path, tmp_path: Path, name: str, harm: Callable[[Path], object], error: type[TradewindsError]
) -> None:
    harm(backup / name)

    with pytest.raises(error) as told:
        restore_backup(opened("new"), backup)

    assert name.rpartition("/")[2] in str(told.value)
    assert not (tmp_path / "new").exists()
    assert [place.name for place in tmp_path.iterdir() if place.name.startswith(".")] == []


def test_a_journal_that_was_made_anew_with_its_hashes_is_told_by_its_head(opened: Open, backup: Path) -> None:
    """Somebody takes the last entry away and puts every hash of the manifest right, but for the journal's head."""
    import hashlib

    place = backup / "home" / "trade" / "main.sqlite"
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("DELETE FROM entries WHERE sequence = 250")
    words = json.loads((backup / "manifest.json").read_text())
    for file in words["files"]:
        if file["path"] == "home/trade/main.sqlite":
            file |= {"size": place.stat().st_size, "sha256": hashlib.sha256(place.read_bytes()).hexdigest()}
    body = json.dumps(words).encode()
    (backup / "manifest.json").write_bytes(body)
    (backup / "manifest.sha256").write_text(hashlib.sha256(body).hexdigest())

    with pytest.raises(Unreadable, match=r"main\.sqlite ends with entry 249 .*expected 250"):
        restore_backup(opened("new"), backup)


def test_a_damaged_lake_file_and_a_damaged_journal_are_no_backup(opened: Open, tmp_path: Path) -> None:
    house = opened()
    filled(house)
    with closing(sqlite3.connect(house.home / "trade" / "main.sqlite")) as connection, connection:
        connection.execute("UPDATE entries SET time_ns = time_ns, body = body || x'20' WHERE sequence = 100")

    with pytest.raises(Unreadable, match="entry 100 does not fit the chain"):
        make_backup(house, tmp_path / "backup")

    (house.home / "trade" / "main.sqlite").unlink()
    file = next(house.home.glob("lake/history/*/*/*.parquet"))
    altered(file)
    with pytest.raises(Unreadable, match=file.name):
        make_backup(house, tmp_path / "backup")

    assert not (tmp_path / "backup").exists()
    assert [place.name for place in tmp_path.iterdir() if place.name.startswith(".")] == []


def test_a_path_that_leads_out_of_the_backup_is_refused(backup: Path, opened: Open, tmp_path: Path) -> None:
    import hashlib

    words = json.loads((backup / "manifest.json").read_text())
    words["files"][0]["path"] = "home/../../planted"
    body = json.dumps(words).encode()
    (backup / "manifest.json").write_bytes(body)
    (backup / "manifest.sha256").write_text(hashlib.sha256(body).hexdigest())

    with pytest.raises(Unreadable, match="expected a path below the backup"):
        restore_backup(opened("new"), backup)


# In use, taken, replaced


def test_a_home_in_use_is_refused_by_the_name_of_its_user(opened: Open, backup: Path, tmp_path: Path) -> None:
    shutil.copytree(backup / "home", tmp_path / "new")
    held = subprocess.Popen(
        [sys.executable, "-c", f"f = open({str(tmp_path / 'new' / 'ledger.sqlite')!r}); print('open', flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert held.stdout is not None
    held.stdout.readline()
    try:
        with pytest.raises(Rejected, match=f"process {held.pid}, with .*ledger.sqlite open, uses it"):
            restore_backup(opened("new"), backup, is_replacing=True)
    finally:
        held.communicate(b"\n")

    writer = open_sqlite_journal(tmp_path / "new" / "trade" / "main.sqlite")
    assert user_of(tmp_path / "new") == "the holder of main.lock"
    writer.close()
    assert user_of(tmp_path / "new") is None


def test_a_home_that_holds_something_is_kept_beside_the_one_that_replaces_it(opened: Open, backup: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine.txt").write_text("kept")

    with pytest.raises(Rejected, match="--replace keeps the old one"):
        restore_backup(opened("new"), backup)
    assert (tmp_path / "new" / "mine.txt").read_text() == "kept"
    done = restore_backup(opened("new"), backup, is_replacing=True)

    assert done.before is not None
    assert (done.before / "mine.txt").read_text() == "kept"
    assert not (tmp_path / "new" / "mine.txt").exists()
    assert (tmp_path / "new" / "ledger.sqlite").exists()


def test_what_is_restored_starts_halted_also_above_the_epoch_of_the_home_it_replaces(opened: Open, backup: Path, tmp_path: Path) -> None:
    from tradewinds.live.epoch import open_epoch

    with open_epoch(tmp_path / "new") as epoch:
        for _ in range(4):
            epoch.raise_epoch()

    restore_backup(opened("new"), backup, is_replacing=True)

    with open_epoch(tmp_path / "new") as epoch:
        assert (epoch.epoch(), epoch.acknowledged()) == (5, 0)


def test_a_taken_target_and_one_below_the_home_are_refused(opened: Open, backup: Path, tmp_path: Path) -> None:
    house = opened()

    with pytest.raises(Rejected, match="there is something already"):
        make_backup(house, backup)
    with pytest.raises(Rejected, match="below the home"):
        make_backup(house, house.home / "backups")


# Secrets


def test_no_secret_is_in_a_backup(opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret.txt"
    file.write_text(CANARY)
    monkeypatch.setenv("TRADEWINDS_ACCOUNTS__MAIN__SECRET", CANARY)
    monkeypatch.setenv("TRADEWINDS_VENDORS__TIINGO__SECRET_FILE", str(file))
    house = opened(config=CONFIG + f"storage: {{warehouse: 'postgresql://me:{CANARY}@nowhere/x'}}\n")
    (tmp_path / "firm" / ".env").write_text(f"TRADEWINDS_ACCOUNTS__MAIN__SECRET={CANARY}\n")
    (tmp_path / "firm" / "strategies" / ".env").write_text(CANARY)
    filled(house)

    made = make_backup(house, tmp_path / "backup", has_raw=True)

    assert [name for name, content in contents(tmp_path / "backup").items() if CANARY.encode() in content] == []
    assert "postgresql://me:***@nowhere/x" in (tmp_path / "backup" / "workspace" / "tradewinds.yaml").read_text()
    assert any(line.startswith("secrets: tradewinds.yaml held some") for line in made.left_out)


def test_a_secret_that_somebody_wrote_into_a_file_stops_the_backup_without_being_told(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWINDS_ACCOUNTS__MAIN__KEY", CANARY)
    house = opened()
    (tmp_path / "firm" / "strategies" / "trend.py").write_text(f"KEY = '{CANARY}'\n")

    with pytest.raises(Rejected) as told:
        make_backup(house, tmp_path / "backup")

    assert "workspace/strategies/trend.py holds the secret of TRADEWINDS_ACCOUNTS__MAIN__KEY" in str(told.value)
    assert CANARY not in str(told.value)
    assert not (tmp_path / "backup").exists()


# While others write

WRITER = """
import sys
from pathlib import Path
from tradewinds.stores.journal import open_sqlite_journal
from tradewinds.trading.entry import Entry, Ticked
from tradewinds.trading.journal import GENESIS, chained

journal = open_sqlite_journal(Path(sys.argv[1]))
sequence, last = 0, GENESIS
while True:
    rows = chained([Entry(sequence, Ticked(), ())], sequence, last)
    journal.append(rows)
    sequence, last = rows[-1].sequence, rows[-1].hash
    print(sequence, flush=True)
"""


def test_a_backup_of_a_journal_that_is_written_meanwhile_has_all_that_was_durable_when_it_began(opened: Open, tmp_path: Path) -> None:
    house = opened()
    path = house.home / "trade" / "main.sqlite"
    path.parent.mkdir(parents=True)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    made: list[Manifest] = []
    durable: list[int] = []
    try:
        for number in range(3):
            for _ in range(50):
                durable_now = int(writer.stdout.readline())
            durable.append(durable_now)
            made.append(make_backup(house, tmp_path / f"backup-{number}"))
    finally:
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
    written = list(read_sqlite_journal(path).read())

    heads = [manifest.journals[0].sequence for manifest in made]
    assert all(head >= least for head, least in zip(heads, durable, strict=True))
    assert heads == sorted(heads)
    for number, head in enumerate(heads):
        assert verify(tmp_path / f"backup-{number}") == read_manifest(tmp_path / f"backup-{number}")
        restore_backup(opened(f"new-{number}"), tmp_path / f"backup-{number}")
        assert list(read_sqlite_journal(tmp_path / f"new-{number}" / "trade" / "main.sqlite").read()) == written[:head]


def test_the_guards_journal_and_a_paper_brokers_file_come_along(opened: Open, tmp_path: Path) -> None:
    house = opened()
    guard = open_sqlite_journal(house.home / "guard" / "real.sqlite")
    guard.append(entries(3))
    guard.close()
    journal_of(house.home, 2)
    with closing(sqlite3.connect(house.home / "trade" / "main.paper.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE fills (id INTEGER PRIMARY KEY, body TEXT)")
        connection.execute("INSERT INTO fills VALUES (1, 'a fill')")

    made = make_backup(house, tmp_path / "backup")
    restore_backup(opened("new"), tmp_path / "backup")

    assert {(one.account, one.kind): one.sequence for one in made.journals} == {("main", "trade"): 2, ("real", "guard"): 3}
    assert list(read_sqlite_journal(tmp_path / "new" / "guard" / "real.sqlite").read()) == entries(3)
    with closing(sqlite3.connect(tmp_path / "new" / "trade" / "main.paper.sqlite")) as connection:
        assert connection.execute("SELECT body FROM fills").fetchall() == [("a fill",)]


def test_mlflow_finds_its_files_below_the_new_home(opened: Open, tmp_path: Path) -> None:
    house = opened()
    artifacts = house.home / "mlflow" / "artifacts"
    artifacts.mkdir(parents=True)
    (artifacts / "model.json").write_text("{}")
    with closing(sqlite3.connect(house.home / "mlflow" / "mlflow.db")) as connection, connection:
        connection.execute("CREATE TABLE runs (run_uuid TEXT, artifact_uri TEXT)")
        connection.executemany(
            "INSERT INTO runs VALUES (?, ?)", [("a", f"{artifacts}/1"), ("b", "s3://bucket/2"), ("c", f"file://{artifacts}/3")]
        )

    make_backup(house, tmp_path / "backup")
    restore_backup(opened("new"), tmp_path / "backup")

    new = tmp_path / "new" / "mlflow"
    assert (new / "artifacts" / "model.json").exists()
    with closing(sqlite3.connect(new / "mlflow.db")) as connection:
        places = dict(connection.execute("SELECT run_uuid, artifact_uri FROM runs"))
    assert places == {"a": f"{new}/artifacts/1", "b": "s3://bucket/2", "c": f"file://{new}/artifacts/3"}
