"""What the stateful rules remember: orders approved and sent, executions, losses, the day's beginning and the peak.

It changes by the calls that a replay makes again, and by nothing else: asking changes nothing. Everything kept has a bound.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from tradewinds.core.order import ApprovedOrder, Intent, OrderTerms
from tradewinds.risk.bounds import COUNTS
from tradewinds.risk.situation import ZERO

Decision = tuple[str, int, str, int, int]  # what a client order id is made of, within one account
ScopeKey = tuple[str, str]  # ("account", ""), ("strategy", name) or ("instrument", id)

ORDERS_MAX = 100_000
MESSAGES_MAX = COUNTS["messages_max"]
REPEATS_MAX = COUNTS["repeats_max"]
LOSSES_MAX = COUNTS["cooldown_losses"]
UNSENT_S = 10  # an approved order that was never sent stops counting as about to be sent


@dataclass(slots=True)
class Messages:
    """Orders, and orders with cancels, of one scope: when they were sent, rising. unsent: approved at, by id, rising."""

    orders: deque[int] = field(default_factory=lambda: deque(maxlen=MESSAGES_MAX))
    every: deque[int] = field(default_factory=lambda: deque(maxlen=MESSAGES_MAX))
    unsent: dict[str, int] = field(default_factory=dict)

    def is_full(self, limit: int, since_ns: int, unsent_since_ns: int, *, with_cancels: bool) -> bool:
        """Whether `limit` were sent after `since_ns`, counting those approved after `unsent_since_ns` that are about to be sent."""
        room = limit
        for at in reversed(self.unsent.values()):
            if at <= unsent_since_ns or room <= 0:
                break
            room -= 1
        sent = self.every if with_cancels else self.orders
        return room <= 0 or (len(sent) >= room and sent[-room] > since_ns)


@dataclass(slots=True)
class Exits:
    """Losing exits in a row of one scope, oldest first: (order, when, result so far). A winning one ends the row."""

    losses: deque[tuple[str, int, Decimal]] = field(default_factory=lambda: deque(maxlen=LOSSES_MAX))
    last: tuple[str, Decimal] = ("", ZERO)

    def book(self, client_order_id: str, time_ns: int, realised: Decimal) -> None:
        """Take in what one fill realised; fills of one order are one exit."""
        if not realised:
            return
        same = self.last[0] == client_order_id
        total = realised + self.last[1] if same else realised
        if same and self.losses and self.losses[-1][0] == client_order_id:
            self.losses.pop()
        self.last = (client_order_id, total)
        if total < 0:
            self.losses.append((client_order_id, time_ns, total))
        elif total > 0:
            self.losses.clear()

    def until_ns(self, count: int, pause_ns: int) -> int:
        """Until when the scope cools down after `count` losses in a row; 0 where it does not. Losses during a pause start nothing."""
        in_row, until = 0, 0
        for _, at, _ in self.losses:
            if at >= until:
                in_row += 1
            if in_row == count:
                in_row, until = 0, at + pause_ns
        return until


@dataclass(slots=True)
class Marks:
    """Equity of one scope as it was marked. day_start_ns: of the day of the last mark; first: equity when that day began."""

    day_start_ns: int = 0
    first: Decimal | None = None
    last: Decimal | None = None
    peak: Decimal | None = None

    def mark(self, day_start_ns: int, equity: Decimal) -> None:
        if day_start_ns > self.day_start_ns or self.first is None:
            self.first = equity if self.last is None else self.last
            self.day_start_ns = day_start_ns
        self.last = equity
        self.peak = equity if self.peak is None else max(self.peak, equity)

    def move(self, amount: Decimal) -> None:
        """A deposit or withdrawal is no gain or loss."""
        if self.last is not None and self.first is not None and self.peak is not None:
            self.first, self.last, self.peak = self.first + amount, self.last + amount, self.peak + amount

    def day_equity(self, day_start_ns: int) -> Decimal | None:
        """Equity when the day began that starts then; None before the first mark."""
        return self.first if day_start_ns <= self.day_start_ns else self.last


@dataclass(slots=True)
class Memory:
    """Everything that the gate remembers of one account."""

    messages: dict[ScopeKey, Messages] = field(default_factory=dict)
    exits: dict[ScopeKey, Exits] = field(default_factory=dict)
    marks: dict[str | None, Marks] = field(default_factory=dict)
    orders: OrderedDict[str, tuple[str, OrderTerms, Decision]] = field(default_factory=OrderedDict)
    decisions: set[Decision] = field(default_factory=set)
    recent: OrderedDict[tuple[str, OrderTerms], int] = field(default_factory=OrderedDict)
    repeats: dict[tuple[str, str, str], deque[tuple[int, str]]] = field(default_factory=dict)

    def approve(self, order: ApprovedOrder) -> None:
        """An order was approved; the same one twice counts once."""
        name, strategy, terms, decision = order.client_order_id, order.intent.strategy, order.terms, decision_of(order.intent)
        if name in self.orders:
            return
        self.orders[name] = (strategy, terms, decision)
        self.decisions.add(decision)
        self.recent[strategy, terms] = order.approved_ns
        self.recent.move_to_end((strategy, terms))
        if len(self.recent) > ORDERS_MAX:
            self.recent.popitem(last=False)
        if len(self.orders) > ORDERS_MAX:
            self.decisions.discard(self.orders.popitem(last=False)[1][2])
        for key in scope_keys(strategy, terms.instrument):
            unsent = self.messages.setdefault(key, Messages()).unsent
            unsent[name] = order.approved_ns
            if len(unsent) > MESSAGES_MAX:
                del unsent[next(iter(unsent))]

    def send(self, client_order_id: str, time_ns: int, *, is_cancel: bool) -> None:
        """A message about an order went onto the wire. One of an unknown order counts for the account alone."""
        found = self.orders.get(client_order_id)
        keys: Iterable[ScopeKey] = (("account", ""),) if found is None else scope_keys(found[0], found[1].instrument)
        for key in keys:
            messages = self.messages.setdefault(key, Messages())
            messages.every.append(time_ns)
            if not is_cancel:
                messages.unsent.pop(client_order_id, None)
                messages.orders.append(time_ns)

    def execute(self, client_order_id: str, strategy: str, instrument: str, side: str, time_ns: int) -> None:
        """An order was filled, in part or whole: its first fill counts."""
        done = self.repeats.setdefault((strategy, instrument, side), deque(maxlen=REPEATS_MAX))
        if all(name != client_order_id for _, name in done):
            done.append((time_ns, client_order_id))

    def is_repeated(self, strategy: str, terms: OrderTerms, limit: int, since_ns: int) -> bool:
        """Whether `limit` orders of this strategy, instrument and side were executed after `since_ns`."""
        done = self.repeats.get((strategy, terms.instrument, terms.side), ())
        return limit <= 0 or (len(done) >= limit and done[-limit][0] > since_ns)


def decision_of(intent: Intent) -> Decision:
    """What makes an intent the same one: equal exactly when the client order ids of one account are."""
    return intent.strategy, intent.decision_ns, intent.terms.instrument, intent.leg, intent.revision


def scope_keys(strategy: str, instrument: str) -> tuple[ScopeKey, ScopeKey, ScopeKey]:
    """The three scopes that an order belongs to."""
    return ("account", ""), ("strategy", strategy), ("instrument", instrument)
