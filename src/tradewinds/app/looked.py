"""What `doctor` and `status` say of one thing that they looked at, and the one that both look at: the disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FREE_BYTES_MIN = 2 * 2**30
FREE_BYTES_LEAST = 256 * 2**20  # below it the journal may soon take nothing


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `advice` says what to do when it is not well."""

    what: str
    state: Literal["well", "warning", "wrong"]
    detail: str
    advice: str = ""


def disk(home: Path) -> Check:
    """Whether the disk of the home has room: where it has none the journal takes nothing, and nothing is sent."""
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    told = f"{free / 2**30:.1f} GiB free at {home}"
    grown = f"what grows: {home / 'raw'} (bytes of vendors) and {home / 'logs'}; a hundred symbols' year of minutes takes about 3 GiB"
    if free < FREE_BYTES_LEAST:
        return Check(
            "disk", "wrong", f"{told}: nearly full; when it is, the journal takes nothing and no order is sent", f"make room now; {grown}"
        )
    return Check("disk", "well" if free >= FREE_BYTES_MIN else "warning", told, f"make room; {grown}")
