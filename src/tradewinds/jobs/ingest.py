"""From a vendor's pulls to the published history.

1. A pull whose stated checksum is noted in its partition already is skipped: nothing is fetched, nothing written.
2. The bytes go to the raw store, durable, before anything reads them; then they are parsed and looked over.
3. What the files of one chunk say is published in one commit per partition, with the files' hashes noted in the same commit.
4. A pull that fails, fails alone: it is tried again at the end when that can help, then listed.

While one chunk is published, the next is fetched and parsed; two chunks are all that memory ever holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import polars as pl

from tradewinds.core.errors import DataFault, Missing, TradewindsError, Transient
from tradewinds.core.instant import NS_PER_US
from tradewinds.core.observation import Dataset, Finding, Payload, Publication, Pull, Table
from tradewinds.core.ports import Vendor
from tradewinds.core.record import RunResult, RunState
from tradewinds.jobs.context import Context

FAR_FUTURE_NS = 2**62  # "as of the end of time": whatever is known
ROUNDS_MAX = 3  # a pull that failed for a passing reason is tried in at most this many rounds

Judge = Callable[[pl.DataFrame], list[Finding]]


@runtime_checkable
class StatesChecksum(Protocol):
    """A vendor that can say what a file's SHA-256 is without sending the file."""

    def stated_sha256(self, pull: Pull) -> str: ...


@runtime_checkable
class FindsWhileParsing(Protocol):
    """A vendor whose parser notices oddities that the rows no longer show."""

    def parse_with_findings(self, payload: Payload) -> tuple[pl.DataFrame, list[Finding]]: ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """Pulls that are published together. `pulls`: (subject, pull); `partition`: where all their rows belong, None when they may spread."""

    pulls: tuple[tuple[str, Pull], ...]
    partition: str | None = None


@dataclass(slots=True)
class Tally:
    """What became of one subject, or of all; `rows_changed` are new or restated, `rows_restated` and bytes stand in the sum only."""

    rows_in: int = 0
    rows_changed: int = 0
    rows_restated: int = 0
    findings: int = 0
    bytes_written: int = 0
    fetched: int = 0
    skipped: int = 0
    absent: int = 0
    last_event_ns: int | None = None
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        self.rows_in += other.rows_in
        self.rows_changed += other.rows_changed
        self.findings += other.findings
        self.fetched += other.fetched
        self.skipped += other.skipped
        self.absent += other.absent
        self.failed.update(other.failed)

    def result(self, ended_ns: int, subject: str) -> RunResult:
        """How a subject's row in the job runs ends."""
        error = self.failed.get(subject)
        state: RunState = "failed" if error is not None else "done" if self.rows_changed else "nothing"
        return RunResult(
            state=state,
            ended_ns=ended_ns,
            rows_in=self.rows_in,
            rows_published=self.rows_changed,
            findings=self.findings,
            error_kind=None if error is None else error.partition(":")[0],
            error=error,
            detail={"fetched": self.fetched, "skipped": self.skipped, "absent": self.absent},
        )


@dataclass(slots=True)
class Ingested:
    """The sum, and the same by subject."""

    total: Tally
    by_subject: dict[str, Tally]

    def add(self, other: Ingested) -> None:
        """Take in what another ingestion did."""
        self.total.add(other.total)
        self.total.bytes_written += other.total.bytes_written
        self.total.rows_restated += other.total.rows_restated
        for subject, tally in other.by_subject.items():
            mine = self.by_subject.setdefault(subject, Tally())
            mine.add(tally)
            if tally.last_event_ns is not None:
                mine.last_event_ns = max(mine.last_event_ns or tally.last_event_ns, tally.last_event_ns)


@dataclass(frozen=True, slots=True)
class _Parsed:
    subject: str
    pull: Pull
    rows: pl.DataFrame | None = None
    findings: tuple[Finding, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    is_skipped: bool = False
    error: TradewindsError | None = None


def ingest(context: Context, vendor: Vendor, table: Table, chunks: Iterable[Chunk], *, judge: Judge | None = None) -> Ingested:
    """Fetch, keep, parse, judge and publish; never raises for one subject's fault, which stands in `failed` instead."""
    context.records.upsert_vendors({vendor.name: vendor.capability})
    outcome = Ingested(Tally(), {})
    waiting = list(chunks)
    for round_number in range(ROUNDS_MAX):
        again: list[Chunk] = []
        for chunk, parsed in _pipelined(context, vendor, table, waiting):
            passing = [item for item in parsed if isinstance(item.error, Transient)]
            if passing and round_number < ROUNDS_MAX - 1:
                again.append(Chunk(tuple((item.subject, item.pull) for item in passing), chunk.partition))
            else:
                passing = []
            settled = [item for item in parsed if not any(item is other for other in passing)]
            _publish(context, vendor, table, chunk, settled, outcome, judge)
        waiting = again
        if not waiting:
            break
    for subject, tally in outcome.by_subject.items():
        outcome.total.add(tally)
        if subject in tally.failed:
            context.progress(f"{subject}: {tally.failed[subject]}")
    return outcome


def _pipelined(context: Context, vendor: Vendor, table: Table, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, list[_Parsed]]]:
    with ThreadPoolExecutor(max_workers=max(1, context.config.workers)) as pool:

        def start(chunk: Chunk) -> list[Future[_Parsed]]:
            return [pool.submit(_fetch, context, vendor, table, chunk.partition, subject, pull) for subject, pull in chunk.pulls]

        ahead: list[Future[_Parsed]] = start(chunks[0]) if chunks else []
        for index, chunk in enumerate(chunks):
            current = ahead
            ahead = start(chunks[index + 1]) if index + 1 < len(chunks) else []
            yield chunk, [future.result() for future in current]


def _fetch(context: Context, vendor: Vendor, table: Table, partition: str | None, subject: str, pull: Pull) -> _Parsed:
    try:
        if partition is not None and isinstance(vendor, StatesChecksum):
            noted = context.lake.note(table, partition, pull.locator)
            if noted is not None and noted == vendor.stated_sha256(pull):
                return _Parsed(subject, pull, is_skipped=True)
        frames = []
        findings: list[Finding] = []
        hashes = {}
        for payload in vendor.capture(pull):
            hashes[payload.pull.locator] = context.raw.put(payload)
            rows, odd = vendor.parse_with_findings(payload) if isinstance(vendor, FindsWhileParsing) else (vendor.parse(payload), [])
            frames.append(rows)
            findings += odd
    except TradewindsError as error:
        return _Parsed(subject, pull, error=error)
    combined = pl.concat(frames) if len(frames) != 1 else frames[0] if frames else None
    return _Parsed(subject, pull, combined, tuple(findings), hashes)


def _publish(
    context: Context, vendor: Vendor, table: Table, chunk: Chunk, parsed: Sequence[_Parsed], outcome: Ingested, judge: Judge | None
) -> None:
    for item in parsed:
        tally = outcome.by_subject.setdefault(item.subject, Tally())
        if isinstance(item.error, Missing):
            tally.absent += 1
        elif item.error is not None:
            tally.failed[item.subject] = f"{type(item.error).__name__}: {item.error}"
        tally.skipped += item.is_skipped
        tally.fetched += item.rows is not None
    good = [item for item in parsed if item.rows is not None]
    for partition, items in _by_partition(table.dataset, chunk.partition, good):
        _publish_partition(context, vendor, table, partition, items, outcome, judge)


def _publish_partition(
    context: Context, vendor: Vendor, table: Table, partition: str, items: Sequence[_Parsed], outcome: Ingested, judge: Judge | None
) -> None:
    rows = pl.concat([item.rows for item in items if item.rows is not None])
    notes = {locator: digest for item in items for locator, digest in item.hashes.items()} if isinstance(vendor, StatesChecksum) else {}
    try:
        publication = publish(context, table, partition, rows, vendor=vendor.name, note=notes)
    except DataFault as error:
        if len(items) > 1:
            # One subject's fault must not keep back the others: each by itself.
            for item in items:
                _publish_partition(context, vendor, table, partition, [item], outcome, judge)
            return
        outcome.by_subject[items[0].subject].failed[items[0].subject] = f"{type(error).__name__}: {error}"
        return
    findings = [finding for item in items for finding in item.findings] + (judge(rows) if judge is not None else [])
    if findings:
        context.records.record(findings)
    outcome.total.bytes_written += publication.bytes_written
    outcome.total.rows_restated += publication.rows_restated
    unclaimed = dict(publication.changed)
    for item in items:
        assert item.rows is not None
        tally = outcome.by_subject[item.subject]
        names = set(item.rows["instrument"].unique())
        tally.rows_in += item.rows.height
        # Several files of one instrument make one change of it.
        tally.rows_changed += sum(unclaimed.pop(name, 0) for name in names)
        if item.rows.height:
            last = item.rows["event_ns"].max()
            assert isinstance(last, int)
            tally.last_event_ns = max(tally.last_event_ns or last, last)
    subjects = {item.subject for item in items}
    for finding in findings:
        outcome.by_subject[finding.instrument if finding.instrument in subjects else items[0].subject].findings += 1


def publish(
    context: Context, table: Table, partition: str, rows: pl.DataFrame, *, vendor: str, note: Mapping[str, str] | None = None
) -> Publication:
    """Publish rows of one vendor as the history: certain, and from that vendor. The same values from another source are no news."""
    rows = changes(
        context, table, partition, rows, ["event_ns", *(c.name for c in table.dataset.columns if c.name not in table.dataset.keys)]
    )
    if table.vendor is None:
        rows = rows.with_columns(pl.lit(vendor).alias("vendor"), pl.lit("ok").alias("status"), pl.lit("the only vendor").alias("reason"))
    return context.lake.publish(table, partition, rows, note=note)


def changes(context: Context, table: Table, partition: str, rows: pl.DataFrame, compared: Sequence[str]) -> pl.DataFrame:
    """The rows that say something new, known late enough to be later versions of what is known already.

    A row that repeats a known version in the `compared` columns is left out. One that differs and does not state a later known
    time itself is known when we captured it. Where nothing is known of the same instruments and times, the rows come back as they are.
    """
    if rows.is_empty() or context.lake.version(table, partition) == 0:
        return rows
    low, high = rows["start_ns"].min(), rows["start_ns"].max()
    assert isinstance(low, int)
    assert isinstance(high, int)
    names = rows["instrument"].unique().to_list()
    known = context.lake.versions(table, instruments=names, start_ns=low, end_ns=high + 1)
    if known.is_empty():
        return rows
    identity = list(table.dataset.identity)
    latest = known.sort([*identity, "known_ns"]).unique(identity, keep="last", maintain_order=True)
    fresh = rows.join(latest, on=[*identity, *compared], how="anti", nulls_equal=True)
    fresh = fresh.join(known, on=[*identity, "known_ns", *compared], how="anti", nulls_equal=True)
    earlier = latest.select(*identity, pl.col("known_ns").alias("earlier_ns"))
    joined = fresh.join(earlier, on=identity, how="left", maintain_order="left", nulls_equal=True)
    # A replayed clock may stand before what is known already; a later version is still a later one.
    later = pl.max_horizontal("captured_ns", pl.col("earlier_ns") + NS_PER_US)
    is_early = (pl.col("known_ns") <= pl.col("earlier_ns")).fill_null(False)
    return joined.with_columns(pl.when(is_early).then(later).otherwise("known_ns").alias("known_ns")).drop("earlier_ns")


def _by_partition(dataset: Dataset, partition: str | None, items: Sequence[_Parsed]) -> Iterator[tuple[str, list[_Parsed]]]:
    """The items cut at the edges of partitions; where the chunk names one, all rows belong there."""
    if partition is not None:
        if items:
            yield partition, list(items)
        return
    parts: dict[str, list[_Parsed]] = {}
    for item in items:
        assert item.rows is not None
        for name, part in split_by_partition(dataset, item.rows):
            parts.setdefault(name, []).append(replace(item, rows=part))
    yield from sorted(parts.items())


def split_by_partition(dataset: Dataset, rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """(partition, its rows) in order."""
    if rows.is_empty():
        return []
    low, high = rows["start_ns"].min(), rows["start_ns"].max()
    assert isinstance(low, int)
    assert isinstance(high, int)
    if dataset.partition_of(low) == dataset.partition_of(high):
        return [(dataset.partition_of(low), rows)]
    pattern = "%Y-%m" if dataset.partitioning == "month" else "%Y"
    named = rows.with_columns(pl.col("start_ns").cast(pl.Datetime("ns")).dt.strftime(pattern).alias("partition"))
    return sorted(
        (key[0], part.drop("partition")) for key, part in named.partition_by("partition", as_dict=True, maintain_order=True).items()
    )
