"""What a paper broker remembers, in a file of its own: like a venue, it loses nothing that it has answered.

Three tables: the state of the simulation and the cash, one row; every order there has been; every fill, numbered from 1.
What one answer or one bar changes is written in one transaction, durable when `write` returns (WAL, synchronous=FULL).
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tradewinds.core.errors import Rejected, Transient, Unreadable

_TABLES = """
CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY CHECK (id = 1), snapshot TEXT NOT NULL, cash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (client_order_id TEXT PRIMARY KEY, number INTEGER NOT NULL, is_open INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_open ON orders (is_open) WHERE is_open = 1;
CREATE TABLE IF NOT EXISTS fills (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class KeptOrder:
    """One order. number: the simulation's id of it, 0 where it was refused before it had one. body: what it asked and how far it got."""

    client_order_id: str
    number: int
    is_open: bool
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What one answer or one bar changed. fills: number -> body."""

    snapshot: str
    cash: Mapping[str, str]
    orders: tuple[KeptOrder, ...] = ()
    fills: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


class PaperStore:
    """Made by `open_paper_store`."""

    def __init__(self, connection: sqlite3.Connection, lock: IO[bytes]) -> None:
        self._connection = connection
        self._lock = lock

    def write(self, change: Change) -> None:
        """All of it or nothing; raises Transient where the file cannot be written now."""
        run = self._connection.execute
        try:
            run("BEGIN IMMEDIATE")
            run("INSERT OR REPLACE INTO state VALUES (1, ?, ?)", (change.snapshot, _text(change.cash)))
            for one in change.orders:
                row = (one.client_order_id, one.number, int(one.is_open), _text(one.body))
                run("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?)", row)
            for number, body in change.fills.items():
                run("INSERT INTO fills VALUES (?, ?)", (number, _text(body)))
            run("COMMIT")
        except sqlite3.OperationalError as error:
            if self._connection.in_transaction:
                run("ROLLBACK")
            raise Transient(f"paper broker: not written ({error}), expected room on the disk") from error

    def state(self) -> tuple[str, Mapping[str, str]] | None:
        """(snapshot, cash by currency), None where nothing was written yet."""
        row = self._connection.execute("SELECT snapshot, cash FROM state").fetchone()
        return None if row is None else (str(row[0]), _json(row[1]))

    def order(self, client_order_id: str) -> KeptOrder | None:
        """An order, open or ended."""
        return next(self._orders("WHERE client_order_id = ?", client_order_id), None)

    def open_orders(self) -> tuple[KeptOrder, ...]:
        """Those that work, in the order in which they came."""
        return tuple(self._orders("WHERE is_open = 1 ORDER BY number"))

    def fills(self, after: int) -> tuple[tuple[int, Mapping[str, Any]], ...]:
        """Fills with a later number, in order."""
        rows = self._connection.execute("SELECT id, body FROM fills WHERE id > ? ORDER BY id", (after,))
        return tuple((int(number), _json(body)) for number, body in rows)

    def last_fill(self) -> int:
        """The number of the newest fill, 0 before the first."""
        return int(self._connection.execute("SELECT coalesce(max(id), 0) FROM fills").fetchone()[0])

    def close(self) -> None:
        """Let another process have the file."""
        self._connection.close()
        self._lock.close()

    def _orders(self, where: str, *values: object) -> Iterator[KeptOrder]:
        for row in self._connection.execute(f"SELECT client_order_id, number, is_open, body FROM orders {where}", values):  # noqa: S608 -- ours
            yield KeptOrder(str(row[0]), int(row[1]), bool(row[2]), _json(row[3]))


def open_paper_store(path: Path) -> PaperStore:
    """The store in `path`, made when absent; raises Rejected while another process holds it, Unreadable where it is some other file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_suffix(".lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise Rejected(f"paper broker {path}: another process holds it, expected one") from None
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(_TABLES)
    except sqlite3.DatabaseError as error:
        connection.close()
        lock.close()
        raise Unreadable(f"paper broker {path}: {error}, expected its own SQLite file") from error
    return PaperStore(connection, lock)


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), sort_keys=True, separators=(",", ":"))


def _json(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(text)
    return found
