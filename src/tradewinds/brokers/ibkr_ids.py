"""Order ids of Interactive Brokers: rising for ever, durable before they are used.

The gateway's own `nextValidId` may fall back after a restart, and an id that is used again changes another order instead of placing one.
Hence the next id is the greater of what the gateway says and what we took last, plus one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tradewinds.core.errors import Rejected, Transient, Unreadable

LINES_KEPT = 20_000


class IdStore(Protocol):
    """Where ids are taken from. One client of one gateway has one store."""

    def take(self, at_least: int, client_order_id: str, now_ns: int) -> int:
        """The next id, at least `at_least` and greater than every one before; durable when it returns. Raises Transient where it cannot."""
        ...

    def taken_ns(self, client_order_id: str) -> int | None:
        """When an id was taken for this order; None where none was."""
        ...


@dataclass(slots=True)
class MemoryIds:
    """Ids that last as long as this object: for tests and simulations, which keep it beside their journal."""

    last: int = 0
    taken: dict[str, int] = field(default_factory=dict)

    def take(self, at_least: int, client_order_id: str, now_ns: int) -> int:
        self.last = max(self.last + 1, at_least)
        self.taken[client_order_id] = now_ns
        return self.last

    def taken_ns(self, client_order_id: str) -> int | None:
        return self.taken.get(client_order_id)


class FileIds:
    """Ids in a file of lines `id client-order-id now_ns`, flushed to the disk line by line. A last line cut short was never used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._memory: MemoryIds | None = None
        self._file: int | None = None

    def take(self, at_least: int, client_order_id: str, now_ns: int) -> int:
        memory = self._loaded()
        number = max(memory.last + 1, at_least)
        line = f"{number} {client_order_id} {now_ns}\n".encode()
        assert self._file is not None
        try:
            written = os.write(self._file, line)
            os.fsync(self._file)
        except OSError as error:
            # Half a line would swallow the next one.
            memory.last = number
            self.close()
            raise Transient(f"order ids {self._path}: {error.strerror}, expected room for {number}") from error
        if written != len(line):
            memory.last = number
            self.close()
            raise Transient(f"order ids {self._path}: {written} bytes written, expected {len(line)}")
        return memory.take(number, client_order_id, now_ns)

    def taken_ns(self, client_order_id: str) -> int | None:
        return self._loaded().taken_ns(client_order_id)

    def close(self) -> None:
        """Let go of the file; what follows opens it again."""
        if self._file is not None:
            os.close(self._file)
        self._file = self._memory = None

    def _loaded(self) -> MemoryIds:
        if self._memory is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._memory = _read(self._path)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        return self._memory


def _read(path: Path) -> MemoryIds:
    found = MemoryIds()
    if not path.is_file():
        return found
    text = path.read_text(encoding="ascii")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        # The line was being written when the process ended; its id was never sent.
        os.truncate(path, len(whole))
    for line in whole.splitlines()[-LINES_KEPT:]:
        try:
            number, client_order_id, now_ns = line.split(" ")
            found.taken[client_order_id] = int(now_ns)
            found.last = max(found.last, int(number))
        except ValueError:
            raise Unreadable(f"order ids {path}: line {line!r}, expected an id, a client order id and a time") from None
    return found


def checked_client_id(client_id: int) -> int:
    """A client id for the API: client 0 would take over what a person places by hand."""
    if not 1 <= client_id <= 2**31 - 1:
        raise Rejected(f"interactive brokers client id {client_id}, expected one fixed number from 1 on")
    return client_id
