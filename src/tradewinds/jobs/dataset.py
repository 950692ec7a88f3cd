"""Any dataset from one vendor into the published history: currency pairs, CoT, funding, rates, filings, a declared one.

params: `name` (a section of `datasets`), or `fx` (an interval of the fx section); `from` and `to` instead of the bookmark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY, from_date, parse
from tradewinds.core.instrument import instrument_id
from tradewinds.core.observation import Dataset, Request, Table
from tradewinds.core.ports import Vendor
from tradewinds.core.record import Bookmark
from tradewinds.jobs.context import Context
from tradewinds.jobs.ingest import Chunk, ingest
from tradewinds.jobs.judge import judge_of
from tradewinds.jobs.plan import JobResult

OVERLAP_DAYS = 14  # asked again each time: vendors restate lately published values


@dataclass(frozen=True, slots=True)
class _Wanted:
    vendor: str
    dataset: str
    instruments: tuple[str, ...]
    since: date
    subject: str


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """From the bookmark (less some days that may have been restated) until now."""
    wanted = _wanted(context, params)
    vendor = context.vendor(wanted.vendor)
    dataset = _dataset(vendor, wanted)
    now_ns = context.clock.now_ns()
    start_ns, end_ns = _span(context, wanted, params, now_ns)
    request = Request(dataset.name, wanted.instruments, start_ns, end_ns, now_ns)
    pulls = vendor.plan(request)
    chunks = [Chunk(((pull.params.get("instrument", wanted.subject), pull),)) for pull in pulls]
    done = ingest(context, vendor, Table(dataset), chunks, judge=judge_of(context, dataset, vendor.name))
    lasts = [tally.last_event_ns for tally in done.by_subject.values() if tally.last_event_ns is not None]
    total = done.total
    if total.failed and len(total.failed) == len(done.by_subject):
        first, reason = next(iter(total.failed.items()))
        raise DataFault(f"dataset {dataset.name} from {wanted.vendor}: nothing could be read; first {first}: {reason}")
    if lasts and not total.failed:
        context.records.set_bookmarks(_job(wanted), {wanted.subject: Bookmark(max(lasts))})
    state = "partial" if total.failed else "done" if total.rows_changed else "nothing"
    return JobResult(
        state=state,  # type: ignore[arg-type]  # one of the three literals above
        rows_in=total.rows_in,
        rows_published=total.rows_changed - total.rows_restated,
        rows_restated=total.rows_restated,
        findings=total.findings,
        failed=dict(total.failed),
        detail={"pulls": len(pulls), "absent": total.absent, "bytes_written": total.bytes_written},
    )


def _wanted(context: Context, params: Mapping[str, Any]) -> _Wanted:
    config = context.config
    if "fx" in params:
        if config.fx is None:
            raise Rejected("dataset: parameter fx, expected an fx section in the configuration")
        interval = str(params["fx"])
        chosen = [history for history in config.fx.bars if history.interval == interval]
        if not chosen:
            raise Rejected(f"dataset: fx interval {interval!r}, expected one of {[history.interval for history in config.fx.bars]}")
        venue = config.fx.vendor.upper()
        names = tuple(name if "." in name else instrument_id(name, venue) for name in chosen[0].instruments)
        return _Wanted(config.fx.vendor, f"{config.fx.kind}-{interval}", names, chosen[0].since, f"fx-{interval}")
    name = params.get("name")
    section = config.datasets.get(str(name))
    if section is None:
        raise Rejected(f"dataset: name {name!r}, expected one of {sorted(config.datasets)} in the configuration's datasets section")
    return _Wanted(section.vendor, section.dataset, section.instruments, section.since, str(name))


def _dataset(vendor: Vendor, wanted: _Wanted) -> Dataset:
    found = {dataset.name: dataset for dataset in vendor.datasets()}
    if wanted.dataset not in found:
        raise Rejected(f"dataset {wanted.dataset!r} of {wanted.vendor}, expected one of {', '.join(sorted(found))}")
    return found[wanted.dataset]


def _job(wanted: _Wanted) -> str:
    return f"dataset:{wanted.vendor}:{wanted.dataset}"


def _span(context: Context, wanted: _Wanted, params: Mapping[str, Any], now_ns: int) -> tuple[int, int]:
    since_ns = from_date(wanted.since)
    mark = context.records.bookmarks(_job(wanted), [wanted.subject]).get(wanted.subject)
    start_ns = since_ns if mark is None else max(since_ns, mark.event_ns - OVERLAP_DAYS * NS_PER_DAY)
    if "from" in params:
        start_ns = parse(str(params["from"]))
    end_ns = parse(str(params["to"])) if "to" in params else now_ns
    return start_ns, max(start_ns, min(end_ns, now_ns))
