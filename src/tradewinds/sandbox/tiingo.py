"""Tiingo: daily prices of shares as quoted and adjusted, with splits and dividends. Everything wants the token.

A session is there from 20:30 New York on. The adjusted columns know every split and dividend up to the venue's present, so they change
with each.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import anyio.to_thread
import numpy as np

from tradewinds.sandbox.bars import DAY_MS
from tradewinds.sandbox.companies import SeededShares
from tradewinds.sandbox.faults import chosen
from tradewinds.sandbox.world import World

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

VENUE = "tiingo"
OUT_AT = time(20, 30)
COLUMNS = (
    "date", "close", "high", "low", "open", "volume", "adjClose", "adjHigh", "adjLow", "adjOpen", "adjVolume", "divCash", "splitFactor",
)  # fmt: skip
_NEW_YORK = ZoneInfo("America/New_York")


def routes(world: World) -> list[Route]:
    """The addresses of the daily prices."""
    from starlette.responses import JSONResponse, PlainTextResponse
    from starlette.routing import Route

    shares = SeededShares(world.market)

    def may(request: Request) -> Response | None:
        given = request.query_params.get("token") or request.headers.get("authorization", "").removeprefix("Token ")
        if not given:
            return JSONResponse({"detail": "Please supply a token"}, 403)
        return None if given == world.config.tiingo_token else JSONResponse({"detail": "Invalid token."}, 401)

    async def test(request: Request) -> Response:
        return may(request) or JSONResponse({"message": "You successfully sent a request"})

    async def meta(request: Request) -> Response:
        company = shares.companies.get(request.path_params["ticker"].upper())
        if (refused := may(request)) is not None or company is None:
            return refused or JSONResponse({"detail": "Not found."}, 404)
        last = last_session(world, shares, company.ticker)
        first = shares.prices(company.ticker).sessions[0]
        return JSONResponse(
            {
                "ticker": company.ticker,
                "name": company.name,
                "exchangeCode": company.exchange.upper(),
                "description": company.industry,
                "startDate": first.isoformat(),
                "endDate": last.isoformat(),
            }
        )

    async def prices(request: Request) -> Response:
        ticker = request.path_params["ticker"].upper()
        if (refused := may(request)) is not None or ticker not in shares.companies:
            return refused or JSONResponse({"detail": "Not found."}, 404)
        try:
            rows = await anyio.to_thread.run_sync(daily, world, shares, ticker, dict(request.query_params))
        except ValueError as error:
            return JSONResponse({"detail": f"Error: {error}"}, 400)
        if request.query_params.get("format") == "csv":
            lines = [",".join(COLUMNS), *(",".join(str(row[name]) for name in COLUMNS) for row in rows)]
            return PlainTextResponse("\n".join(lines) + "\n", media_type="text/csv")
        return JSONResponse(rows)

    return [Route("/api/test", test), Route("/tiingo/daily/{ticker}", meta), Route("/tiingo/daily/{ticker}/prices", prices)]


def daily(world: World, shares: SeededShares, ticker: str, asked: dict[str, str]) -> list[dict[str, Any]]:
    """Rows of the sessions asked for; the latest one where no start was given."""
    if asked.get("resampleFreq", "daily") != "daily":
        raise ValueError("resampleFreq must be daily")
    found = shares.prices(ticker)
    last = last_session(world, shares, ticker)
    count = found.sessions.index(last) + 1
    first = _day(asked.get("startDate")) or last
    end = min(_day(asked.get("endDate")) or last, last)
    divided = np.where(found.split[:count] != 1, found.split[:count], 1.0)
    before = np.concatenate([found.close[:1], found.close[: count - 1]]) / divided
    kept = 1 - found.dividend[:count] / before
    price_factor = _later_product(kept / divided)
    volume_factor = _later_product(divided)
    touched = _touched(world, ticker, found.sessions[:count])
    rows = []
    for row in range(count):
        session = found.sessions[row]
        if not first <= session <= end or touched["missing"][row]:
            continue
        factor, volume = float(price_factor[row]), int(found.volume[row])
        raw = {name: float(getattr(found, name)[row]) for name in ("close", "high", "low", "open")}
        if touched["restated"][row]:
            raw["close"] = round(raw["low"] + (raw["high"] - raw["low"]) / 2, 2)
            volume += volume // 50 + 1
        rows.append(
            {
                "date": f"{session.isoformat()}T00:00:00.000Z",
                **raw,
                "volume": volume,
                **{f"adj{name.capitalize()}": raw[name] * factor for name in ("close", "high", "low", "open")},
                "adjVolume": int(volume * float(volume_factor[row])),
                "divCash": float(found.dividend[row]),
                "splitFactor": float(found.split[row]),
            }
        )
    return rows


def last_session(world: World, shares: SeededShares, ticker: str) -> date:
    """The latest session that is out by the venue's clock."""
    now = datetime.fromtimestamp(world.clock.now_ms() / 1000, UTC).astimezone(_NEW_YORK)
    sessions = shares.prices(ticker).sessions
    out = [day for day in sessions if day < now.date() or (day == now.date() and now.time() >= OUT_AT)]
    return out[-1] if out else sessions[0]


def _later_product(factors: Any) -> Any:
    """For each day the product of the factors of all later days."""
    rising = np.cumprod(factors[::-1])[::-1]
    return np.append(rising[1:], 1.0)


def _touched(world: World, ticker: str, sessions: tuple[date, ...]) -> dict[str, Any]:
    starts = np.array([(day.toordinal() - 719_163) * DAY_MS for day in sessions], np.int64)
    found = {kind: np.zeros(len(sessions), np.bool_) for kind in ("missing", "restated")}
    for each in world.faults.on_bars(VENUE, ticker, world.clock.now_ns()):
        if each.kind in found:
            found[each.kind] |= chosen(each, starts)
    return found


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text else None
