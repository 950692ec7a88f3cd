"""The control channel of a running trading service: JSON lines over a socket that its owner alone may open.

    asked     {"act": "order", "words": {"account": "main", ...}}
    answered  {"answer": {...}}   or   {"error": "Rejected", "message": "..."}

1. The service listens at `<home>/trade/control.sock` (mode 0600). One line is one question; a connection may ask several.
2. `ask` is what commands and DAGs call: it raises what the service raised, and Transient where no service runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tradewinds.core import errors
from tradewinds.core.errors import Invariant, OutcomeUnknown, Rejected, TradewindsError, Transient

LINE_BYTES_MAX = 8 * 2**20
ANSWER_WITHIN_S = 60.0
_PATH_BYTES_MAX = 100  # of a socket's address; Linux has 108, macOS 104

Answer = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class NotRunning(Transient):
    """No trading service runs that could be asked."""


def control_path(home: Path) -> Path:
    """Where the service of a home listens."""
    return home / "trade" / "control.sock"


class ControlServer:
    """Listens until closed. `answer` is called with act and words; what it raises is told to who asked."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self._path = path
        self._answer = answer
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen; a socket that a dead service left is replaced."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = os.umask(0o177)
        try:
            with _address(self._path) as address:
                self._server = await asyncio.start_unix_server(self._serve, address, limit=LINE_BYTES_MAX)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Stop listening and take the socket away."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._one(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):  # who asked went away or sent no end of a line; or we stop
            pass
        finally:
            writer.close()

    async def _one(self, line: bytes) -> Mapping[str, Any]:
        try:
            asked = json.loads(line)
            act, words = asked["act"], asked.get("words", {})
        except (ValueError, KeyError, TypeError, AttributeError):
            return {"error": "Rejected", "message": f"control: {line[:80]!r}, expected one JSON object with act and words"}
        try:
            return {"answer": await self._answer(str(act), words)}
        except TradewindsError as error:
            return {"error": type(error).__name__, "message": str(error)}
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            return {"error": "Rejected", "message": f"control: {act} {type(error).__name__} {error}, expected the words of {act}"}


def ask(home: Path, act: str, words: Mapping[str, Any] | None = None, *, within_s: float = ANSWER_WITHIN_S) -> dict[str, Any]:
    """The service's answer. Raises what it raised; Transient where none runs; OutcomeUnknown where it did not answer in time."""
    path = control_path(home)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(within_s)
        try:
            with _address(path) as address:
                line.connect(address)
        except OSError:
            raise NotRunning(f"{act}: no trading service runs for {home}, expected one; `tradewinds trade` starts it") from None
        try:
            line.sendall(json.dumps({"act": act, "words": dict(words or {})}).encode() + b"\n")
            told = _line(line)
        except OSError as error:
            what = f"{type(error).__name__} while it was asked"
            raise OutcomeUnknown(f"{act}: the trading service gave no answer ({what}), expected one within {within_s:g} s") from None
    if "error" in told:
        kind = getattr(errors, str(told["error"]), Invariant)
        raise kind(str(told["message"]))
    answer = told["answer"]
    assert isinstance(answer, dict)
    return answer


def is_running(home: Path) -> bool:
    """Whether a service answers for this home."""
    try:
        ask(home, "ping", within_s=5.0)
    except Transient:
        return False
    except TradewindsError:
        return True
    return True


def _line(line: socket.socket) -> dict[str, Any]:
    got = bytearray()
    while not got.endswith(b"\n"):
        piece = line.recv(65_536)
        if not piece or len(got) > LINE_BYTES_MAX:
            raise ConnectionError("it hung up")
        got += piece
    told = json.loads(got)
    assert isinstance(told, dict)
    return told


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """The socket's address; one that is too long for the system is named through its opened folder where there is /proc."""
    if len(os.fsencode(path)) <= _PATH_BYTES_MAX:
        yield str(path)
        return
    if not Path("/proc/self/fd").is_dir():
        raise Rejected(f"control socket {path}: {len(os.fsencode(path))} bytes, expected at most {_PATH_BYTES_MAX}; choose a shorter home")
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
