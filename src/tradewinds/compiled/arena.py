"""Large arrays whose memory is used again: fresh memory from the system costs more to touch for the first time than to compute into.

Each thread keeps a few arrays. One that nobody else refers to, itself or through a view, is handed out again; a view keeps its owner alive,
so the count of references tells. What is kept is bounded, and nothing small is.
"""

from __future__ import annotations

import sys
import threading

import numpy as np
from numpy.typing import NDArray

KEPT_FROM_BYTES = 1 << 18
KEPT_BYTES_MAX = 64 << 20
_MINE = 3  # references to an array that nobody uses: the list's, the loop's and the question's own

_threads = threading.local()


def empty(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """An uninitialised, contiguous float64 array of the shape; whoever gets it owns it as if it were new."""
    count = int(np.prod(shape))
    if count * 8 < KEPT_FROM_BYTES:
        return np.empty(shape)
    kept: list[NDArray[np.float64]] | None = getattr(_threads, "kept", None)
    if kept is None:
        kept = _threads.kept = []
    for one in kept:
        if one.size == count and sys.getrefcount(one) == _MINE:
            one.setflags(write=True)
            return one.reshape(shape)
    new = np.empty(count)
    kept.append(new)
    while sum(one.nbytes for one in kept) > KEPT_BYTES_MAX:
        kept.pop(0)
    return new.reshape(shape)


def fix(array: NDArray[np.float64]) -> None:
    """Make the array and the memory below it read-only, until it is handed out again."""
    array.setflags(write=False)
    if isinstance(array.base, np.ndarray):
        array.base.setflags(write=False)
