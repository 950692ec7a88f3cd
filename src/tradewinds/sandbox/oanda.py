"""OANDA v20: accounts, their instruments, and candles of bid, ask and mid. Everything wants the Bearer token.

What trades stands in `oanda_trade`; its addresses are added here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import anyio.to_thread
import numpy as np

from tradewinds.core import instant
from tradewinds.core.errors import Rejected
from tradewinds.sandbox import oanda_trade_routes
from tradewinds.sandbox.faults import chosen
from tradewinds.sandbox.fx import PAIRS, Quotes, SeededFx, join, merge
from tradewinds.sandbox.oanda_candles import GRANULARITIES, HOUR_MS, WEEKDAYS, Alignment
from tradewinds.sandbox.world import World

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

VENUE = "oanda"
ACCOUNT = "101-004-0000001-001"
USUAL, MOST = 500, 5000
_EARLIEST_MS = 1_483_315_200_000  # 2017-01-02
_UNIX = re.compile(r"\d{1,11}(\.\d{1,9})?")
_PRICES = re.compile(r"[MBA]{1,3}")


class Refused(Rejected):
    """A question that the venue answers with this status and message."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def routes(world: World) -> list[Route]:
    """The addresses below /v3."""
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    fx = SeededFx(world.market)

    def endpoint(answer: Any) -> Any:
        async def call(request: Request) -> Response:
            headers = {"RequestID": "42"}
            if request.headers.get("authorization") != f"Bearer {world.config.oanda_token}":
                return JSONResponse({"errorMessage": "Insufficient authorization to perform request."}, 401, headers)
            if request.path_params.get("account", ACCOUNT) != ACCOUNT:
                return JSONResponse({"errorMessage": "The specified account does not exist"}, 404, headers)
            is_unix = request.headers.get("accept-datetime-format", "").upper() == "UNIX"
            question = {**dict(request.query_params), "instrument": request.path_params.get("instrument", "")}
            try:
                return JSONResponse(await anyio.to_thread.run_sync(answer, world, fx, question, is_unix), headers=headers)
            except Refused as error:
                return JSONResponse({"errorMessage": str(error)}, error.status, headers)

        return call

    table = {
        "/accounts": _accounts,
        "/accounts/{account}/instruments": _instruments,
        "/accounts/{account}/instruments/{instrument}/candles": candles,
        "/instruments/{instrument}/candles": candles,
    }
    asks = [Route(f"{base}{path}", endpoint(answer)) for base in ("/v3", "") for path, answer in table.items()]
    return [*asks, *oanda_trade_routes.routes(oanda_trade_routes.venue_of(world, fx, ACCOUNT))]


def candles(world: World, fx: SeededFx, asked: Mapping[str, str], is_unix: bool) -> dict[str, Any]:
    """The answer of the candles address; the last candle may be incomplete."""
    pair, prices = asked["instrument"], asked.get("price") or "M"
    if pair not in PAIRS:
        raise Refused("Invalid value specified for 'instrument'")
    if _PRICES.fullmatch(prices) is None:
        raise Refused("Invalid value specified for 'price'")
    cut = _alignment(asked)
    quotes, now_ms = _quotes(world, fx, pair, cut, asked), world.clock.now_ms()
    quotes = quotes.take(_not_missing(world, pair, quotes))
    decimals = PAIRS[pair][1]
    rows = []
    before: dict[str, int] = {}
    for row in range(len(quotes)):
        start = int(quotes.start_ms[row])
        candle: dict[str, Any] = {
            "complete": cut.end(start) <= now_ms,
            "volume": int(quotes.updates[row]),
            "time": _time(start, is_unix=is_unix),
        }
        for side, name in (("B", "bid"), ("A", "ask"), ("M", "mid")):
            if side in prices:
                shown = _shown(quotes, row, name, decimals)
                if asked.get("smooth", "").lower() == "true" and name in before:
                    _smooth(shown, before[name], decimals)
                before[name] = _units(shown["c"])
                candle[name] = shown
        rows.append(candle)
    return {"instrument": pair, "granularity": cut.granularity, "candles": rows}


def _quotes(world: World, fx: SeededFx, pair: str, cut: Alignment, asked: Mapping[str, str]) -> Quotes:
    now_ms = world.clock.now_ms()
    start, end, count = _moment(asked, "from", now_ms), _moment(asked, "to", now_ms), _count(asked)
    if start is not None and end is not None:
        if count is not None:
            raise Refused("'count' cannot be specified when 'to' and 'from' are set")
        if end < start:
            raise Refused("Invalid value specified for 'to'")
        if (end - start) // cut.length_ms > MOST:
            raise Refused("Maximum value for 'count' exceeded")
        found = _between(world, fx, pair, cut, cut.start(start), end)
    elif start is not None:
        found = _forward(world, fx, pair, cut, start, count or USUAL, now_ms)
    else:
        return _backward(world, fx, pair, cut, end if end is not None else now_ms, count or USUAL)
    if asked.get("includeFirst", "true").lower() == "false" and len(found) and int(found.start_ms[0]) <= (start or 0):
        found = found.take(slice(1, None))
    return found


def _between(world: World, fx: SeededFx, pair: str, cut: Alignment, start_ms: int, end_ms: int) -> Quotes:
    """Candles that begin in [start_ms, end_ms), as far as they have happened."""
    now_ms = world.clock.now_ms()
    stop = min(cut.end(cut.start(end_ms - 1)), now_ms) if end_ms > start_ms else start_ms
    whole_hours = now_ms // HOUR_MS * HOUR_MS
    if cut.length_ms < HOUR_MS:
        parts = fx.quotes(pair, start_ms, stop)
    else:
        hours = fx.quotes(pair, start_ms, min(stop, whole_hours), hourly=True)
        rest = fx.quotes(pair, max(start_ms, whole_hours), stop)
        parts = join([hours, merge(rest, rest.start_ms // HOUR_MS * HOUR_MS)])
    return merge(parts, cut.starts(parts.start_ms))


def _forward(world: World, fx: SeededFx, pair: str, cut: Alignment, start: int, count: int, now_ms: int) -> Quotes:
    stretch = _stretch(cut, count)
    begin = max(cut.start(start), _EARLIEST_MS)
    while True:  # doubles over weekends, ends with the present
        end = min(begin + stretch * cut.length_ms + 3 * 24 * HOUR_MS, now_ms)
        found = _between(world, fx, pair, cut, begin, max(end, begin))
        if len(found) >= count or end >= now_ms:
            return found.take(slice(0, count))
        stretch *= 2


def _backward(world: World, fx: SeededFx, pair: str, cut: Alignment, end: int, count: int) -> Quotes:
    stretch = _stretch(cut, count)
    while True:  # doubles over weekends, ends with the first day
        begin = max(cut.start(end - stretch * cut.length_ms - 3 * 24 * HOUR_MS), _EARLIEST_MS)
        found = _between(world, fx, pair, cut, begin, end)
        if len(found) >= count or begin <= _EARLIEST_MS:
            return found.take(slice(-count, None))
        stretch *= 2


def _stretch(cut: Alignment, count: int) -> int:
    """How many lengths of time should hold so many candles: five days of seven have some."""
    return count * 7 // 5 + 2 if cut.length_ms <= 24 * HOUR_MS else count + 1


def _alignment(asked: Mapping[str, str]) -> Alignment:
    granularity = asked.get("granularity") or "S5"
    if granularity not in GRANULARITIES:
        raise Refused("Invalid value specified for 'granularity'")
    hour, weekday = asked.get("dailyAlignment") or "17", asked.get("weeklyAlignment") or "Friday"
    if not hour.isdigit() or int(hour) > 23:
        raise Refused("Invalid value specified for 'dailyAlignment'")
    if weekday not in WEEKDAYS:
        raise Refused("Invalid value specified for 'weeklyAlignment'")
    try:
        zone = ZoneInfo(asked.get("alignmentTimezone") or "America/New_York")
    except (ZoneInfoNotFoundError, ValueError):
        raise Refused("Invalid value specified for 'alignmentTimezone'") from None
    return Alignment(granularity, int(hour), zone, WEEKDAYS.index(weekday))


def _count(asked: Mapping[str, str]) -> int | None:
    value = asked.get("count")
    if not value:
        return None
    if not value.isdigit() or int(value) < 1:
        raise Refused("Invalid value specified for 'count'")
    if int(value) > MOST:
        raise Refused("Maximum value for 'count' exceeded")
    return int(value)


def _moment(asked: Mapping[str, str], name: str, now_ms: int) -> int | None:
    value = asked.get(name)
    if not value:
        return None
    try:
        at_ms = int(float(value) * 1000) if _UNIX.fullmatch(value) else instant.parse(value) // 1_000_000
    except Rejected:
        raise Refused(f"Invalid value specified for '{name}'") from None
    if at_ms > now_ms:
        raise Refused(f"Invalid value specified for '{name}'. Time is in the future")
    return at_ms


def _not_missing(world: World, pair: str, quotes: Quotes) -> Any:
    kept = np.ones(len(quotes), np.bool_)
    for each in world.faults.on_bars(VENUE, pair, world.clock.now_ns()):
        if each.kind == "missing":
            kept &= ~chosen(each, quotes.start_ms)
    return kept


def _shown(quotes: Quotes, row: int, name: str, decimals: int) -> dict[str, str]:
    shown = {}
    for letter, word in (("o", "open"), ("h", "high"), ("l", "low"), ("c", "close")):
        bid, ask = int(getattr(quotes, f"bid_{word}")[row]), int(getattr(quotes, f"ask_{word}")[row])
        units = bid if name == "bid" else ask if name == "ask" else (bid + ask) // 2
        shown[letter] = _decimal(units, decimals)
    return shown


def _smooth(shown: dict[str, str], before: int, decimals: int) -> None:
    high, low = _units(shown["h"]), _units(shown["l"])
    shown["o"], shown["h"], shown["l"] = (
        _decimal(before, decimals),
        _decimal(max(high, before), decimals),
        _decimal(min(low, before), decimals),
    )


def _decimal(units: int, decimals: int) -> str:
    whole, rest = divmod(units, 10**decimals)
    return f"{whole}.{rest:0{decimals}d}"


def _units(shown: str) -> int:
    return int(shown.replace(".", ""))


def _time(at_ms: int, *, is_unix: bool) -> str:
    if is_unix:
        return f"{at_ms // 1000}.000000000"
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000000Z")


def _accounts(world: World, fx: SeededFx, asked: Mapping[str, str], is_unix: bool) -> dict[str, Any]:
    return {"accounts": [{"id": ACCOUNT, "tags": []}]}


def _instruments(world: World, fx: SeededFx, asked: Mapping[str, str], is_unix: bool) -> dict[str, Any]:
    wanted = asked.get("instruments", "").split(",") if asked.get("instruments") else list(PAIRS)
    if not set(wanted) <= set(PAIRS):
        raise Refused("Invalid value specified for 'instruments'")
    found = [
        {
            "name": name,
            "type": "METAL" if name.startswith("XAU") else "CURRENCY",
            "displayName": name.replace("_", "/"),
            "pipLocation": -PAIRS[name][2],
            "displayPrecision": PAIRS[name][1],
            "tradeUnitsPrecision": 0,
            "minimumTradeSize": "1",
            "maximumTrailingStopDistance": "1.00000",
            "minimumTrailingStopDistance": "0.00050",
            "maximumPositionSize": "0",
            "maximumOrderUnits": "100000000",
            "marginRate": "0.0333",
        }
        for name in wanted
    ]
    return {"instruments": found, "lastTransactionID": "1"}
