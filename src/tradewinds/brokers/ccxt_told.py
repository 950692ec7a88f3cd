"""What tells an adapter of things that it did not ask for: a stream of the venue, or questions repeated."""

from __future__ import annotations

from typing import Protocol


class Telling(Protocol):
    """Runs from `start` to `stop`; tells reports, fills and links through the broker that made it."""

    def start(self) -> None: ...

    async def stop(self) -> None: ...
