"""A TCP relay that breaks connections at any byte: HTTP, WebSocket and every other protocol, headers and frames included.

relay = Relay("127.0.0.1", venue_port); await relay.start(); client -> relay.port
relay.cut(Cut(up=120))      the next connection ends once 120 bytes went to the venue
relay.cut(Cut(down=37))     the next connection ends once 37 bytes came back
relay.is_down = True        new connections are refused, as while the venue restarts
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from tradewinds.core.errors import Invariant

_CHUNK = 65_536
CONNECTIONS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a connection ends: after so many bytes to the venue (up) or back (down); None: not in this direction.

    is_reset: by a reset (RST), else by an orderly end.
    """

    up: int | None = None
    down: int | None = None
    is_reset: bool = True


class Relay:
    """Listens on a free port of the loopback and passes bytes on."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._server: asyncio.Server | None = None
        self._cuts: deque[Cut] = deque()
        self._open: set[asyncio.Task[None]] = set()
        self.is_down = False
        self.connections = 0

    @property
    def port(self) -> int:
        """Where to connect."""
        if self._server is None:
            raise Invariant("relay: not started, expected start() before its port is asked for")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> Relay:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def stop(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
            ended = tuple(self._open)
            self.cut_all()
            await asyncio.gather(*ended, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    def cut(self, where: Cut) -> None:
        """Break the next connection that has no cut yet."""
        self._cuts.append(where)

    def cut_all(self) -> None:
        """Break every open connection now."""
        for task in tuple(self._open):
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections += 1
        if self.is_down or len(self._open) >= CONNECTIONS_MAX:
            writer.transport.abort()
            await _gone(writer)
            return
        self._open.add(task)
        cut = self._cuts.popleft() if self._cuts else Cut()
        try:
            await self._pass(reader, writer, cut)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            await _gone(writer)
            self._open.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: Cut) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        ways = [
            asyncio.ensure_future(_copy(reader, far_writer, cut.up)),
            asyncio.ensure_future(_copy(far_reader, writer, cut.down)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far_writer.transport.abort()
            await _gone(far_writer)
            if cut.is_reset and (cut.up is not None or cut.down is not None):
                writer.transport.abort()
            else:
                writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None) -> None:
    left = most
    while data := await reader.read(_CHUNK):
        part = data if left is None else data[:left]
        writer.write(part)
        await writer.drain()
        if left is not None:
            left -= len(part)
            if left <= 0:
                return


async def _gone(writer: asyncio.StreamWriter) -> None:
    """Until the transport is closed, however it ended."""
    try:
        await writer.wait_closed()
    except OSError:
        return
