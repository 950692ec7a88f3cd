"""What a gateway of Interactive Brokers tells about orders, executions and itself, and who hears it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, Protocol

from ib_async.contract import Contract
from ib_async.objects import CommissionReport, Execution
from ib_async.order import Order

ENDED = ("Filled", "Cancelled", "ApiCancelled")
HELD = ("PendingSubmit", "ApiPending")


@dataclass(slots=True)
class Standing:
    """One order as the gateway told it last. order_id: 0 where a hand placed it. reason: the latest warning about it.

    told: what was handed on last, so that the same is not said twice.
    """

    perm_id: int
    client_id: int
    order_id: int
    reference: str
    contract: Contract
    order: Order
    status: str
    filled: Decimal = Decimal(0)
    reason: str = ""
    is_complete: bool = False
    told: object = None


class Said(NamedTuple):
    """An error or warning. about: the order or request, -1 for none."""

    about: int
    code: int
    text: str


class Executed(NamedTuple):
    """One execution, and of which contract."""

    contract: Contract
    execution: Execution


class Ears(Protocol):
    """Who is told."""

    def on_order(self, standing: Standing) -> None: ...

    def on_execution(self, one: Executed) -> None: ...

    def on_commission(self, report: CommissionReport) -> None: ...

    def on_position(self, account: str, contract: Contract, quantity: Decimal) -> None: ...

    def on_said(self, said: Said) -> None: ...
