"""What a strategy is compared with: values of one's own, or what holding without trading would have given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.simulation.books import DELISTING, DIVIDEND, SPLIT
from tradewinds.simulation.result import Result
from tradewinds.simulation.track import instrument_rates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CELLS_MAX = 5_000_000
"""Buy and hold of a market is drawn while rows times instruments stay below this."""


@dataclass(frozen=True, slots=True, eq=False)
class Benchmark:
    """Something to compare with. values: (times,) of the market's axis, prices or an account; only their changes count."""

    name: str
    values: Floats


def benchmark_values(result: Result, rows: Ints, benchmark: Benchmark | str | None) -> tuple[str, Floats] | None:
    """The name and (rows,) values of what to compare with, at the account's capital in the first row; None where it cannot be told.

    benchmark: values of one's own, the id of an instrument of the market to hold, or None: all of them in equal parts.
    """
    if isinstance(benchmark, Benchmark):
        if benchmark.values.shape != result.market.end_ns.shape:
            raise Rejected(f"benchmark {benchmark.name}: {benchmark.values.shape} values, expected {result.market.end_ns.shape} (times,)")
        values = _carried(benchmark.values[rows, None])[:, 0]
        return (benchmark.name, values / values[0] * result.setup.account.capital) if values[0] > 0 else None
    market = result.market
    if benchmark is not None and benchmark not in market.ids:
        raise Rejected(f"benchmark {benchmark}: no instrument of the market, expected one of {list(market.ids[:5])}")
    # A portfolio has an instrument once for each strategy that trades it.
    columns = np.unique(market.ids, return_index=True)[1] if benchmark is None else np.array([market.ids.index(benchmark)])
    if len(columns) * len(rows) > CELLS_MAX:
        return None
    worth = _held(result, rows, columns)
    there = worth[0] > 0
    if not there.any():
        return None
    parts = worth[:, there] / worth[0, there]
    name = f"Hold {market.ids[int(columns[0])]}" if len(columns) == 1 else f"Hold all {int(there.sum())} equally"
    return name, parts.mean(axis=1) * result.setup.account.capital


def _held(result: Result, rows: Ints, columns: Ints) -> Floats:
    """(rows, columns) worth in account currency of one unit bought at the close of the first row, with splits and dividends."""
    market = result.market
    close = _carried(market.close[np.ix_(rows, columns)])
    units, cash = np.ones(close.shape), np.zeros(close.shape)
    place = {int(column): k for k, column in enumerate(columns)}
    for event in _events(result, SPLIT, DIVIDEND, DELISTING):
        column = place.get(int(event["instrument"]))
        after = int(np.searchsorted(rows, event["row"]))
        if column is None or after >= len(rows):
            continue
        if event["kind"] == SPLIT:
            units[after:, column] *= event["value"]
        elif event["kind"] == DIVIDEND:
            cash[after:, column] += event["value"] * units[max(after - 1, 0), column]
        elif np.isfinite(event["value"]):
            close[after:, column] = event["value"]
    rates = instrument_rates(market)[:, columns]
    return np.asarray((close * units + cash) * (rates[rows] if len(rates) > 1 else rates), np.float64)


def _events(result: Result, *kinds: int) -> NDArray[np.void]:
    """Events of these kinds after the first row: what came before it was in the prices already."""
    events = result.market.events
    return events[np.isin(events["kind"], kinds) & (events["row"] > result.first_row) & (events["row"] < result.last_row)]


def _carried(values: Floats) -> Floats:
    """Columns with NaN replaced by the value before."""
    last = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))[:, None]), axis=0)
    return np.take_along_axis(values, last, axis=0)
