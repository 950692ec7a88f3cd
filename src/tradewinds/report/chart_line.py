"""Lines, areas and bands over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tradewinds.report.chart import HEIGHT, WIDTH, Axis, Figure, Floats, Ints, Layer, Tip, empty, figure, number_axis, share, time_axis
from tradewinds.report.thin import POINTS, kept_rows

STYLES = ("s1", "s2", "s3", "s4", "s5", "s6")


@dataclass(frozen=True, slots=True)
class Series:
    """A line: values (times,), NaN where there is none. style: a class of the style sheet; is_area: filled down to zero."""

    name: str
    values: Floats
    style: str = "s1"
    is_area: bool = False


def time_figure(
    name: str,
    title: str,
    times_ns: Ints,
    series: Sequence[Series],
    *,
    is_percent: bool = False,
    includes: Sequence[float] = (),
    bands: Sequence[tuple[int, int, str]] = (),
    height: int = HEIGHT,
    unit: str = "",
    note: str = "",
) -> Figure:
    """Lines over time. bands: (from, to, style) instants to shade. Says so where no series has a finite value."""
    if not any(np.isfinite(one.values).any() for one in series):
        return empty(name, title, note or "Nothing to draw: no finite value.")
    rows = shared_rows([one.values for one in series])
    times = times_ns[rows]
    x = time_axis(int(times[0]), int(times[-1]))
    y = number_axis(
        np.concatenate([one.values[rows] for one in series]), is_percent=is_percent, includes=includes, padding=0.0 if includes else 0.05
    )
    layers = [band(x, start, end, style, height) for start, end, style in bands]
    layers += [area(x, y, times, one.values[rows], one.style, height) for one in series if one.is_area]
    layers += [line(x, y, times, one.values[rows], one.style, height) for one in series]
    form = "p" if is_percent else "n"
    return figure(
        name, title, x, y, layers,
        height=height, unit=unit, note=note,
        legend=[(one.style, one.name) for one in series] if len(series) > 1 else (),
        tip=Tip(times, tuple((one.name, form, one.values[rows]) for one in series)),
    )  # fmt: skip


def shared_rows(values: Sequence[Floats], points: int = POINTS) -> Ints:
    """Rows that keep the extremes of every one of several lines, so that they share their places."""
    each = points // len(values)
    return np.unique(np.concatenate([kept_rows(one, each) for one in values]))


def line(x: Axis, y: Axis, places: Floats | Ints, values: Floats, style: str, height: int = HEIGHT) -> Layer:
    """A line that breaks where values are NaN; one point alone is drawn as a dot."""
    return Layer(f'<path class="line {style}" d="{path(x, y, places, values, height)}"/>')


def area(x: Axis, y: Axis, places: Floats | Ints, values: Floats, style: str, height: int = HEIGHT) -> Layer:
    """The space between values and zero (or the end of the axis nearest to it)."""
    base = (1 - float(np.clip(y.at(0.0), 0, 1))) * height
    parts = []
    for run in _runs(values):
        across, down = _pixels(x, y, places[run], values[run], height)
        inner = " ".join(f"{a:.1f} {b:.1f}" for a, b in zip(across, down, strict=True))
        parts.append(f"M{across[0]:.1f} {base:.1f}L{inner} {across[-1]:.1f} {base:.1f}Z")
    return Layer(f'<path class="area {style}" d="{"".join(parts)}"/>')


def band(x: Axis, start: float, end: float, style: str, height: int = HEIGHT) -> Layer:
    """A shaded span over the whole height."""
    low, high = (float(np.clip(x.at(at), 0, 1)) for at in (start, end))
    return Layer(fixed=f'<rect class="band {style}" x="{share(low)}" y="0" width="{share(max(high - low, 0.001))}" height="{height}"/>')


def path(x: Axis, y: Axis, places: Floats | Ints, values: Floats, height: int = HEIGHT) -> str:
    """The points as an SVG path, in tenths of a pixel of the stretched view box."""
    parts = []
    for run in _runs(values):
        across, down = _pixels(x, y, places[run], values[run], height)
        points = [f"{a:.1f} {b:.1f}" for a, b in zip(across, down, strict=True)]
        rest = " ".join(points[1:]) if len(points) > 1 else points[0]
        parts.append(f"M{points[0]}L{rest}")
    return "".join(parts)


def _pixels(x: Axis, y: Axis, places: Floats | Ints, values: Floats, height: int) -> tuple[list[float], list[float]]:
    return (x.at(places) * WIDTH).tolist(), ((1 - y.at(values)) * height).tolist()


def _runs(values: Floats) -> list[slice]:
    """Stretches of finite values."""
    finite = np.concatenate([[False], np.isfinite(values), [False]])
    edges = np.flatnonzero(finite[1:] != finite[:-1])
    return [slice(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
