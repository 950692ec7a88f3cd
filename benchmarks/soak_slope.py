"""Whether memory grows: the slope of a process's memory after its warm-up, with its error, and a verdict in a word.

1. What came before the warm-up ended is left out; the rest is cut into PARTS equal stretches of time.
2. Of each stretch the median counts, so that one large request or one collection of garbage is not a slope.
3. A straight line through the medians by least squares; its error is the standard error of the slope from their distances to it.
4. flat: even the upper end of the 95 % range stands below what is allowed, FLAT_BYTES_PER_H for most. grows: even its lower end stands
   above. Else the run was too short, or memory too restless, to tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

PARTS = 12
QUANTILE = 1.812  # Student's t, 10 degrees of freedom, one side at 95 %
FLAT_BYTES_PER_H = 2 * 2**20
COLOURS = ("#2a6fb0", "#c2541d", "#2f8f4e", "#7a4fa3", "#8a6d1b", "#555555")


@dataclass(frozen=True, slots=True)
class Slope:
    """Bytes an hour, and the standard error of that."""

    bytes_per_h: float
    error_bytes_per_h: float

    @property
    def range_bytes_per_h(self) -> tuple[float, float]:
        """Lower and upper end of its 95 % range, each side by itself."""
        width = QUANTILE * self.error_bytes_per_h
        return self.bytes_per_h - width, self.bytes_per_h + width

    def verdict(self, allowed_bytes_per_h: float = FLAT_BYTES_PER_H) -> str:
        """flat, grows, or cannot be told."""
        low, high = self.range_bytes_per_h
        return "flat" if high <= allowed_bytes_per_h else "grows" if low > allowed_bytes_per_h else "cannot be told"


def slope_of(hours: Sequence[float], sizes: Sequence[float], warm_up_h: float) -> Slope:
    """Slope of sizes (bytes) over hours since the start, after the warm-up; raises ValueError below two samples a stretch."""
    at, size = np.asarray(hours, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    kept = at >= warm_up_h
    at, size = at[kept], size[kept]
    if at.size < 2 * PARTS:
        raise ValueError(f"slope of {at.size} samples after the warm-up, expected {2 * PARTS} at least")
    edges = np.linspace(at[0], at[-1], PARTS + 1)
    part = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, PARTS - 1)
    middle = np.array([at[part == number].mean() for number in range(PARTS)])
    level = np.array([np.median(size[part == number]) for number in range(PARTS)])
    away = middle - middle.mean()
    spread = float(away @ away)
    slope = float(away @ level) / spread
    left = level - level.mean() - slope * away
    return Slope(slope, float(np.sqrt((left @ left) / (PARTS - 2) / spread)))


def picture(hours: Sequence[float], sizes: Mapping[str, Sequence[float]], warm_up_h: float) -> str:
    """An SVG: memory of each process in MB over minutes, the warm-up shaded, everything from zero so that flat looks flat."""
    top = max(max(one) for one in sizes.values()) / 2**20 * 1.08
    last = max(hours)

    def across(hour: float) -> float:
        return 60 + 700 * hour / last

    def down(mb: float) -> float:
        return 300 - 270 * mb / top

    drawn = [f'<rect x="60" y="30" width="{across(min(warm_up_h, last)) - 60:.1f}" height="270" fill="#eeeeee"/>']
    step = max(1, round(top / 5 / 50) * 50)
    for mb in range(0, int(top) + 1, step):
        drawn.append(
            f'<path d="M60 {down(mb):.1f}H760" stroke="#dddddd"/><text x="54" y="{down(mb) + 4:.1f}" text-anchor="end">{mb}</text>'
        )
    for quarter in range(5):
        hour = last * quarter / 4
        drawn.append(f'<text x="{across(hour):.1f}" y="318" text-anchor="middle">{hour * 60:.0f} min</text>')
    for number, (name, values) in enumerate(sizes.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{across(hour):.1f},{down(value / 2**20):.1f}" for hour, value in zip(hours, values, strict=True))
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        drawn.append(f'<text x="768" y="{down(values[-1] / 2**20) + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 330" font-family="sans-serif" font-size="12">'
    title = '<text x="60" y="18">Resident memory, MB; shaded: warm-up</text>'
    return "\n".join([head, '<rect width="860" height="330" fill="#ffffff"/>', title, *drawn, "</svg>", ""])
