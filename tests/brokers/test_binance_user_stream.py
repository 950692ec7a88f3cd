"""A connection of the user stream is closed however it ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from typing import Any

import aiohttp
from aiohttp import web

from tradewinds.brokers.binance_user_stream import BinanceUserStream
from tradewinds.core.errors import Transient


class _Owner:
    clock: Any = None
    random = Random(1)

    def hear(self, told: Any) -> None:
        raise AssertionError(f"nothing is told here, not {told}")

    def say(self, state: Any, detail: str) -> None:
        return

    def market_by_id(self, name: str) -> Any:
        raise AssertionError(name)

    def remember(self, venue_order_id: str, client_order_id: str) -> None:
        raise AssertionError(venue_order_id)


class _SlowToEnd:
    """A way whose key keeper takes a moment to end: meanwhile the connection is neither up nor closed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.socket: aiohttp.ClientWebSocketResponse | None = None
        self.is_ending, self.may_end = asyncio.Event(), asyncio.Event()

    async def address(self) -> str:
        return self.url

    async def greet(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        await asyncio.sleep(0)  # `keep` begins
        raise Transient("user stream: refused, expected a subscription")

    async def keep(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.is_ending.set()
            with suppress(asyncio.CancelledError):
                await self.may_end.wait()


async def _hear_until_closed(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for _ in socket:
        pass
    return socket


def test_a_stream_that_is_stopped_while_its_connection_ends_leaves_no_connection_open() -> None:
    async def work() -> None:
        app = web.Application()
        app.router.add_get("/", _hear_until_closed)
        server = web.AppRunner(app)
        await server.setup()
        await web.TCPSite(server, "127.0.0.1", 0).start()
        way = _SlowToEnd(f"http://127.0.0.1:{server.addresses[0][1]}/")
        stream = BinanceUserStream(_Owner(), way, "BINANCE", new_session=aiohttp.ClientSession)
        stream.start()
        await way.is_ending.wait()
        assert way.socket is not None
        assert not way.socket.closed
        await stream.stop()
        assert way.socket.closed
        await server.cleanup()

    asyncio.run(asyncio.wait_for(work(), 30))
