"""What the stateful rules remember: orders approved and sent, executions, losses, the day's beginning and the peak.

It changes by the calls that a replay makes again, and by nothing else: asking changes nothing. Everything kept has a bound.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from tradewinds.core.order import ApprovedOrder, OrderTerms
from tradewinds.risk.situation import ZERO

ScopeKey = tuple[str, str]  # ("account", ""), ("strategy", name) or ("instrument", id)

ORDERS_MAX = 100_000
MESSAGES_MAX = 10_000
REPEATS_MAX = 1_000
LOSSES_MAX = 256
UNSENT_S = 10  # an approved order that was never sent stops counting as about to be sent


@dataclass(slots=True)
class Messages:
    """Orders and cancels of one scope. sent: (time_ns, whether a cancel), rising. unsent: approved at, by id, rising."""

    sent: deque[tuple[int, bool]] = field(default_factory=lambda: deque(maxlen=MESSAGES_MAX))
    unsent: dict[str, int] = field(default_factory=dict)

    def count(self, since_ns: int, unsent_since_ns: int, *, with_cancels: bool) -> int:
        """Sent after `since_ns`, and approved after `unsent_since_ns` and about to be sent."""
        found = sum(1 for at in self.unsent.values() if at > unsent_since_ns)
        for at, is_cancel in reversed(self.sent):
            if at <= since_ns:
                break
            found += with_cancels or not is_cancel
        return found


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
    orders: OrderedDict[str, tuple[str, OrderTerms]] = field(default_factory=OrderedDict)
    recent: OrderedDict[tuple[str, OrderTerms], int] = field(default_factory=OrderedDict)
    repeats: dict[tuple[str, str, str], deque[tuple[int, str]]] = field(default_factory=dict)

    def approve(self, order: ApprovedOrder) -> None:
        """An order was approved; the same one twice counts once."""
        name, strategy, terms = order.client_order_id, order.intent.strategy, order.terms
        if name in self.orders:
            return
        self.orders[name] = (strategy, terms)
        self.recent[strategy, terms] = order.approved_ns
        self.recent.move_to_end((strategy, terms))
        for kept in (self.orders, self.recent):
            if len(kept) > ORDERS_MAX:
                kept.popitem(last=False)
        for key in scope_keys(strategy, terms.instrument):
            unsent = self.messages.setdefault(key, Messages()).unsent
            unsent[name] = order.approved_ns
            while next(iter(unsent.values())) < order.approved_ns - UNSENT_S * 1_000_000_000:
                del unsent[next(iter(unsent))]

    def send(self, client_order_id: str, time_ns: int, *, is_cancel: bool) -> None:
        """A message about an order went onto the wire. One of an unknown order counts for the account alone."""
        found = self.orders.get(client_order_id)
        keys: Iterable[ScopeKey] = (("account", ""),) if found is None else scope_keys(found[0], found[1].instrument)
        for key in keys:
            messages = self.messages.setdefault(key, Messages())
            if not is_cancel:
                messages.unsent.pop(client_order_id, None)
            messages.sent.append((time_ns, is_cancel))

    def execute(self, client_order_id: str, strategy: str, instrument: str, side: str, time_ns: int) -> None:
        """An order was filled, in part or whole: its first fill counts."""
        done = self.repeats.setdefault((strategy, instrument, side), deque(maxlen=REPEATS_MAX))
        if all(name != client_order_id for _, name in done):
            done.append((time_ns, client_order_id))

    def repeat_count(self, strategy: str, terms: OrderTerms, since_ns: int) -> int:
        """Executed orders of this strategy, instrument and side after `since_ns`."""
        return sum(1 for at, _ in self.repeats.get((strategy, terms.instrument, terms.side), ()) if at > since_ns)


def scope_keys(strategy: str, instrument: str) -> tuple[ScopeKey, ScopeKey, ScopeKey]:
    """The three scopes that an order belongs to."""
    return ("account", ""), ("strategy", strategy), ("instrument", instrument)
