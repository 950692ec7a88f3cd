"""How orders fill, what they cost, and what kind of account pays: small frozen objects that a person writes and the kernel's numbers.

    Setup(account=Account(100_000, "USD"), costs=(BasisPoints(1), HalfSpread(bps=0.5)), fills=Fills(participation=0.1))

Costs add up; each may name the instruments it is for (none: all).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from tradewinds.core.errors import Rejected


def _check(what: str, value: object, low: float = 0.0, high: float = math.inf) -> None:
    if isinstance(value, bool) or not (isinstance(value, int | float) and low <= value <= high):
        raise Rejected(f"{what}: {value!r}, expected a number from {low:g} to {high:g}")


@dataclass(frozen=True, slots=True)
class PerUnit:
    """Commission per share, coin or contract. `minimum` per fill, `maximum` as a fraction of its amount."""

    amount: float
    minimum: float = 0.0
    maximum: float = math.inf
    instruments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check("per-unit commission", self.amount)
        _check("per-unit commission: minimum", self.minimum)
        _check("per-unit commission: maximum fraction", self.maximum)


@dataclass(frozen=True, slots=True)
class PerTrade:
    """A fixed commission per fill."""

    amount: float
    instruments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check("per-trade commission", self.amount)


@dataclass(frozen=True, slots=True)
class BasisPoints:
    """A commission in basis points of the amount; `maker` for fills of resting limit orders, the same as taker where None."""

    taker: float
    maker: float | None = None
    minimum: float = 0.0
    instruments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check("commission in basis points", self.taker, -100.0, 10_000.0)
        if self.maker is not None:
            _check("maker commission in basis points", self.maker, -100.0, 10_000.0)
        _check("commission: minimum", self.minimum)


@dataclass(frozen=True, slots=True)
class Tiers:
    """Maker and taker basis points by turnover in base currency over the last `days`: (from turnover, maker, taker), rising from 0."""

    tiers: tuple[tuple[float, float, float], ...]
    days: int = 30
    instruments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        starts = [tier[0] for tier in self.tiers]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise Rejected(f"commission tiers: turnovers {starts}, expected rising ones that start at 0")
        for tier in self.tiers:
            _check("commission tiers: maker basis points", tier[1], -100.0, 10_000.0)
            _check("commission tiers: taker basis points", tier[2], -100.0, 10_000.0)
        days: object = self.days
        if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 366:
            raise Rejected(f"commission tiers: {days!r} days, expected a whole number from 1 to 366")


@dataclass(frozen=True, slots=True)
class HalfSpread:
    """Market and stop fills are worse by half the spread: basis points of the price, and/or a distance in price."""

    bps: float = 0.0
    price: float = 0.0
    instruments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check("half spread in basis points", self.bps)
        _check("half spread in price", self.price)


@dataclass(frozen=True, slots=True)
class VolumeShare:
    """Market and stop fills are worse by `impact` x (quantity / volume of the bar) ** power of the price."""

    impact: float = 0.1
    power: float = 2.0
    instruments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check("volume-share impact", self.impact)
        _check("volume-share power", self.power, 0.1, 4.0)


@dataclass(frozen=True, slots=True)
class Borrow:
    """A yearly rate paid on the value of short positions, accrued per day held (365)."""

    rate: float
    instruments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check("borrow rate", self.rate, 0.0, 10.0)


@dataclass(frozen=True, slots=True)
class Financing:
    """Yearly rates on the value held overnight: `long` is paid on longs, `short` received on shorts (negative: paid)."""

    long: float = 0.0
    short: float = 0.0
    instruments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check("financing of longs", self.long, -10.0, 10.0)
        _check("financing of shorts", self.short, -10.0, 10.0)


Cost = PerUnit | PerTrade | BasisPoints | Tiers | HalfSpread | VolumeShare | Borrow | Financing


@dataclass(frozen=True, slots=True)
class Fills:
    """When and how orders fill; the table of rules stands in docs/kernel.md.

    at: market orders fill at the next bar's open, or at the close at which they were decided. latency_bars: later by that many bars.
    touches: of a stop and a limit touched in one bar, the worse (pessimistic) or better (optimistic) comes first.
    participation: largest share of a bar's volume that fills, the rest stays working; None: no limit.
    """

    at: Literal["next_open", "same_close"] = "next_open"
    touches: Literal["pessimistic", "optimistic"] = "pessimistic"
    participation: float | None = None
    latency_bars: int = 0

    def __post_init__(self) -> None:
        if self.at not in ("next_open", "same_close"):
            raise Rejected(f"fills: at {self.at!r}, expected next_open or same_close")
        if self.touches not in ("pessimistic", "optimistic"):
            raise Rejected(f"fills: touches {self.touches!r}, expected pessimistic or optimistic")
        if self.participation is not None:
            _check("fills: participation", self.participation, 1e-9, 1.0)
        latency: object = self.latency_bars
        if isinstance(latency, bool) or not isinstance(latency, int) or not 0 <= latency <= 10_000:
            raise Rejected(f"fills: latency {latency!r} bars, expected a whole number from 0 to 10000")


@dataclass(frozen=True, slots=True)
class Account:
    """The money. A cash account never owes cash and never sells what it has not; a margin account may, up to `leverage`.

    maintenance: fraction of the gross value below which equity draws a margin call: everything is sold at the next open.
    short_cash: what happens to a target that costs more than there is. interest and debit: yearly rates on cash held and owed.
    """

    capital: float = 100_000.0
    currency: str = "USD"
    kind: Literal["cash", "margin"] = "margin"
    leverage: float = 1.0
    maintenance: float = 0.0
    short_cash: Literal["trim", "reject"] = "trim"
    interest: float = 0.0
    debit: float = 0.0

    def __post_init__(self) -> None:
        _check("account: capital", self.capital, 1e-9)
        _check("account: leverage", self.leverage, 1e-9, 1000.0)
        _check("account: maintenance", self.maintenance, 0.0, 1.0)
        if self.kind not in ("cash", "margin"):
            raise Rejected(f"account: kind {self.kind!r}, expected cash or margin")
        if self.short_cash not in ("trim", "reject"):
            raise Rejected(f"account: short_cash {self.short_cash!r}, expected trim or reject")


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything about a simulation that is neither market nor strategy."""

    account: Account = field(default_factory=Account)
    costs: tuple[Cost, ...] = ()
    fills: Fills = field(default_factory=Fills)
