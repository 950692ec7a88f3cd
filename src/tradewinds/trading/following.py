"""`Following`: from the targets of one strategy to orders, by the rules of the kernel (`simulation/kernel.py`, `decide`).

1. Targets in units are looked at when they change, or when position and working orders are not what they were made to be; weights and
   amounts are sized anew at every decision.
2. `target_lots`, the function that the kernel calls, gives the wanted position; weights are of the equity on the instrument's account.
   What is held and what works for earlier targets counts as done. Where the new target goes the other way, the working orders are
   cancelled first and the rest is ordered when they have ended.
3. A target that the venue refused is not tried again until it changes. Orders that reduce a position come first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.order import Intent, OrderState, OrderTerms
from tradewinds.trading.own_book import OwnBook, lot_of
from tradewinds.trading.sizing import CODES, UNITS, target_lots

Floats = NDArray[np.float64]

TARGET = "target"  # the reason on an intent that follows a target
SHADOW = "shadow"  # how the reason begins why an order of shadow mode ended: it would be wanted again at every bar
SHORT_OF_MONEY = ("cash", "no short sale")  # why the paper broker ends a target's order that the account cannot carry


@dataclass(slots=True)
class Followed:
    """What following the targets of one decision takes. cancels: client order ids."""

    intents: list[Intent] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Following:
    """The targets of one strategy and what became of them. `legs` counts the orders of one decision by instrument."""

    account: str
    own: OwnBook
    _before: dict[int, float] = field(default_factory=dict)
    _expected: dict[int, int | None] = field(default_factory=dict)
    _sent: dict[int, tuple[float, str]] = field(default_factory=dict)
    _refused: dict[int, float] = field(default_factory=dict)

    def follow(self, decision_ns: int, targets: Floats, unit: str, legs: dict[str, int]) -> Followed:
        """Orders for targets (instruments,), NaN: leave."""
        code = CODES[unit]
        wanted: list[tuple[int, int, bool]] = []
        made = Followed()
        equities = {} if code == UNITS else {account: self.own.equity_on(account) for account in self.own.accounts}
        for column, value in enumerate(targets.tolist()):
            before = self._before.get(column, math.nan)
            self._before[column] = value
            if math.isnan(value):
                continue
            if code == UNITS and value == before and self._is_as_expected(column):
                continue
            lots = self._lots(column, value, code, equities.get(self.own.account(column), math.nan), made)
            if lots:
                wanted.append((column, lots, lots * self.own.lots(column) < 0))
        for is_turn in (True, False):
            for column, lots, is_reducing in wanted:
                if is_reducing == is_turn:
                    made.intents.append(self._intent(decision_ns, column, lots, targets, legs))
        return made

    def _is_as_expected(self, column: int) -> bool:
        expected = self._expected.get(column)
        return expected is not None and self.own.lots(column) + self._working(column) == expected

    def _lots(self, column: int, value: float, code: int, equity: float, made: Followed) -> int:
        """Signed lots to order; none without a price, below the minimum, or refused before."""
        own, instrument = self.own, self.own.instruments[column]
        price, rate = own.price(column), own.rate(instrument.currency)
        self._expected[column] = None
        self._note_refusal(column)
        if math.isnan(price) or math.isnan(rate) or not instrument.is_tradable or value == self._refused.get(column):
            return 0
        if code != UNITS and math.isnan(equity):
            return 0
        self._refused.pop(column, None)
        lot = lot_of(instrument)
        position, working = own.lots(column), self._working(column)
        wanted = target_lots(value, code, equity, price, float(instrument.multiplier), rate, float(lot))
        lots = wanted - position - working
        if lots * working < 0:
            made.cancels += [one.client_order_id for one in own.working(column) if one.approved.intent.reason == TARGET]
            made.cancels += [one.client_order_id for one in own.on_the_way(column) if one.reason == TARGET]
            return 0
        if lots < 0 < position:
            lots = -min(-lots, max(own.lots_to_sell(column), 0)) if wanted >= 0 else lots
        minimum = 0.0 if instrument.minimum_notional is None else float(instrument.minimum_notional)
        is_enough = abs(lots) * float(lot) * float(instrument.multiplier) * price >= minimum
        self._expected[column] = position + working + (lots if is_enough else 0)
        return lots if is_enough else 0

    def _working(self, column: int) -> int:
        """Lots of target orders that may still fill, or that a person may still allow; signed."""
        lot = lot_of(self.own.instruments[column])
        working = sum(int(one.left / lot) for one in self.own.working(column) if one.approved.intent.reason == TARGET)
        return working + sum(int(one.terms.signed / lot) for one in self.own.waiting(column) if one.reason == TARGET)

    def _note_refusal(self, column: int) -> None:
        """Whether the last order of the target was refused by the venue; the gate's refusals are its own to repeat."""
        sent = self._sent.pop(column, None)
        if sent is None:
            return
        order = self.own.found(sent[1])
        if order is None:
            if any(one.client_order_id == sent[1] for one in self.own.on_the_way(column)):
                self._sent[column] = sent
            return
        is_short = order.state is OrderState.CANCELLED and (order.reason in SHORT_OF_MONEY or order.reason.startswith(SHADOW))
        if order.state is OrderState.REJECTED or is_short:
            self._refused[column] = sent[0]
        elif not order.has_ended:
            self._sent[column] = sent

    def _intent(self, decision_ns: int, column: int, lots: int, targets: Floats, legs: dict[str, int]) -> Intent:
        instrument = self.own.instruments[column]
        leg = legs.get(instrument.id, 0)
        legs[instrument.id] = leg + 1
        terms = OrderTerms(instrument.id, "buy" if lots > 0 else "sell", lot_of(instrument) * abs(lots))
        intent = Intent(self.own.account(column) or self.account, self.own.name, decision_ns, terms, leg, reason=TARGET)
        self._sent[column] = (float(targets[column]), intent.client_order_id)
        return intent
