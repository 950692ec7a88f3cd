"""`compiled`: the one way a function becomes machine code, and where that code is kept.

numba keeps compiled code by the function's own file and does not notice when a function that it calls in another file has changed.
So our code is kept in a folder named after the text of all our sources: a change anywhere compiles anew, and stale code is never run.
Imports numba and the standard library.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

_ROOMS = ("compiled", "performance", "factors", "trading", "simulation")


def compiled(function: F) -> F:
    """Compile at the first call and keep the code; runs without the interpreter's lock. Division by zero gives inf or NaN."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def inlined(function: F) -> F:
    """Like `compiled`, for a leaf that is copied into its callers."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")(function))


def folder() -> Path:
    """Where compiled code of exactly these sources is kept: below NUMBA_CACHE_DIR, else TRADEWINDS_HOME, else the user's cache."""
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parents[1]
    for path in sorted(path for room in _ROOMS for path in (package / room).rglob("*.py")):
        digest.update(f"{path.relative_to(package)}\n".encode() + path.read_bytes())
    named = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("TRADEWINDS_HOME")
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tradewinds"
    return base / "compiled" / digest.hexdigest()[:16]


def _stand() -> None:
    place = folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError:
        place = Path(tempfile.gettempdir()) / f"tradewinds-compiled-{os.getuid()}" / place.name
    setattr(numba.config, "CACHE_DIR", str(place))  # noqa: B010 -- numba makes its settings at run time, where no type checker sees them


_stand()
