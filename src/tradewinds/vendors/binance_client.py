"""Asks Binance over REST: which host, what a question weighs, what an error means.

Spot data comes from the keyless data host. What the venue allows is read from its own exchangeInfo once a day and machine; every
request books its documented weight in the shared budget, and the venue's headers correct the count.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.observation import Pull
from tradewinds.vendors.binance_instruments import windows_in
from tradewinds.vendors.binance_venue import Market, explained
from tradewinds.wire.budget import Cost
from tradewinds.wire.http import Answer, HttpClient
from tradewinds.wire.secret import Secret

HOSTS: dict[Market, str] = {"spot": "https://data-api.binance.vision", "um": "https://fapi.binance.com", "cm": "https://dapi.binance.com"}
# The keyless data host has no old trades by id.
OLD_TRADES_HOST = "https://api.binance.com"
PREFIXES: dict[Market, str] = {"spot": "/api/v3", "um": "/fapi/v1", "cm": "/dapi/v1"}
# The venue's table of weights; what it allows per minute is learned, not written here.
SPOT_WEIGHTS = {"klines": 2, "aggTrades": 4, "trades": 25, "historicalTrades": 25, "exchangeInfo": 20, "time": 1}
FUTURES_WEIGHTS = {
    "klines": 5, "markPriceKlines": 5, "aggTrades": 20, "trades": 5, "historicalTrades": 20, "exchangeInfo": 1, "time": 1, "fundingRate": 1,
}  # fmt: skip


class BinanceClient:
    """Sends a pull whose locator is a path of the venue, and returns an answer that is no error."""

    def __init__(self, http: HttpClient, base_url: str | None, secret: Secret | None) -> None:
        self.http = http
        self._base_url = base_url.rstrip("/") if base_url else None
        self._secret = secret

    def ask(self, pull: Pull) -> Answer:
        market = market_of(pull.locator)
        endpoint = pull.locator.rpartition("/")[2]
        base_url = self._base_url or (OLD_TRADES_HOST if endpoint == "historicalTrades" and market == "spot" else HOSTS[market])
        symbol = pull.params.get("symbol", "")
        what = f"binance {endpoint} {symbol}".rstrip()
        budget = f"binance-{market}@{urlsplit(base_url).netloc}"
        if endpoint != "exchangeInfo":
            self._learn_limits(base_url, budget, market, symbol)
        answer = self._get(base_url + pull.locator, what, pull.params, Cost(budget, _weight(market, endpoint)))
        fault = explained(what, 200, answer.content, answer.captured_ns)
        if fault is not None:
            raise fault
        return answer

    def _get(self, url: str, what: str, params: Mapping[str, str], cost: Cost) -> Answer:
        clock = self.http.clock
        headers = {"X-MBX-APIKEY": self._secret} if self._secret else {}
        return self.http.get(
            url,
            what=what,
            params=params,
            headers=headers,
            cost=cost,
            explain=lambda status, _, body: explained(what, status, body, clock.now_ns()),
        )

    def _learn_limits(self, base_url: str, budget: str, market: Market, symbol: str) -> None:
        """Ask the venue what it allows, once a day and machine; a venue that does not say is limited by its 429 alone."""
        if self.http.budgets is None or self.http.budgets.budget(budget).has_fresh_limits():
            return
        query = {"symbol": symbol} if market == "spot" and symbol else {}
        cost = Cost(budget, _weight(market, "exchangeInfo"))
        try:
            answer = self._get(f"{base_url}{PREFIXES[market]}/exchangeInfo", f"binance limits {symbol}".rstrip(), query, cost)
        except Missing:
            return
        self.http.budgets.budget(budget).learn(windows_in(answer.content))


def market_of(locator: str) -> Market:
    """The market that a path such as /fapi/v1/klines belongs to."""
    for market, prefix in PREFIXES.items():
        if locator.startswith(prefix + "/"):
            return market
    raise Rejected(f"binance path: {locator!r}, expected to begin with one of {', '.join(PREFIXES.values())}")


def _weight(market: Market, endpoint: str) -> int:
    return (SPOT_WEIGHTS if market == "spot" else FUTURES_WEIGHTS)[endpoint]
