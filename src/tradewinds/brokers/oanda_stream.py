"""OANDA's transaction stream: connects, listens, connects again, and says what it heard and whether it hears.

Ids of transactions rise by one, and a heartbeat every five seconds names the last: one that was not heard is asked for by REST. No line
for `silence_s` is a dead connection. After each connection `Link("up")` makes the core ask for what it missed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any, Protocol

from tradewinds.brokers.http import HttpWire, exact_json
from tradewinds.brokers.oanda_messages import Fields, ending, report_of, text, time_ns
from tradewinds.core.account import Fill
from tradewinds.core.broker import Link, OrderReport
from tradewinds.core.errors import Rejected, TradewindsError, Transient, Unreadable
from tradewinds.core.ports import Clock
from tradewinds.wire.secret import Secret

BACKOFF_FIRST_S, BACKOFF_S_MAX = 0.5, 20.0
REFUSED_AGAIN_S = 30.0


class Listener(Protocol):
    """Who the stream tells, and asks for what it missed."""

    def hear(self, told: OrderReport | Fill | Link) -> None: ...

    def fill(self, transaction: Fields) -> Fill: ...

    def note(self, transaction: Fields) -> None: ...

    def known(self, number_of_order: str) -> tuple[str, str]: ...

    async def transactions(self, since: int) -> list[Fields]: ...


class TransactionStream:
    """One listening connection at a time, for as long as it is started."""

    def __init__(
        self,
        wire: HttpWire,
        path: str,
        headers: Mapping[str, str | Secret],
        clock: Clock,
        random: random.Random,
        silence_s: float,
        listener: Listener,
    ) -> None:
        self._wire = wire
        self._path = path
        self._headers = headers
        self._clock = clock
        self._random = random
        self._silence_s = silence_s
        self._listener = listener
        self._heard_id = 0
        self._is_up: bool | None = None
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    def start(self, last_id: int) -> None:
        """Listen from now on; transactions up to `last_id` are known."""
        self._wire.open()
        self._heard_id = last_id
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._wire.close()

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
                said = "the venue ended the stream"
                wait_s = 0.0
            except Rejected as error:
                said, wait_s = str(error), REFUSED_AGAIN_S
                self._say("refused key", said)
                self._is_up = False
            except Exception as error:  # noqa: BLE001 - whatever happens, the stream comes back and says so
                said, wait_s = _words(error), 0.0
            if self._is_up is not False:
                self._is_up = False
                self._say("down", said)
            ceiling = min(BACKOFF_S_MAX, BACKOFF_FIRST_S * 2.0 ** min(self._failures, 10))
            self._failures += 1
            await asyncio.sleep(wait_s or ceiling * (0.5 + 0.5 * self._random.random()))

    async def _listen(self) -> None:
        async with self._wire.lines(self._path, headers=self._headers, silence_s=self._silence_s) as (head, lines):
            if head.status in (401, 403):
                raise Rejected(
                    self._wire.fault("GET", self._path, f"HTTP {head.status} ({head.excerpt}), expected a token that is accepted")
                )
            if head.status != 200:
                raise Transient(self._wire.fault("GET", self._path, f"HTTP {head.status} ({head.excerpt}), expected 200"))
            async for line in lines:
                if not line.strip():
                    continue
                if not line.endswith(b"\n"):
                    raise Transient(self._wire.fault("GET", self._path, "the last line is cut, expected a whole one"))
                if not self._is_up:
                    self._is_up, self._failures = True, 0
                    self._say("up", "transaction stream")
                await self._on_line(line)

    async def _on_line(self, line: bytes) -> None:
        try:
            said = exact_json(line)
        except ValueError as error:
            raise Unreadable(self._wire.fault("GET", self._path, f"{error}, expected JSON in each line")) from None
        if not isinstance(said, dict):
            raise Unreadable(self._wire.fault("GET", self._path, f"a {type(said).__name__}, expected an object in each line"))
        if said.get("type") == "HEARTBEAT":
            await self._catch_up(str(said.get("lastTransactionID", "")), 0)
        elif not await self._catch_up(text(said, "id"), 1):
            self._tell(said)

    async def _catch_up(self, last: str, ahead: int) -> bool:
        """Ask for what was not heard, where `last` is more than `ahead` further than what was; ids rise by one."""
        if not last.isdigit() or int(last) <= self._heard_id + ahead:
            return False
        for missed in await self._listener.transactions(self._heard_id):
            self._tell(missed)
        return True

    def _tell(self, said: Mapping[str, Any]) -> None:
        """One transaction, told as fills and reports."""
        number = text(said, "id")
        kind = str(said.get("type", ""))
        self._listener.note(said)
        if kind == "ORDER_FILL":
            self._listener.hear(self._listener.fill(said))
        elif kind == "ORDER_CANCEL":
            self._listener.hear(self._cancelled(said))
        elif kind.endswith("_ORDER"):
            self._listener.hear(report_of({**said, "state": "PENDING", "createTime": said.get("time")}))
        if number.isdigit():
            self._heard_id = max(self._heard_id, int(number))

    def _cancelled(self, said: Fields) -> OrderReport:
        number = text(said, "orderID")
        client_order_id, instrument = self._listener.known(number)
        reason = str(said.get("reason", ""))
        return OrderReport(
            str(said.get("clientOrderID") or client_order_id), number, instrument, ending(reason), time_ns(said, "time"), reason=reason
        )

    def _say(self, state: Any, detail: str) -> None:
        self._listener.hear(Link(state, detail, self._clock.now_ns()))


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, TradewindsError) else f"{type(error).__name__} {error}"
