"""One strategy, two accounts: what it wants elsewhere is handed over once, and what became of it is told home once, whatever is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import pytest

from tradewinds.core.account import Fill
from tradewinds.core.broker import BrokerCapability, Holdings, OrderReport
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ORDER_KINDS, TIMES_IN_FORCE, Intent, OrderState, OrderTerms
from tradewinds.risk.limits import Gate, Limits
from tradewinds.trading.books import Books
from tradewinds.trading.command import PassCommand
from tradewinds.trading.engine import Command, Engine
from tradewinds.trading.entry import (
    Allot,
    Answered,
    Bar,
    BarsClosed,
    Booked,
    CancelWanted,
    Claimed,
    Compared,
    Controlled,
    Decided,
    Elsewhere,
    Entry,
    HandedOver,
    HandOver,
    Heard,
    Input,
    Priced,
    Refused,
    Restarted,
    TakenOver,
    Ticked,
    Wanted,
)
from tradewinds.trading.host import StrategyHost
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.intent import Bracket
from tradewinds.trading.intent import Intent as Asked
from tradewinds.trading.journal import decode, encode
from tradewinds.trading.own_book import Conversion, OwnBook
from tradewinds.trading.parity import replay
from tradewinds.trading.strategy import Strategy, event, vector

NS = 1_000_000_000
MINUTE_NS = 60 * NS
NOW_NS = 1_800_000_000 * NS
CAPABILITY = BrokerCapability(
    "bench", "LOCAL", frozenset(ORDER_KINDS), frozenset(TIMES_IN_FORCE), can_replace=False, has_reduce_only=True,
    absent_after_s=1.0, holds="positions",
)  # fmt: skip
ABC = Instrument("ABC.LOCAL", "spot", "USD", "24/7", base="ABC", tick=Decimal("0.01"), lot=Decimal(1))
XYZ = Instrument("XYZ.AWAY", "future", "EUR", "24/7", tick=Decimal("0.01"), lot=Decimal(1))


@vector(lookback=1, interval="1m", targets="units", name="both")
def units(panel: Any, params: Any) -> Any:
    """The last digit of each close is the target."""
    return np.floor(panel.close) % 10.0


@vector(lookback=1, interval="1m", targets="weights", name="both")
def halves(panel: Any, params: Any) -> Any:
    return panel.close * 0.0 + 0.5


@event(lookback=1, interval="1m", name="both")
class Entering:
    """Buys one XYZ with an exit above it, once, and says what filled."""

    def __init__(self, params: Any) -> None:
        self.entered = 0
        self.fills: list[float] = []

    def on_bar(self, view: Any) -> Any:
        if self.entered:
            return None
        self.entered = 1
        return Bracket(Asked("buy", 3.0, "XYZ.AWAY"), stop=50.0, take_profit=200.0)

    def on_fill(self, view: Any, fill: Any) -> None:
        self.fills.append(fill.quantity)


def hosted(strategy: Any) -> Hosted:
    assert isinstance(strategy, Strategy)
    return Hosted("both", strategy, (ABC, XYZ), "USD", conversions={"EUR": Conversion(fixed=2.0)}, elsewhere={XYZ.id: "away"})


class Core:
    """One account's core, its journal as bytes, and what it wants of its broker and of others."""

    def __init__(self, pair: Pair, name: str) -> None:
        self.pair, self.name = pair, name
        self.journal: list[bytes] = []
        self.sent: list[Command] = []
        self.engine = self.make()
        self.fills = 0

    def make(self) -> Engine:
        if self.name == "away":
            books = Books("away", "average", {XYZ.id: XYZ}, "EUR")
            return Engine(books, Gate(self.pair.limits, currency="EUR", account="away"), CAPABILITY)
        one = hosted(self.pair.strategy)
        books = Books("home", "fifo", {ABC.id: ABC}, "USD")
        books.away["away"] = Books("away", "average", {XYZ.id: XYZ}, "EUR")
        host = StrategyHost("home", [one], CAPABILITY, {"away": CAPABILITY})
        return Engine(books, Gate(currency="USD", account="home"), CAPABILITY, host, valid_ns={"both": one.valid_ns})

    @property
    def books(self) -> Books:
        return self.engine.books

    def entries(self) -> Iterator[Entry]:
        return (decode(one) for one in self.journal)

    def do(self, *given: Input, dies: bool = False) -> list[Any]:
        """Handle inputs: journalled, then carried out; or it dies between the two."""
        made: list[Any] = []
        for one in given:
            outcome = self.engine.handle(self.pair.now_ns, one)
            self.journal.append(encode(outcome.entry))
            self.pair.steps += 1
            if self.pair.steps == self.pair.dies_at:
                self.pair.die()
                return made
            assert decode(self.journal[-1]) == outcome.entry
            made += outcome.entry.records
            if dies:
                continue
            for command in outcome.commands:
                if isinstance(command, PassCommand):
                    self.pair.under_way.append(command)
                elif isinstance(command, Command):
                    self.sent.append(command)
        return made

    def restart(self) -> None:
        """Another process takes up the journal, and compares with a broker that has what the books say."""
        self.engine = self.make()
        for entry in self.entries():
            self.engine.replay(entry)
        self.do(Restarted())
        self.compare()

    def compare(self) -> None:
        held = {name: one.quantity for name, one in self.books.whole.positions.items()}
        reports = [
            OrderReport(name, f"v{name}", one.instrument, OrderState.ACCEPTED, self.pair.now_ns, one.filled)
            for name, one in self.books.open.items()
        ]
        truth = Compared(self.pair.now_ns, tuple(reports), (), "c1", Holdings(held, {}, self.pair.now_ns))
        self.do(truth) if self.books.compared_ns else self.do(truth, truth)  # an opening looks twice

    def fill(self, client_order_id: str, quantity: str, price: str = "100") -> Fill:
        self.fills += 1
        terms = self.books.orders[client_order_id].approved.terms
        rules = self.books.instruments[terms.instrument]
        return Fill(
            f"{self.name}{self.fills}", "LOCAL", client_order_id, terms.instrument, terms.side, Decimal(quantity), Decimal(price),
            rules.currency, self.pair.now_ns,
        )  # fmt: skip

    def fill_all(self) -> None:
        """The venue fills whatever was sent and is open."""
        for name, order in list(self.books.open.items()):
            self.do(Heard(self.fill(name, str(order.approved.terms.quantity - order.filled))))


class Pair:
    """Two cores with something between them that can be lost, and come twice."""

    def __init__(self, strategy: Any = units, limits: Limits | None = None) -> None:
        self.strategy, self.limits = strategy, limits or Limits()
        self.now_ns = NOW_NS
        self.under_way: deque[PassCommand] = deque()
        self.steps, self.dies_at = 0, 0
        self.home, self.away = Core(self, "home"), Core(self, "away")
        for core in (self.home, self.away):
            core.do(Restarted())
            core.compare()
        self.home.do(Allot("both", "USD", Decimal(1000), "test"))
        self.away.do(Allot("both", "EUR", Decimal(500), "test", home="home"))
        self.carry()

    def carry(self, times: int = 1) -> None:
        """Everything that is under way arrives, each `times` times."""
        while self.under_way:
            command = self.under_way.popleft()
            for _ in range(times):
                (self.home if command.account == "home" else self.away).do(command.given)

    def bar(self, abc: float = 100.0, xyz: float = 100.0, *, dies: bool = False) -> list[Any]:
        self.now_ns += MINUTE_NS
        self.away.do(Priced(XYZ.id, Decimal(repr(xyz)), self.now_ns, Decimal(1)))
        self.home.do(Priced(ABC.id, Decimal(repr(abc)), self.now_ns, Decimal(1)))
        bars = tuple(Bar(name, price, price, price, price, 9.0, self.now_ns) for name, price in ((ABC.id, abc), (XYZ.id, xyz)))
        return self.home.do(BarsClosed("1m", self.now_ns, bars), dies=dies)

    def die(self) -> None:
        """The process of both ends between a step's journal and what it wants; another takes both journals up."""
        self.under_way.clear()
        self.home.restart()
        self.away.restart()

    def settle(self) -> None:
        """Whatever is under way arrives, the venues fill what is there, and home is told."""
        self.carry()
        self.home.fill_all()
        self.away.fill_all()
        self.carry()

    @property
    def waits(self) -> int:
        """Hand-overs that the home does not know to be there."""
        return sum(map(len, self.home.books.handed.values()))

    def check(self) -> None:
        """What home sees of the other account is what it has; both journals bring back what is."""
        mine, theirs = self.home.books.away["away"], self.away.books
        assert mine.parts.get("both") == theirs.parts.get("both")
        assert {name: one for name, one in theirs.orders.items() if one.strategy == "both"} == mine.orders
        for core in (self.home, self.away):
            again = core.make()
            for entry in core.entries():
                again.replay(entry)
            assert again.books == core.books
            found = replay(core.entries, core.make, account=core.name)
            assert found.is_equal, found.differences


@pytest.fixture
def pair() -> Pair:
    return Pair()


def quantities(core: Core) -> list[tuple[str, str]]:
    return [(one.strategy, f"{one.approved.terms.side} {one.approved.terms.quantity}") for one in core.books.orders.values()]


def refusals(made: list[Any]) -> list[tuple[str, str]]:
    return [(one.refusal.rule, one.refusal.reason) for one in made if isinstance(one, Refused)]


def test_one_decision_trades_on_both_accounts_and_is_recorded_once(pair: Pair) -> None:
    made = pair.bar(abc=102.0, xyz=103.0)
    pair.carry()

    assert [one.targets for one in made if isinstance(one, Decided)] == [{"ABC.LOCAL": "2.0", "XYZ.AWAY": "3.0"}]
    assert quantities(pair.home) == [("both", "buy 2")]
    assert quantities(pair.away) == [("both", "buy 3")]
    (order,) = pair.away.books.orders.values()
    assert order.client_order_id == Intent("away", "both", pair.now_ns, order.approved.terms).client_order_id
    assert pair.waits == 0
    assert not any(isinstance(one, Decided) for entry in pair.away.entries() for one in entry.records)
    pair.check()


def test_a_fill_there_is_seen_at_home_and_nothing_is_ordered_twice(pair: Pair) -> None:
    pair.bar(xyz=103.0)
    pair.carry()
    pair.away.fill_all()
    pair.carry()

    pair.bar(xyz=103.0)
    pair.carry()
    pair.bar(xyz=101.0)
    pair.carry()

    assert quantities(pair.away) == [("both", "buy 3"), ("both", "sell 2")]
    pair.check()


def test_every_message_may_come_twice(pair: Pair) -> None:
    for xyz in (103.0, 105.0, 102.0):
        pair.bar(xyz=xyz)
        pair.carry(times=2)
        pair.away.fill_all()
        pair.carry(times=3)

    assert quantities(pair.away) == [("both", "buy 3"), ("both", "buy 2"), ("both", "sell 3")]
    assert pair.away.books.parts["both"].quantity(XYZ.id) == 2
    pair.check()


def test_what_is_on_its_way_is_not_wanted_again(pair: Pair) -> None:
    pair.bar(xyz=103.0)
    pair.bar(xyz=103.0)
    pair.bar(xyz=105.0)

    handed = [one.given for entry in pair.home.entries() for one in entry.records if isinstance(one, HandedOver)]

    assert [str(one.intents[0].terms.quantity) for one in handed] == ["3", "2"]
    pair.carry()
    assert quantities(pair.away) == [("both", "buy 2")]  # the first came more than a minute late
    pair.check()


def test_a_home_that_dies_before_the_hand_over_leaves_hands_it_over_after_its_restart(pair: Pair) -> None:
    pair.bar(xyz=103.0, dies=True)
    pair.home.restart()
    pair.carry()

    assert quantities(pair.away) == [("both", "buy 3")]
    assert pair.waits == 0
    pair.check()


def test_an_account_that_dies_before_it_says_that_it_has_it_is_handed_it_again_and_does_nothing_twice(pair: Pair) -> None:
    pair.bar(xyz=103.0)
    (command,) = pair.under_way
    pair.under_way.clear()
    pair.away.do(command.given, dies=True)
    assert pair.waits == 1

    pair.home.restart()
    pair.away.restart()
    pair.carry()

    assert quantities(pair.away) == [("both", "buy 3")]
    assert pair.waits == 0
    pair.check()


def test_a_fill_that_was_not_told_home_is_told_after_the_restart(pair: Pair) -> None:
    pair.bar(xyz=103.0)
    pair.carry()
    (order,) = pair.away.books.open
    pair.away.do(Heard(pair.away.fill(order, "3")), dies=True)
    assert pair.home.books.away["away"].parts["both"].quantity(XYZ.id) == 0

    pair.away.restart()
    pair.carry(times=2)

    assert pair.home.books.away["away"].parts["both"].quantity(XYZ.id) == 3
    pair.check()


def trades(pair: Pair, dies_at: int = 0) -> int:
    """Four decisions and a fifth that wants what the fourth did; returns how many steps it took."""
    pair.dies_at = pair.steps + dies_at if dies_at else 0
    first = pair.steps
    for abc, xyz in ((102.0, 103.0), (104.0, 105.0), (101.0, 102.0), (103.0, 107.0), (103.0, 107.0), (103.0, 107.0)):
        pair.bar(abc=abc, xyz=xyz)
        pair.settle()
    return pair.steps - first


STEPS = trades(Pair())


@pytest.mark.parametrize("dies_at", range(1, STEPS + 1))
def test_wherever_the_process_dies_nothing_is_lost_and_nothing_is_done_twice(pair: Pair, dies_at: int) -> None:
    trades(pair, dies_at)

    assert pair.away.books.parts["both"].quantity(XYZ.id) == 7
    assert pair.home.books.parts["both"].quantity(ABC.id) == 3
    assert pair.waits == 0
    handed = [one.given.number for entry in pair.home.entries() for one in entry.records if isinstance(one, HandedOver)]
    taken = [one.number for entry in pair.away.entries() for one in entry.records if isinstance(one, TakenOver)]
    assert handed == taken
    assert len(set(taken)) == len(taken)
    booked = [one.fill.key for entry in pair.away.entries() for one in entry.records if isinstance(one, Booked)]
    seen = [
        one.fill.key
        for entry in pair.home.entries()
        if isinstance(entry.input, Elsewhere)
        for one in entry.input.records
        if isinstance(one, Booked)
    ]
    assert list(dict.fromkeys(seen)) == booked
    pair.check()


class Storm:
    """Whatever may happen to two accounts, drawn from a seed: messages late and twice, fills in parts, refusals, halts, kills."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.pair = Pair()

    def act(self) -> None:
        choice = self.random.choices(
            (self.bar, self.deliver, self.fill, self.end, self.kill_all, self.kill_one, self.halt, self.wait), (6, 12, 8, 5, 1, 1, 1, 1)
        )
        choice[0]()

    def bar(self) -> None:
        self.pair.bar(100.0 + self.random.randrange(10), 100.0 + self.random.randrange(10), dies=False)

    def deliver(self) -> None:
        for _ in range(min(len(self.pair.under_way), self.random.randrange(4))):
            command = self.pair.under_way.popleft()
            for _ in range(self.random.choice((1, 1, 1, 2))):
                (self.pair.home if command.account == "home" else self.pair.away).do(command.given)

    def core(self) -> Core:
        return self.random.choice((self.pair.home, self.pair.away, self.pair.away))

    def fill(self) -> None:
        core = self.core()
        for name, order in list(core.books.open.items()):
            left = int(order.approved.terms.quantity - order.filled)
            core.do(Heard(core.fill(name, str(self.random.randint(1, left)))))

    def end(self) -> None:
        """The venue takes an order, does not take it, or confirms a cancel."""
        core = self.core()
        for name, order in list(core.books.open.items()):
            if order.is_cancel_wanted:
                self.report(core, name, OrderState.CANCELLED)
            elif order.state is OrderState.INTENT:
                self.report(core, name, self.random.choice((OrderState.ACCEPTED, OrderState.ACCEPTED, OrderState.REJECTED)))

    def report(self, core: Core, name: str, state: OrderState) -> None:
        order = core.books.orders[name]
        core.do(Heard(OrderReport(name, f"v{name}", order.instrument, state, self.pair.now_ns, order.filled)))

    def kill_all(self) -> None:
        self.pair.die()

    def kill_one(self) -> None:
        """One account is brought up anew; what is between them is kept for it."""
        self.core().restart()

    def halt(self) -> None:
        core = self.core()
        action: Any = "resume" if core.books.is_halted else "halt"
        core.do(Controlled(action, "anna", "a question", epoch=core.books.epoch))

    def wait(self) -> None:
        self.pair.now_ns += self.random.randrange(90) * NS

    def calm(self) -> None:
        """Nothing goes wrong any more; what was begun ends. A target that a venue refused is tried again once it has changed."""
        for core in (self.pair.home, self.pair.away):
            if core.books.is_halted:
                core.do(Controlled("resume", "anna", "it is over", epoch=core.books.epoch))
        for target in (105.0, 108.0, 106.0, 107.0, 107.0):
            self.pair.bar(target, target)
            self.pair.carry()
            for core in (self.pair.home, self.pair.away):
                for name, order in list(core.books.open.items()):
                    if order.is_cancel_wanted:
                        self.report(core, name, OrderState.CANCELLED)
            self.pair.settle()


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_home_and_the_other_account_agree_in_the_end(seed: int) -> None:
    storm = Storm(seed)
    for _ in range(80):
        storm.act()
    storm.calm()

    pair = storm.pair
    assert pair.waits == 0
    assert pair.home.books.parts["both"].quantity(ABC.id) == 7
    assert pair.away.books.parts["both"].quantity(XYZ.id) == 7
    handed = [one.given for entry in pair.home.entries() for one in entry.records if isinstance(one, HandedOver)]
    taken = [one.number for entry in pair.away.entries() for one in entry.records if isinstance(one, TakenOver)]
    assert [one.number for one in handed] == taken
    judged = {one.client_order_id for given in handed for one in given.intents}
    refused = {one.refusal.intent.client_order_id for entry in pair.away.entries() for one in entry.records if isinstance(one, Refused)}
    assert judged == refused | set(pair.away.books.orders)
    assert not refused & set(pair.away.books.orders)
    pair.check()


def test_after_a_restart_only_what_home_had_not_confirmed_is_told_again(pair: Pair) -> None:
    for xyz in (103.0, 105.0, 107.0):
        pair.bar(xyz=xyz)
        pair.carry()
        pair.away.fill_all()
        pair.carry()
    last = pair.home.books.heard["away"]

    pair.away.restart()

    told = [one.given.number for one in pair.under_way if isinstance(one.given, Elsewhere)]
    assert 0 < len([one for one in told if one <= last]) <= 3
    pair.carry()
    pair.check()


def test_a_decision_that_comes_later_than_a_bar_is_refused_and_home_is_told_why(pair: Pair) -> None:
    pair.bar(xyz=103.0)
    pair.now_ns += MINUTE_NS + NS

    (command,) = pair.under_way
    made = pair.away.do(command.given)
    pair.carry()

    assert refusals(made) == [("stale", "decided on account home at 2027-01-15T08:01:00Z, here 1.0 s too late; its next decision counts")]
    assert not pair.away.books.orders
    assert pair.waits == 0
    pair.bar(xyz=103.0)
    pair.carry()
    assert quantities(pair.away) == [("both", "buy 3")]
    pair.check()


def test_a_halt_there_refuses_there_and_the_strategy_goes_on_at_home(pair: Pair) -> None:
    pair.away.do(Controlled("halt", "guard", "fire", epoch=1))

    pair.bar(abc=102.0, xyz=103.0)
    (command,) = pair.under_way
    made = pair.away.do(command.given)
    pair.carry()

    assert [rule for rule, _ in refusals(made)] == ["halt"]
    assert quantities(pair.home) == [("both", "buy 2")]
    assert not pair.away.books.orders
    pair.away.do(Controlled("resume", "anna", "it is out", epoch=1))
    pair.bar(abc=102.0, xyz=103.0)
    pair.carry()
    assert quantities(pair.away) == [("both", "buy 3")]
    pair.check()


def test_the_gate_of_the_account_judges_by_its_own_limits() -> None:
    pair = Pair(limits=Limits(quantity_max=Decimal(2)))

    pair.bar(abc=109.0, xyz=103.0)
    (command,) = pair.under_way
    made = pair.away.do(command.given)

    assert [rule for rule, _ in refusals(made)] == ["quantity"]
    assert quantities(pair.home) == [("both", "buy 9")]


def test_weights_are_of_what_the_strategy_has_on_the_instruments_account() -> None:
    pair = Pair(halves)

    pair.bar(abc=100.0, xyz=50.0)
    pair.carry()

    assert quantities(pair.home) == [("both", "buy 5")]  # half of 1000 USD at 100 USD
    assert quantities(pair.away) == [("both", "buy 5")]  # half of 500 EUR at 50 EUR


def test_a_strategy_sees_all_that_it_has_in_the_currency_of_its_home() -> None:
    pair = Pair()
    pair.bar(abc=102.0, xyz=103.0)
    pair.carry()
    pair.home.fill_all()
    pair.away.fill_all()
    pair.carry()
    own = OwnBook("both", (ABC, XYZ), "USD", {"EUR": Conversion(fixed=2.0)}, {XYZ.id: "away"})

    own.look(pair.home.books, np.array([110.0, 120.0]), {})

    assert [own.quantity(0), own.quantity(1)] == [Decimal(2), Decimal(3)]
    assert own.equity_on("") == 1000 - 200 + 220
    assert own.equity_on("away") == 2.0 * (500 - 300 + 360)
    assert own.equity() == 1020 + 1120
    assert (own.cash("USD"), own.cash("EUR")) == (800.0, 200.0)


def test_exits_of_an_entry_there_follow_its_fill_and_the_strategy_is_told_of_it() -> None:
    pair = Pair(Entering)
    pair.bar()
    pair.carry()
    (entry,) = pair.away.books.orders
    pair.away.do(Heard(pair.away.fill(entry, "3")))
    pair.carry()

    assert {one.approved.terms.kind for one in pair.away.books.orders.values()} == {"market", "take_profit", "stop"}
    profit = next(name for name, one in pair.away.books.orders.items() if one.approved.terms.kind == "take_profit")
    pair.away.do(Heard(pair.away.fill(profit, "3", "200")))
    pair.carry()

    (stop,) = pair.away.books.open.values()
    assert stop.is_cancel_wanted
    assert pair.away.books.parts["both"].quantity(XYZ.id) == 0
    pair.bar()
    runner = pair.home.engine.host._runners[0]  # type: ignore[union-attr]
    assert runner.code.fills == [3.0, -3.0]
    pair.check()


def test_a_cancel_catches_an_order_that_is_still_on_its_way(pair: Pair) -> None:
    pair.bar(xyz=105.0)
    pair.bar(xyz=101.0)  # the other way: the order of 5 is cancelled first
    pair.carry()

    (order,) = pair.away.books.orders.values()
    assert order.is_cancel_wanted
    asked = [one.given for entry in pair.home.entries() for one in entry.records if isinstance(one, HandedOver)]
    assert asked[1].cancels == (order.client_order_id,)


def test_what_a_person_trades_there_for_the_strategy_is_seen_at_home(pair: Pair) -> None:
    terms = OrderTerms(XYZ.id, "buy", Decimal(4))
    pair.away.do(Wanted((Intent("away", "both", pair.now_ns, terms, reason="by hand: anna"),), "anna"))
    pair.away.fill_all()
    pair.carry()

    assert pair.home.books.away["away"].parts["both"].quantity(XYZ.id) == 4
    pair.bar(xyz=101.0)
    pair.carry()
    assert quantities(pair.away)[-1] == ("both", "sell 3")
    pair.check()


def test_what_the_guard_closes_there_is_shared_out_and_told_home(pair: Pair) -> None:
    pair.bar(xyz=103.0)
    pair.carry()
    pair.away.fill_all()
    approved = next(iter(pair.away.books.orders.values())).approved
    terms = OrderTerms(XYZ.id, "sell", Decimal(3))
    flatten = replace(approved, intent=Intent("away", "guard", pair.now_ns, terms))
    pair.away.do(Claimed((flatten,), "guard"))
    pair.away.do(Heard(pair.away.fill(flatten.client_order_id, "3")))
    pair.carry()

    assert pair.away.books.parts["both"].quantity(XYZ.id) == 0
    assert pair.home.books.away["away"].parts["both"].quantity(XYZ.id) == 0
    assert pair.home.books.away["away"].parts["both"] == pair.away.books.parts["both"]


def test_cancelling_by_hand_there_is_seen_at_home(pair: Pair) -> None:
    pair.bar(xyz=103.0)
    pair.carry()
    (name,) = pair.away.books.open
    pair.away.do(Answered("submit", name, OrderReport(name, "v", XYZ.id, OrderState.ACCEPTED, pair.now_ns, Decimal(0))))
    pair.away.do(CancelWanted("anna", "by hand", strategy="both"))
    pair.away.do(Answered("cancel", name, OrderReport(name, "v", XYZ.id, OrderState.CANCELLED, pair.now_ns, Decimal(0))))
    pair.carry()

    assert pair.home.books.away["away"].orders[name].state is OrderState.CANCELLED
    pair.check()


def test_a_strategy_that_gets_another_home_brings_what_it_holds_and_its_orders_end(pair: Pair) -> None:
    pair.away.do(Allot("both", "EUR", Decimal(500), "test"))  # at home there
    terms = OrderTerms(XYZ.id, "buy", Decimal(4))
    pair.away.do(Wanted((Intent("away", "both", pair.now_ns, terms),), "both"))
    pair.away.fill_all()
    limit = OrderTerms(XYZ.id, "sell", Decimal(4), "limit", Decimal(150))
    pair.away.do(Wanted((Intent("away", "both", pair.now_ns + 1, limit),), "both"))
    pair.carry()
    assert pair.home.books.away["away"].parts["both"].quantity(XYZ.id) == 0

    pair.away.do(Allot("both", "EUR", Decimal(500), "test", home="home"))
    pair.carry()

    assert pair.home.books.away["away"].parts["both"].quantity(XYZ.id) == 4
    assert pair.home.books.away["away"].parts["both"].cash == {"EUR": Decimal(-400)}
    (order,) = pair.away.books.open.values()
    assert order.is_cancel_wanted


def test_an_account_that_takes_nothing_does_not_gather_orders_without_end(pair: Pair) -> None:
    made: list[Any] = []
    for number in range(300):
        made = pair.bar(xyz=100.0 + number % 10)
        pair.home.do(Wanted((Intent("away", "both", pair.now_ns, OrderTerms(XYZ.id, "buy", Decimal(1))),), "test"))

    assert pair.waits == 256
    made = pair.home.do(Wanted((Intent("away", "both", pair.now_ns + 1, OrderTerms(XYZ.id, "buy", Decimal(1))),), "test"))
    assert refusals(made) == [("hand-over", "256 hand-overs wait for account away, expected it to take them")]


def test_journals_of_before_are_read_as_they_were() -> None:
    given = '["Allot",{"strategy":"s","currency":"USD","amount":"10","by":"x"}]'
    old = f'[1,5,{given},[["Allotted",{{"strategy":"s","currency":"USD","amount":"10"}}]]]'.encode()

    entry = decode(old)

    assert entry == Entry(5, Allot("s", "USD", Decimal(10), "x"), entry.records)
    books = Books("main")
    books.apply(5, entry.records)
    assert books.capital == {"s": ("USD", Decimal(10))}
    assert books.homes == {}


def test_words_between_accounts_survive_the_journal(pair: Pair) -> None:
    pair.bar(xyz=103.0)
    pair.carry()
    pair.away.fill_all()
    pair.carry()

    kinds = [type(entry.input) for core in (pair.home, pair.away) for entry in core.entries()]
    assert HandOver in kinds
    told = [entry.input for entry in pair.home.entries() if isinstance(entry.input, Elsewhere)]
    assert [type(one).__name__ for one in told[-1].records] == ["Booked", "Changed", "Changed"]
    assert decode(encode(Entry(1, told[-1], ()))).input == told[-1]
    pair.home.do(Ticked())
