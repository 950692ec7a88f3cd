"""`BarFeed`: closed bars and prices from venues' streams, whole and in order, to whoever trades and into the history.

1. Each source runs by itself and tells bars, prices and gaps; it reconnects by itself.
2. After a gap the bars of that time are fetched over the source's other way (REST) and put in their place before anything later leaves.
3. What leaves is published at once and kept for the history, which is written in batches, never on the way to the strategies.

A row that misses an instrument waits for its deadline; see `feed_assembly`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from tradewinds.core.errors import Invariant, TradewindsError, Transient
from tradewinds.core.instant import text
from tradewinds.core.market import Interval
from tradewinds.core.ports import Clock
from tradewinds.live.feed_assembly import Assembly, Closed
from tradewinds.live.pace import seconds_until, speed_of
from tradewinds.trading.entry import BarsClosed, Priced
from tradewinds.wire.stream import Gap

LATENESS_S = 2.0
FRESH_S = 60.0
SEAL_EVERY_S = 60.0
LOOK_EVERY_S = 0.25  # a clock that is moved by hand is looked at so often
REPAIR_TRIES = 5
REPAIR_AGAIN_S = 1.0
UNSEALED_MAX = 1_000_000

Brought = Closed | Priced | Gap
Take = Callable[[Brought], None]
Published = BarsClosed | Priced
Seal = Callable[[Sequence[Closed]], Awaitable[None]]
Begins = Callable[[str, Sequence[str]], Awaitable[int]]


class FeedSource(Protocol):
    """One venue. brings: interval -> instruments. A source that polls calls `take` as it learns; the order and repeats do not matter."""

    @property
    def name(self) -> str: ...

    @property
    def brings(self) -> Mapping[str, frozenset[str]]: ...

    async def run(self, take: Take) -> None:
        """Until cancelled; a Gap whenever something may have been missed, the first from its beginning. Raises Rejected for good."""
        ...

    async def history(self, interval: str, instruments: Sequence[str], start_ns: int, end_ns: int) -> Sequence[Closed]:
        """Closed bars that end in (start_ns, end_ns]. Raises Transient where the venue cannot say now."""
        ...


class BarFeed:
    """The feed of a trading service. lateness_s: a row waits so long for its last bar; a source may say a longer `lateness_s` for its own.

    together: instruments that somebody decides on at once, so that they share rows; without it all of an interval do. fresh_s: later than
    this nothing is decided on a row.
    begins: (interval, instruments) -> end of the bar from which on history is wanted when a source begins, so that no window has a hole
    between what the house knows and the first bar that is heard. Those bars fill windows and decide nothing.
    seal: writes bars to the history; raises Transient where it cannot now, and is asked again. say: tells a person.
    """

    def __init__(
        self,
        sources: Sequence[FeedSource],
        clock: Clock,
        *,
        lateness_s: float = LATENESS_S,
        together: Iterable[frozenset[str]] = (),
        fresh_s: float = FRESH_S,
        begins: Begins | None = None,
        seal: Seal | None = None,
        seal_every_s: float = SEAL_EVERY_S,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.sealed = 0
        self._sources = tuple(sources)
        self._clock = clock
        self._begins = begins
        self._begun_ns = 0  # what ended before is history
        self._seal = seal
        self._seal_every_s = seal_every_s
        self._say = say
        self._unsealed: list[Closed] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._stirred = asyncio.Event()
        self._publish: Callable[[Published], None] = lambda given: None
        # What messages take on their way is the machine's time: where the clock runs faster, more of its time passes meanwhile.
        speed = speed_of(clock)
        expected: dict[str, dict[str, float]] = {}
        for source in sources:
            late_s = speed * max(lateness_s, float(getattr(source, "lateness_s", 0.0)))
            for interval, names in source.brings.items():
                expected.setdefault(interval, {}).update(dict.fromkeys(names, late_s))
        groups = list(together)
        self._assemblies = [
            Assembly(interval, frozenset(row), max(late_s[name] for name in row), fresh_s * speed)
            for interval, late_s in sorted(expected.items())
            for row in (_rows(late_s.keys(), groups) if groups else [set(late_s)])
        ]
        self._of = {(one.interval, name): one for one in self._assemblies for name in one.expected}

    async def run(self, publish: Callable[[Published], None]) -> None:
        """Publish until cancelled. Raises what a source raises for good."""
        self._publish = publish
        self._begun_ns = 0 if self._begins is None else self._clock.now_ns()
        work = [self._run_source(one) for one in self._sources] + [self._look(), self._seal_on()]
        tasks = [asyncio.ensure_future(one) for one in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
            raise Invariant("feed: a source ended by itself, expected it to go on")
        finally:
            for one in (*tasks, *self._tasks):
                one.cancel()
            await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)
            await self._seal_now()

    async def _run_source(self, source: FeedSource) -> None:
        def take(brought: Brought) -> None:
            if isinstance(brought, Closed):
                self._take(brought)
            elif isinstance(brought, Priced):
                self._publish(brought)
            else:
                self._repair(source, brought)

        await source.run(take)

    def _take(self, closed: Closed) -> None:
        assembly = self._of.get((closed.interval, closed.bar.instrument))
        if assembly is None or not assembly.take(closed):
            return
        if self._seal is not None:
            self._unsealed.append(closed)
        self._leave(assembly)

    def _leave(self, assembly: Assembly) -> None:
        missed = 0
        for row in assembly.rows(self._clock.now_ns()):
            is_before = row.end_ns <= self._begun_ns
            missed += row.is_warm_up and not is_before
            self._publish(BarsClosed(row.interval, row.end_ns, row.bars, is_warm_up=True) if is_before else row)
        if missed:
            self._say(f"feed: {missed} rows of {assembly.interval} came too late to be decided on")
        if assembly.due_ns() is not None:
            self._stirred.set()

    async def _look(self) -> None:
        """Let rows go whose deadline has passed."""
        while True:
            due = [at for one in self._assemblies if (at := one.due_ns()) is not None]
            if not due:
                self._stirred.clear()
                await self._stirred.wait()
                continue
            await asyncio.sleep(min(LOOK_EVERY_S, seconds_until(self._clock, min(due))))
            for assembly in self._assemblies:
                self._leave(assembly)

    # Gaps

    def _repair(self, source: FeedSource, gap: Gap) -> None:
        for interval, names in source.brings.items():
            for assembly in [one for one in self._assemblies if one.interval == interval and not names.isdisjoint(one.expected)]:
                assembly.hold()
                task = asyncio.ensure_future(self._fetch(source, assembly, sorted(names & assembly.expected), gap))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _fetch(self, source: FeedSource, assembly: Assembly, names: Sequence[str], gap: Gap) -> None:
        """Bars that ended in the gap. The one that was open when it began ended in it, too; what ended before the feed began is history."""
        try:
            found = await self._history(source, assembly.interval, names, gap)
            for closed in sorted(found, key=lambda one: one.end_ns):
                if assembly.take(closed) and self._seal is not None:
                    self._unsealed.append(closed)
        finally:
            assembly.release()
            self._leave(assembly)

    async def _history(self, source: FeedSource, interval: str, names: Sequence[str], gap: Gap) -> Sequence[Closed]:
        length = Interval(interval).ns or 0
        # A message may be lost before the last one that was heard: the venue sends a bar's end within a moment of it, hence one bar more.
        start_ns = gap.start_ns - length
        if gap.reason == "begin":
            start_ns = gap.start_ns if self._begins is None else min(gap.start_ns, await self._begins(interval, names))
        for tries in range(REPAIR_TRIES):
            try:
                return await source.history(interval, names, start_ns, max(gap.end_ns, self._clock.now_ns()))
            except Transient as error:
                wait_s = error.retry_after_s if error.retry_after_s is not None else REPAIR_AGAIN_S * 2**tries
                self._say(f"feed {source.name}: {error}; again in {wait_s:g} s")
                await asyncio.sleep(wait_s)
            except TradewindsError as error:
                self._say(f"feed {source.name}: {error}")
                break
        self._say(f"feed {source.name}: bars of {interval} from {text(start_ns)} to {text(gap.end_ns)} stay missing ({gap.reason})")
        return ()

    # The history

    async def _seal_on(self) -> None:
        while True:
            await asyncio.sleep(self._seal_every_s)
            await self._seal_now()

    async def _seal_now(self) -> None:
        batch, self._unsealed = self._unsealed, []
        if not batch or self._seal is None:
            return
        try:
            await self._seal(batch)
            self.sealed += len(batch)
        except Transient as error:
            self._unsealed = (batch + self._unsealed)[-UNSEALED_MAX:]
            self._say(f"feed: bars wait to be written to the history ({error})")


def _rows(names: Collection[str], groups: Sequence[frozenset[str]]) -> list[set[str]]:
    """Names apart that no group puts together, by way of others either."""
    found: list[set[str]] = []
    for name in sorted(names):
        mine = {name, *(other for group in groups if name in group for other in group if other in names)}
        joined = [one for one in found if not one.isdisjoint(mine)]
        found = [one for one in found if one not in joined] + [mine.union(*joined)]
    return found
