"""The pairs of the seeded market and their rules: tick, lot, first and last day, turnover."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tradewinds.sandbox.coins import Coin, coins

_NO_PERPETUAL = ("USDC", "FDUSD", "WBTC", "DENT", "WAN", "XEM", "BTG")
_CROSSES = (
    ("ETH", "BTC"),
    ("SOL", "BTC"),
    ("BNB", "BTC"),
    ("WBTC", "BTC"),
    ("SOL", "ETH"),
    ("BTC", "USDC"),
    ("ETH", "USDC"),
    ("BTC", "FDUSD"),
    ("ETH", "FDUSD"),
)
_PRICE_DECIMALS = ((10_000, 2), (100, 2), (10, 3), (1, 4), (0.1, 4), (0.01, 5), (0.001, 6), (0.0001, 7))
_QUANTITY_DECIMALS = ((10_000, 5), (1_000, 4), (100, 3), (10, 2), (1, 2), (0.1, 1))


@dataclass(frozen=True, slots=True)
class Listing:
    """One pair. `sigma`: daily volatility as a fraction; `turnover`: quote units a day; `ticket`: quote units in a usual trade."""

    symbol: str
    base: str
    quote: str
    base_id: str
    quote_id: str
    price: float
    price_decimals: int
    quantity_decimals: int
    start: date
    end: date | None
    sigma: float
    turnover: float
    ticket: float
    quiet: float = 0.0
    has_perpetual: bool = False
    stable: frozenset[str] = frozenset()

    @property
    def tick(self) -> float:
        return 10.0**-self.price_decimals

    @property
    def lot(self) -> float:
        return 10.0**-self.quantity_decimals


def listings() -> dict[str, Listing]:
    """Every pair by symbol, largest first: one against USDT for each listed coin, then a few crosses."""
    known = [coin for coin in coins().values() if coin.is_listed or coin.base == "USDT"]
    by_base = {coin.base: coin for coin in known}
    dollar = by_base.pop("USDT")
    pairs = [_listing(coin, dollar) for coin in by_base.values() if coin.wraps is None]
    pairs += [_listing(by_base[base], by_base[quote]) for base, quote in _CROSSES]
    return {pair.symbol: pair for pair in pairs}


def _listing(base: Coin, quote: Coin) -> Listing:
    price = base.price / quote.price
    is_dollar = quote.is_stable
    decimals = next((digits for floor, digits in _PRICE_DECIMALS if price >= floor), 8)
    capital = base.price * base.supply / quote.price
    share = 0.02 if quote.base == "USDT" else 0.002
    calm = base.is_stable or base.wraps is not None
    return Listing(
        symbol=base.base + quote.base,
        base=base.base,
        quote=quote.base,
        base_id=base.walks_with,
        quote_id=quote.walks_with,
        price=price,
        price_decimals=decimals if is_dollar else min(decimals + 1, 6),
        quantity_decimals=min(next((digits for floor, digits in _QUANTITY_DECIMALS if base.price >= floor), 0), 8 - decimals),
        start=max(base.start, quote.start),
        end=base.end,
        sigma=0.0004 if calm else 0.022 if base.base in ("BTC", "ETH") else 0.035,
        turnover=min(capital * share, 2e9 / quote.price) * (capital * quote.price / 1e9) ** -0.25,
        ticket=1500.0 / quote.price if is_dollar else 750.0 / quote.price,
        quiet=base.quiet,
        has_perpetual=quote.base == "USDT" and base.base not in _NO_PERPETUAL,
        stable=frozenset(coin.id for coin in (base, quote) if coin.is_stable),
    )
