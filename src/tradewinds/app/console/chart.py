"""Charts as ECharts draws them: options only, from plain columns. Colours suit light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from nicegui import ui

SOFT, LINE = "#8290a3", "rgba(130,144,163,.25)"
UP, DOWN, BUY, SELL = "#1f9d68", "#d64550", "#0b7a47", "#c01f2e"
SERIES = ("#2f80ed", "#e8833a", "#7b61c9", "#1f9d68", "#c2418f", "#8a6d3b")
NS_PER_MS = 1_000_000
NS_PER_HALF_DAY = 12 * 3_600 * 10**9


def chart(options: Mapping[str, Any], label: str) -> ui.echart:
    """A chart on the page; label says what it shows to whoever cannot see it."""
    made = ui.echart(dict(options)).classes("chart")
    made.props.update({"role": "img", "aria-label": label})
    return made


def lines(series: Mapping[str, Sequence[tuple[int, float | None]]], *, unit: str = "", is_area: bool = False) -> dict[str, Any]:
    """Values over time. series: name -> (instant in nanoseconds, value)."""
    return {
        **_frame(unit),
        "legend": {"top": 0, "textStyle": {"color": SOFT}, "type": "scroll"},
        "series": [
            {
                "name": name, "type": "line", "showSymbol": False, "data": [[_ms(at), value] for at, value in points],
                "lineStyle": {"width": 1.8}, "color": SERIES[number % len(SERIES)], "sampling": "lttb", "animation": False,
                **({"areaStyle": {"opacity": 0.15}} if is_area else {}),
            }
            for number, (name, points) in enumerate(series.items())
        ],
    }  # fmt: skip


def candles(
    rows: Sequence[tuple[int, float, float, float, float]], marks: Sequence[Mapping[str, Any]] = (), *, at: int | None = None
) -> dict[str, Any]:
    """Bars as candles with fills on them.

    rows: start in nanoseconds, open, high, low, close. marks: at_ns, price, side, text of fills. at: the start of a bar to point to.
    """
    starts = [row[0] for row in rows]
    is_daily = len(starts) > 1 and min(b - a for a, b in pairwise(starts)) >= NS_PER_HALF_DAY
    names = [_label(start)[: 10 if is_daily else 16] for start in starts]
    points: list[dict[str, Any]] = []
    for mark in marks:
        place = _place(starts, int(mark["at_ns"]))
        if place is not None:
            is_buy = mark["side"] == "buy"
            points.append({
                "value": [names[place], float(mark["price"])], "symbol": "triangle" if is_buy else "pin", "symbolSize": 13,
                "symbolRotate": 0 if is_buy else 180,
                "itemStyle": {"color": BUY if is_buy else SELL, "borderColor": "#fff", "borderWidth": 1},
                "name": escape(str(mark["text"])),  # which the tooltip shows as HTML
            })  # fmt: skip
    line = (
        {
            "silent": True,
            "symbol": "none",
            "data": [{"xAxis": _label(at)[: 10 if is_daily else 16]}],
            "lineStyle": {"color": SELL, "type": "dashed"},
            "label": {"show": False},
        }
        if at
        else None
    )
    return {
        **_frame(""),
        "xAxis": {
            "type": "category", "data": names, "axisLabel": {"color": SOFT, "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": LINE}},
        },
        "series": [
            {
                "name": "price", "type": "candlestick", "data": [[one[1], one[4], one[3], one[2]] for one in rows],
                "animation": False,
                "itemStyle": {"color": UP, "color0": DOWN, "borderColor": UP, "borderColor0": DOWN},
                **({"markLine": line} if line else {}),
            },
            {"name": "fills", "type": "scatter", "data": points, "animation": False, "z": 5, ":tooltip": "{formatter: p => p.name}"},
        ],
    }  # fmt: skip


def rows_of(names: Sequence[str], values: Sequence[float], *, unit: str = "") -> dict[str, Any]:
    """A bar to the right or left for each name, the first on top."""
    frame = _frame(unit)
    return {
        **frame,
        "xAxis": {**frame["yAxis"], "scale": False},
        "yAxis": {"type": "category", "inverse": True, "data": list(names), "axisLabel": {"color": SOFT}, "axisTick": {"show": False}},
        "dataZoom": [],
        "series": [_bars(values)],
    }


def columns(names: Sequence[str], values: Sequence[float], *, unit: str = "") -> dict[str, Any]:
    """A bar upwards for each name, from left to right."""
    frame = _frame(unit)
    axis = {"type": "category", "data": list(names), "axisLabel": {"color": SOFT, "hideOverlap": True}, "axisTick": {"show": False}}
    return {**frame, "xAxis": axis, "yAxis": {**frame["yAxis"], "scale": False}, "dataZoom": [], "series": [_bars(values)]}


def _bars(values: Sequence[float]) -> dict[str, Any]:
    given = [{"value": round(value, 6), "itemStyle": {"color": SERIES[0] if value >= 0 else SERIES[1]}} for value in values]
    return {"type": "bar", "data": given, "animation": False, "barMaxWidth": 26}


def _frame(unit: str) -> dict[str, Any]:
    return {
        "backgroundColor": "transparent",
        "textStyle": {"fontFamily": "system-ui, sans-serif"},
        "grid": {"left": 14, "right": 14, "top": 30, "bottom": 44, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {"type": "time", "axisLabel": {"color": SOFT, "hideOverlap": True}, "axisLine": {"lineStyle": {"color": LINE}}},
        "yAxis": {
            "type": "value", "scale": True, "name": unit, "nameTextStyle": {"align": "left"}, "axisLabel": {"color": SOFT},
            "splitLine": {"lineStyle": {"color": LINE}},
        },
        "dataZoom": [{"type": "inside"}, {"type": "slider", "height": 18, "bottom": 6, "borderColor": LINE, "textStyle": {"color": SOFT}}],
        "useUTC": True,
    }  # fmt: skip


def _ms(at_ns: int) -> int:
    return at_ns // NS_PER_MS


def _label(at_ns: int) -> str:
    from tradewinds.core.instant import text

    whole = text(at_ns)
    return whole[:10] + " " + whole[11:16]


def _place(starts: Sequence[int], at_ns: int) -> int | None:
    """The bar in which an instant lies."""
    from bisect import bisect_right

    place = bisect_right(starts, at_ns) - 1
    return place if place >= 0 else None
