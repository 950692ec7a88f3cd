"""Restart to trading: a journal on SQLite with a history, 1,000 orders that still work and 500 positions, until the first comparison.

The venue stands behind `DirectBroker`, so what is measured is ours: reading, checking the hash chain, decoding, replaying into books and
gate, one durable step, and comparing 1,000 orders and 500 positions. The floor is reading the same rows from SQLite and hashing them.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import statistics
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from benchmarks import market_data as market
from tradewinds.app.cli import COLLECT_AFTER
from tradewinds.core.account import Fill
from tradewinds.core.broker import OrderReport
from tradewinds.core.order import Intent, OrderState, OrderTerms
from tradewinds.live.account import AccountLoop
from tradewinds.risk.limits import Gate
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, Quote, VenueOrder
from tradewinds.stores.journal import open_sqlite_journal
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Answered, Compared, Entry, Heard, Input, Wanted
from tradewinds.trading.journal import GENESIS, chained

NOW_NS = 1_800_000_000_000_000_000
POSITIONS, OPEN = 500, 1_000
RESTART_S_MAX = 5.0
DEEP = Decimal(10**9)  # what every price offers: nothing fills in part


class _Clock:
    def now_ns(self) -> int:
        return NOW_NS


class _History:
    """A core that is told what happened, beside the venue where it happened."""

    def __init__(self) -> None:
        self.exchange = Exchange(lambda: NOW_NS, lambda symbol: Quote(Decimal(99), Decimal(101), DEEP, DEEP))
        self.broker = DirectBroker(self.exchange, "main")
        self.engine = Engine(Books("main", currency="USD"), Gate(), self.broker.capability)
        self.entries: list[Entry] = []
        self.micros: dict[str, list[float]] = {}

    def do(self, kind: str, given: Input) -> None:
        begin = time.perf_counter()
        outcome = self.engine.handle(NOW_NS, given)
        self.micros.setdefault(kind, []).append((time.perf_counter() - begin) * 1e6)
        self.entries.append(outcome.entry)

    def order(self, number: int, limit: Decimal, *, fills: bool) -> None:
        """Wanted, accepted, and filled or left to work."""
        name, side = f"I{number % POSITIONS}.LOCAL", "buy" if number % 7 else "sell"
        terms = OrderTerms(name, "buy" if side == "buy" else "sell", Decimal(1 + number % 5), "limit", limit)
        intent = Intent("main", f"s{number % 3}", NOW_NS - number, terms)
        self.do("wanted", Wanted((intent,), "bench"))
        placed = self.exchange.place(VenueOrder("main", intent.client_order_id, name, terms.side, "limit", terms.quantity, limit))
        known = OrderReport(intent.client_order_id, str(placed.id), name, OrderState.ACCEPTED, NOW_NS, Decimal(0))
        self.do("answered", Answered("submit", intent.client_order_id, known, asked_ns=NOW_NS))
        if fills:
            for one in self.exchange.executions[-1:]:
                told = Fill(str(one.id), "LOCAL", one.client_id, name, one.side, one.quantity, one.price, "USD", NOW_NS)
                self.do("filled", Heard(told))


def run(quick: bool = False) -> dict[str, object]:
    """Figures and reaches. quick: a short history."""
    gc.set_threshold(COLLECT_AFTER)  # as every command of ours does
    count, rounds = (2_000, 1) if quick else (20_000, 5)
    made = _History()
    made.do("compared", Compared(NOW_NS, (), (), "", asyncio.run(made.broker.holdings())))
    for number in range(count):
        made.order(number, Decimal(101 if number % 7 else 99), fills=True)
    for number in range(count, count + OPEN):
        made.order(number, Decimal(50 if number % 7 else 150), fills=False)
    rows = chained(made.entries, 0, GENESIS)
    with tempfile.TemporaryDirectory(prefix="bench-restart-") as folder:
        place = Path(folder) / "main.sqlite"
        journal = open_sqlite_journal(place)
        journal.append(rows)
        journal.close()
        floors, taken = [], []
        for _ in range(rounds):
            floors.append(_floor(place))
            taken.append(asyncio.run(_restarted(made, place)))
    books = made.engine.books
    restart_s = statistics.median(taken)
    figures = {
        "restart_to_trading_s": restart_s,
        "floor_read_and_hash_s": statistics.median(floors),
        "journal_entries": float(len(rows)),
        "journal_bytes_per_entry": sum(len(one.body) for one in rows) / len(rows),
        "open_orders": float(len(books.open)),
        "positions": float(len(books.whole.positions)),
        **{f"handle_{kind}_us": statistics.median(all_) for kind, all_ in made.micros.items() if kind != "compared"},
        "handle_p99_us": statistics.quantiles([one for all_ in made.micros.values() for one in all_], n=100)[98],
    }
    return {
        "figures": {name: round(value, 3) for name, value in figures.items()},
        "peers": {},
        "reach": {"restart_to_trading_s": market.reach(restart_s, RESTART_S_MAX)},
    }


async def _restarted(made: _History, place: Path) -> float:
    """Seconds from opening the journal until trading may begin."""
    begin = time.perf_counter()
    broker = DirectBroker(made.exchange, "main")
    engine = Engine(Books("main", currency="USD"), Gate(), broker.capability)
    loop = AccountLoop(engine, open_sqlite_journal(place), broker, _Clock(), lambda: 0)
    await loop.start()
    taken = time.perf_counter() - begin
    assert len(engine.books.open) == len(made.engine.books.open) == OPEN
    assert len(engine.books.whole.positions) == len(made.engine.books.whole.positions)
    assert engine.books.whole == made.engine.books.whole
    await loop.stop()
    return taken


def _floor(place: Path) -> float:
    begin = time.perf_counter()
    journal = open_sqlite_journal(place)
    last = GENESIS
    for one in journal.read():
        last = hashlib.sha256(last + one.body).digest()
    journal.close()
    return time.perf_counter() - begin
