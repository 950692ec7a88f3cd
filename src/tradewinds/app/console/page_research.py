"""Backtests: the list, one of them whole, and two side by side."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from tradewinds.app.console.chart import chart, lines
from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, address, facts, joined, link, moment, options, pill, shown, table, tag, tiles
from tradewinds.app.console.visit import Visit, card, show
from tradewinds.stores.ledger_backtests import StoredBacktest
from tradewinds.wiring.desk import research, research_pages
from tradewinds.wiring.desk.research_pages import Curve

SHARES = frozenset({"total_return", "annual_return", "cagr", "volatility", "max_drawdown", "strike_rate", "time_in_market"})
FIRST = ("total_return", "cagr", "volatility", "sharpe", "sortino", "max_drawdown", "strike_rate", "profit_factor")


@page("/research", "Backtests", group="Research")
async def build(visit: Visit) -> None:
    """The list, with a choice of two to compare; or the run that the address names."""
    if "run" in visit.query:
        await _one(visit, research_pages.whole(visit.query["run"], "run"))
        return
    found = await visit.read(research.backtests, visit.house, strategy=visit.query.get("strategy") or None)
    show(card("Runs", _list(found), note="Choose two and compare them."))
    sweeps = await visit.read(research_pages.sweeps, visit.house)
    rows = [(one["instrument"], one["sweep"], one["trials"], one["failed"], one["sharpe"], one["parameters"]) for one in sweeps]
    columns = ("strategy", "sweep", "trials", "failed", "best sharpe", "its parameters")
    show(card("Sweeps", table(columns, rows, numbers=columns[2:5], empty="no sweep yet; `tradewinds sweep` makes one", label="Sweeps")))
    sheets = await visit.read(research_pages.sheets, visit.house)
    items = [tag("li", tag("a", name, href=address("/sheet", name=name), target="_blank")) for name in sheets]
    show(card("Sheets", tag("ul", *items) if items else tag("p", "none yet", class_="empty")))


@page("/research/compare", "Compare two", group="Research")
async def compare(visit: Visit) -> None:
    """Two runs that the address names; without them the choice."""
    numbers = [visit.query.get(name, "") for name in ("first", "second")]
    found = await visit.read(research.backtests, visit.house)
    show(_choice(found, numbers))
    if not all(numbers):
        return
    one, other = [await visit.read(research_pages.run, visit.house, research_pages.whole(name, "run")) for name in numbers]
    curves = [await visit.read(research_pages.curve, visit.house, each.id) for each in (one, other)]
    names = (f"{one.id} {one.run.strategy}", f"{other.id} {other.run.strategy}")
    with ui.element("section").classes("card"):
        show(tag("h2", "Growth of 1"))
        series = {name: [(at, value / each.equity[0]) for at, value in zip(each.at_ns, each.equity, strict=True)]
                  for name, each in zip(names, curves, strict=True) if each.equity}  # fmt: skip
        chart(lines(series), "equity of both runs, each begins at 1")
    differs = [(name, _plain(name, pair[0]), _plain(name, pair[1])) for name, pair in research_pages.beside(one, other).items()]
    show(card("What they were given", table(("what", *names), differs, empty="the same; only when they ran differs", label="Given")))
    show(card("Figures", _figures(one, other, names)))


async def _one(visit: Visit, number: int) -> None:
    found = await visit.read(research_pages.run, visit.house, number)
    sheet = await visit.read(research_pages.sheet_of, visit.house, found.run.fingerprint)
    show(tag("h2", f"Run {found.id}: {found.run.strategy}"))
    show(tiles([(name.replace("_", " "), _figure(name, found.figures.get(name)), "") for name in FIRST]))
    curve = await visit.read(research_pages.curve, visit.house, number)
    with ui.element("section").classes("card"):
        show(tag("h2", "Equity"))
        chart(lines(_series(curve), unit=found.currency or ""), "equity over time")
    with ui.element("section").classes("card"):
        show(tag("h2", "Drawdown"))
        points = list(zip(curve.at_ns, curve.drawdown, strict=True))
        chart(lines({"drawdown": points}, is_area=True), "how far below its top the equity was")
    show(card("Given", facts(_given(found)), tag("p", tag("a", "Tear sheet", href=address("/sheet", name=sheet), target="_blank"))
              if sheet else Markup(""), tag("p", link("Compare it", "/research/compare", first=number))))  # fmt: skip
    trips = await visit.read(research_pages.round_trips, visit.house, number)
    rows = [
        (one["instrument"], one["side"], moment(one["entry_ns"]), moment(one["exit_ns"]), one["quantity"], one["entry_price"],
         one["exit_price"], one["net"])
        for one in trips
    ]  # fmt: skip
    columns = ("instrument", "side", "in", "out", "quantity", "price in", "price out", "net")
    show(card("Round trips, the last ones", table(columns, rows, numbers=columns[4:], empty="none", label="Round trips")))


def _list(found: list[StoredBacktest]) -> Markup:
    rows = []
    for one in found:
        chosen = joined((_radio("first", one.id), _radio("second", one.id)))
        figures = [_figure(name, one.figures.get(name)) for name in ("total_return", "sharpe", "max_drawdown")]
        parameters = ", ".join(f"{name} {shown(value)}" for name, value in one.run.parameters.items())
        rows.append((
            chosen, link(one.id, "/research", run=one.id), link(one.run.strategy, "/research", strategy=one.run.strategy), parameters,
            ", ".join(one.run.instruments[:4]), pill(one.run.state), *figures, one.trades, moment(one.run.started_ns),
        ))  # fmt: skip
    columns = ("compare", "run", "strategy", "parameters", "instruments", "state", "return", "sharpe", "drawdown", "trades", "started")
    shown_ = table(columns, rows, numbers=("return", "sharpe", "drawdown", "trades"), empty="no backtest yet", label="Runs")
    button = tag("button", "Compare", class_="plain main", type="submit")
    return tag("form", shown_, tag("p", button) if len(rows) > 1 else Markup(""), method="get", action="/research/compare")


def _radio(name: str, number: int) -> Markup:
    words = f"{name} {number}"
    return tag("label", tag("input", type="radio", name=name, value=number, required=True, aria_label=words), " ", name, " ", class_="soft")


def _choice(found: list[StoredBacktest], numbers: list[str]) -> Markup:
    choices = [(str(one.id), f"{one.id} {one.run.strategy}") for one in found]
    fields = [
        tag("label", name.capitalize(), tag("select", options(choices, number), name=name), class_="field")
        for name, number in zip(("first", "second"), numbers, strict=True)
    ]
    return tag("form", *fields, tag("button", "Compare", class_="plain main", type="submit"), class_="ask", method="get",
               action="/research/compare")  # fmt: skip


def _figures(one: StoredBacktest, other: StoredBacktest, names: tuple[str, str]) -> Markup:
    rows = []
    for name in one.figures:
        left, right = one.figures.get(name), other.figures.get(name)
        if left is None and right is None:
            continue
        change = "" if left is None or right is None else _figure(name, right - left)
        rows.append((name.replace("_", " "), _figure(name, left), _figure(name, right), change))
    columns = ("figure", *names, "second less first")
    return table(columns, rows, numbers=columns[1:], label="Figures")


def _figure(name: str, value: float | None) -> str:
    return shown(None) if value is None else f"{value:.2%}" if name in SHARES else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _series(curve: Curve) -> dict[str, list[tuple[int, float | None]]]:
    return {"equity": list(zip(curve.at_ns, curve.equity, strict=True))}


def _given(one: StoredBacktest) -> dict[str, object]:
    run = one.run
    return {
        "instruments": ", ".join(run.instruments), "from": moment(run.from_ns), "to": moment(run.to_ns), "interval": run.interval,
        "parameters": ", ".join(f"{name} {shown(value)}" for name, value in run.parameters.items()), "vintage": run.vintage[:16],
        "fingerprint": run.fingerprint[:16], "kernel": run.kernel, "as known at the time": run.is_point_in_time, "trades": one.trades,
    }  # fmt: skip


def _plain(name: str, value: Any) -> object:
    return moment(value) if name.endswith("_ns") else value
