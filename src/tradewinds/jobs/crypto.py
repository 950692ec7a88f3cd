"""What the crypto jobs share: which market, which instruments, how work is cut and told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from tradewinds.core.errors import DataFault, Rejected, Transient
from tradewinds.core.instant import from_date, parse
from tradewinds.core.instrument import instrument_id
from tradewinds.core.market import Interval
from tradewinds.core.record import RunResult
from tradewinds.jobs.config import UNIVERSE, CryptoConfig, History
from tradewinds.jobs.context import Context
from tradewinds.jobs.ingest import Ingested
from tradewinds.jobs.plan import JobResult, Shard


def market_of(context: Context, params: Mapping[str, Any]) -> tuple[str, CryptoConfig]:
    """(name, configuration) of the market that params name; the only one where they name none."""
    markets = context.config.crypto
    name = params.get("market") or (next(iter(markets)) if len(markets) == 1 else None)
    if name not in markets:
        raise Rejected(f"{context.job}: market {name!r}, expected one of {sorted(markets)} in the configuration's crypto section")
    return str(name), markets[str(name)]


def universe_name(market: str) -> str:
    """Under which name the ledger keeps a market's universe."""
    return f"crypto_{market}"


def instruments_of(context: Context, market: str, config: CryptoConfig, named: Sequence[str], at_ns: int) -> list[str]:
    """Instrument ids of venue symbols, with the universe's members as known at at_ns where it is named; in order, each once."""
    found: list[str] = []
    for symbol in named:
        if symbol == UNIVERSE:
            found += [member.instrument for member in context.records.members(universe_name(market), at_ns)]
        else:
            found.append(symbol if "." in symbol else instrument_id(symbol, config.venue_name))
    return list(dict.fromkeys(found))


def histories(config: CryptoConfig, params: Mapping[str, Any]) -> list[History]:
    """The bar histories that params ask for (`interval`), or all that are configured."""
    wanted = params.get("interval")
    chosen = [history for history in config.bars if wanted in (None, history.interval)]
    if wanted is not None and not chosen:
        chosen = [History(interval=str(wanted), instruments=tuple(params.get("instruments", ())), since=date(2017, 8, 1))]
    return chosen


def span(params: Mapping[str, Any], since: date, now_ns: int) -> tuple[int, int]:
    """[start, end) from params `from` and `to` (ISO), else from `since` until now."""
    start_ns = parse(str(params["from"])) if "from" in params else from_date(since)
    end_ns = parse(str(params["to"])) if "to" in params else now_ns
    return start_ns, min(end_ns, now_ns)


def months(start_ns: int, end_ns: int) -> Iterator[tuple[int, int]]:
    """The calendar months (UTC) that [start, end) touches, cut at its ends."""
    from tradewinds.core.instant import to_date

    month = to_date(start_ns).replace(day=1)
    while from_date(month) < end_ns:
        following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
        yield max(start_ns, from_date(month)), min(end_ns, from_date(following))
        month = following


def cut(items: Sequence[str], size: int) -> list[list[str]]:
    """The items in lists of at most `size`."""
    return [list(items[start : start + size]) for start in range(0, len(items), max(1, size))]


def planned(shards: Sequence[Shard]) -> JobResult:
    """The result of a planning job."""
    return JobResult(state="done" if shards else "nothing", detail={"shards": [asdict(shard) for shard in shards]})


def label(instruments: Sequence[str], interval: Interval, when: str) -> str:
    """How a shard is named to people."""
    first, last = instruments[0].partition(".")[0], instruments[-1].partition(".")[0]
    names = first if len(instruments) == 1 else f"{first}..{last} ({len(instruments)})"
    return f"{names} {interval.name} {when}"


def finished(context: Context, done: Ingested, rows: Mapping[str | None, int]) -> JobResult:
    """Close the subjects' rows and sum up. Raises when every subject failed: Transient where each may pass, else DataFault."""
    now_ns = context.clock.now_ns()
    results: dict[str, RunResult] = {subject: tally.result(now_ns, subject) for subject, tally in done.by_subject.items()}
    idle = RunResult(state="nothing", ended_ns=now_ns)
    context.close_subjects(rows, {str(subject): results.get(str(subject), idle) for subject in rows})
    total = done.total
    if total.failed and len(total.failed) == len(rows):
        first, reason = next(iter(total.failed.items()))
        may_pass = {one.partition(":")[0] for one in total.failed.values()} <= {"Transient", "Late"}
        told = f"{first}: {reason}" if len(rows) == 1 else f"all {len(rows)} symbols failed; first {first}: {reason}"
        raise (Transient if may_pass else DataFault)(f"{context.job} {context.partition}: {told}")
    state = "partial" if total.failed else "done" if total.rows_changed else "nothing"
    return JobResult(
        state=state,  # type: ignore[arg-type]  # one of the three literals above
        rows_in=total.rows_in,
        rows_published=total.rows_changed - total.rows_restated,
        rows_restated=total.rows_restated,
        findings=total.findings,
        failed=dict(total.failed),
        detail={
            "symbols": len(rows),
            "fetched": total.fetched,
            "skipped": total.skipped,
            "absent": total.absent,
            "bytes_written": total.bytes_written,
        },
    )
