"""One console in one process: its pages, and the way in.

1. `make_console` remembers the house, registers the pages once, and mounts NiceGUI into the application it is given.
2. A page without a session leads to `/sign-in`, a plain form that needs no script; a session is a cookie that scripts cannot read and
   other sites cannot make a browser send.
3. Scripts, styles, fonts and charts come from this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from nicegui import app as nicegui_app
from nicegui import ui

from tradewinds.app.console import door, pages
from tradewinds.app.console.door import COOKIE
from tradewinds.app.console.frame import PAGES, Page, frame
from tradewinds.app.console.sign_in import sign_in_page
from tradewinds.app.console.visit import TROUBLE, Console, Visit, show, trouble
from tradewinds.core.errors import Invariant, Missing, TradewindsError
from tradewinds.wiring.desk import research_pages
from tradewinds.wiring.desk.seen_bars import SeenBars
from tradewinds.wiring.desk.standing import Standing

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

SIGN_IN = "/sign-in"
FORM_BYTES_MAX = 4_096
PAGE_WITHIN_S = 20.0
RECONNECT_S = 10.0
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M3 20c6-9 11-9 15-4s7 4 11-2" fill="none" stroke="#0a5fb4" '
    'stroke-width="4" stroke-linecap="round"/></svg>'
)
_standing: dict[str, Console] = {}


def make_console(
    app: FastAPI, house: House, *, links: Mapping[str, str] | None = None, is_secure: bool = False, with_sign_in: bool = True
) -> Console:
    """Mount the console under / of this application; call it after every other route is there.

    links: pages elsewhere (Airflow, MLflow, Superset, Jupyter), name -> address. is_secure: the address people use is https, so that the
    cookie never travels without it. with_sign_in: False where the application has /sign-in and /sign-out itself.
    """
    console = Console(house, SeenBars(house), Standing(house), dict(links or {}))
    _standing["console"] = console
    house.ledger  # noqa: B018 - opened and migrated once, before threads ask for it
    assert pages.ALL
    for one in PAGES.values():
        ui.page(one.path, title=one.title, response_timeout=PAGE_WITHIN_S)(_asked_for(one))
    _add_sheets(app, console)
    if with_sign_in:
        _add_sign_in(app, console, is_secure=is_secure)
    ui.run_with(
        app, title="Tradewinds", favicon=ICON, dark=None, tailwind=False, reconnect_timeout=RECONNECT_S,
        binding_refresh_interval=None, show_welcome_message=False,
    )  # fmt: skip
    nicegui_app.on_startup(partial(_warm, console))
    return console


async def _warm(console: Console) -> None:
    """Read the journals once before anybody asks for a chart of them."""

    def read() -> None:
        for name in console.house.config.accounts:
            with suppress(*TROUBLE):
                console.seen.prices(name)
        with suppress(*TROUBLE):
            console.standing.status()
            console.standing.gains()

    await asyncio.to_thread(read)


def _asked_for(one: Page) -> Any:
    """The page function that NiceGUI calls: finds out who asks, then builds."""

    async def build(request: Request) -> Any:
        console = _standing["console"]
        token = request.cookies.get(COOKIE, "")
        address = request.client.host if request.client else ""
        visitor = await asyncio.to_thread(door.visitor, console.house, token, address=address) if token else None
        if visitor is None:
            place = one.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{SIGN_IN}?next={_quoted(place)}", status_code=303)
        theme = request.cookies.get("tradewinds_theme", "auto")
        visit = Visit(console, visitor, token, one.path, dict(request.query_params), theme, address)
        with frame(visit, one.title):
            try:
                await one.build(visit)
            except TROUBLE as error:
                show(trouble(error))
            except Exception as error:  # noqa: BLE001 - a fault of ours: the log has it whole, the person a word, nobody a stack
                nicegui_app.handle_exception(error)
                show(trouble(Invariant(f"{one.path}: {type(error).__name__}; the log of this process has it")))
        return None

    return build


def _add_sheets(app: FastAPI, console: Console) -> None:
    @app.get("/sheet", include_in_schema=False)
    async def sheet(request: Request) -> Response:
        """A tear sheet or report below the home, for people who are signed in; it can run nothing and ask for nothing."""
        who = await asyncio.to_thread(door.visitor, console.house, request.cookies.get(COOKIE, ""))
        if who is None:
            return RedirectResponse(SIGN_IN, status_code=303)
        try:
            body = await asyncio.to_thread(research_pages.html_file, console.house, request.query_params.get("name", ""))
        except Missing as error:
            return PlainTextResponse(str(error), status_code=404)
        return HTMLResponse(body, headers=_HEADERS | {"Content-Security-Policy": _SHEET})


def _add_sign_in(app: FastAPI, console: Console, *, is_secure: bool) -> None:
    @app.get(SIGN_IN, include_in_schema=False)
    async def ask(request: Request) -> Response:
        return HTMLResponse(sign_in_page(_within(request.query_params.get("next", "/"))), headers=_HEADERS)

    @app.post(SIGN_IN, include_in_schema=False)
    async def enter(request: Request) -> Response:
        if not _is_own(request):
            return HTMLResponse(sign_in_page("/", "This form came from another site."), status_code=403, headers=_HEADERS)
        given = await _form(request)
        place = _within(given.get("next", "/"))
        address = request.client.host if request.client else ""
        try:
            token = await asyncio.to_thread(door.enter, console.house, given.get("name", ""), given.get("password", ""), address=address)
        except TradewindsError as error:
            return HTMLResponse(sign_in_page(place, str(error), given.get("name", "")), status_code=401, headers=_HEADERS)
        answer = RedirectResponse(place, status_code=303)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=is_secure, path="/")
        return answer

    @app.post("/sign-out", include_in_schema=False)
    async def leave(request: Request) -> Response:
        if not _is_own(request):
            return Response(status_code=403)
        await asyncio.to_thread(door.leave, console.house, request.cookies.get(COOKIE, ""))
        answer = RedirectResponse(SIGN_IN, status_code=303)
        answer.delete_cookie(COOKIE, path="/")
        return answer


_HEADERS = {"Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff"}

_SHEET = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"


def _is_own(request: Request) -> bool:
    """Whether the form was sent from a page of ours: browsers name the origin of every POST, and scripts of others cannot forge it."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


async def _form(request: Request) -> dict[str, str]:
    from urllib.parse import parse_qsl

    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > FORM_BYTES_MAX:
            return {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _within(place: str) -> str:
    """A path of ours; whatever leads elsewhere becomes the first page."""
    return place if place.startswith("/") and not place.startswith(("//", "/\\")) else "/"


def _quoted(place: str) -> str:
    from urllib.parse import quote

    return quote(place, safe="/")
