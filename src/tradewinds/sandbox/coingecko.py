"""CoinGecko: `/coins/markets` over the seeded market, with what makes it awkward: ids, doubles, nulls, stable and wrapped coins."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from tradewinds.core.instant import text
from tradewinds.sandbox.bars import DAY_MS
from tradewinds.sandbox.coins import Coin, coins
from tradewinds.sandbox.limits import WeightBudget
from tradewinds.sandbox.world import World

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

PER_PAGE_MOST = 250
ORDERS = ("market_cap_desc", "market_cap_asc", "volume_desc", "volume_asc", "id_asc", "id_desc")
PERIODS = {"1h": 1 / 24, "24h": 1, "7d": 7, "14d": 14, "30d": 30, "200d": 200, "1y": 365}
_CURRENCIES = {"usd": 1.0, "eur": 0.92, "btc": None}
_HOME = "https://coin-images.coingecko.com/coins/images"
_TOO_MANY = (
    "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing "
    "to subscribe to our API plans for higher rate limits."
)


class Refused(Exception):
    """A question answered with this status and body."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(str(body))
        self.status, self.body = status, body


def routes(world: World) -> list[Route]:
    """The addresses below /api/v3, and the same without that prefix for clients whose base address holds it."""
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    budget = WeightBudget(world.config.coingecko_limit, world.monotonic, patience=10**9)
    known = coins()

    def endpoint(answer: Any) -> Any:
        async def call(request: Request) -> Response:
            verdict = budget.spend(request.client.host if request.client else "", 1)
            if verdict.status != 200:
                body = {"status": {"error_code": 429, "error_message": _TOO_MANY}}
                return JSONResponse(body, 429, {"Retry-After": str(verdict.retry_after_s)})
            try:
                return JSONResponse(await anyio.to_thread.run_sync(answer, world, known, dict(request.query_params)))
            except Refused as error:
                return JSONResponse(error.body, error.status)

        return call

    table = {"ping": _ping, "coins/markets": markets, "coins/list": _list, "simple/price": _simple}
    return [Route(f"{base}/{path}", endpoint(answer)) for base in ("/api/v3", "") for path, answer in table.items()]


def markets(world: World, known: dict[str, Coin], asked: dict[str, str]) -> list[dict[str, Any]]:
    """The answer of /coins/markets."""
    currency = asked.get("vs_currency")
    if not currency:
        raise Refused(422, {"error": "Missing parameter vs_currency"})
    if currency not in _CURRENCIES:
        raise Refused(400, {"error": "invalid vs_currency"})
    order = asked.get("order", "market_cap_desc")
    per_page, page = _whole(asked, "per_page", 100), _whole(asked, "page", 1)
    if not 1 <= per_page <= PER_PAGE_MOST or page < 1 or order not in ORDERS:
        raise Refused(422, {"error": f"per_page must be 1 to {PER_PAGE_MOST}, page at least 1, order one of {', '.join(ORDERS)}"})
    now_ms = world.clock.now_ms()
    ranked = sorted((_Quote(world, coin, now_ms) for coin in known.values() if _ms(coin.start) <= now_ms), key=lambda quote: -quote.capital)
    for rank, quote in enumerate(ranked, 1):
        quote.rank = rank
    chosen = [quote for quote in ranked if _is_asked(quote.coin, asked)]
    field, _, direction = order.rpartition("_")
    keys: dict[str, Any] = {"market_cap": lambda q: q.capital, "volume": lambda q: q.volume, "id": lambda q: q.coin.id}
    chosen.sort(key=keys[field], reverse=direction == "desc")
    rate = 1 / ranked[0].price if currency == "btc" else float(_CURRENCIES[currency] or 1)
    periods = [name for name in asked.get("price_change_percentage", "").split(",") if name in PERIODS]
    return [
        quote.row(rate, periods, with_sparkline=asked.get("sparkline") == "true")
        for quote in chosen[(page - 1) * per_page : page * per_page]
    ]


class _Quote:
    """One coin at one instant."""

    def __init__(self, world: World, coin: Coin, now_ms: int) -> None:
        self.world, self.coin, self.now_ms, self.rank = world, coin, now_ms, 0
        self.price = self.at(now_ms)
        self.capital = self.price * coin.supply
        self.volume = self.capital * (0.6 if coin.is_stable else 0.04 + 0.04 * world.market.chance(coin.id, now_ms // DAY_MS))

    def at(self, at_ms: int) -> float:
        """The price in USD then."""
        return self.world.market.asset_price(self.coin, at_ms)

    def row(self, rate: float, periods: list[str], *, with_sparkline: bool) -> dict[str, Any]:
        """The row of /coins/markets. Small coins have the gaps that small coins have."""
        coin, yesterday = self.coin, self.at(self.now_ms - DAY_MS)
        is_small = coin.id.startswith("sand-coin")
        number = int(coin.id[-3:]) if is_small else 0
        high, low = max(self.price, yesterday) * 1.01, min(self.price, yesterday) * 0.99
        change, capped = (self.price - yesterday) * rate, coin.base in ("BTC", "LTC", "ADA")
        moment = (
            text((self.now_ms - 37_000) * 1_000_000).replace("Z", ".000Z")
            if self.now_ms % 1000 == 0
            else text((self.now_ms - 37_000) * 1_000_000)
        )
        row: dict[str, Any] = {
            "id": coin.id,
            "symbol": coin.base.lower(),
            "name": coin.name,
            "image": f"{_HOME}/{self.rank}/large/{coin.id}.png",
            "current_price": _short(self.price * rate),
            "market_cap": _short(self.capital * rate),
            "market_cap_rank": self.rank,
            "fully_diluted_valuation": None if number % 5 == 1 else _short(self.capital * rate * 1.05),
            "total_volume": None if number % 7 == 1 else _short(self.volume * rate),
            "high_24h": None if number % 11 == 1 else _short(high * rate),
            "low_24h": None if number % 11 == 1 else _short(low * rate),
            "price_change_24h": change,
            "price_change_percentage_24h": round(100 * (self.price / yesterday - 1), 5),
            "market_cap_change_24h": change * coin.supply,
            "market_cap_change_percentage_24h": round(100 * (self.price / yesterday - 1), 5),
            "circulating_supply": coin.supply,
            "total_supply": None if number % 5 == 1 else coin.supply * 1.05,
            "max_supply": coin.supply * 1.06 if capped else None,
            "ath": _short(coin.price * 3.2 * rate),
            "ath_change_percentage": round(100 * (self.price / coin.price / 3.2 - 1), 5),
            "ath_date": "2021-11-10T14:24:11.849Z",
            "atl": _short(coin.price * 0.01 * rate),
            "atl_change_percentage": round(100 * (self.price / coin.price * 100 - 1), 5),
            "atl_date": f"{coin.start.isoformat()}T00:00:00.000Z",
            "roi": None,
            "last_updated": moment,
        }
        if with_sparkline:
            row["sparkline_in_7d"] = {"price": [self.at(self.now_ms - hour * 3_600_000) * rate for hour in range(167, -1, -1)]}
        for period in periods:
            before = self.now_ms - int(PERIODS[period] * DAY_MS)
            known = before >= _ms(coin.start)
            row[f"price_change_percentage_{period}_in_currency"] = 100 * (self.price / self.at(before) - 1) if known else None
        return row


def _ping(world: World, known: dict[str, Coin], asked: dict[str, str]) -> dict[str, str]:
    return {"gecko_says": "(V3) To the Moon!"}


def _list(world: World, known: dict[str, Coin], asked: dict[str, str]) -> list[dict[str, str]]:
    now_ms = world.clock.now_ms()
    return [{"id": coin.id, "symbol": coin.base.lower(), "name": coin.name} for coin in known.values() if _ms(coin.start) <= now_ms]


def _simple(world: World, known: dict[str, Coin], asked: dict[str, str]) -> dict[str, dict[str, float]]:
    names = [name for name in asked.get("ids", "").split(",") if name in known]
    currencies = [name for name in asked.get("vs_currencies", "usd").split(",") if _CURRENCIES.get(name)]
    now_ms = world.clock.now_ms()
    return {
        name: {each: _short(world.market.asset_price(known[name], now_ms) * float(_CURRENCIES[each] or 1)) for each in currencies}
        for name in names
    }


def _is_asked(coin: Coin, asked: dict[str, str]) -> bool:
    wanted = {"ids": coin.id, "symbols": coin.base.lower(), "names": coin.name.lower()}
    return all(own in asked[name].lower().split(",") for name, own in wanted.items() if asked.get(name))


def _whole(asked: dict[str, str], name: str, usual: int) -> int:
    value = asked.get(name) or str(usual)
    if not value.isdigit():
        raise Refused(422, {"error": f"{name} must be a whole number"})
    return int(value)


def _short(value: float) -> float:
    """Large numbers whole, small ones with six significant digits, as the venue shows them."""
    return round(value) if value >= 1e5 else float(f"{value:.6g}")


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
