"""What a strategy asks for: `Intent` (one order), `Bracket` (an entry and its two exits), `OneCancelsOther`. Not orders yet.

What kind of order an intent is follows from its prices:

    none              market          stop and limit    stop-limit
    limit             limit           trail             trailing stop
    stop              stop
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from tradewinds.core.errors import Rejected

Side = Literal["buy", "sell"]
TimeInForce = Literal["gtc", "day", "ioc", "fok"]
When = Literal["any", "open", "close"]
OrderKind = Literal["market", "limit", "stop", "stop_limit", "trailing_stop", "take_profit"]

SIDES: dict[str, int] = {"buy": 1, "sell": -1}
TIMES_IN_FORCE: tuple[TimeInForce, ...] = ("gtc", "day", "ioc", "fok")
WHENS: tuple[When, ...] = ("any", "open", "close")


@dataclass(frozen=True, slots=True)
class Intent:
    """One order wanted. quantity in units, positive. `instrument` may be left out where a strategy trades one.

    trail: distance that the stop keeps behind the best price, a fraction of it with `is_trail_fraction`. when: "open" and "close" fill
    in a session's auction only. tag: the strategy's own number, kept on the order. is_exit: takes profit or stops a loss of a parent.
    """

    side: Side
    quantity: float
    instrument: str | None = None
    limit: float | None = None
    stop: float | None = None
    trail: float | None = None
    tif: TimeInForce = "gtc"
    when: When = "any"
    tag: int = 0
    is_trail_fraction: bool = field(default=False, kw_only=True)
    is_reduce_only: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise Rejected(f"intent: side {self.side!r}, expected buy or sell")
        _positive("quantity", self.quantity)
        for name, price in (("limit", self.limit), ("stop", self.stop), ("trail", self.trail)):
            if price is not None:
                _positive(name, price)
        if self.trail is not None and (self.limit is not None or self.stop is not None):
            raise Rejected(f"intent: trail {self.trail:g} beside limit {self.limit} and stop {self.stop}, expected it alone")
        if self.is_trail_fraction and (self.trail is None or self.trail >= 1.0):
            raise Rejected(f"intent: trail {self.trail} as a fraction, expected one between 0 and 1")
        if self.tif not in TIMES_IN_FORCE:
            raise Rejected(f"intent: time in force {self.tif!r}, expected one of {', '.join(TIMES_IN_FORCE)}")
        if self.when not in WHENS:
            raise Rejected(f"intent: when {self.when!r}, expected one of {', '.join(WHENS)}")
        if type(self.tag) is not int:
            raise Rejected(f"intent: tag {self.tag!r}, expected a whole number")

    @property
    def kind(self) -> OrderKind:
        """The kind of order that its prices make it."""
        if self.trail is not None:
            return "trailing_stop"
        if self.stop is not None:
            return "stop" if self.limit is None else "stop_limit"
        return "market" if self.limit is None else "limit"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return SIDES[self.side]


@dataclass(frozen=True, slots=True)
class Bracket:
    """An entry whose fill starts two exits of the same quantity, of which one cancels the other."""

    entry: Intent
    stop: float
    take_profit: float

    def __post_init__(self) -> None:
        _positive("stop", self.stop)
        _positive("take-profit", self.take_profit)
        if (self.take_profit - self.stop) * self.entry.sign <= 0:
            above = "above" if self.entry.sign > 0 else "below"
            raise Rejected(f"bracket: {self.entry.side} with take-profit {self.take_profit:g} and stop {self.stop:g}, expected it {above}")


@dataclass(frozen=True, slots=True)
class OneCancelsOther:
    """Orders of which the first that fills cancels the others."""

    intents: tuple[Intent, ...]

    def __post_init__(self) -> None:
        if len(self.intents) < 2:
            raise Rejected(f"one cancels other: {len(self.intents)} intents, expected at least 2")


Asked = Intent | Bracket | OneCancelsOther


def _positive(what: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value > 0 and math.isfinite(value)):
        raise Rejected(f"intent: {what} {value!r}, expected a number above 0")
