"""A chart: SVG that fills any width. Axes and text keep their size; the data stretches.

1. An `Axis` maps values to fractions of the plot and carries its marks.
2. A `Layer` holds what is drawn: `stretched` in a view box of 1000 by the height in pixels, `fixed` placed by percent of the width.
3. `figure` puts layers, axes, title and legend together; `Tip` embeds the values that the page's script shows under the pointer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.instant import NS_PER_SECOND
from tradewinds.report.number import short, significant
from tradewinds.report.tick import Tick, number_ticks, rounded_range, time_ticks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WIDTH = 1000.0  # of the stretched view box
HEIGHT = 220


@dataclass(frozen=True, slots=True)
class Figure:
    """One picture of a page: `html` needs the page's style sheet (`report.page`) around it. A notebook shows it by itself."""

    name: str
    title: str
    html: str

    def _repr_html_(self) -> str:
        from tradewinds.report.page import framed

        return framed(self.title, self.html, height=380)


@dataclass(frozen=True, slots=True)
class Axis:
    """From values to fractions of the plot: `low` at 0, `high` at 1. `is_time`: values are instants in nanoseconds."""

    low: float
    high: float
    ticks: tuple[Tick, ...] = ()
    is_time: bool = False

    def at(self, values: Floats | Ints | Sequence[float] | float) -> Floats:
        """Fractions, not clipped; 0.5 where the axis has no width."""
        given = np.asarray(values, dtype=np.float64)
        if self.high == self.low:
            return np.full(given.shape, 0.5)
        return (given - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Layer:
    """Something drawn: SVG in the stretched view box, and SVG placed by percent of the width and pixels of the height."""

    stretched: str = ""
    fixed: str = ""


@dataclass(frozen=True, slots=True)
class Tip:
    """Values for the pointer: x (instants in ns, or numbers), and series of (name, format, values). Formats: n number, p percent.

    labels: what to print instead of x, where that is only a place.
    """

    x: Floats | Ints
    series: tuple[tuple[str, str, Floats], ...]
    labels: tuple[str, ...] = ()


def time_axis(low_ns: int, high_ns: int, marks: int = 8) -> Axis:
    """An axis of instants, its ends as given."""
    return Axis(float(low_ns), float(high_ns), tuple(time_ticks(low_ns, high_ns, marks)), is_time=True)


def number_axis(
    values: Floats,
    *,
    is_percent: bool = False,
    includes: Sequence[float] = (),
    marks: int = 5,
    is_tight: bool = False,
    padding: float = 0.0,
) -> Axis:
    """An axis that holds all finite values and those of `includes`, widened to round numbers unless it is tight.

    padding: instead of that, widened by this fraction of its width at both ends.
    """
    finite = values[np.isfinite(values)]
    every = [*includes, *((float(finite.min()), float(finite.max())) if len(finite) else ())] or [0.0, 1.0]
    low, high = min(every), max(every)
    if low == high or not (is_tight or padding):
        low, high = rounded_range(low, high, marks)
    low, high = low - padding * (high - low), high + padding * (high - low)
    return Axis(low, high, tuple((at, axis_label(at, is_percent=is_percent)) for at in number_ticks(low, high, marks)))


def axis_label(value: float, *, is_percent: bool = False) -> str:
    """The text of a mark."""
    return significant(value * 100, 4) + "%" if is_percent else short(value)


def figure(
    name: str,
    title: str,
    x: Axis,
    y: Axis,
    layers: Sequence[Layer],
    *,
    height: int = HEIGHT,
    unit: str = "",
    legend: Sequence[tuple[str, str]] = (),
    note: str = "",
    tip: Tip | None = None,
) -> Figure:
    """The picture as HTML. legend: (style class, text). Every text is escaped here."""
    data = f' data-tip="{escape(_tip_text(tip, x))}"' if tip is not None else ""
    stretched = "".join(layer.stretched for layer in layers)
    return titled(
        name,
        title,
        f'<div class="plot"{data}><svg width="100%" height="{height}" role="img" aria-label="{escape(title)}">'
        f"{_grid(x, y, height)}"
        f'<svg class="data" viewBox="0 0 1000 {height}" preserveAspectRatio="none" width="100%" height="{height}">{stretched}</svg>'
        f"{''.join(layer.fixed for layer in layers)}</svg></div>",
        unit=unit,
        legend=legend,
        note=note,
    )


def titled(name: str, title: str, content: str, *, unit: str = "", legend: Sequence[tuple[str, str]] = (), note: str = "") -> Figure:
    """Content with a title line, and a note below."""
    keys = "".join(f'<span class="key"><i class="{style}"></i>{escape(text)}</span>' for style, text in legend)
    unit_text = f" <small>{escape(unit)}</small>" if unit else ""
    below = f'<p class="note">{escape(note)}</p>' if note else ""
    head = f"<figcaption><b>{escape(title)}</b>{unit_text}{keys}</figcaption>"
    return Figure(name, title, f'<figure id="figure-{escape(name)}">{head}{content}{below}</figure>')


def empty(name: str, title: str, reason: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    return titled(name, title, f'<p class="empty">{escape(reason)}</p>')


def share(fraction: float) -> str:
    """A fraction as an SVG percentage."""
    return f"{fraction * 100:.2f}%"


def _grid(x: Axis, y: Axis, height: int) -> str:
    parts = []
    for value, label in y.ticks:
        at = (1 - float(y.at(value))) * height
        style = "zero" if value == 0 else "grid"
        parts.append(f'<line class="{style}" x1="0" x2="100%" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text class="y" x="-7" y="{at + 4:.1f}">{escape(label)}</text>')
    for number, (value, label) in enumerate(x.ticks):
        place = float(x.at(value))
        style = "x alt" if number % 2 else "x"
        parts.append(f'<line class="mark" x1="{share(place)}" x2="{share(place)}" y1="{height}" y2="{height + 4}"/>')
        parts.append(f'<text class="{style}{_edge(place)}" x="{share(place)}" y="{height + 17}">{escape(label)}</text>')
    return "".join(parts)


def _edge(place: float) -> str:
    """Labels at the ends stay within the plot."""
    return " first" if place < 0.02 else " last" if place > 0.98 else ""


def _tip_text(tip: Tip, x: Axis) -> str:
    scale = NS_PER_SECOND if x.is_time else 1
    places = [round(float(value) / scale) if x.is_time else float(value) for value in tip.x]
    series = [{"n": name, "f": form, "y": [_shortest(float(value)) for value in values]} for name, form, values in tip.series]
    record = {"t": int(x.is_time), "lo": x.low / scale, "hi": x.high / scale, "x": _differences(places), "s": series}
    if tip.labels:
        record["l"] = list(tip.labels)
    return json.dumps(record, separators=(",", ":"), allow_nan=False)


def _differences(values: list[float]) -> list[float]:
    """The first value, then the steps: shorter to write."""
    return values[:1] + [later - earlier for earlier, later in pairwise(values)]


def _shortest(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.7g}")
    return int(rounded) if rounded.is_integer() else rounded
