"""The feed's socket: kline messages of a venue on the loopback, from the socket to typed bars, against aiohttp and msgspec alone.

1. A process of its own plays the venue: after the handshake it sends frames that it made before, as fast as the socket takes them.
2. The feed's source reads them as it reads Binance; every bar's start is checked against the one expected, and the end against the count.
3. The floor reads the same frames with aiohttp and msgspec and nothing else, before and after, in the same run.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import aiohttp

from tradewinds.live.feed import Brought
from tradewinds.live.feed_assembly import Closed
from tradewinds.live.feed_binance import DECODER, BinanceSource
from tradewinds.wire.stream import StreamLimits

FRAMES = 20_000
MINUTE_MS = 60_000
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
IDLE_S = 3.0  # a machine that is busy with other things may pause a reader so long
REACH = 250_000
NAME = "BTCUSDT.BINANCE"


def run(quick: bool = False) -> dict[str, object]:
    """Messages per second of the feed and of the floor, and how many were lost. quick: a second each instead of 60 and 10."""
    seconds, floor_s = (1.0, 0.5) if quick else (60.0, 10.0)
    floors = [_measured(_bare, floor_s)]
    feed = _measured(_fed, seconds)
    floors.append(_measured(_bare, floor_s))
    return {
        "figures": {
            "messages_per_s": round(feed["per_s"]),
            "messages_per_cpu_s": round(feed["per_cpu_s"]),
            "messages": feed["messages"],
            "lost": feed["lost"],
            "seconds": round(feed["seconds"], 1),
        },
        "peers": {
            "aiohttp_and_msgspec_alone_per_s": round(median(one["per_s"] for one in floors)),
            "aiohttp_and_msgspec_alone_per_cpu_s": round(median(one["per_cpu_s"] for one in floors)),
        },
        "reach": {
            "messages_per_s": {"value": round(feed["per_s"]), "limit": REACH, "met": feed["per_s"] >= REACH},
            "lost": {"value": feed["lost"], "limit": 0, "met": feed["lost"] == 0},
        },
    }


def _measured(read: Callable[[str, list[float]], Any], seconds: float) -> dict[str, Any]:
    """Let a venue send for so long and one reader read; numbers of bars rise by one from 0, over and over."""
    venue = subprocess.Popen([sys.executable, "-m", "benchmarks.stream", str(seconds)], stdout=subprocess.PIPE, text=True)
    begin = time.process_time()
    try:
        assert venue.stdout is not None
        url = f"ws://127.0.0.1:{int(venue.stdout.readline())}"
        taken: list[float] = [0, 0, 0, 0]  # messages, out of order, when the first came, when the last did
        asyncio.run(read(url, taken))
        sent = int(venue.stdout.readline())
    finally:
        venue.kill()
        venue.wait()
        if venue.stdout is not None:
            venue.stdout.close()
    elapsed = taken[3] - taken[2]
    return {
        "per_s": taken[0] / elapsed,
        "per_cpu_s": taken[0] / (time.process_time() - begin),
        "messages": int(taken[0]),
        "lost": int(sent - taken[0] + taken[1]),
        "seconds": elapsed,
    }


async def _fed(url: str, taken: list[float]) -> None:
    """The feed's own path."""
    wanted, expected, begun = [(at + 1) * MINUTE_MS * 1_000_000 for at in range(FRAMES)], 0, 0.0

    def take(brought: Brought) -> None:
        nonlocal expected, begun
        if isinstance(brought, Closed):
            if brought.end_ns != wanted[expected]:
                taken[1] += 1
            expected += 1
            taken[0] += 1
            if expected == FRAMES:
                expected, taken[3] = 0, time.perf_counter()
        elif not begun:
            begun = time.perf_counter()

    class Clock:
        def now_ns(self) -> int:
            return time.time_ns()

    source = BinanceSource({"1m": frozenset({NAME})}, url, "", Clock(), random.Random(1), limits=StreamLimits(backoff_first_s=30.0))
    running = asyncio.create_task(source.run(take))
    while not taken[3] or taken[3] > time.perf_counter() - IDLE_S:
        await asyncio.sleep(0.1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    taken[2] = begun


async def _bare(url: str, taken: list[float]) -> None:
    """aiohttp and msgspec alone."""
    decode = DECODER.decode
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/stream", compress=0, max_msg_size=1 << 22) as ws:
        await ws.send_str("{}")
        taken[2] = time.perf_counter()
        async for message in ws:
            decode(message.data)
            taken[0] += 1
    taken[3] = time.perf_counter()


def _frames() -> bytes:
    """WebSocket text frames, one kline each; the bar that starts at minute `at` is the frame's number."""
    parts = []
    for at in range(FRAMES):
        price = f"{50_000 + at % 977 / 10:.2f}"
        kline = {
            "t": at * MINUTE_MS, "T": (at + 1) * MINUTE_MS - 1, "s": "BTCUSDT", "i": "1m", "f": 100, "L": 200, "o": price, "c": price,
            "h": price, "l": price, "v": "12.34567000", "n": 101, "x": True, "q": "617283.50", "V": "6.17", "Q": "308641.75", "B": "0",
        }  # fmt: skip
        event = {"e": "kline", "E": (at + 1) * MINUTE_MS, "s": "BTCUSDT", "k": kline}
        body = json.dumps({"stream": "btcusdt@kline_1m", "data": event}, separators=(",", ":")).encode()
        parts.append(b"\x81\x7e" + struct.pack(">H", len(body)) + body)
    return b"".join(parts)


def _serve(seconds: float) -> None:
    """One connection: handshake, its first message, then frames for so long, then a close frame; prints the port and what was sent."""
    content = _frames()
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    connection, _ = listener.accept()
    asked = b""
    while b"\r\n\r\n" not in asked:
        asked += connection.recv(65536)
    lines = dict(line.split(b": ", 1) for line in asked.split(b"\r\n")[1:] if b": " in line)
    key = next(value for name, value in lines.items() if name.lower() == b"sec-websocket-key")
    accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
    said = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept
    connection.sendall(said + b"\r\n\r\n")
    connection.recv(65536)  # the subscription
    sent, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        connection.sendall(content)
        sent += FRAMES
    connection.sendall(b"\x88\x02\x03\xe8")
    print(sent, flush=True)
    time.sleep(IDLE_S)  # the reader empties its buffers


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
