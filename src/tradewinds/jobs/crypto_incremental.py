"""The newest bars, from each symbol's bookmark until now.

A symbol that is far behind (a newcomer to the universe, a long pause) is first brought forward from the archive, because that
costs the venue nothing; what the archive does not have yet comes over REST, in requests sized to the venue's limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

from tradewinds.core.errors import TradewindsError
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE, from_date, parse
from tradewinds.core.market import Interval, bars
from tradewinds.core.observation import Dataset, Request, Table
from tradewinds.core.ports import Vendor
from tradewinds.core.record import Bookmark
from tradewinds.jobs import crypto
from tradewinds.jobs.context import Context
from tradewinds.jobs.ingest import Chunk, Ingested, Tally, ingest
from tradewinds.jobs.judge import judge_bars
from tradewinds.jobs.plan import JobResult, Shard

ARCHIVE_FROM_REQUESTS = 8  # as many REST requests behind, and the archive is asked first
DAYS_LOOKED_BACK = 400
CHUNK_PULLS = 64


@runtime_checkable
class PublishesUntil(Protocol):
    """An archive that can say up to when its files should be out."""

    def published_until(self, now_ns: int) -> int: ...


@runtime_checkable
class FindsFirstBar(Protocol):
    """A venue that can say when the first bar from some time on starts, in one question."""

    def first_bar_ns(self, instrument: str, interval: str, from_ns: int = 0) -> int | None: ...


def plan(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Batches of symbols for each configured interval."""
    market, config = crypto.market_of(context, params)
    now_ns = context.clock.now_ns()
    shards = []
    for history in crypto.histories(config, params):
        named = params.get("instruments") or history.instruments
        instruments = crypto.instruments_of(context, market, config, named, now_ns)
        since_ns = parse(str(params["from"])) if "from" in params else from_date(history.since)
        for some in crypto.cut(instruments, 2 * config.shard_symbols):
            values = {"market": market, "interval": history.interval, "instruments": some, "since_ns": since_ns}
            shards.append(Shard(crypto.label(some, Interval(history.interval), "newest"), values))
    return crypto.planned(shards)


def run_batch(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Bring these symbols up to now (or params `to`), and move their bookmarks.

    params `is_from_since`: begin there, whatever the bookmarks say. A bookmark then moves only where the fetch began at or before it:
    beyond it lies what was never fetched, and the next increment must still see that.
    """
    market, config = crypto.market_of(context, params)
    interval = Interval(str(params["interval"]))
    instruments = list(params["instruments"])
    job = f"{market}:bars-{interval.name}"
    rows = context.open_subjects(instruments)
    since_ns, now_ns = int(params["since_ns"]), context.clock.now_ns()
    end_ns = min(parse(str(params["to"])), now_ns) if "to" in params else now_ns
    dataset = bars(interval)
    starts = dict.fromkeys(instruments, since_ns) if params.get("is_from_since") else _starts(context, instruments, dataset, since_ns, job)
    known = {name: start for name, start in starts.items() if start > since_ns and not params.get("is_from_since")}
    marks = context.records.bookmarks(job, instruments) if params.get("is_from_since") else None
    joined = {name for name in instruments if marks is None or (name in marks and starts[name] <= marks[name].event_ns)}
    done = bring_up_to(context, dataset, (config.archive, config.rest), starts, end_ns, known)
    reached = {name: Bookmark(tally.last_event_ns) for name, tally in done.by_subject.items() if tally.last_event_ns is not None}
    context.records.set_bookmarks(job, {name: mark for name, mark in reached.items() if name in joined})
    return crypto.finished(context, done, rows)


def bring_up_to(
    context: Context,
    dataset: Dataset,
    vendors: tuple[str, str],
    starts: dict[str, int],
    end_ns: int,
    known: Mapping[str, int],
) -> Ingested:
    """Fetch each instrument from its start until end_ns, archive before REST.

    known: where bars known before end, by instrument; what is missing between them and the first new one is a gap.
    """
    archive, rest = context.vendor(vendors[0]), context.vendor(vendors[1])
    now_ns = context.clock.now_ns()
    interval = Interval(dataset.name.partition("-")[2])
    done = Ingested(Tally(), {})
    behind = {name: start for name, start in starts.items() if end_ns - start > _far(rest, interval)}
    until_ns = archive.published_until(now_ns) if isinstance(archive, PublishesUntil) else now_ns // NS_PER_DAY * NS_PER_DAY
    if behind:
        done.add(_fetch(context, archive, dataset, behind, min(until_ns, end_ns), known))
        reached = {name: _next_start(done, name, starts[name]) for name in behind}
        known = {**known, **{name: end for name, end in reached.items() if end > starts[name]}}
        starts = _without_empty_years(rest, interval, {**starts, **reached}, end_ns)
    done.add(_fetch(context, rest, dataset, starts, end_ns, known))
    return done


def _without_empty_years(rest: Vendor, interval: Interval, starts: Mapping[str, int], end_ns: int) -> dict[str, int]:
    """Starts of what is still far behind moved to the venue's next bar, and to the end where there is none.

    A delisted symbol, or a pause of years, is one question instead of thousands of empty answers.
    """
    if not isinstance(rest, FindsFirstBar):
        return dict(starts)
    found = dict(starts)
    for name, start_ns in starts.items():
        if end_ns - start_ns > _far(rest, interval):
            with suppress(TradewindsError):  # asked again by the fetch, which lists what fails
                first_ns = rest.first_bar_ns(name, interval.name, start_ns)
                found[name] = end_ns if first_ns is None else max(start_ns, first_ns)
    return found


def _starts(context: Context, instruments: list[str], dataset: Dataset, since_ns: int, job: str) -> dict[str, int]:
    """Where each instrument goes on: its bookmark, else the end of what the lake has lately, else `since`."""
    marks = context.records.bookmarks(job, instruments)
    missing = [name for name in instruments if name not in marks]
    starts = {name: mark.event_ns for name, mark in marks.items()}
    if missing:
        now_ns = context.clock.now_ns()
        low_ns = max(since_ns, now_ns - DAYS_LOOKED_BACK * NS_PER_DAY)
        have = context.lake.read(
            Table(dataset), as_of_ns=now_ns, instruments=missing, start_ns=low_ns, end_ns=now_ns, columns=["instrument", "event_ns"]
        )
        last = dict(have.group_by("instrument").max().iter_rows())
        starts |= {name: last.get(name, since_ns) for name in missing}
    return {name: starts[name] for name in instruments}


def _far(rest: Vendor, interval: Interval) -> int:
    length_ns = interval.ns or 31 * NS_PER_DAY
    return max(ARCHIVE_FROM_REQUESTS * (rest.capability.batch or 1000) * length_ns, 2 * NS_PER_DAY + NS_PER_MINUTE)


def _fetch(
    context: Context, vendor: Vendor, dataset: Dataset, starts: Mapping[str, int], end_ns: int, known: Mapping[str, int]
) -> Ingested:
    now_ns = context.clock.now_ns()
    pulls = []
    for name, start_ns in starts.items():
        if start_ns < end_ns:
            pulls += [(name, pull) for pull in vendor.plan(Request(dataset.name, (name,), start_ns, end_ns, now_ns))]
    chunks = [Chunk(tuple(pulls[first : first + CHUNK_PULLS])) for first in range(0, len(pulls), CHUNK_PULLS)]
    return ingest(context, vendor, Table(dataset), chunks, judge=judge_bars(context, dataset, vendor.name, known))


def _next_start(done: Ingested, name: str, start_ns: int) -> int:
    tally = done.by_subject.get(name)
    return start_ns if tally is None or tally.last_event_ns is None else max(start_ns, tally.last_event_ns)
