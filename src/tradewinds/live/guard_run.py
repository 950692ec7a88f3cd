"""The guard as a process: its socket, its heartbeat, its dead-man timer.

<home>/guard/control.sock     mode 0600; one JSON object a line: {"act": "halt", "words": {...}} -> {"answer": {...}}
<home>/guard/process.json     its heartbeat, as the trade process has one
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tradewinds.core.errors import Invariant, Rejected
from tradewinds.live.control import ControlServer
from tradewinds.live.guard import STALE_S, Cleared, Guard
from tradewinds.live.guard_process import Heartbeat, read_beat, service_path

BEAT_EVERY_S = 1.0


def guard_socket(home: Path) -> Path:
    """Where the guard of a home listens."""
    return home / "guard" / "control.sock"


def guard_beat(home: Path) -> Path:
    """Where the guard of a home writes its heartbeat."""
    return home / "guard" / "process.json"


async def run_guard(guard: Guard, home: Path, *, stale_s: float = STALE_S) -> None:
    """Guard until cancelled."""
    heartbeat = Heartbeat(guard_beat(home))
    server = ControlServer(guard_socket(home), lambda act, words: _answer(guard, act, words))
    heartbeat.beat({"accounts": list(guard.accounts)})
    await server.start()
    await guard.start()
    watches = [
        asyncio.create_task(guard.watch(lambda: read_beat(service_path(home)), stale_s)),
        asyncio.create_task(_beat(heartbeat, guard)),
    ]
    try:
        done, _ = await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
        raise Invariant("guard: a watch ended by itself, expected it to go on")
    finally:
        for one in watches:
            one.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        await server.close()
        await guard.stop()
        heartbeat.rest()


def told(done: Mapping[str, Cleared]) -> dict[str, Any]:
    """What `halt` prints."""
    return {"accounts": {name: one.told() for name, one in done.items()}, "is_clear": all(one.is_clear for one in done.values())}


async def _answer(guard: Guard, act: str, words: Mapping[str, Any]) -> Mapping[str, Any]:
    if act == "ping":
        return {"accounts": list(guard.accounts)}
    if act != "halt":
        raise Rejected(f"guard: {act!r}, expected ping or halt")
    done = await guard.halt(
        by=str(words.get("by", "")), reason=str(words.get("reason", "")), epoch=int(words.get("epoch", 0)),
        flatten=words.get("flatten") is True,
    )  # fmt: skip
    return told(done)


async def _beat(heartbeat: Heartbeat, guard: Guard) -> None:
    while True:
        heartbeat.beat({"accounts": list(guard.accounts)})
        await asyncio.sleep(BEAT_EVERY_S)
