"""The page of a sweep: where the good configurations lie, and how much of the best one is luck.

sheet = sweep_sheet(SweepFigures(strategy="sma_cross", objective="sharpe", parameters=..., values=...))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.report import page
from tradewinds.report.chart import Figure, empty
from tradewinds.report.chart_mark import Grid, heat_figure, histogram, row_figure
from tradewinds.report.declared import parameter_rows
from tradewinds.report.number import ABSENT, count, decimal, moment, percent, significant
from tradewinds.report.sheet import TearSheet

Floats = NDArray[np.float64]

GROUPS_MAX = 14
"""Values of a parameter beyond this many are joined to groups of neighbours."""
TOP = 20
FAILURES_SHOWN = 20
LUCKY_OVERFITTING = 0.5
CONVINCING = 0.95
_OBJECTIVES = {"sharpe": "Sharpe ratio", "sortino": "Sortino ratio", "calmar": "Calmar ratio", "return": "total return"}


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a walk-forward: what was chosen on the first span, and what it gave on the next one."""

    train_start_ns: int
    train_end_ns: int
    test_start_ns: int
    test_end_ns: int
    parameters: Mapping[str, Any]
    train_value: float
    test_value: float


@dataclass(frozen=True, slots=True, eq=False)
class SweepFigures:
    """What a sweep found. parameters and values: one for each configuration, NaN where it failed or never traded; larger is better.

    luck_maximum: the value that the best of so many configurations without skill is expected to reach. deflated: the probability that the
    best one's Sharpe ratio is above that (deflated Sharpe ratio). overfitting: how often the best in one half of the data was below the
    median in the other (PBO). interval: bootstrap bounds of the best value, at `confidence`. None: not computed.
    failures: (configuration, message). axes: the two parameters of the map, None: those with the most values.
    """

    strategy: str
    parameters: Sequence[Mapping[str, Any]]
    values: Floats
    objective: str = "sharpe"
    luck_maximum: float | None = None
    deflated: float | None = None
    overfitting: float | None = None
    interval: tuple[float, float] | None = None
    confidence: float = 0.95
    segments: tuple[Segment, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    axes: tuple[str, str] | None = None
    vintage: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.parameters) != len(self.values):
            raise Rejected(
                f"sweep of {self.strategy}: {len(self.parameters)} configurations and {len(self.values)} values, expected as many"
            )


def sweep_sheet(sweep: SweepFigures, *, title: str | None = None) -> TearSheet:
    """The page. Same figures, same bytes."""
    best = _best(sweep)
    figures = [_map(sweep), _distribution(sweep, best), _segments(sweep)]
    content = (
        page.tiles(_tiles(sweep, best))
        + page.warnings(_warnings(sweep))
        + page.section("where", "Where the good configurations lie", figures[0].html)
        + page.section("luck", "How much of it is luck", figures[1].html, page.facts(_words(sweep, best)))
        + page.section("forward", "Chosen on the past, tried on what came next", figures[2].html, _segment_table(sweep))
        + page.section("best", "The best configurations", _top_table(sweep))
        + page.section("failures", "Configurations that failed", _failure_table(sweep))
    )
    tried = f"{count(len(sweep.values))} configurations, compared by {_objective(sweep)}"
    heading = title or f"Sweep of {sweep.strategy}"
    return TearSheet(heading, page.document(heading, tried, content, f"Data vintage {sweep.vintage or 'unnamed'}."), tuple(figures))


def _best(sweep: SweepFigures) -> int | None:
    return int(np.nanargmax(sweep.values)) if np.isfinite(sweep.values).any() else None


def _tiles(sweep: SweepFigures, best: int | None) -> list[page.Tile]:
    value = np.nan if best is None else float(sweep.values[best])
    usable = sweep.values[np.isfinite(sweep.values)]
    return [
        page.Tile(f"Best {_objective(sweep)}", decimal(value), "the largest of all that were tried; read the next figures first"),
        page.Tile("Median", decimal(float(np.median(usable)) if len(usable) else np.nan), "what a configuration picked blindly gives"),
        page.Tile("Best under luck alone", _number(sweep.luck_maximum), "what the best of so many would show without any skill"),
        page.Tile(
            "Deflated Sharpe ratio",
            _share(sweep.deflated),
            "confidence that the best one has skill at all, after so many tries; 95% convinces",
        ),
        page.Tile(
            "Probability of overfitting", _share(sweep.overfitting), "PBO: how often the best of one half falls below the other's median"
        ),
        page.Tile("Failed", count(len(sweep.failures)), "configurations that raised an error; listed below"),
    ]


def _warnings(sweep: SweepFigures) -> list[str]:
    said = list(sweep.notes)
    if sweep.deflated is not None and sweep.deflated < CONVINCING:
        said.append(
            f"After {count(len(sweep.values))} tries the best one is not convincing: confidence {percent(sweep.deflated, 1)}, wanted 95%."
        )
    if sweep.overfitting is not None and sweep.overfitting >= LUCKY_OVERFITTING:
        said.append(f"Picking the best is no better than picking blindly: probability of overfitting {percent(sweep.overfitting, 0)}.")
    if sweep.deflated is None and sweep.overfitting is None:
        said.append("No test of luck was made: the best of many is always better than it is.")
    return said


def _words(sweep: SweepFigures, best: int | None) -> list[tuple[str, str]]:
    rows = [("Configurations", f"{count(len(sweep.values))}, of which {count(int(np.isfinite(sweep.values).sum()))} have a value")]
    if best is not None:
        rows.append(("Best", f"{decimal(float(sweep.values[best]))} with {_text(sweep.parameters[best])}"))
    if sweep.luck_maximum is not None:
        rows.append(("Expected best of as many without skill", decimal(sweep.luck_maximum)))
    if sweep.deflated is not None:
        rows.append(
            (
                "Deflated Sharpe ratio",
                f"{percent(sweep.deflated, 1)} confidence that the best one's true value is above 0 after so many tries",
            )
        )
    if sweep.overfitting is not None:
        rows.append(("Probability of backtest overfitting", percent(sweep.overfitting, 1)))
    if sweep.interval is not None:
        low, high = sweep.interval
        rows.append((f"Bootstrap, {percent(sweep.confidence, 0)}", f"{decimal(low)} to {decimal(high)}"))
    return rows


def _map(sweep: SweepFigures) -> Figure:
    title = f"{_heading(sweep)} by two parameters"
    names = _axes(sweep)
    if names is None:
        return empty("map", title, "A map needs two parameters that vary.")
    rows, row_of = _groups([one[names[0]] for one in sweep.parameters])
    columns, column_of = _groups([one[names[1]] for one in sweep.parameters])
    cells = np.full((len(rows), len(columns)), np.nan)
    for row in range(len(rows)):
        for column in range(len(columns)):
            inside = sweep.values[(row_of == row) & (column_of == column)]
            inside = inside[np.isfinite(inside)]
            if len(inside):
                cells[row, column] = float(np.median(inside))
    note = "Each cell is the median of its configurations. A broad plateau can be believed, a lone peak is luck."
    corner = f"{names[0]} \u2193  {names[1]} \u2192"
    return heat_figure("map", title, Grid(rows, columns, cells), decimals=2, corner=corner, note=note)


def _axes(sweep: SweepFigures) -> tuple[str, str] | None:
    if sweep.axes is not None:
        return sweep.axes
    every = sorted({name for one in sweep.parameters for name in one})
    kinds = {name: len({repr(one.get(name)) for one in sweep.parameters}) for name in every}
    varied = sorted((name for name in every if kinds[name] > 1), key=lambda name: (-kinds[name], name))[:2]
    return (varied[0], varied[1]) if len(varied) == 2 else None


def _groups(values: Sequence[Any]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Labels of groups and the group of each value; neighbours are joined where there are too many."""
    is_number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    unique = sorted(set(values)) if is_number else sorted({str(value) for value in values})
    place = {value: at for at, value in enumerate(unique)}
    parts = np.array_split(np.arange(len(unique)), min(len(unique), GROUPS_MAX))
    group = np.concatenate([np.full(len(part), at) for at, part in enumerate(parts)])
    labels = tuple(_label(unique[int(part[0])], unique[int(part[-1])]) for part in parts)
    return labels, group[[place[value if is_number else str(value)] for value in values]]


def _label(low: Any, high: Any) -> str:
    first, last = (significant(float(one), 4) if isinstance(one, int | float) else str(one) for one in (low, high))
    return first if first == last else f"{first}\u2013{last}"


def _distribution(sweep: SweepFigures, best: int | None) -> Figure:
    lines = [] if best is None else [(float(sweep.values[best]), "best")]
    if sweep.luck_maximum is not None:
        lines.append((sweep.luck_maximum, "best under luck"))
    note = "Where the best stands left of what luck alone reaches, nothing was found."
    return histogram("values", f"{_heading(sweep)} of all configurations", sweep.values, lines=lines, unit="number", note=note)


def _segments(sweep: SweepFigures) -> Figure:
    title = f"{_heading(sweep)} on unseen spans"
    if not sweep.segments:
        return empty("segments", title, "No walk-forward was made.")
    labels = [f"{moment(one.test_start_ns)[:10]} to {moment(one.test_end_ns)[:10]}" for one in sweep.segments]
    values = np.array([one.test_value for one in sweep.segments])
    texts = [f"{decimal(one.test_value)} (chosen at {decimal(one.train_value)})" for one in sweep.segments]
    return row_figure("segments", title, labels, values, texts)


def _segment_table(sweep: SweepFigures) -> str:
    rows = [
        (
            _text(one.parameters),
            f"{moment(one.train_start_ns)[:10]} to {moment(one.train_end_ns)[:10]}",
            f"{moment(one.test_start_ns)[:10]} to {moment(one.test_end_ns)[:10]}",
            decimal(one.train_value),
            decimal(one.test_value),
        )
        for one in sweep.segments
    ]
    return page.table(("Chosen", "On", "Tried on", "There", "Here"), rows, texts=3, empty="No walk-forward was made.")


def _top_table(sweep: SweepFigures) -> str:
    order = np.argsort(-np.nan_to_num(sweep.values, nan=-np.inf), kind="stable")
    rows = [
        (count(place + 1), _text(sweep.parameters[at]), decimal(float(sweep.values[at]), 3))
        for place, at in enumerate(order[:TOP].tolist())
        if np.isfinite(sweep.values[at])
    ]
    return page.table(("Place", "Parameters", _heading(sweep)), rows, texts=2, empty="No configuration has a value.")


def _failure_table(sweep: SweepFigures) -> str:
    rows = [(name, message) for name, message in sweep.failures[:FAILURES_SHOWN]]
    more = len(sweep.failures) - len(rows)
    return page.table(("Configuration", "Error"), rows, texts=2, empty="None failed.") + (
        f"<p class=note>{more} more.</p>" if more > 0 else ""
    )


def _text(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in parameter_rows(parameters))


def _objective(sweep: SweepFigures) -> str:
    return _OBJECTIVES.get(sweep.objective, sweep.objective)


def _heading(sweep: SweepFigures) -> str:
    text = _objective(sweep)
    return text[:1].upper() + text[1:]


def _number(value: float | None) -> str:
    return ABSENT if value is None else decimal(value)


def _share(value: float | None) -> str:
    return ABSENT if value is None else percent(value, 1)
