"""The trading process of a kill campaign: real loop, real sockets, real journal. It wants orders as fast as it can until it is killed.

It is forked from a parent that has imported everything, so that a life costs milliseconds. Settling, it cancels all and ends by itself.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tradewinds.campaign.chaos import seeded
from tradewinds.campaign.run import ACCOUNT
from tradewinds.campaign.stage import Market
from tradewinds.campaign.work import Work
from tradewinds.core.broker import Broker
from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.ports import Clock
from tradewinds.live.account import AccountLoop
from tradewinds.risk.limits import Gate
from tradewinds.stores.journal import open_sqlite_journal
from tradewinds.stores.journal_postgres import open_postgres_journal
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import CancelWanted
from tradewinds.trading.journal import JournalStore

WANTS_EVERY_S = 0.004
SETTLED_LOOKS = 3
LOOK_EVERY_S = 0.1
SETTLE_S = 60.0
LOCK_AGAIN_S = 0.02
LOCK_TRIES = 500


@dataclass(frozen=True, slots=True)
class Life:
    """One run of the trading process. journal: a path, or a postgresql:// URL. ready: a descriptor, written to once an order is sent."""

    number: int
    seed: int
    journal: str
    ready: int
    settles: bool


class MachineClock:
    """The machine's."""

    def now_ns(self) -> int:
        return time.time_ns()


class Adapts(Protocol):
    """Makes the adapter, and knows what can be traded."""

    market: Market
    currency: str

    def __call__(self, clock: Clock, seed: int) -> Broker: ...


def live(life: Life, adapts: Adapts) -> None:
    """Trade until killed; or settle and return."""
    asyncio.run(_trade(life, adapts))


async def _trade(life: Life, adapts: Adapts) -> None:
    clock = MachineClock()
    journal = await _journal(life)
    broker = adapts(clock, life.seed * 100_003 + life.number)
    engine = Engine(Books(ACCOUNT, instruments=adapts.market.instruments, currency=adapts.currency), Gate(), broker.capability)
    account = AccountLoop(engine, journal, broker, clock, lambda: 0)
    await account.start()
    running = asyncio.create_task(account.run())
    work = Work(ACCOUNT, adapts.market, seeded(f"life {life.number}", life.seed), clock)
    wants = _settle(account) if life.settles else _want(account, work, life.ready)
    wanting = asyncio.create_task(wants)
    done, _ = await asyncio.wait({running, wanting}, return_when=asyncio.FIRST_COMPLETED)
    for one in done:
        one.result()
    running.cancel()
    await account.stop()


async def _want(account: AccountLoop, work: Work, ready: int) -> None:
    before, is_told = len(account.engine.books.orders), False
    while True:
        for given in work.next(account.engine.books):
            account.put(given)
        await asyncio.sleep(WANTS_EVERY_S)
        if not is_told and len(account.engine.books.orders) > before:
            is_told = True
            os.write(ready, b"r")


async def _settle(account: AccountLoop) -> None:
    looks, end_s = 0, time.monotonic() + SETTLE_S
    while looks < SETTLED_LOOKS and time.monotonic() < end_s:
        await asyncio.sleep(LOOK_EVERY_S)
        looks = 0 if account.engine.books.open else looks + 1
        if looks == 0:
            account.put(CancelWanted("campaign", "the end"))


async def _journal(life: Life) -> JournalStore:
    """The journal; its lock may outlive the killed process by a moment."""
    opened: Callable[[], JournalStore] = (
        (lambda: open_postgres_journal(life.journal, f"kill_{life.seed}"))
        if life.journal.startswith("postgresql")
        else (lambda: open_sqlite_journal(Path(life.journal)))
    )
    for _ in range(LOCK_TRIES):
        try:
            return opened()
        except (Rejected, Transient):
            await asyncio.sleep(LOCK_AGAIN_S)
    return opened()
