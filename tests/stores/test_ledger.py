"""The ledger's own house: migrations, durability, several processes, errors without secrets."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tradewinds.core.errors import Rejected, Transient, Unreadable
from tradewinds.core.record import Bookmark
from tradewinds.stores.ledger import Ledger
from tradewinds.stores.ledger_database import redacted
from tradewinds.stores.ledger_schema import HEAD, VERSION_TABLE, metadata


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address behind which nothing stands yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/below/ledger.sqlite"
    server = request.getfixturevalue("postgres")
    name = f"ledger_{tmp_path.stat().st_ino}"
    server.create_database(name)
    return str(server.url(name))


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger(url) as ledger:
        ledger.migrate()
        yield ledger


def test_a_new_ledger_says_that_it_wants_migrating(url: str) -> None:
    with Ledger(url) as ledger:
        [reason] = ledger.check()
        assert reason.endswith(f"has no tables yet, expected revision {HEAD}: run migrate")
        with pytest.raises(Rejected, match="run migrate first"):
            ledger.findings()

        assert ledger.migrate() is True
        assert ledger.migrate() is False
        assert ledger.check() == []


# SQLite cannot show an index over an expression; that it works is proved by the contract.
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_the_migrations_make_what_the_tables_say(ledger: Ledger) -> None:
    with ledger.database.reading("comparing") as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        differences = [one for one in compare_metadata(context, metadata) if "uq_finding_key" not in str(one)]
    assert differences == []


def test_a_ledger_of_a_newer_release_is_left_alone(ledger: Ledger) -> None:
    with ledger.database.writing("pretending") as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(Rejected, match="revision '9999' is unknown to this version"):
        ledger.migrate()
    assert ledger.check() == [f"ledger {ledger.place} is at revision 9999, expected {HEAD}: run migrate"]


_MIGRATE = """
import sys
from tradewinds.stores.ledger import Ledger
with Ledger(sys.argv[1]) as ledger:
    print("ready", flush=True)
    sys.stdin.readline()
    print(ledger.migrate())
"""

_SET_BOOKMARKS = """
import sys
from tradewinds.core.record import Bookmark
from tradewinds.stores.ledger import Ledger
with Ledger(sys.argv[1]) as ledger:
    print("ready", flush=True)
    sys.stdin.readline()
    print(sum(ledger.set_bookmark("job", sys.argv[2], Bookmark(step)) for step in range(25)))
"""


def at_once(code: str, url: str, names: list[str]) -> list[str]:
    """What processes that run `code` print, once all of them are ready."""
    started = [
        subprocess.Popen([sys.executable, "-c", code, url, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in names
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate()[0].strip() for process in started]


def test_of_three_processes_that_start_at_once_one_migrates(url: str) -> None:
    assert sorted(at_once(_MIGRATE, url, ["a", "b", "c"])) == ["False", "False", "True"]


def test_processes_that_write_at_the_same_time_wait_for_each_other(ledger: Ledger, url: str) -> None:
    assert at_once(_SET_BOOKMARKS, url, ["a", "b", "c"]) == ["25", "25", "25"]
    assert {subject: mark.event_ns for subject, mark in ledger.bookmarks("job").items()} == {"a": 24, "b": 24, "c": 24}


def test_a_transaction_that_fails_changes_nothing(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger.database.writing("failing") as connection:
            connection.execute(sa.text("INSERT INTO bookmark (job, subject, event_ns) VALUES ('job', 'a', 1)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert ledger.bookmarks("job") == {}


def test_sqlite_is_durable_and_checks_its_keys(tmp_path: Path) -> None:
    with Ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
        ledger.migrate()
        with ledger.database.reading("looking") as connection:
            settings = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")
            }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_sqlite_decimal_is_text(tmp_path: Path) -> None:
    from decimal import Decimal

    from tradewinds.core.instrument import Instrument

    with Ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
        ledger.migrate()
        ledger.upsert_instruments([Instrument("PEPE.BINANCE", "spot", "USDT", "24/7", tick=Decimal("8.12E-6"), lot=Decimal("1E+5"))])
    connection = sqlite3.connect(tmp_path / "ledger.sqlite")
    assert connection.execute("SELECT tick, typeof(tick), lot FROM instrument").fetchall() == [("0.00000812", "text", "100000")]
    connection.close()


def test_a_locked_sqlite_is_a_reason_to_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewinds.stores.ledger_database.BUSY_TIMEOUT_S", 0)
    path = tmp_path / "ledger.sqlite"
    with Ledger(f"sqlite:///{path}") as ledger:
        ledger.migrate()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Transient, match=r"setting bookmarks: sqlite:.*is away \(database is locked\)"):
            ledger.set_bookmark("job", "a", Bookmark(1))
        other.close()


def test_a_file_that_is_no_database_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"<html>error</html>" * 1000)
    with Ledger(f"sqlite:///{path}") as ledger:
        with pytest.raises(Unreadable, match="is damaged or no database"):
            ledger.findings()
        assert len(ledger.check()) == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Ledger(f"sqlite:///{tmp_path}/file/ledger.sqlite") as ledger, pytest.raises(Transient, match="cannot be opened"):
        ledger.migrate()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://user:hunter2@127.0.0.1:1/ledger",
        "postgresql://127.0.0.1:1/ledger?user=me&password=hunter2&connect_timeout=1",
    ],
)
def test_a_server_that_is_away_is_named_without_its_password(url: str) -> None:
    with Ledger(url) as ledger:
        with pytest.raises(Transient, match=r"127\.0\.0\.1:1/ledger") as caught:
            ledger.migrate()
        chain = [caught.value, caught.value.__cause__]
        assert "hunter2" not in "".join(map(repr, chain)) + "".join(ledger.check())
        assert "***" in ledger.place


@pytest.mark.parametrize("url", ["not an address", "nosuchdatabase://host/name", "postgresql+nosuchdriver://user:hunter2@host/name"])
def test_an_address_that_means_nothing_is_refused(url: str) -> None:
    with pytest.raises(Rejected, match="ledger") as caught, Ledger(url) as ledger:
        ledger.migrate()
    assert "hunter2" not in str(caught.value)


def test_every_kind_of_secret_in_an_address_is_hidden() -> None:
    shown = redacted("postgresql://me:one@host/db?password=two&sslkey=three&options=-c%20x")
    assert not {"one", "two", "three"} & set(shown.replace("@", ":").replace("=", ":").replace("&", ":").split(":"))
    assert shown.startswith("postgresql://me:***@host/db")


def test_neither_the_room_nor_a_ledger_at_rest_connects_or_imports_a_driver(tmp_path: Path) -> None:
    code = (
        "import sys, tradewinds.stores; assert 'sqlalchemy' not in sys.modules\n"
        "from tradewinds.stores.ledger import Ledger; ledger = Ledger(sys.argv[1]); print(ledger.place)\n"
        "assert 'alembic' not in sys.modules and 'psycopg2' not in sys.modules"
    )
    path = tmp_path / "ledger.sqlite"
    done = subprocess.run([sys.executable, "-c", code, f"sqlite:///{path}"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, f"sqlite:///{path}", "")
    assert not path.exists()
