"""A trading session on paper over a seeded market: the account loop, its journal on SQLite and the paper broker, bar by bar.

Time is the bars'; each bar is told when everything that the one before it set off has come to rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np

from tradewinds.brokers.paper import CAPABILITY, PaperBroker
from tradewinds.brokers.paper_store import open_paper_store
from tradewinds.core.instrument import Instrument
from tradewinds.live.account import AccountLoop
from tradewinds.risk.limits import Gate, Limits
from tradewinds.sandbox.market import SeededMarket
from tradewinds.simulation.rules import Setup
from tradewinds.stores.journal import open_sqlite_journal, read_sqlite_journal
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Allot, Bar, BarsClosed, Entry, Priced, Started
from tradewinds.trading.host import StrategyHost, warm_up_bars
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.journal import read

MINUTE_NS = 60_000_000_000
MS_NS = 1_000_000
DAY_MS = 86_400_000
STARTED_NS = 1_795_392_000_000_000_000  # 2026-11-23 00:00Z


class BarClock:
    """Stands at the end of the last bar."""

    def __init__(self) -> None:
        self.at_ns = STARTED_NS

    def now_ns(self) -> int:
        return self.at_ns


@dataclass(slots=True)
class Session:
    """One account: what it trades, on what, under which rules, and where its files are."""

    folder: Path
    strategies: tuple[Hosted, ...]
    setup: Setup
    interval: str = "1m"
    account: str = "paper"
    limits: Limits = field(default_factory=Limits)

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        found = {one.id: one for hosted in self.strategies for one in hosted.instruments}
        return tuple(found[name] for name in sorted(found))

    def engine(self) -> Engine:
        """A fresh core with fresh strategies."""
        rules = {one.id: one for one in self.instruments}
        books = Books(self.account, instruments=rules, currency=self.setup.account.currency)
        return Engine(books, Gate(self.limits), CAPABILITY, StrategyHost(self.account, self.strategies, CAPABILITY))

    def entries(self) -> Iterator[Entry]:
        """The journal from its beginning."""
        with closing(read_sqlite_journal(self.folder / "journal.sqlite")) as journal:
            for _, entry in read(journal.read()):
                yield entry

    def trade(self, bars: Iterable[BarsClosed], *, warm_up: Iterable[BarsClosed] = (), watch: Callable[[], None] = lambda: None) -> Books:
        """Run the account over these bars, from wherever its files stand. watch: called after each bar."""
        return asyncio.run(self._trade(bars, warm_up, watch))

    async def _trade(self, bars: Iterable[BarsClosed], warm_up: Iterable[BarsClosed], watch: Callable[[], None]) -> Books:
        clock = BarClock()
        paper = PaperBroker(self.instruments, self.setup, open_paper_store(self.folder / "paper.sqlite"), clock, self.interval)
        engine = self.engine()
        loop = AccountLoop(engine, open_sqlite_journal(self.folder / "journal.sqlite"), paper, clock, lambda: 0)
        before = list(warm_up)
        if before:
            clock.at_ns = before[-1].end_ns
        await loop.start()
        running = asyncio.create_task(loop.run())
        host = engine.host
        assert isinstance(host, StrategyHost)
        loop.put(Started("bench", "0", "paper", host.fingerprints()))
        share = Decimal(repr(self.setup.account.capital)) / len(self.strategies)
        for one in self.strategies:
            loop.put(Allot(one.name, self.setup.account.currency, share, "bench"))
        for closed in warm_up_bars(before):
            loop.put(closed)
        await self._rest(loop, running)
        for closed in bars:
            clock.at_ns = closed.end_ns
            paper.take(closed)
            for bar in closed.bars:
                loop.put(Priced(bar.instrument, Decimal(repr(bar.close)), closed.end_ns, Decimal(1)))
            loop.put(closed)
            await self._rest(loop, running)
            watch()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await loop.stop()
        return engine.books

    async def _rest(self, loop: AccountLoop, running: asyncio.Task[None]) -> None:
        while not loop.is_idle:
            await asyncio.sleep(0)
            if running.done():
                running.result()
        await asyncio.sleep(0)


def seeded(symbols: Sequence[str], seed: int = 7) -> tuple[SeededMarket, tuple[Instrument, ...]]:
    """A market and the rules of some of its pairs."""
    market = SeededMarket(seed)
    found = []
    for symbol in symbols:
        one = market.listings[symbol]
        tick, lot = Decimal(1).scaleb(-one.price_decimals), Decimal(1).scaleb(-one.quantity_decimals)
        name = f"{symbol}.BINANCE"
        found.append(Instrument(name, "spot", one.quote, "24/7", base=one.base, tick=tick, lot=lot, minimum_notional=Decimal(5)))
    return market, tuple(found)


def minutes(market: SeededMarket, instruments: Sequence[Instrument], first_ms: int, count: int) -> list[BarsClosed]:
    """Minute bars of a seeded market, row by row."""
    columns = {}
    for one in instruments:
        made = market.minutes(one.id.partition(".")[0], first_ms, first_ms + count * 60_000)
        prices = [np.asarray(getattr(made, name)) / 10.0**made.price_decimals for name in ("open", "high", "low", "close")]
        columns[one.id] = np.column_stack([made.end_ms + 1, *prices, made.volume / 10.0**made.quantity_decimals])
    rows: list[BarsClosed] = []
    for at in range(count):
        end_ns = (first_ms + (at + 1) * 60_000) * MS_NS
        found = []
        for name, values in columns.items():
            opened, high, low, close, volume = (float(one) for one in values[at, 1:])
            found.append(Bar(name, opened, high, low, close, volume, end_ns))
        rows.append(BarsClosed("1m", end_ns, tuple(found)))
    return rows
