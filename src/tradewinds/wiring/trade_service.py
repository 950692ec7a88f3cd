"""Puts the trading service together: brokers, journals, gates, hosts and feed of every account, and what stands around them.

1. `assemble` makes everything and connects nothing; leases and journals are locked by `Assembled.lock`.
2. Times: the machine's clock, or with `data` the clock of the bars that are replayed.
3. An account's journal, gate and core are made anew for each attempt to bring it up, so that a failed one leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tradewinds import __version__
from tradewinds.core.broker import Broker, BrokerCapability
from tradewinds.core.instant import text
from tradewinds.core.instrument import Instrument
from tradewinds.core.market import Interval
from tradewinds.core.money import decimal
from tradewinds.core.ports import Clock
from tradewinds.live.account import AccountLoop
from tradewinds.live.acts import Acts
from tradewinds.live.control import ControlServer, control_path
from tradewinds.live.epoch import HaltEpoch, open_epoch
from tradewinds.live.guard_process import Heartbeat, service_path
from tradewinds.live.lease import Leases
from tradewinds.live.replay import BarClock, ReplayFeed
from tradewinds.live.service import Feed, TradingService
from tradewinds.live.shadow import ReadOnlyBroker
from tradewinds.live.trader import Hooks, Parts, Published, TraderPlan
from tradewinds.live.watch import Watch
from tradewinds.live.watched import Notes, Stepped, Warned, WatchedBroker, WatchedFeed, WatchedJournal
from tradewinds.risk.limits import Gate
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Alerted, BarsClosed, Priced, Started
from tradewinds.trading.host import Need, StrategyHost
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.journal import JournalStore
from tradewinds.wiring.accounts import TradedAccount, journal_path
from tradewinds.wiring.brokers import BrokerParts, broker_of
from tradewinds.wiring.guard import claims_of
from tradewinds.wiring.keys import keys_of
from tradewinds.wiring.market_facts import some
from tradewinds.wiring.rehearsal import Rehearsal
from tradewinds.wiring.trade import AccountPlan, Plan, TradedStrategy, hosted_of, instruments_for
from tradewinds.wiring.trade_bars import MONTH_NS, HouseHistory, closed_of_files
from tradewinds.wiring.trade_feed import feed_of, is_fed
from tradewinds.wiring.trade_hours import CalendarHours, day_of
from tradewinds.wiring.trade_limits import LimitWatch
from tradewinds.wiring.trade_projection import ProjectionKeeper
from tradewinds.wiring.trade_rates import RateWatch, rates_by_instrument, rates_now
from tradewinds.wiring.watching import Watching, watching_of

if TYPE_CHECKING:
    from tradewinds.stores.ledger_trading import TradingLedger
    from tradewinds.wiring.house import House

EPOCH_EVERY_S = 0.02
ONE = Decimal(1)  # a price by itself; each account puts its own rate to it
BY_HAND = "1m"  # bars that price what no strategy trades

MakeBroker = Callable[[BrokerParts], Broker]
Say = Callable[[str], None]


@dataclass(slots=True)
class Assembled:
    """A service that is ready to be locked and run, with everything that is to be let go of afterwards."""

    home: Path
    service: TradingService
    acts: Acts
    leases: Leases
    limits: LimitWatch
    rates: RateWatch
    rehearsal: Rehearsal
    projection: ProjectionKeeper
    accounts: tuple[str, ...]
    strategies: tuple[str, ...]
    watching: Watching
    watch: Watch
    say: Say = lambda line: None
    _open: ExitStack = field(default_factory=ExitStack)

    def lock(self) -> None:
        """Take every lease and journal lock. Raises Rejected naming what is held, and by whom."""
        self.leases.take("account", self.accounts)
        self.leases.take("strategy", self.strategies)
        self.leases.take("service", ["of this home"])
        self.service.lock()

    async def run(self, *, until_s: float | None = None, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGTERM, SIGINT, the feed's end, or so many seconds. ready: called once every account trades or failed."""
        control = ControlServer(control_path(self.home), self.acts)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.service.stop)
        timer = None if until_s is None else loop.call_later(until_s, self.service.stop)
        await control.start()
        self.watching.serve(self.say)
        watching = [loop.create_task(one.run(self.service)) for one in (self.limits, self.rates, self.rehearsal, self.watch)]
        watching.append(loop.create_task(self._once(ready)))
        self.projection.start()
        try:
            await self.service.run()
        finally:
            for one in watching:
                one.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await control.close()
            await asyncio.to_thread(self.projection.stop)
            if timer is not None:
                timer.cancel()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def _once(self, ready: Callable[[], None]) -> None:
        await self.service.ready()
        ready()

    def close(self) -> None:
        """Give back leases and files."""
        self.watching.close()
        self.leases.release()
        self._open.close()


def assemble(
    house: House, plan: Plan, *, data: Path | None = None, say: Say = lambda line: None, make_broker: MakeBroker = broker_of,
    has_feed: bool = True,
) -> Assembled:  # fmt: skip
    """Everything that a plan needs. data: bars of files are replayed instead of a venue's feed.

    Raises Rejected where an account cannot trade what it is asked to.
    """
    known = instruments_for([name for one in plan.accounts.values() for name in one.instruments], house)
    _say_assumed(house, plan, say)
    (house.home / "trade").mkdir(mode=0o700, parents=True, exist_ok=True)
    stack = ExitStack()
    epoch = stack.enter_context(open_epoch(house.home))
    bars = None if data is None else closed_of_files(data, _needs(plan, known))
    clock: Clock = house.clock if bars is None else BarClock(bars[0].end_ns - 1)
    history = HouseHistory(house, {one.name: _need(one, known) for one in plan.strategies})
    limits = LimitWatch(house, plan.accounts, say)
    run = f"{text(house.clock.now_ns())} {os.getpid()}"
    watching = watching_of(house.home, "trade", run=run, clock=clock)
    noted = watching.notes
    plans = [_trader(house, one, known, clock, epoch, history, bars, make_broker, limits, noted) for one in plan.accounts.values()]
    begins = _begins(history, _needs(plan, known), clock)
    feed: Feed | None = None
    if bars is not None:
        feed = ReplayFeed(bars, cast(BarClock, clock))
    elif has_feed:
        feed = feed_of(house, plans, known, clock, say, begins)
    service = TradingService(
        plans, clock=clock, epoch=epoch, pulse=Heartbeat(service_path(house.home)), say=say,
        feed=None if feed is None else WatchedFeed(feed, clock, noted),
        started=lambda one: Started(run, __version__, one.mode, one.strategies), alert=_alert_file(house.home, noted),
        stepped=lambda account, entry: noted.append(Stepped(account, entry)),
    )  # fmt: skip
    if isinstance(feed, ReplayFeed):
        feed.is_idle = partial(_is_at_rest, service)
    leases = Leases(house.home / "trade" / "leases", {"pid": os.getpid(), "since": text(house.clock.now_ns())})
    acts = Acts(service, history=history, troubles=plan.troubles)
    accounts = [(one.account, {name: known[name] for name in one.instruments}) for one in plan.accounts.values()]
    projection = ProjectionKeeper(accounts, house.home, partial(_ledger_of, house, stack), say)
    rates = RateWatch(house, accounts, say)
    return Assembled(
        house.home,
        service,
        acts,
        leases,
        limits,
        rates,
        Rehearsal(clock, say),
        projection,
        tuple(plan.accounts),
        tuple(one.name for one in plan.strategies),
        watching,
        Watch(noted, watching.metrics, epoch, log=watching.log, traces=watching.traces),
        say,
        stack,
    )


def _ledger_of(house: House, stack: ExitStack) -> TradingLedger:
    """The ledger by connections of its own."""
    from tradewinds.stores.ledger import Ledger

    return stack.enter_context(Ledger(house.ledger.database.url.render_as_string(hide_password=False))).trading


def journal_of(account: TradedAccount, home: Path) -> JournalStore:
    """The account's journal for its one writer; raises Rejected while another process holds it."""
    if account.config.journal == "sqlite":
        from tradewinds.stores.journal import open_sqlite_journal

        return open_sqlite_journal(journal_path(home, account.name), holder="tradewinds trade")
    from tradewinds.stores.journal_postgres import open_postgres_journal

    return open_postgres_journal(account.config.journal, account.name)


def _trader(
    house: House, plan: AccountPlan, known: Mapping[str, Instrument], clock: Clock, epoch: HaltEpoch, history: HouseHistory,
    bars: Sequence[BarsClosed] | None, make_broker: MakeBroker, limits: LimitWatch, noted: Notes,
) -> TraderPlan:  # fmt: skip
    account = plan.account
    mine = {name: known[name] for name in plan.instruments}
    rates = rates_now(house, account, mine.values())
    hosted = hosted_on(house, plan, known)
    host = StrategyHost(account.name, hosted)
    wants = {need.interval: frozenset(need.instruments) for need in host.needs()}
    for one in plan.guests:
        interval = one.strategy.interval
        wants[interval] = wants.get(interval, frozenset()) | frozenset(one.on(account.name).instruments)
    finest = min(wants, key=lambda name: Interval(name).ns or MONTH_NS, default=BY_HAND)
    wants[finest] = wants.get(finest, frozenset()) | frozenset(plan.account.config.instruments)
    keys = keys_of(account.name, connection=account.config.connection)
    parts = BrokerParts(account, keys, mine, clock, house.home / "trade", plan.setup, finest, rates)
    others = capabilities_elsewhere(house, plan, known, make_broker)

    def make(hooks: Hooks) -> Parts:
        journal = journal_of(account, house.home)
        cores: list[Engine] = []

        def may_send() -> bool:
            return all(not one.books.is_halted and epoch.epoch() <= one.books.epoch for one in cores)

        try:
            broker = make_broker(replace(parts, may_send=may_send))
        except BaseException:
            journal.close()
            raise
        simulate = getattr(broker, "take", _nothing)
        if plan.mode == "shadow":
            broker, simulate = ReadOnlyBroker(broker), _nothing
        engine = engine_of(plan, hosted, broker.capability, mine, others)
        cores.append(engine)
        watched = WatchedBroker(broker, account.name, clock, noted)
        loop = AccountLoop(
            engine, WatchedJournal(journal, account.name, clock, noted), watched, clock, epoch.epoch, listen=hooks.listen,
            acknowledge=hooks.acknowledge, epoch_every_s=EPOCH_EVERY_S, alert=hooks.alert, route=hooks.route,
            claims=partial(claims_of, house.home, account.name),
        )  # fmt: skip
        try:
            limits.put_in_force(account.name, loop.put)
            claims = claims_of(house.home, account.name)
        except BaseException:
            journal.close()
            raise
        if claims is not None:
            loop.put(claims)  # before the first comparison with the venue, which then finds the guard's orders to be ours
        return Parts(loop, broker, simulate)

    return TraderPlan(
        account.name,
        cast(Any, plan.mode),
        account.currency,
        make,
        strategies=pinned(host.fingerprints(), plan.strategies),
        wants=wants,
        capital={name: one.capital for name, one in plan.shares.items()},
        rates=rates_by_instrument(mine, rates),
        warm_up=None if bars is not None else _warm_up(history, host.needs(), clock, partial(is_fed, house)),
        homes={one.name: one.account.name for one in plan.guests},
    )


def hosted_on(house: House, plan: AccountPlan, known: Mapping[str, Instrument], at_ns: int | None = None) -> list[Hosted]:
    """The strategies that decide on an account, with rates of what they trade and of the accounts where they do, as known then."""
    every = [known[name] for one in plan.strategies for name in one.instruments]
    shares = [share for one in plan.strategies for share in one.elsewhere]
    fixed = {share.account.currency: float(share.words["rate"]) for share in shares if "rate" in share.words}
    rates = rates_now(house, plan.account, every, at_ns, [share.account.currency for share in shares], fixed)
    return [hosted_of(one, known, rates) for one in plan.strategies]


def capabilities_elsewhere(
    house: House, plan: AccountPlan, known: Mapping[str, Instrument], make_broker: MakeBroker = broker_of
) -> dict[str, BrokerCapability]:
    """What the brokers of other accounts can do that strategies of this one trade too."""
    shares = {share.account.name: share for one in plan.strategies for share in one.elsewhere}
    return {name: capability_of(house, share.account, known, make_broker) for name, share in shares.items()}


def capability_of(
    house: House, account: TradedAccount, known: Mapping[str, Instrument], make_broker: MakeBroker = broker_of
) -> BrokerCapability:
    """What an account's broker can do; adapters say so without being opened."""
    if account.config.broker == "paper":
        from tradewinds.brokers.paper import CAPABILITY

        return CAPABILITY
    keys = keys_of(account.name, connection=account.config.connection)
    return make_broker(BrokerParts(account, keys, known, house.clock, house.home / "trade")).capability


def engine_of(
    plan: AccountPlan, hosted: Sequence[Hosted], capability: BrokerCapability, by_hand: Mapping[str, Instrument] | None = None,
    others: Mapping[str, BrokerCapability] | None = None,
) -> Engine:  # fmt: skip
    """The core of an account as the service runs it; parity makes it the same way. by_hand: rules of what no strategy trades.

    others: of the brokers of other accounts that its strategies trade too.
    """
    account = plan.account
    rules = {**(by_hand or {}), **{one.id: one for each in hosted for one in each.instruments if one.id not in each.elsewhere}}
    zone, starts = day_of(account.name, account.config)
    gate = Gate(
        account.limits, {one.name: one.limits for one in (*plan.strategies, *plan.guests) if not one.limits.is_empty},
        currency=account.currency, account=account.name, has_reduce_only=capability.has_reduce_only, day_zone=zone, day_starts=starts,
        is_open=CalendarHours(rules.values()),
    )  # fmt: skip
    host = StrategyHost(account.name, hosted, capability, others)
    books = Books(account.name, account.config.lots, rules, account.currency)
    away = {one.id: one for each in hosted for one in each.instruments if one.id in each.elsewhere}
    for share in {share.account.name: share for one in plan.strategies for share in one.elsewhere}.values():
        books.away[share.account.name] = Books(share.account.name, share.account.config.lots, away, share.account.currency)
    valid_ns = {one.name: one.valid_ns for one in hosted if one.elsewhere}
    return Engine(books, gate, capability, host, is_shadow=plan.mode == "shadow", valid_ns=valid_ns)


def pinned(fingerprints: Mapping[str, str], strategies: Iterable[TradedStrategy]) -> dict[str, str]:
    """What makes each strategy decide as it does, the bytes of its models included."""
    models = {one.name: json.dumps(dict(one.models), sort_keys=True) for one in strategies if one.models}
    return {
        name: hashlib.sha256((one + models[name]).encode()).hexdigest() if name in models else one for name, one in fingerprints.items()
    }


def _nothing(_: BarsClosed) -> None:
    """The broker fills by itself."""


def _begins(history: HouseHistory, needs: Sequence[Need], clock: Clock) -> Callable[[str, Sequence[str]], Awaitable[int]]:
    """Where the history of the house ends, for the feed to go on from there; as far back as windows look, where it ends before."""
    bars = {one.interval: one.bars for one in needs}

    async def begins(interval: str, instruments: Sequence[str]) -> int:
        now_ns = clock.now_ns()
        first_ns = now_ns - bars.get(interval, 0) * (Interval(interval).ns or MONTH_NS)
        ends: dict[str, int] = {}
        for closed in await history.before([Need(interval, tuple(instruments), 1)], now_ns):
            ends |= {bar.instrument: closed.end_ns for bar in closed.bars}
        return max(first_ns, min((ends.get(name, first_ns) for name in instruments), default=first_ns))

    return begins


def _warm_up(
    history: HouseHistory, needs: Sequence[Need], clock: Clock, comes: Callable[[str, str], bool]
) -> Callable[[], Awaitable[Sequence[Published]]]:
    """Bars before those of the feed. Where none comes by a feed, prices alone: such a decision brings its own bars when it is asked for,
    the one that it is made on among them. comes: whether a feed brings an instrument's bars of an interval."""
    fed = [replace(one, instruments=tuple(name for name in one.instruments if comes(name, one.interval))) for one in needs]
    others = [replace(one, instruments=tuple(name for name in one.instruments if not comes(name, one.interval)), bars=1) for one in needs]

    async def bars() -> Sequence[Published]:
        now_ns = clock.now_ns()
        last = await history.before([one for one in others if one.instruments], now_ns)
        prices = [
            Priced(bar.instrument, decimal(repr(bar.close), what=f"close of {bar.instrument}"), closed.end_ns, ONE)
            for closed in last
            for bar in closed.bars
            if bar.close > 0
        ]
        return [*await history.before([one for one in fed if one.instruments], now_ns), *prices]

    return bars


def _needs(plan: Plan, known: Mapping[str, Instrument]) -> tuple[Need, ...]:
    return StrategyHost("replay", [hosted_of(one, known, _ones(known)) for one in plan.strategies]).needs()


def _ones(known: Mapping[str, Instrument]) -> dict[str, float]:
    return {one.currency: 1.0 for one in known.values()}


def _need(one: TradedStrategy, known: Mapping[str, Instrument]) -> Need:
    return Need(one.strategy.interval, one.instruments, hosted_of(one, known, _ones(known)).window_bars)


def _say_assumed(house: House, plan: Plan, say: Say) -> None:
    """Name the instruments at real venues whose tick and lot are only assumed."""
    for one in plan.accounts.values():
        if one.account.config.broker != "paper":
            known = {each.id for each in house.ledger.instruments(ids=list(one.instruments))}
            unknown = [name for name in one.instruments if name not in known]
            if unknown:
                say(f"warning: account {one.account.name}: nobody registered {some(unknown)}; tick and lot are assumed (docs/trading.md)")


def _is_at_rest(service: TradingService) -> bool:
    return service.is_idle() and all(one.settled.is_set() for one in service.traders.values())


def _alert_file(home: Path, noted: Notes) -> Callable[[str, Alerted, int], None]:
    """Keeps alerts as JSON lines in `<home>/trade/alerts.jsonl`, and notes them."""
    path = home / "trade" / "alerts.jsonl"

    def keep(account: str, alerted: Alerted, time_ns: int) -> None:
        noted.append(Warned(account, alerted.severity, alerted.text, time_ns))
        row = {"at": text(time_ns), "account": account, "severity": alerted.severity, "text": alerted.text}
        with suppress(OSError), path.open("a", encoding="utf-8") as file:  # a full disk: it was said all the same
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    return keep
