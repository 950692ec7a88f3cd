"""`SocketStream`: messages of one WebSocket subscription as fast as the socket brings them, over every cut.

1. One connection is heard; each message goes to `take` at once, without a queue or a task between socket and reader.
2. A connection that grows as old as the venue allows, or whose venue announces its shutdown, is relieved: the next one is heard beside
   it for a while, then it is left. Some messages come twice, none is missed.
3. One that breaks or falls silent is followed by another after a growing pause; its first message comes behind a `Gap`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import aiohttp

from tradewinds.core.errors import Rejected
from tradewinds.core.ports import Clock
from tradewinds.wire.stream import REFUSALS, Gap, StreamLimits

ENDS = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
LOOKS = 20  # within the longest silence
YIELD_EVERY = 512  # messages that lie ready are read without a pause; the rest of the process has to live, too

Hear = Callable[[bytes], bool]  # whether the message announces that the venue will close the connection


@dataclass(slots=True)
class SocketStream:
    """A subscription. `subscriptions` are sent, in order, on each new connection. make_session: another transport, for tests."""

    url: str
    clock: Clock
    random: random.Random
    subscriptions: Sequence[str] = ()
    limits: StreamLimits = field(default_factory=StreamLimits)
    make_session: Callable[[], aiohttp.ClientSession] = aiohttp.ClientSession

    async def run(self, hear: Hear, missed: Callable[[Gap], None]) -> None:
        """Until cancelled. Raises Rejected where the venue refuses the subscription for good."""
        async with self.make_session() as session:
            run = _Run(self, session, hear, missed)
            try:
                await run.go()
            finally:
                await run.close()


class _Run:
    """The connections of one `run`, each a task of its own: the present one, and its successor while it is being relieved."""

    def __init__(self, stream: SocketStream, session: aiohttp.ClientSession, hear: Hear, missed: Callable[[Gap], None]) -> None:
        self._stream = stream
        self._session = session
        self._hear = hear
        self._missed = missed
        self._tasks: set[asyncio.Task[str]] = set()
        self._gap: tuple[int, str] | None = (stream.clock.now_ns(), "begin")
        self._heard_ns = self._gap[0]
        self._leaving = asyncio.Event()  # the present connection wants to be relieved

    async def go(self) -> None:
        limits, failures = self._stream.limits, 0
        current = self._connect(asyncio.Event())
        while True:
            relief = asyncio.ensure_future(self._relief())
            try:
                await asyncio.wait({current, relief}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                relief.cancel()
            if current.done():
                had_message = self._gap is None
                reason = current.result()  # raises what is refused for good
                self._gap = self._gap or (self._heard_ns, reason)
                failures = 0 if had_message else failures + 1
                ceiling = min(limits.backoff_s_max, limits.backoff_first_s * 2.0**failures)
                await asyncio.sleep(ceiling * (0.5 + 0.5 * self._stream.random.random()))
                current = self._connect(asyncio.Event())
                continue
            current = await self._relieved(current)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relief(self) -> None:
        try:
            async with asyncio.timeout(self._stream.limits.age_s_max):
                await self._leaving.wait()
        except TimeoutError:
            pass

    async def _relieved(self, before: asyncio.Task[str]) -> asyncio.Task[str]:
        """The next connection, once it is heard; the present one where that fails."""
        self._leaving.clear()
        is_heard = asyncio.Event()
        after = self._connect(is_heard)
        before.add_done_callback(lambda task: self._note_break(task, is_heard))
        heard = asyncio.ensure_future(is_heard.wait())
        await asyncio.wait({after, heard}, timeout=self._stream.limits.silence_s_max, return_when=asyncio.FIRST_COMPLETED)
        heard.cancel()
        if not is_heard.is_set():
            after.cancel()
            return before
        await asyncio.sleep(self._stream.limits.overlap_s)
        before.cancel()
        self._leaving.clear()
        return after

    def _note_break(self, task: asyncio.Task[str], is_heard: asyncio.Event) -> None:
        """The old connection broke before its relief was heard: something may be missing between the two."""
        if not is_heard.is_set() and not task.cancelled() and task.exception() is None:
            self._gap = self._gap or (self._heard_ns, task.result())

    def _connect(self, is_heard: asyncio.Event) -> asyncio.Task[str]:
        task = asyncio.ensure_future(self._pump(is_heard))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _pump(self, is_heard: asyncio.Event) -> str:
        """One connection from its opening to its end; why it ended. Raises Rejected for a refusal."""
        stream, limits = self._stream, self._stream.limits
        try:
            async with self._session.ws_connect(
                stream.url,
                timeout=aiohttp.ClientWSTimeout(ws_close=limits.connect_s),
                heartbeat=limits.ping_s,
                max_msg_size=limits.message_bytes_max,
                compress=0,
                decode_text=False,
            ) as socket:
                for at, text in enumerate(stream.subscriptions):
                    if at:
                        await asyncio.sleep(limits.pause_between_sends_s)
                    await socket.send_str(text)
                return await self._read(socket, is_heard)
        except aiohttp.WSServerHandshakeError as fault:
            said = f"stream {stream.url}: HTTP {fault.status}, expected 101"
            if fault.status in REFUSALS:
                raise Rejected(said) from fault
            return said
        except aiohttp.InvalidURL as fault:
            raise Rejected(f"stream {stream.url}: {fault}, expected ws:// or wss://") from fault
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            return f"{type(fault).__name__} {fault}"

    async def _read(self, socket: aiohttp.ClientWebSocketResponse[Literal[False]], is_heard: asyncio.Event) -> str:
        stream, hear, loop = self._stream, self._hear, asyncio.get_running_loop()
        receive, text, silence_s = socket.receive, aiohttp.WSMsgType.TEXT, stream.limits.silence_s_max
        count = looked = 0
        looked_ns = self._heard_ns
        timers: list[asyncio.TimerHandle] = []
        async with asyncio.timeout(silence_s) as patience:

            def look() -> None:
                """A time for each message would cost as much as reading it: whether any came is looked at now and then."""
                nonlocal looked, looked_ns
                if count > looked:
                    patience.reschedule(loop.time() + silence_s)
                    self._heard_ns = max(self._heard_ns, looked_ns)
                looked, looked_ns = count, stream.clock.now_ns()
                timers[:] = [loop.call_later(silence_s / LOOKS, look)]

            look()
            try:
                while True:
                    message = await receive()
                    if message.type is not text:
                        if message.type in ENDS:
                            break
                        continue
                    if self._gap is not None or count == 0:
                        self._first(is_heard)
                    count += 1
                    if hear(message.data):
                        self._leaving.set()
                    if count % YIELD_EVERY == 0:
                        await asyncio.sleep(0)
            finally:
                timers[0].cancel()
        return f"closed by the venue with {socket.close_code}"

    def _first(self, is_heard: asyncio.Event) -> None:
        is_heard.set()
        if self._gap is not None:
            start, reason = self._gap
            self._gap = None
            self._missed(Gap(start, self._stream.clock.now_ns(), reason))
