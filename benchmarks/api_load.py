"""The load of `benchmarks.api`, in a process of its own: `python -m benchmarks.api_load '{...}'` prints {"per_s": ..., "p50_ms": ..., ...}.

Connections that are kept open, each with one request under way; with `pace_s` each waits that long from one request to the next.
An answer counts when its whole body came; anything but 200 ends the run with its status.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import uvloop


class Connection(asyncio.Protocol):
    """One connection that asks for its paths in turn."""

    def __init__(self, load: Load, number: int) -> None:
        self._load = load
        self._number = number
        self._at = number * 7
        self._left = 0
        self._head = b""
        self._sent_s = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        # People do not ask in the same instant: with a pace they are spread over it.
        asyncio.get_running_loop().call_later(self._load.pace_s * self._number / self._load.connections, self._ask)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._load.is_over:
            self._load.fail(f"a connection ended: {error}")

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._left -= len(data)
        else:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._head[:end].lower()
            if b" 200 " not in head[:16]:
                self._load.fail(self._head[:200].decode("latin-1"))
                return
            at = head.index(b"content-length:") + 15
            stop = head.find(b"\r\n", at)
            length = int(head[at : stop if stop > 0 else len(head)])
            self._left = length - (len(self._head) - end - 4)
            self._head = b""
        if self._left == 0:
            self._load.took.append(time.perf_counter() - self._sent_s)
            if not self._load.is_over:
                self._next()

    def _next(self) -> None:
        pace_s = self._load.pace_s
        if pace_s:
            asyncio.get_running_loop().call_later(max(0.0, self._sent_s + pace_s - time.perf_counter()), self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        if self._load.is_over:
            return
        self._at += 1
        self._sent_s = time.perf_counter()
        self._transport.write(self._load.requests[self._at % len(self._load.requests)])


class Load:
    """One run. asked: port, token, paths, connections, streams, seconds, pace_s."""

    def __init__(self, asked: dict[str, Any]) -> None:
        auth = f"Authorization: Bearer {asked['token']}\r\n"
        self.requests = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{auth}\r\n".encode() for path in asked["paths"]]
        self.live = f"GET /api/v1/live?for_s=3600 HTTP/1.1\r\nHost: localhost\r\n{auth}\r\n".encode()
        self.port, self.connections, self.streams = asked["port"], asked["connections"], asked.get("streams", 0)
        self.seconds, self.pace_s = asked["seconds"], asked.get("pace_s", 0.0)
        self.took: list[float] = []
        self.events = 0
        self.is_over = False
        self.failed = ""

    def fail(self, why: str) -> None:
        self.failed = self.failed or why
        self.is_over = True

    async def run(self) -> dict[str, Any]:
        """Warm up for a fifth of the time, then count."""
        loop = asyncio.get_running_loop()
        listeners = [asyncio.create_task(self._listen()) for _ in range(self.streams)]
        for number in range(self.connections):
            await loop.create_connection(lambda number=number: Connection(self, number), "127.0.0.1", self.port)  # type: ignore[misc]  # one argument with a default
        await asyncio.sleep(self.seconds / 5)
        self.took.clear()
        self.events = 0
        begun = time.perf_counter()
        await asyncio.sleep(self.seconds)
        took, spent = sorted(self.took), time.perf_counter() - begun
        self.is_over = True
        for one in listeners:
            one.cancel()
        if self.failed or not took:
            return {"failed": self.failed or "no answer came"}
        at = {name: took[min(len(took) - 1, int(len(took) * share))] * 1_000 for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99))}
        return {"per_s": len(took) / spent, **at, "events": self.events}

    async def _listen(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(self.live)
        while line := await reader.readline():
            self.events += line.startswith(b"event:")


if __name__ == "__main__":
    print(json.dumps(uvloop.run(Load(json.loads(sys.argv[1])).run())))
