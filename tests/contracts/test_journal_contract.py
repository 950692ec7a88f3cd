"""What every journal store promises, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tradewinds.core.errors import Invariant, Rejected, Transient, Unreadable
from tradewinds.stores.journal import open_sqlite_journal, read_sqlite_journal
from tradewinds.stores.journal_postgres import PostgresJournal, open_postgres_journal, read_postgres_journal, schema_of
from tradewinds.trading.entry import Entry, Ticked
from tradewinds.trading.journal import GENESIS, Chained, JournalStore, chained, read

Open = Callable[[], JournalStore]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Open, Open]:
    """Open the same journal as its writer, or as a reader."""
    if request.param == "sqlite":
        path = tmp_path / "trade" / "main.sqlite"
        return lambda: open_sqlite_journal(path), lambda: read_sqlite_journal(path)
    server: Any = request.getfixturevalue("postgres")
    account = f"a{abs(hash(tmp_path)):x}"
    return lambda: open_postgres_journal(server.url(), account), lambda: read_postgres_journal(server.url(), account)


def _rows(count: int, sequence: int = 0, last: bytes = GENESIS) -> list[Chained]:
    return chained([Entry(1_000 + number, Ticked(), ()) for number in range(count)], sequence, last)


def test_an_empty_journal_begins_at_the_genesis(stores: tuple[Open, Open]) -> None:
    journal = stores[0]()

    assert journal.last() == (0, GENESIS)
    assert list(journal.read()) == []
    journal.close()


def test_what_was_appended_is_read_back_in_order_by_another_process(stores: tuple[Open, Open]) -> None:
    journal = stores[0]()
    rows = _rows(2_500)
    journal.append(rows[:3])
    journal.append(rows[3:])

    reader = stores[1]()
    assert list(reader.read()) == rows
    assert [one.sequence for one in reader.read(2_498)] == [2_499, 2_500]
    assert reader.last() == (2_500, rows[-1].hash)
    assert [entry.time_ns for _, entry in read(reader.read())][:2] == [1_000, 1_001]
    reader.close()
    journal.close()


def test_a_second_writer_is_refused_until_the_first_lets_go(stores: tuple[Open, Open]) -> None:
    first = stores[0]()

    with pytest.raises(Rejected, match="expected one trading process an account"):
        stores[0]()

    first.close()
    stores[0]().close()


def test_entries_that_are_there_already_are_a_bug_and_change_nothing(stores: tuple[Open, Open]) -> None:
    journal = stores[0]()
    rows = _rows(3)
    journal.append(rows[:2])

    with pytest.raises(Invariant, match="is there already"):
        journal.append(rows[1:])

    assert journal.last() == (2, rows[1].hash)
    journal.append(rows[2:])
    journal.close()


def test_a_reader_cannot_write(stores: tuple[Open, Open]) -> None:
    stores[0]().close()
    reader = stores[1]()

    with pytest.raises(Invariant, match="expected the writer"):
        reader.append(_rows(1))
    reader.close()


def test_a_batch_that_fails_leaves_nothing_and_goes_through_later(tmp_path: Path) -> None:
    journal = open_sqlite_journal(tmp_path / "main.sqlite")
    rows = _rows(400)
    journal.append(rows[:1])
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count={pages}")  # the disk is full

    with pytest.raises(Transient, match="expected a disk with room"):
        journal.append(rows[1:])
    assert journal.last() == (1, rows[0].hash)

    journal._connection.execute("PRAGMA max_page_count=1000000")
    journal.append(rows[1:])
    assert journal.last() == (400, rows[-1].hash)
    journal.close()


@pytest.mark.postgres
def test_a_write_whose_answer_was_lost_is_not_written_twice(postgres: Any) -> None:
    journal = PostgresJournal(postgres.url(), "lost").open()
    rows = _rows(3)
    journal.append(rows[:2])
    # As after a connection that broke between the commit and its answer.
    journal._let_go()
    journal._is_doubtful = True

    journal.append(rows[:2])
    journal.append(rows[2:])

    assert [one.sequence for one in journal.read()] == [1, 2, 3]
    journal.close()


@pytest.mark.postgres
def test_a_connection_that_breaks_is_made_again_with_its_lock(postgres: Any) -> None:
    journal = PostgresJournal(postgres.url(), "broken").open()
    rows = _rows(2)
    journal.append(rows[:1])
    with journal._connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    other = PostgresJournal(postgres.url(), "killer").open()
    with other._connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", (pid,))

    with pytest.raises(Transient, match="expected a database that answers"):
        journal.append(rows[1:])
    journal.append(rows[1:])

    assert journal.last() == (2, rows[1].hash)
    with pytest.raises(Rejected, match="another process holds it"):
        open_postgres_journal(postgres.url(), "broken")
    journal.close()
    other.close()


@pytest.mark.postgres
def test_a_writer_that_lost_its_lock_to_another_never_writes_again(postgres: Any) -> None:
    journal = PostgresJournal(postgres.url(), "stolen").open()
    rows = _rows(2)
    journal.append(rows[:1])
    journal._let_go()
    thief = open_postgres_journal(postgres.url(), "stolen")
    thief.append(chained([Entry(5, Ticked(), ())], 1, rows[0].hash))
    thief.close()

    with pytest.raises(Invariant, match="another process wrote it"):
        journal.append(rows[1:])


def test_no_database_is_said_without_its_password() -> None:
    with pytest.raises(Transient, match="expected a PostgreSQL that answers") as error:
        open_postgres_journal("postgresql://trader:hunter2@127.0.0.1:1/none", "main")

    assert "hunter2" not in str(error.value)


def test_a_name_that_no_schema_can_have_is_refused() -> None:
    assert schema_of("Binance-Main") == "journal_binance_main"
    with pytest.raises(Rejected, match="expected a letter"):
        schema_of('x"; DROP SCHEMA public; --')


def test_a_file_that_is_no_journal_is_said(tmp_path: Path) -> None:
    path = tmp_path / "main.sqlite"
    path.write_bytes(b"not a database at all, but long enough to look like one" * 40)

    with pytest.raises(Unreadable, match="expected a journal of ours"):
        open_sqlite_journal(path)


def test_a_reader_without_a_journal_is_told(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="expected the journal of an account that has traded"):
        read_sqlite_journal(tmp_path / "none.sqlite")


@pytest.mark.parametrize("before", [0, 5])
@pytest.mark.parametrize("written", [0, 1, 40])
def test_what_a_kill_leaves_of_the_files_is_every_entry_that_was_appended(before: int, written: int, tmp_path: Path) -> None:
    rows = _rows(before + written + 1)
    first = open_sqlite_journal(tmp_path / "main.sqlite")
    first.append(rows[:before])
    first.close()  # its write-ahead log is gone, the next writer begins another
    second = open_sqlite_journal(tmp_path / "main.sqlite")
    for row in rows[before:-1]:
        second.append([row])

    (tmp_path / "left").mkdir()
    for name in ("main.sqlite", "main.sqlite-wal"):
        (tmp_path / "left" / name).write_bytes((tmp_path / name).read_bytes())
    again = open_sqlite_journal(tmp_path / "left" / "main.sqlite")

    assert list(again.read()) == rows[:-1]
    again.append(rows[-1:])
    assert again.last() == (len(rows), rows[-1].hash)
    again.close()
    second.close()


def test_the_log_of_a_journal_stays_as_long_as_it_began(tmp_path: Path) -> None:
    journal = open_sqlite_journal(tmp_path / "main.sqlite")
    log = tmp_path / "main.sqlite-wal"
    begun = log.stat().st_size
    rows = _rows(3_000)
    for at in range(0, 3_000, 10):
        journal.append(rows[at : at + 10])

    assert log.stat().st_size == begun == 4_200_000
    assert list(journal.read()) == rows
    journal.close()
