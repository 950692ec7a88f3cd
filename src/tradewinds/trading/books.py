"""The state of one account: orders, the account and each strategy's part of it. It changes by records alone (`apply`).

1. Replaying a journal's records gives the state again; nothing here decides anything.
2. `whole` is the account as the broker has it; `parts` are the strategies' books and MANUAL, and their sum is `whole`, always.
3. What is asked often is kept, not searched: orders that are open, by instrument; units that may still fill; instruments in doubt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from tradewinds.core.account import ZERO, Fill, Gain, LotMethod
from tradewinds.core.broker import LinkState, OrderRef, OrderReport
from tradewinds.core.instrument import Instrument
from tradewinds.core.money import by_numbers
from tradewinds.core.order import ENDED, ApprovedOrder, OrderState, OrderTerms, changed
from tradewinds.trading.entry import (
    Adjusted,
    Adopted,
    Allotted,
    Approved,
    Booked,
    Brought,
    CancelAsked,
    Changed,
    Compare,
    Decided,
    Elsewhere,
    HandedOver,
    HandOver,
    Linked,
    NotFound,
    Overridden,
    Quarantined,
    Record,
    Refused,
    Reopened,
    ReplaceAsked,
    Retried,
    TakenOver,
    Waiting,
    Waived,
)
from tradewinds.trading.flattening import GUARD, shares
from tradewinds.trading.ledger import Ledger

MANUAL = ""  # the book of what no strategy of ours ordered
CURSORS_KEPT = 32  # earlier cursors, for asking again after fills that never came


OfAnOrder = Changed | Reopened | Retried | NotFound | CancelAsked | ReplaceAsked | Waived
T = TypeVar("T")


@dataclass(slots=True)
class Order:
    """One order and how far it got.

    since_ns: when it came into its state. told: units filled as the venue says. tries: sends so far. not_found: answers that count,
    one after the other. replacement: what follows it once it is confirmed cancelled; replaced_by: what did.
    """

    approved: ApprovedOrder
    state: OrderState
    since_ns: int
    replaces: str | None = None
    venue_order_id: str = ""
    reason: str = ""
    filled: Decimal = ZERO
    told: Decimal | None = None
    tries: int = 1
    not_found: int = 0
    not_found_ns: int = 0
    is_cancel_wanted: bool = False
    replacement: OrderTerms | None = None
    replaced_by: str | None = None

    @property
    def client_order_id(self) -> str:
        return self.approved.client_order_id

    @property
    def strategy(self) -> str:
        return self.approved.intent.strategy

    @property
    def instrument(self) -> str:
        return self.approved.intent.terms.instrument

    @property
    def ref(self) -> OrderRef:
        return OrderRef(self.client_order_id, self.venue_order_id, self.instrument)

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def owed(self) -> Decimal:
        """Units that the venue says are filled and whose fills we do not hold, positive."""
        return ZERO if self.told is None or self.told <= self.filled else self.told - self.filled

    @property
    def left(self) -> Decimal:
        """Signed units that may still fill, or have and are owed."""
        terms = self.approved.terms
        units = self.owed if self.state in ENDED else max(terms.quantity - self.filled, ZERO)
        return units if terms.side == "buy" else -units


@dataclass(slots=True)
class Books:
    """Everything that the core knows of one account. instruments: the rules by id; currency: its base currency."""

    account: str
    method: LotMethod = "fifo"
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    currency: str = ""
    orders: dict[str, Order] = field(default_factory=dict)
    open: dict[str, Order] = field(default_factory=dict)
    whole: Ledger = field(default_factory=Ledger)
    parts: dict[str, Ledger] = field(default_factory=dict)
    booked: set[tuple[str, str]] = field(default_factory=set)
    foreign: dict[str, OrderReport] = field(default_factory=dict)  # by venue order id: of other hands, and working
    quarantine: dict[str, OrderReport] = field(default_factory=dict)  # by client order id
    waiting: dict[str, Waiting] = field(default_factory=dict)
    capital: dict[str, tuple[str, Decimal]] = field(default_factory=dict)  # of strategies: currency, amount; cash does not move
    homes: dict[str, str] = field(default_factory=dict)  # of strategies that decide on another account: which
    taken: dict[str, int] = field(default_factory=dict)  # the last number that each home handed over
    handed: dict[str, dict[int, HandOver]] = field(default_factory=dict)  # by account and number: not known to be there yet
    handed_last: dict[str, int] = field(default_factory=dict)  # the last number that was handed over to each account
    heard: dict[str, int] = field(default_factory=dict)  # the last number that each other account told
    away: dict[str, Books] = field(default_factory=dict)  # copies of other accounts' books, of strategies that are at home here
    owing: dict[str, Order] = field(default_factory=dict)
    gains: list[tuple[str, Gain]] = field(default_factory=list)
    adjusted: dict[str, Decimal] = field(default_factory=dict)  # cash that came or went without a fill, by currency
    link: LinkState = "down"
    cursor: str = ""
    cursors: deque[str] = field(default_factory=lambda: deque(maxlen=CURSORS_KEPT))
    compared_ns: int = 0
    is_halted: bool = False
    epoch: int = 0
    overrides: dict[tuple[str, str], str] = field(default_factory=dict)
    steps: int = 0
    states: dict[str, str] = field(default_factory=dict)  # of strategies, as last decided
    decided_ns: dict[str, int] = field(default_factory=dict)  # when a strategy decided last
    untold: dict[str, list[Fill]] = field(default_factory=dict)  # fills of a strategy since it decided last
    _by_venue_id: dict[str, str] = field(default_factory=dict)
    _open_of: dict[str, dict[str, Order]] = field(default_factory=dict)
    _unknown_of: dict[str, dict[str, None]] = field(default_factory=dict)
    _left_of: dict[str, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.whole.method = self.method

    def apply(self, time_ns: int, records: Iterable[Record]) -> None:
        """Take in the records of one step."""
        for record in records:
            self.apply_one(time_ns, record)
        self.steps += 1

    @by_numbers
    def apply_one(self, time_ns: int, record: Record) -> list[Gain]:
        """Take in one record; returns the gains that a booked fill realised in its strategy's book."""
        if isinstance(record, Booked):
            return self._book(record.fill, record.strategy)
        if isinstance(record, OfAnOrder):
            self._apply_to_order(time_ns, record)
        else:
            self._apply_to_account(time_ns, record)
        return []

    # Questions

    def part(self, strategy: str) -> Ledger:
        """A strategy's book, made when it has none."""
        found = self.parts.get(strategy)
        if found is None:
            found = self.parts[strategy] = Ledger(self.method)
        return found

    def working(self, instrument: str) -> Decimal:
        """Signed units of orders that may still fill."""
        return self._left_of.get(instrument, ZERO)

    def open_of(self, instrument: str) -> list[Order]:
        """Orders of an instrument that have not ended, oldest first."""
        return list(self._open_of.get(instrument, {}).values())

    def named(self, client_order_id: str, venue_order_id: str = "") -> Order | None:
        """An order by our id, or where a message carries none, by the venue's."""
        if not client_order_id and venue_order_id:
            client_order_id = self._by_venue_id.get(venue_order_id, "")
        return self.orders.get(client_order_id)

    def doubt(self, instrument: str) -> str | None:
        """Why an instrument is frozen: the id of an order in doubt, or of one in quarantine; None where it is not."""
        for one in self._unknown_of.get(instrument, ()):
            return one
        return next((name for name, report in self.quarantine.items() if report.instrument == instrument), None)

    def held(self, instrument: str, strategy: str | None = None) -> Decimal:
        """Signed units that can be sold: what was bought, less what was paid away in the same asset as commission (spot)."""
        ledger = self.whole if strategy is None else self.parts.get(strategy)
        rules = self.instruments.get(instrument)
        if ledger is None:
            return ZERO
        quantity = ledger.quantity(instrument)
        if quantity <= 0 or rules is None or rules.kind != "spot" or rules.base is None:
            return quantity
        return max(quantity + min(ledger.cash.get(rules.base, ZERO), ZERO), ZERO)

    # Other accounts

    def learn(self, given: Elsewhere) -> bool:
        """Take in what another account told; False where it was known."""
        account = given.account
        if given.number <= self.heard.get(account, 0):
            return False
        self.heard[account] = given.number
        books = self.away.setdefault(account, Books(account))
        for record in given.records:
            match record:
                case TakenOver(_, number):
                    handed = self.handed.get(account, {})
                    self.handed[account] = {each: one for each, one in handed.items() if each > number}
                case Brought(strategy, _, cash, held):
                    books.parts[strategy] = self._brought(books, cash, held, given.told_ns)
                case _ if isinstance(record, OfAnOrder) and record.client_order_id not in books.orders:
                    pass  # from before its strategy had its home here; it was cancelled then
                case _:
                    books.apply_one(given.told_ns, record)
        books.gains.clear()  # kept by the account where they were made
        return True

    @staticmethod
    def _brought(books: Books, cash: Mapping[str, Decimal], held: Mapping[str, tuple[Decimal, Decimal]], told_ns: int) -> Ledger:
        part = Ledger(books.method, dict(cash))
        for name, (units, price) in held.items():
            rules = books.instruments.get(name)
            currency, multiplier = (rules.currency, rules.multiplier) if rules is not None else ("", Decimal(1))
            part.move(name, units, price, told_ns, currency, multiplier)
        return part

    # Records

    def _apply_to_order(self, time_ns: int, record: OfAnOrder) -> None:
        client_order_id = record.client_order_id
        order = self.orders[client_order_id]
        before = order.left
        match record:
            case Changed(_, state, reason, venue_order_id, told):
                self._change(time_ns, order, changed(client_order_id, order.state, state), reason)
                order.not_found = 0
                if venue_order_id and venue_order_id != order.venue_order_id:
                    order.venue_order_id = venue_order_id
                    self._by_venue_id[venue_order_id] = client_order_id
                if told is not None and (order.told is None or told > order.told):
                    order.told = told
            case Reopened(_, state, reason):
                self._change(time_ns, order, state, reason)
            case Retried(_, tries, reason):
                order.tries, order.reason = tries, reason
            case NotFound(_, asked_ns):
                order.not_found, order.not_found_ns = order.not_found + 1, asked_ns
            case CancelAsked(_, reason):
                order.is_cancel_wanted, order.reason = True, reason or order.reason
            case ReplaceAsked(_, terms, _):
                order.replacement = terms
            case Waived():
                order.told = order.filled
        self._index(order, before)

    def _apply_to_account(self, time_ns: int, record: Record) -> None:
        match record:
            case Approved(order, replaces):
                self._approve(time_ns, order, replaces)
            case Waiting(intent):
                self.waiting[intent.client_order_id] = record
            case Refused(refusal):
                self.waiting.pop(refusal.intent.client_order_id, None)
            case HandedOver(given):
                self.handed.setdefault(given.account, {})[given.number] = given
                self.handed_last[given.account] = given.number
            case TakenOver(home, number, strategy):
                self.taken[home], self.homes[strategy] = number, home
            case Adopted(report):
                _keep_while_working(self.foreign, report.venue_order_id, report)
            case Quarantined(report):
                _keep_while_working(self.quarantine, report.client_order_id, report)
            case Adjusted(what, quantity, _, kind, price):
                self._adjust(time_ns, what, quantity, kind, price)
            case Allotted(strategy, currency, amount, home):
                self.capital[strategy] = (currency, amount)
                self.part(strategy)
                if home:
                    self.homes[strategy] = home
                else:
                    self.homes.pop(strategy, None)
            case Compare(cursor, asked_ns):
                if cursor != self.cursor:
                    self.cursors.append(self.cursor)
                self.cursor, self.compared_ns = cursor, asked_ns
            case Linked(state, _):
                self.link = state
            case Overridden(control):
                if control.action in ("halt", "resume"):
                    self.is_halted, self.epoch = control.action == "halt", max(self.epoch, control.epoch)
                else:
                    self.overrides[control.strategy, control.instrument] = control.action
            case Decided(strategy, decision_ns, _, _, kept, is_reaction):
                self.states[strategy] = kept or self.states.get(strategy, "")
                if not is_reaction:
                    self.decided_ns[strategy] = decision_ns
                    for books in (self, *self.away.values()):
                        books.untold.pop(strategy, None)

    def _approve(self, time_ns: int, approved: ApprovedOrder, replaces: str | None) -> None:
        name = approved.client_order_id
        order = self.orders[name] = Order(approved, OrderState.INTENT, time_ns, replaces)
        self.waiting.pop(name, None)
        self.quarantine.pop(name, None)
        if replaces is not None:
            self.orders[replaces].replaced_by, self.orders[replaces].replacement = name, None
        self._index(order, ZERO)

    def _change(self, time_ns: int, order: Order, state: OrderState, reason: str) -> None:
        if state is not order.state:
            order.state, order.since_ns = state, time_ns
        order.reason = reason or order.reason

    def _book(self, fill: Fill, strategy: str) -> list[Gain]:
        self.booked.add(fill.key)
        self.whole.book(fill)
        gains: list[Gain] = []
        for owner, one in [(strategy, fill)] if strategy != GUARD else shares(self.parts, fill, self.whole.quantity(fill.instrument)):
            closed = self.part(owner).book(one)
            self.gains += [(owner, gain) for gain in closed]
            gains += closed
        order = self.orders.get(fill.client_order_id)
        if order is not None and is_credited(fill, order):
            before = order.left
            order.filled += fill.quantity
            self._index(order, before)
            self.untold.setdefault(strategy, []).append(fill)
        return gains

    def _adjust(self, time_ns: int, what: str, quantity: Decimal, kind: str, price: Decimal | None) -> None:
        if kind == "cash":
            self.adjusted[what] = self.adjusted.get(what, ZERO) + quantity
            self.whole.add_cash(what, quantity)
            self.part(MANUAL).add_cash(what, quantity)
            return
        rules = self.instruments.get(what)
        currency, multiplier = (rules.currency, rules.multiplier) if rules is not None else ("", Decimal(1))
        for ledger in (self.whole, self.part(MANUAL)):
            held = ledger.positions.get(what)
            at = price if price is not None else (held.average_price if held is not None else None) or ZERO
            gains = ledger.move(what, quantity, at, time_ns, currency, multiplier)
        self.gains += [(MANUAL, gain) for gain in gains]

    def _index(self, order: Order, left_before: Decimal) -> None:
        """Keep what is asked often; left_before: units of the order that could fill before the record."""
        name, instrument = order.client_order_id, order.instrument
        left = order.left
        if left != left_before:
            self._left_of[instrument] = self._left_of.get(instrument, ZERO) + left - left_before
        if order.state in ENDED:
            if self.open.pop(name, None) is not None:
                _drop(self._open_of, instrument, name)
        elif name not in self.open:
            self.open[name] = order
            self._open_of.setdefault(instrument, {})[name] = order
        if order.state is OrderState.UNKNOWN:
            self._unknown_of.setdefault(instrument, {})[name] = None
        elif instrument in self._unknown_of:
            _drop(self._unknown_of, instrument, name)
        if order.told is not None and order.told > order.filled:
            self.owing[name] = order
        else:
            self.owing.pop(name, None)


def is_credited(fill: Fill, order: Order) -> bool:
    """Whether a fill can be the order's; callbacks have been credited to the wrong order before (Lean#242, freqtrade#13399)."""
    terms = order.approved.intent.terms
    return fill.instrument == terms.instrument and fill.side == terms.side


def _keep_while_working(kept: dict[str, OrderReport], name: str, report: OrderReport) -> None:
    if report.state in ENDED:
        kept.pop(name, None)
    else:
        kept[name] = report


def _drop(kept: dict[str, dict[str, T]], instrument: str, name: str) -> None:
    found = kept.get(instrument)
    if found is not None:
        found.pop(name, None)
        if not found:
            del kept[instrument]
