"""The judge over local venues in another process: their books as `/_control/venues` tells them, and one account's journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradewinds.campaign.oracle import Venue, Verdict, judge
from tradewinds.core.instrument import Instrument
from tradewinds.sandbox.venue_order import Execution, VenueOrder
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Entry

ORDER = ("account", "client_id", "symbol", "side", "kind")
STATE = ("id", "status", "reason", "by_hand", "is_reduce_only", "is_triggered", "created_ns", "updated_ns")
EXACT = frozenset({"quantity", "price", "commission", "realised"})


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict, and what was counted: orders and executions at the venue under our names."""

    verdict: Verdict
    orders: int
    executions: int


def judged(
    truth: Mapping[str, Any], entries: list[Entry], books: Books, *, account: str, symbols: Mapping[str, str], assets: Mapping[str, str]
) -> Judged:
    """Compare a journal with a venue's book. account: the venue's name of it. symbols: its symbols -> our ids.

    assets: of a spot venue, symbol -> the asset in its wallet; what the wallet holds of it is the position.
    """
    venue = venue_of(truth, account, symbols, assets)
    verdict = judge(books, entries, venue, dict(symbols))
    return Judged(verdict, sum(one.client_id in books.orders for one in venue.orders), len(venue.executions))


def venue_of(truth: Mapping[str, Any], account: str, symbols: Mapping[str, str], assets: Mapping[str, str]) -> Venue:
    """The venue's own book of one account, from what its control address tells."""
    orders = tuple(_order(row) for row in truth["orders"] if row["account"] == account)
    executions = tuple(_execution(row) for row in truth["executions"] if row["account"] == account)
    if assets:
        wallet = truth["balances"].get(account, {})
        positions = {symbols[symbol]: Decimal(wallet.get(asset, {"total": "0"})["total"]) for symbol, asset in assets.items()}
    else:
        held = [row for row in truth["positions"] if row["account"] == account]
        positions = {symbols[row["symbol"]]: Decimal(row["quantity"]) for row in held if row["symbol"] in symbols}
    return Venue(orders, executions, positions)


def books_of(account: str, entries: list[Entry], instruments: Mapping[str, Instrument], lots: Any, currency: str) -> Books:
    """Books replayed from a journal's entries."""
    books = Books(account, lots, instruments, currency)
    for entry in entries:
        books.apply(entry.time_ns, entry.records)
    return books


def _order(row: Mapping[str, Any]) -> VenueOrder:
    told: dict[str, Any] = {name: row[name] for name in (*ORDER, *STATE)}
    told |= {name: None if row[name] is None else Decimal(str(row[name])) for name in ("limit", "stop")}
    return VenueOrder(**told, quantity=Decimal(str(row["quantity"])), filled=Decimal(str(row["filled"])))


def _execution(row: Mapping[str, Any]) -> Execution:
    told: dict[str, Any] = {name: Decimal(str(value)) if name in EXACT else value for name, value in row.items()}
    return Execution(**told)
