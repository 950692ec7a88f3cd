"""Keeping one connection to the gateway, and saying in words why there is none.

A sign of life is asked for every while, because a gateway can be connected and dead for days. Behind every new connection, open orders and
executions are asked for before anybody is told that it is up. Until then, cut off from Interactive Brokers (1100), in the nightly restart
or locked out, nothing is sent, and nothing that the gateway remembers is taken for the whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tradewinds.brokers.ibkr_line import Line
from tradewinds.brokers.ibkr_schedule import Schedule
from tradewinds.brokers.ibkr_told import Ears, Said
from tradewinds.core.broker import Link, LinkState, Told
from tradewinds.core.errors import Rejected, TradewindsError, Transient
from tradewinds.core.ports import Clock

NS = 1_000_000_000
CONNECTIVITY_LOST = (1100, 2110)
RESTORED_DATA_LOST, RESTORED = 1101, 1102
LOOK_SOON_S = 0.2


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: of a connection, a question, an order's first answer, between signs of life, between attempts to connect.

    look_s: between questions for executions that nobody told. locked_out_s: without a connection, or cut off from IB, for so long, a
    person has to look.
    """

    connect_s: float = 10.0
    question_s: float = 10.0
    order_s: float = 5.0
    heartbeat_s: float = 30.0
    look_s: float = 60.0
    again_s: float = 0.5
    again_s_max: float = 5.0
    locked_out_s: float = 600.0


class Keeper:
    """The connection of one client id to one account. line: the newest one, which may be gone."""

    def __init__(
        self, address: str, client_id: int, account: str, environment: str, schedule: Schedule, patience: Patience, clock: Clock,
        ears: Ears, tell: Callable[[Told], None],
    ) -> None:  # fmt: skip
        self.client_id, self.account = client_id, account
        self.schedule, self.patience = schedule, patience
        self.line: Line | None = None
        self._host, self._port = address_of(address)
        self._environment = environment
        self._clock = clock
        self._ears = ears
        self._tell = tell
        self._tasks: list[asyncio.Task[None]] = []
        self._look: asyncio.TimerHandle | None = None
        self._state: LinkState | None = None
        self._up_ns = 0
        self._down_ns: int | None = None

    async def open(self) -> None:
        """Connect, and go on trying where nobody answers. Raises Rejected where the account is not the one that was meant."""
        self._up_ns = self._clock.now_ns()
        try:
            await self._connect()
        except Transient as error:
            self._lost(str(error))
        keeping = asyncio.get_running_loop().create_task(self._keep())
        keeping.add_done_callback(self._on_end)
        self._tasks.append(keeping)

    async def close(self) -> None:
        """Let go."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if self._look is not None:
            self._look.cancel()
            self._look = None
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.line is not None:
            self.line.end("closed")
            await asyncio.sleep(0)  # the transport says good-bye in the next turn of the loop
        self.line = self._state = None

    def up(self, what: str) -> Line:
        """The line; raises Transient where it is not up."""
        if self.line is None or self._state != "up" or not self.line.is_open:
            raise Transient(f"{what}: the gateway is {self._state or 'not open'}, expected it up")
        return self.line

    def sendable(self, what: str) -> Line:
        """The line; raises Transient where it is not up, or the gateway restarts about now."""
        line = self.up(what)
        if self.schedule.is_near(self._clock.now_ns()):
            raise Transient(f"{what}: the gateway restarts about now, not sent", retry_after_s=self.schedule.after_s)
        return line

    async def slot(self, what: str) -> Line:
        """The line, when one more message may be sent on it."""
        line = self.up(what)
        await line.slot()
        if line is not self.up(what):
            raise Transient(f"{what}: not sent, the connection is another one by now")
        return line

    def is_about_connection(self, said: Said) -> bool:
        """Whether a notice is about the connection; it is heeded then."""
        line = self.line
        if line is None or said.code not in (*CONNECTIVITY_LOST, RESTORED, RESTORED_DATA_LOST):
            return False
        detail = f"{said.code} {said.text}"
        if said.code in CONNECTIVITY_LOST:
            line.is_cut = True
            self._lost(detail)
            return True
        line.is_cut = False
        if said.code == RESTORED_DATA_LOST:
            self._link("data lost", detail)
        self._spawn(self._resume_again(line, detail))
        return True

    async def _keep(self) -> None:
        """Hold the connection: signs of life, and a new one whenever it is gone."""
        wait_s = self.patience.again_s
        while True:
            line = self.line
            if line is not None and line.is_open:
                wait_s = self.patience.again_s
                await self._watch(line)
                self._lost(line.gone.result())
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, self.patience.again_s_max)
            try:
                await self._connect()
            except TradewindsError as error:
                self._lost(str(error))

    def _on_end(self, keeping: asyncio.Task[None]) -> None:
        """Nobody keeps the connection any more: on purpose, or by a bug that must not stay silent."""
        error = None if keeping.cancelled() else keeping.exception()
        if error is not None:
            self._link("down", f"the keeper of the connection failed: {error!r}; restart the service")

    def look_soon(self) -> None:
        """Something was traded that nobody told us of (what hands do in TWS is told to client 0 alone): ask for executions."""
        line = self.line
        if self._look is None and line is not None:
            self._look = asyncio.get_running_loop().call_later(LOOK_SOON_S, self._look_now, line)

    def _look_now(self, line: Line) -> None:
        self._look = None
        if line.is_open:
            self._spawn(self._asked(line))

    async def _asked(self, line: Line) -> None:
        with suppress(TradewindsError):  # the line is gone; the next one begins by asking
            await line.executions()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks = [one for one in self._tasks if not one.done()]
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def _watch(self, line: Line) -> None:
        """Until the line is gone: one question every while, and the state of a long cut."""
        loop = asyncio.get_running_loop()
        look_at = loop.time() + self.patience.look_s
        while not line.gone.done():
            await asyncio.wait({line.gone}, timeout=self.patience.heartbeat_s)
            if not line.gone.done():
                try:
                    await (line.executions() if loop.time() >= look_at and not line.is_cut else line.time())
                except TradewindsError:
                    line.end("no sign of life")
            if loop.time() >= look_at:
                look_at = loop.time() + self.patience.look_s
            if self._state not in (None, "up") and not line.gone.done():
                self._lost("still without Interactive Brokers")

    async def _connect(self) -> None:
        line = Line(self._ears, zone=self.schedule.zone, answer_s=self.patience.question_s)
        self.line = line
        try:
            await line.connect(self._host, self._port, self.client_id, self.patience.connect_s)
            self._check_account(line)
            await self._resume_first(line)
        except BaseException as error:
            line.end(str(error))
            raise

    def _check_account(self, line: Line) -> None:
        """Which account, and that it is of the kind that was meant."""
        what = f"interactive brokers at {self._host}:{self._port}"
        if not self.account and len(line.accounts) != 1:
            raise Rejected(f"{what}: accounts {', '.join(line.accounts)}, expected one to be named in the configuration")
        account = self.account or line.accounts[0]
        if account not in line.accounts:
            raise Rejected(f"{what}: no account {account}, expected one of {', '.join(line.accounts)}")
        if account.startswith("D") != (self._environment == "test"):
            raise Rejected(f"{what}: account {account} for environment {self._environment}, expected D... for test and others for live")
        self.account = account

    async def _resume(self, line: Line, detail: str) -> None:
        """What happened while we did not hear, then up."""
        await line.open_orders()
        await line.executions()
        await line.positions()
        if not line.is_cut and line.is_open:
            self._up_ns = self._clock.now_ns()
            self._down_ns = None
            self._link("up", detail)

    async def _resume_first(self, line: Line) -> None:
        try:
            await self._resume(line, "connected")
        except Rejected as error:
            raise Transient(str(error)) from error

    async def _resume_again(self, line: Line, detail: str) -> None:
        try:
            await self._resume(line, detail)
        except TradewindsError as error:
            line.end(str(error))

    def _lost(self, detail: str) -> None:
        """Say why we are not up, in words that tell a person what to do."""
        now_ns = self._clock.now_ns()
        if self._down_ns is None:
            self._down_ns = now_ns
        if self.schedule.last_logout_ns(now_ns) > self._up_ns:
            self._link("locked out", f"{detail}; the weekly log-out passed: log in at the gateway and confirm the second factor")
        elif self.schedule.is_near(now_ns):
            self._link("restarting", f"{detail}; the nightly restart, orders wait")
        elif now_ns - self._down_ns >= self.patience.locked_out_s * NS:
            self._link("locked out", f"{detail}; for {(now_ns - self._down_ns) // NS} s: see whether the gateway waits for a log-in")
        else:
            self._link("down", detail)

    def _link(self, state: LinkState, detail: str) -> None:
        if state != self._state or state == "up":
            self._state = state
            self._tell(Link(state, detail, self._clock.now_ns()))


def address_of(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:4002` or `tws://127.0.0.1:4002`."""
    host, colon, port = text.removeprefix("tws://").rstrip("/").rpartition(":")
    if not colon or not host or not port.isdigit():
        raise Rejected(f"interactive brokers address {text!r}, expected host:port such as 127.0.0.1:4002")
    return host.strip("[]"), int(port)
