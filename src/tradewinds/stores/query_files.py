"""The lake's `Files` as a read-only file system that DuckDB can open, be they local, in memory or on S3."""

from __future__ import annotations

from typing import Any

from fsspec import AbstractFileSystem

from tradewinds.core.errors import Rejected
from tradewinds.stores.lake_files import Files

PROTOCOL = "tradewinds"


def as_filesystem(files: Files) -> AbstractFileSystem:
    """A file system whose paths are `tradewinds://<path in the lake>`."""
    return _LakeFilesystem(files)


class _LakeFilesystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec carries no types
    protocol = PROTOCOL
    cachable = False

    def __init__(self, files: Files) -> None:
        super().__init__(skip_instance_cache=True)
        self._files = files

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        name = self._strip_protocol(path)
        stat = self._files.stat(name)
        if stat is None:
            raise FileNotFoundError(path)
        return {"name": name, "size": stat.size, "type": "file", "mtime": stat.modified_ns / 1e9}

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        found = self.info(path)
        return [found] if detail else [found["name"]]

    def glob(self, path: str, **options: Any) -> list[str]:
        return [self._strip_protocol(path)]

    def modified(self, path: str) -> Any:
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self.info(path)["mtime"], UTC)

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode != "rb":
            raise Rejected(f"sql: opening {path} for {mode}, expected to read only")
        return self._files.open(self._strip_protocol(path), [])
