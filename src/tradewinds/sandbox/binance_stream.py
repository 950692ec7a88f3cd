"""The Binance market streams: raw (/ws/…) and combined (/stream?streams=…), with SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS.

Events follow the venue's clock: while it stands nothing is said; when it is moved, every candle that closed in between is sent.
The server pings every 20 s and hangs up after 60 s without an answer; a connection lives for a day.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from tradewinds.sandbox.stream_events import VENUE, Stream, events, stream
from tradewinds.sandbox.world import World

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.websockets import WebSocket

POLL_S = 0.05
LIFE_S = 86_400.0
MESSAGES_A_SECOND = 5
STREAMS_MAX = 1024
_GOING_AWAY, _POLICY = 1001, 1008
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


def routes(world: World) -> list[BaseRoute]:
    """Where clients connect."""
    from starlette.routing import WebSocketRoute

    async def raw(socket: WebSocket) -> None:
        await Connection(world, socket, is_combined=False).run(socket.path_params.get("names", "").split("/"))

    async def combined(socket: WebSocket) -> None:
        await Connection(world, socket, is_combined=True).run(socket.query_params.get("streams", "").split("/"))

    return [WebSocketRoute("/ws", raw), WebSocketRoute("/ws/{names:path}", raw), WebSocketRoute("/stream", combined)]


class Connection:
    """One client and its subscriptions."""

    def __init__(self, world: World, socket: WebSocket, *, is_combined: bool) -> None:
        self._world = world
        self._socket = socket
        self._is_combined = is_combined
        self._streams: dict[str, Stream] = {}
        self._said: dict[str, int] = {}
        self._times: deque[float] = deque(maxlen=MESSAGES_A_SECOND + 1)

    async def run(self, names: list[str]) -> None:
        """Speak and listen until either side has enough."""
        from starlette.websockets import WebSocketDisconnect

        await self._socket.accept()
        for name in names:
            self._subscribe(name)
        speaking = asyncio.ensure_future(self._speak())
        listening = asyncio.ensure_future(self._listen())
        try:
            await asyncio.wait({speaking, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (speaking, listening):
                task.cancel()
            found = await asyncio.gather(speaking, listening, return_exceptions=True)
        for error in found:
            if isinstance(error, Exception) and not isinstance(error, WebSocketDisconnect | RuntimeError):
                raise error

    async def _listen(self) -> None:
        while True:
            text = await self._socket.receive_text()
            now = self._world.monotonic()
            self._times.append(now)
            if len(self._times) > MESSAGES_A_SECOND and now - self._times[0] < 1.0:
                await self._socket.close(_POLICY, "Too many requests")
                return
            await self._socket.send_text(json.dumps(self._answer(text), separators=(",", ":")))

    async def _speak(self) -> None:
        born = self._world.monotonic()
        while True:
            struck = self._world.faults.strike(
                ("disconnect", "shutdown"),
                VENUE,
                self._socket.url.path,
                [each.symbol for each in self._streams.values()],
                self._world.clock.now_ns(),
            )
            if struck is not None and struck.kind == "shutdown":
                await self._send("!serverShutdown", {"e": "serverShutdown", "E": self._world.clock.now_ms()})
                await anyio.sleep(struck.strength)
            if struck is not None or self._world.monotonic() - born > LIFE_S:
                await self._socket.close(_GOING_AWAY)
                return
            await self._speak_once()
            await anyio.sleep(POLL_S)

    async def _speak_once(self) -> None:
        now_ms = self._world.clock.now_ms()
        for each in list(self._streams.values()):
            since_ms = self._said.get(each.name, now_ms)
            if now_ms == since_ms:
                continue
            found = await anyio.to_thread.run_sync(events, self._world, each, since_ms, now_ms)
            self._said[each.name] = now_ms
            for event in found:
                if each.name in self._streams:
                    await self._send(each.name, event)

    async def _send(self, name: str, event: dict[str, Any]) -> None:
        whole = {"stream": name, "data": event} if self._is_combined else event
        await self._socket.send_text(json.dumps(whole, separators=(",", ":")))

    def _answer(self, text: str) -> dict[str, Any]:
        try:
            asked = json.loads(text)
        except ValueError as error:
            return _error(3, f"Invalid JSON: {error}", None)
        identity = asked.get("id") if isinstance(asked, dict) else None
        if not isinstance(asked, dict) or asked.get("method") not in _METHODS:
            return _error(2, "Invalid request: unknown variant, expected one of " + ", ".join(_METHODS), identity)
        if asked["method"] == "LIST_SUBSCRIPTIONS":
            return {"result": list(self._streams), "id": identity}
        if asked["method"].endswith("PROPERTY"):
            return {"result": self._property(asked), "id": identity}
        names = asked.get("params")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return _error(2, "Invalid request: params must be an array of stream names", identity)
        if asked["method"] == "SUBSCRIBE" and len({*self._streams, *names}) > STREAMS_MAX:
            return _error(2, f"Invalid request: more than {STREAMS_MAX} streams on one connection", identity)
        for name in names:
            if asked["method"] == "SUBSCRIBE":
                self._subscribe(name)
            else:
                self._streams.pop(name, None)
                self._said.pop(name, None)
        return {"result": None, "id": identity}

    def _property(self, asked: dict[str, Any]) -> bool | None:
        if asked["method"] == "GET_PROPERTY":
            return self._is_combined
        params = asked.get("params")
        if isinstance(params, list) and len(params) == 2 and params[0] == "combined":
            self._is_combined = bool(params[1])
        return None

    def _subscribe(self, name: str) -> None:
        """Unknown names are accepted and stay silent, as at the venue."""
        found = stream(self._world, name) or Stream(name, "", "unknown") if name else None
        if found is not None:
            self._streams[name] = found
            self._said.setdefault(name, self._world.clock.now_ms())


def _error(code: int, message: str, identity: Any) -> dict[str, Any]:
    return {"error": {"code": code, "msg": message}, "id": identity}
