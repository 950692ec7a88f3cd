"""Virtual time: an event loop that never waits, and processes inside it that can be killed at any step.

1. What is ready runs in order of arrival. When nothing is, the time jumps to the next timer; so a day of waiting costs nothing.
2. There is no socket, no thread and no resolver: connections are made in memory by the network that `connect` names.
3. Every callback belongs to the process in whose context it was made. A process dies between two callbacks, or where something raises
   `Killed` on its behalf; from then on none of its callbacks runs, and no `finally` of it reaches the world.

The order of callbacks depends on nothing but the program and its seeds: one thread, one queue, one heap.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from asyncio import base_events
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any, NoReturn, Protocol, TypeVar

NS = 1_000_000_000
START_NS = 1_800_000_000_000_000_000
"""The instant at which every simulation begins: 2027-01-15 08:00 UTC."""

STEPS_MAX = 1_000_000

T = TypeVar("T")


class Killed(BaseException):
    """The process ended here, as by SIGKILL. Not an Exception: nothing may catch it and go on."""


class Stalled(Exception):
    """Whatever is awaited will never come: nothing is ready and nothing is due, or the program goes in circles."""


class Process:
    """One run of a program inside the loop. dies_at: the step (counted callbacks) before which it is killed, None for never."""

    __slots__ = ("dies_at", "is_dead", "kept", "name", "on_death", "steps")

    def __init__(self, name: str, dies_at: int | None = None) -> None:
        self.name = name
        self.dies_at = dies_at
        self.steps = 0
        self.is_dead = False
        self.on_death: list[Callable[[], None]] = []
        self.kept: list[object] = []

    def die(self) -> None:
        """Kill it: no callback of it runs any more; whoever watches is told."""
        if not self.is_dead:
            self.is_dead = True
            for told in self.on_death:
                told()

    def kill_here(self) -> NoReturn:
        """Kill it in the middle of what it does now."""
        self.die()
        raise Killed


PROCESS: ContextVar[Process | None] = ContextVar("tradewinds_process", default=None)


def context_of(process: Process | None) -> Context:
    """A context whose callbacks belong to the process, None for the world outside."""
    made = copy_context()
    made.run(PROCESS.set, process)
    return made


class Connects(Protocol):
    """A network in memory."""

    def connect(self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int) -> Awaitable[Any]: ...


class VirtualLoop(base_events.BaseEventLoop):
    """An asyncio loop in virtual time, which begins at zero."""

    _ready: deque[Any]  # of handles, whose time and context the type stubs do not know
    _scheduled: list[Any]
    _stopping: bool

    def __init__(self, network: Connects | None = None) -> None:
        super().__init__()
        self.network = network
        self.steps = 0
        self._now_s = 0.0

    def time(self) -> float:
        return self._now_s

    def now_ns(self) -> int:
        """The world's time: UTC nanoseconds."""
        return START_NS + round(self._now_s * NS)

    def stall(self, seconds: float) -> None:
        """The process computes or waits for its disk for so long; meanwhile nothing else of it runs."""
        self._now_s += seconds

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        if self.network is None:
            raise OSError(f"connection to {host}:{port}, expected a network")
        return await self.network.connect(protocol_factory, str(host), int(port))

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]  # it never returns
        raise RuntimeError(f"{func} in a thread, expected none in virtual time")

    async def getaddrinfo(self, *args: Any, **_: Any) -> Any:
        raise OSError(f"name {args[:2]} looked up, expected no resolver in virtual time")

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled
        if not ready and not self._stopping:
            while scheduled and scheduled[0]._cancelled:
                heapq.heappop(scheduled)._scheduled = False
            if not scheduled:
                raise Stalled("nothing is ready and nothing is due")
            self._now_s = max(self._now_s, scheduled[0]._when)
        now_s = self._now_s
        while scheduled and scheduled[0]._when <= now_s:
            due = heapq.heappop(scheduled)
            due._scheduled = False
            if not due._cancelled:
                ready.append(due)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled and _may_run(handle._context):
                self.steps += 1
                handle._run()
        if self.steps > STEPS_MAX:
            raise Stalled(f"{self.steps} steps by {self._now_s} s: the program goes in circles")

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""

    def _process_events(self, event_list: Any) -> None:
        """There are no file descriptors."""


class RealLoop(asyncio.SelectorEventLoop):
    """A loop in real time with real sockets, for the venues of a kill campaign; what a stage asks of a loop, it has too."""

    network: Connects | None = None

    def now_ns(self) -> int:
        """The machine's time: UTC nanoseconds."""
        return time.time_ns()


Loop = VirtualLoop | RealLoop


def _may_run(context: Context) -> bool:
    process = context.get(PROCESS)
    if process is None:
        return True
    if process.is_dead:
        return False
    process.steps += 1
    if process.dies_at is not None and process.steps >= process.dies_at:
        process.die()
        return False
    return True


def run_virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]], loop: VirtualLoop) -> T:
    """Run to the end of `main`, then let go of everything that still waits."""
    task = loop.create_task(main(loop))
    try:
        return loop.run_until_complete(task)
    finally:
        for one in asyncio.all_tasks(loop):
            one._log_destroy_pending = False  # type: ignore[attr-defined]  # killed processes leave tasks behind on purpose
            with suppress(BaseException):  # what a dead task does at its end reaches nobody
                one.get_coro().close()
        loop._ready.clear()
        loop._scheduled.clear()
        loop.close()
