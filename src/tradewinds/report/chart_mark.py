"""Bars, histograms, dots, candles and grids of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from tradewinds.report.chart import HEIGHT, WIDTH, Axis, Figure, Floats, Layer, axis_label, empty, figure, number_axis, share, titled
from tradewinds.report.number import ABSENT, count, decimal, percent

BINS = 41
DOT = 3.2  # pixels


def bar_figure(
    name: str,
    title: str,
    labels: Sequence[str],
    values: Floats,
    *,
    is_percent: bool = False,
    style: str = "",
    unit: str = "",
    note: str = "",
) -> Figure:
    """One upright bar for each label, up or down from zero, coloured by sign unless a style is given."""
    if not len(values):
        return empty(name, title, note or "Nothing to draw: no values.")
    number = len(values)
    every = max(1, -(-number // 12))
    x = Axis(0, number, tuple((k + 0.5, labels[k]) for k in range(0, number, every)))
    y = number_axis(values, is_percent=is_percent, includes=(0.0,))
    bars = [
        bar(x, y, k + 0.18, k + 0.82, float(value), f"{labels[k]}: {_value(float(value), is_percent=is_percent)}", style)
        for k, value in enumerate(values)
        if np.isfinite(value) and value != 0
    ]
    return figure(name, title, x, y, bars, unit=unit, note=note)


def row_figure(
    name: str, title: str, labels: Sequence[str], values: Floats, texts: Sequence[str], *, unit: str = "", note: str = ""
) -> Figure:
    """Lying bars with their label before and their text behind: for names too long for an axis."""
    if not len(values):
        return empty(name, title, note or "Nothing to draw: no values.")
    largest = float(np.nanmax(np.abs(values))) or 1.0
    rows = [
        f'<div class="row"><span>{escape(label)}</span><span class="track"><i class="{"up" if value >= 0 else "down"}" '
        f'style="width:{abs(value) / largest * 100:.1f}%"></i></span><span>{escape(text)}</span></div>'
        for label, value, text in zip(labels, np.nan_to_num(values).tolist(), texts, strict=True)
    ]
    return titled(name, title, f'<div class="rows">{"".join(rows)}</div>', unit=unit, note=note)


def bar(x: Axis, y: Axis, start: float, end: float, value: float, tip: str, style: str = "", height: int = HEIGHT) -> Layer:
    """A bar from zero to `value` between two places."""
    zero, top = ((1 - float(y.at(at))) * height for at in (0.0, value))
    low, high = float(x.at(start)), float(x.at(end))
    chosen = style or ("up" if value >= 0 else "down")
    box = f'x="{share(low)}" width="{share(high - low)}" y="{min(zero, top):.1f}" height="{max(abs(top - zero), 0.6):.1f}"'
    return Layer(fixed=f'<rect class="bar {chosen}" {box} data-t="{escape(tip)}"/>')


def histogram(
    name: str,
    title: str,
    values: Floats,
    *,
    lines: Sequence[tuple[float, str]] = (),
    is_percent: bool = False,
    unit: str = "",
    note: str = "",
    bins: int = BINS,
) -> Figure:
    """How often values fall where. lines: (value, label) upright marks. The outermost bins hold what lies beyond 4 spreads."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return empty(name, title, note or "Nothing to draw: no finite value.")
    low, high = _span(finite, [at for at, _ in lines])
    edges = np.linspace(low, high, min(bins, max(5, len(finite))) + 1)
    counts = np.histogram(np.clip(finite, low, high), edges)[0]
    x = number_axis(edges, is_percent=is_percent, marks=7, is_tight=True)
    y = number_axis(counts.astype(np.float64), includes=(0.0,))
    drawn = [
        bar(x, y, edges[k], edges[k + 1], float(counts[k]), _bin_text(edges, counts, k, is_percent), _side(edges[k], edges[k + 1]))
        for k in np.flatnonzero(counts).tolist()
    ]
    drawn += [upright(x, at, label, line=k) for k, (at, label) in enumerate(lines) if np.isfinite(at)]
    return figure(name, title, x, y, drawn, unit=unit, note=note)


def upright(x: Axis, at: float, label: str, *, line: int = 0, height: int = HEIGHT) -> Layer:
    """An upright line with its name, which stands in the given line of text so that names do not cover each other."""
    place = float(x.at(at))
    side = "last" if place > 0.6 else "first"
    inset = "-0.45em" if side == "last" else "0.45em"
    return Layer(
        fixed=f'<line class="upright" x1="{share(place)}" x2="{share(place)}" y1="0" y2="{height}"/>'
        f'<text class="label {side}" x="{share(place)}" dx="{inset}" y="{11 + 14 * line}">{escape(label)}</text>'
    )


def scatter(x: Axis, y: Axis, places: Floats, values: Floats, styles: Sequence[str], tips: Sequence[str], height: int = HEIGHT) -> Layer:
    """Dots, each with its tip."""
    across, down = x.at(places), (1 - y.at(values)) * height
    dots = [
        f'<circle class="dot {style}" cx="{share(a)}" cy="{b:.1f}" r="{DOT}" data-t="{escape(tip)}"/>'
        for a, b, style, tip in zip(across.tolist(), down.tolist(), styles, tips, strict=True)
        if np.isfinite(a) and np.isfinite(b)
    ]
    return Layer(fixed="".join(dots))


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Prices of consecutive bars, all (bars,); drawn at places 0.5, 1.5, ..."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats


def candles(x: Axis, y: Axis, bars: Candles, height: int = HEIGHT) -> Layer:
    """Wicks and bodies, two paths each: up and down. Bars without prices leave a gap."""
    there = np.isfinite(bars.open) & np.isfinite(bars.high) & np.isfinite(bars.low) & np.isfinite(bars.close)
    rises = bars.close >= bars.open
    wide = float(x.at(0.7) - x.at(0.0)) * WIDTH
    middle = x.at(np.arange(0.5, len(bars.open), dtype=np.float64)) * WIDTH
    top, bottom = ((1 - y.at(values)) * height for values in (bars.high, bars.low))
    head, foot = ((1 - y.at(pick(bars.open, bars.close))) * height for pick in (np.maximum, np.minimum))
    parts = []
    for style, chosen in (("up", there & rises), ("down", there & ~rises)):
        at = np.flatnonzero(chosen)
        wicks = "".join(f"M{middle[k]:.1f} {top[k]:.1f}V{bottom[k]:.1f}" for k in at)
        bodies = "".join(f"M{middle[k] - wide / 2:.1f} {head[k]:.1f}h{wide:.1f}v{max(foot[k] - head[k], 0.8):.1f}h{-wide:.1f}z" for k in at)
        parts.append(f'<path class="wick {style}" d="{wicks}"/><path class="body {style}" d="{bodies}"/>')
    return Layer("".join(parts))


def arrow(x: Axis, y: Axis, place: float, value: float, style: str, tip: str, *, is_up: bool, height: int = HEIGHT) -> Layer:
    """A small triangle whose tip touches the value: from below for a purchase, from above for a sale."""
    shape = "M0 3l6 10h-12z" if is_up else "M0 -3l6 -10h-12z"
    down = (1 - float(y.at(value))) * height
    return Layer(
        fixed=f'<svg x="{share(float(x.at(place)))}" y="{down:.1f}" overflow="visible">'
        f'<path class="arrow {style}" d="{shape}" data-t="{escape(tip)}"/></svg>'
    )


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Cells (rows, columns), NaN where empty, with their labels; `middle` is the value without colour, `reach` that of full colour."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Floats
    middle: float = 0.0
    reach: float | None = None


def heat_figure(
    name: str,
    title: str,
    grid: Grid,
    *,
    is_percent: bool = False,
    decimals: int = 1,
    is_last_apart: bool = False,
    corner: str = "",
    unit: str = "",
    note: str = "",
) -> Figure:
    """A table of coloured cells that print their numbers. is_last_apart: the last column is a sum and stands apart."""
    finite = np.abs(grid.values[np.isfinite(grid.values)] - grid.middle)
    if not len(finite):
        return empty(name, title, note or "Nothing to draw: no finite value.")
    reach = grid.reach or float(np.quantile(finite, 0.95)) or 1.0
    heads = "".join(f'<th scope="col">{escape(label)}</th>' for label in grid.columns)
    lines = []
    for label, values in zip(grid.rows, grid.values.tolist(), strict=True):
        cells = "".join(
            _cell(value, grid.middle, reach, is_percent=is_percent, decimals=decimals, is_apart=is_last_apart and k == len(values) - 1)
            for k, value in enumerate(values)
        )
        lines.append(f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>')
    body = f"<thead><tr><th>{escape(corner)}</th>{heads}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return titled(name, title, f'<div class="wide"><table class="heat">{body}</table></div>', unit=unit, note=note)


def _cell(value: float, middle: float, reach: float, *, is_percent: bool, decimals: int, is_apart: bool) -> str:
    style = ' class="apart"' if is_apart else ""
    if not np.isfinite(value):
        return f"<td{style}></td>"
    depth = min(abs(value - middle) / reach, 1.0)
    colour = "up" if value >= middle else "down"
    shown = decimal(value * 100 if is_percent else value, decimals)
    return f'<td{style} style="--c:var(--{colour});--d:{round(8 + depth * 62) if value != middle else 0}%">{shown}</td>'


def _span(values: Floats, also: Sequence[float]) -> tuple[float, float]:
    """The range to draw: at most 4 standard deviations around the mean, and what must be seen."""
    middle, spread = float(values.mean()), float(values.std())
    low, high = float(values.min()), float(values.max())
    if spread > 0:
        low, high = max(low, middle - 4 * spread), min(high, middle + 4 * spread)
    for at in also:
        if np.isfinite(at):
            low, high = min(low, at), max(high, at)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        room = abs(low) * 0.01 or 1e-6
        low, high = low - room, high + room
    return low, high


def _side(low: float, high: float) -> str:
    """The colour of a bin: of gains, of losses, or of neither where zero lies inside."""
    return "up" if low >= 0 else "down" if high <= 0 else "flat"


def _bin_text(edges: Floats, counts: Floats, k: int, is_percent: bool) -> str:
    low, high = (axis_label(float(f"{edges[at]:.3g}"), is_percent=is_percent) for at in (k, k + 1))
    return f"{low} to {high}: {count(float(counts[k]))}"


def _value(value: float, *, is_percent: bool) -> str:
    return percent(value) if is_percent else axis_label(value) if np.isfinite(value) else ABSENT
