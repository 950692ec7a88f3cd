"""`Comparing`: the venue's truth against the books, at start, after a cut, whenever fills are owed, and from time to time.

1. One comparison at a time; whoever wants one while another is under way gets the next. Nothing is sent before the first has come.
2. Fills are booked, open orders are taken as news as old as the question, and orders that are not among them are asked for one by one.
3. The opening of an account takes over what the venue holds beyond its fills. The venue is asked for the one after the other, and somebody
   may trade in between: so it is asked again until two comparisons show the same and nothing was booked since the one before.
   Later comparisons ask again until a difference stays the same: fills may be late. Then the books take it over into nobody's book,
   aloud, so that they say what the venue says.
4. Fills that an order is owed are asked for, also with an older cursor, until a limit; then the holdings decide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from tradewinds.core.broker import BrokerCapability, Holdings
from tradewinds.core.order import OrderState
from tradewinds.trading.books import Order
from tradewinds.trading.command import CompareCommand
from tradewinds.trading.entry import Adjusted, Adopted, Compare, Compared, Waived
from tradewinds.trading.settlement import Difference, differences
from tradewinds.trading.step import Step
from tradewinds.trading.timers import NS
from tradewinds.trading.tracking import COMPARE_AGAIN_S, NOT_FOUND_NEEDED, Tracking

POSITION_SEEN = 3  # comparisons that show the same difference before it is believed
CASH_SEEN = 2
OPENING_ASKED_MAX = 5  # comparisons at most; then what is there is taken over, and later ones put right what moved
FILLS_ASKED_MAX = 6
FILLS_ASKED_OLDER = 2  # after so many tries an older cursor is taken
OWED_WAIT_S = 0.2
COMPARE_EVERY_S = 60.0  # while orders are open
COMPARE_IDLE_S = 300.0  # otherwise: a person may trade at the venue's own screen, and not every venue tells of that
ROUTINE = "routine"  # the timer of these; the one without a name is of a comparison that something waits for
LARGE = Decimal("0.01")  # a share of the balance: more than this that moved without a fill is told to a person
_AT_WORK = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)


@dataclass(slots=True)
class Comparing:
    """The comparisons of one account. is_first_done: since this start.

    _opening: what the opening saw a comparison ago, and how often it asked; until it is over, no `Compare` is written.
    """

    step: Step
    tracking: Tracking
    capability: BrokerCapability
    is_first_done: bool = True
    _is_under_way: bool = False
    _is_wanted_again: bool = False
    _opening: tuple[int, list[Difference], int] = (-1, [], 0)
    _seen: dict[tuple[str, str], tuple[Decimal, int]] = field(default_factory=dict)
    _asked: dict[str, int] = field(default_factory=dict)

    def reset(self) -> None:
        """A start: nothing is under way, and nothing is sent before a comparison has come."""
        self.is_first_done = self._is_under_way = self._is_wanted_again = False
        self._opening = -1, [], 0
        self._seen.clear()
        self._asked.clear()

    def ask(self) -> None:
        """Compare, or once more after the comparison that is under way."""
        if self._is_under_way:
            self._is_wanted_again = True
            return
        self._is_under_way = True
        books = self.step.books
        is_older = any(tries >= FILLS_ASKED_OLDER for tries in self._asked.values()) and books.cursors
        self.step.timers.lay("compare", "")
        self.step.timers.lay("compare", ROUTINE)
        self.step.commands.append(CompareCommand(books.cursors[0] if is_older else books.cursor))

    def take(self, truth: Compared) -> None:
        """Settle every difference by rule."""
        step, books = self.step, self.step.books
        self._is_under_way = False
        is_opening = books.compared_ns == 0
        for fill in truth.fills:
            self.tracking.book(fill)
        for report in truth.open_orders:
            self.tracking.report(report, "snapshot", truth.asked_ns)
        if is_opening and self._is_moving(truth.holdings):
            self._again()
            return
        self._forget_strangers(truth)
        owing = list(books.owing.values())
        step.emit(Compare(truth.cursor, truth.asked_ns))
        self.is_first_done = True
        self._look_for_missing(truth)
        self._chase(owing, truth.asked_ns)
        if is_opening:
            self._take_over(truth.holdings)
        else:
            self._explain(truth.holdings)
        self._again()

    def ask_soon(self) -> None:
        """Compare after a moment, in which the fills that are owed may come by themselves."""
        if not self._is_under_way and not self.step.timers.has("owed", ""):
            self.step.timers.set("owed", "", self.step.later_ns(OWED_WAIT_S))

    def due(self, kind: str) -> None:
        """A timer is due."""
        books = self.step.books
        if kind == "compare" and not self._is_wanted():
            self.step.timers.set("compare", ROUTINE, self.step.later_ns(COMPARE_EVERY_S))
        elif kind == "compare" or books.owing or any(one.not_found >= NOT_FOUND_NEEDED for one in books.open.values()):
            self.ask()

    def _is_wanted(self) -> bool:
        """Whether a comparison from time to time is due: with orders open each time it is looked at, otherwise less often."""
        books = self.step.books
        is_busy = bool(books.open or books.owing or self._seen)
        return is_busy or self.step.time_ns - books.compared_ns >= int(COMPARE_IDLE_S * NS)

    # The venue's orders

    def _look_for_missing(self, truth: Compared) -> None:
        """Orders that should work and are not among those that do: each is asked for."""
        ids = {one.client_order_id for one in truth.open_orders} | {one.venue_order_id for one in truth.open_orders if one.venue_order_id}
        for order in list(self.step.books.open.values()):
            if order.not_found >= NOT_FOUND_NEEDED:
                self.tracking.conclude(order)
            elif order.state in _AT_WORK and order.since_ns < truth.asked_ns and not ids & {order.client_order_id, order.venue_order_id}:
                self.tracking.find(order)

    def _forget_strangers(self, truth: Compared) -> None:
        working = {one.venue_order_id for one in truth.open_orders}
        books = self.step.books
        for report in [*books.foreign.values(), *books.quarantine.values()]:
            if report.venue_order_id not in working:
                gone = dataclasses.replace(report, state=OrderState.EXPIRED, reason="not among the open orders any more")
                if report.venue_order_id in books.foreign:
                    self.step.emit(Adopted(gone))
                else:
                    self.tracking.report(gone, "snapshot", truth.asked_ns)

    def _chase(self, owing: Iterable[Order], asked_ns: int) -> None:
        """Fills that are owed: those still owed after a comparison that was asked later have been asked for once more."""
        for order in owing:
            name = order.client_order_id
            if not order.owed:
                self._asked.pop(name, None)
                continue
            self._asked[name] = self._asked.get(name, 0) + (1 if asked_ns > order.since_ns else 0)
            if self._asked[name] >= FILLS_ASKED_MAX:
                del self._asked[name]
                told = f"the venue says {order.told} filled, its fills say {order.filled}"
                self.step.alert("critical", f"order {name} of {order.instrument}: {told}; the holdings decide")
                self.step.emit(Waived(name, f"asked {FILLS_ASKED_MAX} times"))
                self.tracking.settle(order)

    # The venue's holdings

    def _is_moving(self, holdings: Holdings) -> bool:
        """Before anything is taken over: whether a fill, or what the fills do not say, is news since the comparison before."""
        booked, found, asked = self._opening
        self._opening = len(self.step.books.booked), differences(self.step.books, holdings, self.capability), asked + 1
        return self._opening[:2] != (booked, found) and asked + 1 < OPENING_ASKED_MAX

    def _take_over(self, holdings: Holdings) -> None:
        """Before anything of ours: what the venue holds, as far as the fills that came with it do not say it."""
        for one in differences(self.step.books, holdings, self.capability):
            self._adjust(one, "held before the first start" if one.kind == "position" else "opening balance")

    def _explain(self, holdings: Holdings) -> None:
        books = self.step.books
        seen: dict[tuple[str, str], tuple[Decimal, int]] = {}
        for one in differences(books, holdings, self.capability):
            key = one.kind, one.what
            before, times = self._seen.get(key, (None, 0))
            times = times + 1 if before == one.quantity else 1
            if times < (POSITION_SEEN if one.kind == "position" else CASH_SEEN) or self._is_unsettled(one):
                seen[key] = one.quantity, times
            elif one.kind == "position":
                self._adjust(one, f"unexplained: the venue has {one.found}, the books {one.expected}, after {times} comparisons")
                told = f"the venue has {one.found}, the books have {one.expected}"
                self.step.alert("critical", f"position {one.what}: {told}; {one.quantity} is booked to nobody's book")
            else:
                self._adjust(one, "moved without a fill: funding, interest, fees, conversion or transfer")
                if abs(one.quantity) > LARGE * abs(one.found):
                    self.step.alert("critical", f"cash {one.what}: {one.quantity} moved without a fill, {one.found} at the venue")
        self._seen = seen

    def _is_unsettled(self, one: Difference) -> bool:
        """Whether an order in doubt, or one that is owed fills, may explain it yet."""
        books = self.step.books
        orders = [*books.owing.values(), *(order for order in books.open.values() if order.state not in _AT_WORK)]
        return any(one.kind == "cash" or order.instrument == one.what for order in orders)

    def _adjust(self, one: Difference, reason: str) -> None:
        priced = self.step.worth.prices.get(one.what)
        is_priced = one.kind == "position" and priced is not None and not self.step.books.whole.quantity(one.what)
        self.step.emit(Adjusted(one.what, one.quantity, reason, one.kind, priced.price if priced is not None and is_priced else None))

    def _again(self) -> None:
        step = self.step
        if self._is_wanted_again:
            self._is_wanted_again = False
            self.ask()
        elif self._seen or step.books.owing or not step.books.compared_ns:
            step.again("compare", "", COMPARE_AGAIN_S)
        else:
            step.timers.drop("compare", "")
            step.timers.set("compare", ROUTINE, step.later_ns(COMPARE_EVERY_S))
