"""The tables of the star schema, computed from daily bars and instruments. Pure but for reading the lake.

Keys are the trade's own (instrument id, venue code, session date), so that they stay the same from build to build.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date

import polars as pl

from tradewinds.calendars.sessions import NAMES, Calendar, calendar
from tradewinds.core.errors import DataFault
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE, NS_PER_US
from tradewinds.core.instrument import Instrument, split_id
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.core.ports import Lake

DAILY = Table(bars("1d"))
_STAMP = pl.Datetime("us", "UTC")
_MONEY = pl.Decimal(38, 18)

KEYS: Mapping[str, Sequence[str]] = {
    "dim_date": ("date",),
    "dim_session": ("calendar", "session"),
    "dim_instrument": ("instrument",),
    "dim_venue": ("venue",),
    "fact_bars": ("instrument", "session"),
    "fact_fills": ("account", "fill_id"),
    "fact_positions": ("account", "instrument", "session"),
}

_INSTRUMENT = {
    "instrument": pl.String(),
    "symbol": pl.String(),
    "venue": pl.String(),
    "kind": pl.String(),
    "currency": pl.String(),
    "calendar": pl.String(),
    "base": pl.String(),
    "tick": _MONEY,
    "lot": _MONEY,
    "minimum_notional": _MONEY,
    "multiplier": _MONEY,
    "sector": pl.String(),
    "name": pl.String(),
    "is_tradable": pl.Boolean(),
}
_SESSION = {
    "calendar": pl.String(),
    "session": pl.Date(),
    "open_at": _STAMP,
    "close_at": _STAMP,
    "traded_minutes": pl.Int64(),
    "is_early_close": pl.Boolean(),
}
# Filled once there is trading; the columns stand, so that a dashboard can be built on them today.
_FILLS = {
    "account": pl.String(),
    "fill_id": pl.String(),
    "strategy": pl.String(),
    "order_id": pl.String(),
    "instrument": pl.String(),
    "venue": pl.String(),
    "session": pl.Date(),
    "filled_at": _STAMP,
    "side": pl.String(),
    "quantity": _MONEY,
    "price": _MONEY,
    "fee": _MONEY,
    "fee_currency": pl.String(),
}
_POSITIONS = {
    "account": pl.String(),
    "instrument": pl.String(),
    "session": pl.Date(),
    "venue": pl.String(),
    "quantity": _MONEY,
    "average_price": _MONEY,
    "mark_price": _MONEY,
    "market_value": _MONEY,
    "currency": pl.String(),
}


def star(lake: Lake, instruments: Iterable[Instrument], as_of_ns: int) -> dict[str, pl.DataFrame]:
    """Every table of the star, each sorted by its key."""
    daily = lake.read(DAILY, as_of_ns=as_of_ns)
    known = {one.id: one for one in instruments}
    calendars = {name: known[name].calendar if name in known else None for name in daily["instrument"].unique().to_list()}
    facts = _bars(daily, calendars)
    tables = {
        "dim_date": _dates(facts["session"]),
        "dim_session": _sessions(facts),
        "dim_instrument": _instruments(known, facts),
        "fact_bars": facts.drop("calendar"),
        "fact_fills": pl.DataFrame(schema=_FILLS),
        "fact_positions": pl.DataFrame(schema=_POSITIONS),
    }
    tables["dim_venue"] = _venues(tables["dim_instrument"])
    return {name: tables[name].sort(KEYS[name]) for name in KEYS}


def _bars(daily: pl.DataFrame, calendars: Mapping[str, str | None]) -> pl.DataFrame:
    """One row per instrument and session: prices, volume, where they came from, when they were known."""
    names = pl.DataFrame(
        {"instrument": list(calendars), "calendar": list(calendars.values())}, schema={"instrument": pl.String, "calendar": pl.String}
    )
    rows = daily.join(names, on="instrument", how="left", maintain_order="left")
    parts = [part.with_columns(_session_dates(part)) for part in rows.partition_by("calendar")]
    dated = pl.concat(parts) if parts else rows.with_columns(pl.lit(None, dtype=pl.Date).alias("session"))
    twice = dated.filter(pl.struct("instrument", "session").is_duplicated())
    if not twice.is_empty():
        name, session = twice.select("instrument", "session").sort("instrument", "session").row(0)
        raise DataFault(f"marts: {name} has several daily bars in session {session}, expected one")
    previous = pl.col("close").shift(1).over("instrument", order_by="session")
    return dated.sort("instrument", "session").select(
        "instrument",
        "session",
        pl.col("instrument").str.split(".").list.last().alias("venue"),
        "calendar",
        *("open", "high", "low", "close", "volume", "quote_volume", "trades"),
        (pl.col("close") / previous - 1).alias("return_unadjusted"),
        *("vendor", "status", "reason"),
        (pl.col("known_ns") // NS_PER_US).cast(_STAMP).alias("known_at"),
    )


def _session_dates(rows: pl.DataFrame) -> pl.Series:
    """The session of each bar by its calendar; the UTC date where no calendar speaks of that time."""
    starts = rows["start_ns"]
    by_day = (starts // NS_PER_DAY).cast(pl.Int32).cast(pl.Date)
    market = _calendar(rows["calendar"][0])
    if market is None:
        return by_day.alias("session")
    first, last = market.truth_from, market.truth_until
    covered = by_day.is_between(first, last)
    days = pl.Series("session", market.session_days(starts.filter(covered).to_numpy()), dtype=pl.Int64)
    found = pl.DataFrame({"row": covered.arg_true(), "found": days})
    numbered = pl.DataFrame({"row": pl.arange(0, rows.height, eager=True, dtype=pl.UInt32), "day": by_day})
    joined = numbered.join(found, on="row", how="left", maintain_order="left")
    inside = pl.when(pl.col("found") >= 0).then(pl.col("found")).cast(pl.Int32).cast(pl.Date)
    return joined.select(inside.fill_null(pl.col("day")).alias("session")).to_series()


def _calendar(name: str | None) -> Calendar | None:
    return calendar(name) if name in NAMES else None


def _dates(sessions: pl.Series) -> pl.DataFrame:
    first, last = sessions.min(), sessions.max()
    if not isinstance(first, date) or not isinstance(last, date):
        days = pl.Series("date", [], dtype=pl.Date)
    else:
        days = pl.date_range(date(first.year, 1, 1), date(last.year, 12, 31), eager=True).alias("date")
    day = pl.col("date").dt
    return pl.DataFrame({"date": days}).with_columns(
        (day.year().cast(pl.Int64) * 10_000 + day.month().cast(pl.Int64) * 100 + day.day().cast(pl.Int64)).alias("date_number"),
        day.year().cast(pl.Int64).alias("year"),
        day.quarter().cast(pl.Int64).alias("quarter"),
        day.month().cast(pl.Int64).alias("month"),
        day.day().cast(pl.Int64).alias("day"),
        day.iso_year().cast(pl.Int64).alias("iso_year"),
        day.week().cast(pl.Int64).alias("iso_week"),
        day.weekday().cast(pl.Int64).alias("weekday"),
        (day.weekday() >= 6).alias("is_weekend"),
        (day.month_end() == pl.col("date")).alias("is_month_end"),
    )


def _sessions(facts: pl.DataFrame) -> pl.DataFrame:
    """Every session of each calendar in use, from the first bar to the last."""
    rows = []
    spans = facts.group_by("calendar").agg(pl.col("session").min().alias("first"), pl.col("session").max().alias("last"))
    for name, first, last in spans.sort("calendar").iter_rows():
        market = _calendar(name)
        if market is None:
            continue
        for session in market.sessions(max(first, market.truth_from), min(last, market.truth_until)):
            rows.append(_session(market, session))
    return pl.DataFrame(rows, schema=_SESSION, orient="row")


def _session(market: Calendar, session: date) -> tuple[object, ...]:
    opening, closing, pause = market.open_ns(session), market.close_ns(session), market.break_ns(session)
    traded = closing - opening - (pause[1] - pause[0] if pause else 0)
    stamps = (opening // NS_PER_US, closing // NS_PER_US)
    return (market.name, session, *stamps, traded // NS_PER_MINUTE, market.is_early_close(session))


def _instruments(known: Mapping[str, Instrument], facts: pl.DataFrame) -> pl.DataFrame:
    """Every registered instrument, and those that have bars without being registered (their other columns are null)."""
    rows = []
    for name in sorted({*known, *facts["instrument"].unique().to_list()}):
        symbol, venue = split_id(name)
        stated = asdict(known[name]) if name in known else {}
        rows.append({**{column: stated.get(column) for column in _INSTRUMENT}, "instrument": name, "symbol": symbol, "venue": venue})
    return pl.DataFrame(rows, schema=_INSTRUMENT)


def _venues(instruments: pl.DataFrame) -> pl.DataFrame:
    """Each venue with the calendar of its instruments (the first by name where they differ) and how many it has."""
    return instruments.group_by("venue").agg(
        pl.col("calendar").drop_nulls().min().alias("calendar"), pl.len().cast(pl.Int64).alias("instruments")
    )
