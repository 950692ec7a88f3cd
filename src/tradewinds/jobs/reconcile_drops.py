"""`tradewinds reconcile`: folders of vendors' daily files into one history, its versions and the findings.

Reads `DROPS/<vendor>/*.csv` and `*.parquet`; the columns are described in `drop_file`. Writes three files, each whole or not at all:

    history.parquet    one row per symbol and session: the state after the last row received
    versions.parquet   every state that was published on the way, with the time it was published
    findings.parquet   what was found wrong, and with whom
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
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
    grid = session_grid([frame["session"] for frame in raw.values()], sessions)
    frames = {vendor: observed(frame, grid, limits) for vendor, frame in raw.items()}
    expected = grid.filter("is_session")["start_ns"].to_numpy()
    result = reconcile(frames, dataset=DATASET, limits=limits, expected=expected, with_versions=True)
    assert result.versions is not None
    published = result.versions.group_by("instrument", "start_ns").agg(pl.col("known_ns").max().alias("published_ns"))
    history = _history(result.rows.join(published, on=["instrument", "start_ns"], how="left", maintain_order="left"))
    findings = _findings(result.findings, grid)
    out.mkdir(parents=True, exist_ok=True)
    for name, frame in (("findings", findings), ("versions", _history(result.versions)), ("history", history)):
        _write(frame, out / f"{name}.parquet")
    return {
        "vendors": {vendor: frame.height for vendor, frame in sorted(raw.items())},
        "symbols": history["symbol"].n_unique(),
        "sessions": history.height,
        "versions": result.versions.height,
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


def session_grid(days: list[pl.Series], sessions: Calendar) -> pl.DataFrame:
    """(session, start_ns, event_ns, is_session): every session of the calendar in the span of the data, and every other day in the data.

    A session begins at its open and ends at its close; a day that is none is taken whole.
    """
    seen = set(pl.concat(days).unique().to_list())
    first, last = max(min(seen), sessions.truth_from), min(max(seen), sessions.truth_until)
    known = set(sessions.sessions(first, last))
    rows = []
    for day in sorted(seen | known):
        edges = (sessions.open_ns(day), sessions.close_ns(day)) if day in known else (from_date(day), from_date(day + timedelta(days=1)))
        rows.append((day, *edges, day in known))
    schema = {"session": pl.Date, "start_ns": pl.Int64, "event_ns": pl.Int64, "is_session": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def observed(frame: pl.DataFrame, grid: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """Rows as observations. Without `received_at` a row counts as known when its lateness limit passes: the last time that is not late."""
    rows = frame.join(grid.drop("is_session"), on="session", how="left", maintain_order="left").rename({"symbol": "instrument"})
    return rows.with_columns(pl.coalesce("received_ns", pl.col("event_ns") + limits.lateness_ns).alias("known_ns"))


def _history(rows: pl.DataFrame) -> pl.DataFrame:
    stamps = [_stamp("known_ns", "known_at")] + ([_stamp("published_ns", "published_at")] if "published_ns" in rows.columns else [])
    return rows.select(
        pl.col("instrument").alias("symbol"),
        "session",
        *PRICES,
        "volume",
        pl.col("vendor").alias("source"),
        stamps[0],
        "status",
        "reason",
        "split_factor",
        *stamps[1:],
    )


def _stamp(column: str, name: str) -> pl.Expr:
    """Whole seconds, rounded down."""
    return pl.from_epoch(pl.col(column), time_unit="ns").dt.truncate("1s").dt.cast_time_unit("us").dt.replace_time_zone("UTC").alias(name)


def _findings(findings: list[Finding], grid: pl.DataFrame) -> pl.DataFrame:
    rows = [(f.vendor, f.instrument, f.start_ns, f.field, f.kind, f.detail) for f in findings]
    schema = {"vendor": pl.String, "symbol": pl.String, "start_ns": pl.Int64, "field": pl.String, "kind": pl.String, "detail": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row").join(
        grid.select("start_ns", "session"), on="start_ns", how="left", maintain_order="left"
    )
    return frame.select("vendor", "symbol", "session", "field", "kind", "detail")


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
