"""Keeps the ledger's view of an account up to date with its journal: reads what is new, replays it, writes rows.

The journal is read beside its writer and never locked. Whoever calls `catch_up` again goes on where the last call ended; a new process
replays the journal once to know what is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tradewinds.core.errors import DataFault
from tradewinds.core.instrument import Instrument
from tradewinds.stores.journal import read_sqlite_journal
from tradewinds.stores.ledger_trading import Cash, Held, Step, TradingLedger
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Approved, Booked, Entry
from tradewinds.trading.journal import GENESIS, Chained, JournalStore, read
from tradewinds.wiring.accounts import TradedAccount, journal_path
from tradewinds.wiring.trade import instruments_for

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

STEPS_MAX = 5_000  # in one transaction of the ledger


def journal_to_read(account: TradedAccount, home: Path) -> JournalStore:
    """The account's journal for a reader; raises Rejected where it has never traded."""
    if account.config.journal == "sqlite":
        return read_sqlite_journal(journal_path(home, account.name))
    from tradewinds.stores.journal_postgres import read_postgres_journal

    return read_postgres_journal(account.config.journal, account.name)


class Projector:
    """Projects one account's journal. Not for two threads at once. steps_max: in one transaction; between: called after each."""

    def __init__(
        self, account: TradedAccount, home: Path, ledger: TradingLedger, instruments: Mapping[str, Instrument], *,
        steps_max: int = STEPS_MAX, between: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._account = account
        self._home = home
        self._ledger = ledger
        self._steps_max, self._between = steps_max, between
        self._sequence, self._hash = 0, GENESIS
        self._applied = 0  # to the books; ahead of the ledger after one that could not be written
        self.books = Books(account.name, account.config.lots, instruments, account.currency)

    def catch_up(self) -> int:
        """Project what is new; returns how many steps were.

        Raises Unreadable where the chain is broken, DataFault where the ledger knows more than the journal.
        """
        name = self._account.name
        journal = journal_to_read(self._account, self._home)
        try:
            known = self._ledger.projected(name)
            last, _ = journal.last()  # asked after the ledger: meanwhile there can only be more
            if known > last:
                raise DataFault(
                    f"projection of {name}: the ledger knows {known} steps and the journal has {last}, expected as many at least; "
                    f"`tradewinds trade project {name} --rebuild` makes its rows anew"
                )
            return sum(self._take(batch) for batch in _batches(journal, self._sequence, self._hash, self._steps_max))
        finally:
            journal.close()

    def rebuild(self) -> int:
        """Forget the account's rows and project its journal from the beginning."""
        self._ledger.forget(self._account.name)
        self._sequence, self._hash, self._applied = 0, GENESIS, 0
        self.books = Books(self._account.name, self._account.config.lots, self.books.instruments, self._account.currency)
        return self.catch_up()

    def _take(self, batch: list[tuple[Chained, Entry]]) -> int:
        steps = [Step(kept.sequence, kept.hash, entry) for kept, entry in batch]
        for kept, entry in batch:
            if kept.sequence > self._applied:
                self.books.apply(entry.time_ns, entry.records)
                self._applied = kept.sequence
        new = self._ledger.take(self._account.name, steps, held_of(self.books), cash_of(self.books))
        self._sequence, self._hash = batch[-1][0].sequence, batch[-1][0].hash
        self._between()
        return new


def instruments_of(account: TradedAccount, home: Path, house: House) -> dict[str, Instrument]:
    """The rules of every instrument that the account's journal orders or books."""
    found: set[str] = set()
    journal = journal_to_read(account, home)
    try:
        for _, entry in read(journal.read()):
            for record in entry.records:
                if isinstance(record, Approved):
                    found.add(record.order.terms.instrument)
                elif isinstance(record, Booked):
                    found.add(record.fill.instrument)
    finally:
        journal.close()
    return instruments_for(sorted(found), house)


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


def _batches(journal: JournalStore, sequence: int, last: bytes, steps_max: int) -> Iterator[list[tuple[Chained, Entry]]]:
    batch: list[tuple[Chained, Entry]] = []
    for one in read(journal.read(sequence), sequence, last):
        batch.append(one)
        if len(batch) >= steps_max:
            yield batch
            batch = []
    if batch:
        yield batch
