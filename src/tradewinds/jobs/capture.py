"""One vendor's answer into that vendor's own tables: bars and corporate actions, every version as it came.

A file seen before, by its hash, is not read again; one with rows that are not known yet (a replayed clock) is looked at again later.
"""

from __future__ import annotations

import polars as pl

from tradewinds.core.errors import Missing
from tradewinds.core.observation import Dataset, Finding, Pull, Request, Table
from tradewinds.core.ports import Vendor
from tradewinds.core.record import Bookmark
from tradewinds.jobs.config import EquitiesConfig
from tradewinds.jobs.context import Context
from tradewinds.jobs.ingest import changes, split_by_partition
from tradewinds.jobs.plan import JobResult


def capture_vendor(context: Context, name: str, config: EquitiesConfig, start_ns: int, end_ns: int) -> JobResult:
    """Bars and corporate actions of [start_ns, end_ns) from one vendor.

    A vendor that has nothing is no error here: reconciliation names the gap.
    """
    vendor = context.vendor(name)
    context.records.upsert_vendors({name: vendor.capability})
    rows_in = new = restated = files = skipped = 0
    for dataset in _wanted(vendor):
        request = Request(dataset.name, config.instruments, start_ns, end_ns, context.clock.now_ns())
        for pull in vendor.plan(request):
            seen = _capture_pull(context, vendor, name, dataset, pull)
            rows_in, new, restated = rows_in + seen[0], new + seen[1], restated + seen[2]
            files, skipped = files + seen[3], skipped + seen[4]
    return JobResult(
        state="done" if new or restated else "nothing",
        rows_in=rows_in,
        rows_published=new,
        rows_restated=restated,
        detail={"vendor": name, "files": files, "files_seen_before": skipped},
    )


def _wanted(vendor: Vendor) -> list[Dataset]:
    """What an equity vendor is asked for: daily bars, and corporate actions where it tells them."""
    return [dataset for dataset in vendor.datasets() if dataset.name in ("bars-1d", "corporate-actions")]


def _capture_pull(context: Context, vendor: Vendor, name: str, dataset: Dataset, pull: Pull) -> tuple[int, int, int, int, int]:
    """(rows in, new, restated, files read, files seen before)."""
    job = f"capture:{name}:{dataset.name}"
    table = Table(dataset, vendor=name)
    now_ns = context.clock.now_ns()
    marks = context.records.bookmarks(job)
    rows_in = new = restated = files = skipped = 0
    try:
        for payload in vendor.capture(pull):
            digest = payload.sha256
            mark = marks.get(payload.pull.locator)
            if mark is not None and mark.text == digest:
                skipped += 1
                continue
            context.raw.put(payload)
            rows = vendor.parse(payload)
            arrived = rows.filter(pl.col("known_ns") <= now_ns)
            context.records.record(_duplicates(name, dataset, arrived))
            for partition, part in split_by_partition(dataset, arrived):
                compared = ["event_ns", *(column.name for column in dataset.columns if column.name not in dataset.keys)]
                publication = context.lake.publish(table, partition, changes(context, table, partition, part, compared))
                new, restated = new + publication.rows_new, restated + publication.rows_restated
            rows_in, files = rows_in + arrived.height, files + 1
            if arrived.height == rows.height:
                context.records.set_bookmarks(job, {payload.pull.locator: Bookmark(now_ns, digest)}, force=True)
    except Missing:
        return rows_in, new, restated, files, skipped
    return rows_in, new, restated, files, skipped


def _duplicates(vendor: str, dataset: Dataset, rows: pl.DataFrame) -> list[Finding]:
    """Rows that one file holds more than once, to the letter; the lake keeps one of them, so this is the last moment to see it."""
    same = ["instrument", "start_ns", "known_ns", *(column.name for column in dataset.columns)]
    repeated = (
        rows.filter(rows.select(same).is_duplicated()).group_by("instrument", "start_ns", "event_ns").len().sort("instrument", "start_ns")
    )
    return [
        Finding(
            vendor, name, dataset.name, start_ns, "duplicate", f"the same row stands there {count} times", end_ns=end_ns, severity="info"
        )
        for name, start_ns, end_ns, count in repeated.iter_rows()
    ]
