"""Facts with two times, the datasets they belong to, and the bytes they came from.

Every row of every dataset carries

    instrument   what it is about, `SYMBOL.VENUE`
    start_ns     where the interval begins (equal to event_ns for an instant)
    event_ns     where the interval ends, or the instant it is about
    known_ns     when we could first have known it
    captured_ns  when our machine received it; for audit only
    source       SHA-256 of the vendor's bytes it was parsed from

and then the dataset's own keys and values. In memory the times are Int64 nanoseconds.
Rows of the published history also carry `vendor`, `status` and `reason`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import to_date

ColumnKind = Literal["float", "int", "text", "time", "date", "bool"]
Partitioning = Literal["month", "year"]
Severity = Literal["info", "warning", "error"]
CellStatus = Literal["ok", "resolved", "held", "provisional"]

TIMES = ("start_ns", "event_ns", "known_ns", "captured_ns")
PROVENANCE = ("vendor", "status", "reason")
RESERVED = ("instrument", *TIMES, "source", *PROVENANCE)
_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,47}")


@dataclass(frozen=True, slots=True)
class Column:
    """One value column of a dataset; `unit` is for people (USD, shares, fraction)."""

    name: str
    kind: ColumnKind = "float"
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """The declaration of one kind of fact; everything else (capture, quality, as-of reads, lineage) follows from it.

    A row is identified by (instrument, *keys, start_ns). `keys` name columns that tell rows of one instrument and time apart.
    `lag_ns`: how long after event_ns a first version becomes known when the vendor states no publication time.
    """

    name: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...] = ()
    partitioning: Partitioning = "month"
    lag_ns: int = 0
    description: str = ""

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise Rejected(f"dataset name: {self.name!r}, expected lower-case letters, digits, - and _")
        names = [column.name for column in self.columns]
        clash = sorted(set(names) & set(RESERVED)) or sorted({n for n in names if names.count(n) > 1})
        if clash:
            raise Rejected(f"dataset {self.name}: columns {clash} are reserved or stand there twice")
        unknown = sorted(set(self.keys) - set(names))
        if unknown:
            raise Rejected(f"dataset {self.name}: keys {unknown}, expected names among its columns {names}")

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that tell one fact from another."""
        return ("instrument", *self.keys, "start_ns")

    def partition_of(self, start_ns: int) -> str:
        """The partition (`2024-01` or `2024`) in which a fact that starts then is stored."""
        day = to_date(start_ns)
        return f"{day.year:04d}-{day.month:02d}" if self.partitioning == "month" else f"{day.year:04d}"


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset in one layer of the lake: what one vendor said (`vendor` named), or the published history (None)."""

    dataset: Dataset
    vendor: str | None = None

    @property
    def name(self) -> str:
        """`history/bars-1m` or `vendor/alpha/bars-1d`."""
        return f"vendor/{self.vendor}/{self.dataset.name}" if self.vendor else f"history/{self.dataset.name}"


@dataclass(frozen=True, slots=True)
class Pull:
    """One request that a vendor's `plan` decided to make. `locator` is the URL or path without secrets."""

    vendor: str
    dataset: str
    locator: str
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    checksum_locator: str | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """The bytes one pull brought, before anyone read them."""

    pull: Pull
    content: bytes
    captured_ns: int
    published_ns: int | None = None
    _sha256: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def sha256(self) -> str:
        """The name under which the raw store keeps these bytes; computed once, because files are large and many ask."""
        if not self._sha256:
            self._sha256.append(hashlib.sha256(self.content).hexdigest())
        return self._sha256[0]


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants of a vendor: facts about `instruments` that start in [start_ns, end_ns)."""

    dataset: str
    instruments: tuple[str, ...]
    start_ns: int
    end_ns: int
    now_ns: int
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.end_ns < self.start_ns:
            raise Rejected(f"request of {self.dataset}: ends at {self.end_ns} before its start {self.start_ns}")


@dataclass(frozen=True, slots=True)
class Capability:
    """What a vendor can do, so that planning and known times need no special cases.

    `lag_ns`: event to availability where the vendor states no publication time. `needs_key`: the setting that holds its secret.
    `revises`: whether it is known to restate history. `batch`: most rows in one request.
    """

    datasets: tuple[str, ...]
    lag_ns: int = 0
    batch: int | None = None
    needs_key: str | None = None
    revises: bool = False
    earliest_ns: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, seen in data; recorded, never repaired in place.

    `vendor` is `*` where the data alone cannot tell who is wrong. `field` is None where the whole row is meant.
    """

    vendor: str
    instrument: str
    dataset: str
    start_ns: int
    kind: str
    detail: str
    field: str | None = None
    end_ns: int | None = None
    severity: Severity = "warning"
    found_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """What one publish of one partition changed. `version` is unchanged and `bytes_written` 0 when nothing was new.

    `changed`: how many rows were new or restated, by instrument.
    """

    table: str
    partition: str
    version: int
    rows_new: int
    rows_restated: int
    rows_same: int
    bytes_written: int
    changed: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
