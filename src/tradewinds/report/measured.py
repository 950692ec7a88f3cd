"""Everything that the sections of a tear sheet draw from, computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.performance import summary
from tradewinds.performance.returns import Samples, returns_of, samples_of
from tradewinds.performance.summary import Summary
from tradewinds.performance.track_record import TrackRecord
from tradewinds.performance.trades import round_trips
from tradewinds.report.benchmark import Benchmark, benchmark_values
from tradewinds.report.thin import kept_rows
from tradewinds.simulation.result import Result
from tradewinds.simulation.track import track_record

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A result and its measures.

    rows: those of the equity picture; equity, held: (rows,). returns, held_returns: between session ends. held: the benchmark, NaN
    and without a name where there is none.
    """

    result: Result
    record: TrackRecord
    samples: Samples
    returns: Floats
    trips: NDArray[np.void]
    summary: Summary
    rows: Ints
    equity: Floats
    held_name: str | None
    held: Floats
    held_returns: Floats

    @property
    def currency(self) -> str:
        return self.record.currency


def measured(result: Result, benchmark: Benchmark | str | None = None) -> Measured:
    """Measure a result; benchmark as `report.benchmark.benchmark_values` takes it."""
    record = track_record(result)
    samples = samples_of(record)
    rows = result.first_row + kept_rows(result.equity[result.first_row : result.last_row])
    held = benchmark_values(result, rows, benchmark)
    sampled = benchmark_values(result, samples.rows, benchmark)
    levels = None
    if sampled is not None and (sampled[1] > 0).all():
        levels = np.full(len(record.end_ns), np.nan)
        levels[samples.rows] = sampled[1]
    return Measured(
        result=result,
        record=record,
        samples=samples,
        returns=returns_of(samples.values),
        trips=round_trips(record),
        summary=summary.of(record, benchmark=levels),
        rows=rows,
        equity=result.equity[rows],
        held_name=None if held is None else held[0],
        held=np.full(len(rows), np.nan) if held is None else held[1],
        held_returns=np.full(len(samples.values) - 1, np.nan) if sampled is None else returns_of(sampled[1]),
    )
