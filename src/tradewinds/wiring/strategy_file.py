"""Loads the strategy that a person's Python file declares.

1. The file's text is compiled under its own name, so that errors name file and line, and run as a module of its own.
2. Files beside it may be imported by name while it runs, at its top; the interpreter forgets them afterwards, so that two
   folders may each have their `signals.py`.
3. The strategy carries the SHA-256 of the file's bytes; files beside it that were imported count, each with its name.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from tradewinds.core.errors import Rejected
from tradewinds.trading.strategy import Strategy

PREFIX = "tradewinds_strategy_"


def load_strategy(place: str | Path) -> Strategy:
    """The strategy of `file.py`, or of `file.py:name` where the file holds several.

    Raises Rejected naming file, line and error where the file cannot be run, and the strategies there are where the name fits none.
    """
    path, name = split_place(place)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise Rejected(f"strategy file {path}: {error.strerror}, expected a Python file with a strategy in it") from None
    module = ModuleType(f"{PREFIX}{path.stem}_{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:8]}")
    module.__file__ = str(path)
    with _beside(path.absolute().parent) as neighbours:
        sys.modules[module.__name__] = module  # dataclasses and pickle look a class's module up there
        _run(path, text, module)
    found = {key: value for key, value in vars(module).items() if isinstance(value, Strategy)}
    return replace(_chosen(path, name, found), source=_source(text, neighbours))


def split_place(place: str | Path) -> tuple[Path, str | None]:
    """(file, name) of `file.py:name`; the name is None where none stands there."""
    file, colon, name = str(place).rpartition(":")
    return (Path(file).expanduser(), name) if colon and file.endswith(".py") and name else (Path(place).expanduser(), None)


@contextmanager
def _beside(folder: Path) -> Iterator[dict[str, bytes]]:
    """Lets files of the folder be imported; yields a dict that holds their bytes by relative name when the block has ended."""
    neighbours: dict[str, bytes] = {}
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield neighbours
    finally:
        sys.path.remove(str(folder))
        for name in sorted(set(sys.modules) - before):
            stem = folder.joinpath(*name.split("."))
            file = getattr(sys.modules[name], "__file__", None)
            if file is None or Path(file) not in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
                continue  # imported from elsewhere, if only from a package further down
            neighbours[Path(file).relative_to(folder).as_posix()] = Path(file).read_bytes()
            del sys.modules[name]


def _run(path: Path, text: bytes, module: ModuleType) -> None:
    try:
        code = compile(text, str(path), "exec")
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes, before Python 3.12
        raise Rejected(f"strategy file {path}, line {getattr(error, 'lineno', 1)}: {error}, expected Python that can be run") from None
    try:
        exec(code, vars(module))  # noqa: S102 - running the user's own strategy is the purpose
    except SyntaxError as error:  # of a file beside it
        raise Rejected(f"strategy file {error.filename}, line {error.lineno}: {error.msg}, expected Python that can be run") from None
    except Exception as error:
        raise _failed(path, error) from error


def _failed(path: Path, error: Exception) -> Rejected:
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent == path.parent]
    where = f"{lines[-1].filename}, line {lines[-1].lineno}" if lines else str(path)
    return Rejected(f"strategy file {where}: {type(error).__name__}: {error}; expected a file that declares a strategy and does no more")


def _chosen(path: Path, name: str | None, found: Mapping[str, Strategy]) -> Strategy:
    """By the name of the variable or of the strategy; one strategy under two names is one."""
    several = list({id(one): one for one in found.values()}.values())
    names = ", ".join(found) or "none"
    if name is not None:
        named = [one for key, one in found.items() if name in (key, one.name)]
        if not named:
            raise Rejected(f"strategy file {path}: no strategy {name!r}, expected one of: {names}")
        return named[0]
    if not several:
        raise Rejected(f"strategy file {path}: no strategy in it, expected a function under @vector(...) or a class under @event(...)")
    if len(several) > 1:
        raise Rejected(f"strategy file {path}: {len(several)} strategies, expected {path.name}:NAME with one of: {names}")
    return several[0]


def _source(text: bytes, neighbours: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(text)
    for name, content in sorted(neighbours.items()):
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
