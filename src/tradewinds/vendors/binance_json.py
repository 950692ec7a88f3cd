"""Reads the JSON of Binance REST and streams into rows. Numbers come as decimal text, times in milli- or microseconds."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from tradewinds.core.errors import Unreadable
from tradewinds.core.instant import NS_PER_MS, text
from tradewinds.core.market import TRADES, Interval, bars
from tradewinds.core.observation import Dataset, Finding, Payload
from tradewinds.vendors.binance_venue import AGG_TRADES, LAG_NS, end_ns, explained, times_ns
from tradewinds.vendors.observed import nothing, observed

KLINE_CELLS = 11
_FLOATS = {"open": 1, "high": 2, "low": 3, "close": 4, "volume": 5, "quote_volume": 7, "taker_base": 9, "taker_quote": 10}


def kline_rows(
    payload: Payload, instrument: str, interval: Interval, what: str, *, is_coin_margined: bool = False, dataset: Dataset | None = None
) -> pl.DataFrame:
    """Bars of a klines answer; one that is not final at the capture is left out. Coin-margined: volume in the base coin."""
    rows = array_in(payload, what)
    dataset = dataset or bars(interval)
    if not rows:
        return nothing(dataset)
    for row in rows:
        if not isinstance(row, list) or len(row) < KLINE_CELLS:
            raise Unreadable(f"{what}: row {str(row)[:80]}, expected {KLINE_CELLS} cells or more")
    cells = list(zip(*(row[:KLINE_CELLS] for row in rows), strict=True))
    columns = {"start_ns": times_ns(_ints(cells[0], what), what), "trades": _ints(cells[8], what)}
    columns |= {name: _floats(cells[at], what) for name, at in _FLOATS.items()}
    table = pl.DataFrame(columns)
    if is_coin_margined:
        empty = pl.lit(None, pl.Float64)
        table = table.with_columns(volume=pl.col("quote_volume"), taker_base=pl.col("taker_quote"), quote_volume=empty, taker_quote=empty)
    return _finished(table.with_columns(end_ns(pl.col("start_ns"), interval).alias("event_ns")), dataset, payload, instrument)


def odd_closes(payload: Payload, rows: pl.DataFrame, vendor: str, what: str) -> list[Finding]:
    """Bars whose stated close is not their interval's end, such as the stub before an outage. rows: those read from the answer."""
    answered = array_in(payload, what)
    if not answered or rows.is_empty():
        return []
    starts, closes = (times_ns(_ints([row[cell] for row in answered], what), what) for cell in (0, 6))
    stated = pl.DataFrame({"start_ns": starts, "closes": closes})
    # The stated close is the last millisecond, or microsecond, within the bar.
    odd = rows.join(stated, on="start_ns").filter(pl.col("closes") // NS_PER_MS != (pl.col("event_ns") - 1) // NS_PER_MS)
    return [
        Finding(vendor, name, payload.pull.dataset, start, "odd_close", f"{what}: states its close at {text(close)}, expected {text(end)}")
        for name, start, close, end in odd.select("instrument", "start_ns", "closes", "event_ns").sort("start_ns").iter_rows()
    ]


def trade_rows(payload: Payload, instrument: str, what: str) -> pl.DataFrame:
    """Trade prints of a trades or historicalTrades answer."""
    names = {
        "id": "id",
        "price": "price",
        "quantity": "qty",
        "quote_quantity": "quoteQty",
        "time": "time",
        "is_buyer_maker": "isBuyerMaker",
    }
    return _prints(payload, instrument, what, TRADES, names)


def agg_trade_rows(payload: Payload, instrument: str, what: str) -> pl.DataFrame:
    """Aggregated prints of an aggTrades answer."""
    names = {"id": "a", "price": "p", "quantity": "q", "first_id": "f", "last_id": "l", "time": "T", "is_buyer_maker": "m"}
    return _prints(payload, instrument, what, AGG_TRADES, names)


def _prints(payload: Payload, instrument: str, what: str, dataset: Dataset, names: dict[str, str]) -> pl.DataFrame:
    rows = array_in(payload, what)
    if not rows:
        return nothing(dataset)
    kinds = {column.name: column.kind for column in dataset.columns} | {"time": "int"}
    try:
        cells = {name: [row[key] for row in rows] for name, key in names.items()}
    except (KeyError, TypeError) as error:
        raise Unreadable(f"{what}: a row without {error}, expected {', '.join(names.values())}") from None
    columns = {name: _floats(values, what) if kinds[name] == "float" else _ints(values, what) for name, values in cells.items()}
    start = times_ns(columns.pop("time"), what)
    table = pl.DataFrame(columns | {"start_ns": start}).with_columns(pl.col("is_buyer_maker").cast(pl.Boolean))
    return _finished(table.with_columns(event_ns=pl.col("start_ns")), dataset, payload, instrument)


def _finished(table: pl.DataFrame, dataset: Dataset, payload: Payload, instrument: str) -> pl.DataFrame:
    order = [*dataset.keys, "start_ns"]
    return observed(table.sort(order, maintain_order=True), dataset, payload, lag_ns=LAG_NS, instrument=instrument)


def array_in(payload: Payload, what: str) -> list[Any]:
    """The JSON array of an answer; raises Unreadable for anything else, naming an error body."""
    try:
        body = json.loads(payload.content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{what}: {payload.content[:80]!r} is no JSON ({error}), expected an array") from None
    if not isinstance(body, list):
        fault = explained(what, 200, payload.content, payload.captured_ns)
        raise Unreadable(str(fault) if fault else f"{what}: {payload.content[:80]!r}, expected an array")
    return body


def _floats(values: Any, what: str) -> pl.Series:
    try:
        return pl.Series([float(value) for value in values], dtype=pl.Float64)
    except (ValueError, TypeError) as error:
        raise Unreadable(f"{what}: {error}, expected decimal numbers") from None


def _ints(values: Any, what: str) -> pl.Series:
    try:
        return pl.Series([int(value) for value in values], dtype=pl.Int64)
    except (ValueError, TypeError, OverflowError) as error:
        raise Unreadable(f"{what}: {error}, expected whole numbers") from None
