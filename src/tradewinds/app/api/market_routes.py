"""Data: instruments, tables, bars and rows, indicators, findings, holds, lineage, coverage, runs."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tradewinds.app.api.answer import ARROW, arrow_stream, columns_of, json_answer, series_json
from tradewinds.app.api.arguments import AsOf, Cursor, End, InstrumentId, Limit, Start, Text, cursor_of, instant, number_of, parts_of
from tradewinds.app.api.document import answers
from tradewinds.app.api.route import GuardedRoute, house_of, needs
from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_US
from tradewinds.core.market import Interval
from tradewinds.history.adjust import MODES
from tradewinds.wiring.desk import market

router = APIRouter(route_class=GuardedRoute, tags=["market"])
READ = needs("read:market")
COLUMNS_MAX = 40

_BARS_TAKE = [
    ("instrument", True, "SYMBOL.VENUE", "BTCUSDT.BINANCE"),
    ("interval", False, "Bar length; 1d when left out.", "1m"),
    ("start", False, "First start (ISO 8601, UTC); the last rows when left out.", "2024-01-31T00:00:00Z"),
    ("end", False, "End of the starts, not included.", "2024-02-01"),
    ("as_of", False, "What was known then; now when left out.", "2024-03-01"),
    ("adjusted", False, "splits, splits+dividends or total; as traded when left out.", "splits"),
    ("columns", False, "Names separated by commas; open,high,low,close,volume when left out.", "close,volume,known_us"),
    ("limit", False, "At most so many rows, up to 10000; 1000 when left out.", "1000"),
    ("cursor", False, "`next` of the answer before.", None),
    ("format", False, "json or arrow, in place of Accept.", "json"),
]
_BARS_EXAMPLE = {
    "instrument": "BTCUSDT.BINANCE", "table": "history/bars-1m", "as_of": None, "adjusted": None, "rows": 2,
    "columns": {
        "start_us": [1706659200000000, 1706659260000000], "open": [42941.1, 42930.0], "high": [42955.2, 42941.0], "low": [42920.0, 42911.3],
        "close": [42930.0, 42940.7], "volume": [12.81, 9.4],
    },
    "next": "MTcwNjY1OTI2MDAwMDAwMDAwMR8",
}  # fmt: skip


def bars_document() -> dict[str, Any]:
    """How the document describes the route of `series.BarSeries`, which reads its parameters itself."""
    taken = []
    for name, is_needed, words, example in _BARS_TAKE:
        one: dict[str, Any] = {"name": name, "in": "query", "required": is_needed, "description": words, "schema": {"type": "string"}}
        if name == "limit":
            one["schema"] = {"type": "integer", "minimum": 1, "maximum": 10_000}
        taken.append(one if example is None else {**one, "example": example})
    return {**READ, "parameters": taken}


BARS_ANSWERS = answers(_BARS_EXAMPLE, arrow=True)


@router.get("/instruments", openapi_extra=READ, responses=answers({"instruments": [{"id": "AAPL.XNAS", "kind": "equity"}], "next": None}))
def instruments(
    request: Request, words: Text = None, venue: Text = None, kind: Text = None, limit: Limit = 200, cursor: Cursor = None
) -> Response:
    """Instruments by words (symbol, id, names it has or had; best first), venue and kind, else by id."""
    found = market.instruments(house_of(request), words=words or None, venue=venue, kind=kind)  # type: ignore[arg-type]  # another kind finds none
    rest = _rest(found, cursor, limit)
    return json_answer({"instruments": rest[0], "next": rest[1]})


@router.get("/instruments/by-id", openapi_extra=READ, responses=answers({"instrument": {"id": "AAPL.XNAS"}, "tickers": []}))
def instrument(request: Request, id: InstrumentId) -> Response:
    """One instrument with its rules and every name it had."""
    found, tickers = market.instrument(house_of(request), id)
    return json_answer({"instrument": found, "tickers": tickers})


@router.get("/tables", openapi_extra=READ, responses=answers({"tables": [{"name": "history/bars-1d", "partitions": 3}]}))
def tables(request: Request) -> Response:
    """The tables of the lake and their columns."""
    return json_answer({"tables": market.table_facts(house_of(request))})


@router.get(
    "/rows", openapi_extra=READ, responses=answers({"table": "history/bars-1d", "columns": {"start_us": [0]}, "next": None}, arrow=True)
)
def rows(
    request: Request,
    table: Annotated[str, Query(max_length=100, examples=["history/bars-1d"])],
    instrument: InstrumentId,
    start: Start = None,
    end: End = None,
    as_of: AsOf = None,
    columns: Annotated[str | None, Query(max_length=1_000, description="Names separated by commas; all when left out.")] = None,
    versions: Annotated[bool, Query(description="Every version of each fact instead of the one known then.")] = False,
    limit: Limit = 1_000,
    cursor: Cursor = None,
) -> Response:
    """Rows of any table for one instrument: bars, features, funding, what a vendor said. Every version, for a restatement."""
    house = house_of(request)
    of = market.table(house, table)
    start_ns, end_ns = instant(start, "start"), instant(end, "end")
    chosen = None if columns is None else _columns(columns, [one.name for one in of.dataset.columns])
    skip = 0 if cursor is None else number_of(parts_of(cursor, 1)[0])
    if versions:
        frame = market.versions(house, of, instruments=[instrument], start_ns=start_ns, end_ns=end_ns)
        frame = frame if chosen is None else frame.select("instrument", "start_ns", "known_ns", *(n for n in chosen if n != "known_ns"))
    else:
        frame = market.rows(
            house, of, instruments=[instrument], as_of_ns=instant(as_of, "as_of"), columns=chosen, start_ns=start_ns, end_ns=end_ns
        )
    if frame.is_empty():
        raise Missing(f"{of.name} of {instrument}: no row of that span known then, expected some")
    cut = frame.slice(max(0, skip), limit)
    after = cursor_of(skip + limit) if skip + limit < frame.height else None
    if ARROW in request.headers.get("accept", ""):
        return Response(arrow_stream(cut), 200, {"X-Next": after or ""}, ARROW)
    return Response(series_json({"table": of.name, "rows": cut.height}, columns_of(cut), after), 200, None, "application/json")


@router.get("/indicators", openapi_extra=READ, responses=answers({"instrument": "BTCUSDT.BINANCE", "columns": {"rsi(14)": [48.1]}}))
def indicators(
    request: Request,
    instrument: InstrumentId,
    expression: Annotated[list[str], Query(min_length=1, max_length=20, examples=[["rsi(14)", "close / sma(20) - 1"]])],
    interval: Annotated[str, Query(max_length=8, examples=["1d"])] = "1d",
    start: Start = None,
    end: End = None,
    as_of: AsOf = None,
    adjusted: Annotated[str, Query(max_length=20)] = "splits",
) -> Response:
    """Indicators, or any expression of factors, over the bars of one instrument as known then."""
    if adjusted not in MODES:
        raise Rejected(f"adjusted: {adjusted!r}, expected one of {', '.join(MODES)}")
    Interval(interval)
    found = market.indicators(
        house_of(request), instrument, interval, expression, start_ns=instant(start, "start"), end_ns=instant(end, "end"),
        as_of_ns=instant(as_of, "as_of"), adjusted=adjusted,
    )  # fmt: skip
    columns = {"start_us": found.pop("start_ns") // NS_PER_US, **{name: np.ascontiguousarray(values) for name, values in found.items()}}
    body = series_json({"instrument": instrument, "interval": interval, "adjusted": adjusted}, columns, None)
    return Response(body, 200, None, "application/json")


@router.get("/findings", openapi_extra=READ, responses=answers({"findings": [{"vendor": "alpha", "kind": "gap"}], "next": None}))
def findings(
    request: Request, instrument: Text = None, dataset: Text = None, vendor: Text = None, kind: Text = None, severity: Text = None,
    released: bool | None = None, limit: Limit = 200, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """What is wrong with data, as it was found."""
    house = house_of(request)
    found = market.findings(
        house, instrument=instrument, dataset=dataset, vendor=vendor, kind=kind, severity=severity, is_released=released
    )
    rest = _rest(found, cursor, limit)
    counts = [{"vendor": one, "kind": kind, "count": count} for (one, kind), count in market.finding_counts(house).items()]
    return json_answer({"findings": rest[0], "counts": counts, "next": rest[1]})


@router.get("/holds", openapi_extra=READ, responses=answers({"holds": [{"instrument": "AAPL.XNAS", "dataset": "bars-1d"}], "next": None}))
def holds(request: Request, instrument: Text = None, open: bool | None = True, limit: Limit = 200, cursor: Cursor = None) -> Response:
    """Values that wait for a person, or that people decided."""
    rest = _rest(market.holds(house_of(request), instrument=instrument, is_open=open), cursor, limit)
    return json_answer({"holds": rest[0], "next": rest[1]})


@router.get("/lineage", openapi_extra=READ, responses=answers({"kind": "published", "title": "bars-1d AAPL.XNAS", "parents": []}))
def lineage(
    request: Request,
    instrument: InstrumentId,
    start: Annotated[str, Query(max_length=40, examples=["2024-01-31"])],
    dataset: Annotated[str, Query(max_length=100)] = "bars-1d",
    as_of: AsOf = None,
) -> Response:
    """One published fact walked back to the vendors' bytes."""
    start_ns = instant(start, "start")
    assert start_ns is not None
    tree = market.lineage_tree(house_of(request), instrument, dataset, start_ns, as_of_ns=instant(as_of, "as_of"))
    return json_answer(tree)


@router.get("/coverage", openapi_extra=READ, responses=answers({"table": "history/bars-1d", "cells": [{"rows": 252}], "next": None}))
def coverage(
    request: Request,
    table: Annotated[str, Query(max_length=100, examples=["bars-1d"])],
    instrument: Text = None,
    limit: Limit = 1_000,
    cursor: Cursor = None,
) -> Response:
    """How many rows of each instrument each partition of a table holds."""
    house = house_of(request)
    of = market.table(house, table)
    rest = _rest(market.coverage(house, of, instrument=instrument), cursor, limit)
    return json_answer({"table": of.name, "cells": rest[0], "next": rest[1]})


@router.get("/runs", openapi_extra=READ, responses=answers({"runs": [{"id": 7, "job": "crypto.incremental", "partition": "2024-01-31"}]}))
def runs(request: Request, job: Text = None, state: Text = None, limit: Limit = 100) -> Response:
    """Runs of jobs, newest first."""
    found = market.runs(house_of(request), job=job, state=state, limit=limit)
    return json_answer({"runs": [{**_run(one)} for one in found]})


@router.get("/runs/{number}", openapi_extra=READ, responses=answers({"id": 7, "state": "done", "result": {"rows_published": 1440}}))
def run(request: Request, number: int) -> Response:
    """One run, with its result."""
    if not 0 <= number < 2**63:
        raise Missing(f"run {number}: there is none, expected one of /api/v1/runs")
    return json_answer(_run(market.run(house_of(request), number)))


def _run(one: Any) -> dict[str, Any]:
    from dataclasses import fields

    return {**{name.name: getattr(one, name.name) for name in fields(one)}, "state": one.state}


def _rest(found: list[Any], cursor: str | None, limit: int) -> tuple[list[Any], str | None]:
    """The part of a list at a cursor, and the next cursor."""
    skip = 0 if cursor is None else max(0, number_of(parts_of(cursor, 1)[0]))
    return found[skip : skip + limit], cursor_of(skip + limit) if skip + limit < len(found) else None


def _columns(text: str, known: list[str]) -> list[str]:
    every = [*known, "event_ns", "known_ns", "captured_ns", "source", "vendor", "status", "reason"]
    found = [f"{one.strip().removesuffix('_us')}_ns" if one.strip().endswith("_us") else one.strip() for one in text.split(",")]
    wrong = [one for one in found if one not in every]
    if wrong or len(found) > COLUMNS_MAX:
        raise Rejected(f"columns: {(wrong or found)[0][:40]!r}, expected at most {COLUMNS_MAX} of {', '.join(every)}")
    return found
