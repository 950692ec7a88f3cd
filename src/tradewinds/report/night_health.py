"""Data health and the universe: what the night stood on."""

from __future__ import annotations

from tradewinds.report import page
from tradewinds.report.chart import Figure
from tradewinds.report.night_data import Absent, Night, TableHealth
from tradewinds.report.number import ABSENT, count, decimal, moment

Part = tuple[str, list[Figure]]
LATE = 6  # names of what is late before the rest is counted
CHANGES = 60


def absent(name: str, title: str, why: str) -> Part:
    """A part that says why it is not there."""
    return page.section(name, title, f'<div class="card">{page.notes([f"Not available: {why}"])}</div>'), []


def health_part(night: Night) -> Part:
    """Sessions, holds, gaps and late vendors of every table; what checks found."""
    health = night.health
    if isinstance(health, Absent):
        return absent("health", "Data health", health.why)
    heads = ("Table", "State", "Sessions", "Newest")
    found = [(one.kind, one.example, count(one.count)) for one in health.findings]
    return page.section(
        "health",
        "Data health",
        page.table(heads, [_row(one) for one in health.tables], texts=2, empty="No table was read."),
        page.table(("Found", "For example", "Times"), found, texts=2) if found else "",
    ), []


def universe_part(night: Night) -> Part:
    """Who entered, who left, what changed its name."""
    universe = night.universe
    if isinstance(universe, Absent):
        return absent("universe", "Universe", universe.why)
    before = universe.count_before
    change = f", {decimal(universe.count - before, 0, is_signed=True)} since the last session" if before is not None else ""
    rows = [(one.instrument, one.kind, one.why) for one in universe.changes[:CHANGES]]
    more = [f"And {count(len(universe.changes) - CHANGES)} more."] if len(universe.changes) > CHANGES else []
    return page.section(
        "universe",
        "Universe",
        page.notes([f"{count(universe.count)} instruments{change}."]),
        page.table(("Instrument", "Change", "Why"), rows, texts=3, empty="No changes."),
        page.notes(more),
    ), []


def _row(one: TableHealth) -> tuple[str, ...]:
    newest = ABSENT if one.latest_ns is None else moment(one.latest_ns)
    late = ", ".join(one.late[:LATE]) + (f" and {len(one.late) - LATE} more" if len(one.late) > LATE else "")
    state = [
        "whole" if one.is_whole else "",
        f"late: {late}" if late else "",
        f"{count(one.held)} held back" if one.held else "",
        f"{count(one.gaps)} gaps" if one.gaps else "",
        one.note,
    ]
    return one.table, "; ".join(text for text in state if text), f"{count(one.sessions_present)} of {count(one.sessions_expected)}", newest
