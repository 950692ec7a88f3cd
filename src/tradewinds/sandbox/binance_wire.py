"""The Binance venues on real sockets: market data answered in threads, everything else by the venue that trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewinds.sandbox import binance_futures, binance_rest
from tradewinds.sandbox.binance_questions import route
from tradewinds.sandbox.binance_spot import spot_venue
from tradewinds.sandbox.binance_um import um_venue
from tradewinds.sandbox.carried import asked_over_http, talked_over_websocket
from tradewinds.sandbox.world import World

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

_METHODS = ["GET", "POST", "PUT", "DELETE"]


def spot_routes(world: World) -> list[BaseRoute]:
    """Every address of the spot venue; one budget of weight for all."""
    from starlette.routing import Route, WebSocketRoute

    venue = spot_venue(world)
    market = [
        route(f"/api/v3/{path}", answer, weight, venue.desk.budget, world, "spot")
        for path, (answer, weight) in binance_rest.endpoints().items()
    ]
    return [
        *market,
        WebSocketRoute("/ws-api/v3", talked_over_websocket(venue)),
        Route("/{path:path}", asked_over_http(venue), methods=_METHODS),
    ]


def um_routes(world: World) -> list[BaseRoute]:
    """Every address of the futures venue; one budget of weight for all."""
    from starlette.routing import Route, WebSocketRoute

    venue = um_venue(world)
    market = [
        route(f"/fapi/v1/{path}", answer, weight, venue.desk.budget, world, "um")
        for path, (answer, weight) in binance_futures.endpoints().items()
    ]
    return [
        *market,
        WebSocketRoute("/{path:path}", talked_over_websocket(venue)),
        Route("/{path:path}", asked_over_http(venue), methods=_METHODS),
    ]
