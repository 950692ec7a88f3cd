"""`LiveDesk`: the account and the orders of an event strategy, live: `trading.desk.Desk` over its own part of the books.

1. What a strategy asks for in a decision is collected and leaves as intents when the decision ends; ids count from 1.
2. The exits of a bracket wait until their entry has ended with a fill and are sent for what it filled. Of orders of which one cancels the
   others, a fill makes the others smaller: the venue's order is cancelled and, once that is certain, sent anew for what is left.
3. Orders of a kind that the broker cannot hold are watched here, bar by bar, and sent as market or limit orders when they are touched.
4. `kept` and `bring_back` carry all of this over a restart.

A fill is known here when it is in the books; the host asks to `settle` then, and at every bar.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core import order as core
from tradewinds.core.account import ZERO
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.money import NUMBERS
from tradewinds.core.order import OrderState, OrderTerms
from tradewinds.trading.books import Order
from tradewinds.trading.desk import OpenOrder
from tradewinds.trading.intent import Intent, OrderKind
from tradewinds.trading.own_book import OwnBook, lot_of
from tradewinds.trading.strategy import TARGET_UNITS, TargetUnit

Floats = NDArray[np.float64]

ASKED = "order "  # the reason on an intent that a strategy asked for, before the id that it was given
HAIR = Decimal("0.000001")  # of a tick: prices so near to one stand on it
WATCHED = ("stop", "stop_limit", "trailing_stop")  # kinds that can be watched here where the broker cannot hold them


@dataclass(slots=True)
class Asked:
    """One order that the strategy asked for. wanted: units in all. filled_before: by revisions that have ended. stop: where it is now."""

    id: int
    column: int
    intent: Intent
    kind: OrderKind
    wanted: str
    parent: int = 0
    group: int = 0
    revision: int = 0
    decision_ns: int = 0
    leg: int = 0
    client_order_id: str = ""
    filled_before: str = "0"
    stop: float | None = None
    is_cancelled: bool = False
    is_recalled: bool = False


@dataclass(slots=True)
class LiveDesk:
    """The desk of one strategy. `begin`, then the strategy asks, then `end` says what leaves.

    kinds: what the broker can hold; kinds_on: what those of other accounts can that it trades.
    """

    account: str
    own: OwnBook
    unit: TargetUnit
    kinds: frozenset[OrderKind]
    sends_reduce_only: bool = False
    kinds_on: Mapping[str, frozenset[OrderKind]] = field(default_factory=dict)
    is_warming: bool = False
    targets: Floats = field(init=False)
    others: list[tuple[TargetUnit, int, float]] = field(default_factory=list)
    intents: list[core.Intent] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    legs: dict[str, int] = field(default_factory=dict)
    open: dict[int, Asked] = field(default_factory=dict)
    _now_ns: int = 0
    _count: int = 0
    _groups: int = 0

    def __post_init__(self) -> None:
        self.targets = np.full(len(self.own.instruments), np.nan)

    def begin(self, now_ns: int) -> None:
        """A decision begins; nothing is asked yet."""
        if now_ns != self._now_ns:
            self.legs = {}
        self._now_ns = now_ns
        self.targets.fill(math.nan)
        self.others, self.intents, self.cancels = [], [], []

    # Desk

    def target(self, column: int, value: float, unit: TargetUnit | None) -> None:
        number = _number(value)
        if math.isnan(number):
            return
        if math.isinf(number):
            raise Rejected(f"target {number} of {self._id(column)}, expected a finite number, or NaN to leave the position")
        self._check_deciding()
        if unit is not None and unit not in TARGET_UNITS:
            raise Rejected(f"target in {unit!r}, expected one of {', '.join(TARGET_UNITS)}")
        if unit is None or unit == self.unit:
            self.targets[column] = number
        else:
            self.others.append((unit, column, number))

    def new_group(self) -> int:
        self._groups += 1
        return self._groups

    def submit(self, column: int, intent: Intent, *, parent: int = 0, group: int = 0, kind: OrderKind | None = None) -> int:
        self._check_deciding()
        instrument = self.own.instruments[column]
        lot = lot_of(instrument)
        lots = int(float(intent.quantity) / float(lot) + 1e-9)
        if lots < 1:
            raise Rejected(f"order for {instrument.id}: quantity {intent.quantity!r}, expected at least one lot of {lot}")
        chosen = intent.kind if kind is None else kind
        if intent.tif in ("ioc", "fok") and chosen not in ("market", "limit", "take_profit"):
            raise Rejected(f"order for {instrument.id}: {chosen} {intent.tif}, expected ioc and fok with market and limit orders only")
        self._count += 1
        asked = Asked(self._count, column, intent, chosen, str(lot * lots), parent, group, stop=intent.stop)
        is_orphan = parent != 0 and parent not in self.open
        if instrument.is_tradable and not is_orphan and not math.isnan(self.own.price(column)) and self._is_large(asked):
            self.open[asked.id] = asked
            if parent == 0:
                self._start(asked)
        return asked.id

    def cancel(self, order: int) -> bool:
        self._check_deciding()
        if type(order) is not int or not 1 <= order <= self._count:
            raise Rejected(f"cancel of order {order!r}, expected the id of one of {self._count} orders")
        asked = self.open.get(order)
        if asked is None or asked.is_cancelled:
            return False
        asked.is_cancelled = True
        self._end_or_cancel(asked)
        return True

    def quantity(self, column: int) -> float:
        return float(self.own.quantity(column))

    def average_price(self, column: int) -> float | None:
        return self.own.average_price(column)

    def cash(self, currency: str | None) -> float:
        return self.own.cash(self.own.currency if currency is None else currency)

    def equity(self) -> float:
        return self.own.equity()

    def open_orders(self, column: int | None) -> tuple[OpenOrder, ...]:
        return tuple(self._seen(one) for one in self.open.values() if column in (None, one.column) and not one.is_cancelled)

    # Between decisions

    def settle(self, highs: Floats, lows: Floats) -> None:
        """Take in what became of the orders, start exits, make mates smaller, and watch stops over a bar (instruments,), NaN: none."""
        for asked in list(self.open.values()):
            if asked.id in self.open:
                self._settle_one(asked)
        for asked in list(self.open.values()):
            if asked.client_order_id or asked.id not in self.open:
                continue
            if asked.parent and asked.parent in self.open:
                continue
            if self._is_watched(asked) and not math.isnan(highs[asked.column]):
                self._watch(asked, float(highs[asked.column]), float(lows[asked.column]))

    def _settle_one(self, asked: Asked) -> None:
        if asked.parent and not asked.client_order_id:
            self._settle_child(asked)
            return
        if not asked.client_order_id or self.own.is_waiting(asked.client_order_id):
            return
        order = self.own.found(asked.client_order_id)
        if order is None or order.has_ended:
            self._on_ended(asked, order)
            return
        if asked.is_cancelled or order.approved.terms.quantity > self._left_to_want(asked):
            asked.is_recalled = True
            self.cancels.append(asked.client_order_id)

    def _settle_child(self, asked: Asked) -> None:
        """An exit whose entry works on waits; one whose entry ended without a fill ends with it."""
        if asked.parent in self.open:
            return
        filled = Decimal(asked.filled_before)  # where the entry's fill is left when it ends, see _on_ended
        if filled <= 0:
            self.open.pop(asked.id, None)
            return
        asked.wanted, asked.filled_before, asked.parent = str(min(Decimal(asked.wanted), filled)), "0", 0
        self._start(asked)

    def _on_ended(self, asked: Asked, order: Order | None) -> None:
        filled = Decimal(asked.filled_before) + (ZERO if order is None else order.filled)
        asked.filled_before = str(filled)
        left = self._left_to_want(asked)
        was_cut = order is not None and order.state is OrderState.CANCELLED and asked.is_recalled
        # The gate did not let an exit pass (a halt, an order in doubt): without it a position stands open, so it is tried again.
        was_kept_back = order is None and asked.intent.is_reduce_only
        if (was_cut or was_kept_back) and left > 0 and not asked.is_cancelled:
            asked.client_order_id, asked.is_recalled, asked.revision = "", False, asked.revision + 1
            self._send(asked, self._touched_kind(asked) if self._is_watched(asked) else asked.kind, left)
            return
        self.open.pop(asked.id, None)
        for child in self.open.values():
            if child.parent == asked.id:
                child.filled_before = str(filled)
        if asked.group:
            self._shrink_mates(asked, filled)

    def _shrink_mates(self, asked: Asked, filled: Decimal) -> None:
        for mate in list(self.open.values()):
            if mate.group == asked.group and mate.id != asked.id and filled > 0:
                mate.wanted = str(max(ZERO, Decimal(mate.wanted) - filled))
                if Decimal(mate.wanted) <= Decimal(mate.filled_before) and not mate.client_order_id:
                    self.open.pop(mate.id)
                elif mate.client_order_id:
                    self._settle_one(mate)

    def _left_to_want(self, asked: Asked) -> Decimal:
        """Units that it may still have open: what was wanted, less what earlier revisions and working mates filled."""
        mates = [one for one in self.open.values() if asked.group and one.group == asked.group and one.id != asked.id]
        filled = ZERO
        for mate in mates:
            order = self.own.found(mate.client_order_id) if mate.client_order_id else None
            filled += ZERO if order is None else order.filled
        return Decimal(asked.wanted) - Decimal(asked.filled_before) - filled

    def _watch(self, asked: Asked, high: float, low: float) -> None:
        side = asked.intent.sign
        reached = high if side > 0 else low
        if asked.stop is not None and side * (reached - asked.stop) >= 0:
            self._send(asked, self._touched_kind(asked), self._left_to_want(asked))
        elif asked.kind == "trailing_stop":
            self._trail(asked, low if side > 0 else high)

    def _trail(self, asked: Asked, best: float) -> None:
        assert asked.intent.trail is not None
        distance = best * asked.intent.trail if asked.intent.is_trail_fraction else asked.intent.trail
        level = best + asked.intent.sign * distance
        if asked.stop is None or asked.intent.sign * (level - asked.stop) < 0:
            asked.stop = level

    # Restart

    def kept(self) -> dict[str, Any]:
        """What has to come back after a restart, as JSON can hold it; the same content for the same state."""
        return {"count": self._count, "groups": self._groups, "open": [dataclasses.asdict(one) for one in self.open.values()]}

    def bring_back(self, kept: Mapping[str, Any]) -> None:
        """Take up what `kept` wrote; raises DataFault for what is none."""
        try:
            self._count, self._groups = int(kept["count"]), int(kept["groups"])
            orders = [Asked(**{**one, "intent": Intent(**one["intent"])}) for one in kept["open"]]
        except (KeyError, TypeError, ValueError) as error:
            raise DataFault(f"desk of {self.own.name}: what was kept cannot be read ({error}), expected what it wrote") from error
        self.open = {one.id: one for one in orders}

    # Sending

    def _start(self, asked: Asked) -> None:
        if not self._is_watched(asked):
            self._send(asked, asked.kind, Decimal(asked.wanted))
        elif asked.kind == "trailing_stop" and asked.stop is None:
            self._trail(asked, self.own.price(asked.column))

    def _send(self, asked: Asked, kind: OrderKind, quantity: Decimal) -> None:
        instrument, intent = self.own.instruments[asked.column], asked.intent
        if quantity <= 0:
            self.open.pop(asked.id, None)
            return
        if asked.revision == 0:
            asked.decision_ns, asked.leg = self._now_ns, self.legs.get(instrument.id, 0)
            self.legs[instrument.id] = asked.leg + 1
        if kind == "take_profit" and kind not in self._kinds(asked.column):
            kind = "limit"
        tick, side, account = instrument.tick, intent.sign, self.own.account(asked.column)
        has_limit, has_stop = kind in ("limit", "stop_limit", "take_profit"), kind in ("stop", "stop_limit")
        terms = OrderTerms(
            instrument.id, intent.side, quantity, kind,
            limit=on_tick(intent.limit, tick, is_up=side < 0) if has_limit else None,
            stop=on_tick(intent.stop, tick, is_up=side > 0) if has_stop else None,
            trail=on_tick(intent.trail, tick, is_up=True) if kind == "trailing_stop" else None,
            time_in_force=intent.tif, when=intent.when,
            is_reduce_only=self.sends_reduce_only and not account and (intent.is_reduce_only or kind == "take_profit"),
        )  # fmt: skip
        made = core.Intent(
            account or self.account, self.own.name, asked.decision_ns, terms, asked.leg, asked.revision, f"{ASKED}{asked.id}"
        )
        asked.client_order_id = made.client_order_id
        self.intents.append(made)

    def _end_or_cancel(self, asked: Asked) -> None:
        sent = [one for one in self.intents if one.client_order_id == asked.client_order_id]
        if not asked.client_order_id or sent:  # it never left: nothing has to be asked of the broker
            self.intents = [one for one in self.intents if one not in sent]
            self.open.pop(asked.id, None)
            for child in [one for one in self.open.values() if one.parent == asked.id]:
                self._end_or_cancel(child)
        else:
            self.cancels.append(asked.client_order_id)

    def _touched_kind(self, asked: Asked) -> OrderKind:
        """What a watched order becomes when its stop is touched."""
        return "limit" if asked.kind == "stop_limit" else "market"

    def _is_watched(self, asked: Asked) -> bool:
        is_fraction = asked.kind == "trailing_stop" and asked.intent.is_trail_fraction
        return asked.kind in WATCHED and (asked.kind not in self._kinds(asked.column) or is_fraction)

    def _is_large(self, asked: Asked) -> bool:
        instrument, intent = self.own.instruments[asked.column], asked.intent
        about = intent.limit or intent.stop or self.own.price(asked.column)
        minimum = instrument.minimum_notional
        is_exempt = minimum is None or intent.is_reduce_only
        return is_exempt or Decimal(asked.wanted) * instrument.multiplier * Decimal(repr(about)) >= minimum  # type: ignore[operator]  # not None

    def _seen(self, asked: Asked) -> OpenOrder:
        order = self.own.found(asked.client_order_id) if asked.client_order_id else None
        filled = ZERO if order is None else order.filled
        return OpenOrder(
            asked.id, self._id(asked.column), asked.intent.side, float(Decimal(asked.wanted)),
            float((ZERO if asked.parent else Decimal(asked.filled_before)) + filled), asked.kind, asked.intent.limit, asked.stop,
            asked.intent.tag,
        )  # fmt: skip

    def _kinds(self, column: int) -> frozenset[OrderKind]:
        return self.kinds_on.get(self.own.account(column), self.kinds)

    def _id(self, column: int) -> str:
        return self.own.instruments[column].id

    def _check_deciding(self) -> None:
        if self.is_warming:
            raise Rejected("an order or target during warm-up, expected none before the first decision")


def on_tick(price: float | None, tick: Decimal | None, *, is_up: bool) -> Decimal:
    """A price as an order's: up or down to the next tick, or to the nearest where it is a hair away; as it is where there is no tick."""
    if price is None:
        raise Rejected("order: a price is missing, expected one")
    exact = Decimal(repr(float(price)))
    if tick is None:
        return exact
    with localcontext(NUMBERS):
        ticks = exact / tick
        nearest = ticks.to_integral_value(ROUND_HALF_EVEN)
        if abs(ticks - nearest) >= HAIR:
            nearest = ticks.to_integral_value(ROUND_CEILING if is_up else ROUND_FLOOR)
        return nearest * tick


def _number(value: object) -> float:
    if isinstance(value, int | float | np.integer | np.floating | np.bool_) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return float(value)
    raise Rejected(f"target {value!r} of type {type(value).__name__}, expected a number")
