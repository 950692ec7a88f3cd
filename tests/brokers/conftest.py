"""What tests of adapters share: orders that passed the gate, and what an adapter told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest

from tradewinds.core.account import Fill
from tradewinds.core.broker import Link, OrderReport, Told
from tradewinds.core.instant import parse
from tradewinds.core.order import ApprovedOrder, Intent, OrderTerms
from tradewinds.risk.limits import Gate

NOW_NS = parse("2025-03-14T12:34:56Z")


class Nothing:
    """A situation in which nothing is held."""

    def position(self, instrument: str) -> Decimal:
        return Decimal(0)

    def working(self, instrument: str) -> Decimal:
        return Decimal(0)

    def price(self, instrument: str) -> Decimal | None:
        return None

    def price_ns(self, instrument: str) -> int | None:
        return None

    def rate(self, instrument: str) -> Decimal | None:
        return None


@pytest.fixture
def approve() -> Callable[..., ApprovedOrder]:
    """Makes approved orders: approve("EUR_USD.OANDA", "buy", "100", kind="limit", limit="1.08"). Each has an id of its own."""
    made = 0

    def make(instrument: str, side: Any, quantity: str, **terms: Any) -> ApprovedOrder:
        nonlocal made
        made += 1
        for name in ("limit", "stop"):
            if name in terms:
                terms[name] = Decimal(terms[name])
        intent = Intent("test", "by hand", NOW_NS + made, OrderTerms(instrument, side, Decimal(quantity), **terms))
        order = Gate().judge(intent, Nothing(), NOW_NS)
        assert isinstance(order, ApprovedOrder)
        return order

    return make


class Heard:
    """Everything that an adapter told, in order."""

    def __init__(self) -> None:
        self.all: list[Told] = []
        self._more = asyncio.Event()

    def __call__(self, told: Told) -> None:
        self.all.append(told)
        self._more.set()

    @property
    def links(self) -> list[str]:
        return [one.state for one in self.all if isinstance(one, Link)]

    @property
    def fills(self) -> list[Fill]:
        return [one for one in self.all if isinstance(one, Fill)]

    @property
    def reports(self) -> list[OrderReport]:
        return [one for one in self.all if isinstance(one, OrderReport)]

    async def until(self, is_so: Callable[[Heard], bool], seconds: float = 10.0) -> None:
        """Wait until it is so; a hang fails the test."""
        async with asyncio.timeout(seconds):
            while not is_so(self):
                self._more.clear()
                await self._more.wait()


@pytest.fixture
def heard() -> Heard:
    """A listener for `Broker.open`."""
    return Heard()


@dataclass(frozen=True)
class Act:
    """What happens to the next request whose first line holds `matching`.

    refuse: it is read and dropped; swallow: it reaches the venue, its answer does not come back; half: half of the answer comes back;
    say: the venue never sees it, and `answer` comes back.
    """

    kind: Literal["refuse", "swallow", "half", "say"]
    matching: str
    answer: bytes = b""


class Between:
    """A proxy between an adapter and a venue, on real sockets, that loses what it is told to lose."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._prefix = parts.hostname, parts.port, parts.path
        self.acts: deque[Act] = deque()
        self.seen: list[str] = []
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.url = ""

    async def __aenter__(self) -> Between:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self._prefix}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Nobody listens any more: connections are refused."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for writer in list(self._writers):
                writer.close()
            await server.wait_closed()

    def say(self, matching: str, status: int, body: str, **headers: str) -> None:
        """Answer the next matching request with this."""
        lines = [f"HTTP/1.1 {status} said", f"Content-Length: {len(body.encode())}", "Content-Type: application/json"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.acts.append(Act("say", matching, ("\r\n".join(lines) + "\r\n\r\n" + body).encode()))

    def lose(self, kind: Literal["refuse", "swallow", "half"], matching: str) -> None:
        """Lose the next matching request or its answer."""
        self.acts.append(Act(kind, matching))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                asked = await _message(reader)
                line = asked.partition(b"\r\n")[0].decode()
                self.seen.append(line)
                act = self.acts.popleft() if self.acts and self.acts[0].matching in line else None
                if act is not None and act.kind == "refuse":
                    break
                if act is not None and act.kind == "say":
                    writer.write(act.answer)
                    continue
                answer = await self._passed_on(asked)
                if act is not None and act.kind == "swallow":
                    break
                writer.write(answer if act is None else answer[: len(answer) // 2 + 40])
                if act is not None:
                    await writer.drain()
                    break
        self._writers.discard(writer)
        writer.close()

    async def _passed_on(self, asked: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(asked)
            return await _message(reader)
        finally:
            writer.close()
            await writer.wait_closed()


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return head + (await reader.readexactly(int(lengths[0])) if lengths else b"")


@pytest.fixture
def between() -> type[Between]:
    """`async with between(url) as proxy:` stands between an adapter and the venue at `url`."""
    return Between
