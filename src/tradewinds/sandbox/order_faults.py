"""Faults of requests and messages that matter to orders, put around an ASGI application.

An answer that never comes is held until the client gives up, or `amount` seconds, and then breaks off after its head.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tradewinds.sandbox.faults import EVENT_KINDS, Fault
from tradewinds.sandbox.world import World

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HOLD_S_MAX = 120.0
_GOING_AWAY = 1001
_UNKNOWN = {"code": -1007, "msg": "Timeout waiting for response from backend server. Send status unknown; execution status unknown."}
_REFUSED = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
_UNKNOWN_ELSEWHERE = {"errorMessage": "The request has timed out; whether it took effect is not known."}
_REFUSED_ELSEWHERE = {"errorMessage": "Insufficient authorization to perform request."}


async def answer_struck(app: App, scope: Scope, receive: Receive, send: Send, struck: Fault, venue: str) -> None:
    """The answer to a request that one of `faults.ORDER_KINDS` strikes."""
    body = await _body(receive)
    is_binance = venue.startswith("binance")
    if struck.kind == "overtaken":
        await asyncio.sleep(min(struck.strength, HOLD_S_MAX))
        await app(scope, _again(body, receive), send)
    elif struck.kind == "twice":
        first = await _answered(app, scope, body, receive)
        await _answered(app, scope, body, receive)
        await _tell(first, send)
    elif struck.kind == "slow_answer":
        told = await _answered(app, scope, body, receive)
        await asyncio.sleep(min(struck.strength, HOLD_S_MAX))
        await _tell(told, send)
    elif struck.kind == "cut":
        await _break_off(await _answered(app, scope, body, receive), send, int(struck.strength))
    elif struck.kind == "refused_key":
        await _say(send, 401, _REFUSED if is_binance else _REFUSED_ELSEWHERE)
    elif struck.kind in ("unknown_accepted", "unknown_not_accepted"):
        if struck.kind == "unknown_accepted":
            await _answered(app, scope, body, receive)
        await _say(send, 503, _UNKNOWN if is_binance else _UNKNOWN_ELSEWHERE)
    else:
        if struck.kind == "timeout_accepted":
            await _answered(app, scope, body, receive)
        await _hold(receive, min(struck.strength, HOLD_S_MAX))
        await _break_off([{"type": "http.response.start", "status": 200, "headers": []}], send, 0)


def struck_messages(send: Send, venue: str, path: str, world: World) -> Send:
    """A WebSocket's `send` whose messages the faults of `faults.EVENT_KINDS` strike."""
    held: list[Message] = []
    late: set[asyncio.Task[None]] = set()

    async def struck(message: Message) -> None:
        if message["type"] != "websocket.send":
            await send(message)
            return
        fault = world.faults.strike(EVENT_KINDS, venue, path, (), world.clock.now_ns(), method="WS")
        kind = "" if fault is None else fault.kind
        if kind == "event_overtaken":
            held.append(message)
            return
        if kind == "event_cut":
            await send({"type": "websocket.close", "code": _GOING_AWAY})
            return
        if fault is not None and kind == "event_late":
            task = asyncio.ensure_future(_later(send, message, fault.strength))
            late.add(task)
            task.add_done_callback(late.discard)
            return
        if kind != "event_lost":
            await send(message)
        if kind == "event_twice":
            await send(message)
        while held:
            await send(held.pop(0))

    return struck


async def _later(send: Send, message: Message, after_s: float) -> None:
    await asyncio.sleep(min(after_s, HOLD_S_MAX))
    try:
        await send(message)
    except RuntimeError:
        return  # the connection was closed meanwhile


async def _body(receive: Receive) -> bytes:
    found = b""
    while True:
        message = await receive()
        found += bytes(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return found


def _again(body: bytes, receive: Receive) -> Receive:
    """The same request once more."""
    is_told = False

    async def told() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return told


async def _answered(app: App, scope: Scope, body: bytes, receive: Receive) -> list[Message]:
    held: list[Message] = []

    async def keep(message: Message) -> None:
        held.append(message)

    await app(dict(scope), _again(body, receive), keep)
    return held


async def _tell(messages: list[Message], send: Send) -> None:
    for message in messages:
        await send(message)


async def _break_off(messages: list[Message], send: Send, at_byte: int) -> None:
    """Promise the whole answer and end after some bytes of its body."""
    start = messages[0]
    body = b"".join(message.get("body", b"") for message in messages[1:])
    headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    promised = max(len(body), at_byte + 1, 1)
    await send({**start, "headers": [*headers, (b"content-length", str(promised).encode())]})
    await send({"type": "http.response.body", "body": body[:at_byte], "more_body": True})


async def _hold(receive: Receive, seconds: float) -> None:
    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), seconds)
    except TimeoutError:
        return


async def _say(send: Send, status: int, said: dict[str, Any]) -> None:
    body = json.dumps(said).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
