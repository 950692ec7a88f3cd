"""A lake and a raw store that live in memory: the same code over a dictionary of files. For tests and small studies."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tradewinds.core.errors import Missing
from tradewinds.stores.lake import FileLake
from tradewinds.stores.lake_files import Content, FileStat, checked_path
from tradewinds.stores.raw import FileRawStore

if TYPE_CHECKING:
    import pyarrow as pa


class MemoryFiles:
    """Files in a dictionary. `modified_ns` counts writes, because nobody here asks what time it is."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, int]] = {}
        self._tick = itertools.count(1)
        self._lock = threading.Lock()

    def read(self, path: str) -> bytes:
        try:
            return self._files[checked_path(path)][0]
        except KeyError:
            raise Missing(f"reading {path}: not there, expected a file") from None

    def open(self, path: str, ranges: Sequence[tuple[int, int]]) -> pa.NativeFile:
        import pyarrow as pa

        return pa.BufferReader(self.read(path))

    def write(self, path: str, content: Content) -> None:
        self._files[checked_path(path)] = (bytes(content), next(self._tick))

    def write_many(self, items: Sequence[tuple[str, Content]]) -> None:
        for path, content in items:
            self.write(path, content)

    def create(self, path: str, content: Content) -> bool:
        with self._lock:
            if checked_path(path) in self._files:
                return False
            self.write(path, content)
            return True

    def stat(self, path: str) -> FileStat | None:
        found = self._files.get(checked_path(path))
        return None if found is None else FileStat(path.rpartition("/")[2], len(found[0]), found[1])

    def names(self, folder: str) -> list[str]:
        return [stat.name for stat in self.listing(folder)]

    def listing(self, folder: str, prefix: str = "") -> list[FileStat]:
        start = f"{checked_path(folder)}/{prefix}"
        head = len(folder) + 1
        return [
            FileStat(path[head:], len(content), modified)
            for path, (content, modified) in sorted(self._files.items())
            if path.startswith(start) and "/" not in path[head:]
        ]

    def folders(self, folder: str) -> list[str]:
        start = f"{checked_path(folder)}/"
        rests = [path[len(start) :] for path in self._files if path.startswith(start)]
        return sorted({rest.split("/", 1)[0] for rest in rests if "/" in rest})

    def temporaries(self, folder: str) -> list[FileStat]:
        return []

    def delete(self, path: str) -> None:
        self._files.pop(checked_path(path), None)


def memory_lake() -> FileLake:
    """An empty lake in memory."""
    return FileLake(MemoryFiles())


def memory_raw_store() -> FileRawStore:
    """An empty raw store in memory."""
    return FileRawStore(MemoryFiles())
