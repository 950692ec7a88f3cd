"""What the core wants done: questions and orders for the wire, and words for another account's core."""

from __future__ import annotations

from dataclasses import dataclass

from tradewinds.core.broker import OrderRef
from tradewinds.core.order import ApprovedOrder
from tradewinds.trading.entry import Ask, Elsewhere, Entry, HandOver, Ticked


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to do on the wire. ref: the order that it is about; order: what is sent by submit and replace."""

    ask: Ask
    client_order_id: str
    order: ApprovedOrder | None = None
    ref: OrderRef | None = None


@dataclass(frozen=True, slots=True)
class CompareCommand:
    """Ask the broker for open orders, fills since `cursor` and holdings, and feed them back as `Compared`."""

    cursor: str


@dataclass(frozen=True, slots=True)
class PassCommand:
    """Give this to the core of another account; it passes over what it had before."""

    account: str
    given: HandOver | Elsewhere


AnyCommand = Command | CompareCommand | PassCommand


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step made: records to be made durable, then commands to be carried out."""

    entry: Entry
    commands: tuple[AnyCommand, ...]

    @property
    def is_empty(self) -> bool:
        """Nothing happened: there is nothing to write."""
        return isinstance(self.entry.input, Ticked) and not self.entry.records and not self.commands
