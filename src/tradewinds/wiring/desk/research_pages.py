"""Research as pages show it beyond `research.py`: curves of runs, what two runs were given, sheets, sweeps, backtests asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.observation import Table
from tradewinds.simulation.sweep_table import TRIALS

if TYPE_CHECKING:
    from pathlib import Path

    from tradewinds.stores.ledger_backtests import StoredBacktest
    from tradewinds.wiring.house import House

SHEETS_SHOWN = 100
POINTS_SHOWN = 1_500
ASKED_SHOWN = 20
LOG_BYTES = 2_000
FOLDERS = ("backtests", "sweeps", "reports")


@dataclass(frozen=True, slots=True)
class Curve:
    """A run's equity over time. at_ns, equity, drawdown: one a session's end, thinned to at most about POINTS_SHOWN."""

    at_ns: Sequence[int]
    equity: Sequence[float]
    drawdown: Sequence[float]


@dataclass(frozen=True, slots=True)
class AskedRun:
    """A backtest that somebody started from a page. run: its number in the ledger once it ended well. says: the end of what it said."""

    name: str
    state: str
    run: int | None
    says: str


def run(house: House, number: int) -> StoredBacktest:
    """One backtest; raises Missing."""
    found = house.ledger.backtest(number)
    if found is None:
        raise Missing(f"backtest {number}: no such run, expected one that the list shows")
    return found


def curve(house: House, number: int) -> Curve:
    """The equity of a run and how far below its top it was."""
    rows = house.ledger.backtest_table(number, "performance").select("at_ns", "equity", "drawdown").drop_nulls("equity")
    thin = rows.gather_every(max(1, rows.height // POINTS_SHOWN))
    return Curve(thin["at_ns"].to_list(), thin["equity"].to_list(), thin["drawdown"].fill_null(0.0).to_list())


def round_trips(house: House, number: int, *, limit: int = 200) -> list[dict[str, Any]]:
    """A run's round trips, the last ones first."""
    return house.ledger.backtest_table(number, "round_trip").tail(limit).reverse().to_dicts()


def beside(first: StoredBacktest, second: StoredBacktest) -> Mapping[str, tuple[Any, Any]]:
    """What differs between two runs in what they were given: parameters, instruments, span, interval, vintage, kernel."""
    told: dict[str, tuple[Any, Any]] = {}
    for name in sorted({*first.run.parameters, *second.run.parameters}):
        told[f"parameter {name}"] = (first.run.parameters.get(name), second.run.parameters.get(name))
    for name in ("strategy", "interval", "vintage", "kernel", "from_ns", "to_ns"):
        told[name] = (getattr(first.run, name), getattr(second.run, name))
    told["instruments"] = (", ".join(first.run.instruments), ", ".join(second.run.instruments))
    return {name: pair for name, pair in told.items() if pair[0] != pair[1]}


def sheets(house: House) -> tuple[str, ...]:
    """Tear sheets, sweep sheets and pages of nights below the home, by their path there, newest first."""
    found = [path for name in FOLDERS if (house.home / name).is_dir() for path in (house.home / name).rglob("*.html")]
    found.sort(key=lambda path: (-path.stat().st_mtime_ns, str(path)))
    return tuple(str(path.relative_to(house.home)) for path in found[:SHEETS_SHOWN])


def sheet_of(house: House, fingerprint: str) -> str | None:
    """The tear sheet of a run, by its path below the home."""
    found = sorted((house.home / "backtests").glob(f"*-{fingerprint[:12]}.html"))
    return str(found[0].relative_to(house.home)) if found else None


def html_file(house: House, name: str) -> bytes:
    """A page of ours below the home, by its path there. Raises Missing for any other file, whatever the path tries."""
    root = house.home.resolve()
    place = (root / name).resolve() if "\0" not in name else root
    if place.suffix != ".html" or not any(place.is_relative_to(root / one) for one in FOLDERS) or not place.is_file():
        raise Missing(f"page {name[:120]!r}: none of ours, expected a sheet or a report below the home")
    return place.read_bytes()


def sweeps(house: House) -> list[dict[str, Any]]:
    """Every sweep with its best trial by Sharpe ratio: strategy, sweep, trials, failed, sharpe, parameters."""
    rows = house.lake.read(Table(TRIALS), as_of_ns=house.clock.now_ns())
    if rows.is_empty():
        return []
    best = pl.col("parameters").sort_by("sharpe", nulls_last=True, descending=True).first()
    told = rows.group_by("instrument", "sweep").agg(
        trials=pl.len(), failed=pl.col("error").is_not_null().sum(), sharpe=pl.col("sharpe").max(), parameters=best,
        known_ns=pl.col("known_ns").max(),
    )  # fmt: skip
    return told.sort("known_ns", "sweep", descending=True).to_dicts()


def asked_runs(house: House) -> tuple[AskedRun, ...]:
    """Backtests that were started from here, the last first."""
    folder = house.home / "backtests" / "asked"
    logs = sorted(folder.glob("*.log"), reverse=True)[:ASKED_SHOWN] if folder.is_dir() else []
    return tuple(_asked(log) for log in logs)


def whole(text: str, what: str) -> int:
    """A whole number out of an address; raises Rejected."""
    if not text.isdecimal() or len(text) > 18:
        raise Rejected(f"{what} {text[:40]!r}, expected a whole number")
    return int(text)


def _asked(log: Path) -> AskedRun:
    said = log.read_bytes()[-LOG_BYTES:].decode("utf-8", "replace").replace("\r", "\n").strip()
    last = said.splitlines()[-1] if said else ""
    try:
        told = json.loads(log.with_suffix(".json").read_text() or "null")
    except (OSError, ValueError):
        told = None
    if isinstance(told, dict):
        number = told.get("run")
        return AskedRun(log.stem, "done", number if isinstance(number, int) else None, last)
    return AskedRun(log.stem, "failed" if last.startswith("tradewinds:") else "running", None, last)
