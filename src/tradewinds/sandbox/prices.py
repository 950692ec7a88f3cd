"""What a local Binance trades at: bid and ask a tick around the market's price by the venue's clock, or what was set by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradewinds.sandbox.bars import DAY_MS
from tradewinds.sandbox.listings import Listing
from tradewinds.sandbox.market import NODE_MS, Kind, SeededMarket
from tradewinds.sandbox.venue_order import Quote
from tradewinds.sandbox.world import World

OFFERED = Decimal(100_000)  # in units of the quote asset, on either side
_DAYS_KEPT = 64


class Prices:
    """Quotes of one kind of market. Deterministic: the same time gives the same quote."""

    def __init__(self, world: World, kind: Kind) -> None:
        self._world = world
        self._kind = kind
        self._days: dict[tuple[str, int], Any] = {}
        self._shown: dict[str, tuple[int, Quote]] = {}

    def quote(self, symbol: str) -> Quote:
        """Best prices and sizes now."""
        found = self._world.set_quotes.get((self._kind, symbol))
        if found is not None:
            return found
        node = self._world.clock.now_ns() // (NODE_MS * 1_000_000)
        shown = self._shown.get(symbol)
        if shown is None or shown[0] != node:
            shown = self._shown[symbol] = node, self._made(symbol, node)
        return shown[1]

    def set(self, symbol: str, bid: Decimal, ask: Decimal, bid_size: Decimal | None = None, ask_size: Decimal | None = None) -> Quote:
        """Trade at these prices until `clear`; sizes None: what the market offers."""
        listing = self._world.source.listing(symbol, self._kind)
        usual = Decimal(1) if listing is None else offered(listing, ask)
        made = Quote(bid, ask, usual if bid_size is None else bid_size, usual if ask_size is None else ask_size)
        self._world.set_quotes[self._kind, symbol] = made
        return made

    def clear(self, symbol: str | None = None) -> None:
        """Trade at the market's price again."""
        for key in [each for each in self._world.set_quotes if each[0] == self._kind and symbol in (None, each[1])]:
            del self._world.set_quotes[key]

    def _made(self, symbol: str, node: int) -> Quote:
        listing = self._world.source.listing(symbol, self._kind)
        assert listing is not None
        tick = Decimal(1).scaleb(-listing.price_decimals)
        last = self._last(listing, node)
        size = offered(listing, last)
        return Quote(max(tick, last - tick), last + tick, size, size)

    def _last(self, listing: Listing, node: int) -> Decimal:
        source = self._world.source
        if not isinstance(source, SeededMarket):
            now_ms = node * NODE_MS
            bars = source.bars(listing.symbol, "1m", now_ms - DAY_MS, now_ms, now_ms, self._kind)
            close = int(bars.close[-1]) if len(bars) else round(listing.price * 10**listing.price_decimals)
            return Decimal(close).scaleb(-listing.price_decimals)
        day, place = divmod(max(0, node - 1), DAY_MS // NODE_MS)
        path = self._days.get((listing.symbol, day))
        if path is None:
            while len(self._days) >= _DAYS_KEPT:
                del self._days[next(iter(self._days))]
            path = self._days[listing.symbol, day] = source.nodes(listing.symbol, day, 1, self._kind).price[0]
        return Decimal(int(path[place])).scaleb(-listing.price_decimals)


def offered(listing: Listing, price: Decimal) -> Decimal:
    """What stands at the best price: whole lots worth about `OFFERED`, which for pairs not against dollars is counted from their value."""
    unit = OFFERED if listing.price_decimals <= 2 or listing.quote in ("USDT", "USDC", "FDUSD") else OFFERED / 60_000
    lot = Decimal(1).scaleb(-listing.quantity_decimals)
    return max(lot, unit / price // lot * lot)
