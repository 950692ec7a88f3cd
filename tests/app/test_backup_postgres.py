"""Ledger and journals on PostgreSQL: backed up as SQLite, restored to either."""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.core.observation import Finding
from tradewinds.core.record import Bookmark
from tradewinds.stores.journal import read_sqlite_journal
from tradewinds.stores.journal_postgres import open_postgres_journal, read_postgres_journal
from tradewinds.stores.ledger_database import Database
from tradewinds.trading.entry import Entry, Ticked
from tradewinds.trading.journal import GENESIS, Chained, chained
from tradewinds.wiring.backup import make_backup
from tradewinds.wiring.backup_database import every_table
from tradewinds.wiring.backup_restore import restore_backup, verify
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import load_config

pytestmark = pytest.mark.postgres
COIN = Instrument("PEPEUSDT.BINANCE", "spot", "USDT", "24/7", base="PEPE", tick=Decimal("0.00000812"), lot=Decimal("100000"))
FINDING = Finding("alpha", "AAPL.XNAS", "bars-1d", 2**62, "gap", "1 session", severity="error", found_ns=900)


def entries(count: int) -> list[Chained]:
    return chained([Entry(1_000 + number, Ticked(), ()) for number in range(count)], 0, GENESIS)


@pytest.fixture
def houses(tmp_path: Path, postgres: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes houses: their home, and a database of PostgreSQL of that name where they are to use one."""
    for name in [name for name in os.environ if name.startswith(("TRADEWINDS_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    made: list[House] = []

    def call(name: str, *, is_postgres: bool) -> House:
        lines = ["accounts:", "  main: {broker: paper, currency: USDT}"]
        if is_postgres:
            postgres.create_database(name)
            url = postgres.url(name)
            lines = [f"storage: {{ledger: '{url}'}}", "accounts:", f"  main: {{broker: paper, currency: USDT, journal: '{url}'}}"]
        file = tmp_path / f"{name}.yaml"
        file.write_text("\n".join(lines))
        made.append(House(load_config(file, {"TRADEWINDS_HOME": str(tmp_path / name)}), clock=ReplayClock(1_000)))
        return made[-1]

    yield call
    for house in made:
        house.close()


def filled(house: House) -> None:
    house.ledger.upsert_instruments([COIN])
    house.ledger.record([FINDING])
    house.ledger.set_bookmark("ingest", COIN.id, Bookmark(7, "x"))
    house.ledger.start_run("ingest", "2025", started_ns=5)


def test_ledger_and_journal_go_from_postgresql_to_sqlite_and_back(houses: Any, tmp_path: Path) -> None:
    first = houses("backup_first", is_postgres=True)
    filled(first)
    journal = open_postgres_journal(first.config.accounts["main"].journal, "main")
    journal.append(entries(6_000))

    made = make_backup(first, tmp_path / "one")  # while the writer holds the journal
    journal.close()
    second = houses("backup_second", is_postgres=False)
    restore_backup(second, tmp_path / "one")

    assert (made.was, made.journals[0].was, made.journals[0].sequence) == ("postgresql", "postgresql", 6_000)
    assert second.ledger.instrument(COIN.id) == COIN
    assert second.ledger.findings() == [FINDING]
    assert list(read_sqlite_journal(tmp_path / "backup_second" / "trade" / "main.sqlite").read()) == entries(6_000)

    make_backup(second, tmp_path / "two")
    third = houses("backup_third", is_postgres=True)
    done = restore_backup(third, tmp_path / "two")

    assert "journal of main: brought to PostgreSQL" in done.lines
    assert not (tmp_path / "backup_third" / "trade" / "main.sqlite").exists()
    assert not (tmp_path / "backup_third" / "ledger.sqlite").exists()
    assert third.ledger.instrument(COIN.id) == COIN
    assert third.ledger.findings() == [FINDING]
    assert third.ledger.bookmark("ingest", COIN.id) == Bookmark(7, "x")
    reader = read_postgres_journal(third.config.accounts["main"].journal, "main")
    assert list(reader.read()) == entries(6_000)
    reader.close()
    before = max(run.id for run in third.ledger.runs())
    assert third.ledger.start_run("other", "2025", started_ns=6) > before  # counters go on behind what was restored


def test_postgresql_that_holds_something_is_kept_or_refused(houses: Any, tmp_path: Path) -> None:
    house = houses("backup_taken", is_postgres=True)
    filled(house)
    url = house.config.accounts["main"].journal
    journal = open_postgres_journal(url, "main")
    journal.append(entries(10))
    make_backup(house, tmp_path / "one")
    journal.append(entries(12)[10:])
    house.ledger.set_bookmark("ingest", COIN.id, Bookmark(9))

    with pytest.raises(Rejected, match="another process holds it"):
        restore_backup(house, tmp_path / "one", is_replacing=True)
    journal.close()
    with pytest.raises(Rejected, match="12 entries at its PostgreSQL"):
        restore_backup(house, tmp_path / "one")
    assert house.ledger.bookmark("ingest", COIN.id) == Bookmark(9)
    restore_backup(house, tmp_path / "one", is_replacing=True)

    assert house.ledger.bookmark("ingest", COIN.id) == Bookmark(7, "x")
    reader = read_postgres_journal(url, "main")
    assert reader.last()[0] == 10
    reader.close()
    with Database(url).reading("looking") as connection:
        kept = [name for name in sa.inspect(connection).get_schema_names() if name.startswith("journal_main_before_")]
        assert connection.scalar(sa.text(f"SELECT count(*) FROM {kept[0]}.entries")) == 12


def test_every_table_of_the_ledger_is_copied(houses: Any, tmp_path: Path) -> None:
    house = houses("backup_tables", is_postgres=False)
    assert house.ledger.check() == []

    with house.ledger.database.reading("looking") as connection:
        there = set(sa.inspect(connection).get_table_names())

    assert there - {"ledger_version"} == {table.name for table in every_table()}
    assert verify_empty(house, tmp_path) == set()


def verify_empty(house: House, tmp_path: Path) -> set[str]:
    """Tables with rows in a backup of a ledger that has none."""
    made = make_backup(house, tmp_path / "empty")
    assert verify(tmp_path / "empty").ledger == made.ledger
    return {name for name, count in (made.ledger or {}).items() if count}
