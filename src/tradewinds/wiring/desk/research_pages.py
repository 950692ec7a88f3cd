"""What research made, for people: runs in the ledger with their curves, sweeps, pages of nights, models with their cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tradewinds.core.errors import Missing, TradewindsError
from tradewinds.stores.ledger_backtests import BacktestFilter, StoredBacktest

if TYPE_CHECKING:
    from tradewinds.models.card import ModelCard
    from tradewinds.stores.model_registry import StoredModel
    from tradewinds.wiring.house import House

RUNS_SHOWN = 200
NIGHTS_SHOWN = 60
POINTS_SHOWN = 1_500


@dataclass(frozen=True, slots=True)
class Curve:
    """A run's equity over time. at_ns, equity, drawdown: one a session's end, thinned to at most POINTS_SHOWN."""

    at_ns: Sequence[int]
    equity: Sequence[float]
    drawdown: Sequence[float]


@dataclass(frozen=True, slots=True)
class NightPage:
    """The page of one night of one book."""

    book: str
    session: str


@dataclass(frozen=True, slots=True)
class ModelShown:
    """One version of a model with what its card says; card None where it cannot be read, trouble says why."""

    stored: StoredModel
    card: ModelCard | None
    trouble: str = ""


def runs(house: House, *, strategy: str | None = None) -> tuple[StoredBacktest, ...]:
    """Backtests, newest first."""
    return tuple(house.ledger.backtests(BacktestFilter(strategy=strategy), limit=RUNS_SHOWN))


def run(house: House, number: int) -> StoredBacktest:
    """One backtest; raises Missing."""
    found = house.ledger.backtest(number)
    if found is None:
        raise Missing(f"backtest {number}: no such run, expected one that the list shows")
    return found


def curve(house: House, number: int) -> Curve:
    """The equity of a run and how far below its top it was."""
    rows = house.ledger.backtest_table(number, "performance").select("at_ns", "equity", "drawdown").drop_nulls("equity")
    step = max(1, rows.height // POINTS_SHOWN)
    thin = rows.gather_every(step)
    return Curve(thin["at_ns"].to_list(), thin["equity"].to_list(), thin["drawdown"].fill_null(0.0).to_list())


def round_trips(house: House, number: int, *, limit: int = 200) -> pl.DataFrame:
    """A run's round trips, the last ones first."""
    return house.ledger.backtest_table(number, "round_trip").tail(limit).reverse()


def sheets(house: House) -> tuple[str, ...]:
    """Tear sheets and sweep sheets that stand below the home, by their path there, newest first."""
    root = house.home / "backtests"
    found = sorted((path for path in root.rglob("*.html")), key=lambda path: -path.stat().st_mtime_ns) if root.is_dir() else []
    return tuple(str(path.relative_to(house.home)) for path in found[:RUNS_SHOWN])


def night_pages(house: House) -> tuple[NightPage, ...]:
    """Pages of nights, newest session first."""
    root = house.home / "reports"
    found = [NightPage(path.parent.name, path.stem) for path in root.glob("*/*.html")] if root.is_dir() else []
    return tuple(sorted(found, key=lambda one: (one.session, one.book), reverse=True)[:NIGHTS_SHOWN])


def html_file(house: House, name: str) -> bytes:
    """A page of ours below the home, by its path there. Raises Missing for any other file, whatever the path tries."""
    root = house.home.resolve()
    place = (root / name).resolve()
    allowed = (root / "reports", root / "backtests")
    if place.suffix != ".html" or not any(place.is_relative_to(one) for one in allowed) or not place.is_file():
        raise Missing(f"page {name[:120]!r}: none of ours, expected a report or a sheet below the home")
    return place.read_bytes()


def models(house: House) -> tuple[ModelShown, ...]:
    """Every version of every model that this workspace declares, with its card."""
    found: list[ModelShown] = []
    for name in model_names(house):
        try:
            versions = house.models.versions(name)
        except TradewindsError:
            continue  # nobody trained it yet
        found += [_shown(house, one) for one in versions]
    return tuple(found)


def model_names(house: House) -> tuple[str, ...]:
    """Models that the workspace declares."""
    folder = Path(house.config.workspace or ".") / "models"
    return tuple(sorted(path.stem for path in folder.glob("*.yaml"))) if folder.is_dir() else ()


def beside(first: StoredBacktest, second: StoredBacktest) -> Mapping[str, tuple[Any, Any]]:
    """What differs between two runs in what they were given: parameters, instruments, span, interval, vintage, kernel."""
    told: dict[str, tuple[Any, Any]] = {}
    for name in sorted({*first.run.parameters, *second.run.parameters}):
        told[f"parameter {name}"] = (first.run.parameters.get(name), second.run.parameters.get(name))
    for name in ("strategy", "interval", "vintage", "kernel", "from_ns", "to_ns"):
        told[name] = (getattr(first.run, name), getattr(second.run, name))
    told["instruments"] = (", ".join(first.run.instruments), ", ".join(second.run.instruments))
    return {name: pair for name, pair in told.items() if pair[0] != pair[1]}


def _shown(house: House, stored: StoredModel) -> ModelShown:
    try:
        return ModelShown(stored, house.models.card(stored))
    except TradewindsError as error:
        return ModelShown(stored, None, str(error))
