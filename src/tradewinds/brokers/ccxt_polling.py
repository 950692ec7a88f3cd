"""Telling without a stream: the open orders and the trades are asked for again and again, and what changed is told."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from tradewinds.core.broker import FillPage, OrderRef, OrderReport, Told

POLL_S = 5.0


class Asked(Protocol):
    """The adapter that is asked."""

    def hear(self, told: Told) -> None: ...

    def say(self, state: Any, detail: str) -> None: ...

    async def open_orders(self) -> tuple[OrderReport, ...]: ...

    async def fills(self, since: str) -> FillPage: ...

    async def find(self, order: OrderRef) -> OrderReport | None: ...


class Polling:
    """A `Telling` by questions, every `poll_s` seconds."""

    def __init__(self, broker: Asked, poll_s: float = POLL_S) -> None:
        self._broker = broker
        self._poll_s = poll_s
        self._cursor = ""
        self._open: dict[str, OrderReport] = {}
        self._is_up: bool | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            wait_s = self._poll_s
            try:
                await self._ask()
                if not self._is_up:
                    self._is_up = True
                    self._broker.say("up", "asked again and again")
            except Exception as error:  # noqa: BLE001 - whatever happens, the next round asks again
                wait_s = max(wait_s, getattr(error, "retry_after_s", None) or 0.0)
                if self._is_up is not False:
                    self._is_up = False
                    self._broker.say("down", str(error))
            await asyncio.sleep(wait_s)

    async def _ask(self) -> None:
        page = await self._broker.fills(self._cursor)
        for fill in page.fills if self._cursor else ():
            self._broker.hear(fill)
        self._cursor = page.cursor
        now = {one.venue_order_id: one for one in await self._broker.open_orders()}
        for number, report in now.items():
            if self._open.get(number) != report:
                self._broker.hear(report)
        for number, gone in list(self._open.items()):
            if number not in now:
                found = await self._broker.find(OrderRef(gone.client_order_id, number, gone.instrument))
                if found is not None:
                    self._broker.hear(found)
        self._open = now
