"""Contracts that the local TWS knows: US shares, currency pairs at IDEALPRO, coins at PAXOS.

A contract is asked for by its number (conId) or by symbol, kind, exchange and currency, as the API does. The exchange behind the gateway
trades instrument ids (`AAPL.XNAS`, `EUR_USD.IDEALPRO`, `BTC_USD.PAXOS`). Numbers of well-known contracts follow the public record.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

SecType = Literal["STK", "CASH", "CRYPTO"]
SMART = "SMART"
NEW_YORK = "US/Eastern"
LISTING = {"NASDAQ": "XNAS", "NYSE": "XNYS"}
_KNOWN = {
    "AAPL.XNAS": 265598, "MSFT.XNAS": 272093, "NVDA.XNAS": 4815747, "EUR_USD.IDEALPRO": 12087792, "GBP_USD.IDEALPRO": 12087797,
    "USD_JPY.IDEALPRO": 15016059, "BTC_USD.PAXOS": 479624278, "ETH_USD.PAXOS": 495759171,
}  # fmt: skip
_COINS = ("BTC", "ETH", "LTC", "BCH")
_NAMES = {"BTC": "Bitcoin cryptocurrency", "ETH": "Ethereum cryptocurrency", "LTC": "Litecoin cryptocurrency", "BCH": "Bitcoin Cash"}


@dataclass(frozen=True, slots=True)
class Listed:
    """One contract. instrument: what the exchange trades. minimum: smallest quantity; step: quantities move in it."""

    instrument: str
    con_id: int
    symbol: str
    sec_type: SecType
    exchange: str
    primary: str
    currency: str
    local_symbol: str
    trading_class: str
    tick: Decimal
    minimum: Decimal
    step: Decimal
    name: str
    order_types: str
    zone: str = NEW_YORK


class Asked(NamedTuple):
    """The contract fields of a request, in the order of the wire."""

    con_id: str
    symbol: str
    sec_type: str
    expiry: str
    strike: str
    right: str
    multiplier: str
    exchange: str
    primary: str
    currency: str
    local_symbol: str
    trading_class: str


class Catalogue:
    """All contracts of one gateway."""

    def __init__(self, listed: Iterable[Listed]) -> None:
        self._by_instrument = {one.instrument: one for one in listed}
        self._by_id = {one.con_id: one for one in self._by_instrument.values()}

    def __iter__(self) -> Iterator[Listed]:
        return iter(self._by_instrument.values())

    def of(self, instrument: str) -> Listed:
        """The contract of an instrument."""
        return self._by_instrument[instrument]

    def matching(self, asked: Asked) -> list[Listed]:
        """Every contract that a request may mean; none where it is unknown."""
        number = int(asked.con_id or 0)
        if number:
            found = self._by_id.get(number)
            return [] if found is None else [found]
        return [one for one in self if _fits(one, asked)]

    def search(self, pattern: str) -> list[Listed]:
        """Contracts whose symbol begins with the text or whose name holds it."""
        wanted = pattern.upper()
        return [one for one in self if one.symbol.startswith(wanted) or wanted in one.name.upper()]


def _fits(one: Listed, asked: Asked) -> bool:
    if asked.symbol != one.symbol and asked.local_symbol != one.local_symbol:
        return False
    if asked.sec_type != one.sec_type or asked.currency not in ("", one.currency):
        return False
    if asked.exchange not in ("", one.exchange, one.primary):
        return False
    return asked.primary in ("", one.primary, one.exchange)


def share(symbol: str, listing: str, name: str = "", *, tick: Decimal = Decimal("0.01")) -> Listed:
    """A share listed at NASDAQ or NYSE."""
    instrument = f"{symbol}.{LISTING[listing]}"
    trading_class = "NMS" if listing == "NASDAQ" else symbol
    return Listed(
        instrument, _number(instrument), symbol, "STK", SMART, listing, "USD", symbol, trading_class, tick, Decimal(1), Decimal(1),
        name or symbol,
        "ACTIVETIM,AD,ADJUST,ALGO,DAY,FOK,GTC,IOC,LIT,LMT,LOC,MIT,MKT,MOC,OPG,STP,STPLMT,TRAIL,TRAILLIT,TRAILLMT",
    )  # fmt: skip


def pair(base: str, quote: str, *, tick: Decimal = Decimal("0.00005")) -> Listed:
    """A currency pair; quantities in whole units of the base."""
    instrument = f"{base}_{quote}.IDEALPRO"
    return Listed(
        instrument, _number(instrument), base, "CASH", "IDEALPRO", "", quote, f"{base}.{quote}", f"{base}.{quote}", tick, Decimal(1),
        Decimal(1),
        f"{base} against {quote}", "DAY,FOK,GTC,IOC,LMT,MKT,STP,STPLMT,TRAIL",
    )  # fmt: skip


def coin(symbol: str, *, tick: Decimal = Decimal("0.25"), step: Decimal = Decimal("0.00000001")) -> Listed:
    """A coin against the dollar."""
    instrument = f"{symbol}_USD.PAXOS"
    return Listed(
        instrument, _number(instrument), symbol, "CRYPTO", "PAXOS", "", "USD", f"{symbol}.USD", symbol, tick, step, step,
        _NAMES.get(symbol, symbol), "DAY,GTC,IOC,LMT,MKT", "UTC",
    )  # fmt: skip


def coins() -> list[Listed]:
    """The four coins that Interactive Brokers trades."""
    return [coin(symbol, tick=Decimal("0.25") if symbol == "BTC" else Decimal("0.01")) for symbol in _COINS]


def _number(instrument: str) -> int:
    return _KNOWN.get(instrument) or 100_000_000 + zlib.crc32(instrument.encode()) % 400_000_000
