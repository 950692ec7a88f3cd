"""What happened in one simulation, in order, as a hash and (when asked) as lines; and how many faults of each kind there were."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable


class Record:
    """The event log of one seed. Every event has (time_ns, kind, source, sequence); the hash is SHA-256 over all of them."""

    def __init__(self, now_ns: Callable[[], int], *, keeps_lines: bool = False) -> None:
        self.lines: list[str] = []
        self.faults: Counter[str] = Counter()
        self.sequence = 0
        self.now_ns = now_ns
        self._keeps_lines = keeps_lines
        self._digest = hashlib.sha256()

    def note(self, kind: str, source: str, detail: str = "") -> None:
        """One event."""
        self.sequence += 1
        line = f"{self.now_ns()}\x1f{kind}\x1f{source}\x1f{self.sequence}\x1f{detail}\n"
        self._digest.update(line.encode())
        if self._keeps_lines:
            self.lines.append(line[:-1])

    def fault(self, kind: str, source: str, detail: str = "") -> None:
        """One fault, counted by its kind."""
        self.faults[kind] += 1
        self.note(f"fault:{kind}", source, detail)

    @property
    def hash(self) -> str:
        """Of everything so far, in hexadecimal."""
        return self._digest.hexdigest()
