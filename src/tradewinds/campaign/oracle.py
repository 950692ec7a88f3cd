"""The judge: compares our journal with the venue's own book, which no fault can touch.

lost         an order or execution at the venue that the journal never learned of, an order whose end it tells wrongly, or an
             approved order without an end
duplicated   two orders at the venue for one of ours, or one execution booked twice
unexplained  a position, or the money of an order, that differs between ledger and venue
stuck        an order that has not ended
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from tradewinds.core.order import ENDED, OrderState
from tradewinds.sandbox.exchange import Execution, VenueOrder
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Booked, Entry

ZERO = Decimal(0)
UNTOUCHED = frozenset({OrderState.REJECTED, OrderState.ABSENT})


@dataclass(frozen=True, slots=True)
class Venue:
    """The venue's own book of one account. positions: signed units by our instrument id; by_hand orders are in `orders` too."""

    orders: tuple[VenueOrder, ...]
    executions: tuple[Execution, ...]
    positions: dict[str, Decimal]


@dataclass(slots=True)
class Verdict:
    """What is wrong, each with a line that says what; all empty when nothing is."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.duplicated or self.unexplained or self.stuck)


def judge(books: Books, entries: list[Entry], venue: Venue, instruments: dict[str, str]) -> Verdict:
    """The verdict over one account. books: replayed from the journal; instruments: instrument id by the exchange's symbol."""
    verdict = Verdict()
    ours = _by_name(venue)
    executed: dict[int, list[Execution]] = defaultdict(list)
    for execution in venue.executions:
        executed[execution.order_id].append(execution)
    booked = _booked(entries, verdict)
    for name, placed in sorted(ours.items()):
        if name not in books.orders:
            verdict.lost.append(f"order {name} is at the venue, and not in the journal")
        if len(placed) > 1:
            verdict.duplicated.append(f"order {name} is at the venue {len(placed)} times")
    hands = {one.client_id for one in venue.orders if one.by_hand}
    chains = _chains(books, [*ours, *(name for name in booked if name and name not in hands)])
    for names in chains:
        placed = [one for name in names for one in ours.get(name, [])]
        fills = [fill for name in names for fill in booked.get(name, [])]
        _judge_fills(names[0], [fill for one in placed for fill in executed[one.id]], fills, verdict)
        states = [(name, books.orders[name].state) for name in names if name in books.orders]
        for name, state in states:
            _judge_end(name, state, ours.get(name, placed if len(names) > 1 else []), verdict)
        if states and any(state is OrderState.FILLED for _, state in states) != any(one.status == "filled" for one in placed):
            told = ", ".join(f"{name} {state.value}" for name, state in states)
            verdict.lost.append(f"order {told} in the journal, at the venue {[one.status for one in placed]}")
    _judge_positions(books, venue, instruments, verdict)
    return verdict


def _chains(books: Books, names: list[str]) -> list[list[str]]:
    """Names of orders, those that replaced each other together: a venue may keep one order through all its revisions."""
    roots: dict[str, list[str]] = {}
    for name in sorted({*books.orders, *names}):
        root = name
        while root in books.orders and (before := books.orders[root].replaces) is not None:
            root = before
        roots.setdefault(root, []).append(name)
    return [found for _, found in sorted(roots.items())]


def _by_name(venue: Venue) -> dict[str, list[VenueOrder]]:
    ours: dict[str, list[VenueOrder]] = defaultdict(list)
    for one in venue.orders:
        if one.client_id and not one.by_hand and one.status != "rejected":
            ours[one.client_id].append(one)
    return ours


def _booked(entries: list[Entry], verdict: Verdict) -> dict[str, list[Booked]]:
    booked: dict[str, list[Booked]] = defaultdict(list)
    keys: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        for record in entry.records:
            if isinstance(record, Booked):
                booked[record.fill.client_order_id].append(record)
                keys[record.fill.key] += 1
    verdict.duplicated += [f"fill {key[1]} is booked {count} times" for key, count in sorted(keys.items()) if count > 1]
    return booked


def _judge_fills(name: str, executed: list[Execution], booked: list[Booked], verdict: Verdict) -> None:
    """By quantities and money, so that it does not matter how an adapter names a fill."""
    there = sum((one.quantity for one in executed), ZERO)
    here = sum((one.fill.quantity for one in booked), ZERO)
    if here < there:
        verdict.lost.append(f"order {name}: {there} executed, {here} booked")
    elif here > there:
        verdict.duplicated.append(f"order {name}: {there} executed, {here} booked")
    elif sum((one.quantity * one.price for one in executed), ZERO) != sum((one.fill.quantity * one.fill.price for one in booked), ZERO):
        verdict.unexplained.append(f"order {name}: the money of its fills differs")


def _judge_end(name: str, state: OrderState, placed: list[VenueOrder], verdict: Verdict) -> None:
    if state not in ENDED:
        verdict.lost.append(f"order {name} ends in {state.value}")
        verdict.stuck.append(f"order {name} is {state.value}")
    elif any(one.is_working for one in placed):
        verdict.lost.append(f"order {name} is {state.value} in the journal and works at the venue")
    elif state in UNTOUCHED and any(one.client_id == name for one in placed):
        verdict.lost.append(f"order {name} is {state.value} in the journal and {placed[-1].status} at the venue")


def _judge_positions(books: Books, venue: Venue, instruments: dict[str, str], verdict: Verdict) -> None:
    for instrument in sorted(instruments.values()):
        here = _held(books, instrument)
        there = venue.positions.get(instrument, ZERO)
        if here != there:
            verdict.unexplained.append(f"position {instrument}: {here} in the ledger, {there} at the venue")
        parts = sum((part.quantity(instrument) for part in books.parts.values()), ZERO)
        if parts != books.whole.quantity(instrument):
            verdict.unexplained.append(
                f"position {instrument}: {parts} in the strategies' books, {books.whole.quantity(instrument)} in the account's"
            )


def _held(books: Books, instrument: str) -> Decimal:
    """Units in the ledger; of a spot pair with the cash in its base, which commissions are paid from."""
    rules = books.instruments.get(instrument)
    units = books.whole.quantity(instrument)
    if rules is None or rules.kind != "spot" or rules.base is None:
        return units
    return units + books.whole.cash.get(rules.base, ZERO)
