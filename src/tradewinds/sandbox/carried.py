"""A venue that speaks without a wire, put on real sockets: HTTP questions, WebSocket talks, streaming answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tradewinds.sandbox.conversation import Answer, Question, Talk, Venue

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

TICK_S = 0.02
MESSAGES_WAITING_MAX = 100_000
_POLICY = 1008


@runtime_checkable
class Ticking(Protocol):
    """A venue to which things happen while nobody asks."""

    def tick(self) -> None:
        """Do what time has brought."""
        ...


def asked_over_http(venue: Venue) -> Callable[[Request], Awaitable[Response]]:
    """A Starlette endpoint that puts every request to the venue; an address that streams answers with a stream."""
    from starlette.responses import Response

    async def endpoint(request: Request) -> Response:
        answer = venue.answer(question_of(request, await request.body()))
        return Response(answer.body, answer.status, dict(answer.headers))

    return endpoint


def streamed_over_http(venue: Venue, media_type: str = "application/octet-stream") -> Callable[[Request], Awaitable[Response]]:
    """A Starlette endpoint whose answer goes on until either side ends it."""
    from starlette.responses import Response, StreamingResponse

    async def endpoint(request: Request) -> Response:
        line = Line()
        talk = venue.talk(question_of(request, b""), line.send, line.close)
        if isinstance(talk, Answer):
            return Response(talk.body, talk.status, dict(talk.headers))

        async def parts() -> AsyncIterator[bytes]:
            ticking = asyncio.ensure_future(_tick(venue))
            try:
                while (part := await line.take()) is not None:
                    yield part
            finally:
                ticking.cancel()
                talk.closed()

        return StreamingResponse(parts(), media_type=media_type)

    return endpoint


def talked_over_websocket(venue: Venue) -> Callable[[WebSocket], Awaitable[None]]:
    """A Starlette endpoint that holds the venue's talk on a WebSocket."""

    async def endpoint(socket: WebSocket) -> None:
        from starlette.websockets import WebSocketDisconnect

        line = Line()
        talk = venue.talk(question_of(socket, b""), line.send, line.close)
        if isinstance(talk, Answer):
            await socket.close(_POLICY)
            return
        await socket.accept()
        tasks = [asyncio.ensure_future(each) for each in (_hear(socket, talk), _speak(socket, line), _tick(venue))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            talk.closed()
            for task in tasks:
                task.cancel()
            found = await asyncio.gather(*tasks, return_exceptions=True)
        for error in found:
            if isinstance(error, Exception) and not isinstance(error, WebSocketDisconnect | RuntimeError):
                raise error

    return endpoint


def question_of(request: HTTPConnection, body: bytes) -> Question:
    """A request as a venue reads it: the path below its prefix, the query still encoded."""
    scope = request.scope
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return Question(
        scope.get("method", "GET"),
        path[len(root) :] if root and path.startswith(root) else path,
        scope.get("query_string", b"").decode("latin-1"),
        {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body,
        scope["client"][0] if scope.get("client") else "",
    )


class Line:
    """What the venue has said and the socket has not sent yet; a listener that falls too far behind is hung up on."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._is_over = False

    def send(self, data: bytes) -> None:
        """Say something, in order."""
        if self._is_over:
            return
        if self._waiting.qsize() >= MESSAGES_WAITING_MAX:
            self.close()
        else:
            self._waiting.put_nowait(data)

    def close(self) -> None:
        """Hang up after what was said before."""
        if not self._is_over:
            self._is_over = True
            self._waiting.put_nowait(None)

    async def take(self) -> bytes | None:
        """The next thing said, None at the end."""
        return await self._waiting.get()


async def _hear(socket: WebSocket, talk: Talk) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text, data = message.get("text"), message.get("bytes")
        talk.received(text.encode() if text is not None else data or b"")


async def _speak(socket: WebSocket, line: Line) -> None:
    while (said := await line.take()) is not None:
        await socket.send_text(said.decode())
    await socket.close()


async def _tick(venue: Venue) -> None:
    while True:
        if isinstance(venue, Ticking):
            venue.tick()
        await asyncio.sleep(TICK_S)
