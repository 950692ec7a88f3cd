"""Bars and trade prints: intervals, and the datasets that hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, NS_PER_SECOND
from tradewinds.core.observation import Column, Dataset

_UNITS = {"s": NS_PER_SECOND, "m": NS_PER_MINUTE, "h": NS_PER_HOUR, "d": NS_PER_DAY, "w": 7 * NS_PER_DAY}
_INTERVAL = re.compile(r"([1-9]\d{0,3})(s|m|h|d|w|mo)")


@dataclass(frozen=True, slots=True)
class Interval:
    """A bar length such as `1m`, `4h`, `1d`, `1mo`. `ns` is None for calendar months, whose length varies."""

    name: str

    def __post_init__(self) -> None:
        if _INTERVAL.fullmatch(self.name) is None:
            raise Rejected(f"interval: {self.name!r}, expected a count and one of s m h d w mo, such as 1m or 1d")

    @property
    def ns(self) -> int | None:
        match = _INTERVAL.fullmatch(self.name)
        assert match is not None
        unit = _UNITS.get(match[2])
        return None if unit is None else int(match[1]) * unit

    @property
    def is_daily_or_longer(self) -> bool:
        return self.ns is None or self.ns >= NS_PER_DAY


BAR_COLUMNS = (
    Column("open", unit="quote per base"),
    Column("high", unit="quote per base"),
    Column("low", unit="quote per base"),
    Column("close", unit="quote per base"),
    Column("volume", unit="base"),
)
CRYPTO_BAR_COLUMNS = (
    *BAR_COLUMNS,
    Column("quote_volume", unit="quote"),
    Column("trades", "int"),
    Column("taker_base", unit="base"),
    Column("taker_quote", unit="quote"),
)
PRICES = ("open", "high", "low", "close")

# Crypto, FX and equities share the table of their interval; what a market does not state (trades, taker volume) is null.
TRADES = Dataset(
    "trades",
    (Column("id", "int"), Column("price"), Column("quantity"), Column("quote_quantity"), Column("is_buyer_maker", "bool")),
    keys=("id",),
    description="trade prints of the market; fills of ours stand in the journal",
)


def bars(interval: str | Interval) -> Dataset:
    """The dataset of bars of one length: `bars-1m`, `bars-1d`."""
    length = Interval(interval) if isinstance(interval, str) else interval
    return Dataset(
        f"bars-{length.name}",
        CRYPTO_BAR_COLUMNS,
        partitioning="year" if length.is_daily_or_longer else "month",
        description=f"open, high, low, close and volume of {length.name}",
    )


def interval_of(dataset: str) -> Interval | None:
    """The interval of a bars dataset's name, None for any other dataset."""
    head, _, tail = dataset.partition("-")
    return Interval(tail) if head == "bars" and tail else None


def quotes(interval: str | Interval) -> Dataset:
    """The dataset of bid and ask bars of one length: `quotes-1m`, `quotes-1d`; volume counts price updates."""
    length = Interval(interval) if isinstance(interval, str) else interval
    sides = tuple(Column(f"{side}_{price}", unit="quote per base") for side in ("bid", "ask") for price in PRICES)
    return Dataset(
        f"quotes-{length.name}",
        (*sides, Column("volume", unit="updates")),
        partitioning="year" if length.is_daily_or_longer else "month",
        description=f"bid and ask open, high, low and close of {length.name}",
    )
