"""What the trade process takes over from the guard: the orders that stand in the guard's journal of an account."""

from __future__ import annotations

from pathlib import Path

from tradewinds.live.guard import STRATEGY, claimed
from tradewinds.stores.journal import read_sqlite_journal
from tradewinds.trading.entry import Claimed
from tradewinds.trading.journal import read


def claims_of(home: Path, account: str) -> Claimed | None:
    """Every order that the guard ever approved for the account, None where there is none; the core passes over those that it knows.

    Put into the account's loop before it starts, so that what these orders filled is ours when the venue is compared with. Raises
    Unreadable for a damaged journal.
    """
    path = home / "guard" / f"{account}.sqlite"
    if not path.is_file():
        return None
    kept = read_sqlite_journal(path)
    try:
        orders = claimed([entry for _, entry in read(kept.read())])
    finally:
        kept.close()
    return Claimed(orders, STRATEGY) if orders else None
