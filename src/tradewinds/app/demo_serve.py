"""Serves the console of a running demo until Ctrl-C, and opens it in a browser.

The way in is a link that works once: its secret makes a session of the demo's admin. It stands on this terminal and nowhere else.
"""

from __future__ import annotations

import secrets
import socket
import threading
import webbrowser
from typing import Any

import click
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from tradewinds.app.demo_live import LiveDemo
from tradewinds.app.demo_page import PATH, add_demo_page
from tradewinds.app.demo_trade import TradingDemo
from tradewinds.core.errors import TradewindsError
from tradewinds.people.token import is_same
from tradewinds.wiring.desk import sign_in

HOST = "127.0.0.1"
ENTER = "/demo/enter"


def serve(trading: TradingDemo, *, opens: bool = True) -> None:
    """Trade, and show it, until Ctrl-C. opens: whether a browser is asked to open the page."""
    import uvicorn

    demo = LiveDemo(trading)
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen()
        address = f"http://{HOST}:{listening.getsockname()[1]}"
        app, secret = application(demo)
        link = f"{address}{ENTER}?once={secret}"
        demo.start()
        try:
            click.echo(f"\nThree strategies trade. Pull the plug: {link}\nThe link works once. Ctrl-C ends the demo.")
            if opens:
                threading.Timer(1.0, webbrowser.open, (link,)).start()
            uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=1)).run([listening])
        except KeyboardInterrupt:
            pass
        finally:
            demo.stop()


def application(demo: LiveDemo) -> tuple[FastAPI, str]:
    """The demo's API and console with its page, and the secret that opens it once."""
    from tradewinds.app.api.server import make_api
    from tradewinds.app.console.make import make_console

    house = demo.trading.house
    add_demo_page(demo)
    app = make_api(house)
    left = [secrets.token_urlsafe(24)]

    @app.get(ENTER, include_in_schema=False)
    async def enter(request: Request) -> Response:
        if not left or not is_same(request.query_params.get("once", ""), left[0]):
            return RedirectResponse("/sign-in", status_code=303)
        left.clear()
        answer = RedirectResponse(PATH, status_code=303)
        answer.set_cookie(_cookie(), _session(house), httponly=True, samesite="strict", path="/")
        return answer

    secret = left[0]
    make_console(app, house)
    return app, secret


def _cookie() -> str:
    from tradewinds.app.console.door import COOKIE

    return COOKIE


def _session(house: Any) -> str:
    """A session of an admin with a password that nobody knows."""
    name, password = "demo", secrets.token_urlsafe(24)
    try:
        sign_in.add_person(house, name, "admin", password)
    except TradewindsError:  # a demo that runs again in the same folder
        sign_in.set_password(house, name, password)
    return sign_in.sign_in(house, name, password, address="", face="demo").secret
