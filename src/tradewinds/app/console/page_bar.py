"""One fact of the history: its versions with a slider through time, its neighbourhood as known then, and its lineage to vendor bytes."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from tradewinds.app.console.chart import candles, chart
from tradewinds.app.console.frame import page
from tradewinds.app.console.lineage import lineage_list
from tradewinds.app.console.markup import Markup, joined, link, moment, options, pill, shown, table, tag
from tradewinds.app.console.visit import Visit, card, show
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse, text
from tradewinds.wiring.desk import data_pages, explain
from tradewinds.wiring.desk.data_pages import Version

DATASET = "bars-1d"


@page("/data/bar", "As of", group="History")
async def build(visit: Visit) -> None:
    """Without a fact: those that were ever restated. With one: slider, chart, lineage."""
    name = visit.query.get("table") or DATASET
    instrument = visit.query.get("instrument") or ""
    show(await _choice(visit, name, instrument))
    if not instrument or not visit.query.get("start"):
        show(await _restated(visit, name, instrument or None))
        return
    start_ns = _start(visit.query["start"])
    versions = await visit.read(data_pages.versions_of, visit.house, name, instrument, start_ns)
    await _slider(visit, name, instrument, start_ns, versions)


async def _slider(visit: Visit, name: str, instrument: str, start_ns: int, versions: tuple[Version, ...]) -> None:
    show(tag("h2", f"{instrument} {text(start_ns)[:16]}Z, {name}"))
    with ui.element("section").classes("card"):
        show(tag("h2", "As known at"))
        known = ui.html("", sanitize=False)
        last = len(versions) - 1
        moves = tag(
            "input", type="range", min=0, max=last, step=1, value=last, disabled=last < 1, class_="through-time",
            aria_label="Version, the oldest to the left",
        )  # fmt: skip
        slider = ui.html(moves, sanitize=False)
        values = ui.html("", sanitize=False)
    with ui.element("section").classes("card"):
        drawn = chart(candles(()), f"bars of {instrument} around {text(start_ns)[:10]}")
    steps = ui.html("", sanitize=False)

    async def moved(to: Any) -> None:
        if await visit.is_over():
            ui.navigate.to("/sign-in")
            return
        number = min(max(int(to), 0), last)
        one = versions[number]
        known.set_content(_known(one, number, len(versions)))
        values.set_content(_values(versions, number))
        rows = await visit.read(data_pages.around, visit.house, name, instrument, start_ns, one.known_ns)
        drawn.options.clear()
        drawn.options.update(candles([row for row in rows.iter_rows() if None not in row], at=start_ns))
        drawn.update()
        chain = await visit.read(explain.lineage, visit.house, name, instrument, start_ns, one.known_ns)
        steps.set_content(card("Where it came from", lineage_list(chain)))

    slider.on("input", lambda event: moved(event.args), js_handler="e => emit(e.target.value)")
    await moved(last)


def _known(one: Version, number: int, count: int) -> Markup:
    return tag("p", moment(one.known_ns), f" · version {number + 1} of {count} ", pill(one.status) if one.status else "", f" {one.reason}")


def _values(versions: tuple[Version, ...], number: int) -> Markup:
    """The values of a version beside those that hold now; what was restated stands out."""
    one, now = versions[number], versions[-1]
    rows = []
    for name, value in one.values.items():
        if value is None and now.values[name] is None:
            continue
        was = tag("b", value, class_="lie") if value != now.values[name] else shown(value)
        rows.append((name, was, now.values[name]))
    return table(("value", "as known then", "as known now"), rows, numbers=("as known then", "as known now"), label="Values")


async def _choice(visit: Visit, name: str, instrument: str) -> Markup:
    tables = [
        one.name.removeprefix("history/")
        for one in await visit.read(data_pages.lake_tables, visit.house)
        if one.name.startswith("history/")
    ]
    start = _start_text(visit.query.get("start"))
    return tag("form",
        tag("label", "Table", tag("select", options([(one, one) for one in tables], name), name="table"), class_="field"),
        tag("label", "Instrument", tag("input", name="instrument", value=instrument, size=16), class_="field"),
        tag("label", "Start (UTC)", tag("input", name="start", value=start, placeholder="2024-03-28", size=20), class_="field"),
        tag("button", "Show", class_="plain", type="submit"),
        class_="ask", method="get", action="/data/bar",
    )  # fmt: skip


async def _restated(visit: Visit, name: str, instrument: str | None) -> Markup:
    found = await visit.read(data_pages.restated, visit.house, name, instrument=instrument)
    rows = [
        (link(who, "/data/bar", table=name, instrument=who, start=start_ns), moment(start_ns), count, moment(last_ns))
        for who, start_ns, count, last_ns in found.iter_rows()
    ]
    shown_ = table(("instrument", "start", "versions", "last known"), rows, numbers=("versions",), empty="nothing was ever restated")
    return joined((card(f"What was restated in {name}", shown_),))


def _start(given: str) -> int:
    return int(given) if given.lstrip("-").isdigit() and len(given) > 9 else parse(given)


def _start_text(given: str | None) -> str:
    try:
        return "" if not given else text(_start(given))
    except Rejected:
        return given or ""
