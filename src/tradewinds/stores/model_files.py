"""Files of models on this machine, by their hash, and what a name stood for when it was last asked: enough to trade on when MLflow is away.

<home>/models/files/<sha256>/model.json ...     never changes once there
<home>/models/pins/<name>@<alias>.json          {"version": "7", "sha256": "..."}
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

from tradewinds.core.errors import Missing, Rejected, Unreadable
from tradewinds.models.learner import MODEL, Files, files_hash

HEX = 64


class ModelFiles:
    """Files below a folder. Writing what is there writes nothing; reading checks the hash."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, sha256: str) -> Path:
        """Where the files of this hash are, or will be."""
        if len(sha256) != HEX or set(sha256) - set("0123456789abcdef"):
            raise Rejected(f"model files: SHA-256 {sha256!r}, expected {HEX} hexadecimal digits")
        return self._folder / "files" / sha256

    def has(self, sha256: str) -> bool:
        return (self.folder(sha256) / MODEL).is_file()

    def put(self, files: Files) -> str:
        """Keep files; returns their hash. Whoever reads sees all of them or none."""
        sha256 = files_hash(files)
        place = self.folder(sha256)
        if place.is_dir():
            return sha256
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".new-") as new:
            for name, content in files.items():
                if "/" in name or name.startswith("."):
                    raise Rejected(f"model files: {name!r}, expected plain names")
                (Path(new) / name).write_bytes(content)
            try:
                Path(new).rename(place)
                Path(new).mkdir()  # for the block's end to remove
            except OSError:
                if not place.is_dir():
                    raise
        return sha256

    def get(self, sha256: str) -> Files:
        """The files of this hash; raises Missing where they are not here, Unreadable where they are no longer what they were."""
        place = self.folder(sha256)
        if not place.is_dir():
            raise Missing(f"model files {sha256[:12]}: not in {place.parent}, expected those of a model that was resolved here before")
        files = read_files(place)
        if (found := files_hash(files)) != sha256:
            raise Unreadable(f"model files in {place}: SHA-256 {found}, expected their folder's name; remove the folder")
        return files

    def remember(self, name: str, alias: str, version: str, sha256: str) -> None:
        """Keep what a name stands for now."""
        place = self._pin(name, alias)
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, new = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"version": version, "sha256": sha256}, file)
        Path(new).replace(place)

    def remembered(self, name: str, alias: str) -> tuple[str, str] | None:
        """(version, SHA-256) of what the name stood for when it was last asked, if its files are here."""
        try:
            told = json.loads(self._pin(name, alias).read_text(encoding="utf-8"))
            version, sha256 = str(told["version"]), str(told["sha256"])
            return (version, sha256) if self.has(sha256) else None
        except (OSError, ValueError, KeyError, TypeError, Rejected):
            return None

    def _pin(self, name: str, alias: str) -> Path:
        return self._folder / "pins" / f"{quote(name, safe='')}@{quote(alias, safe='')}.json"


def read_files(folder: Path) -> Files:
    """The files that stand in a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
