"""Bars by HTTP, fast: `GET /api/v1/bars`.

1. A response that was made before is sent again while the table's partitions have the versions that it was made of (looked at every
   STAMP_FOR_S). Where time alone may change it (something becomes known later, it is adjusted by actions), for FRESH_FOR_S.
2. Otherwise rows are cut from columns of a partition that are kept in memory under the same conditions, and encoded by orjson.
3. Otherwise the lake is read, in a thread.

Parameters are read here and not by FastAPI, whose checking costs more than the answer; the OpenAPI document describes them all the same.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from tradewinds.app.api.answer import ARROW, JSON, arrow_stream, columns_of, series_json
from tradewinds.app.api.arguments import LIMIT_MAX, cursor_of, instant, number_of, parts_of
from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import text
from tradewinds.core.market import Interval
from tradewinds.core.market import bars as bars_of
from tradewinds.core.observation import Table
from tradewinds.stores.lake import FileLake
from tradewinds.wiring.desk import market

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.wiring.house import House

STAMP_FOR_S = 0.25
FRESH_FOR_S = 1.0
RESPONSES_BYTES_MAX = 64 * 2**20
FRAMES_BYTES_MAX = 256 * 2**20
ROWS_MAX = 10_000
FIELDS = ("open", "high", "low", "close", "volume")
NAMES = ("instrument", "interval", "start", "end", "as_of", "adjusted", "columns", "limit", "cursor", "format")

Stamp = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for. is_last: the last rows, where no start is named."""

    instrument: str
    table: Table
    start_ns: int | None
    end_ns: int | None
    as_of_ns: int | None
    adjusted: str | None
    columns: tuple[str, ...]
    limit: int
    is_arrow: bool

    @property
    def is_last(self) -> bool:
        return self.start_ns is None


class Kept:
    """What was made, by key, the least used forgotten beyond some bytes. Each under a stamp and until a time."""

    def __init__(self, bytes_max: int, clock_s: Callable[[], float]) -> None:
        self._bytes_max = bytes_max
        self._clock_s = clock_s
        self._kept: OrderedDict[Any, tuple[Any, Stamp, float, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Any, stamp: Stamp) -> Any:
        """None for what was never made, or of another version, or too long ago."""
        found = self._kept.get(key)
        if found is None:
            return None
        if (found[1] is not stamp and found[1] != stamp) or self._clock_s() >= found[2]:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: Any, value: Any, stamp: Stamp, size: int, for_s: float) -> None:
        """Keep it, unless it alone is a quarter of everything."""
        if key in self._kept:
            self._drop(key)
        if size > self._bytes_max // 4:
            return
        self._kept[key] = (value, stamp, self._clock_s() + for_s, size)
        self._bytes += size
        while self._bytes > self._bytes_max:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Any) -> None:
        self._bytes -= self._kept.pop(key)[3]


class BarSeries:
    """Answers requests for bars of a house. is_cached: whether whole responses are kept (a benchmark measures without)."""

    def __init__(self, house: House, *, is_cached: bool = True, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._house = house
        self._clock_s = clock_s
        self._is_cached = is_cached
        self._responses = Kept(RESPONSES_BYTES_MAX, clock_s)
        self._frames = Kept(FRAMES_BYTES_MAX, clock_s)
        self._stamps: dict[str, tuple[Stamp, float]] = {}
        self._looking: dict[str, asyncio.Task[Stamp]] = {}
        self._reading: dict[Any, asyncio.Task[Piece]] = {}

    async def __call__(self, request: Request) -> Response:
        """The answer; raises Rejected for wrong parameters, Missing where nothing was known."""
        is_arrow = ARROW in request.headers.get("accept", "")
        query = request.scope["query_string"]
        asked = self._asked_before(query, is_arrow) or asked_of(query, is_arrow=is_arrow)
        stamp = await self._stamp(asked.table)
        key = (query, is_arrow)
        found = self._responses.get(key, stamp) if self._is_cached else None
        if found is None:
            pieces = await self._pieces(asked, stamp)
            found = (encoded(asked, *_cut(pieces, asked)), asked)
            self._responses.put(key, found, stamp, len(found[0]) + 500, min((piece.for_s for piece, _, _ in pieces), default=0.0))
        return Response(found[0], 200, None, ARROW if is_arrow else JSON)

    def _asked_before(self, query: bytes, is_arrow: bool) -> Asked | None:
        kept = self._responses._kept.get((query, is_arrow))
        return None if kept is None else kept[0][1]

    async def _stamp(self, table: Table) -> Stamp:
        """Partitions and their versions, at most STAMP_FOR_S old; however many ask, one looks."""
        known = self._stamps.get(table.name)
        if known is not None and self._clock_s() < known[1]:
            return known[0]
        task = self._looking.get(table.name)
        if task is None:
            task = self._looking[table.name] = asyncio.create_task(asyncio.to_thread(self._looked, table))
            task.add_done_callback(lambda _: self._looking.pop(table.name, None))
        found = await asyncio.shield(task)
        if known is not None and known[0] == found:
            found = known[0]  # the same object, which compares at once
        self._stamps[table.name] = (found, self._clock_s() + STAMP_FOR_S)
        return found

    def _looked(self, table: Table) -> Stamp:
        lake = self._house.lake
        return tuple((name, lake.version(table, name)) for name in lake.partitions(table))

    async def _pieces(self, asked: Asked, stamp: Stamp) -> list[tuple[Piece, int, int]]:
        """Pieces and the rows of each that are meant, from as many partitions as it takes, in order of time."""
        pieces: list[tuple[Piece, int, int]] = []
        have = 0
        for part in _parts(asked, stamp):
            piece = await self._piece(asked, part, stamp)
            low, high = piece.span(asked)
            pieces.append((piece, low, high))
            have += high - low
            if have > asked.limit:
                break
        return pieces[::-1] if asked.is_last else pieces

    async def _piece(self, asked: Asked, part: str | None, stamp: Stamp) -> Piece:
        """One partition's rows, from memory or read in a thread; however many ask, one reads."""
        key = (asked.table.name, asked.instrument, asked.as_of_ns, asked.adjusted, asked.columns, part)
        found: Piece | None = self._frames.get(key, stamp)
        if found is not None:
            return found
        task = self._reading.get((key, stamp))
        if task is None:
            task = self._reading[key, stamp] = asyncio.create_task(asyncio.to_thread(self._read, asked, part))
            task.add_done_callback(lambda _: self._reading.pop((key, stamp), None))
        found = await asyncio.shield(task)
        self._frames.put(key, found, stamp, found.size, found.for_s)
        return found

    def _read(self, asked: Asked, part: str | None) -> Piece:
        start_ns, end_ns = (None, None) if part is None else span_of(part)
        lake = self._house.lake
        known_ns = asked.as_of_ns
        latest_ns = lake.known_max_ns(asked.table, asked.instrument, part) if isinstance(lake, FileLake) else None
        is_settled = known_ns is not None or latest_ns is None or latest_ns <= self._house.clock.now_ns()
        frame = market.rows(
            self._house, asked.table, instruments=[asked.instrument], start_ns=start_ns, end_ns=end_ns, as_of_ns=known_ns,
            columns=asked.columns, adjusted=asked.adjusted,
        )  # fmt: skip
        frame = frame.select("start_ns", *(name for name in asked.columns if name != "start_ns")).rechunk()
        for_s = float("inf") if is_settled and asked.adjusted is None else FRESH_FOR_S
        return Piece(frame, columns_of(frame), frame["start_ns"].to_numpy(), for_s)


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one instrument in one partition, as a frame and as columns for JSON. for_s: how long they are good under one stamp."""

    frame: pl.DataFrame
    columns: Mapping[str, Any]
    start_ns: Any
    for_s: float

    @property
    def size(self) -> int:
        return int(self.frame.estimated_size()) * 3 + 2_000

    def span(self, asked: Asked) -> tuple[int, int]:
        """The rows that start within what was asked; at most one more than are wanted."""
        low = 0 if asked.start_ns is None else int(np.searchsorted(self.start_ns, asked.start_ns))
        high = len(self.start_ns) if asked.end_ns is None else int(np.searchsorted(self.start_ns, asked.end_ns))
        wanted = asked.limit + 1
        return (max(low, high - wanted), high) if asked.is_last else (low, min(max(low, high), low + wanted))


def asked_of(query: bytes, *, is_arrow: bool) -> Asked:
    """Read the parameters; raises Rejected naming the one that is wrong."""
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=40))
    unknown = sorted(set(given) - set(NAMES))
    if unknown:
        raise Rejected(f"bars: parameter {unknown[0][:40]!r}, expected of {', '.join(NAMES)}")
    instrument = given.get("instrument", "")
    if not 0 < len(instrument) <= 100:
        raise Rejected(f"bars: instrument {instrument[:100]!r}, expected one such as BTCUSDT.BINANCE")
    dataset = bars_of(Interval(given.get("interval", "1d")))
    start_ns, end_ns, as_of_ns = (instant(given.get(name), name) for name in ("start", "end", "as_of"))
    if "cursor" in given:
        start, as_of = parts_of(given["cursor"], 2)
        start_ns = number_of(start)
        as_of_ns = number_of(as_of) if as_of else as_of_ns
    names = {column.name for column in dataset.columns} | {"known_ns", "event_ns", "vendor", "status", "reason", "source"}
    chosen = tuple(_column(one) for one in given["columns"].split(",")) if "columns" in given else FIELDS
    wrong = [name for name in chosen if name not in names]
    if wrong:
        raise Rejected(f"columns: {wrong[0][:40]!r}, expected of {', '.join(sorted(names))}")
    limit = given.get("limit", str(LIMIT_MAX))
    if not limit.isascii() or not limit.isdigit() or len(limit) > 6 or not 1 <= int(limit) <= ROWS_MAX:
        raise Rejected(f"limit: {limit[:20]!r}, expected 1 to {ROWS_MAX}")
    if given.get("format", "json") not in ("json", "arrow"):
        raise Rejected(f"format: {given['format'][:20]!r}, expected json or arrow")
    return Asked(
        instrument, Table(dataset), start_ns, end_ns, as_of_ns, given.get("adjusted"), tuple(dict.fromkeys(chosen)), int(limit),
        is_arrow or given.get("format") == "arrow",
    )  # fmt: skip


def encoded(asked: Asked, found: Any, rows: int, has_more: bool) -> bytes:
    """The body of an answer; raises Missing without a row."""
    if rows == 0:
        raise Missing(f"bars of {asked.instrument}: no {asked.table.dataset.name} of that span known then, expected some")
    if asked.is_arrow:
        return arrow_stream(found)
    after = None
    if has_more and not asked.is_last:
        after = cursor_of(int(found["start_us"][-1]) * 1_000 + 1, "" if asked.as_of_ns is None else asked.as_of_ns)
    facts = {
        "instrument": asked.instrument, "table": asked.table.name, "as_of": None if asked.as_of_ns is None else text(asked.as_of_ns),
        "adjusted": asked.adjusted, "rows": rows,
    }  # fmt: skip
    return series_json(facts, found, after)


def span_of(part: str) -> tuple[int, int]:
    """[start, end) of a partition's name, 2024 or 2024-01, in nanoseconds."""
    from datetime import date

    from tradewinds.core.instant import from_date

    year, _, month = part.partition("-")
    first = date(int(year), int(month or 1), 1)
    last = date(first.year + 1, 1, 1) if not month or first.month == 12 else date(first.year, first.month + 1, 1)
    return from_date(first), from_date(last)


def _parts(asked: Asked, stamp: Stamp) -> Sequence[str | None]:
    """The partitions to look into, in the order in which rows are wanted; adjusted rows depend on all of them."""
    if asked.adjusted is not None:
        return (None,)
    names = [name for name, _ in stamp]
    of = asked.table.dataset.partition_of
    if asked.start_ns is not None:
        names = names[bisect_left(names, of(asked.start_ns)) :]
    if asked.end_ns is not None:
        last = of(asked.end_ns - 1)
        names = [name for name in names if name <= last]
    return names[::-1] if asked.is_last else names


def _cut(pieces: list[tuple[Piece, int, int]], asked: Asked) -> tuple[Any, int, bool]:
    """The first (or last) rows up to the limit, as a frame for Arrow or columns for JSON."""
    have = sum(high - low for _, low, high in pieces)
    more = max(0, have - asked.limit)
    chosen = [one for one in pieces if one[2] > one[1]]
    while more:
        at = 0 if asked.is_last else len(chosen) - 1
        piece, low, high = chosen[at]
        off = min(more, high - low)
        chosen[at] = (piece, low + off, high) if asked.is_last else (piece, low, high - off)
        more -= off
        chosen = [one for one in chosen if one[2] > one[1]]
    rows = min(have, asked.limit)
    if not chosen:
        return {}, 0, False
    if asked.is_arrow:
        import polars as pl

        return pl.concat([piece.frame.slice(low, high - low) for piece, low, high in chosen]), rows, have > asked.limit
    if len(chosen) == 1:
        piece, low, high = chosen[0]
        return {name: values[low:high] for name, values in piece.columns.items()}, rows, have > asked.limit
    return (
        {name: _joined([piece.columns[name][low:high] for piece, low, high in chosen]) for name in chosen[0][0].columns},
        rows,
        have > asked.limit,
    )


def _joined(parts: list[Any]) -> Any:
    if all(isinstance(one, np.ndarray) for one in parts):
        return np.concatenate(parts)
    return [value for one in parts for value in (one.tolist() if isinstance(one, np.ndarray) else one)]


def _column(name: str) -> str:
    """`known_us` of an answer is the column known_ns."""
    return f"{name.strip().removesuffix('_us')}_ns" if name.strip().endswith("_us") else name.strip()
