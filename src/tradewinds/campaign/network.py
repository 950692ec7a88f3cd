"""A network in memory: byte streams between a trading process and its venues, which can be slow, silent, cut at any byte, or refused.

1. A place (host, port) answers with a protocol; `connect` makes a link of two ends, one asyncio transport each.
2. Bytes travel in order within a link, each write with its own latency, often torn into two reads.
3. A process that dies leaves what it wrote in flight; its peers see the connection go a moment later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from tradewinds.campaign.chaos import Chaos
from tradewinds.campaign.loop import PROCESS, Loop, Process, context_of

SILENT_S = (8.0, 25.0)
SLOW_S = (0.3, 3.0)
DOWN_S = (0.3, 3.0)
TORN = 0.05
AT_A_WRITE = 0.15  # of a kind's usual chance: one request is several writes

Place = Callable[[], asyncio.Protocol]


class End(asyncio.Transport):
    """One end of a link: what its own side writes to; what its peer wrote arrives at `protocol`."""

    def __init__(self, network: Network, process: Process | None, name: str) -> None:
        super().__init__({"peername": ("10.0.0.1", 1), "sockname": ("10.0.0.2", 1)})
        self.network = network
        self.process = process
        self.name = name
        self.peer: End | None = None
        self.protocol: Any = None
        self.is_open = True
        self.is_silent = False
        self._context = context_of(process)
        self._inbox: deque[bytes | None] = deque()
        self._last_s = 0.0
        self._is_paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        peer, chaos = self.peer, self.network.chaos
        if not self.is_open or peer is None or (self.process is not None and self.process.is_dead):
            return
        sent = bytes(data)
        if self.process is not None and chaos.strikes("crash", self.name, weight=AT_A_WRITE):
            peer._arrive(sent[: chaos.random.randint(0, len(sent))], 0.0)
            self.process.kill_here()
        extra_s = chaos.random.uniform(*SLOW_S) if chaos.strikes("delay", self.name, weight=AT_A_WRITE) else 0.0
        if chaos.strikes("disconnect", self.name, weight=AT_A_WRITE):
            peer._arrive(sent[: chaos.random.randint(0, len(sent))], extra_s)
            self.abort()
            return
        if chaos.strikes("drop", self.name, weight=AT_A_WRITE):
            self.is_silent = peer.is_silent = True
            self.network.later(chaos.random.uniform(*SILENT_S), self.abort)
        if not self.is_silent:
            peer._arrive(sent, extra_s)

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        """Both ends are told, each a moment later, after what is in flight."""
        if self.is_open:
            self.is_open = False
            self.network.links.discard_end(self)
            self._arrive(None, 0.0)
            if self.peer is not None and self.peer.is_open:
                self.peer.is_open = False
                self.peer._arrive(None, 0.0)

    def is_closing(self) -> bool:
        return not self.is_open

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Nothing is half open here: the link goes when it is closed."""

    def get_write_buffer_size(self) -> int:
        return 0

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self.protocol
        return protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def is_reading(self) -> bool:
        return not self._is_paused

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        if self._is_paused:
            self._is_paused = False
            for _ in range(len(self._inbox)):
                self.network.loop.call_soon(self._take, context=self._context)

    def _arrive(self, data: bytes | None, extra_s: float) -> None:
        """Queue what the peer sent; one timer takes one piece, so that pieces keep their order."""
        if data is not None and not data:
            return
        network = self.network
        at_s = max(self._last_s, network.loop.time() + network.chaos.latency_s() + extra_s)
        self._last_s = at_s
        self._inbox.append(data)
        network.loop.call_at(at_s, self._take, context=self._context)

    def _take(self) -> None:
        if self._is_paused or not self._inbox:
            return
        data = self._inbox.popleft()
        if data is None:
            self.protocol.connection_lost(None)
        elif self.network.chaos.is_on and len(data) > 1 and self.network.chaos.random.random() < TORN:
            cut = self.network.chaos.random.randint(1, len(data) - 1)
            self.protocol.data_received(data[:cut])
            self.protocol.data_received(data[cut:])
        else:
            self.protocol.data_received(data)


class Links:
    """The open links, by their client ends, in order of connection."""

    def __init__(self) -> None:
        self.ends: dict[End, None] = {}

    def add(self, end: End) -> None:
        """A new link."""
        self.ends[end] = None

    def discard_end(self, end: End) -> None:
        """A link that is gone, by either end."""
        self.ends.pop(end, None)
        if end.peer is not None:
            self.ends.pop(end.peer, None)


class Network:
    """Everything that can be connected to. `loop.network` is this."""

    def __init__(self, loop: Loop, chaos: Chaos, host: str = "", place: Place | None = None) -> None:
        self.loop = loop
        self.chaos = chaos
        self.links = Links()
        self.places: dict[tuple[str, int], Place] = {}
        self.down_until_s = 0.0
        self._outside = context_of(None)
        if place is not None:
            self.places[host, 80] = place
        loop.network = self

    async def connect(self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int) -> tuple[End, asyncio.BaseProtocol]:
        """A link to a place; raises ConnectionRefusedError where none answers."""
        await asyncio.sleep(self.chaos.latency_s())
        place = self.places.get((host, port))
        is_refused = self.loop.time() < self.down_until_s or self.chaos.strikes("disconnect", "connect", weight=AT_A_WRITE)
        if place is None or is_refused:
            raise ConnectionRefusedError(f"{host}:{port} refused, expected one of {sorted(self.places)}")
        process = PROCESS.get()
        near, far = End(self, process, "client"), End(self, None, "venue")
        near.peer, far.peer = far, near
        near.protocol = factory()
        self.links.add(near)
        if process is not None:
            process.on_death.append(near.abort)
        far.protocol = self._outside.run(place)
        self._outside.run(far.protocol.connection_made, far)
        near.protocol.connection_made(near)
        return near, near.protocol

    def cut_all(self, seconds: float = 0.0) -> None:
        """Every link breaks; for so long nobody can connect."""
        self.down_until_s = self.loop.time() + seconds
        for end in list(self.links.ends):
            end.abort()

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Do this in the world outside the trading process."""
        self.loop.call_later(seconds, work, context=self._outside)
