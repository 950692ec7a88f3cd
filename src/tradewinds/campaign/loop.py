"""Virtual time: an event loop that never waits, and processes inside it that can be killed at any step.

1. What is ready runs in order of arrival. When nothing is, the time jumps to the next timer; so a day of waiting costs nothing.
2. There is no socket, no thread and no resolver: connections are made in memory by the network that `connect` names.
3. Every callback belongs to the process in whose context it was made. A process dies between two callbacks, or where something raises
   `Killed` on its behalf; from then on none of its callbacks runs, and no `finally` of it reaches the world.

The order of callbacks depends on nothing but the program and its seeds: one thread, one queue, one heap.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import base_events
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from typing import Any, NoReturn, Protocol, TypeVar, TypeVarTuple

NS = 1_000_000_000
START_NS = 1_800_000_000_000_000_000
"""The instant at which a simulation begins, unless its stage sets another: 2027-01-15 08:00 UTC."""

STEPS_MAX = 500_000
STEPS_AT_A_TIME = 50_000  # so many while the time stands still are a circle
STEPS_LOOKED_AT, NAMES_TOLD, CALLERS_TOLD = 50, 3, 5

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


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

    def lives_on(self) -> bool:
        """Count a step, and whether it may be taken; at the step that it was told, the process dies."""
        if self.is_dead:
            return False
        self.steps += 1
        if self.dies_at is not None and self.steps >= self.dies_at:
            self.die()
            return False
        return True

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


class _Step(asyncio.TimerHandle):
    """A callback that is due, soon or at its time."""

    __slots__ = ()

    def __init__(self, when: float, callback: Any, args: Any, loop: Any, context: Context | None) -> None:
        self._when, self._callback, self._args, self._loop = when, callback, args, loop
        self._context = copy_context() if context is None else context
        self._cancelled = self._scheduled = False
        self._repr = self._source_traceback = None

    def cancel(self) -> None:
        self._cancelled = True
        self._callback, self._args = bool, ()  # what it would have done is let go of


class VirtualLoop(base_events.BaseEventLoop):
    """An asyncio loop in virtual time, which begins at zero."""

    _ready: deque[Any]  # of handles, whose time and context the type stubs do not know
    _scheduled: list[Any]
    _stopping: bool

    def __init__(self, network: Connects | None = None) -> None:
        super().__init__()
        self.network = network
        self.begin_ns = START_NS
        self.steps = 0
        self._now_s = 0.0
        self._timers = 0
        self._then_s, self._steps_then = 0.0, 0

    def time(self) -> float:
        return self._now_s

    def now_ns(self) -> int:
        """The world's time: UTC nanoseconds."""
        return self.begin_ns + round(self._now_s * NS)

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

    # asyncio's own of these ask for debug modes, threads and closed loops at every call

    def call_soon(self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> asyncio.Handle:
        handle = _Step(0.0, callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> asyncio.TimerHandle:
        timer = _Step(when, callback, args, self, context)
        self._timers += 1
        heappush(self._scheduled, (when, self._timers, timer))
        return timer

    get_debug = staticmethod(bool)  # False, said by C to C: every future and task asks

    def _timer_handle_cancelled(self, handle: Any) -> None:
        """A cancelled timer is left out when its time comes."""

    def _run_once(self) -> None:
        """Until somebody stops the loop, not once only: as asyncio's own, in rounds of what is ready at their begin."""
        ready, scheduled = self._ready, self._scheduled
        take, owner = ready.popleft, PROCESS
        while True:
            if not ready and not self._stopping:
                while scheduled and scheduled[0][2]._cancelled:
                    heappop(scheduled)
                if not scheduled:
                    raise Stalled("nothing is ready and nothing is due")
                self._now_s = max(self._now_s, scheduled[0][0])
            now_s = self._now_s
            while scheduled and scheduled[0][0] <= now_s:
                due = heappop(scheduled)[2]
                if not due._cancelled:
                    ready.append(due)
            for _ in range(len(ready)):
                handle = take()
                if handle._cancelled:
                    continue
                context = handle._context
                process = context.get(owner)
                if process is not None and not process.lives_on():
                    continue
                self.steps += 1
                try:
                    context.run(handle._callback, *handle._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001 - as asyncio's own loop: whatever a callback raises is told
                    self.call_exception_handler({"message": f"exception in {handle._callback}", "exception": error, "handle": handle})
            if (self.steps - self._steps_then > STEPS_AT_A_TIME and now_s == self._then_s) or self.steps > STEPS_MAX:
                raise Stalled(self._circle())
            if now_s != self._then_s:
                self._then_s, self._steps_then = now_s, self.steps
            if self._stopping:
                return

    def _circle(self) -> str:
        """What goes round: the callbacks that run most often of those that are next."""
        names: Counter[str] = Counter()
        for _ in range(STEPS_LOOKED_AT):
            for one in [*self._ready, *([self._scheduled[0][2]] if self._scheduled else [])]:
                names[_named(one._callback)] += 1
            for handle in [self._ready.popleft() for _ in range(len(self._ready))]:
                if not handle._cancelled:
                    handle._run()
        said = ", ".join(f"{name} {count} times" for name, count in names.most_common(NAMES_TOLD))
        return f"{self.steps} steps by {self._now_s} s: the program goes in circles: {said}"

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


def _named(callback: Any) -> str:
    """What a callback is: of a task the coroutines that it takes further, outermost first, and the line where each stands."""
    owner = getattr(callback, "__self__", None)
    if not isinstance(owner, asyncio.Task):
        return str(getattr(callback, "__qualname__", callback))
    names: list[str] = []
    one: Any = owner.get_coro()
    while hasattr(one, "cr_frame"):
        names.append(f"{one.__qualname__}:{one.cr_frame.f_lineno if one.cr_frame is not None else 'ended'}")
        one = one.cr_await
    return " > ".join(names[-CALLERS_TOLD:])


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
