"""Data as people look at it: instruments, rows of any table as of any time, indicators, findings, holds, lineage, coverage, runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.market import bars as bars_of
from tradewinds.core.market import interval_of
from tradewinds.core.observation import Table
from tradewinds.factors.expression import parse
from tradewinds.factors.features import FeatureSet
from tradewinds.history.adjust import MODES, Mode, adjust
from tradewinds.history.lineage import LineageStep, to_dict
from tradewinds.history.panel import panel_of_frame
from tradewinds.jobs.lineage import lineage_of
from tradewinds.jobs.tables import table_named, tables
from tradewinds.stores.ledger_findings import FindingFilter
from tradewinds.stores.ledger_runs import RunFilter

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.core.instrument import Instrument, InstrumentKind
    from tradewinds.core.observation import Finding
    from tradewinds.core.record import Hold, JobRun
    from tradewinds.wiring.house import House

EXPRESSIONS_MAX = 20
INDICATOR_ROWS_MAX = 50_000
BAR_FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table of the lake. partitions: how many; first, last: their names."""

    name: str
    dataset: str
    vendor: str | None
    columns: tuple[tuple[str, str, str], ...]
    keys: tuple[str, ...]
    partitions: int
    first: str | None
    last: str | None
    description: str


@dataclass(frozen=True, slots=True)
class Covered:
    """How many rows (every version counted) of an instrument a partition holds, and the span they start in."""

    instrument: str
    partition: str
    rows: int
    first_ns: int
    last_ns: int


def instruments(
    house: House, *, words: str | None = None, venue: str | None = None, kind: InstrumentKind | None = None
) -> list[Instrument]:
    """By words (symbol, id, name, former names; best first), else by id."""
    if words:
        found = house.ledger.find(words, venue=venue, limit=500)
        return [one for one in found if kind in (None, one.kind)]
    return house.ledger.instruments(venue=venue, kind=kind)


def instrument(house: House, name: str) -> tuple[Instrument, list[Any]]:
    """The instrument and every name it had; raises Missing."""
    found = house.ledger.instrument(name)
    if found is None:
        raise Missing(f"instrument {name!r}: there is none, expected an id such as AAPL.XNAS that `tradewinds instrument find` shows")
    return found, list(house.ledger.tickers(name))


def table_facts(house: House) -> list[TableFacts]:
    """Every table of the lake."""
    context = house.context("desk", "")
    return [_facts(house, one) for one in tables(context)]


def table(house: House, name: str) -> Table:
    """The table of a name such as bars-1m, history/bars-1m or vendor/alpha/bars-1d; raises Rejected naming those there are."""
    interval = interval_of(name) if "/" not in name else None
    return Table(bars_of(interval)) if interval is not None else table_named(house.context("desk", ""), name)


def rows(
    house: House,
    of: Table,
    *,
    instruments: Sequence[str] | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
    as_of_ns: int | None = None,
    columns: Sequence[str] | None = None,
    adjusted: str | None = None,
) -> pl.DataFrame:
    """Rows as known then (None: now), sorted by instrument and start. adjusted: splits, splits+dividends or total, for bars alone."""
    known_ns = house.clock.now_ns() if as_of_ns is None else as_of_ns
    wanted = None if columns is None else list(dict.fromkeys(["instrument", "start_ns", *columns]))
    if adjusted is not None:
        wanted = None if wanted is None else list(dict.fromkeys([*wanted, "close"]))
    found = house.lake.read(of, as_of_ns=known_ns, instruments=instruments, start_ns=start_ns, end_ns=end_ns, columns=wanted)
    return found if adjusted is None else _adjusted(house, of, found, adjusted, known_ns)


def versions(
    house: House, of: Table, *, instruments: Sequence[str], start_ns: int | None = None, end_ns: int | None = None
) -> pl.DataFrame:
    """Every version of each fact: what a slider over the as-of shows."""
    return house.lake.versions(of, instruments=instruments, start_ns=start_ns, end_ns=end_ns)


def indicators(
    house: House,
    instrument: str,
    interval: str,
    expressions: Sequence[str],
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
    as_of_ns: int | None = None,
    adjusted: Mode = "splits",
) -> dict[str, Any]:
    """Expressions over the bars of one instrument: {"start_ns": array, expression: array}, NaN where not known yet.

    The bars before start_ns that the expressions look back on are read too. Raises Rejected for what cannot be parsed.
    """
    if not 1 <= len(expressions) <= EXPRESSIONS_MAX:
        raise Rejected(f"indicators: {len(expressions)} expressions, expected 1 to {EXPRESSIONS_MAX}")
    known_ns = house.clock.now_ns() if as_of_ns is None else as_of_ns
    asked = FeatureSet("desk", {text: parse(text) for text in dict.fromkeys(expressions)})
    frame = house.lake.read(Table(bars_of(interval)), as_of_ns=known_ns, instruments=[instrument], end_ns=end_ns)
    if frame.is_empty():
        raise Missing(f"indicators of {instrument}: no bars-{interval} known then, expected some")
    starts = frame["start_ns"].to_numpy()
    first = 0 if start_ns is None else int(np.searchsorted(starts, start_ns))
    frame = frame.slice(max(0, max(first, len(starts) - INDICATOR_ROWS_MAX) - asked.lookback - 1))
    frame = adjust(frame, house.ledger.actions(as_of_ns=known_ns, instruments=[instrument]), known_ns, adjusted)
    panel = panel_of_frame(frame, BAR_FIELDS, view="latest", instruments=[instrument])
    found = asked.compute(panel, since_ns=start_ns)
    return {"start_ns": found.times, **{name: found.values[:, 0, at] for at, name in enumerate(found.names)}}


def findings(
    house: House,
    *,
    instrument: str | None = None,
    dataset: str | None = None,
    vendor: str | None = None,
    kind: str | None = None,
    severity: str | None = None,
    is_released: bool | None = None,
) -> list[Finding]:
    """Findings by instrument, dataset, start, vendor."""
    which = FindingFilter(
        instruments=None if instrument is None else [instrument], dataset=dataset, vendor=vendor, kind=kind,
        severity=severity, is_released=is_released,  # type: ignore[arg-type]  # any other text finds nothing
    )  # fmt: skip
    return house.ledger.findings(which)


def finding_counts(house: House) -> dict[tuple[str, str], int]:
    """(vendor, kind) -> how many."""
    return house.ledger.finding_counts()


def holds(house: House, *, instrument: str | None = None, is_open: bool | None = True) -> list[Hold]:
    """Values that wait for a person; `is_open` False for those decided, None for all."""
    return house.ledger.holds(instruments=None if instrument is None else [instrument], is_open=is_open)


def lineage(house: House, instrument: str, dataset: str, start_ns: int, *, as_of_ns: int | None = None) -> LineageStep:
    """One fact walked back to the vendors' bytes; raises Missing where nothing is published."""
    known_ns = house.clock.now_ns() if as_of_ns is None else as_of_ns
    return lineage_of(house.context("desk", ""), dataset, {"instrument": instrument, "start_ns": start_ns}, known_ns)


def lineage_tree(house: House, instrument: str, dataset: str, start_ns: int, *, as_of_ns: int | None = None) -> Mapping[str, Any]:
    """The same as plain values."""
    return to_dict(lineage(house, instrument, dataset, start_ns, as_of_ns=as_of_ns))


def coverage(house: House, of: Table, *, instrument: str | None = None) -> list[Covered]:
    """What the partitions of a table hold, read from their indexes alone."""
    from tradewinds.stores.lake import FileLake

    assert isinstance(house.lake, FileLake)
    found = [Covered(*one) for one in house.lake.index(of)]
    return [one for one in found if instrument in (None, one.instrument)]


def runs(house: House, *, job: str | None = None, state: str | None = None, limit: int = 200) -> list[JobRun]:
    """Runs of jobs, newest first; of whole partitions."""
    which = RunFilter(job=job, subject="", state=state)  # type: ignore[arg-type]  # any other text finds nothing
    return house.ledger.runs(which, limit=limit)


def run(house: House, number: int) -> JobRun:
    """Raises Missing."""
    found = house.ledger.run(number)
    if found is None:
        raise Missing(f"run {number}: there is none, expected one of `tradewinds job list`")
    return found


def _facts(house: House, one: Table) -> TableFacts:
    names = house.lake.partitions(one)
    return TableFacts(
        one.name, one.dataset.name, one.vendor, tuple((each.name, each.kind, each.unit) for each in one.dataset.columns), one.dataset.keys,
        len(names), names[0] if names else None, names[-1] if names else None, one.dataset.description,
    )  # fmt: skip


def _adjusted(house: House, of: Table, frame: pl.DataFrame, mode: str, known_ns: int) -> pl.DataFrame:
    if mode not in MODES or interval_of(of.dataset.name) is None:
        raise Rejected(f"{of.name} adjusted {mode!r}, expected a table of bars and one of {', '.join(MODES)}")
    names = frame["instrument"].unique().to_list()
    return adjust(frame, house.ledger.actions(as_of_ns=known_ns, instruments=names), known_ns, mode)
