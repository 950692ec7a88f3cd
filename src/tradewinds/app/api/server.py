"""Puts the API together: `make_api(house)` is the whole of it, before the console is mounted beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from tradewinds import __version__
from tradewinds.app.api import act_routes, alert_routes, live_routes, market_routes, people_routes, research_routes, trade_routes
from tradewinds.app.api.answer import json_answer
from tradewinds.app.api.document import answers, document
from tradewinds.app.api.gate import HOSTS, PREFIX, Gate
from tradewinds.app.api.live_routes import Newsroom
from tradewinds.app.api.market_routes import BARS_ANSWERS, bars_document
from tradewinds.app.api.problem import BUG, MALFORMED, METHOD, MISSING, problem
from tradewinds.app.api.rate import Rates
from tradewinds.app.api.route import PUBLIC, GuardedRoute, needs
from tradewinds.app.api.series import BarSeries
from tradewinds.app.api.watch import Watch

if TYPE_CHECKING:
    from tradewinds.wire.metrics import AnyMetrics
    from tradewinds.wire.tracing import Traces
    from tradewinds.wiring.house import House

V1 = f"{PREFIX}v1"


def make_api(
    house: House, *, metrics: AnyMetrics | None = None, traces: Traces | None = None, rates: Rates | None = None,
    hosts: Iterable[str] = HOSTS, is_cached: bool = True,
) -> FastAPI:  # fmt: skip
    """The application. hosts: names under which people reach it, besides this machine's own. is_cached: whether whole answers are kept."""
    app = FastAPI(title="Tradewinds", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    house.ledger  # noqa: B018 - opened and migrated once, before threads ask for it
    watch = Watch(metrics, traces)
    app.state.house, app.state.watch = house, watch
    app.state.newsroom = Newsroom(house, watch)
    app.state.bars = BarSeries(house, is_cached=is_cached)
    app.include_router(_first(app), prefix=V1)
    for one in (market_routes, research_routes, trade_routes, alert_routes, act_routes, people_routes, live_routes):
        app.include_router(one.router, prefix=V1)
    app.add_exception_handler(HTTPException, _not_there)
    app.router.routes.append(Mount(PREFIX.rstrip("/"), app=_nowhere(app)))
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # FastAPI's way of giving a document of one's own
    gate: list[Gate] = []

    def stand(inner: Any) -> Gate:
        gate.append(Gate(inner, house, watch, rates=rates, hosts=hosts))
        return gate[-1]

    def forget() -> None:
        for one in gate:
            one.forget()

    app.add_middleware(stand)
    app.state.forget_people = forget
    return app


def _first(app: FastAPI) -> APIRouter:
    """The routes that are asked most often, before all others."""
    router = APIRouter(route_class=GuardedRoute)

    @router.get("/bars", openapi_extra=bars_document(), responses=BARS_ANSWERS, tags=["market"], name="bars")
    async def bars(request: Request) -> Response:
        """Bars of one instrument as known at a time, as columns; Arrow IPC by `Accept: application/vnd.apache.arrow.stream`."""
        answer: Response = await app.state.bars(request)
        return answer

    @router.get("/health", openapi_extra=needs(PUBLIC), responses=answers({"is_alive": True}), tags=["people"])
    async def health() -> Response:
        """Whether this process answers; says nothing else to strangers."""
        return json_answer({"is_alive": True})

    @router.get("/openapi.json", openapi_extra=needs(PUBLIC), include_in_schema=False)
    async def openapi() -> Response:
        return json_answer(app.openapi())

    return router


def _nowhere(app: FastAPI) -> ASGIApp:
    """Answers what no route of the API does, so that it never falls through to the console's pages."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        outer = {**scope, "root_path": scope.get("app_root_path", "")}
        others = [one for one in app.router.routes if not isinstance(one, Mount)]
        is_there = any(one.matches(outer)[0] is Match.PARTIAL for one in others)
        told = "Method Not Allowed" if is_there else "Not Found"
        await problem(METHOD if is_there else MISSING, told, scope["state"].get("request_id", ""))(scope, receive, send)

    return answer


async def _not_there(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (no such path, no such method) as problems; of pages as it has them."""
    assert isinstance(error, HTTPException)
    if not request.url.path.startswith(PREFIX):
        return Response(str(error.detail), error.status_code, error.headers, "text/plain")
    kind = {404: MISSING, 405: METHOD}.get(error.status_code, MALFORMED if error.status_code < 500 else BUG)
    answer = problem(kind, str(error.detail), request.scope["state"].get("request_id", ""))
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer
