"""After a venue refused our key: ask on until it takes it again, for a stream that never broke tells nobody that it does.

Venues refuse keys for a while (an address that changed, a key that is edited, a fault of their own); without this the account would stand
still until its stream is connected anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tradewinds.core.errors import TradewindsError

AGAIN_S = (30.0, 60.0, 120.0, 300.0)  # the last repeats; asking faster with a bad key gets addresses banned


class KeyWatch:
    """ask: a question that needs the key; it says itself when the key is refused. accepted: called once when it no longer is."""

    def __init__(self, ask: Callable[[], Awaitable[object]], accepted: Callable[[], None]) -> None:
        self._ask = ask
        self._accepted = accepted
        self._task: asyncio.Task[None] | None = None

    def refused(self) -> None:
        """The venue refused the key; ask on, unless somebody does."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Ask no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        tries = 0
        while True:
            await asyncio.sleep(AGAIN_S[min(tries, len(AGAIN_S) - 1)])
            tries += 1
            try:
                await self._ask()
            except TradewindsError:
                continue
            self._task = None
            self._accepted()
            return
