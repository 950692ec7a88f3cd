"""The reconnecting stream against a real WebSocket server on the loopback."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tradewinds.core.errors import Rejected, Transient
from tradewinds.wire.stream import Gap, Message, Stream, StreamLimits

Script = Callable[[int, ServerConnection], Awaitable[None]]


class Counting:
    """A clock that counts a second for each look."""

    def __init__(self) -> None:
        self.at_ns = 0

    def now_ns(self) -> int:
        self.at_ns += 1_000_000_000
        return self.at_ns


def heard(
    script: Script, count: int, *, limits: StreamLimits | None = None, subscriptions=(), slept: list[float] | None = None, status=None
):
    """The first `count` events of a stream from a venue that follows `script` on its first, second, … connection."""
    connections = 0

    async def handler(socket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await script(connections, socket)

    async def pause(seconds: float) -> None:
        if slept is not None:
            slept.append(seconds)

    async def run() -> list[Message | Gap]:
        refuse = (lambda socket, request: socket.respond(status, "no")) if status else None
        async with serve(handler, "127.0.0.1", 0, process_request=refuse) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            stream = Stream(
                f"ws://127.0.0.1:{port}/stream",
                Counting(),
                random.Random(7),
                subscriptions,
                lambda message: message == "shutdown",
                limits or StreamLimits(),
                pause,
            )
            events = stream.events()
            found = [await anext(events) for _ in range(count)]
            await events.aclose()
            return found

    return asyncio.run(asyncio.wait_for(run(), 20))


def texts(events) -> list[str]:
    return [event.text if isinstance(event, Message) else f"gap: {event.reason.partition(': ')[2] or event.reason}" for event in events]


async def stay(socket: ServerConnection) -> None:
    async for _ in socket:
        pass


def test_a_stream_begins_with_a_gap_up_to_its_first_message():
    async def script(number, socket):
        await socket.send("one")
        await socket.send("two")
        await stay(socket)

    events = heard(script, 3)

    assert texts(events) == ["gap: begin", "one", "two"]
    assert events[0].start_ns < events[0].end_ns == events[1].received_ns


def test_every_connection_subscribes_anew_at_the_venues_pace():
    slept: list[float] = []

    async def script(number, socket):
        asked = [await socket.recv(), await socket.recv(), await socket.recv()]
        await socket.send(f"{number}: {' '.join(asked)}")

    events = heard(script, 4, subscriptions=("a", "b", "c"), slept=slept)

    assert texts(events)[1] == "1: a b c"
    assert texts(events)[3] == "2: a b c"
    assert slept[:2] == [0.25, 0.25]


def test_a_broken_connection_is_a_gap_from_the_last_message_to_the_next():
    async def script(number, socket):
        await socket.send(f"from {number}")
        if number > 1:
            await stay(socket)

    events = heard(script, 4)

    assert texts(events) == ["gap: begin", "from 1", "gap: closed by the venue, expected it to stay open", "from 2"]
    assert (events[2].start_ns, events[2].end_ns) == (events[1].received_ns, events[3].received_ns)


def test_pauses_grow_with_failures_and_start_over_after_a_message():
    slept: list[float] = []

    async def script(number, socket):
        if number in (4, 5):
            await socket.send(f"from {number}")

    heard(script, 4, slept=slept, limits=StreamLimits(backoff_first_s=1.0))

    assert 0.5 <= slept[0] <= 1
    assert 1 <= slept[1] <= 2
    assert 2 <= slept[2] <= 4
    assert 0.5 <= slept[3] <= 1


def test_too_many_failures_in_a_row_are_transient():
    async def script(number, socket):
        return None

    with pytest.raises(Transient, match="closed by the venue"):
        heard(script, 2, limits=StreamLimits(failures_max=3))


def test_an_announced_shutdown_is_relieved_without_a_gap():
    relieved = asyncio.Event()

    async def script(number, socket):
        if number == 1:
            await socket.send("one")
            await socket.send("shutdown")
            await relieved.wait()
            await socket.send("last of the old")
        else:
            await socket.send("first of the new")
            relieved.set()
        await stay(socket)

    events = heard(script, 5)

    assert texts(events) == ["gap: begin", "one", "shutdown", "first of the new", "last of the old"]


def test_an_old_connection_is_relieved_without_a_gap():
    async def script(number, socket):
        await socket.send(f"from {number}")
        await stay(socket)

    events = heard(script, 4, limits=StreamLimits(age_s_max=0, overlap_s=0))

    assert texts(events) == ["gap: begin", "from 1", "from 2", "from 3"]


def test_a_close_before_the_successor_speaks_is_a_gap():
    opened, closed = asyncio.Event(), asyncio.Event()

    async def script(number, socket):
        if number == 1:
            await socket.send("shutdown")
            await opened.wait()
            await socket.close()
            closed.set()
            return
        opened.set()
        await closed.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        await socket.send(f"from {number}")
        await stay(socket)

    events = heard(script, 4)

    assert texts(events) == ["gap: begin", "shutdown", "gap: closed by the venue, expected it to stay open", "from 2"]


def test_silence_is_a_broken_connection():
    async def script(number, socket):
        await socket.send(f"from {number}")
        await stay(socket)

    events = heard(script, 4, limits=StreamLimits(silence_s_max=0.05))

    assert texts(events) == ["gap: begin", "from 1", "gap: silent for 0.05 s", "from 2"]


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS])
def test_a_refusal_is_not_repeated(status):
    with pytest.raises(Rejected, match=f"HTTP {status.value}, expected 101"):
        heard(stay, 1, status=status)


def test_a_busy_venue_is_tried_again_and_then_transient():
    slept: list[float] = []

    with pytest.raises(Transient, match="HTTP 503"):
        heard(stay, 1, status=HTTPStatus.SERVICE_UNAVAILABLE, limits=StreamLimits(failures_max=2), slept=slept)
    assert len(slept) == 2


def test_a_message_over_the_limit_breaks_the_connection():
    async def script(number, socket):
        await socket.send("x" * 1000 if number == 1 else "short")
        await stay(socket)

    events = heard(script, 2, limits=StreamLimits(message_bytes_max=100))

    assert texts(events) == ["gap: begin", "short"]


def test_an_address_of_another_kind_is_refused():
    async def run():
        stream = Stream("http://127.0.0.1:1/", Counting(), random.Random(7))
        async for _ in stream.events():
            pass

    with pytest.raises(Rejected, match="expected ws:// or wss://"):
        asyncio.run(run())


def test_loopback_goes_past_a_proxy_of_the_environment(monkeypatch):
    for name in ("ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def script(number, socket):
        await socket.send("direct")
        await stay(socket)

    assert texts(heard(script, 2)) == ["gap: begin", "direct"]
