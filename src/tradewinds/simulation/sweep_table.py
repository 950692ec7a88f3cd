"""Sweeps as a table of the lake: one row a trial, so that `select ... from history.sweep_trials` compares what was ever tried."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tradewinds.core.observation import Column, Dataset
from tradewinds.simulation.sweep import FIGURES, Trial

if TYPE_CHECKING:
    import polars as pl

_WHOLE = ("sessions", "fills")
TRIALS = Dataset(
    "sweep-trials",
    (
        Column("sweep", "text"),
        Column("fold", "int"),
        Column("trial", "int"),
        Column("parameters", "text"),
        *(Column(name, "int" if name in _WHOLE else "float") for name in FIGURES),
        Column("error", "text"),
    ),
    keys=("sweep", "fold", "trial"),
    partitioning="year",
    description="Configurations that sweeps tried: parameters as JSON, figures over the span, or the error of one that failed",
)
_SUBJECT = "STRATEGY"
_MICROSECOND_NS = 1_000


def trials_frame(
    strategy: str, sweep: str, trials: Sequence[Trial], *, spans: Sequence[tuple[int, int]], known_ns: int, source: str
) -> pl.DataFrame:
    """Rows of `TRIALS`. sweep: its id. spans: (start_ns, end_ns) of each fold. source: SHA-256 that says what was swept."""
    import polars as pl

    columns: dict[str, list[object]] = {
        "instrument": [f"{strategy}.{_SUBJECT}"] * len(trials),
        "start_ns": [spans[one.fold][0] // _MICROSECOND_NS * _MICROSECOND_NS for one in trials],
        "event_ns": [spans[one.fold][1] // _MICROSECOND_NS * _MICROSECOND_NS for one in trials],
        "known_ns": [known_ns // _MICROSECOND_NS * _MICROSECOND_NS] * len(trials),
        "captured_ns": [known_ns // _MICROSECOND_NS * _MICROSECOND_NS] * len(trials),
        "source": [source] * len(trials),
        "sweep": [sweep] * len(trials),
        "fold": [one.fold for one in trials],
        "trial": [one.number for one in trials],
        "parameters": [json.dumps(dict(one.parameters)) for one in trials],
        "error": [None if one.failure is None else f"{one.failure.kind}: {one.failure.message}" for one in trials],
    }
    for name in FIGURES:
        values = [None if one.figures is None else getattr(one.figures, name) for one in trials]
        columns[name] = [None if value != value else value for value in values]
    whole = ("start_ns", "event_ns", "known_ns", "captured_ns", "fold", "trial", *_WHOLE)
    schema = {name: pl.Int64 if name in whole else pl.Float64 if name in FIGURES else pl.String for name in columns}
    return pl.DataFrame(columns, schema=schema)
