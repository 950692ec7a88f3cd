"""Stand around a journal, a broker and a feed and note what they did and how long it took; what passes through is unchanged.

What is noted is put on a queue (`Notes`), which costs less than a microsecond; whoever counts, logs and traces takes it from there later
(`watch.py`), off the way of an order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import perf_counter
from typing import Protocol, TypeVar

import msgspec

from tradewinds.core.broker import Broker, BrokerCapability, FillPage, Hear, Holdings, OrderRef, OrderReport
from tradewinds.core.order import ApprovedOrder, Intent
from tradewinds.core.ports import Clock
from tradewinds.trading.entry import Ask, BarsClosed, Entry, Priced
from tradewinds.trading.journal import Chained, JournalStore

WAITING_MAX = 200_000  # notes that wait to be looked at; older ones go first

T = TypeVar("T")
Published = BarsClosed | Priced


class Stepped(msgspec.Struct, frozen=True, gc=False):
    """An account made a step durable."""

    account: str
    entry: Entry


class Written(msgspec.Struct, frozen=True, gc=False):
    """The journal was written, or did not take it. start_ns: the clock's; seconds: the machine's."""

    account: str
    entries: int
    start_ns: int
    seconds: float
    is_failed: bool = False


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A broker was asked. intent: of an order that was sent. error: the kind of error that came of it, "" for an answer."""

    account: str
    ask: Ask
    order: str
    start_ns: int
    seconds: float
    intent: Intent | None = None
    error: str = ""
    detail: str = ""


class Fed(msgspec.Struct, frozen=True, gc=False):
    """The feed published bars."""

    interval: str
    end_ns: int
    bars: int
    now_ns: int


class Warned(msgspec.Struct, frozen=True, gc=False):
    """A person was told something."""

    account: str
    severity: str
    text: str
    time_ns: int


Note = Stepped | Written | Asked | Fed | Warned
Notes = deque[Note]


def notes() -> Notes:
    """A queue of notes."""
    return deque(maxlen=WAITING_MAX)


class WatchedJournal:
    """`trading.journal.JournalStore` whose writes are noted."""

    def __init__(self, journal: JournalStore, account: str, clock: Clock, notes: Notes) -> None:
        self._journal, self._account, self._clock, self._notes = journal, account, clock, notes

    def append(self, entries: Sequence[Chained]) -> None:
        start_ns, start_s = self._clock.now_ns(), perf_counter()
        try:
            self._journal.append(entries)
        except BaseException:
            self._notes.append(Written(self._account, len(entries), start_ns, perf_counter() - start_s, is_failed=True))
            raise
        self._notes.append(Written(self._account, len(entries), start_ns, perf_counter() - start_s))

    def read(self, after: int = 0) -> Iterator[Chained]:
        return self._journal.read(after)

    def last(self) -> tuple[int, bytes]:
        return self._journal.last()

    def close(self) -> None:
        self._journal.close()


class WatchedBroker:
    """`core.broker.Broker` whose calls about single orders are noted."""

    def __init__(self, broker: Broker, account: str, clock: Clock, notes: Notes) -> None:
        self._broker, self._account, self._clock, self._notes = broker, account, clock, notes

    @property
    def capability(self) -> BrokerCapability:
        return self._broker.capability

    async def open(self, hear: Hear) -> None:
        await self._broker.open(hear)

    async def close(self) -> None:
        await self._broker.close()

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        return await self._noted("submit", order.client_order_id, self._broker.submit(order), order.intent)

    async def cancel(self, order: OrderRef) -> OrderReport:
        return await self._noted("cancel", order.client_order_id, self._broker.cancel(order))

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        return await self._noted("replace", by.client_order_id, self._broker.replace(order, by), by.intent)

    async def find(self, order: OrderRef) -> OrderReport | None:
        return await self._noted("find", order.client_order_id, self._broker.find(order))

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return await self._broker.open_orders()

    async def fills(self, since: str) -> FillPage:
        return await self._broker.fills(since)

    async def holdings(self) -> Holdings:
        return await self._broker.holdings()

    async def _noted(self, ask: Ask, order: str, call: Awaitable[T], intent: Intent | None = None) -> T:
        start_ns, start_s = self._clock.now_ns(), perf_counter()
        try:
            answer = await call
        except BaseException as error:
            took_s = perf_counter() - start_s
            self._notes.append(Asked(self._account, ask, order, start_ns, took_s, intent, type(error).__name__, str(error)))
            raise
        self._notes.append(Asked(self._account, ask, order, start_ns, perf_counter() - start_s, intent))
        return answer


class RunsFeed(Protocol):
    """As the service has a feed."""

    async def run(self, publish: Callable[[Published], None]) -> None: ...


class WatchedFeed:
    """A feed whose bars are noted; history that is told again at its beginning is not."""

    def __init__(self, feed: RunsFeed, clock: Clock, notes: Notes) -> None:
        self._feed, self._clock, self._notes = feed, clock, notes

    async def run(self, publish: Callable[[Published], None]) -> None:
        def noted(given: Published) -> None:
            publish(given)
            if isinstance(given, BarsClosed) and not given.is_warm_up:
                self._notes.append(Fed(given.interval, given.end_ns, len(given.bars), self._clock.now_ns()))

        await self._feed.run(noted)
