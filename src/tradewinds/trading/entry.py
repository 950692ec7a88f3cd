"""The words of the journal: what happened to the trading core (inputs), and what it made of it (records).

One journal entry is one step of the core: (time_ns, input, records). State changes by records alone, so replaying them gives the state;
feeding the inputs to a fresh core must give the same records, which is parity. Both are frozen values; `trading.journal` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

import msgspec

from tradewinds.core.account import Fill
from tradewinds.core.broker import Holdings, LinkState, OrderReport, Told
from tradewinds.core.order import ApprovedOrder, Intent, OrderState, OrderTerms, Refusal

# unsent: it never left us (halted, or too old when its turn came); the others as the errors of the broker port.
Doubt = Literal["transient", "rejected", "unknown", "unsent", "invariant"]
Ask = Literal["submit", "cancel", "replace", "find"]


# Inputs


@dataclass(frozen=True, slots=True)
class Started:
    """The service began to run: which code, strategies (name -> SHA-256 of file, parameters and model) and mode."""

    run: str
    version: str
    mode: Literal["shadow", "paper", "live"]
    strategies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Restarted:
    """A process took the journal up: what was under way is in doubt, and nothing is sent before a comparison with the venue."""


class Bar(msgspec.Struct, frozen=True, gc=False):
    """One closed bar as strategies see it. Floats: research numbers, never an order's. One for each message of a stream, hence no
    dataclass: made in a tenth of the time."""

    instrument: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    known_ns: int


@dataclass(frozen=True, slots=True)
class BarsClosed:
    """Bars of one interval that end at the same time; what is decided on them is decided at `end_ns`.

    is_warm_up: history told at the start of a run; it fills the windows of the strategies and nothing is decided on it.
    """

    interval: str
    end_ns: int
    bars: tuple[Bar, ...]
    is_warm_up: bool = False


@dataclass(frozen=True, slots=True)
class Priced:
    """The last known price of an instrument, and base currency per unit of its price times quantity."""

    instrument: str
    price: Decimal
    price_ns: int
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Wanted:
    """Orders wanted by a person, the API or a strategy whose decisions are journalled elsewhere."""

    intents: tuple[Intent, ...]
    by: str


@dataclass(frozen=True, slots=True)
class CancelWanted:
    """Cancel one order, or every order of a strategy or instrument, or all where nothing is named."""

    by: str
    reason: str
    client_order_id: str | None = None
    strategy: str | None = None
    instrument: str | None = None


@dataclass(frozen=True, slots=True)
class ReplaceWanted:
    """Give a working order other terms. terms.quantity counts what the order has filled already: the total that is wanted."""

    client_order_id: str
    terms: OrderTerms
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word on an intent that waits for it."""

    client_order_id: str
    by: str
    is_given: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Allot:
    """A strategy's capital on this account from now on, in place of what it had before.

    home: the account where it decides, where that is another one.
    """

    strategy: str
    currency: str
    amount: Decimal
    by: str
    home: str = ""


@dataclass(frozen=True, slots=True)
class HandOver:
    """What a strategy that decided at `home` wants here: orders, and cancels of its own, by client order id.

    number: rises from one of this home to the next; what is not above the last is known. valid_until_ns: later, no order of it is sent.
    heard: the number of the last `Elsewhere` of this account that its home knew.
    """

    home: str
    account: str
    number: int
    strategy: str
    decided_ns: int
    valid_until_ns: int
    intents: tuple[Intent, ...] = ()
    cancels: tuple[str, ...] = ()
    heard: int = 0


@dataclass(frozen=True, slots=True)
class Claimed:
    """Orders that another process of ours (the guard) perhaps sent to this account: from now on they are ours, and in doubt."""

    orders: tuple[ApprovedOrder, ...]
    by: str


@dataclass(frozen=True, slots=True)
class Limited:
    """The gate's limits from now on, all of them. limits: JSON text by "account", "strategy NAME" or "instrument ID"; absent: none."""

    limits: Mapping[str, str]
    by: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a command. report None and doubt None: the venue says that it knows no such order.

    asked_ns: right before the question left; 0 where nobody noted it, which counts as the time when it was ordered.
    """

    ask: Ask
    client_order_id: str
    report: OrderReport | None = None
    doubt: Doubt | None = None
    detail: str = ""
    asked_ns: int = 0
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """The broker told something by itself."""

    told: Told


@dataclass(frozen=True, slots=True)
class Compared:
    """The venue's truth, asked for at start, after a cut and in the evening. asked_ns: before the first question was sent."""

    asked_ns: int
    open_orders: tuple[OrderReport, ...]
    fills: tuple[Fill, ...]
    cursor: str
    holdings: Holdings


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What another account made in one step of orders, fills and capital of strategies that are at home here: its own records.

    number: rises from one of this account to the next; what is not above the last is known.
    """

    account: str
    number: int
    told_ns: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed and something was due."""


@dataclass(frozen=True, slots=True)
class Controlled:
    """A person or the guard: halt, resume, or an override of a strategy or instrument ("" for all)."""

    action: Literal["halt", "resume", "no trading", "close only", "reduce only", "trade"]
    by: str
    reason: str
    strategy: str = ""
    instrument: str = ""
    epoch: int = 0


Input = (
    Restarted | Started | BarsClosed | Priced | Wanted | CancelWanted | ReplaceWanted | Approval | Allot | Claimed | Limited | Answered
    | Heard | Compared | Ticked | Controlled | HandOver | Elsewhere
)  # fmt: skip


# Records


@dataclass(frozen=True, slots=True)
class Decided:
    """A strategy decided at the end of a bar. targets: by instrument, as float's text (repr), so that equal means equal to the bit.

    cancels: client order ids of its own that it wants cancelled. state: what it has to be brought back with after a restart, "" where
    that is as it was. is_reaction: nothing was decided; exits follow an entry that filled, or orders that belong together shrink.
    """

    strategy: str
    decision_ns: int
    targets: Mapping[str, str] = field(default_factory=dict)
    cancels: tuple[str, ...] = ()
    state: str = ""
    is_reaction: bool = False


@dataclass(frozen=True, slots=True)
class Approved:
    """An order passed the gate: it is in INTENT, durable before it is sent."""

    order: ApprovedOrder
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """An intent did not pass the gate."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Waiting:
    """The gate wants a person's word on an intent; refused when none came by until_ns."""

    intent: Intent
    rule: str
    why: str
    until_ns: int


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What is wanted on another account leaves for that account's core, again after a restart until it says that it has it."""

    given: HandOver


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What another account handed over, up to this number, is known here: judged, or refused."""

    home: str
    number: int
    strategy: str
    heard: int = 0


@dataclass(frozen=True, slots=True)
class Brought:
    """A strategy's part of this account as its home has to know it: it has another home from now on. held: (units, price) by instrument."""

    strategy: str
    home: str
    cash: Mapping[str, Decimal]
    held: Mapping[str, tuple[Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class Changed:
    """An order changed its state, or more of it is known. told: units filled as the venue says, whose fills may still be owed."""

    client_order_id: str
    state: OrderState
    reason: str = ""
    venue_order_id: str = ""
    told: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Retried:
    """An order certainly did not leave and is sent again under the same id. tries: sends so far, with this one."""

    client_order_id: str
    tries: int
    reason: str


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """The order is to be cancelled, now or as soon as it is known to work."""

    client_order_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReplaceAsked:
    """The order is to be followed by one with these terms once it is confirmed cancelled; terms None: no longer."""

    client_order_id: str
    terms: OrderTerms | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reopened:
    """An order that had ended works all the same: the venue, asked for it, says so."""

    client_order_id: str
    state: OrderState
    reason: str


@dataclass(frozen=True, slots=True)
class Waived:
    """Fills that the venue claims for an order were asked for often enough and never came; holdings settle the difference."""

    client_order_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Booked:
    """A fill entered the books of a strategy ("" for what no strategy of ours ordered)."""

    fill: Fill
    strategy: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """The venue did not know an order, late enough for the answer to count."""

    client_order_id: str
    asked_ns: int


@dataclass(frozen=True, slots=True)
class Adopted:
    """An order at the venue that no journal of ours knows: a person's. It is watched, never touched unless asked."""

    report: OrderReport


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An order at the venue that carries an id of ours and is not in the journal. Its instrument is frozen while it works."""

    report: OrderReport
    reason: str


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Cash or a position moved by `quantity` to what the venue says, by a rule: opening balance, deposit, funding, a person's trade.

    what: an instrument or a currency. price: that the units of a position count as opened or closed at, None where none is known.
    """

    what: str
    quantity: Decimal
    reason: str
    kind: Literal["position", "cash"] = "position"
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Allotted:
    """A strategy's capital: what its equity and its sizes count from. Cash stays where it is at the broker."""

    strategy: str
    currency: str
    amount: Decimal
    home: str = ""


@dataclass(frozen=True, slots=True)
class Compare:
    """Everything up to this cursor has been compared with the venue."""

    cursor: str
    asked_ns: int


@dataclass(frozen=True, slots=True)
class Linked:
    """The connection's state as far as trading is concerned."""

    state: LinkState
    detail: str


@dataclass(frozen=True, slots=True)
class Overridden:
    """Halt, resume or an override took effect."""

    control: Controlled


@dataclass(frozen=True, slots=True)
class Alerted:
    """A person has to know."""

    severity: Literal["info", "warning", "critical"]
    text: str


Record = (
    Decided | Approved | Refused | Waiting | Changed | Retried | CancelAsked | ReplaceAsked | Reopened | Waived | Booked | NotFound
    | Adopted | Quarantined | Adjusted | Allotted | Compare | Linked | Overridden | Alerted | HandedOver | TakenOver | Brought
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of the core."""

    time_ns: int
    input: Input
    records: tuple[Record, ...]
