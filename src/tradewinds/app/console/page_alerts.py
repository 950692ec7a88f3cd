"""Alerts: open and in hand, with the next command to run; one of them with its deliveries; the routes, each with a test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from tradewinds.app.console.asking import Field, asked
from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, facts, joined, link, moment, moment_text, options, pill, table, tag
from tradewinds.app.console.visit import ALARM, Visit, act_button, card, live, show
from tradewinds.people.alert import SEVERITIES, Acknowledgement
from tradewinds.wiring.desk import alerts
from tradewinds.wiring.desk.alerts import STATES, AlertFacts, AlertPage, DeliveryFacts, RouteFacts

EVERY_S = 2.0
NOTE = Field("note", "Note")
WORDS = {"open": "nobody has it in hand", "acknowledged": "in hand"}


@dataclass(frozen=True, slots=True)
class _Seen:
    page: AlertPage
    routes: list[RouteFacts]


@page("/alerts", "Alerts", group="Now")
async def build(visit: Visit) -> None:
    """The list that the address narrows down, or the one alert that it names."""

    async def take(on: str) -> None:
        given = await asked("Take this alert in hand?", "Nothing more is sent about it, and nothing escalates.", [NOTE], "I have it")
        if given is not None:
            words = {"id": on} | ({"note": given["note"]} if given["note"] else {})
            await visit.do("alert.ack", words, done="It is yours; nothing escalates.")

    async def test(on: str) -> None:
        await visit.do("alert.test", {"route": on}, done=_tested)

    deeds = {"take": take, "test": test}
    if "id" in visit.query:
        await live(visit, lambda: alerts.alert(visit.house, visit.query["id"]), partial(_one, visit), every_s=EVERY_S, acts=deeds)
        return
    narrowed: dict[str, Any] = {name: visit.query.get(name) or None for name in ("state", "severity", "source")}
    if "state" not in visit.query:
        narrowed["state"] = "open"
    show(_form(narrowed))

    def read() -> _Seen:
        return _Seen(alerts.alerts(visit.house, **narrowed), alerts.routes(visit.house))

    await live(visit, read, partial(_drawn, visit), every_s=EVERY_S, acts=deeds)


def _drawn(visit: Visit, seen: _Seen) -> Markup:
    more = tag("p", "Older ones are left out; narrow it down.", class_="soft") if seen.page.after is not None else Markup("")
    return joined((card("What was raised, the last first", _alerts(visit, seen.page.rows), more), _routes(visit, seen.routes)))


def _alerts(visit: Visit, found: list[AlertFacts]) -> Markup:
    rows = [
        (moment(one.raised_ns), pill(one.severity), one.source, one.subject, link(one.text, "/alerts", id=one.id), _command(one),
         one.acknowledged_by or "", _take(visit, one))
        for one in found
    ]  # fmt: skip
    columns = ("raised", "severity", "source", "about", "what", "run next", "in the hands of", "do")
    return table(columns, rows, empty="none that fits", label="Alerts")


def _one(visit: Visit, found: tuple[AlertFacts, list[DeliveryFacts], list[Acknowledgement]]) -> Markup:
    one, deliveries, said = found
    told = [
        (row.route, pill(row.state), row.why, moment(row.first_ns), moment(row.sent_ns), row.attempts,
         "perhaps told before" if row.is_doubtful else "", row.error)
        for row in deliveries
    ]  # fmt: skip
    columns = ("route", "state", "why", "due", "sent", "tries", "doubt", "error")
    hands = [(moment(row.at_ns), row.by, row.face, row.note) for row in said]
    about = facts({"severity": pill(one.severity), "source": one.source, "about": one.subject, "raised": moment(one.raised_ns),
                   "state": pill(WORDS[one.state]), "run next": _command(one) or "-", "id": tag("code", one.id)})  # fmt: skip
    return joined((
        tag("p", link("All alerts", "/alerts")),
        card("Alert", tag("p", tag("b", one.text), class_="notes"), about, tag("p", _take(visit, one))),
        card("What became of it", table(columns, told, numbers=("tries",), empty="no route takes it, or none was asked yet",
                                        label="Deliveries")),
        card("Who has it in hand", table(("at", "who", "by", "note"), hands, empty="nobody", label="In hand")),
    ))  # fmt: skip


def _routes(visit: Visit, found: list[RouteFacts]) -> Markup:
    may = visit.may("do:trade")
    rows = [
        (tag("b", one.name), pill("ok") if one.is_ready else pill("no address"), ", ".join(one.severities) or "none by itself",
         ", ".join(one.sources) or "all", _quiet(one), one.escalates or "nowhere",
         act_button("Send a test", "test", one.name, label=f"Send a test by {one.name}") if may and one.is_ready else "")
        for one in found
    ]  # fmt: skip
    columns = ("route", "address", "severities", "sources", "quiet hours", "escalates", "do")
    empty = "no route: alerts reach nobody; docs/alerts.md says how to write one"
    return card("Routes", table(columns, rows, empty=empty, label="Routes"), note="A test goes out at once, quiet hours or not.")


def _quiet(one: RouteFacts) -> Markup:
    now = (tag("br"), "quiet until ", moment_text(one.quiet_until)) if one.quiet_until else ()
    return tag("span", one.quiet_hours or "none", *now)


def _command(one: AlertFacts) -> Markup:
    return tag("code", one.next_command) if one.next_command else Markup("")


def _take(visit: Visit, one: AlertFacts) -> Markup:
    if one.state != "open" or not visit.may("do:trade"):
        return Markup("")
    return act_button("I have it", "take", one.id, kind="main", label=f"I have it: {one.text[:60]}")


def _tested(told: dict[str, Any]) -> str:
    if told["outcome"] == "told":
        return f"{told['route']} took the test message."
    what = "may have taken it and gave no answer" if told["outcome"] == "doubt" else "did not take it"
    return f"{ALARM}{told['route']} {what}: {told['error'] or 'no reason was given'}"


def _form(narrowed: dict[str, Any]) -> Markup:
    states = [("", "all"), *((one, WORDS[one]) for one in STATES)]
    severities = [("", "any"), *((one, one) for one in SEVERITIES)]
    return tag("form",
        tag("label", "State", tag("select", options(states, narrowed["state"] or ""), name="state"), class_="field"),
        tag("label", "Severity", tag("select", options(severities, narrowed["severity"] or ""), name="severity"), class_="field"),
        tag("label", "Source", tag("input", name="source", value=narrowed["source"] or "", size=14), class_="field"),
        tag("button", "Filter", class_="plain", type="submit"), class_="ask", method="get", action="/alerts",
    )  # fmt: skip
