"""CoinGecko: the coins by market cap, as one snapshot of facts.

The key of a coin is its `id`: symbols are not unique. A snapshot has one time for all its pages, that of its plan, and each row is
about that instant; what a coin lacks (a rank, a maximum supply) is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from tradewinds.core.errors import Rejected, TradewindsError, Transient, Unreadable
from tradewinds.core.instant import parse as instant
from tradewinds.core.instant import text
from tradewinds.core.instrument import instrument_id, split_id
from tradewinds.core.observation import Capability, Column, Dataset, Payload, Pull, Request
from tradewinds.vendors.observed import nothing, observed
from tradewinds.vendors.options import checked
from tradewinds.wire.budget import Cost
from tradewinds.wire.http import HttpClient
from tradewinds.wire.secret import Secret

DEMO_URL, PRO_URL = "https://api.coingecko.com/api/v3", "https://pro-api.coingecko.com/api/v3"
DEMO_HEADER, PRO_HEADER = "x-cg-demo-api-key", "x-cg-pro-api-key"
VENUE = "COINGECKO"
PER_PAGE_MAX = 250
TOP_DEFAULT, TOP_MAX = 250, 5_000
# Ours, not the vendor's: they stand in the pull so that parse needs nothing else.
_OWN_PARAMS = ("snapshot", "keep")
_KEY_ERRORS = (10002, 10005, 10010, 10011)

COIN_MARKETS = Dataset(
    "coin-markets",
    (
        Column("symbol", "text"),
        Column("name", "text"),
        Column("rank", "int"),
        Column("price", unit="quote currency"),
        Column("market_cap", unit="quote currency"),
        Column("fully_diluted_value", unit="quote currency"),
        Column("volume_24h", unit="quote currency"),
        Column("circulating_supply", unit="coins"),
        Column("total_supply", unit="coins"),
        Column("max_supply", unit="coins"),
        Column("updated_ns", "time"),
    ),
    partitioning="year",
    description="coins by market cap at one instant; the instrument is the vendor's id of the coin",
)
_TEXTS = {"symbol": "symbol", "name": "name"}
_NUMBERS = {
    "price": "current_price",
    "market_cap": "market_cap",
    "fully_diluted_value": "fully_diluted_valuation",
    "volume_24h": "total_volume",
    "circulating_supply": "circulating_supply",
    "total_supply": "total_supply",
    "max_supply": "max_supply",
}


class CoinGecko:
    """Implements `core.ports.Vendor`. Options: `plan`: `demo` (also without a key) or `pro`; `currency`: what values are in, `usd`."""

    name = "coingecko"
    capability = Capability(
        datasets=(COIN_MARKETS.name,),
        batch=PER_PAGE_MAX,
        needs_key="vendors.coingecko.secret",
        note="a snapshot of now, no history; works without a key, slowly",
    )

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        plan = checked(options, self.name, plan=("demo", "pro"), currency=()).get("plan", "demo")
        self._http = http
        self._base_url = (base_url or (PRO_URL if plan == "pro" else DEMO_URL)).rstrip("/")
        self._headers = {PRO_HEADER if plan == "pro" else DEMO_HEADER: secret} if secret else {}
        self._currency = options.get("currency", "usd")

    def datasets(self) -> Sequence[Dataset]:
        return (COIN_MARKETS,)

    def plan(self, request: Request) -> list[Pull]:
        """The pages of the largest coins now, or of the coins named by `request.instruments` (`bitcoin.COINGECKO`).

        request.params `top`: how many coins. The times of the request do not matter: the vendor answers for now only.
        """
        if request.dataset != COIN_MARKETS.name:
            raise Rejected(f"coingecko: dataset {request.dataset!r}, expected {COIN_MARKETS.name}")
        top = _count(request.params.get("top", str(len(request.instruments) or TOP_DEFAULT)))
        per_page = min(top, PER_PAGE_MAX)
        ids = {"ids": ",".join(split_id(instrument)[0] for instrument in request.instruments)} if request.instruments else {}
        pulls = []
        for page in range(1, -(-top // per_page) + 1):
            query = {"vs_currency": self._currency, "order": "market_cap_desc", "per_page": str(per_page), "page": str(page)}
            own = {"snapshot": text(request.now_ns), "keep": str(min(per_page, top - (page - 1) * per_page))}
            pulls.append(
                Pull(self.name, request.dataset, "/coins/markets", MappingProxyType({**query, **ids, "sparkline": "false", **own}))
            )
        return pulls

    def capture(self, pull: Pull) -> Iterator[Payload]:
        query = {name: value for name, value in pull.params.items() if name not in _OWN_PARAMS}
        what = f"coingecko coins page {pull.params.get('page')}"
        cost = Cost(f"{self.name}@{urlsplit(self._base_url).netloc}")
        answer = self._http.get(
            self._base_url + pull.locator,
            what=what,
            params=query,
            headers=self._headers,
            cost=cost,
            explain=lambda status, _, body: _explained(what, status, body),
        )
        fault = _explained(what, answer.status, answer.content)
        if fault is not None:
            raise fault
        yield Payload(pull, answer.content, answer.captured_ns)

    def parse(self, payload: Payload) -> pl.DataFrame:
        """One row for each coin of the page; a coin whose id our ids cannot spell is left out."""
        what = f"coingecko coins page {payload.pull.params.get('page')}"
        coins = _array(payload.content, what)[: int(payload.pull.params.get("keep", PER_PAGE_MAX))]
        about_ns = (
            min(instant(payload.pull.params["snapshot"]), payload.captured_ns) if "snapshot" in payload.pull.params else payload.captured_ns
        )
        rows = [row for coin in coins if (row := _row(coin, what)) is not None]
        if not rows:
            return nothing(COIN_MARKETS)
        types = {"instrument": pl.String, **dict.fromkeys(_TEXTS, pl.String), "rank": pl.Int64}
        table = pl.DataFrame(rows, schema={**types, **dict.fromkeys(_NUMBERS, pl.Float64), "updated_ns": pl.Int64}, orient="row")
        table = table.with_columns(pl.lit(about_ns, pl.Int64).alias("start_ns"), pl.lit(about_ns, pl.Int64).alias("event_ns"))
        return observed(table.sort("instrument"), COIN_MARKETS, payload, lag_ns=0)


def _row(coin: Any, what: str) -> tuple[Any, ...] | None:
    if not isinstance(coin, dict) or not isinstance(coin.get("id"), str) or not coin["id"]:
        raise Unreadable(f"{what}: {str(coin)[:80]}, expected a coin with an id")
    try:
        about = instrument_id(coin["id"], VENUE)
    except Rejected:
        return None
    try:
        numbers = [None if coin.get(key) is None else float(coin[key]) for key in _NUMBERS.values()]
        rank = None if coin.get("market_cap_rank") is None else int(coin["market_cap_rank"])
        updated_ns = instant(coin["last_updated"]) if coin.get("last_updated") else None
    except (TypeError, ValueError, Rejected) as error:
        raise Unreadable(f"{what}: {coin['id']}: {error}, expected numbers and a time") from None
    return (about, *(coin.get(key) for key in _TEXTS.values()), rank, *numbers, updated_ns)


def _array(content: bytes, what: str) -> list[Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{what}: {content[:80]!r} is no JSON ({error}), expected an array") from None
    if not isinstance(body, list):
        raise Unreadable(f"{what}: {content[:80]!r}, expected an array of coins")
    return body


def _explained(what: str, status: int, content: bytes) -> TradewindsError | None:
    """The error that a `{"status": {"error_code": …}}` or `{"error": …}` body stands for, None for anything else."""
    if content.lstrip()[:1] != b"{":
        return None
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    found = body.get("status", body) if isinstance(body, dict) else {}
    code = found.get("error_code") if isinstance(found, dict) else None
    message = (found.get("error_message") or found.get("error")) if isinstance(found, dict) else None
    said = f"{what}: error {code} {str(message)[:120]!r} (HTTP {status})"
    if code in _KEY_ERRORS:
        return Rejected(f"{said}, expected a key of this plan at this address")
    if status != 200:
        return None
    if code == 429:
        return Transient(f"{said}, expected to be within the rate limit")
    return Unreadable(f"{said}, expected an array of coins")


def _count(value: str) -> int:
    if not value.isdigit() or not 1 <= int(value) <= TOP_MAX:
        raise Rejected(f"coingecko top: {value!r}, expected a number from 1 to {TOP_MAX}")
    return int(value)
