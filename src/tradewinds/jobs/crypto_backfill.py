"""Bulk history from a venue's archive: monthly files, then daily ones, some symbols and months a shard.

Running it again asks the archive for checksums only and writes nothing unless a file was replaced there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradewinds.core.instant import NS_PER_DAY, parse, text
from tradewinds.core.market import Interval, bars
from tradewinds.core.observation import Pull, Request, Table
from tradewinds.jobs import crypto
from tradewinds.jobs.context import Context
from tradewinds.jobs.ingest import Chunk, ingest
from tradewinds.jobs.judge import judge_bars
from tradewinds.jobs.plan import JobResult, Shard

# Rows of one commit: fewer would make more files of the lake, more would take memory and keep the fetching of the next ones waiting.
COMMIT_ROWS = 250_000


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
    by_partition: dict[str, dict[str, list[Pull]]] = {}
    longest_ns: dict[str, int] = {}
    for low, high in crypto.months(start_ns, end_ns):
        request = Request(dataset.name, tuple(instruments), low, high, context.clock.now_ns())
        name = dataset.partition_of(low)
        longest_ns[name] = longest_ns.get(name, 0) + high - low
        for pull in vendor.plan(request):
            by_partition.setdefault(name, {}).setdefault(pull.params.get("instrument", instruments[0]), []).append(pull)
    chunks = [
        Chunk(tuple((instrument, pull) for instrument in some for pull in pulls[instrument]), name)
        for name, pulls in sorted(by_partition.items())
        for some in _even(list(pulls), -(-longest_ns[name] // (interval.ns or NS_PER_DAY)))
    ]
    done = ingest(context, vendor, Table(dataset), chunks, judge=judge_bars(context, dataset, vendor.name))
    return crypto.finished(context, done, rows)


def _even(instruments: list[str], rows_each: int) -> list[list[str]]:
    """The instruments in near equal parts of about COMMIT_ROWS rows, all files of an instrument in one."""
    most = max(1, COMMIT_ROWS // rows_each)
    parts = -(-len(instruments) // most)
    return crypto.cut(instruments, -(-len(instruments) // parts))


def run_shard(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """One shard."""
    _, config = crypto.market_of(context, params)
    start_ns, end_ns = parse(str(params["from"])), parse(str(params["to"]))
    return ingest_shard(context, list(params["instruments"]), Interval(str(params["interval"])), config.archive, start_ns, end_ns)
