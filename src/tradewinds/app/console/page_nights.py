"""Nights of research, each with its steps, what could not be had, and its page."""

from __future__ import annotations

from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, address, joined, pill, table, tag
from tradewinds.app.console.visit import Visit, card, later, show
from tradewinds.jobs.research_tables import STEPS
from tradewinds.wiring.desk import research
from tradewinds.wiring.desk.research import Night


@page("/research/nights", "Nights", group="Research")
async def build(visit: Visit) -> None:
    """The last nights of every book."""
    if not visit.house.config.research:
        show(tag("p", "This workspace has no book of research; docs/research.md says how to write one.", class_="empty"))
        return
    await later(visit, "nights", lambda: research.nights(visit.house), _drawn)


def _drawn(found: list[Night]) -> Markup:
    rows = [
        (one.session, one.book, pill(one.state), *(pill(one.steps[step][0]) if step in one.steps else "-" for step in STEPS), _page(one))
        for one in found
    ]
    gaps = [
        tag("li", f"{one.session} {step}: {gap}") for one in found for step, (_, gaps) in one.steps.items() for gap in gaps
    ]  # fmt: skip
    columns = ("session", "book", "night", *STEPS, "page")
    lacked = card("What could not be had", tag("ul", *gaps[:60])) if gaps else Markup("")
    return joined((card("Nights", table(columns, rows, empty="no night has run yet", label="Nights")), lacked))


def _page(one: Night) -> Markup:
    name = f"reports/{one.book}/{one.session}.html"
    return tag("a", "Report", href=address("/sheet", name=name), target="_blank") if one.page else Markup("")
