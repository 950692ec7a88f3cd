"""What a simulation trades on: a venue with its book, and adapters that speak to it. One class per broker implements `Stage`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Protocol, runtime_checkable

from tradewinds.campaign.loop import Process
from tradewinds.core.broker import Broker
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import Side
from tradewinds.core.ports import Clock
from tradewinds.sandbox.exchange import Exchange, Quote

STEPS_OF_A_MOVE = 6
LOTS_OFFERED = 12


@dataclass(slots=True)
class Traded:
    """An instrument of the simulation. symbol: the exchange's name. price: in the middle, walks by ticks. offered: lots at the touch."""

    instrument: Instrument
    symbol: str
    price: Decimal
    tick: Decimal
    lot: Decimal
    offered: int = LOTS_OFFERED

    @property
    def id(self) -> str:
        return self.instrument.id

    def quote(self) -> Quote:
        """One tick either side of the price."""
        size = self.lot * self.offered
        return Quote(self.price - self.tick, self.price + self.tick, size, size)


@dataclass(slots=True)
class Market:
    """Prices that walk by the seed, by the exchange's symbols."""

    traded: dict[str, Traded] = field(default_factory=dict)

    def move(self, random: Random) -> None:
        """Every price takes some steps, and offers another size."""
        for one in self.traded.values():
            one.price = max(one.tick * 100, one.price + one.tick * random.randint(-STEPS_OF_A_MOVE, STEPS_OF_A_MOVE))
            one.offered = random.randint(2, LOTS_OFFERED)

    def quote(self, symbol: str) -> Quote:
        """The best prices of a symbol."""
        return self.traded[symbol].quote()

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """By our ids."""
        return {one.id: one.instrument for one in self.traded.values()}


def market_of(traded: Iterable[Traded]) -> Market:
    """By the exchange's symbols."""
    return Market({one.symbol: one for one in traded})


class Stage(Protocol):
    """One venue in one simulation. It outlives the trading process; adapters are made anew for each."""

    @property
    def name(self) -> str: ...

    @property
    def exchange(self) -> Exchange: ...

    @property
    def account(self) -> str:
        """As the exchange names it."""
        ...

    @property
    def currency(self) -> str:
        """The account's."""
        ...

    @property
    def market(self) -> Market: ...

    def broker(self, process: Process, clock: Clock) -> Broker:
        """An adapter as a new trading process makes it."""
        ...

    def tick(self) -> None:
        """Prices or time have moved: the venue matches, and tells whom it has to."""
        ...

    def order_by_hand(self, one: Traded, side: Side, quantity: Decimal, limit: Decimal | None) -> None:
        """A person trades the account at the venue's own screen."""
        ...

    def positions(self) -> dict[str, Decimal]:
        """What the venue says that the account holds: signed units by our instrument id."""
        ...

    def restart(self) -> None:
        """The venue goes down and comes back: connections are gone, its book is not."""
        ...

    def refuse_key(self, *, is_refused: bool) -> None:
        """The venue takes our key no more, or again."""
        ...


@runtime_checkable
class Nights(Protocol):
    """A stage that may live through a midnight."""

    midnight_s: float | None
    """Seconds from the beginning, None for a seed without one."""

    def new_day(self) -> None:
        """The venue restarts, and forgets what was yesterday."""
        ...


def executed_positions(stage: Stage) -> dict[str, Decimal]:
    """Where an account begins with nothing: the sum of its executions."""
    ids = {one.symbol: one.id for one in stage.market.traded.values()}
    return {ids[symbol]: size for (account, symbol), size in stage.exchange.positions.items() if account == stage.account}
