"""What a night of research keeps for the next one, as files below the home; without them the next night takes longer."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tradewinds.core.errors import Missing

END = ".state"


@dataclass(frozen=True, slots=True)
class KeptStates:
    """`<root>/<folder>/<name>.state`, each written whole or not at all."""

    root: Path

    def names(self, folder: str) -> list[str]:
        return sorted(one.name.removesuffix(END) for one in (self.root / folder).glob(f"*{END}"))

    def read(self, folder: str, name: str) -> bytes:
        file = self.root / folder / f"{name}{END}"
        try:
            return file.read_bytes()
        except OSError as error:
            raise Missing(f"{file}: {error.strerror}, expected what was kept") from None

    def write(self, folder: str, name: str, content: bytes, *, keep: int) -> None:
        place = self.root / folder
        place.mkdir(parents=True, exist_ok=True)
        handle, fresh = tempfile.mkstemp(dir=place, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(fresh).rename(place / f"{name}{END}")
        for old in self.names(folder)[:-keep]:
            (place / f"{old}{END}").unlink(missing_ok=True)
