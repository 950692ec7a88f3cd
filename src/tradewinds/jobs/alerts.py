"""Alerts on crossings and levels: each line of a table is looked at when its bars were published, and tells once when it comes true.

1. The bars of the line's instrument are read as they are known now; `close` and its like are reinvested and stand at the level of the last
   price, so that a level is one of today's prices.
2. Every bar since the last look is judged. What is true and was not when last known is an alert: a row of the ledger, once for each bar.
3. At the first look there is no bar before: what is true in the last one is told. A halt or a bar that is not known ends nothing.
4. A hook (`module:function`) hears of each new alert after it stands in the ledger; one that fails takes no alert away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.candidate import ConditionAlert
from tradewinds.core.errors import Rejected, TradewindsError
from tradewinds.core.instant import NS_PER_DAY, text, to_date
from tradewinds.core.market import PRICES, Interval
from tradewinds.core.record import Bookmark
from tradewinds.factors.factor import factor_of
from tradewinds.factors.features import FeatureSet
from tradewinds.history.panel import Panel
from tradewinds.jobs.alerts_table import Rule, Rules, rules_of
from tradewinds.jobs.book import Book
from tradewinds.jobs.config import AlertsConfig, Config
from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.research_config import ResearchConfig
from tradewinds.jobs.research_screen import end_of, panel_until

JOB = "alerts"
ROWS_SPARE = 20
ROWS_LOOKED_BACK_MAX = 10_000
DAYS_A_ROW = 2  # calendar days that a daily bar takes at most, holidays and halts included
MONTH_DAYS = 31
EPOCH = date(1970, 1, 1)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Look:
    """What a rule's condition was in each bar: event_ns (bars,), held (bars,) 1, 0 or NaN; values: the sides in the last bar, by text."""

    event_ns: Ints
    held: Floats
    sides: Mapping[str, Floats]

    def values(self, row: int) -> dict[str, float | None]:
        return {name: float(one[row]) if np.isfinite(one[row]) else None for name, one in self.sides.items()}


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Look at every line, or at those of params' `interval`, and write what came true. Wrong lines are named and stop no other."""
    table = table_of(context.config)
    interval = params.get("interval")
    rules = [one for one in table.rules if interval in (None, one.interval)]
    failed = dict(table.wrong)
    raised: list[ConditionAlert] = []
    for rule in rules:
        try:
            raised += _new(context, rule, partition)
        except TradewindsError as error:
            failed[f"{rule.place} {rule.instrument}"] = str(error)
    hook = None if context.config.alerts is None else context.config.alerts.hook
    for one in raised:
        context.progress(words_of(one))
    failed |= _told(raised, hook)
    return JobResult(
        state="partial" if failed else "done" if raised else "nothing",
        rows_in=len(rules),
        rows_published=len(raised),
        failed=failed,
        detail={"alerts": [words_of(one) for one in raised]},
    )


def table_of(config: Config) -> Rules:
    """The workspace's table; raises Rejected where it cannot be read, or there is none and nothing but it is configured."""
    settings = config.alerts or AlertsConfig()
    place = Path(config.workspace or ".") / settings.file
    if settings.routes and settings.file == AlertsConfig().file and not place.exists():  # routes alone: nobody wrote a table
        return Rules((), {})
    return rules_of(place)


def look(context: Context, rule: Rule, partition: str, *, since_ns: int | None = None) -> Look:
    """The rule's condition over the bars up to the partition's time, at least those after `since_ns`. Raises Missing without bars."""
    factors = {"held": factor_of(rule.condition.term)} | {f"side {name}": factor_of(one) for name, one in rule.condition.sides.items()}
    end_ns = end_of(partition)
    lookback = max(one.lookback for one in factors.values()) + ROWS_SPARE
    panel = _level(
        panel_until(context, _book(context, rule, lookback, since_ns, end_ns), partition, lookback + _rows(rule, since_ns, end_ns))
    )
    found = FeatureSet("alerts", factors).compute(panel)
    values = dict(zip(found.names, np.moveaxis(found.values[:, 0], 1, 0), strict=True))
    return Look(panel.event_ns, values["held"], {name: values[f"side {name}"] for name in rule.condition.sides})


def words_of(one: ConditionAlert) -> str:
    """One line for people."""
    figures = ", ".join(f"{name} {'not known' if value is None else f'{value:.6g}'}" for name, value in one.values.items())
    note = f" ({one.note})" if one.note else ""
    return f"{one.instrument} {one.interval} {text(one.event_ns)}: {one.condition} [{figures}]{note}"


def _new(context: Context, rule: Rule, partition: str) -> list[ConditionAlert]:
    """What came true since the last look, and the look is noted."""
    if rule.is_once and context.records.alerts.alerts(rule=rule.id, limit=1):
        return []
    mark = context.records.bookmarks(JOB, [rule.id]).get(rule.id)
    seen = look(context, rule, partition, since_ns=None if mark is None else mark.event_ns)
    rows = _came_true(seen, None if mark is None else mark.event_ns)
    now_ns = context.clock.now_ns()
    found = [
        ConditionAlert(
            rule.id, rule.instrument, rule.condition.text, rule.interval, int(seen.event_ns[row]), now_ns, seen.values(row), rule.note
        )
        for row in (rows[:1] if rule.is_once else rows)
    ]
    # The rows first: a job that is killed in between writes them again, which changes nothing, and loses none.
    new = context.records.alerts.add(found)
    context.records.set_bookmarks(JOB, {rule.id: Bookmark(int(seen.event_ns[-1]), rule.condition.text)})
    return new


def _came_true(seen: Look, after_ns: int | None) -> list[int]:
    """Rows after that event in which the condition is true and was not when last known; of a first look the last row, where it is true."""
    if after_ns is None:
        return [len(seen.held) - 1] if seen.held[-1] == 1.0 else []
    known = np.flatnonzero(np.isfinite(seen.held))
    was = np.r_[0.0, seen.held[known[:-1]]] if len(known) else np.empty(0)
    rows = known[(seen.held[known] == 1.0) & (was != 1.0)]
    return [int(row) for row in rows if seen.event_ns[row] > after_ns]


def _book(context: Context, rule: Rule, lookback: int, since_ns: int | None, end_ns: int) -> Book:
    """A book of the rule's instrument alone, with the history that its condition wants."""
    kept = context.records.instrument(rule.instrument)
    length = Interval(rule.interval)
    days = lookback * (MONTH_DAYS if length.ns is None else max(1, length.ns // NS_PER_DAY) * DAYS_A_ROW)
    last = to_date(min(since_ns or end_ns, end_ns))
    since = last - timedelta(days=min(days, (last - EPOCH).days))
    calendar = kept.calendar if kept is not None and kept.calendar else "XNYS"
    config = ResearchConfig(calendar=calendar, since=since, bars=f"bars-{rule.interval}", instruments=(rule.instrument,))
    return Book("alerts", config, (rule.instrument,), Path(context.config.workspace or "."))


def _rows(rule: Rule, since_ns: int | None, end_ns: int) -> int:
    """How many bars there may be since an event."""
    length_ns = Interval(rule.interval).ns
    if since_ns is None or length_ns is None:
        return 1
    return min(ROWS_LOOKED_BACK_MAX, max(0, end_ns - since_ns) // length_ns + 1)


def _level(panel: Panel) -> Panel:
    """Prices at the level of the last one as traded."""
    known = np.flatnonzero(np.isfinite(panel.close[:, 0]))
    if not len(known) or panel.close[known[-1], 0] == 0.0:
        return panel
    ratio = panel.fields["price"][known[-1], 0] / panel.close[known[-1], 0]
    return replace(panel, fields={**panel.fields, **{name: panel.fields[name] * ratio for name in PRICES}})


def _told(raised: list[ConditionAlert], hook: str | None) -> dict[str, str]:
    """Let the hook hear of each; what went wrong, by alert."""
    if hook is None or not raised:
        return {}
    module, _, name = hook.partition(":")
    try:
        function: Callable[[ConditionAlert], object] = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        return {"hook": f"{hook}: {error}, expected module:function"}
    failed = {}
    for one in raised:
        try:
            function(one)
        except Exception as error:  # noqa: BLE001 -- a person's own code: whatever it raises, the alert stands in the ledger
            failed[f"hook {one.id}"] = f"{hook}: {type(error).__name__}: {error}"
    return failed


def checked(context: Context, rule: Rule, partition: str) -> tuple[bool | None, Look]:
    """Whether the condition holds in the last bar, None where that is not known; nothing is written."""
    seen = look(context, rule, partition)
    if not len(seen.held):
        raise Rejected(f"{rule.place}: no bar of {rule.instrument}, expected some")
    return (None if np.isnan(seen.held[-1]) else bool(seen.held[-1] == 1.0)), seen
