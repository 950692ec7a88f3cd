"""Reads exchangeInfo: the instruments with their rules, and the rate limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradewinds.core.errors import Unreadable
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, NS_PER_SECOND
from tradewinds.core.instrument import Instrument, InstrumentKind
from tradewinds.core.money import decimal
from tradewinds.vendors.binance_venue import Market, error_in
from tradewinds.wire.budget import Window

CALENDAR = "24/7"
_SPANS = {"SECOND": NS_PER_SECOND, "MINUTE": NS_PER_MINUTE, "HOUR": NS_PER_HOUR, "DAY": NS_PER_DAY}
_COUNTED = {"REQUEST_WEIGHT": False, "RAW_REQUESTS": True}


def instruments_in(content: bytes, market: Market, name: Callable[[str], str]) -> list[Instrument]:
    """Every instrument of an exchangeInfo answer, sorted by id. A filter of 0 means that the venue sets no such rule.

    Symbols that our ids cannot spell (a few are not ASCII) are left out.
    """
    symbols = _body(content).get("symbols")
    if not isinstance(symbols, list):
        raise Unreadable(f"binance exchangeInfo: {content[:80]!r}, expected symbols")
    return sorted((_instrument(symbol, market, name) for symbol in symbols if _is_plain(symbol)), key=lambda found: found.id)


def windows_in(content: bytes) -> list[Window]:
    """The limits per address that an exchangeInfo answer states; limits on orders belong to an account and are left out."""
    limits = _body(content).get("rateLimits")
    if not isinstance(limits, list):
        raise Unreadable(f"binance exchangeInfo: {content[:80]!r}, expected rateLimits")
    try:
        return [
            Window(int(limit["intervalNum"]) * _SPANS[limit["interval"]], int(limit["limit"]), _COUNTED[limit["rateLimitType"]])
            for limit in limits
            if limit["rateLimitType"] in _COUNTED
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"binance exchangeInfo: rate limit without {error}, expected interval, intervalNum and limit") from None


def _body(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"binance exchangeInfo: {content[:80]!r} is no JSON ({error})") from None
    if not isinstance(body, dict) or error_in(content):
        raise Unreadable(f"binance exchangeInfo: {content[:80]!r}, expected symbols and rateLimits")
    return body


def _is_plain(symbol: Any) -> bool:
    return isinstance(symbol, dict) and str(symbol.get("symbol", "")).isascii()


def _instrument(symbol: dict[str, Any], market: Market, name: Callable[[str], str]) -> Instrument:
    try:
        filters = {rule["filterType"]: rule for rule in symbol["filters"]}
        status = symbol.get("status", symbol.get("contractStatus", ""))
        return Instrument(
            id=name(symbol["symbol"]),
            kind=_kind(symbol, market),
            currency=symbol["quoteAsset"],
            calendar=CALENDAR,
            base=symbol["baseAsset"],
            tick=_rule(filters, ("PRICE_FILTER", "tickSize")),
            lot=_rule(filters, ("LOT_SIZE", "stepSize")),
            minimum_notional=_rule(filters, ("NOTIONAL", "minNotional"), ("MIN_NOTIONAL", "minNotional"), ("MIN_NOTIONAL", "notional")),
            multiplier=decimal(symbol["contractSize"], what="contractSize") if "contractSize" in symbol else Decimal(1),
            is_tradable=status == "TRADING" and bool(symbol.get("isSpotTradingAllowed", True)),
        )
    except (KeyError, TypeError) as error:
        raise Unreadable(f"binance exchangeInfo {symbol.get('symbol')}: no {error}, expected the symbol's assets and filters") from None


def _kind(symbol: dict[str, Any], market: Market) -> InstrumentKind:
    if market == "spot":
        return "spot"
    return "perpetual" if symbol.get("contractType", "PERPETUAL") == "PERPETUAL" else "future"


def _rule(filters: dict[str, Any], *places: tuple[str, str]) -> Decimal | None:
    for kind, key in places:
        value = filters.get(kind, {}).get(key)
        if value is not None:
            number = decimal(str(value), what=f"binance {kind} {key}")
            return number if number > 0 else None
    return None
