"""One WebSocket stream that keeps itself connected and says honestly what it may have missed.

1. Connect, send every subscription at a pace that the venue accepts, and hand on each message with the time of its arrival.
2. When the connection breaks or falls silent, connect again after a growing pause; the first message of the new connection comes
   behind a `Gap`, which names the time that may be missing, so that the caller repairs it from elsewhere.
3. When the venue announces its shutdown, or a connection grows as old as the venue allows, open the next one first, hear both for
   a while, then leave the old one: nothing is missed, some messages come twice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from tradewinds.core.errors import Rejected, TradewindsError, Transient
from tradewinds.core.ports import Clock
from tradewinds.wire.loopback import is_loopback

REFUSALS = (400, 401, 403, 404, 405, 410, 451)


@dataclass(frozen=True, slots=True)
class Message:
    """One text message and when it arrived."""

    text: str
    received_ns: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages between these times may be missing. The first event of a stream is one, from its beginning to its first message."""

    start_ns: int
    end_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How patient a stream is. `failures_max`: connections in a row without a message before it gives up with Transient."""

    age_s_max: float = 23.5 * 3600
    overlap_s: float = 5.0
    silence_s_max: float = 90.0
    ping_s: float = 20.0
    pong_s: float = 60.0
    connect_s: float = 10.0
    failures_max: int = 20
    backoff_first_s: float = 0.5
    backoff_s_max: float = 60.0
    message_bytes_max: int = 1 << 22
    queue_max: int = 10_000
    # Binance cuts a connection that sends more than five messages a second.
    pause_between_sends_s: float = 0.25


def _never(message: str) -> bool:
    return False


@dataclass(slots=True)
class Stream:
    """A subscription that outlives its connections. `subscriptions` are sent, in order, on each new one."""

    url: str
    clock: Clock
    random: random.Random
    subscriptions: Sequence[str] = ()
    is_shutdown: Callable[[str], bool] = _never
    limits: StreamLimits = field(default_factory=StreamLimits)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def events(self) -> AsyncIterator[Message | Gap]:
        """Messages and gaps, until the caller closes it. Raises Rejected where the venue refuses, Transient after too many failures."""
        run = _Run(self)
        try:
            while True:
                for event in await run.next_events():
                    yield event
        finally:
            await run.close()


@dataclass(frozen=True, slots=True)
class _Heard:
    number: int
    message: Message


@dataclass(frozen=True, slots=True)
class _Closed:
    number: int
    error: TradewindsError


class _Run:
    """The connections of one `events` call: the current one and, while it is being relieved, its successor."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._queue: asyncio.Queue[_Heard | _Closed] = asyncio.Queue(stream.limits.queue_max)
        self._pumps: dict[int, asyncio.Task[None]] = {}
        self._opened = 0
        self._failures = 0
        self._successor_failures = 0
        self._gap: tuple[int, str] | None = (stream.clock.now_ns(), "begin")
        self._heard_ns = self._gap[0]
        self._current = self._open()
        self._current_since = asyncio.get_running_loop().time()
        self._successor: int | None = None
        self._retired: int | None = None

    async def next_events(self) -> list[Message | Gap]:
        """What the next thing that happens means to the caller; often nothing."""
        limits, now = self._stream.limits, asyncio.get_running_loop().time()
        if self._retired is not None and now - self._current_since >= limits.overlap_s:
            self._drop(self._retired)
            self._retired = None
        if self._successor is None and now - self._current_since >= limits.age_s_max and self._gap is None:
            self._successor = self._open()
        try:
            async with asyncio.timeout(limits.silence_s_max):
                happened = await self._queue.get()
        except TimeoutError:
            self._lost(f"silent for {limits.silence_s_max:g} s")
            return []
        if happened.number not in (self._current, self._successor, self._retired):
            return []
        if isinstance(happened, _Closed):
            self._on_closed(happened)
            return []
        return self._on_message(happened)

    def _on_message(self, heard: _Heard) -> list[Message | Gap]:
        if heard.number == self._successor:
            if self._retired is not None:
                self._drop(self._retired)
            self._retired, self._current, self._successor = self._current, heard.number, None
            self._current_since = asyncio.get_running_loop().time()
            self._successor_failures = 0
        events: list[Message | Gap] = []
        if self._gap is not None:
            events.append(Gap(self._gap[0], heard.message.received_ns, self._gap[1]))
            self._gap = None
            self._current_since = asyncio.get_running_loop().time()
        self._failures = 0
        self._heard_ns = heard.message.received_ns
        events.append(heard.message)
        if self._successor is None and heard.number == self._current and self._stream.is_shutdown(heard.message.text):
            self._successor = self._open()
        return events

    def _on_closed(self, closed: _Closed) -> None:
        if closed.number == self._retired:
            self._retired = None
            return
        if isinstance(closed.error, Rejected):
            raise closed.error
        if closed.number == self._successor:
            self._successor_failures += 1
            self._successor = self._open()
            return
        self._failures += 1
        if self._failures > self._stream.limits.failures_max:
            raise closed.error
        self._lost(str(closed.error))

    def _lost(self, reason: str) -> None:
        """The current connection is of no use any more: its successor takes over, or a new one is opened."""
        self._drop(self._current)
        self._gap = self._gap or (self._heard_ns, reason)
        self._current = self._successor if self._successor is not None else self._open()
        self._successor = None

    def _open(self) -> int:
        self._opened += 1
        limits = self._stream.limits
        pause_s = 0.0
        failures = max(self._failures, self._successor_failures)
        if failures:
            ceiling = min(limits.backoff_s_max, limits.backoff_first_s * 2.0 ** (failures - 1))
            pause_s = ceiling * (0.5 + 0.5 * self._stream.random.random())
        self._pumps[self._opened] = asyncio.create_task(self._pump(self._opened, pause_s))
        return self._opened

    def _drop(self, number: int) -> None:
        task = self._pumps.get(number)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        for task in self._pumps.values():
            task.cancel()
        await asyncio.gather(*self._pumps.values(), return_exceptions=True)

    async def _pump(self, number: int, pause_s: float) -> None:
        """One connection from its opening to its end; everything that happens goes into the queue."""
        stream, limits = self._stream, self._stream.limits
        if pause_s:
            await stream.sleep(pause_s)
        try:
            async with connect(
                stream.url,
                open_timeout=limits.connect_s,
                ping_interval=limits.ping_s,
                ping_timeout=limits.pong_s,
                close_timeout=limits.connect_s,
                max_size=limits.message_bytes_max,
                proxy=None if is_loopback(stream.url) else True,
            ) as socket:
                for at, text in enumerate(stream.subscriptions):
                    if at:
                        await stream.sleep(limits.pause_between_sends_s)
                    await socket.send(text)
                async for message in socket:
                    text = message if isinstance(message, str) else message.decode("utf-8", "replace")
                    await self._queue.put(_Heard(number, Message(text, stream.clock.now_ns())))
            error: TradewindsError = Transient(f"stream {stream.url}: closed by the venue, expected it to stay open")
        except InvalidURI as fault:
            error = Rejected(f"stream {stream.url}: {fault}, expected ws:// or wss://")
        except InvalidStatus as fault:
            error = _refusal(stream.url, fault.response.status_code)
        except (InvalidHandshake, WebSocketException, OSError, TimeoutError) as fault:
            error = Transient(f"stream {stream.url}: {type(fault).__name__} {fault}, expected a connection")
        await self._queue.put(_Closed(number, error))


def _refusal(url: str, status: int) -> TradewindsError:
    said = f"stream {url}: HTTP {status}, expected 101"
    return Rejected(said) if status in REFUSALS else Transient(said)
