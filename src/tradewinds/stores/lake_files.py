"""Files as the raw store and the lake need them: durable, visible whole or not at all, created once.

`Files` is the internal port; `LocalFiles` here, `MemoryFiles` in `stores.memory`, `S3Files` in `stores.lake_s3`.
Paths are relative, with `/`. Every local write is: temporary file, fsync, rename or link, fsync of the folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tradewinds.core.errors import DataFault, Missing, Rejected, TradewindsError, Transient

if TYPE_CHECKING:
    import pyarrow as pa

Content = Any  # bytes, or anything with the buffer protocol, such as an Arrow buffer
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EINTR, errno.EAGAIN, errno.EBUSY, errno.ESTALE}
_TEMPORARY = ".tmp"
SYNCS_MAX = 8
# Fewer than that are synced one after the other: threads for them would take more of the processor than the disk takes time.
SYNCS_TOGETHER_MIN = 5


@dataclass(frozen=True, slots=True)
class FileStat:
    """One file of a listing; `modified_ns` is the store's own clock, used for retention only."""

    name: str
    size: int
    modified_ns: int


class Files(Protocol):
    """A tree of immutable files. Errors: Missing (no such file), Transient (disk full, store away), DataFault (anything else)."""

    def read(self, path: str) -> bytes: ...

    def open(self, path: str, ranges: Sequence[tuple[int, int]]) -> pa.NativeFile:
        """A seekable file for pyarrow; `ranges` (offset, length) are what will be read, in order."""
        ...

    def write(self, path: str, content: Content) -> None:
        """Make `path` hold `content`, durably; a reader sees all of it or what stood there before."""
        ...

    def write_many(self, items: Sequence[tuple[str, Content]]) -> None:
        """`write` of each, sharing what costs can be shared; all are durable on return. Local files appear in this order."""
        ...

    def create(self, path: str, content: Content) -> bool:
        """`write`, unless the path exists: then False and nothing changes. Exactly one of two racing callers gets True."""
        ...

    def stat(self, path: str) -> FileStat | None: ...

    def names(self, folder: str) -> list[str]:
        """The names of the files directly in `folder`, in no order; the cheap form of `listing`."""
        ...

    def listing(self, folder: str, prefix: str = "") -> list[FileStat]:
        """The files directly in `folder` whose name starts with `prefix`, by name; empty where it does not exist."""
        ...

    def folders(self, folder: str) -> list[str]:
        """The names of the folders directly in `folder`, sorted."""
        ...

    def temporaries(self, folder: str) -> list[FileStat]:
        """What interrupted writes left in `folder`; never visible through `listing`."""
        ...

    def delete(self, path: str) -> None:
        """Remove a file; nothing happens where there is none."""
        ...


def checked_path(path: str) -> str:
    """The path itself; raises Rejected when a part of it is empty, `.`, `..` or holds a backslash or NUL."""
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in path.split("/")):
        raise Rejected(f"file path: {path!r}, expected relative names joined by /")
    return path


def file_fault(doing: str, path: str, error: OSError) -> TradewindsError:
    """The typed error for what the operating system said while `doing` something with `path`."""
    message = f"{doing} {path}: {error.strerror or error}"
    if error.errno == errno.ENOENT:
        return Missing(f"{message}, expected a file")
    if error.errno in _PASSING:
        return Transient(f"{message}, expected room and an answer; repeat")
    return DataFault(f"{message}, expected a readable and writable place")


class LocalFiles:
    """Files under `root` on this machine. `step` is called before each system call that changes the disk (for fault tests)."""

    def __init__(self, root: str | Path, *, step: Callable[[str], None] | None = None) -> None:
        self.root = str(root)
        self._step = step

    def read(self, path: str) -> bytes:
        full = self._full(path)
        try:
            with open(full, "rb") as file:
                return file.read()
        except OSError as error:
            raise file_fault("reading", full, error) from error

    def open(self, path: str, ranges: Sequence[tuple[int, int]]) -> pa.NativeFile:
        import pyarrow as pa

        full = self._full(path)
        try:
            return pa.memory_map(full, "r")
        except OSError as error:
            raise file_fault("opening", full, error) from error

    def write(self, path: str, content: Content) -> None:
        self.write_many([(path, content)])

    def write_many(self, items: Sequence[tuple[str, Content]]) -> None:
        places = [(self._full(path), content) for path, content in items]
        changed = self._make_folders({os.path.dirname(full) for full, _ in places})
        temporaries: dict[int, str] = {}

        def write(number: int) -> None:
            temporaries[number] = self._write_temporary(*places[number])

        try:
            _each(write, range(len(places)))
            for number, (full, _) in enumerate(places):
                self._replace(temporaries[number], full)
        finally:
            _unlink_all(list(temporaries.values()))
        _each(self._sync_folder, sorted(changed | {os.path.dirname(full) for full, _ in places}))

    def create(self, path: str, content: Content) -> bool:
        full = self._full(path)
        if os.path.exists(full):
            return False
        folder = os.path.dirname(full)
        changed = self._make_folders({folder})
        temporary = self._write_temporary(full, content)
        try:
            self._do(f"link {path}")
            os.link(temporary, full)
        except FileExistsError:
            return False
        except OSError as error:
            raise file_fault("writing", full, error) from error
        finally:
            _unlink_all([temporary])
        _each(self._sync_folder, sorted(changed | {folder}))
        return True

    def stat(self, path: str) -> FileStat | None:
        full = self._full(path)
        try:
            found = os.stat(full)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise file_fault("looking at", full, error) from error
        return FileStat(os.path.basename(full), found.st_size, found.st_mtime_ns)

    def names(self, folder: str) -> list[str]:
        full = self._full(folder)
        try:
            return [name for name in os.listdir(full) if not name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise file_fault("listing", full, error) from error

    def listing(self, folder: str, prefix: str = "") -> list[FileStat]:
        return self._scan(folder, lambda name: name.startswith(prefix) and not name.startswith("."))

    def folders(self, folder: str) -> list[str]:
        full = self._full(folder)
        try:
            with os.scandir(full) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise file_fault("listing", full, error) from error

    def temporaries(self, folder: str) -> list[FileStat]:
        return self._scan(folder, lambda name: name.startswith(".") and name.endswith(_TEMPORARY))

    def delete(self, path: str) -> None:
        full = self._full(path)
        self._do(f"unlink {path}")
        try:
            os.unlink(full)
        except FileNotFoundError:
            return
        except OSError as error:
            raise file_fault("removing", full, error) from error

    def _full(self, path: str) -> str:
        return f"{self.root}/{checked_path(path)}"

    def _do(self, what: str) -> None:
        if self._step is not None:
            self._step(what)

    def _scan(self, folder: str, is_wanted: Callable[[str], bool]) -> list[FileStat]:
        full = self._full(folder)
        found = []
        try:
            with os.scandir(full) as entries:
                for entry in entries:
                    if not is_wanted(entry.name) or not entry.is_file():
                        continue
                    try:
                        about = entry.stat()
                    except FileNotFoundError:  # removed by a neighbour since the listing began
                        continue
                    found.append(FileStat(entry.name, about.st_size, about.st_mtime_ns))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise file_fault("listing", full, error) from error
        return sorted(found, key=lambda stat: stat.name)

    def _write_temporary(self, full: str, content: Content) -> str:
        """The path of a written and synced temporary file beside `full`; the caller renames, links or removes it."""
        folder, name = os.path.split(full)
        temporary = f"{folder}/.{name}.{secrets.token_hex(8)}{_TEMPORARY}"  # process ids repeat across containers
        try:
            self._do(f"write {name}")
            with open(temporary, "xb", buffering=0) as file:
                view = memoryview(content).cast("B")
                while view:
                    view = view[file.write(view) :]
                self._do(f"sync {name}")
                os.fsync(file.fileno())
        except OSError as error:
            _unlink_all([temporary])
            raise file_fault("writing", full, error) from error
        return temporary

    def _replace(self, temporary: str, full: str) -> None:
        try:
            self._do(f"rename {os.path.basename(full)}")
            os.replace(temporary, full)
        except OSError as error:
            raise file_fault("writing", full, error) from error

    def _make_folders(self, folders: set[str]) -> set[str]:
        """Make what is missing; the folders that gained one and must be synced before a write in them counts as done."""
        changed = set()
        for wanted in sorted(folders):
            missing, folder = [], wanted
            while folder and not os.path.isdir(folder):
                missing.append(folder)
                folder = os.path.dirname(folder)
            for each in reversed(missing):
                try:
                    self._do(f"mkdir {os.path.basename(each)}")
                    os.makedirs(each, exist_ok=True)
                except OSError as error:
                    raise file_fault("writing", each, error) from error
                changed.add(os.path.dirname(each))
        return changed

    def _sync_folder(self, folder: str) -> None:
        try:
            self._do(f"flush {os.path.basename(folder)}/")
            descriptor = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise file_fault("syncing", folder, error) from error


def _each(act: Callable[[Any], object], items: Sequence[Any]) -> None:
    """Do it for each; many several at once: file systems commit concurrent syncs together."""
    if len(items) < SYNCS_TOGETHER_MIN:
        for item in items:
            act(item)
        return
    with ThreadPoolExecutor(min(SYNCS_MAX, len(items))) as pool:
        for done in [pool.submit(act, item) for item in items]:
            done.result()


def _unlink_all(paths: Sequence[str]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):  # renamed already, or the disk is beyond help: a later `retain` sweeps it
            os.unlink(path)
