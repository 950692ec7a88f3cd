"""Trades on candles: chosen round trips with the bars around them, and the whole period in coarser bars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.instant import NS_PER_DAY
from tradewinds.performance.track_record import FillLog, TrackRecord
from tradewinds.report.chart import Axis, Figure, Layer, Tip, figure, number_axis
from tradewinds.report.chart_line import band
from tradewinds.report.chart_mark import Candles, arrow, candles
from tradewinds.report.number import count, moment, money, percent, significant
from tradewinds.report.thin import group_edges
from tradewinds.report.tick import time_ticks
from tradewinds.simulation.market import Market

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CANDLES = 140
ARROWS_MAX = 90
AROUND_MIN = 15  # bars shown before and after a round trip
HEIGHT = 300


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Bars of one instrument joined to at most `CANDLES` candles: edges (candles + 1,) are rows of the market."""

    column: int
    edges: Ints
    bars: Candles


def trip_figures(market: Market, record: TrackRecord, trips: NDArray[np.void]) -> list[Figure]:
    """The best, worst, longest, first and last round trip, and the whole period of the most traded instrument."""
    figures: list[Figure] = []
    seen: set[int] = set()
    for label, at in _picked(trips):
        if at in seen:
            continue
        seen.add(at)
        trip = trips[at]
        around = max(AROUND_MIN, int(trip["bars"]) // 2)
        low, high = max(0, int(trip["entry_row"]) - around), min(record.last_row, int(trip["exit_row"]) + around + 1)
        side = "Long" if trip["side"] > 0 else "Short"
        name = market.ids[int(trip["instrument"])]
        title = f"{label}: {side.lower()} {name}, {money(float(trip['net']), record.currency, is_signed=True)}"
        note = (
            f"{side} {significant(float(trip['quantity']))} from {significant(float(trip['entry_price']))} to "
            f"{significant(float(trip['exit_price']))}, {percent(float(trip['fraction']), is_signed=True)} after commission."
        )
        span = (int(trip["entry_row"]), int(trip["exit_row"]))
        window = window_of(market, int(trip["instrument"]), low, high)
        figures.append(window_figure(f"trades-{len(figures)}", title, market, record, window, span=span, note=note))
    column = _most_traded(record)
    window = window_of(market, column, record.first_row, record.last_row)
    figures.append(window_figure(f"trades-{len(figures)}", f"Whole period: {market.ids[column]}", market, record, window))
    return figures


def window_of(market: Market, column: int, low: int, high: int) -> Window:
    """Rows [low, high) of one instrument, joined where there are too many."""
    edges = low + group_edges(high - low, CANDLES)
    starts = edges[:-1] - low
    part = slice(low, high)
    opens, closes = market.open[part, column], market.close[part, column]
    highs = np.fmax.reduceat(market.high[part, column], starts)
    lows = np.fmin.reduceat(market.low[part, column], starts)
    rows = np.arange(len(opens))
    first = np.minimum.reduceat(np.where(np.isnan(opens), len(rows), rows), starts)
    last = np.maximum.reduceat(np.where(np.isnan(closes), -1, rows), starts)
    opened = np.where(first == len(rows), np.nan, opens[np.minimum(first, len(rows) - 1)])
    bars = Candles(opened, highs, lows, np.where(last < 0, np.nan, closes[last]))
    return Window(column, edges, bars)


def window_figure(
    name: str, title: str, market: Market, record: TrackRecord, window: Window, *, span: tuple[int, int] | None = None, note: str = ""
) -> Figure:
    """Candles of a window with the fills in it. span: (entry row, exit row) to shade."""
    bars, edges = window.bars, window.edges
    number = len(edges) - 1
    starts = market.start_ns[edges[:-1]]
    x = Axis(0, number, _marks(starts, int(market.end_ns[edges[-1] - 1])))
    y = number_axis(np.concatenate([bars.low, bars.high]), padding=0.06)
    layers: list[Layer] = []
    if span is not None:
        entry, leave = (float(np.searchsorted(edges, row, "right")) - 0.5 for row in span)
        layers.append(band(x, entry, leave, "held", HEIGHT))
    layers.append(candles(x, y, bars, HEIGHT))
    arrows = _arrows(x, y, market, record.fills, window)
    if len(arrows) <= ARROWS_MAX:
        layers += arrows
    else:
        note = f"{note} Too many fills to mark each.".strip()
    step = int(np.diff(edges).max())
    if step > 1:
        note = f"{note} Each candle joins {count(step)} bars.".strip()
    series = tuple((label, "n", getattr(bars, label)) for label in ("open", "high", "low", "close"))
    labels = tuple(moment(int(at)) for at in starts)
    currency = market.instruments[window.column].currency
    legend = [("buy", "bought"), ("sell", "sold")] if 0 < len(arrows) <= ARROWS_MAX else []
    return figure(
        name,
        title,
        x,
        y,
        layers,
        height=HEIGHT,
        unit=currency,
        legend=legend,
        note=note,
        tip=Tip(np.arange(0.5, number, dtype=np.float64), series, labels),
    )


def _arrows(x: Axis, y: Axis, market: Market, fills: FillLog, window: Window) -> list[Layer]:
    """One arrow for what was bought and one for what was sold within each candle, below and above it; its tip tells the average price."""
    inside = (fills.instrument == window.column) & (fills.row >= window.edges[0]) & (fills.row < window.edges[-1]) & (fills.quantity != 0)
    place = np.searchsorted(window.edges, fills.row[inside], "right") - 1
    quantity, price = fills.quantity[inside], fills.price[inside]
    layers = []
    for is_buy in (True, False):
        chosen = (quantity > 0) == is_buy
        total = np.bincount(place[chosen], np.abs(quantity[chosen]), len(window.edges) - 1)
        worth = np.bincount(place[chosen], np.abs(quantity[chosen]) * price[chosen], len(window.edges) - 1)
        for at in np.flatnonzero(total).tolist():
            paid = float(worth[at] / total[at])
            word = "bought" if is_buy else "sold"
            when = moment(int(market.start_ns[window.edges[at]]))
            tip = f"{when}\n{word} {significant(float(total[at]))} at {significant(paid)}"
            edge = window.bars.low[at] if is_buy else window.bars.high[at]
            where = float(edge) if np.isfinite(edge) else paid
            layers.append(arrow(x, y, at + 0.5, where, "buy" if is_buy else "sell", tip, is_up=is_buy, height=HEIGHT))
    return layers


def _marks(starts: Ints, end_ns: int) -> tuple[tuple[float, str], ...]:
    """Marks of time at the candles in which they fall."""
    marks: dict[int, str] = {}
    asked = 8 if end_ns - int(starts[0]) >= NS_PER_DAY else 6
    for instant, label in time_ticks(int(starts[0]), int(starts[-1]), asked):
        marks.setdefault(int(np.searchsorted(starts, instant)), label)
    return tuple((place + 0.5, label) for place, label in marks.items())


def _picked(trips: NDArray[np.void]) -> list[tuple[str, int]]:
    """What to show, by name; ties go to the earlier one."""
    usable = np.flatnonzero(np.isfinite(trips["net"]))
    if not len(usable):
        return []
    net = trips["net"][usable]
    return [
        ("Best", int(usable[np.argmax(net)])),
        ("Worst", int(usable[np.argmin(net)])),
        ("Longest", int(usable[np.argmax(trips["bars"][usable])])),
        ("First", int(usable[0])),
        ("Last", int(usable[-1])),
    ]


def _most_traded(record: TrackRecord) -> int:
    return int(np.argmax(np.bincount(record.fills.instrument, minlength=len(record.instruments))))
