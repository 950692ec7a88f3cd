"""`tradewinds reconcile`: folders of vendors' daily files into one history, its versions and the findings.

Reads `DROPS/<vendor>/*.csv` and `*.parquet`; the columns are described in `drop_file`. Writes three files, each whole or not at all:

    history.parquet    one row per symbol and session: the state after the last row received
    versions.parquet   every state that was published on the way, with the time it was published
    findings.parquet   what was found wrong, and with whom
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from tradewinds.calendars.sessions import Calendar
from tradewinds.calendars.sessions import calendar as calendar_of
from tradewinds.core.errors import Missing
from tradewinds.core.instant import NS_PER_HOUR, from_date
from tradewinds.core.market import PRICES
from tradewinds.core.observation import Finding
from tradewinds.history.reconcile import reconcile
from tradewinds.history.reconcile_limits import Limits
from tradewinds.jobs.drop_file import read_drop

DATASET = "bars-1d"


def reconcile_drops(
    drops: Path, calendar: str, out: Path, *, lateness_hours: float = 12, preference: tuple[str, ...] = ()
) -> dict[str, object]:
    """Reconcile every vendor's folder below `drops` and write the three files into `out`; returns counts.

    Raises Missing where there is no vendor folder with a file, Unreadable where a file cannot be parsed.
    """
    sessions = calendar_of(calendar)
    limits = Limits(lateness_ns=int(lateness_hours * NS_PER_HOUR), preference=preference)
    raw = read_vendors(drops)
    frames = {vendor: observed(frame, sessions, limits) for vendor, frame in raw.items()}
    result = reconcile(frames, dataset=DATASET, limits=limits)
    history = _history(result.rows)
    findings = _findings(result.findings)
    out.mkdir(parents=True, exist_ok=True)
    for name, frame in (("findings", findings), ("versions", history), ("history", history)):
        _write(frame, out / f"{name}.parquet")
    return {
        "vendors": {vendor: frame.height for vendor, frame in sorted(raw.items())},
        "symbols": history["symbol"].n_unique(),
        "sessions": history.height,
        "status": dict(sorted(Counter(history["status"]).items())),
        "findings": dict(sorted(Counter(findings["kind"]).items())),
    }


def read_vendors(drops: Path) -> dict[str, pl.DataFrame]:
    """The rows of every vendor folder, files in the order of their names."""
    frames: dict[str, pl.DataFrame] = {}
    folders = sorted(path for path in drops.iterdir() if path.is_dir() and not path.name.startswith(".")) if drops.is_dir() else []
    for folder in folders:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".csv", ".parquet") and not path.name.startswith("."))
        if files:
            frames[folder.name] = pl.concat([read_drop(path) for path in files], how="diagonal_relaxed")
    if not frames:
        raise Missing(f"reconcile {drops}: no vendor, expected folders that hold *.csv or *.parquet files")
    return frames


def observed(frame: pl.DataFrame, sessions: Calendar, limits: Limits) -> pl.DataFrame:
    """Rows as observations: a session begins at its open and ends at its close; a day that is none is taken whole.

    Without `received_at` a row counts as known when its lateness limit passes: the latest time at which it was in time.
    """
    days = frame["session"].unique().sort()
    edges = [_edges(day, sessions) for day in days.to_list()]
    known = pl.DataFrame(
        {"session": days, "start_ns": [e[0] for e in edges], "event_ns": [e[1] for e in edges]},
        schema_overrides={"start_ns": pl.Int64, "event_ns": pl.Int64},
    )
    rows = frame.join(known, on="session", how="left", maintain_order="left").rename({"symbol": "instrument"})
    unstated = pl.col("event_ns") + limits.lateness_ns
    return rows.with_columns(pl.coalesce("received_ns", unstated).alias("known_ns"))


def _edges(day: date, sessions: Calendar) -> tuple[int, int]:
    if sessions.truth_from <= day <= sessions.truth_until and sessions.is_session(day):
        return sessions.open_ns(day), sessions.close_ns(day)
    return from_date(day), from_date(day + timedelta(days=1))


def _history(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        pl.col("instrument").alias("symbol"),
        "session",
        *PRICES,
        "volume",
        pl.col("vendor").alias("source"),
        pl.from_epoch(pl.col("known_ns"), time_unit="ns")
        .dt.replace_time_zone("UTC")
        .dt.truncate("1s")
        .dt.cast_time_unit("us")
        .alias("known_at"),
        "status",
        "reason",
        "split_factor",
    )


def _findings(findings: list[Finding]) -> pl.DataFrame:
    rows = [(f.vendor, f.instrument, f.start_ns, f.end_ns, f.field, f.kind, f.detail) for f in findings]
    schema = {
        "vendor": pl.String,
        "symbol": pl.String,
        "start_ns": pl.Int64,
        "end_ns": pl.Int64,
        "field": pl.String,
        "kind": pl.String,
        "detail": pl.String,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    # A session lies within one UTC day of its close in every calendar we know, so its name is the day of its last instant.
    return frame.select(
        "vendor", "symbol", pl.from_epoch(pl.col("end_ns") - 1, time_unit="ns").dt.date().alias("session"), "field", "kind", "detail"
    )


def _write(frame: pl.DataFrame, path: Path) -> None:
    """Whole or not at all: written beside, made durable, then renamed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            frame.write_parquet(file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
