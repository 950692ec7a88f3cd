"""Trade prints: whole days from the archive, what is newer over REST by id, and bars sampled from them.

Sampled bars (`sampled-bars`) are made anew for each day from its prints, so that running again changes nothing. The sizes are the
configured ones, or, for volume and value, what gives about `BARS_PER_DAY` on the day before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from tradewinds.core.instant import NS_PER_DAY, from_date, parse, text
from tradewinds.core.market import TRADES
from tradewinds.core.observation import Column, Dataset, Pull, Request, Table
from tradewinds.core.record import Bookmark
from tradewinds.history.prints import Measure, sampled_bars
from tradewinds.jobs import crypto
from tradewinds.jobs.context import Context
from tradewinds.jobs.crypto_incremental import PublishesUntil
from tradewinds.jobs.ingest import Chunk, Ingested, Tally, ingest, publish
from tradewinds.jobs.plan import JobResult, Shard

SAMPLED = Dataset(
    "sampled-bars",
    (
        Column("measure", "text"),
        Column("first_id", "int"),
        Column("last_id", "int"),
        *(Column(name) for name in ("open", "high", "low", "close", "volume", "quote_volume")),
        Column("trades", "int"),
        Column("size"),
    ),
    keys=("measure", "first_id"),
    description="bars of a fixed number of prints, units of the base, or value; start and event are the first and last print",
)
BARS_PER_DAY = 50
MEASURES: tuple[Measure, ...] = ("ticks", "volume", "value")
DAYS_PER_SHARD = 7
_DAY = re.compile(r"-(\d{4}-\d{2})-\d{2}\.zip$")


def plan(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """One shard for each symbol and some days; nothing where no trades are configured."""
    market, config = crypto.market_of(context, params)
    now_ns = context.clock.now_ns()
    named = params.get("instruments") or config.trades
    instruments = crypto.instruments_of(context, market, config, named, now_ns)
    since = config.trades_since
    start_ns = (
        parse(str(params["from"])) if "from" in params else from_date(since) if since else now_ns // NS_PER_DAY * NS_PER_DAY - NS_PER_DAY
    )
    end_ns = min(parse(str(params["to"])), now_ns) if "to" in params else now_ns
    marks = context.records.bookmarks(_job(market), instruments)
    shards = []
    for instrument in instruments:
        low = start_ns if "from" in params else max(start_ns, marks[instrument].event_ns) if instrument in marks else start_ns
        low = low // NS_PER_DAY * NS_PER_DAY
        for first in range(low, end_ns, DAYS_PER_SHARD * NS_PER_DAY):
            last = min(first + DAYS_PER_SHARD * NS_PER_DAY, end_ns)
            values = {"market": market, "instruments": [instrument], "from": text(first), "to": text(last)}
            shards.append(Shard(f"{instrument.partition('.')[0]} trades {text(first)[:10]}", values))
    return crypto.planned(shards)


def run_shard(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """One symbol's prints of some days, then the bars of each whole day."""
    market, config = crypto.market_of(context, params)
    instruments = [str(name) for name in params["instruments"]]
    start_ns, end_ns = parse(str(params["from"])), parse(str(params["to"]))
    rows = context.open_subjects(instruments)
    archive, rest = context.vendor(config.archive), context.vendor(config.rest)
    now_ns = context.clock.now_ns()
    done = Ingested(Tally(), {})
    until_ns = archive.published_until(now_ns) if isinstance(archive, PublishesUntil) else now_ns // NS_PER_DAY * NS_PER_DAY
    if start_ns < min(until_ns, end_ns):
        pulls = archive.plan(Request(TRADES.name, tuple(instruments), start_ns, min(until_ns, end_ns), now_ns))
        # A day's prints fill memory; each file is published before the next is read.
        chunks = [Chunk(((pull.params.get("instrument", instruments[0]), pull),), _partition_of(pull)) for pull in pulls]
        done.add(ingest(context, archive, Table(TRADES), chunks))
    low_ns = max(start_ns, until_ns)
    if low_ns < end_ns:
        for instrument in instruments:
            # By id, so that no print falls between the archive's last one and the first over REST.
            last = _last_id(context, instrument, low_ns)
            params = {} if last is None else {"from_id": str(last + 1)}
            pulls = rest.plan(Request(TRADES.name, (instrument,), low_ns, end_ns, now_ns, params))
            done.add(ingest(context, rest, Table(TRADES), [Chunk(((instrument, pull),)) for pull in pulls]))
    _sample(context, instruments, start_ns, min(end_ns, until_ns))
    marks = {name: Bookmark(tally.last_event_ns) for name, tally in done.by_subject.items() if tally.last_event_ns is not None}
    context.records.set_bookmarks(_job(market), marks)
    return crypto.finished(context, done, rows)


def _partition_of(pull: Pull) -> str | None:
    """The month of a daily file, by its name (`…-2024-01-31.zip`)."""
    found = _DAY.search(pull.locator)
    return None if found is None else found[1]


def _last_id(context: Context, instrument: str, before_ns: int) -> int | None:
    """The last print's id of the day before, None where there is none."""
    rows = context.lake.read(
        Table(TRADES),
        as_of_ns=context.clock.now_ns(),
        instruments=[instrument],
        start_ns=before_ns - NS_PER_DAY,
        end_ns=context.clock.now_ns(),
        columns=["id"],
    )
    last = rows["id"].max()
    return last if isinstance(last, int) else None


def _job(market: str) -> str:
    return f"{market}:trades"


def _sample(context: Context, instruments: list[str], start_ns: int, end_ns: int) -> None:
    """Bars by ticks, volume and value of each whole day that has prints."""
    for day_ns in range(start_ns // NS_PER_DAY * NS_PER_DAY, end_ns, NS_PER_DAY):
        prints = context.lake.read(
            Table(TRADES), as_of_ns=context.clock.now_ns(), instruments=instruments, start_ns=day_ns, end_ns=day_ns + NS_PER_DAY
        )
        for instrument in prints["instrument"].unique(maintain_order=True):
            mine = prints.filter(pl.col("instrument") == instrument)
            for measure in MEASURES:
                size = _size(mine, measure)
                rows = sampled_bars(mine, measure, size) if size > 0 else None
                if rows is not None and not rows.is_empty():
                    _publish(context, rows, measure, size, mine["source"][0])


def _size(prints: pl.DataFrame, measure: Measure) -> float:
    """What gives about BARS_PER_DAY bars, rounded to two digits so that it is easy to say."""
    amount = {"ticks": float(prints.height), "volume": prints["quantity"].sum(), "value": prints["quote_quantity"].sum()}[measure]
    return float(f"{amount / BARS_PER_DAY:.1e}")


def _publish(context: Context, rows: pl.DataFrame, measure: Measure, size: float, source: str) -> None:
    whole = rows.with_columns(pl.lit(measure).alias("measure"), pl.lit(size).alias("size"), pl.lit(source).alias("source"))
    times = ["instrument", "start_ns", "event_ns", "known_ns", "captured_ns", "source"]
    chosen = whole.select(*times, *(column.name for column in SAMPLED.columns)).sort("instrument", "start_ns", "measure", "first_id")
    first = chosen["start_ns"][0]
    publish(context, Table(SAMPLED), SAMPLED.partition_of(first), chosen, vendor="tradewinds")
