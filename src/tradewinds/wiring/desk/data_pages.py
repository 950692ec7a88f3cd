"""What the data looks like, for people: coverage, what was found wrong, what is held, and one fact's versions as they became known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import polars as pl

from tradewinds.core.errors import Missing
from tradewinds.core.instant import NS_PER_DAY, text
from tradewinds.core.observation import RESERVED, Finding, Table
from tradewinds.core.record import Hold
from tradewinds.jobs.tables import table_named, tables
from tradewinds.stores.ledger_findings import FindingFilter

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

PARTITIONS_SHOWN = 24
INSTRUMENTS_SHOWN = 60
FINDINGS_SHOWN = 200
VERSIONS_SHOWN = 500


@dataclass(frozen=True, slots=True)
class LakeTable:
    """A table of the lake in short. commits: of all its partitions."""

    name: str
    partitions: int
    first: str
    last: str
    commits: int
    description: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many rows each instrument has in each partition. most: the fullest instrument of a partition, which others are measured by."""

    table: str
    partitions: tuple[str, ...]
    most: Mapping[str, int]
    rows: Mapping[str, Mapping[str, int]]
    is_cut: bool = False

    def share(self, instrument: str, partition: str) -> float:
        """Rows of an instrument by those of the fullest one there, 0 to 1."""
        most = self.most.get(partition, 0)
        return self.rows[instrument].get(partition, 0) / most if most else 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """Findings that fit, all counts by (vendor, kind), and what is held."""

    findings: tuple[Finding, ...]
    counts: Mapping[tuple[str, str], int]
    holds: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a fact. changed: the values that differ from the version before."""

    known_ns: int
    values: Mapping[str, Any]
    vendor: str
    status: str
    reason: str
    changed: frozenset[str]


def lake_tables(house: House) -> tuple[LakeTable, ...]:
    """What the lake holds."""
    found = []
    for table in tables(house.context("console", "")):
        names = house.lake.partitions(table)
        commits = sum(house.lake.version(table, name) for name in names)
        first, last = (names[0], names[-1]) if names else ("", "")
        found.append(LakeTable(table.name, len(names), first, last, commits, table.dataset.description))
    return tuple(found)


def coverage(house: House, name: str) -> Coverage:
    """Rows by instrument and partition of one table, the newest partitions of it. What a partition holds is counted once a version."""
    table = table_named(house.context("console", ""), name)
    partitions = house.lake.partitions(table)[-PARTITIONS_SHOWN:]
    rows: dict[str, dict[str, int]] = {}
    most: dict[str, int] = {}
    for partition in partitions:
        counted = _counted(_Place(house, table, partition), house.lake.version(table, partition))
        most[partition] = max(counted.values(), default=0)
        for instrument, count in counted.items():
            rows.setdefault(instrument, {})[partition] = count
    chosen = sorted(rows)[:INSTRUMENTS_SHOWN]
    return Coverage(table.name, tuple(partitions), most, {one: rows[one] for one in chosen}, len(rows) > len(chosen))


def found(house: House, *, instrument: str | None = None, vendor: str | None = None, kind: str | None = None) -> Found:
    """What was found wrong and what waits for a person."""
    which = FindingFilter(instruments=[instrument] if instrument else None, vendor=vendor, kind=kind)
    holds = house.ledger.holds(instruments=[instrument] if instrument else None, is_open=True)
    return Found(tuple(house.ledger.findings(which, limit=FINDINGS_SHOWN)), house.ledger.finding_counts(which), tuple(holds))


def restated(house: House, name: str, *, instrument: str | None = None) -> pl.DataFrame:
    """Facts of a table that were ever restated: instrument, start_ns, versions, last_ns (when the last became known), newest first."""
    table = table_named(house.context("console", ""), name)
    versions = house.lake.versions(table, instruments=[instrument] if instrument else None, columns=["instrument", "start_ns", "known_ns"])
    counted = versions.group_by("instrument", "start_ns").agg(versions=pl.len(), last_ns=pl.col("known_ns").max())
    return (
        counted.filter(pl.col("versions") > 1)
        .sort("last_ns", "instrument", "start_ns", descending=[True, False, True])
        .head(VERSIONS_SHOWN)
    )


def versions_of(house: House, name: str, instrument: str, start_ns: int) -> tuple[Version, ...]:
    """Every version of one fact, the oldest first. Raises Missing where there is none."""
    table = table_named(house.context("console", ""), name)
    rows = house.lake.versions(table, instruments=[instrument], start_ns=start_ns, end_ns=start_ns + 1).to_dicts()
    if not rows:
        raise Missing(f"{name} of {instrument} at {text(start_ns)}: nothing published, expected a row")
    made: list[Version] = []
    for row in rows:
        values = {key: value for key, value in row.items() if key not in RESERVED}
        before = made[-1].values if made else values
        changed = frozenset(key for key, value in values.items() if before.get(key) != value)
        facts = {key: str(row.get(key) or "") for key in ("vendor", "status", "reason")}
        made.append(Version(int(row["known_ns"]), values, facts["vendor"], facts["status"], facts["reason"], changed))
    return tuple(made)


def around(house: House, name: str, instrument: str, start_ns: int, as_of_ns: int, *, days: int = 45) -> pl.DataFrame:
    """The bars beside a fact as they were known then, so that a restatement is seen in its neighbourhood."""
    table = table_named(house.context("console", ""), name)
    span_ns = days * NS_PER_DAY if name.endswith("-1d") else NS_PER_DAY // 8
    return house.lake.read(
        table, as_of_ns=as_of_ns, instruments=[instrument], start_ns=start_ns - span_ns, end_ns=start_ns + span_ns,
        columns=["start_ns", "open", "high", "low", "close"],
    )  # fmt: skip


class _Place:
    """A partition as a key of the cache: the same where house, table and partition are."""

    def __init__(self, house: House, table: Table, partition: str) -> None:
        self.house, self.table, self.partition = house, table, partition
        self._key = (id(house), table.name, partition)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Place) and other._key == self._key


@lru_cache(maxsize=4_096)
def _counted(place: _Place, version: int) -> Mapping[str, int]:
    """Rows by instrument. version: of the partition, so that a new commit is counted anew."""
    first = place.partition if len(place.partition) > 4 else f"{place.partition}-01"
    start_ns, end_ns = _span(first, len(place.partition) > 4)
    rows = place.house.lake.read(
        place.table, as_of_ns=place.house.clock.now_ns(), start_ns=start_ns, end_ns=end_ns, columns=["instrument", "start_ns"]
    )
    return dict(rows.group_by("instrument").len().iter_rows())


def _span(first: str, is_month: bool) -> tuple[int, int]:
    from datetime import date

    from tradewinds.core.instant import from_date

    year, month = int(first[:4]), int(first[5:7])
    begin = date(year, month, 1)
    after = date(year + 1, 1, 1) if not is_month or month == 12 else date(year, month + 1, 1)
    return from_date(begin), from_date(after)
