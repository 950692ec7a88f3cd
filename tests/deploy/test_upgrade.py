"""An upgrade with open orders: what the previous release left is migrated, replayed, and traded on.

`recorded/release_0005.json` is a home of the release whose ledger was at revision 0005: the journal of a paper account with three open
orders and an override, the paper broker's own file, and the rows of the ledger. The tests put it into databases that are migrated as far
as that release did, and go on with this one.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tradewinds.stores import ledger_migration
from tradewinds.stores.journal import open_sqlite_journal, read_sqlite_journal
from tradewinds.stores.ledger import Ledger
from tradewinds.stores.ledger_schema import HEAD
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Elsewhere
from tradewinds.trading.journal import Chained
from tradewinds.trading.journal import read as entries_of
from tradewinds.wiring.backup import make_backup
from tradewinds.wiring.backup_restore import restore_backup
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import load_config

WITHIN_S = 60
RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded" / "release_0005.json").read_text())
OPEN = {"twefvlxonqkustljozya52vvmwhe": "1", "twlbanlrloznunccyxe3g4tgbpyk": "2", "tw6qjbazmevoe6zq3p3fqcqyddgj": "1"}
CONFIG = "accounts:\n  main: {broker: paper, currency: USDT}\n"
TREND = """
from tradewinds.trading.strategy import vector

@vector(lookback=2, targets="units", interval="1m", rhythm="every bar")
def trend(panel, params):
    return panel.close * 0
"""
YAML = "strategy: trend.py\nmode: paper\ninstruments: [BTCUSDT.LOCAL]\naccount: {name: main, capital: 10000}\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home as the previous release left it."""
    place = tmp_path / "home"
    journal = open_sqlite_journal(place / "trade" / "main.sqlite")
    journal.append(
        [Chained(sequence, time_ns, body.encode(), bytes.fromhex(digest)) for sequence, time_ns, body, digest in RECORDED["journal"]]
    )
    journal.close()
    with closing(sqlite3.connect(place / "trade" / "main.paper.sqlite")) as connection, connection:
        for statement in RECORDED["paper_schema"]:
            connection.execute(statement)
        for table, rows in RECORDED["paper"].items():
            connection.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)
    before(f"sqlite:///{place / 'ledger.sqlite'}")
    return place


def before(url: str) -> None:
    """A ledger at revision 0005 with its rows."""
    with Ledger(url) as ledger:
        with ledger.database.writing("migrating as far as the previous release") as connection:
            upgrade_to(connection, RECORDED["revision"])
            for table, rows in RECORDED["ledger"].items():
                names = ", ".join(f'"{name}"' for name in rows[0])
                values = ", ".join(f":{name}" for name in rows[0])
                connection.execute(sa.text(f'INSERT INTO "{table}" ({names}) VALUES ({values})'), rows)
        assert ledger_migration.revision(ledger.database) == "0005"


def upgrade_to(connection: sa.Connection, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(ledger_migration.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.sqlite"
    server = request.getfixturevalue("postgres")
    server.create_database("upgraded")
    return str(server.url("upgraded"))


def test_a_ledger_of_the_previous_release_is_migrated_and_says_the_same(url: str) -> None:
    before(url)

    with Ledger(url) as ledger:
        assert ledger.check() == [f"ledger {ledger.place} is at revision 0005, expected {HEAD}: run migrate"]
        assert ledger.migrate() is True

        assert ledger.check() == []
        with ledger.database.reading("looking") as connection:
            rows = connection.execute(sa.text("SELECT client_order_id, quantity FROM trade_order WHERE state = 'accepted'")).all()
            assert {name: str(Decimal(quantity).normalize()) for name, quantity in rows} == OPEN
            assert connection.scalar(sa.text("SELECT sequence FROM trade_projection")) == len(RECORDED["journal"])


def test_a_journal_of_the_previous_release_replays_with_its_open_orders(home: Path) -> None:
    journal = read_sqlite_journal(home / "trade" / "main.sqlite")
    books = Books("main", "fifo", currency="USDT")

    for _, entry in entries_of(journal.read()):
        if isinstance(entry.input, Elsewhere):
            books.learn(entry.input)
        books.apply(entry.time_ns, entry.records)
    journal.close()

    assert {one.client_order_id: str(one.approved.terms.quantity.normalize()) for one in books.orders.values() if not one.has_ended} == OPEN
    assert {str(one.state) for one in books.orders.values() if not one.has_ended} == {"accepted"}
    assert len(books.orders) == len(RECORDED["ledger"]["trade_order"])


class Firm:
    """A workspace over a home of the previous release."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder / "firm"
        (self.folder / "strategies").mkdir(parents=True)
        (self.folder / "tradewinds.yaml").write_text(CONFIG)
        (self.folder / "strategies" / "trend.py").write_text(TREND)
        (self.folder / "strategies" / "trend.yaml").write_text(YAML)
        outside = {key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")}
        self.environment = {**outside, "TRADEWINDS_HOME": str(home)}
        self.running: list[subprocess.Popen[str]] = []

    def tell(self, *words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "tradewinds", *words, "--json"], cwd=self.folder, env=self.environment, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return json.loads(done.stdout)

    def start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tradewinds", "trade"], cwd=self.folder, env=self.environment, text=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        self.running.append(process)
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.rstrip().endswith("trading"):
                return process
        raise AssertionError("".join(said))


@pytest.fixture
def firm(tmp_path: Path, home: Path) -> Iterator[Firm]:
    made = Firm(tmp_path, home)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_this_release_goes_on_with_the_open_orders_of_the_previous_one(firm: Firm, home: Path) -> None:
    process = firm.start()

    told = firm.tell("trade", "status")["accounts"][0]
    orders = {one["id"]: one["quantity"] for one in firm.tell("trade", "orders")["orders"]}
    asked = firm.tell("trade", "cancel", "twlbanlrloznunccyxe3g4tgbpyk")
    left = until_gone(firm, "twlbanlrloznunccyxe3g4tgbpyk")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WITHIN_S)

    assert (told["state"], told["open_orders"], told["unknown_orders"], told["foreign_orders"]) == ("trading", 3, 0, 0)
    assert [one["override"] for one in told["overrides"]] == ["no trading"]
    assert orders == OPEN
    assert asked == {"asked": ["twlbanlrloznunccyxe3g4tgbpyk"]}
    assert left == {"twefvlxonqkustljozya52vvmwhe", "tw6qjbazmevoe6zq3p3fqcqyddgj"}
    journal = read_sqlite_journal(home / "trade" / "main.sqlite")
    kept = [[one.sequence, one.time_ns, one.body.decode(), one.hash.hex()] for one in journal.read()]
    journal.close()
    assert kept[: len(RECORDED["journal"])] == RECORDED["journal"]


def until_gone(firm: Firm, order: str) -> set[str]:
    """Open orders once that one is none any more; the venue's answer comes by itself."""
    for _ in range(20):
        found = {one["id"] for one in firm.tell("trade", "orders")["orders"]}
        if order not in found:
            return found
    raise AssertionError(f"{order} is still open")


def test_a_backup_of_the_previous_release_is_restored_by_this_one(home: Path, tmp_path: Path) -> None:
    (tmp_path / "tradewinds.yaml").write_text(CONFIG)

    def house(name: str) -> House:
        return House(load_config(tmp_path / "tradewinds.yaml", {"TRADEWINDS_HOME": str(tmp_path / name)}), clock=ReplayClock(1_000))

    made = make_backup(house("home"), tmp_path / "backup")
    new = house("new")
    restore_backup(new, tmp_path / "backup")

    assert made.revision == "0005"
    assert new.ledger.check() == []
    assert (made.ledger or {})["trade_order"] == len(RECORDED["ledger"]["trade_order"])
    new.close()
