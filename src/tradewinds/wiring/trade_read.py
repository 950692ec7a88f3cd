"""What the journals say while no service runs: the answers of `live.answers` over journals that are only read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import Config
from tradewinds.live import answers
from tradewinds.live.answers import AccountView
from tradewinds.live.decisions import Decisions
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Elsewhere, Entry, Started
from tradewinds.trading.journal import JournalStore
from tradewinds.trading.journal import read as entries_of
from tradewinds.wiring.accounts import TradedAccount, account_of, journal_path


def read(config: Config, act: str, words: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a reading act (status, orders, approvals, gains) from the journals."""
    decisions = Decisions()
    views = [_view(config, name, decisions) for name in config.accounts if words.get("account") in (None, name)]
    found = [one for one in views if one is not None]
    if words.get("account") is not None and not found:
        account_of(config, str(words["account"]))
        raise Rejected(f"account {words['account']}: no journal yet, expected an account that has traded")
    if act == "orders":
        rows = [row for one in found for row in answers.orders(one, strategy=words.get("strategy"), is_every=bool(words.get("all")))]
        return {"orders": rows}
    if act == "approvals":
        return {"waiting": answers.waiting(decisions)}
    if act == "gains":
        return {"gains": [row for one in found for row in answers.gains(one)]}
    return {"running": False, "since": None, "accounts": [answers.status(one, decisions) for one in found], "set_aside": {}}


def status_of(config: Config) -> dict[str, Any]:
    """`status` from the journals."""
    return read(config, "status", {})


def entries(account: TradedAccount, home: Path) -> Iterator[Entry]:
    """Every entry of an account's journal, checked by its hashes. Raises Rejected where there is none."""
    journal = _opened(account, home)
    try:
        for _, entry in entries_of(journal.read()):
            yield entry
    finally:
        journal.close()


def _opened(account: TradedAccount, home: Path) -> JournalStore:
    if account.config.journal == "sqlite":
        from tradewinds.stores.journal import read_sqlite_journal

        return read_sqlite_journal(journal_path(home, account.name))
    from tradewinds.stores.journal_postgres import read_postgres_journal

    return read_postgres_journal(account.config.journal, account.name)


def _view(config: Config, name: str, decisions: Decisions) -> AccountView | None:
    account = account_of(config, name)
    if account.config.journal == "sqlite" and not journal_path(Path(config.home), name).is_file():
        return None
    books = Books(name, account.config.lots, currency=account.currency)
    mode = ""
    strategies: tuple[str, ...] = ()
    for entry in entries(account, Path(config.home)):
        if isinstance(entry.input, Elsewhere):
            books.learn(entry.input)
        books.apply(entry.time_ns, entry.records)
        decisions.take(name, entry)
        if isinstance(entry.input, Started):
            mode, strategies = entry.input.mode, tuple(entry.input.strategies)
    return AccountView(name, mode, "not running", books, strategies)
