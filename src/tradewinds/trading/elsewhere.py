"""What goes between the cores of two accounts that one strategy trades: orders one way, what became of them the other.

1. A strategy decides on its home account. What it wants elsewhere leaves as a `HandOver`, which its home journalled (`HandedOver`) in
   the step that decided it, and leaves again after a restart until the other account says that it has it (`TakenOver`).
2. The other account judges each intent by its own gate. A hand-over that it has is passed over, an old one is refused with the reason.
3. Each of its records about such a strategy is told to the home (`Elsewhere`), which journals it and applies it to a copy of those
   books: what the strategy sees of the other account comes out of its home's own journal, and a replay of that is enough.
4. Numbers rise from message to message, one way each; what is not above the last is known. After a restart everything that the home has
   not confirmed (`heard`) is told again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tradewinds.trading.books import Books, OfAnOrder
from tradewinds.trading.command import PassCommand
from tradewinds.trading.entry import Allotted, Approved, Booked, Brought, Elsewhere, Record, Refused, TakenOver, Waiting
from tradewinds.trading.flattening import GUARD, shares

HANDED_OVER_MAX = 256  # to one account that does not take them; more is refused at home
HAND_OVER_VALID_S_MAX = 3600.0  # however long the bars of a strategy are, an order older than this does not leave


@dataclass(slots=True)
class Tidings:
    """What this account has to tell the homes of its guests. told: the last number by home."""

    told: dict[str, int] = field(default_factory=dict)
    _made: dict[str, list[Record]] = field(default_factory=dict)
    _again: dict[str, deque[Elsewhere]] = field(default_factory=dict)

    def note(self, books: Books, record: Record) -> None:
        """A record that is about to be applied."""
        for home, one in news(books, record):
            self._made.setdefault(home, []).append(one)

    def leave(self, account: str, time_ns: int) -> list[PassCommand]:
        """At the end of a step: what it made, on its way."""
        return [PassCommand(home, one) for home, one in self._numbered(account, time_ns)]

    def keep(self, account: str, time_ns: int) -> None:
        """At the end of a replayed step: what it made may have to be told again, unless its home is known to have heard it."""
        for home, one in self._numbered(account, time_ns):
            kept = self._again.setdefault(home, deque())
            kept.append(one)
            heard = max((each.heard for each in one.records if isinstance(each, TakenOver)), default=0)
            while kept and kept[0].number <= heard:
                kept.popleft()

    def leave_again(self) -> list[PassCommand]:
        """After a replay: what was kept."""
        kept, self._again = self._again, {}
        return [PassCommand(home, one) for home, told in kept.items() for one in told]

    def _numbered(self, account: str, time_ns: int) -> list[tuple[str, Elsewhere]]:
        if not self._made:
            return []
        made, self._made = self._made, {}
        found = []
        for home, records in made.items():
            number = self.told[home] = max(self.told.get(home, 0) + 1, time_ns)
            found.append((home, Elsewhere(account, number, time_ns, tuple(records))))
        return found


def news(books: Books, record: Record) -> Iterator[tuple[str, Record]]:
    """Whom a record concerns elsewhere: (home, record as its copy of the books takes it). books: before the record is applied."""
    match record:
        case TakenOver(home) | Brought(_, home):
            yield home, record
        case Allotted(_, _, _, home):
            if home:
                yield home, record
        case Booked(fill, owner) if owner == GUARD:
            for name, share in shares(books.parts, fill, books.whole.quantity(fill.instrument) + fill.signed):
                if name in books.homes:
                    yield books.homes[name], Booked(share, name)
        case _:
            strategy = _strategy(books, record)
            if strategy in books.homes:
                yield books.homes[strategy], record


def _strategy(books: Books, record: Record) -> str | None:
    match record:
        case Approved(order):
            return order.intent.strategy
        case Refused(refusal):
            return refusal.intent.strategy
        case Waiting(intent):
            return intent.strategy
        case Booked(_, strategy):
            return strategy
        case _ if isinstance(record, OfAnOrder):
            return books.orders[record.client_order_id].strategy
        case _:
            return None
