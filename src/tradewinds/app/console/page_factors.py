"""Factors: their returns over time, their volatility as forecast and as it came, bias statistics, who is most exposed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import islice

from nicegui import ui

from tradewinds.app.console.chart import chart, lines
from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, link, options, pill, table, tag
from tradewinds.app.console.visit import Visit, built_later, card, show
from tradewinds.core.instant import to_date
from tradewinds.risk.bias import Bias
from tradewinds.wiring.desk import factor_pages
from tradewinds.wiring.desk.factor_pages import BIAS_SESSIONS_MIN, FactorFacts, FactorView

LINES = 6
NO_BOOK = "This workspace has no book of research; docs/research.md says how to write one."


@page("/research/factors", "Factors", group="Research")
async def build(visit: Visit) -> None:
    """Of the book that the address names; of one factor where it names one."""
    books = sorted(visit.house.config.research)
    if not books:
        show(tag("p", NO_BOOK, class_="empty"))
        return
    book = visit.query.get("book") or books[0]
    if len(books) > 1:
        show(tag("form", book_choice(books, book), tag("button", "Show", class_="plain", type="submit"), class_="ask", method="get",
                 action="/research/factors"))  # fmt: skip
    factor = visit.query.get("factor")
    read = partial(factor_pages.factor_view, visit.house, book)
    if factor is None:
        await built_later(visit, "factors", read, _all)
        return
    show(tag("p", link("All factors", "/research/factors", book=book)))
    await built_later(visit, "the factor", read, partial(_one, factor))
    await built_later(visit, "exposures", partial(factor_pages.exposed, visit.house, book, factor), partial(_exposed, factor))


def book_choice(books: list[str], chosen: str) -> Markup:
    """The field that names a book."""
    return tag("label", "Book", tag("select", options([(one, one) for one in books], chosen), name="book"), class_="field")


def share(value: float | None, decimals: int = 2, *, is_signed: bool = False) -> str:
    """A fraction as percent."""
    return "-" if value is None else f"{value:{'+' if is_signed else ''}.{decimals}%}"


def biased(found: Bias | None, judged: int) -> Markup:
    """A bias statistic with the band in which a perfect model's lies."""
    if found is None:
        return tag("span", f"{judged} of {BIAS_SESSIONS_MIN} nights", class_="soft")
    is_within = found.low <= found.statistic <= found.high
    band = tag("span", f" {found.low:.2f} to {found.high:.2f}", class_="soft")
    return tag(
        "span", tag("b", f"{found.statistic:.2f}"), band, " ", pill("ok" if is_within else "too low" if found.statistic > 1 else "too high")
    )


def _all(view: FactorView) -> None:
    last = to_date(int(view.starts[-1])).isoformat()
    with ui.element("section").classes("card"):
        show(tag("h2", f"Factor returns, compounded over {len(view.starts)} sessions to {last}"))
        moved = sorted(view.facts, key=lambda one: -abs(view.growth(one.name)[-1][1] or 0.0))[:LINES]
        chart(lines({one.name: _percent(view.growth(one.name)) for one in moved}, unit="%"), "factor returns over time, compounded")
        if len(view.factors) > LINES:
            show(tag("p", f"The {LINES} that moved most; the table has all.", class_="soft"))
    with ui.element("section").classes("card"):
        show(tag("h2", "Volatility as forecast by each night"))
        forecast = {name: found for name, found in islice(view.forecasts.items(), LINES) if found}
        chart(
            lines({name: _percent(found) for name, found in forecast.items()}, unit="% a year"),
            "forecast volatility of factors, night by night",
        )
    show(card("Factors", _table(view), note="A bias of 1 is a perfect forecast; above it the risk was forecast too low."))


def _table(view: FactorView) -> Markup:
    rows = [(link(one.name, "/research/factors", book=view.book, factor=one.name), *_figures(one)) for one in view.facts]
    columns = ("factor", "last session", "month", "year", "volatility", "forecast", "|t| above 2", "bias")
    return table(columns, rows, numbers=columns[1:7], label="Factors")


def _figures(one: FactorFacts) -> tuple[object, ...]:
    returns = (share(one.last, is_signed=True), share(one.month, is_signed=True), share(one.year, is_signed=True))
    return (*returns, share(one.volatility, 1), share(one.forecast, 1), share(one.significant, 0), biased(one.bias, one.judged))


def _one(name: str, view: FactorView) -> None:
    facts = next((one for one in view.facts if one.name == name), None)
    if facts is None:
        show(tag("p", f"No factor of {view.book} is called {name}; it has {', '.join(view.factors)}.", class_="trouble"))
        return
    with ui.element("section").classes("card"):
        show(tag("h2", f"{name}: return, compounded"))
        chart(lines({name: _percent(view.growth(name))}, unit="%", is_area=True), f"return of {name} over time")
    columns = ("last session", "month", "year", "volatility", "forecast", "|t| above 2", "bias")
    show(card("Figures", table(columns, [_figures(facts)], numbers=columns[:6], label="Figures")))


def _exposed(name: str, found: tuple[str, list[tuple[str, float]]]) -> None:
    session, rows = found
    given = [(instrument, f"{exposure:+.2f}") for instrument, exposure in rows]
    show(
        card(
            f"Most and least exposed to {name}, {session}", table(("instrument", "exposure"), given, numbers=("exposure",), label="Exposed")
        )
    )


def _percent(points: Iterable[tuple[int, float | None]]) -> list[tuple[int, float | None]]:
    return [(at, None if value is None else 100.0 * value) for at, value in points]
