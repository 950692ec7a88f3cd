"""`compiled`: the one way a function becomes machine code, and where that code is kept.

1. numba keeps compiled code by the function's own file and does not notice when a function that it calls in another file has changed.
   So the code of a file is kept in a folder named after the text of that file and of every file of ours that it imports, directly or
   not: a change in any of them compiles anew, and stale code is never run.
2. Processes that compile the same at once write the same content; numba replaces files atomically, so none reads half of one.
3. Folders that nobody opened for a month go when a new one is made.
4. Loading compiled code is running it. A folder that belongs to someone else, or that others may write to, is never read; a private one
   takes its place, and the code is compiled into that.

Imports numba and the standard library.
"""

from __future__ import annotations

import ast
import atexit
import hashlib
import importlib.util
import os
import re
import shutil
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])
_turn = threading.Lock()

KEPT_DAYS = 30
_PACKAGE = Path(__file__).resolve().parents[1]
_COMMENT = re.compile(r"#[^\n]*")
_IMPORT = re.compile(r"^(?:from[ \t]+([\w.]+)[ \t]+import[ \t]*(?:\(([^)]*)\)|([^\n]*))|import[ \t]+([^\n]*))", re.MULTILINE)
# An import that lines do not show: after a semicolon, or over a line that is continued.
_UNUSUAL = re.compile(r";[ \t]*(?:import|from)\b|^(?:import|from)\b[^\n]*\\\r?$|;\s*\\|\r(?!\n)|\f", re.MULTILINE)


def compiled(function: F) -> F:
    """Compile at the first call and keep the code; runs without the interpreter's lock. Division by zero gives inf or NaN."""
    _settle(function)
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def inlined(function: F) -> F:
    """Like `compiled`, for a leaf that is copied into its callers."""
    _settle(function)
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")(function))


def compiled_sums(function: F) -> F:
    """Like `compiled`, for sums that may be taken in any order, several terms at once."""
    _settle(function)
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})(function))


def threaded(function: F) -> F:
    """Like `compiled`, for a loop over `numba.prange` whose rounds share nothing: they run on all cores.

    One call at a time in this process: not every way in which numba makes threads bears two at once.
    """
    _settle(function)
    run = numba.njit(cache=True, nogil=True, error_model="numpy", parallel=True)(function)

    @wraps(function)
    def alone(*arguments: Any) -> Any:
        with _turn:
            return run(*arguments)

    return cast(F, alone)


def folder(file: Path) -> Path:
    """Where compiled code of exactly this file and what it imports is kept: below NUMBA_CACHE_DIR or the user's cache.

    Not below TRADEWINDS_HOME: what one home compiled serves every other one of this user.
    """
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for path in sorted(sources(file)):
        digest.update(f"{path.name}\n".encode() + _text(path))
    return _base() / digest.hexdigest()[:16]


@cache
def sources(file: Path) -> frozenset[Path]:
    """The file and every file of this package that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_imported(path))
    return frozenset(found)


@cache
def _text(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Files of this package that a file imports when it is imported itself."""
    content = _text(path).decode("utf-8", "replace")
    names = _names_by_tree(content) if _UNUSUAL.search(content) else _names_by_line(content)
    found = []
    for name in sorted(names):
        first, *rest = name.split(".")
        place = _PACKAGE.joinpath(*rest)
        if first == _PACKAGE.name and rest:
            found += [path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()]
    return tuple(found)


def _names_by_line(content: str) -> set[str]:
    """What lines at the margin import, at a twentieth of the price of a syntax tree; text that looks like an import counts as one."""
    names: set[str] = set()
    for module, several, one, whole in _IMPORT.findall(_COMMENT.sub("", content)):
        parts = [part.split()[0] for part in (several or one or whole).split(",") if part.strip()]
        names |= {module, *(f"{module}.{part}" for part in parts)} if module else set(parts)
    return names


def _names_by_tree(content: str) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(content).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def user_cache() -> Path:
    """The user's own folder for what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tradewinds"


def _base() -> Path:
    named = os.environ.get("NUMBA_CACHE_DIR")
    return (Path(named) if named else user_cache()) / "compiled"


@cache
def _made(place: Path) -> Path:
    """The folder, made where it is absent; a private one where this user may not write, or where others may."""
    try:
        is_new = not place.exists()
        place.parent.parent.mkdir(parents=True, exist_ok=True)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
        os.utime(place)
        if not (is_ours(place.parent) and is_ours(place)):
            return _made_private(place.name)
    except OSError:
        return _made_private(place.name)
    if is_new:
        prune(place.parent)
    return place


def is_ours(place: Path) -> bool:
    """Whether it is a folder of this user's, no link, that neither its group nor others may write to."""
    found = place.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _made_private(name: str) -> Path:
    place = _private() / name
    place.mkdir(mode=0o700, exist_ok=True)
    return place


@cache
def _private() -> Path:
    """This user's folder in the shared temporary one. Its name can be guessed: unless it is ours alone, a new one for this process."""
    place = Path(tempfile.gettempdir()) / f"tradewinds-compiled-{os.getuid()}"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        if is_ours(place) and stat.S_IMODE(place.lstat().st_mode) == 0o700:
            return place
    except OSError:  # a file or a link that leads nowhere stands there
        pass
    made = Path(tempfile.mkdtemp(prefix="tradewinds-compiled-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def prune(base: Path) -> None:
    """Remove folders of compiled code that no process has opened for KEPT_DAYS."""
    oldest = time.time() - KEPT_DAYS * 86_400
    for place in base.iterdir():
        try:
            if place.is_dir() and place.stat().st_mtime < oldest:
                shutil.rmtree(place)
        except OSError:  # another process was faster, or it is not ours: nothing depends on its removal
            continue


def _settle(function: Callable[..., Any]) -> None:
    """Tell numba, which asks when a function is decorated, where this one's code is kept."""
    file = Path(function.__code__.co_filename).resolve()
    setattr(numba.config, "CACHE_DIR", str(_made(folder(file))))  # noqa: B010 -- numba makes its settings at run time


def _start_numba() -> None:
    """Bring up what numba imports at its first call, without scipy.linalg: half a second that only compiled linear algebra needs.

    numba asks for BLAS by importing it; here it is told whether scipy is there. Whoever compiles np.dot later gets it as ever.
    """
    from numba.np import linalg

    ask = linalg.ensure_blas

    def is_there() -> None:
        if importlib.util.find_spec("scipy") is None:
            raise ImportError("scipy is absent")

    linalg.ensure_blas = is_there
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = ask


_start_numba()
