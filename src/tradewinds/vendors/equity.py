"""What vendors of daily equity bars share: the dataset of corporate actions, and the session that a date stands for."""

from __future__ import annotations

from datetime import date

import polars as pl

from tradewinds.calendars.sessions import Calendar, calendar
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.core.market import bars
from tradewinds.core.observation import Column, Dataset

BARS = bars("1d")
CORPORATE_ACTIONS = Dataset(
    "corporate-actions",
    (Column("kind", "text"), Column("value"), Column("currency", "text")),
    keys=("kind",),
    partitioning="year",
    description="splits (new shares per old share) and cash dividends per share, at the open of their ex-session",
)
SPLIT, DIVIDEND = "split", "dividend"


def session_times(sessions: pl.Series, calendar_name: str) -> pl.DataFrame:
    """Columns session, start_ns and event_ns (the open and the close) of each distinct date.

    A date on which the exchange was closed keeps the hours of the last session before it, moved by whole days: a vendor's
    bar on a holiday is a finding of the quality room, not a file that cannot be read. Dates of which the calendar does not
    speak have nulls; the caller refuses them with their line.
    """
    days = sessions.unique().drop_nulls().sort().to_list()
    hours = [_hours(calendar(calendar_name), day) for day in days]
    return pl.DataFrame(
        {"session": days, "start_ns": [h[0] for h in hours], "event_ns": [h[1] for h in hours]},
        schema={"session": pl.Date, "start_ns": pl.Int64, "event_ns": pl.Int64},
    )


def actions(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `corporate-actions` from rows with instrument, times, split_factor, dividend and currency.

    A split factor of 1 and a dividend of 0 mean none; other numbers, possible or not, are kept.
    """
    parts = []
    for kind, column, none in ((SPLIT, "split_factor", 1.0), (DIVIDEND, "dividend", 0.0)):
        if column in rows.columns:
            told = rows.filter(pl.col(column).is_not_null() & (pl.col(column) != none))
            # A split changes a count of shares, so it has no currency.
            money = pl.col("currency") if kind == DIVIDEND and "currency" in rows.columns else pl.lit(None, pl.String)
            parts.append(
                told.select(
                    "instrument",
                    "start_ns",
                    pl.col("start_ns").alias("event_ns"),
                    "known_ns",
                    pl.lit(kind).alias("kind"),
                    pl.col(column).cast(pl.Float64).alias("value"),
                    money.alias("currency"),
                )
            )
    if not parts:
        empty = {"instrument": pl.String, "start_ns": pl.Int64, "event_ns": pl.Int64, "known_ns": pl.Int64}
        return pl.DataFrame(schema=empty)
    return pl.concat(parts)


def _hours(sessions: Calendar, day: date) -> tuple[int | None, int | None]:
    try:
        return sessions.open_ns(day), sessions.close_ns(day)
    except DataFault:
        return None, None
    except Rejected:  # the exchange was closed
        try:
            before = sessions.previous_session(day)
        except DataFault:
            return None, None
        shift = (day - before).days * NS_PER_DAY
        return sessions.open_ns(before) + shift, sessions.close_ns(before) + shift
