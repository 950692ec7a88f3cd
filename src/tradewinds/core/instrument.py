"""What can be traded or observed: its stable id, its rules, its names over time.

An instrument id is `SYMBOL.VENUE` (`AAPL.XNAS`, `BTCUSDT.BINANCE`, `EUR_USD.OANDA`) and never changes;
what the market calls it may, and stands in the ticker history.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tradewinds.core.errors import Rejected

InstrumentKind = Literal["spot", "perpetual", "equity", "fx", "index", "future", "rate", "other"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-/&+. ]{0,62}\.[A-Z0-9_]{2,16}")


def instrument_id(symbol: str, venue: str) -> str:
    """The id `SYMBOL.VENUE`; raises Rejected when the parts cannot make one."""
    if not is_instrument_name(symbol, venue):
        raise Rejected(f"instrument id: {f'{symbol}.{venue}'!r}, expected SYMBOL.VENUE such as AAPL.XNAS")
    return f"{symbol}.{venue}"


def is_instrument_name(symbol: str, venue: str) -> bool:
    """Whether the parts can make an id; venues list a few symbols in letters that it cannot hold."""
    return _ID.fullmatch(f"{symbol}.{venue}") is not None


def split_id(instrument: str) -> tuple[str, str]:
    """(symbol, venue) of an instrument id."""
    symbol, dot, venue = instrument.rpartition(".")
    if not dot or not symbol or not venue:
        raise Rejected(f"instrument id: {instrument!r}, expected SYMBOL.VENUE such as AAPL.XNAS")
    return symbol, venue


@dataclass(frozen=True, slots=True)
class Instrument:
    """The rules of one instrument. Prices move in `tick`, quantities in `lot`; None where the venue states none."""

    id: str
    kind: InstrumentKind
    currency: str
    calendar: str
    base: str | None = None
    tick: Decimal | None = None
    lot: Decimal | None = None
    minimum_notional: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    sector: str | None = None
    name: str | None = None
    is_tradable: bool = True

    def __post_init__(self) -> None:
        instrument_id(*split_id(self.id))
        for field in ("tick", "lot", "minimum_notional", "multiplier"):
            value = getattr(self, field)
            if value is not None and (not value.is_finite() or value <= 0):
                raise Rejected(f"instrument {self.id}: {field} {value}, expected a positive number")


@dataclass(frozen=True, slots=True)
class Ticker:
    """What `instrument` was called at `venue` in [start_ns, end_ns); `end_ns` None while it still is."""

    instrument: str
    symbol: str
    venue: str
    start_ns: int
    end_ns: int | None = None


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """A split, dividend, delisting or rename of `instrument`.

    `effective_ns` is the open of its ex-session. `value`: split = new shares per old share; dividend = cash per share
    in `currency`, before any split of the same session; otherwise None.
    `known_ns`: when it could first have been known.
    """

    instrument: str
    kind: Literal["split", "dividend", "delisting", "rename", "listing"]
    effective_ns: int
    known_ns: int
    value: Decimal | None = None
    currency: str | None = None
    detail: str | None = None

    def __post_init__(self) -> None:
        is_number = self.value is not None and self.value.is_finite() and self.value > 0
        if self.kind in ("split", "dividend") and not is_number:
            raise Rejected(f"{self.kind} of {self.instrument}: value {self.value}, expected a positive number")
