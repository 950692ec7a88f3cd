"""The local Client Portal gateway on real HTTP, below /v1/api: the seeded market at the world's time, an account of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewinds.sandbox.carried import asked_over_http
from tradewinds.sandbox.client_portal import ClientPortal
from tradewinds.sandbox.exchange import Exchange
from tradewinds.sandbox.tws_gateway import ib_fee
from tradewinds.sandbox.tws_market import TwsMarket
from tradewinds.sandbox.world import World

if TYPE_CHECKING:
    from starlette.routing import Route

NAME = "client_portal"
ACCOUNT = "DU1234567"


def venue_of(world: World) -> ClientPortal:
    """The gateway of a world, made when it is first asked for."""
    found = world.trading.get(NAME)
    if not isinstance(found, ClientPortal):
        market = TwsMarket(world.market)
        exchange = Exchange(world.clock.now_ns, lambda symbol: market.quote(symbol, world.clock.now_ns()), ib_fee)
        found = ClientPortal(exchange, market.catalogue, ACCOUNT, world.clock.now_ns, world.monotonic)
        world.trading[NAME] = found
    return found


def routes(world: World) -> list[Route]:
    """Everything below its prefix."""
    from starlette.routing import Route

    return [Route("/{path:path}", asked_over_http(venue_of(world)), methods=["GET", "POST", "DELETE"])]
