"""Leases: one holder a name on this machine, told by name to whoever comes second.

A lease is a file that its holder keeps locked; the lock goes with the process, however that ends, so no lease outlives its holder.
Where homes are shared over a network the file system has to know `flock` (NFS from version 4 on does).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from tradewinds.core.errors import Rejected

_PLAIN = re.compile(r"[^A-Za-z0-9_.-]")


class Leases:
    """Every lease that this process holds below one folder."""

    def __init__(self, folder: Path, holder: Mapping[str, object]) -> None:
        """holder: what the second one is told about this process, such as its pid and since when it runs."""
        self._folder = folder
        self._holder = dict(holder)
        self._held: list[IO[str]] = []

    def take(self, kind: str, names: Iterable[str]) -> None:
        """Hold all of these, or none more and raise Rejected naming the first that somebody else holds, and who."""
        taken: list[IO[str]] = []
        try:
            for name in sorted(names):
                taken.append(self._lock(kind, name))
        except BaseException:
            for one in taken:
                one.close()
            raise
        self._held += taken

    def release(self) -> None:
        """Give all of them back."""
        for one in self._held:
            one.close()
        self._held.clear()

    def _lock(self, kind: str, name: str) -> IO[str]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = self._folder / f"{kind}-{_PLAIN.sub('_', name)}.lease"
        file = os.fdopen(os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            with file:
                told = _told(file.read())
            raise Rejected(f"{kind} {name}: {told} trades it already, expected one process; `tradewinds trade status` shows it") from None
        file.truncate(0)
        file.write(json.dumps(self._holder))
        file.flush()
        return file


def _told(text: str) -> str:
    try:
        holder = json.loads(text)
        return "process " + ", ".join(f"{value}" if key == "pid" else f"{key} {value}" for key, value in holder.items())
    except (ValueError, AttributeError):
        return "another process"
