"""The sandbox's own addresses below /_control: clock, faults, requests, and what is done to venues that trade."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tradewinds.core import instant
from tradewinds.core.errors import Rejected
from tradewinds.sandbox.config import checked_now
from tradewinds.sandbox.faults import fault
from tradewinds.sandbox.venue_control import VenueControl
from tradewinds.sandbox.world import World

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route


def routes(world: World, urls: dict[str, str]) -> list[Route]:
    """GET shows, POST changes, DELETE forgets."""
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def shown_clock() -> dict[str, Any]:
        now_ns = world.clock.now_ns()
        return {"now": instant.text(now_ns), "now_ns": now_ns, "speed": world.clock.speed}

    async def clock(request: Request) -> Response:
        if request.method != "POST":
            return JSONResponse(shown_clock())
        try:
            asked = await _body(request)
            if "now" in asked or "now_ns" in asked or "speed" in asked:
                now_ns = (
                    int(asked["now_ns"])
                    if "now_ns" in asked
                    else instant.parse(str(asked["now"]))
                    if "now" in asked
                    else world.clock.now_ns()
                )
                world.clock.set(checked_now(now_ns), speed=float(asked["speed"]) if "speed" in asked else None)
            elif "advance_s" in asked:
                world.clock.set(checked_now(world.clock.now_ns() + int(float(asked["advance_s"]) * instant.NS_PER_SECOND)))
            else:
                raise Rejected("clock: expected now, now_ns, speed or advance_s")
        except (Rejected, ValueError, TypeError, OverflowError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(shown_clock())

    async def faults(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"faults": world.faults.describe()})
        if request.method == "DELETE":
            number = request.query_params.get("id")
            if number is not None and not number.isdigit():
                return JSONResponse({"error": f"fault id {number!r}, expected a number"}, 400)
            return JSONResponse({"cleared": world.faults.clear(None if number is None else int(number))})
        try:
            number_added = world.faults.add(fault(await _body(request)))
        except (Rejected, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"id": number_added}, 201)

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            world.requests.clear()
        return JSONResponse(world.requests.describe())

    async def addresses(request: Request) -> Response:
        return JSONResponse({"urls": urls, "seed": world.config.seed, **shown_clock()})

    venues = VenueControl(world)

    async def every_venue(request: Request) -> Response:
        return JSONResponse({"venues": venues.names()})

    async def one_venue(request: Request) -> Response:
        try:
            return JSONResponse(venues.truth(request.path_params["venue"]))
        except Rejected as error:
            return JSONResponse({"error": str(error)}, 404)

    async def venue_action(request: Request) -> Response:
        try:
            return JSONResponse(venues.act(request.path_params["venue"], request.path_params["action"], await _body(request)))
        except Rejected as error:
            return JSONResponse({"error": str(error)}, 400)

    return [
        Route("/venues", every_venue),
        Route("/venues/{venue}", one_venue),
        Route("/venues/{venue}/{action}", venue_action, methods=["POST"]),
        Route("/clock", clock, methods=["GET", "POST"]),
        Route("/faults", faults, methods=["GET", "POST", "DELETE"]),
        Route("/requests", requests, methods=["GET", "DELETE"]),
        Route("/", addresses),
    ]


async def _body(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(await request.body() or b"{}")
    except ValueError:
        raise Rejected("body is no JSON, expected an object") from None
    if not isinstance(found, dict):
        raise Rejected(f"body is a {type(found).__name__}, expected an object")
    return found
