"""The trading OANDA venue on real sockets: its questions and streams as addresses of the sandbox, its prices from the seeded market."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from tradewinds.sandbox.carried import asked_over_http, streamed_over_http
from tradewinds.sandbox.exchange import Quote
from tradewinds.sandbox.fx import NEW_YORK, NODE_MS, PAIRS, SeededFx, is_open
from tradewinds.sandbox.oanda_trade import OandaVenue
from tradewinds.sandbox.oanda_trade_book import Rule
from tradewinds.sandbox.world import World

if TYPE_CHECKING:
    from starlette.routing import Route

SIZE = Decimal(1_000_000)
DAY_MS = 86_400_000
LOOK_BACK_MS = 4 * DAY_MS


def venue_of(world: World, fx: SeededFx, account: str) -> OandaVenue:
    """The venue of this world, made when it is first asked for."""
    found = world.trading.get("oanda")
    if not isinstance(found, OandaVenue):
        rules = [Rule(name, facts[1]) for name, facts in PAIRS.items()]

        def trades_now(instrument: str) -> bool:
            local = datetime.fromtimestamp(world.clock.now_ns() / 1e9, UTC).astimezone(NEW_YORK)
            return is_open(local.weekday(), local.hour)

        found = OandaVenue(
            world.clock.now_ns, quotes_of(world, fx), rules, tokens={world.config.oanda_token: (account,)}, is_open=trades_now
        )
        world.trading["oanda"] = found
    return found


def quotes_of(world: World, fx: SeededFx) -> Callable[[str], Quote]:
    """The seeded market's quote of an instrument now: that of the last five seconds in which it was updated."""

    @lru_cache(len(PAIRS) * 4)
    def at(pair: str, node_ms: int) -> Quote:
        found = fx.quotes(pair, node_ms - node_ms % DAY_MS, node_ms + NODE_MS)
        if not len(found):
            found = fx.quotes(pair, node_ms - LOOK_BACK_MS, node_ms + NODE_MS)
        decimals = PAIRS[pair][1]
        bid, ask = int(found.bid_open[-1]), int(found.ask_open[-1])
        return Quote(Decimal(bid).scaleb(-decimals), Decimal(ask).scaleb(-decimals), SIZE, SIZE)

    def quote(pair: str) -> Quote:
        now_ms = world.clock.now_ms()
        return at(pair, now_ms - now_ms % NODE_MS)

    return quote


def routes(venue: OandaVenue) -> list[Route]:
    """Everything below an account that the candles' addresses do not answer."""
    from starlette.routing import Route

    ask, listen = asked_over_http(venue), streamed_over_http(venue)
    bases, methods = ("/v3", ""), ["GET", "POST", "PUT"]
    streams = [Route(f"{base}/accounts/{{account}}/{name}/stream", listen) for base in bases for name in ("pricing", "transactions")]
    asks = [Route(f"{base}/accounts/{{account}}{rest}", ask, methods=methods) for base in bases for rest in ("", "/{rest:path}")]
    return [*streams, *asks]
