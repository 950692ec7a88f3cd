"""What a backup says of itself: every file with its length and SHA-256, the head of every journal, what is not in it.

<backup>/manifest.json       this; written last, so that a folder without it is no backup
<backup>/manifest.sha256     the hash of that file
<backup>/home/...            as below a home: ledger.sqlite, trade/<account>.sqlite, lake/...
<backup>/workspace/...       configuration, without secrets
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tradewinds.core.errors import Missing, Rejected, Unreadable

FORMAT = 1
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
HOME = "home"
WORKSPACE = "workspace"
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file of a backup. path: below the backup's folder, with /."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class KeptJournal:
    """One journal as it was when it was copied. kind: of the trading service, or of the guard. sequence, hash: of its last entry.

    was: where it stood; the copy is SQLite in either case.
    """

    account: str
    kind: Literal["trade", "guard"]
    path: str
    was: Literal["sqlite", "postgresql"]
    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole backup. ledger: rows by table; None where there was no ledger yet. left_out: what is not in it, and where that is."""

    made_ns: int
    version: str
    build: str
    home: str
    revision: str | None
    was: Literal["sqlite", "postgresql"]
    ledger: Mapping[str, int] | None
    journals: tuple[KeptJournal, ...]
    has_raw: bool
    files: tuple[KeptFile, ...]
    left_out: tuple[str, ...] = ()
    format: int = FORMAT
    parts: Mapping[str, int] = field(default_factory=dict)  # bytes by part

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(one.size for one in self.files)

    @property
    def last_journal_hashes(self) -> Mapping[str, str]:
        """The head of each journal's hash chain, by its path."""
        return {one.path: one.hash for one in self.journals}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it and its seal."""
    body = json.dumps(asdict(manifest), indent=1, sort_keys=True).encode()
    (folder / MANIFEST).write_bytes(body)
    (folder / SEAL).write_text(f"{hashlib.sha256(body).hexdigest()}  {MANIFEST}\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup. Raises Missing where there is none, Unreadable where it does not match its seal or is none of ours."""
    try:
        body = (folder / MANIFEST).read_bytes()
        seal = (folder / SEAL).read_text().split()[0]
    except FileNotFoundError as error:
        raise Missing(f"backup {folder}: no {Path(error.filename).name}, expected a whole backup of `tradewinds backup`") from None
    except (OSError, IndexError, UnicodeDecodeError) as error:
        raise Unreadable(f"backup {folder}: {SEAL} or {MANIFEST} cannot be read ({error}), expected a whole backup") from None
    found = hashlib.sha256(body).hexdigest()
    if found != seal:
        raise Unreadable(f"backup {folder}: {MANIFEST} hashes to {found}, expected {seal}, with which it was sealed")
    given = json.loads(body)
    if given.get("format") != FORMAT:
        raise Rejected(
            f"backup {folder}: format {given.get('format')}, expected {FORMAT}; use the version that wrote it, {given.get('version')}"
        )
    return _manifest(given)


def check_files(folder: Path, manifest: Manifest) -> None:
    """Read every file. Raises Missing or Unreadable naming the first one that is absent, cut, altered, or not of this backup."""
    for kept in manifest.files:
        place = folder / kept.path
        if not place.is_file() or place.is_symlink():
            raise Missing(f"backup {folder}: {kept.path} is absent, expected {kept.size} bytes")
        size = place.stat().st_size
        if size != kept.size:
            raise Unreadable(f"backup {folder}: {kept.path} has {size} bytes, expected {kept.size}")
        found = hash_of(place)
        if found != kept.sha256:
            raise Unreadable(f"backup {folder}: {kept.path} hashes to {found}, expected {kept.sha256}")
    known = {kept.path for kept in manifest.files} | {MANIFEST, SEAL}
    strange = next((path for path in paths_below(folder) if path not in known), None)
    if strange is not None:
        raise Unreadable(f"backup {folder}: {strange} is not in its manifest, expected only what was backed up")


def paths_below(folder: Path) -> Iterator[str]:
    """Every file below a folder, relative to it, sorted."""
    for place in sorted(folder.rglob("*")):
        if place.is_symlink() or not place.is_dir():
            yield place.relative_to(folder).as_posix()


def hash_of(place: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with place.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _manifest(given: Mapping[str, Any]) -> Manifest:
    words = dict(given)
    words["journals"] = tuple(KeptJournal(**one) for one in given["journals"])
    words["files"] = tuple(_kept(one) for one in given["files"])
    words["left_out"] = tuple(given["left_out"])
    return Manifest(**words)


def _kept(given: Mapping[str, Any]) -> KeptFile:
    kept = KeptFile(**given)
    if any(part in ("", ".", "..") for part in kept.path.split("/")) or "\\" in kept.path or "\0" in kept.path:
        raise Unreadable(f"backup: its manifest names {kept.path!r}, expected a path below the backup")
    return kept
