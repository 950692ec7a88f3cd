"""Keeps the ledger's view of an account up to date with its journal: reads what is new, replays it, writes rows.

The journal is read beside its writer and never locked. Whoever calls `catch_up` again goes on where the last call ended; a new process
replays the journal once to know what is held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tradewinds.core.instrument import Instrument
from tradewinds.stores.journal import read_sqlite_journal
from tradewinds.stores.ledger_trading import Cash, Held, Step, TradingLedger
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Entry
from tradewinds.trading.journal import GENESIS, Chained, JournalStore, read
from tradewinds.wiring.accounts import TradedAccount, journal_path

STEPS_MAX = 5_000  # in one transaction of the ledger


def journal_to_read(account: TradedAccount, home: Path) -> JournalStore:
    """The account's journal for a reader; raises Rejected where it has never traded."""
    if account.config.journal == "sqlite":
        return read_sqlite_journal(journal_path(home, account.name))
    from tradewinds.stores.journal_postgres import read_postgres_journal

    return read_postgres_journal(account.config.journal, account.name)


class Projector:
    """Projects one account's journal. Not for two threads at once."""

    def __init__(self, account: TradedAccount, home: Path, ledger: TradingLedger, instruments: Mapping[str, Instrument]) -> None:
        self._account = account
        self._home = home
        self._ledger = ledger
        self._sequence, self._hash = 0, GENESIS
        self.books = Books(account.name, account.config.lots, instruments, account.currency)

    def catch_up(self) -> int:
        """Project what is new; returns how many steps were. Raises Unreadable where the chain is broken."""
        journal = journal_to_read(self._account, self._home)
        try:
            return sum(self._take(batch) for batch in _batches(journal, self._sequence, self._hash))
        finally:
            journal.close()

    def rebuild(self) -> int:
        """Forget the account's rows and project its journal from the beginning."""
        self._ledger.forget(self._account.name)
        self._sequence, self._hash = 0, GENESIS
        self.books = Books(self._account.name, self._account.config.lots, self.books.instruments, self._account.currency)
        return self.catch_up()

    def _take(self, batch: list[tuple[Chained, Entry]]) -> int:
        steps = [Step(kept.sequence, kept.hash, entry) for kept, entry in batch]
        for _, entry in batch:
            self.books.apply(entry.time_ns, entry.records)
        new = self._ledger.take(self._account.name, steps, held_of(self.books), cash_of(self.books))
        self._sequence, self._hash = batch[-1][0].sequence, batch[-1][0].hash
        return new


def held_of(books: Books) -> list[Held]:
    """What every strategy holds, by name."""
    return [
        Held(strategy, name, one.quantity, one.average_price)
        for strategy, part in sorted(books.parts.items())
        for name, one in sorted(part.positions.items())
        if one.quantity
    ]


def cash_of(books: Books) -> list[Cash]:
    """The cash of every strategy, by name."""
    return [
        Cash(strategy, currency, amount)
        for strategy, part in sorted(books.parts.items())
        for currency, amount in sorted(part.cash.items())
        if amount
    ]


def _batches(journal: JournalStore, sequence: int, last: bytes) -> Iterator[list[tuple[Chained, Entry]]]:
    batch: list[tuple[Chained, Entry]] = []
    for one in read(journal.read(sequence), sequence, last):
        batch.append(one)
        if len(batch) >= STEPS_MAX:
            yield batch
            batch = []
    if batch:
        yield batch
