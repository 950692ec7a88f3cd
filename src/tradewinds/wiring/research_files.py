"""Risk models as files for people, and how a notebook reads them.

    <home>/published/<book>/<session>/<version>/
        manifest.json             which book, session, code; the SHA-256 of each file
        exposures.parquet         instrument, a column a factor
        covariance.parquet        factor, a column a factor; of one session
        specific.parquet          instrument, specific_variance, specific_return
        factor_returns.parquet    session, factor, value, t_statistic, of every session so far

A version never changes. A night that runs again over the same data writes nothing; over restated data it writes the next version.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tradewinds.core.errors import Missing, Rejected, Unreadable
from tradewinds.risk.risk_model import RiskModel

MANIFEST = "manifest.json"
PARTS = ("exposures", "covariance", "specific", "factor_returns")


def write(root: Path, book: str, session: str, frames: Mapping[str, pl.DataFrame], about: Mapping[str, Any]) -> str:
    """Keep frames as the next version of a book's session, or find that the last one is the same; `<book>/<session>/<version>`."""
    place = root / _plain(book) / _plain(session)
    files = {f"{name}.parquet": _bytes(frame) for name, frame in frames.items()}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    versions = _versions(place)
    if versions and _manifest(place / str(versions[-1]))["files"] == hashes:
        return f"{book}/{session}/{versions[-1]}"
    number = (versions[-1] if versions else 0) + 1
    told = {**about, "book": book, "session": session, "version": number, "files": hashes}
    files[MANIFEST] = json.dumps(told, indent=1, sort_keys=True).encode()
    place.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=place, prefix=".new-"))
    for name, content in files.items():
        with (fresh / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    fresh.chmod(0o755)
    fresh.rename(place / str(number))
    return f"{book}/{session}/{number}"


def sessions(root: Path, book: str) -> list[str]:
    """The sessions of a book that were published, oldest first."""
    place = root / _plain(book)
    return sorted(one.name for one in place.iterdir() if _versions(one)) if place.is_dir() else []


def risk_model(root: Path, book: str, session: str | None = None, version: int | None = None) -> RiskModel:
    """The risk model of a session; the last session and its last version where none is named.

    Raises Missing where there is none, Unreadable for files that are not what was published.
    """
    place, told = _chosen(root, book, session, version)
    exposures, covariance, specific = (_frame(place, told, name) for name in PARTS[:3])
    factors = tuple(covariance["factor"])
    order = dict(zip(specific["instrument"], specific["specific_variance"], strict=True))
    instruments = tuple(exposures["instrument"])
    return RiskModel(
        int(told["at_ns"]), int(told["known_ns"]), str(told["kind"]), instruments, factors,
        exposures.select(factors).to_numpy().astype(np.float64), covariance.select(factors).to_numpy().astype(np.float64),
        np.array([order[name] for name in instruments], np.float64), float(told["periods_a_year"]),
    )  # fmt: skip


def factor_returns(root: Path, book: str, session: str | None = None, version: int | None = None) -> pl.DataFrame:
    """session, factor, value, t_statistic of every session up to that one, as they were known then."""
    place, told = _chosen(root, book, session, version)
    return _frame(place, told, "factor_returns")


def _chosen(root: Path, book: str, session: str | None, version: int | None) -> tuple[Path, Mapping[str, Any]]:
    have = sessions(root, book)
    chosen = session or (have[-1] if have else "")
    if chosen not in have:
        raise Missing(f"risk model of {book} {session or ''}: nothing published in {root}, expected one of {_some(have)}")
    place = root / book / chosen
    versions = _versions(place)
    number = versions[-1] if version is None else version
    if number not in versions:
        raise Missing(f"risk model of {book} {chosen}: no version {number}, expected one of {_some([str(one) for one in versions])}")
    return place / str(number), _manifest(place / str(number))


def _frame(place: Path, told: Mapping[str, Any], name: str) -> pl.DataFrame:
    file = place / f"{name}.parquet"
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}, expected the file that the manifest names") from None
    found = hashlib.sha256(content).hexdigest()
    if found != told["files"].get(file.name):
        raise Unreadable(f"{file}: SHA-256 {found}, expected {told['files'].get(file.name)} of the manifest")
    return pl.read_parquet(io.BytesIO(content))


def _manifest(place: Path) -> Mapping[str, Any]:
    try:
        told: Mapping[str, Any] = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        told["files"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"{place / MANIFEST}: {error}, expected a manifest with files and their hashes") from None
    return told


def _versions(place: Path) -> list[int]:
    return sorted(int(one.name) for one in place.iterdir() if one.name.isdecimal()) if place.is_dir() else []


def _bytes(frame: pl.DataFrame) -> bytes:
    kept = io.BytesIO()
    frame.write_parquet(kept, statistics=False)
    return kept.getvalue()


def _plain(name: str) -> str:
    if not name or "/" in name or name.startswith("."):
        raise Rejected(f"published files: {name!r}, expected a plain name")
    return name


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[-5:]) or "none yet"
