"""Equities of one exchange from several vendors: capture, quality, reconcile, publish.

The partition is a session (`2024-01-31`), or a range of them (`2020-01-02..2023-12-29`) for the first load.

1. `is_ready`: a vendor is ready when it has the last session; past the lateness limit the night goes on without it.
2. `capture`: one vendor's bytes and rows into its own table. Files seen before, by hash, are not read again.
3. `quality`: what is wrong with one vendor's rows, seen alone.
4. `reconcile`: all vendors' rows, and the sessions before, into staged rows; findings and holds are recorded. Earlier sessions
   that are decided otherwise now (a late vendor came, a hold was released) are staged too.
5. `publish`: audits what was staged and publishes it, the old version or the new one, nothing between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from tradewinds.calendars.sessions import Calendar, calendar
from tradewinds.core.errors import DataFault, Missing, Rejected, TradewindsError
from tradewinds.core.instant import NS_PER_HOUR, text
from tradewinds.core.instrument import Instrument
from tradewinds.core.market import PRICES, bars
from tradewinds.core.observation import PROVENANCE, TIMES, Column, Dataset, Finding, Request, Table
from tradewinds.core.ports import Vendor
from tradewinds.history.reconcile import reconcile as reconcile_rows
from tradewinds.history.reconcile_limits import Limits
from tradewinds.jobs import corporate_actions, holds, second_opinion
from tradewinds.jobs.capture import capture_vendor
from tradewinds.jobs.config import EquitiesConfig
from tradewinds.jobs.context import Context
from tradewinds.jobs.ingest import FAR_FUTURE_NS, changes, split_by_partition
from tradewinds.jobs.judge import judge_bars
from tradewinds.jobs.plan import JobResult, Readiness, Shard

BARS = bars("1d")
DECISION = ("taken_from", "decision", "because")  # become vendor, status and reason when they are published
STAGED = Table(Dataset("bars-1d", (*BARS.columns, *(Column(name, "text") for name in DECISION)), partitioning="year"), vendor="reconciled")
HISTORY = Table(BARS)
ALONE = ("impossible", "future")  # what needs no second vendor to be seen; the rest is decided side by side
SESSIONS_BEFORE = 90  # what reconciliation sees before the first session asked for
SESSIONS_REVISITED = 20  # how far back a decision is looked at again


@dataclass(frozen=True, slots=True)
class Span:
    """The sessions of a partition, and the instants from the first one's open to the last one's close."""

    sessions: tuple[date, ...]
    start_ns: int
    end_ns: int


def market_of(context: Context, params: Mapping[str, Any]) -> tuple[str, EquitiesConfig]:
    """(name, configuration) of the market that params name; the only one where they name none."""
    markets = context.config.equities
    name = params.get("market") or (next(iter(markets)) if len(markets) == 1 else None)
    if name not in markets:
        raise Rejected(f"{context.job}: market {name!r}, expected one of {sorted(markets)} in the configuration's equities section")
    return str(name), markets[str(name)]


def span_of(partition: str, sessions: Calendar) -> Span:
    """The sessions that a partition names. Raises Rejected where it names none."""
    first, dots, last = partition.partition("..")
    try:
        low, high = date.fromisoformat(first), date.fromisoformat(last if dots else first)
    except ValueError:
        raise Rejected(
            f"equities partition {partition!r}, expected a session such as 2024-01-31 or a range 2024-01-02..2024-01-31"
        ) from None
    found = sessions.sessions(low, high)
    if not found:
        raise Rejected(f"equities partition {partition}: no session of {sessions.name} in it")
    return Span(found, sessions.open_ns(found[0]), sessions.close_ns(found[-1]))


def plan(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """One shard for each vendor."""
    name, config = market_of(context, params)
    span_of(partition, calendar(config.calendar))
    known = {instrument.id for instrument in context.records.instruments(ids=config.instruments)}
    fresh = [name for name in config.instruments if name not in known]
    context.records.upsert_instruments(
        [Instrument(id=one, kind="equity", currency=config.currency, calendar=config.calendar) for one in fresh]
    )
    shards = [Shard(vendor, {"market": name, "vendor": vendor}) for vendor in (*config.vendors, *config.second_opinions)]
    return JobResult(state="done", detail={"shards": [asdict(shard) for shard in shards]})


def is_ready(context: Context, partition: str, params: Mapping[str, Any]) -> Readiness:
    """Whether a vendor has the last session of the partition, or its lateness limit has passed."""
    _, config = market_of(context, params)
    span = span_of(partition, calendar(config.calendar))
    name = str(params["vendor"])
    limit_ns = span.end_ns + int(config.lateness_hours * NS_PER_HOUR)
    is_late = context.clock.now_ns() >= limit_ns
    last = span.sessions[-1]
    try:
        has_it = _has_session(context, context.vendor(name), config, calendar(config.calendar).open_ns(last), span.end_ns)
    except TradewindsError as error:
        return Readiness(False, is_late, f"{name}: {error}")
    what = "has" if has_it else f"has not, limit {text(limit_ns)},"
    return Readiness(has_it, is_late, f"{name} {what} {last}")


def capture(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """One vendor's rows of the partition's sessions into its own tables. Nothing there is nothing to do: the gap is named later."""
    _, config = market_of(context, params)
    span = span_of(partition, calendar(config.calendar))
    return capture_vendor(context, str(params["vendor"]), config, span.start_ns, span.end_ns)


def quality(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """What is wrong with one vendor's rows, seen alone."""
    _, config = market_of(context, params)
    span = span_of(partition, calendar(config.calendar))
    name = str(params["vendor"])
    if name in config.second_opinions:  # it tells closes alone, which are judged by their returns
        return JobResult(state="nothing")
    rows = context.lake.read(
        Table(BARS, vendor=name),
        as_of_ns=context.clock.now_ns(),
        instruments=config.instruments,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
    )
    if rows.is_empty():
        return JobResult(state="nothing")
    is_only = len(config.vendors) == 1
    findings = [finding for finding in judge_bars(context, BARS, name)(rows) if is_only or finding.kind in ALONE]
    return JobResult(state="done", rows_in=rows.height, findings=context.records.record(findings))


def reconcile(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Stage one row for each instrument and session, with vendor, status and reason; record findings, open holds."""
    _, config = market_of(context, params)
    sessions = calendar(config.calendar)
    span = span_of(partition, sessions)
    now_ns = context.clock.now_ns()
    by_vendor = _vendor_rows(context, config, sessions, span)
    if not by_vendor:
        raise DataFault(f"equities {partition}: no vendor of {', '.join(config.vendors)} has any row, expected at least one")
    limits = Limits(lateness_ns=int(config.lateness_hours * NS_PER_HOUR), preference=config.vendors, minor=config.minor_difference)
    low_ns = _sessions_before(sessions, span, SESSIONS_BEFORE)
    expected = sessions.expected_starts(low_ns, span.end_ns, "1d")
    decided = reconcile_rows(by_vendor, dataset=BARS.name, as_of_ns=now_ns, expected=expected, limits=limits, with_versions=True)
    assert decided.versions is not None
    revisited_ns = _sessions_before(sessions, span, SESSIONS_REVISITED)
    is_meant = pl.col("start_ns").is_between(revisited_ns, span.end_ns)
    rows, disputed = _with_second_opinions(context, config, decided.rows)
    rows = rows.filter(is_meant).with_columns(pl.lit(now_ns).alias("captured_ns"))
    rows = holds.with_releases(context, BARS.name, rows)
    states = decided.versions.filter(is_meant & (pl.col("known_ns") <= now_ns)).with_columns(pl.lit(now_ns).alias("captured_ns"))
    staged = _publish(context, STAGED, _as_staged(states), _as_staged(rows))
    meant = [finding for finding in [*decided.findings, *disputed] if revisited_ns <= finding.start_ns < span.end_ns]
    found = context.records.record(replace(finding, found_ns=now_ns) for finding in meant)
    fresh = [holds.hold(finding, now_ns) for finding in [*decided.holds, *disputed] if revisited_ns <= finding.start_ns < span.end_ns]
    opened = context.records.open_holds(fresh)
    closed = holds.close_decided(context, BARS.name, rows)
    actions = corporate_actions.record(context, config, by_vendor, rows)
    return JobResult(
        state="done",
        rows_in=sum(frame.height for frame in by_vendor.values()),
        findings=found,
        detail={
            "vendors": {name: frame.height for name, frame in sorted(by_vendor.items())},
            "status": dict(rows.group_by("status").len().sort("status").iter_rows()),
            "staged": staged[0],
            "holds_opened": opened,
            "holds_decided_by_data": closed,
            "actions": actions,
        },
    )


def publish(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Audit what was staged, then publish it. Raises DataFault, publishing nothing, where the audit fails."""
    _, config = market_of(context, params)
    sessions = calendar(config.calendar)
    span = span_of(partition, sessions)
    low_ns = _sessions_before(sessions, span, SESSIONS_REVISITED)
    states = context.lake.versions(STAGED, instruments=config.instruments, start_ns=low_ns, end_ns=span.end_ns)
    staged = context.lake.read(STAGED, as_of_ns=FAR_FUTURE_NS, instruments=config.instruments, start_ns=low_ns, end_ns=span.end_ns)
    _audit(states, staged, partition)
    rows = _as_published(staged)
    new, restated = _publish(context, HISTORY, _as_published(states), rows)
    wanted = len(config.instruments) * len(span.sessions)
    have = rows.filter(pl.col("start_ns") >= span.start_ns).height
    return JobResult(
        state="done" if new or restated else "nothing",
        rows_in=staged.height,
        rows_published=new,
        rows_restated=restated,
        detail={"instruments_x_sessions": wanted, "without_a_row": wanted - have},
    )


def _has_session(context: Context, vendor: Vendor, config: EquitiesConfig, start_ns: int, end_ns: int) -> bool:
    """Whether the vendor answers with a row of the session; asked for one instrument only, to spare its limits."""
    request = Request(BARS.name, config.instruments[:1], start_ns, end_ns, context.clock.now_ns())
    try:
        for pull in vendor.plan(request):
            for payload in vendor.capture(pull):
                rows = vendor.parse(payload)
                if not rows.filter((pl.col("start_ns") == start_ns) & (pl.col("known_ns") <= context.clock.now_ns())).is_empty():
                    return True
    except Missing:
        return False
    return False


def _vendor_rows(context: Context, config: EquitiesConfig, sessions: Calendar, span: Span) -> dict[str, pl.DataFrame]:
    """Every version known now of every vendor's rows, from some sessions before the span, with what it says of splits."""
    low_ns = _sessions_before(sessions, span, SESSIONS_BEFORE)
    found = {}
    for name in config.vendors:
        rows = context.lake.versions(Table(BARS, vendor=name), instruments=config.instruments, start_ns=low_ns, end_ns=span.end_ns)
        rows = rows.filter(pl.col("known_ns") <= context.clock.now_ns())
        if not rows.is_empty():
            found[name] = corporate_actions.with_splits(context, name, rows)
    return found


def _with_second_opinions(context: Context, config: EquitiesConfig, rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Finding]]:
    """Rows that a vendor of adjusted closes contradicts are held; returns the rows and the findings."""
    if not config.second_opinions or rows.is_empty():
        return rows, []
    low, high = rows["start_ns"].min(), rows["start_ns"].max()
    assert isinstance(low, int)
    assert isinstance(high, int)
    dividends = [corporate_actions.told(context, vendor, corporate_actions.DIVIDEND, list(config.instruments)) for vendor in config.vendors]
    told = pl.concat(dividends).unique(["instrument", "start_ns"], keep="first", maintain_order=True)
    now_ns = context.clock.now_ns()
    found: list[Finding] = []
    for name in config.second_opinions:
        table = Table(BARS, vendor=name)
        adjusted = context.lake.read(table, as_of_ns=now_ns, instruments=config.instruments, start_ns=low, end_ns=high + 1)
        found += [second_opinion.finding(one, name, BARS.name) for one in second_opinion.disputes(rows, told, adjusted)]
    marks = pl.DataFrame(
        [(one.instrument, one.start_ns, "held", f"disputed: {one.detail}") for one in found],
        schema={"instrument": pl.String, "start_ns": pl.Int64, "status": pl.String, "reason": pl.String},
        orient="row",
    ).unique(["instrument", "start_ns"], keep="first", maintain_order=True)
    return rows.update(marks, on=["instrument", "start_ns"]), found


def _sessions_before(sessions: Calendar, span: Span, count: int) -> int:
    """The open of the session `count` sessions before the span, or of the first one there is."""
    day = span.sessions[0]
    for _ in range(count):
        try:
            day = sessions.previous_session(day)
        except DataFault:
            break
    return sessions.open_ns(day)


def _as_staged(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.rename(dict(zip(PROVENANCE, DECISION, strict=True)))


def _as_published(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.rename(dict(zip(DECISION, PROVENANCE, strict=True)))


def _publish(context: Context, table: Table, states: pl.DataFrame, final: pl.DataFrame) -> tuple[int, int]:
    """Publish facts that are new in every state they went through, and the final state of facts that are known; (new, restated)."""
    low, high = final["start_ns"].min(), final["start_ns"].max()
    assert isinstance(low, int)
    assert isinstance(high, int)
    names = final["instrument"].unique().to_list()
    known = context.lake.versions(table, instruments=names, start_ns=low, end_ns=high + 1).select("instrument", "start_ns").unique()
    first = _publish_rows(context, table, states.join(known, on=["instrument", "start_ns"], how="anti"))
    then = _publish_rows(context, table, final)
    return first[0] + then[0], first[1] + then[1]


def _publish_rows(context: Context, table: Table, rows: pl.DataFrame) -> tuple[int, int]:
    new = restated = 0
    provenance = () if table.vendor else PROVENANCE
    wanted = ["instrument", *TIMES, "source", *(column.name for column in table.dataset.columns), *provenance]
    # A row whose reason alone reads differently says nothing new.
    told = [name for name in wanted if name not in ("instrument", *TIMES, "source", "reason", "because")]
    compared = ["event_ns", *told]
    for partition, part in split_by_partition(table.dataset, rows.select(wanted).sort("instrument", "start_ns", "known_ns")):
        publication = context.lake.publish(table, partition, changes(context, table, partition, part, compared))
        new, restated = new + publication.rows_new, restated + publication.rows_restated
    return new, restated


def _audit(states: pl.DataFrame, rows: pl.DataFrame, partition: str) -> None:
    """Raise DataFault where a fact stands twice, or where any state is certain and impossible."""
    twice = rows.height - rows.select("instrument", "start_ns").unique().height
    if twice:
        raise DataFault(f"equities {partition}: {twice} staged rows stand there twice, expected one for each instrument and session")
    certain = states.filter(pl.col("decision").is_in(["ok", "resolved"]))
    positive = pl.all_horizontal(*[pl.col(price).is_null() | (pl.col(price) > 0) for price in PRICES]) & (pl.col("close") > 0)
    inside = pl.col("low").fill_null(0) <= pl.col("high").fill_null(float("inf"))
    bad = certain.filter(~(positive & inside).fill_null(False))
    if not bad.is_empty():
        first = bad.row(0, named=True)
        raise DataFault(
            f"equities {partition}: {bad.height} staged rows are certain and impossible; first {first['instrument']} "
            f"{text(first['start_ns'])} close {first['close']}, expected positive prices with low <= high"
        )
