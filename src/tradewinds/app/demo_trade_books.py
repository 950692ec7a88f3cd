"""What came of the demo's trading, account by account: journal and venue's book judged, the evening, and parity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewinds.app.demo_trade_accounts import DemoAccount
from tradewinds.trading.entry import BarsClosed, Booked, Entry
from tradewinds.trading.journal import read

if TYPE_CHECKING:
    from tradewinds.wiring.house import House


@dataclass(frozen=True, slots=True)
class Journal:
    """An account's entries, read beside whoever writes them."""

    entries: tuple[Entry, ...]

    def states(self) -> dict[str, str]:
        """Where each order stands."""
        from tradewinds.trading.books import Books

        books = Books("demo")
        for entry in self.entries:
            books.apply(entry.time_ns, entry.records)
        return {name: one.state.value for name, one in books.orders.items()}


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One account. counts: by what is counted; lines: every difference in words; parity: as the command prints it."""

    account: str
    broker: str
    counts: dict[str, int]
    lines: tuple[str, ...]
    parity: dict[str, Any]
    file: str

    @property
    def parity_percent(self) -> float:
        """The least of: decisions and orders that a replay makes to the bit, decisions that a backtest over the same bars makes."""
        backtested = [100.0 * one["decisions_equal"] / one["decisions"] for one in self.parity["backtest"] if one["decisions"]]
        return float(min(self.parity["decisions_percent"], self.parity["orders_percent"], *backtested))

    @property
    def is_good(self) -> bool:
        """Something was traded, and nothing differs anywhere."""
        wrong = ("lost", "duplicated", "unexplained", "stuck", "breaks")
        return self.counts["fills"] > 0 and not any(self.counts[name] for name in wrong) and bool(self.parity["is_equal"])

    def as_json(self) -> dict[str, Any]:
        """As the demo tells it."""
        return {
            "account": self.account, "broker": self.broker, "is_good": self.is_good, **self.counts, "differences": list(self.lines),
            "parity_percent": self.parity_percent, "parity": self.parity, "evening": self.file,
        }  # fmt: skip


def journal_of(home: Path, account: str) -> Journal:
    """The journal of an account below a home."""
    from tradewinds.stores.journal import read_sqlite_journal
    from tradewinds.wiring.accounts import journal_path

    store = read_sqlite_journal(journal_path(home, account))
    try:
        return Journal(tuple(entry for _, entry in read(store.read())))
    finally:
        store.close()


def reconciled(house: House, account: DemoAccount, truth: dict[str, Any]) -> Reconciled:
    """Judge an account's journal against the venue's book, run its evening, and compare its decisions. The broker is asked once more."""
    from tradewinds.campaign.at_sandbox import books_of, judged
    from tradewinds.wiring.accounts import account_of
    from tradewinds.wiring.evening import evening
    from tradewinds.wiring.parity import evening_parity, parity
    from tradewinds.wiring.trade import instruments_for

    traded = account_of(house.config, account.name)
    entries = list(journal_of(house.home, account.name).entries)
    known = instruments_for(account.symbols.values(), house)
    books = books_of(account.name, entries, known, traded.config.lots, traded.currency)
    found = judged(truth, entries, books, account=account.at_venue, symbols=account.symbols, assets=account.assets)
    day = datetime.fromtimestamp(house.clock.now_ns() / 1e9, UTC).date()
    done = evening(house, account.name, day, parity=partial(evening_parity, house, day))
    compared = parity(house, account.name)
    verdict = found.verdict
    lines = [*verdict.lost, *verdict.duplicated, *verdict.unexplained, *verdict.stuck]
    lines += [
        f"decision {one['at']} {one['instrument']}: {one['recorded']}, in a backtest {one['backtest']} ({one['why']})"
        for tested in compared.as_json()["backtest"]
        for one in tested["differences"]
    ]
    lines += [f"{one.kind} {one.subject}: {one.ours} here, {one.theirs} at the broker" for one in done.breaks]
    counts = {
        "bars": sum(isinstance(one.input, BarsClosed) and not one.input.is_warm_up for one in entries),
        "orders": found.orders, "fills": sum(isinstance(record, Booked) for one in entries for record in one.records),
        "lost": len(verdict.lost), "duplicated": len(verdict.duplicated), "unexplained": len(verdict.unexplained),
        "stuck": len(verdict.stuck), "breaks": len(done.breaks),
    }  # fmt: skip
    return Reconciled(account.name, traded.config.broker, counts, tuple(lines), compared.as_json(), str(done.file))
