"""The halt epoch: a number in a file that only ever rises, and that a trade process reads before every send.

    bytes 0 to 7     the epoch, unsigned, little-endian; whoever halts raises it
    bytes 8 to 15    the last epoch that the trade process acknowledged: it sends nothing any more

The file is mapped into memory, so that a read costs nanoseconds and sees a raise by another process at once. Standard library only: the
`halt` command must start fast and must not depend on anything that could be broken.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from pathlib import Path
from types import TracebackType
from typing import Self

SIZE = 16
ACKNOWLEDGE_WITHIN_S = 0.2


def epoch_path(home: Path) -> Path:
    """Where the epoch of a home stands."""
    return home / "halt" / "epoch"


class HaltEpoch:
    """The mapped epoch file; made by `open_epoch`."""

    __slots__ = ("_file", "_map", "_words")

    def __init__(self, file: int, mapped: mmap.mmap) -> None:
        self._file = file
        self._map = mapped
        self._words = memoryview(mapped).cast("Q")  # native order, which is little-endian wherever this runs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def epoch(self) -> int:
        """The epoch in force."""
        return self._words[0]

    def acknowledged(self) -> int:
        """The last epoch that the trade process said it obeys."""
        return self._words[1]

    def raise_epoch(self) -> int:
        """Raise the epoch by one and return it; it is on the disk when this returns. Any number of processes may do so at once."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            self._words[0] += 1
            self._map.flush()
            return self._words[0]
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def acknowledge(self, epoch: int) -> None:
        """Say that nothing is sent any more under an epoch before this one. For the trade process alone, after its last send."""
        if epoch > self._words[1]:
            self._words[1] = epoch

    def close(self) -> None:
        """Let go of the file."""
        self._words.release()
        self._map.close()
        os.close(self._file)


def open_epoch(home: Path) -> HaltEpoch:
    """The epoch of a home; its file is made (zeros, readable by its owner alone) where it is absent. Raises OSError."""
    path = epoch_path(home)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(file).st_size < SIZE:
            os.ftruncate(file, SIZE)
        return HaltEpoch(file, mmap.mmap(file, SIZE))
    except BaseException:
        os.close(file)
        raise
