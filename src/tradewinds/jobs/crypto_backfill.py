"""Bulk history from a venue's archive: monthly files, then daily ones, some symbols and months a shard.

Running it again asks the archive for checksums only and writes nothing unless a file was replaced there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradewinds.core.instant import parse, text
from tradewinds.core.market import Interval, bars
from tradewinds.core.observation import Request, Table
from tradewinds.jobs import crypto
from tradewinds.jobs.context import Context
from tradewinds.jobs.ingest import Chunk, ingest
from tradewinds.jobs.judge import judge_bars
from tradewinds.jobs.plan import JobResult, Shard

CHUNK_PULLS = 64  # files published in one commit: more make fewer data files, fewer use less memory


def plan(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Cut the configured histories (or params `instruments`, `interval`, `from`, `to`) into shards of symbols x months."""
    market, config = crypto.market_of(context, params)
    now_ns = context.clock.now_ns()
    shards = []
    for history in crypto.histories(config, params):
        named = params.get("instruments") or history.instruments
        instruments = crypto.instruments_of(context, market, config, named, now_ns)
        start_ns, end_ns = crypto.span(params, history.since, now_ns)
        interval = Interval(history.interval)
        spans = list(crypto.months(start_ns, end_ns))
        width = 12 * config.shard_months if interval.is_daily_or_longer else config.shard_months
        for first in range(0, len(spans), width):
            low, high = spans[first][0], spans[min(first + width, len(spans)) - 1][1]
            for some in crypto.cut(instruments, config.shard_symbols):
                when = f"{text(low)[:7]}..{text(high - 1)[:7]}"
                values = {"market": market, "interval": interval.name, "instruments": some, "from": text(low), "to": text(high)}
                shards.append(Shard(crypto.label(some, interval, when), values))
    return crypto.planned(shards)


def ingest_shard(context: Context, instruments: list[str], interval: Interval, archive: str, start_ns: int, end_ns: int) -> JobResult:
    """Ingest the archive's files of these instruments and times, with a job-run row for each instrument."""
    vendor = context.vendor(archive)
    dataset = bars(interval)
    rows = context.open_subjects(instruments)
    by_partition: dict[str, list[tuple[str, Any]]] = {}
    for low, high in crypto.months(start_ns, end_ns):
        request = Request(dataset.name, tuple(instruments), low, high, context.clock.now_ns())
        pulls = [(pull.params.get("instrument", instruments[0]), pull) for pull in vendor.plan(request)]
        by_partition.setdefault(dataset.partition_of(low), []).extend(pulls)
    chunks = [
        Chunk(tuple(pulls[first : first + CHUNK_PULLS]), name)
        for name, pulls in sorted(by_partition.items())
        for first in range(0, len(pulls), CHUNK_PULLS)
    ]
    done = ingest(context, vendor, Table(dataset), chunks, judge=judge_bars(context, dataset, vendor.name))
    return crypto.finished(context, done, rows)


def run_shard(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """One shard."""
    _, config = crypto.market_of(context, params)
    start_ns, end_ns = parse(str(params["from"])), parse(str(params["to"]))
    return ingest_shard(context, list(params["instruments"]), Interval(str(params["interval"])), config.archive, start_ns, end_ns)
