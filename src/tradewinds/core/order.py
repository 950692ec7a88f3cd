"""Orders: what a strategy wants, what the risk gate let pass, and the states an order goes through.

    Intent          decided, not yet judged; its client order id is a function of what was decided
    ApprovedOrder   an intent that passed the risk gate; only `risk/limits.py` makes one, and a broker takes nothing else
    Refusal         an intent that did not pass, with the rule and a reason that a person understands
    Hold            an intent that waits for a person's word

Quantities and prices are Decimal: a float never reaches an order.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from itertools import product
from typing import Literal

from tradewinds.core.errors import Invariant, Rejected

Side = Literal["buy", "sell"]
OrderKind = Literal["market", "limit", "stop", "stop_limit", "trailing_stop", "take_profit"]
TimeInForce = Literal["gtc", "day", "ioc", "fok"]
When = Literal["any", "open", "close"]

SIDES: tuple[Side, ...] = ("buy", "sell")
ORDER_KINDS: tuple[OrderKind, ...] = ("market", "limit", "stop", "stop_limit", "trailing_stop", "take_profit")
TIMES_IN_FORCE: tuple[TimeInForce, ...] = ("gtc", "day", "ioc", "fok")
WHENS: tuple[When, ...] = ("any", "open", "close")

CLIENT_ORDER_ID_CHARS_MAX = 36
IDS_KEPT = 65_536  # names computed last: one step asks for the same one a dozen times
_CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
_PAIRS = ["".join(pair) for pair in product("abcdefghijklmnopqrstuvwxyz234567", repeat=2)]  # ten bits in base 32
_NEEDS_LIMIT = ("limit", "stop_limit", "take_profit")
_NEEDS_STOP = ("stop", "stop_limit")


class OrderState(StrEnum):
    """Where an order stands. INTENT: journalled, not sent. UNKNOWN: perhaps there, perhaps not; ask, never guess."""

    INTENT = "intent"
    SENT = "sent"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially filled"
    CANCEL_SENT = "cancel sent"
    REPLACE_SENT = "replace sent"
    UNKNOWN = "unknown"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    REJECTED = "rejected"
    EXPIRED = "expired"
    ABSENT = "absent"  # never reached the venue: proven, not assumed


ENDED = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.REPLACED, OrderState.REJECTED, OrderState.EXPIRED, OrderState.ABSENT}
)
_AT_VENUE = {
    OrderState.PARTIALLY_FILLED,
    OrderState.FILLED,
    OrderState.CANCELLED,
    OrderState.REPLACED,
    OrderState.EXPIRED,
    OrderState.UNKNOWN,
}
LEGAL: dict[OrderState, frozenset[OrderState]] = {
    # ABSENT and CANCELLED from INTENT: it certainly did not leave.
    OrderState.INTENT: frozenset({OrderState.SENT, OrderState.ABSENT, OrderState.CANCELLED}),
    OrderState.SENT: frozenset({OrderState.ACCEPTED, OrderState.REJECTED, OrderState.CANCEL_SENT, OrderState.ABSENT} | _AT_VENUE),
    OrderState.ACCEPTED: frozenset({OrderState.CANCEL_SENT, OrderState.REPLACE_SENT, OrderState.REJECTED} | _AT_VENUE),
    OrderState.PARTIALLY_FILLED: frozenset({OrderState.CANCEL_SENT, OrderState.REPLACE_SENT} | _AT_VENUE),
    # A cancel may be refused (the order works on) or lose the race against a fill.
    OrderState.CANCEL_SENT: frozenset({OrderState.ACCEPTED, OrderState.REJECTED} | _AT_VENUE),
    OrderState.REPLACE_SENT: frozenset({OrderState.ACCEPTED, OrderState.REJECTED, OrderState.CANCEL_SENT} | _AT_VENUE),
    OrderState.UNKNOWN: frozenset({OrderState.ACCEPTED, OrderState.REJECTED, OrderState.CANCEL_SENT, OrderState.ABSENT} | _AT_VENUE),
    # A venue reports fills late: after a cancel or an expiry the rest may turn out to have been filled before it.
    OrderState.CANCELLED: frozenset({OrderState.FILLED}),
    OrderState.EXPIRED: frozenset({OrderState.FILLED}),
    OrderState.REPLACED: frozenset({OrderState.FILLED}),
    OrderState.FILLED: frozenset(),
    OrderState.REJECTED: frozenset(),
    OrderState.ABSENT: frozenset(),
}
"""Every change that may happen. From a state to itself is no change and always legal. What a venue says against it is never taken as a
change: it is asked, and an order that turns out to live is reopened by a record of its own, with an alert."""


def changed(order: str, before: OrderState, after: OrderState) -> OrderState:
    """The state after a change; raises Invariant for one that the table does not have."""
    if after is not before and after not in LEGAL[before]:
        raise Invariant(
            f"order {order}: from {before.value} to {after.value}, expected one of {sorted(one.value for one in LEGAL[before])}"
        )
    return after


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What an order asks of the venue. `quantity` in units of the instrument, positive; prices in its currency, None where not used."""

    instrument: str
    side: Side
    quantity: Decimal
    kind: OrderKind = "market"
    limit: Decimal | None = None
    stop: Decimal | None = None
    trail: Decimal | None = None
    time_in_force: TimeInForce = "gtc"
    when: When = "any"
    is_reduce_only: bool = False

    def __post_init__(self) -> None:
        what = f"order for {self.instrument}"
        for name, value, known in (
            ("side", self.side, SIDES), ("kind", self.kind, ORDER_KINDS), ("time in force", self.time_in_force, TIMES_IN_FORCE),
            ("when", self.when, WHENS),
        ):  # fmt: skip
            if value not in known:
                raise Rejected(f"{what}: {name} {value!r}, expected one of {', '.join(known)}")
        self._check_number(what, "quantity", self.quantity, is_needed=True)
        self._check_number(what, "limit", self.limit, is_needed=self.kind in _NEEDS_LIMIT)
        self._check_number(what, "stop", self.stop, is_needed=self.kind in _NEEDS_STOP)
        self._check_number(what, "trail", self.trail, is_needed=self.kind == "trailing_stop")

    def _check_number(self, what: str, name: str, number: object, *, is_needed: bool) -> None:
        if number is None and is_needed:
            raise Rejected(f"{what}: a {self.kind} order without {name}, expected one")
        if number is not None and not is_needed:
            raise Rejected(f"{what}: {name} {number} on a {self.kind} order, expected none")
        if number is not None and not (isinstance(number, Decimal) and number.is_finite() and number > 0):
            raise Rejected(f"{what}: {name} {number!r}, expected a positive Decimal")

    @property
    def signed(self) -> Decimal:
        """The quantity, negative for a sale."""
        return self.quantity if self.side == "buy" else -self.quantity


@dataclass(frozen=True, slots=True)
class Intent:
    """An order that a strategy or a person wants.

    decision_ns: when it was decided. leg: which of several orders of one decision; revision: counts what replaced it.
    """

    account: str
    strategy: str
    decision_ns: int
    terms: OrderTerms
    leg: int = 0
    revision: int = 0
    reason: str = ""

    @property
    def client_order_id(self) -> str:
        """The name under which the venue knows it: a function of what was decided and of nothing else."""
        return client_order_id(self.account, self.strategy, self.decision_ns, self.terms.instrument, self.leg, self.revision)


@dataclass(frozen=True, slots=True)
class ApprovedOrder:
    """An intent that passed the risk gate at `approved_ns`. Made by `risk/limits.py` alone."""

    intent: Intent
    approved_ns: int

    @property
    def client_order_id(self) -> str:
        return self.intent.client_order_id

    @property
    def terms(self) -> OrderTerms:
        return self.intent.terms


@dataclass(frozen=True, slots=True)
class Refusal:
    """An intent that the risk gate did not let pass: the rule's name, and why in words."""

    intent: Intent
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """An intent that a person has to allow before it is judged again. until_ns: after that it is refused."""

    intent: Intent
    rule: str
    reason: str
    until_ns: int


@lru_cache(maxsize=IDS_KEPT)
def client_order_id(account: str, strategy: str, decision_ns: int, instrument: str, leg: int, revision: int) -> str:
    """`tw` and 26 letters and digits of the SHA-256 of the decision; every venue we know takes it."""
    parts = (account, strategy, str(decision_ns), instrument, str(leg), str(revision))
    if any("\x1f" in part for part in parts):
        raise Rejected(f"client order id of {parts}: a separator stands in a name, expected none")
    bits = int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:17], "big") >> 6  # the first 130 of them
    return "tw" + "".join([_PAIRS[bits >> shift & 1023] for shift in range(120, -1, -10)])


def is_client_order_id(text: str) -> bool:
    """Whether a venue would take it."""
    return _CLIENT_ORDER_ID.fullmatch(text) is not None


def is_ours(text: str) -> bool:
    """Whether an id met at a venue looks like one of ours; whose it is, only the journal knows."""
    return re.fullmatch(r"tw[a-z2-7]{26}", text) is not None
