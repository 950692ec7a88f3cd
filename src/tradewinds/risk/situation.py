"""What the gate may ask about an account when it judges.

`Situation` is the least that it needs. What it asks beyond that (a strategy's own part, exposure, equity) is answered by `Standing` in
`standing.py`; from a situation that does not have it, `wide` makes an answer that never says less than there is, or says "unknown".
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, cast

ZERO = Decimal(0)


@dataclass(slots=True)  # not frozen: made for each judgement, and a frozen one takes three times as long to make
class Exposure:
    """What an account or a strategy is exposed to, in base currency, counting what works as if it filled.

    gross: sum over instruments of the larger of long and short. high, low: net if everything bought fills and nothing sold, and the other
    way round. unpriced: an instrument held or worked without a price, which makes the rest too small; "" where there is none.
    """

    gross: Decimal
    high: Decimal
    low: Decimal
    unpriced: str = ""


class Situation(Protocol):
    """The least that the gate asks. Prices are the last known, None where none is."""

    def position(self, instrument: str) -> Decimal:
        """Signed units that the account holds."""
        ...

    def working(self, instrument: str) -> Decimal:
        """Signed units of orders that may still fill."""
        ...

    def price(self, instrument: str) -> Decimal | None: ...

    def price_ns(self, instrument: str) -> int | None: ...

    def rate(self, instrument: str) -> Decimal | None:
        """Base currency per unit of the instrument's price times multiplier."""
        ...


class WideSituation(Protocol):
    """Everything that the gate asks. strategy None: of the whole account."""

    def held(self, instrument: str, strategy: str | None = None) -> Decimal: ...

    def pending(self, instrument: str, strategy: str | None = None) -> tuple[Decimal, Decimal]:
        """Units of orders that may still fill: bought, sold; both positive."""
        ...

    def price(self, instrument: str) -> Decimal | None: ...

    def price_ns(self, instrument: str) -> int | None: ...

    def rate(self, instrument: str) -> Decimal | None: ...

    def left(self, client_order_id: str) -> Decimal:
        """Signed units of one order that may still fill, zero when it has ended or is not known."""
        ...

    def exposure(self, strategy: str | None = None) -> Exposure | None:
        """None where nobody keeps count."""
        ...

    def equity(self, strategy: str | None = None) -> Decimal | None:
        """Cash and the value of what is held, in base currency; None while unknown."""
        ...


def wide(situation: Situation | WideSituation) -> WideSituation:
    """A situation that answers everything: the one place that looks what it can."""
    if hasattr(situation, "exposure"):
        return cast(WideSituation, situation)
    return Narrow(situation)


@dataclass(frozen=True, slots=True)
class Narrow:
    """A situation that knows the account alone: of a strategy it says what the account holds; exposure and equity are unknown."""

    of: Situation

    def held(self, instrument: str, strategy: str | None = None) -> Decimal:
        return self.of.position(instrument)

    def pending(self, instrument: str, strategy: str | None = None) -> tuple[Decimal, Decimal]:
        net = self.of.working(instrument)
        return max(net, ZERO), max(-net, ZERO)

    def price(self, instrument: str) -> Decimal | None:
        return self.of.price(instrument)

    def price_ns(self, instrument: str) -> int | None:
        return self.of.price_ns(instrument)

    def rate(self, instrument: str) -> Decimal | None:
        return self.of.rate(instrument)

    def left(self, client_order_id: str) -> Decimal:
        return ZERO

    def exposure(self, strategy: str | None = None) -> Exposure | None:
        return None

    def equity(self, strategy: str | None = None) -> Decimal | None:
        return None
