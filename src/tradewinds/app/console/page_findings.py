"""What was found wrong in the data, and what is held until a person decides."""

from __future__ import annotations

from functools import partial

from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, joined, link, moment, pill, table, tag
from tradewinds.app.console.visit import Visit, act_button, card, live
from tradewinds.core.instant import text
from tradewinds.core.record import Hold
from tradewinds.wiring.desk import data_pages
from tradewinds.wiring.desk.data_pages import Found

EVERY_S = 5.0
SEPARATOR = "|"


@page("/data/findings", "Findings", group="History")
async def build(visit: Visit) -> None:
    """Holds with their release, counts, findings."""
    asked = {name: visit.query.get(name) or None for name in ("instrument", "vendor", "kind")}

    async def decide(decision: str, on: str) -> None:
        instrument, dataset, start = on.split(SEPARATOR)
        words = {"instrument": instrument, "dataset": dataset, "start": start, "decision": decision}
        await visit.do("release", words, done=f"{instrument} {start[:10]}: {decision}ed; the next reconciliation publishes it.")

    deeds = {"accept": partial(decide, "accept"), "reject": partial(decide, "reject")}
    await live(visit, lambda: data_pages.found(visit.house, **asked), partial(_drawn, visit, asked), every_s=EVERY_S, acts=deeds)


def _drawn(visit: Visit, asked: dict[str, str | None], found: Found) -> Markup:
    may = visit.may("do:release")
    return joined((
        card("Held until a person decides", _holds(found.holds, may=may),
             note="Accept: the held value is right. Reject: it is wrong and stays out. Either is published as a restatement."),
        card("Findings by vendor and kind", _counts(found)),
        card("Findings", _filter(asked), _findings(found)),
    ))  # fmt: skip


def _holds(holds: tuple[Hold, ...], *, may: bool) -> Markup:
    rows = []
    for one in holds:
        on = SEPARATOR.join((one.instrument, one.dataset, text(one.start_ns)))
        about = f"{one.instrument} {text(one.start_ns)[:10]}"
        buttons = tag("span", act_button("Accept", "accept", on, label=f"Accept {about}"), " ",
                      act_button("Reject", "reject", on, label=f"Reject {about}"), class_="row-of") if may else Markup("")  # fmt: skip
        place = link(one.instrument, "/data/bar", table=one.dataset, instrument=one.instrument, start=one.start_ns)
        rows.append((place, one.dataset, moment(one.start_ns), one.reason, moment(one.opened_ns), buttons))
    return table(("instrument", "dataset", "start", "why", "since", "decide"), rows, empty="nothing is held", label="Holds")


def _counts(found: Found) -> Markup:
    rows = [
        (vendor, link(kind, "/data/findings", vendor=vendor, kind=kind), count)
        for (vendor, kind), count in sorted(found.counts.items(), key=lambda one: -one[1])
    ]
    return table(("vendor", "kind", "findings"), rows, numbers=("findings",), empty="none", label="Counts")


def _filter(asked: dict[str, str | None]) -> Markup:
    fields = [
        tag("label", name.capitalize(), tag("input", name=name, value=asked[name] or "", size=14), class_="field") for name in asked
    ]  # fmt: skip
    return tag("form", *fields, tag("button", "Filter", class_="plain", type="submit"), class_="ask", method="get", action="/data/findings")


def _findings(found: Found) -> Markup:
    rows = [
        (link(one.instrument, "/data/bar", table=one.dataset, instrument=one.instrument, start=one.start_ns), one.dataset,
         moment(one.start_ns), one.vendor, one.kind, pill(one.severity), one.detail)
        for one in found.findings
    ]  # fmt: skip
    return table(("instrument", "dataset", "start", "vendor", "kind", "severity", "detail"), rows, empty="none", label="Findings")
