"""`Desk`: what stands behind a strategy's view and knows the account: the simulator in a backtest, the trading core live.

Instruments are columns (0 is the first of the strategy's), quantities are units, instants are the decision's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tradewinds.trading.intent import Intent, OrderKind, Side
from tradewinds.trading.strategy import TargetUnit


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that waits or works, as a strategy sees it. filled: units so far."""

    id: int
    instrument: str
    side: Side
    quantity: float
    filled: float
    kind: OrderKind
    limit: float | None
    stop: float | None
    tag: int


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill of an order of ours. quantity: units, signed; commission: in the instrument's currency, positive when paid."""

    order: int
    instrument: str
    quantity: float
    price: float
    commission: float
    bar_end_ns: int  # end of the bar in which it happened
    tag: int


class Desk(Protocol):
    """Everything is answered as of the present decision; what is asked for is decided at it."""

    def target(self, column: int, value: float, unit: TargetUnit | None) -> None:
        """Collect a target; it is placed when the decision ends, or before the next thing that is asked of the desk."""
        ...

    def new_group(self) -> int:
        """A number for orders of which one cancels the others."""
        ...

    def submit(self, column: int, intent: Intent, *, parent: int = 0, group: int = 0, kind: OrderKind | None = None) -> int:
        """Place one order; the answer is its id. kind: where it is another than its prices say (take_profit)."""
        ...

    def cancel(self, order: int) -> bool: ...

    def quantity(self, column: int) -> float: ...

    def average_price(self, column: int) -> float | None: ...

    def cash(self, currency: str | None) -> float: ...

    def equity(self) -> float: ...

    def open_orders(self, column: int | None) -> tuple[OpenOrder, ...]: ...
