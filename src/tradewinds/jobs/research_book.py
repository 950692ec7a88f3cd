"""The panel that a night of research computes from, and the publication of what it made.

The panel holds what was known at the decision of its last session: first prints, and what had been corrected by then. Its fields:

    open high low close    splits and dividends reinvested, at the level of the first row: returns are what a holder had
    volume                 in shares of the first row
    price                  the close as traded
    value_traded          close as traded x volume as traded
    <fact>                 columns of other datasets, joined by when they became known
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, parse, text, to_date
from tradewinds.core.instrument import CorporateAction
from tradewinds.core.market import PRICES, bars
from tradewinds.core.observation import Table
from tradewinds.factors.features import with_columns
from tradewinds.history.adjust import Factors, factors
from tradewinds.history.asof import first_known, latest_known
from tradewinds.history.panel import Panel, View, panel_of_frame
from tradewinds.history.point_in_time import columns_known
from tradewinds.jobs.book import Book
from tradewinds.jobs.context import Context
from tradewinds.jobs.ingest import FAR_FUTURE_NS, changes, split_by_partition
from tradewinds.jobs.research_config import FactConfig
from tradewinds.jobs.tables import table_named

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BAR_FIELDS = (*PRICES, "volume")
OF_US = "tradewinds"  # the source of rows that we computed
SESSIONS_REVISITED = 20  # how far back a night looks for what has changed since


def bars_panel(context: Context, book: Book, partition: str, *, view: View = "latest", since_ns: int | None = None) -> Panel:
    """The panel of the book's bars up to the end of the partition's day, as known at the decision of its last session, or by now.

    A session that runs again reads what it read: what was corrected after its decision is seen by the sessions after it. view "first":
    each cell as it was known first, by now. since_ns: leave out earlier sessions. Raises Missing where there are none.
    """
    versions = bar_versions(context, book, partition, since_ns=since_ns)
    if view == "first":
        return panel_at(context, book, first_known(versions), context.clock.now_ns())
    _, decided = decisions_of(book, versions)
    return panel_at(context, book, versions, min(int(decided[-1]), context.clock.now_ns()))


def bar_versions(context: Context, book: Book, partition: str, *, since_ns: int | None = None) -> pl.DataFrame:
    """Every version of the book's bars up to the end of the partition's day that is known by now. Raises Missing where there is none."""
    known = stored_bars(context, book, partition, since_ns=since_ns).filter(pl.col("known_ns") <= context.clock.now_ns())
    if known.is_empty():
        raise Missing(f"research {book.name}: {bars_table(book).name} holds no bar of its instruments by {partition}, expected some")
    return known


def stored_bars(context: Context, book: Book, partition: str, *, since_ns: int | None = None) -> pl.DataFrame:
    """Every version of the book's bars up to the end of the partition's day, whenever it became known."""
    start_ns, end_ns = since_ns or day_ns(book.config.since.isoformat()), day_ns(partition) + NS_PER_DAY
    columns = ("instrument", "start_ns", "event_ns", "known_ns", "captured_ns", *BAR_FIELDS)
    return context.lake.versions(bars_table(book), instruments=book.instruments, start_ns=start_ns, end_ns=end_ns, columns=columns)


def bars_table(book: Book) -> Table:
    """The published bars that the book follows."""
    return Table(bars(book.config.bars.partition("-")[2]))


def known_bars(context: Context, book: Book, instrument: str, until_ns: int, as_of_ns: int) -> pl.DataFrame:
    """The versions of an instrument's bars known at an instant, of the sessions until the one that starts at `until_ns`."""
    start_ns = day_ns(book.config.since.isoformat())
    rows = context.lake.versions(bars_table(book), instruments=[instrument], start_ns=start_ns, end_ns=until_ns + 1)
    return latest_known(rows, as_of_ns)


def decisions_of(book: Book, versions: pl.DataFrame) -> tuple[Ints, Ints]:
    """(sessions,) where each starts, and when its features are taken."""
    ends = versions.group_by("start_ns").agg(pl.col("event_ns").max()).sort("start_ns")
    return ends["start_ns"].to_numpy(), ends["event_ns"].to_numpy() + int(book.config.decision_hours * NS_PER_HOUR)


def panel_at(context: Context, book: Book, versions: pl.DataFrame, as_of_ns: int) -> Panel:
    """The panel of bars, facts and corporate actions as they were known at an instant. Raises Missing where nothing was."""
    return seen_at(context, book, versions, as_of_ns).panel


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """At the first row of a panel that is the end of a longer one: factors of prices and of volumes there, and the last close before it,
    carried; each (instruments,). So that the shorter panel has the level of the longer one.
    """

    price: Floats
    volume: Floats
    close: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A panel, and what it was made of: bars as traded, what each instrument's actions multiply them by, where a longer panel left it."""

    raw: Panel
    factors: Mapping[int, Factors]
    before: Level | None
    panel: Panel

    def level(self, row: int) -> Level:
        """Of the panel that begins at the row."""
        price, volume = np.ones(len(self.raw.instruments)), np.ones(len(self.raw.instruments))
        for column, found in self.factors.items():
            price[column], volume[column] = found.price[row], found.volume[row]
        closes = np.flip(self.raw.close[: row + 1], axis=0)
        last = np.take_along_axis(closes, np.isfinite(closes).argmax(axis=0)[None], axis=0)[0]
        return Level(price, volume, last if self.before is None else np.where(np.isnan(last), self.before.close, last))


def seen_at(context: Context, book: Book, versions: pl.DataFrame, as_of_ns: int, level: Level | None = None) -> Seen:
    """The panel of bars, facts and corporate actions as they were known at an instant. Raises Missing where nothing was.

    level: where the panel is the end of a longer one.
    """
    known = latest_known(versions, as_of_ns)
    if known.is_empty():
        raise Missing(f"research {book.name}: no bar was known at {text(as_of_ns)}, expected some by the decision of their session")
    raw = panel_of_frame(known, BAR_FIELDS, instruments=book.instruments)
    found = _factors(context, raw, as_of_ns, level)
    return Seen(raw, found, level, _with_facts(context, book, _adjusted(raw, found), as_of_ns))


def publish(context: Context, table: Table, rows: pl.DataFrame, compared: Sequence[str] | None = None) -> tuple[int, int]:
    """Publish what is new or differs, by partition; (rows new, rows restated). What was there in the same values stays untouched."""
    if rows.is_empty():
        return 0, 0
    whole = rows.with_columns(captured_ns=pl.lit(context.clock.now_ns(), pl.Int64), source=pl.lit(OF_US))
    for name in ("vendor", "status", "reason"):
        if name not in whole.columns:
            whole = whole.with_columns(pl.lit(None, pl.String).alias(name))
    values = [column.name for column in table.dataset.columns if column.name not in table.dataset.identity]
    names = values if compared is None else list(compared)
    new = restated = 0
    for partition, part in split_by_partition(table.dataset, whole):
        fresh = changes(context, table, partition, part, names)
        done = context.lake.publish(table, partition, fresh)
        new, restated = new + done.rows_new, restated + done.rows_restated
    return new, restated


def last_session_ns(context: Context, table: Table, end_ns: int = FAR_FUTURE_NS) -> int | None:
    """Where the last row of a table starts (before `end_ns`), None where there is none."""
    for part in sorted(context.lake.partitions(table), reverse=True):
        rows = context.lake.versions(table, start_ns=day_ns(f"{part[:4]}-01-01"), end_ns=end_ns)
        if not rows.is_empty():
            found = rows["start_ns"].max()
            assert isinstance(found, int)
            return found
    return None


def session_name(start_ns: int) -> str:
    """The date of a session by where it starts, for people and for rows."""
    return to_date(start_ns).isoformat()


def behind(book: Book, partition: str, start_ns: int, what: str) -> list[str]:
    """A line where the partition's day is a session and what there is is of one before it."""
    day, last = date.fromisoformat(partition[-10:]), to_date(start_ns)
    if last >= day or not calendar(book.config.calendar).sessions(day, day):
        return []
    return [f"{what} of session {last}, expected of {day}"]


def day_ns(partition: str, *, is_last: bool = True) -> int:
    """Where the day of a partition (`2024-01-31`, a `..`-range, an hour of a day) starts, UTC ns: its last day, or its first."""
    first, dots, last = partition.partition("..")
    day = (last if dots and is_last else first)[:10]
    try:
        return parse(f"{date.fromisoformat(day)}T00:00:00Z")
    except ValueError:
        raise Rejected(f"research: partition {partition!r}, expected a session such as 2024-01-31") from None


def _factors(context: Context, raw: Panel, as_of_ns: int, level: Level | None) -> dict[int, Factors]:
    """What makes bars those that a holder saw, splits and dividends reinvested, by column of the instruments that acted."""
    acted: dict[str, list[CorporateAction]] = {}
    for action in context.records.actions(as_of_ns=as_of_ns, instruments=raw.instruments):
        acted.setdefault(action.instrument, []).append(action)
    made = {}
    for column, name in enumerate(raw.instruments):
        if name in acted:
            price, volume, before = (
                (1.0, 1.0, np.nan) if level is None else (level.price[column], level.volume[column], level.close[column])
            )
            closes = carried_on(raw.close[:, column], before)
            found = factors(acted[name], name, raw.times, as_of_ns, "total", closes=closes)
            made[column] = Factors(found.price * price, found.volume / found.volume[0] * volume)
    return made


def _adjusted(raw: Panel, found: Mapping[int, Factors]) -> Panel:
    """Bars at the level of the first row, or of the first row of the longer panel."""
    fields = {name: np.array(raw.fields[name]) for name in BAR_FIELDS}
    price, dollars = np.array(raw.close), np.array(raw.close * raw.volume)
    for column, one in found.items():
        for field in PRICES:
            fields[field][:, column] *= one.price
        fields["volume"][:, column] *= one.volume
    return Panel(raw.instruments, raw.times, raw.event_ns, np.array(raw.known_ns), {**fields, "price": price, "value_traded": dollars})


def carried_on(closes: Floats, before: float = np.nan) -> Floats:
    """The last known close of each row, so that a dividend after a halt is measured by the close before it."""
    rows = np.arange(len(closes))
    last = np.maximum.accumulate(np.where(np.isnan(closes), -1, rows))
    return np.where(last >= 0, closes[np.maximum(last, 0)], before)


def _with_facts(context: Context, book: Book, panel: Panel, as_of_ns: int) -> Panel:
    columns = {name: _fact(context, book, panel, fact, as_of_ns) for name, fact in book.config.facts.items()}
    return with_columns(panel, columns) if columns else panel


def _fact(context: Context, book: Book, panel: Panel, fact: FactConfig, as_of_ns: int) -> tuple[Floats, Ints]:
    """A column of another dataset at each session's end, of what was known by then; (values, known_ns), both of the panel's shape."""
    subjects = [fact.subjects.get(name, name) for name in book.instruments]
    rows = fact_rows(context, book, fact).filter(pl.col("known_ns") <= as_of_ns)
    age_ns = None if fact.age_days_max is None else int(fact.age_days_max * NS_PER_DAY)
    named = sorted(set(subjects))
    values, known = columns_known(rows, [fact.column], named, panel.event_ns, age_max_ns=age_ns)[fact.column]
    order = [named.index(subject) for subject in subjects]
    return values[:, order], known[:, order]


def fact_rows(context: Context, book: Book, fact: FactConfig) -> pl.DataFrame:
    """Every version of the rows that a fact is taken from."""
    subjects = {fact.subjects.get(name, name) for name in book.instruments}
    rows = context.lake.versions(table_named(context, fact.dataset), instruments=sorted(subjects))
    for column, value in fact.where.items():
        rows = rows.filter(pl.col(column).cast(pl.String) == value)
    return rows
