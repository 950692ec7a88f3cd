"""`Trader`: one account within the trading service, from being brought up to being let go.

1. Bring up: the journal is replayed and the broker compared (`AccountLoop.start`); who fails by passing trouble tries again.
2. Tell: what runs (`Started`), each strategy's capital, history as warm-up, then whatever the feed brought meanwhile.
3. Trade until stopped. An account that fails stands still by itself; the others go on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from tradewinds.core.broker import Broker
from tradewinds.core.errors import TradewindsError, Transient
from tradewinds.core.money import decimal
from tradewinds.live.account import AccountLoop
from tradewinds.live.answers import AccountView
from tradewinds.trading.books import Books
from tradewinds.trading.command import PassCommand
from tradewinds.trading.entry import Allot, BarsClosed, Entry, Input, Priced, Started

AGAIN_S = (1.0, 2.0, 5.0, 15.0, 30.0)
HELD_BACK_MAX = 100_000

State = Literal["starting", "trading", "failed", "stopped"]
Published = BarsClosed | Priced


@dataclass(frozen=True, slots=True)
class Hooks:
    """What an account tells the service: each durable step, an obeyed halt epoch, what its loop has to say, what is for others."""

    listen: Callable[[Entry], None]
    acknowledge: Callable[[int], None]
    alert: Callable[[str, str], None]
    route: Callable[[PassCommand], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """An account put together for one attempt: its loop, and the broker that the loop drives.

    simulate: given closed bars before the strategies see them, where the broker is our own simulation.
    """

    loop: AccountLoop
    broker: Broker
    simulate: Callable[[BarsClosed], None] = lambda closed: None


@dataclass(frozen=True, slots=True)
class TraderPlan:
    """What an account is to do. make: puts it together, and again after a failure that may pass.

    strategies: name -> SHA-256 of what makes it decide as it does. wants: interval -> instruments whose closed bars it is given.
    capital: of each strategy, in `currency`, those among them that decide on another account (`homes`) and trade here too.
    rates: base currency per unit of an instrument's price times quantity; absent: not known.
    """

    name: str
    mode: Literal["shadow", "paper", "live"]
    currency: str
    make: Callable[[Hooks], Parts]
    strategies: Mapping[str, str] = field(default_factory=dict)
    wants: Mapping[str, frozenset[str]] = field(default_factory=dict)
    capital: Mapping[str, Decimal] = field(default_factory=dict)
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    warm_up: Callable[[], Awaitable[Sequence[Published]]] | None = None
    homes: Mapping[str, str] = field(default_factory=dict)


class Trader:
    """Runs one `TraderPlan`. `say` tells a person, one line at a time; `is_up` is called whenever it begins to trade."""

    def __init__(self, plan: TraderPlan, started: Started, hooks: Hooks, say: Callable[[str], None], is_up: Callable[[], None]) -> None:
        self.plan = plan
        self.state: State = "starting"
        self.failure = ""
        self._rates = dict(plan.rates)
        self.settled = asyncio.Event()  # trading, failed or stopped: no longer starting
        self._started = started
        self._hooks = hooks
        self._say = say
        self._is_up = is_up
        self._parts: Parts | None = None
        self._held_back: deque[Published] = deque()

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def parts(self) -> Parts:
        """The loop and its broker; raises Transient while the account is not up."""
        if self._parts is None or self.state != "trading":
            why = f": {self.failure}" if self.failure else ""
            raise Transient(f"account {self.name}: {self.state}{why}; expected it to trade")
        return self._parts

    @property
    def can_send(self) -> bool:
        """Whether anything could leave for the broker."""
        return self._parts is not None and self.state in ("starting", "trading")

    @property
    def is_replaying(self) -> bool:
        """Whether the steps that it tells of are its journal's, which were told when they happened."""
        return self._parts is not None and self._parts.loop.is_replaying

    @property
    def books(self) -> Books:
        """What the journal says; empty before it was read."""
        return Books(self.name) if self._parts is None else self._parts.loop.engine.books

    def view(self) -> AccountView:
        """As a person looks at it."""
        return AccountView(self.name, self.plan.mode, self.state, self.books, tuple(self.plan.strategies), self.failure)

    def make(self) -> None:
        """Put the account together: the journal's lock is taken here. Raises what stands in the way."""
        self._parts = self.plan.make(self._hooks)

    async def run(self) -> None:
        """Bring the account up and trade until cancelled; ends by itself only where it failed for good."""
        tries = 0
        while True:
            try:
                if self._parts is None:
                    self.make()
                assert self._parts is not None
                await self._parts.loop.start()
                await self._begin(self._parts)
                await self._parts.loop.run()
            except Transient as error:
                await self._let_go()
                self.state, self.failure = "starting", str(error)
                wait_s = AGAIN_S[min(tries, len(AGAIN_S) - 1)]
                tries += 1
                self._say(f"account {self.name}: {error}; again in {wait_s:g} s")
                await asyncio.sleep(wait_s)
            except TradewindsError as error:
                await self.fail(str(error))
                return

    async def fail(self, why: str) -> None:
        """Stand still for good: something is wrong that trying again does not change."""
        await self._let_go()
        self.state, self.failure = "failed", why
        self._say(f"critical: account {self.name} stands still: {why}")
        self.settled.set()

    def publish(self, given: Published) -> None:
        """Take what the feed brought, if this account wants it; kept back until the account is up."""
        if self.state == "trading" and self._parts is not None:
            self._give(self._parts, given)
        elif len(self._held_back) < HELD_BACK_MAX:
            self._held_back.append(given)

    def put(self, given: Input) -> bool:
        """Queue an input of another account's core; False while this one does not trade."""
        if self.state != "trading" or self._parts is None:
            return False
        self._parts.loop.put(given)
        return True

    def price(self, closed: BarsClosed) -> None:
        """Take closes as prices, and let a simulation fill by them; no strategy sees these bars here."""
        names = {name for some in self.plan.wants.values() for name in some}
        bars = tuple(one for one in closed.bars if one.instrument in names)
        if bars and self.state == "trading" and self._parts is not None:
            mine = BarsClosed(closed.interval, closed.end_ns, bars)
            self._parts.simulate(mine)
            for priced in self._prices(mine):
                self._parts.loop.put(priced)

    def rerate(self, rates: Mapping[str, Decimal]) -> list[str]:
        """Other rates are in force: the last prices are told again with them, which journals them. Returns whose rate changed."""
        changed = [name for name, rate in rates.items() if self._rates.get(name) != rate]
        self._rates.update(rates)
        if self.state == "trading" and self._parts is not None:
            loop = self._parts.loop
            for name in changed:
                known = loop.engine.prices.get(name)
                if known is not None:
                    loop.put(Priced(name, known.price, known.price_ns, rates[name]))
        return changed

    async def stop(self) -> None:
        """Let go of the broker and the journal; orders stay where they are."""
        await self._let_go()
        if self.state != "failed":
            self.state = "stopped"
        self.settled.set()

    async def _begin(self, parts: Parts) -> None:
        loop = parts.loop
        loop.put(self._started)
        for strategy, amount in sorted(self.plan.capital.items()):
            loop.put(Allot(strategy, self.plan.currency, amount, "configuration", self.plan.homes.get(strategy, "")))
        for one in await self.plan.warm_up() if self.plan.warm_up is not None else ():
            self._give(parts, one if isinstance(one, Priced) else BarsClosed(one.interval, one.end_ns, one.bars, is_warm_up=True))
        while self._held_back:
            self._give(parts, self._held_back.popleft())
        self.state, self.failure = "trading", ""
        self.settled.set()
        self._say(f"account {self.name}: {self.plan.mode}, {len(loop.engine.books.open)} open orders, trading")
        self._is_up()

    async def _let_go(self) -> None:
        if self._parts is not None:
            parts, self._parts = self._parts, None
            await parts.loop.stop()

    def _give(self, parts: Parts, given: Published) -> None:
        """What this account wants of it: fills of a simulation first, then prices, then the bars."""
        if isinstance(given, Priced):
            if given.instrument in self._rates:
                parts.loop.put(Priced(given.instrument, given.price, given.price_ns, self._rates[given.instrument]))
            return
        names = self.plan.wants.get(given.interval, frozenset())
        bars = tuple(one for one in given.bars if one.instrument in names)
        if not bars:
            return
        closed = BarsClosed(given.interval, given.end_ns, bars, given.is_warm_up)
        parts.simulate(closed)
        for priced in self._prices(closed):
            parts.loop.put(priced)
        parts.loop.put(closed)

    def _prices(self, closed: BarsClosed) -> list[Priced]:
        """The closes as prices, so that the gate knows them before it judges what is decided on these bars."""
        return [
            Priced(one.instrument, decimal(repr(one.close), what=f"close of {one.instrument}"), closed.end_ns, self._rates[one.instrument])
            for one in closed.bars
            if one.instrument in self._rates and one.close > 0
        ]
