"""The machine's clock."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's own time (a `core.ports.Clock`), cut to whole microseconds, which is what the lake keeps."""

    def now_ns(self) -> int:
        return time.time_ns() // 1_000 * 1_000
