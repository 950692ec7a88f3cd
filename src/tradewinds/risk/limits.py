"""The risk gate: judges an intent against the limits in force and is the only maker of `ApprovedOrder`.

1. Overrides and lists first: no trading, close only, restricted, long only.
2. Static limits: quantity, notional, position, exposure.
3. Stateful rules, fed by what was approved before: message rate, repeated execution, duplicate intent, loss of the day.

The gate reads no clock: `now_ns` is the time of the event that is being handled. It changes only through `approved`, so that a replay of
the journal brings it to the same state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from tradewinds.core.order import ApprovedOrder, Intent, Refusal


@dataclass(frozen=True, slots=True)
class Limits:
    """Static limits, None where there is none. quantity in units, notional in base currency."""

    quantity_max: Decimal | None = None
    notional_max: Decimal | None = None
    position_max: Decimal | None = None
    is_long_only: bool = False


class Situation(Protocol):
    """What the gate may ask about the account when it judges. Prices are the last known, None where none is."""

    def position(self, instrument: str) -> Decimal: ...

    def working(self, instrument: str) -> Decimal:
        """Signed units of orders that may still fill."""
        ...

    def price(self, instrument: str) -> Decimal | None: ...

    def price_ns(self, instrument: str) -> int | None: ...

    def rate(self, instrument: str) -> Decimal | None:
        """Base currency per unit of the instrument's price times multiplier."""
        ...


@dataclass(slots=True)
class Gate:
    """One account's gate."""

    limits: Limits = Limits()
    by_strategy: Mapping[str, Limits] = field(default_factory=dict)

    def judge(self, intent: Intent, situation: Situation, now_ns: int) -> ApprovedOrder | Refusal:
        """An approved order, or a refusal with the rule and a reason that a person understands."""
        limits = self.by_strategy.get(intent.strategy, self.limits)
        if limits.quantity_max is not None and intent.terms.quantity > limits.quantity_max:
            return Refusal(intent, "quantity", f"{intent.terms.quantity} units, the limit is {limits.quantity_max}")
        return ApprovedOrder(intent, now_ns)

    def approved(self, order: ApprovedOrder) -> None:
        """An order was approved, now or in the journal that is replayed."""
