"""What the edges implement. Rooms above know these shapes only; `wiring` decides what stands behind each.

Tables travel as polars DataFrames with the columns that `core.observation` describes: times as Int64 nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from tradewinds.core.observation import Capability, Dataset, Finding, Payload, Publication, Pull, Request, Table

if TYPE_CHECKING:
    import polars as pl


class Clock(Protocol):
    """The one place that knows the time. A replay clock stands still until it is moved."""

    def now_ns(self) -> int: ...


class Vendor(Protocol):
    """A source of data. `plan` and `parse` are pure; only `capture` touches the world.

    capture yields each answer as it arrives and raises Transient (with the wait the vendor named), Missing for a 404,
    Rejected for a refused question or key, Unreadable for an error dressed as an answer or a wrong checksum.
    parse returns rows of the dataset with instrument, start_ns, event_ns, known_ns, captured_ns, source and the dataset's
    columns, sorted by (instrument, keys, start_ns); an unfinished bar is never among them. It raises Unreadable.
    """

    @property
    def name(self) -> str: ...

    @property
    def capability(self) -> Capability: ...

    def datasets(self) -> Sequence[Dataset]: ...

    def plan(self, request: Request) -> list[Pull]: ...

    def capture(self, pull: Pull) -> Iterator[Payload]: ...

    def parse(self, payload: Payload) -> pl.DataFrame: ...


class RawStore(Protocol):
    """Vendor bytes by their SHA-256, durable before anybody reads them. Writing the same bytes again writes nothing."""

    def put(self, payload: Payload) -> str:
        """Store bytes and the record of their capture; returns the SHA-256."""
        ...

    def get(self, sha256: str) -> bytes:
        """The bytes; raises Missing when unknown, Unreadable when they no longer match their name."""
        ...

    def has(self, sha256: str) -> bool: ...

    def captures(self, sha256: str) -> list[Mapping[str, str]]:
        """Every record of when and from where these bytes came (vendor, dataset, locator, captured_at, params as JSON)."""
        ...


class Lake(Protocol):
    """Bitemporal tables in partitions. Append-only; a commit is atomic per partition; every read names its as-of.

    Times are Int64 nanoseconds in memory and UTC microsecond timestamps in Parquet; a finer time is refused.
    """

    def publish(self, table: Table, partition: str, rows: pl.DataFrame, *, note: Mapping[str, str] | None = None) -> Publication:
        """Add what is new and what differs from the latest known version; write nothing when nothing is.

        A row that equals its latest version in keys and values is dropped; one that differs is appended as a later version
        and must have a later known_ns. Atomic: readers see the partition before or after.
        """
        ...

    def read(
        self,
        table: Table,
        *,
        as_of_ns: int,
        instruments: Sequence[str] | None = None,
        start_ns: int | None = None,
        end_ns: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """The latest version known at as_of_ns of each fact that starts in [start_ns, end_ns), sorted by (instrument, start_ns)."""
        ...

    def versions(
        self,
        table: Table,
        *,
        instruments: Sequence[str] | None = None,
        start_ns: int | None = None,
        end_ns: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Every version of each fact, sorted by (instrument, start_ns, known_ns)."""
        ...

    def tables(self) -> list[str]: ...

    def partitions(self, table: Table) -> list[str]: ...

    def version(self, table: Table, partition: str) -> int:
        """The number of the partition's last commit, 0 when it has none."""
        ...

    def note(self, table: Table, partition: str, key: str) -> str | None:
        """The value last published under `key` in a note of this partition; jobs keep their input hashes here."""
        ...

    def compact(self, table: Table, partition: str) -> int:
        """Merge the partition's files into one; returns the bytes written. Contents do not change."""
        ...


class Findings(Protocol):
    """Where findings and holds are recorded and released (the ledger)."""

    def record(self, findings: Iterable[Finding]) -> int:
        """Record the ones not yet known (same vendor, instrument, dataset, start, kind, field); returns how many were new."""
        ...
