"""The risk model of a book: what its portfolio may lose and from where, how factors move together, what is instruments' own."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from tradewinds.app.console.chart import chart, columns, lines, rows_of
from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, link, options, table, tag, tiles
from tradewinds.app.console.page_factors import NO_BOOK, biased, book_choice, share
from tradewinds.app.console.visit import Visit, built_later, card, show
from tradewinds.wiring.desk import risk_pages
from tradewinds.wiring.desk.risk_pages import RiskView

SESSIONS_CHOSEN = 250


@page("/research/risk", "Risk model", group="Research")
async def build(visit: Visit) -> None:
    """After the session that the address names, the last one otherwise."""
    books = sorted(visit.house.config.research)
    if not books:
        show(tag("p", NO_BOOK, class_="empty"))
        return
    book, session = visit.query.get("book") or books[0], visit.query.get("session") or None
    found = await visit.read(risk_pages.risk_sessions, visit.house, book)
    if not found:
        show(tag("p", f"No night of {book} has published a risk model yet.", class_="empty"))
        return
    choices = [(one, one) for one in found[:SESSIONS_CHOSEN]]
    picked = tag("label", "Session", tag("select", options(choices, session or found[0]), name="session"), class_="field")
    show(tag("form", book_choice(books, book), picked, tag("button", "Show", class_="plain", type="submit"), class_="ask", method="get",
             action="/research/risk"))  # fmt: skip
    await built_later(visit, "the risk model", partial(risk_pages.risk_view, visit.house, book, session), _drawn)


def _drawn(view: RiskView) -> None:
    specific = view.specific_part / view.volatility if view.volatility > 0 else None
    show(tiles((
        ("Volatility a year", share(view.volatility) if view.held else "-", ""),
        ("of it by factors alone", share(view.factor_volatility), ""),
        ("Specific part", share(specific, 0), ""), ("Held", f"{view.held} of {view.instruments}", ""), ("Factors", len(view.factors), ""),
    )))  # fmt: skip
    if not view.held:
        show(tag("p", "No target weights were decided after this session: the model stands without a portfolio.", class_="note"))
    with ui.element("div").classes("grid"):
        with ui.element("section").classes("card"):
            show(tag("h2", "Where the risk comes from"))
            order = sorted(view.parts, key=lambda one: -abs(one.part))
            names = [*(one.name for one in order), "specific"]
            chart(
                rows_of(names, [*(100 * one.part for one in order), 100 * view.specific_part], unit="% a year"), "parts of the volatility"
            )
        with ui.element("section").classes("card"):
            show(tag("h2", "Volatility of the weights, night by night"))
            points = [(at, 100 * value) for at, value in view.forecasts]
            chart(lines({"forecast": points}, unit="% a year", is_area=True), "forecast volatility of the portfolio over time")
            show(tag("p", "Bias of these forecasts: ", biased(view.bias, view.judged)))
    show(card(f"Portfolio by factor, {view.session}", _parts(view), note="Of the target weights. A negative part lowers the risk."))
    show(card("How factors move together", _heat(view), note="Correlations that the model expects."))
    with ui.element("div").classes("grid"):
        with ui.element("section").classes("card"):
            show(tag("h2", "Specific volatility of instruments"))
            labels = [f"{100 * low:.0f} to {100 * high:.0f} %" for low, high, _ in view.spread]
            chart(
                columns(labels, [float(count) for _, _, count in view.spread], unit="instruments"), "specific volatility of all instruments"
            )
        show(card("Own risk, the largest parts first", _specific(view)))
    show(tag("p", link("Factors over time", "/research/factors", book=view.book), ", ", link("nights", "/research/nights"), "."))


def _parts(view: RiskView) -> Markup:
    whole = view.volatility
    rows = [
        (link(one.name, "/research/factors", book=view.book, factor=one.name), f"{one.exposure:+.3f}", share(one.volatility, 1),
         share(one.part, is_signed=True), share(one.part / whole if whole > 0 else None, 1, is_signed=True))
        for one in view.parts
    ]  # fmt: skip
    names = ("factor", "exposure", "volatility of the factor", "part of the risk", "share of it")
    return table(names, rows, numbers=names[1:], label="Portfolio by factor")


def _heat(view: RiskView) -> Markup:
    head = tag("tr", tag("th", ""), *(tag("th", one, scope="col") for one in view.factors))
    body = [
        tag("tr", tag("th", one, scope="row"), *(tag("td", _cell(one, other, float(view.correlations[i, j])))
                                                 for j, other in enumerate(view.factors)))
        for i, one in enumerate(view.factors)
    ]  # fmt: skip
    grid = tag("table", tag("thead", head), tag("tbody", *body), class_="heat")
    return tag("div", grid, class_="scroll", tabindex="0", role="region", aria_label="Correlations")


def _cell(one: str, other: str, value: float) -> Markup:
    colour = "31,157,104" if value >= 0 else "214,69,80"
    words = f"{one} with {other}: {value:+.2f}"
    style = f"background:rgba({colour},{min(abs(value), 1.0):.2f})"
    return tag("span", class_="cell", style=style, title=words, role="img", aria_label=words)


def _specific(view: RiskView) -> Markup:
    rows = [
        (
            one.instrument,
            share(one.volatility, 1),
            share(one.weight, 1, is_signed=True) if one.weight else "",
            share(one.part) if one.part else "",
        )
        for one in view.specific
    ]
    names = ("instrument", "specific volatility", "weight", "part of the risk")
    return table(names, rows, numbers=names[1:], empty="the model has no instrument", label="Own risk")
