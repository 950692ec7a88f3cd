"""A parcel: work put into a folder of plain files, so that another process, host or container can open it.

    parcel.json     who opens it (`module:function`), and names the rest
    work.pickle     the objects, without their arrays
    array-0.npy ... the arrays, each opened once in a process, memory-mapped

A pickle runs code when it is opened, and so does the strategy that it carries: open only parcels of your own making, and let nobody else
write where they lie.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from tradewinds.core.errors import Rejected, Unreadable

MANIFEST = "parcel.json"
OBJECTS = "work.pickle"
SMALL_BYTES = 4_096  # arrays up to this stay in the pickle


@dataclass(frozen=True, slots=True)
class Parcel:
    """Work in a folder. `open` gives it to the function that its manifest names, which answers the function for tasks."""

    folder: Path

    def open(self) -> Callable[[Any], Any]:
        manifest = _manifest(self.folder)
        module, _, name = manifest["opener"].partition(":")
        opener = getattr(import_module(module), name)
        run: Callable[[Any], Any] = opener(unpacked(self.folder))
        return run

    def content(self) -> dict[str, bytes]:
        """Its files by name, to be sent elsewhere."""
        return {name: (self.folder / name).read_bytes() for name in (MANIFEST, *_manifest(self.folder)["files"])}


def packed(folder: Path, opener: str, objects: Any) -> Parcel:
    """Put objects into a folder. opener: `module:function` of the function that gets them back where the parcel is opened."""
    folder.mkdir(parents=True, exist_ok=True)
    text = io.BytesIO()
    pickler = _Pickler(text, folder)
    pickler.dump(objects)
    (folder / OBJECTS).write_bytes(text.getvalue())
    (folder / MANIFEST).write_text(json.dumps({"opener": opener, "files": [OBJECTS, *pickler.files]}), encoding="utf-8")
    return Parcel(folder)


def unpacked(folder: Path) -> Any:
    """The objects of a folder, their arrays memory-mapped."""
    with (folder / OBJECTS).open("rb") as file:
        return _Unpickler(file, folder).load()


def parcel_of(content: Mapping[str, bytes], folder: Path) -> Parcel:
    """Write the files of a parcel that came from elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in content.items():
        if Path(name).name != name:
            raise Rejected(f"parcel: a file named {name!r}, expected a name without folders")
        (folder / name).write_bytes(text)
    return Parcel(folder)


class _Pickler(pickle.Pickler):
    """Arrays of numbers go to files of their own; read-only mappings, which pickle does not know, go as dicts."""

    dispatch_table = {MappingProxyType: lambda proxy: (_proxy, (dict(proxy),))}  # noqa: RUF012 - read by pickle, changed by nobody

    def __init__(self, file: io.BytesIO, folder: Path) -> None:
        super().__init__(file, protocol=5)
        self._folder = folder
        self._places: dict[int, tuple[str, bool]] = {}
        self._kept: list[Any] = []  # an id is an array's own only as long as the array lives
        self.files: list[str] = []

    def persistent_id(self, obj: Any) -> tuple[str, bool] | None:
        if not isinstance(obj, np.ndarray) or obj.dtype.kind not in "biuf" or obj.nbytes <= SMALL_BYTES:
            return None
        if id(obj) not in self._places:
            name = f"array-{len(self.files)}.npy"
            np.save(self._folder / name, np.ascontiguousarray(obj), allow_pickle=False)
            self.files.append(name)
            self._kept.append(obj)
            self._places[id(obj)] = (name, obj.flags.writeable)
        return self._places[id(obj)]


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BufferedReader, folder: Path) -> None:
        super().__init__(file)
        self._folder = folder
        self._arrays: dict[str, Any] = {}

    def persistent_load(self, pid: Any) -> Any:
        name, is_writeable = pid
        if name not in self._arrays:
            # Copy-on-write, so that the array has the flags that it had: compiled code is typed by them.
            array = np.asarray(np.load(self._folder / name, mmap_mode="c", allow_pickle=False))
            array.setflags(write=is_writeable)
            self._arrays[name] = array
        return self._arrays[name]


def _proxy(values: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(values)


def _manifest(folder: Path) -> Mapping[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unreadable(f"parcel {folder}: {error}, expected its {MANIFEST}") from None
    return manifest
