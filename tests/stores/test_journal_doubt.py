"""After a write that failed too late to know, the next one may hold more than the failed one did."""

from __future__ import annotations

from pathlib import Path

from tradewinds.stores.journal import missing, open_sqlite_journal
from tradewinds.trading.entry import Entry, Ticked
from tradewinds.trading.journal import GENESIS, chained


def test_a_longer_batch_after_a_doubtful_write_adds_only_what_is_missing(tmp_path: Path) -> None:
    rows = chained([Entry(number, Ticked(), ()) for number in (1, 2, 3)], 0, GENESIS)
    journal = open_sqlite_journal(tmp_path / "main.sqlite")
    journal.append(rows[:2])
    journal._is_doubtful = True  # as after an error that came behind the commit

    journal.append(rows)

    assert list(journal.read()) == rows
    journal.close()


def test_nothing_is_missing_of_what_is_there_and_all_of_what_is_not() -> None:
    rows = chained([Entry(number, Ticked(), ()) for number in (1, 2)], 0, GENESIS)

    assert list(missing(rows, (2, rows[1].hash))) == []
    assert list(missing(rows, (1, rows[0].hash))) == rows[1:]
    assert list(missing(rows, (0, GENESIS))) == rows
