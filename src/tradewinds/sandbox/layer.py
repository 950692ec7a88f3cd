"""The layer around every venue: counts the request, and lets a fault strike before or after the venue answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import anyio

from tradewinds.sandbox.faults import ORDER_KINDS, Fault
from tradewinds.sandbox.order_faults import App, Message, Receive, Scope, Send, answer_struck, struck_messages
from tradewinds.sandbox.world import World

DELAY_S_MAX = 60.0
_KINDS = ("late", "not_found", "throttle", "ban", "error", "slow", "truncated", "error_body", "reset", *ORDER_KINDS)
_CHECKSUM = ".CHECKSUM"


def layered(app: App, venue: str, world: World) -> App:
    """The venue's application behind its faults."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await app(scope, receive, send)
            return
        path, query = _path(scope), scope.get("query_string", b"").decode("latin-1")
        client = scope["client"][0] if scope.get("client") else ""
        world.requests.count(venue, scope.get("method", "WS"), path, _without_secrets(query), client)
        if scope["type"] == "websocket":
            await app(scope, receive, struck_messages(send, venue, path, world))
            return
        values = [part for _, value in parse_qsl(query) for part in value.split(",")]
        kinds = tuple(kind for kind in _KINDS if not (kind == "truncated" and path.endswith(_CHECKSUM)))
        struck = world.faults.strike(kinds, venue, path, values, world.clock.now_ns(), method=scope["method"])
        await _answer(app, scope, receive, send, venue, struck, world)

    return call


async def _answer(app: App, scope: Scope, receive: Receive, send: Send, venue: str, struck: Fault | None, world: World) -> None:
    if struck is None:
        await app(scope, receive, send)
    elif struck.kind in ORDER_KINDS:
        await answer_struck(app, scope, receive, send, struck, venue)
    elif struck.kind == "slow":
        await anyio.sleep(min(struck.strength, DELAY_S_MAX))
        await app(scope, receive, send)
    elif struck.kind in ("truncated", "reset"):
        await _cut(app, scope, receive, send, promise_all=struck.kind == "reset")
    else:
        status, kind, body, headers = refusal(venue, struck, world.clock.now_ms())
        head = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *headers]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})


def refusal(venue: str, struck: Fault, now_ms: int) -> tuple[int, bytes, bytes, list[tuple[bytes, bytes]]]:
    """Status, content type, body and headers of an answer that a fault makes up, in the venue's manner."""
    statuses = {"late": 404, "not_found": 404, "throttle": 429, "ban": 418, "error_body": 200}
    status = statuses.get(struck.kind, int(struck.strength))
    wait = int(struck.strength)
    headers = [(b"retry-after", str(wait).encode())] if status in (418, 429) else []
    if venue == "binance_archive":
        if struck.kind == "error_body":
            return (
                200,
                b"text/html",
                b"<html><head><title>Service unavailable</title></head><body>Please try again later.</body></html>",
                headers,
            )
        code = {404: "NoSuchKey", 429: "SlowDown", 503: "SlowDown"}.get(status, "InternalError")
        return status, b"application/xml", f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode(), headers
    return status, b"application/json", json.dumps(_body(venue, struck.kind, status, wait, now_ms)).encode(), headers


def _body(venue: str, kind: str, status: int, wait: int, now_ms: int) -> Any:
    if venue.startswith("binance"):
        if kind == "ban":
            until = now_ms + wait * 1000
            return {"code": -1003, "msg": f"Way too much request weight used; IP banned until {until}. Please use WebSocket Streams."}
        if kind == "throttle":
            return {"code": -1003, "msg": "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."}
        return {"code": -1000, "msg": "An unknown error occurred while processing the request."}
    if venue == "coingecko":
        return {"status": {"error_code": status, "error_message": "You've exceeded the Rate Limit." if status == 429 else "Unavailable"}}
    if venue == "oanda":
        return {"errorMessage": "Rate limit exceeded" if status == 429 else "Service unavailable"}
    if venue == "tiingo":
        return {"detail": "Error: You have run over your hourly request allocation." if status in (200, 429) else "Not found."}
    return {"error": True, "message": f"status {status}"}


async def _cut(app: App, scope: Scope, receive: Receive, send: Send, *, promise_all: bool) -> None:
    """Send half of the body: as if it were all, or having promised all of it, so that the connection breaks."""
    held: list[Message] = []
    body = bytearray()

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            held.append(message)
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, keep)
    start = held[0]
    half = bytes(body[: len(body) // 2])
    length = max(len(body), 1) if promise_all else len(half)
    headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    await send({**start, "headers": [*headers, (b"content-length", str(length).encode())]})
    await send({"type": "http.response.body", "body": half, "more_body": promise_all})


def _path(scope: Scope) -> str:
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and path.startswith(root) else path


def _without_secrets(query: str) -> str:
    return "&".join(part for part in query.split("&") if not part.lower().startswith(("token", "x_cg", "signature", "apikey")))
