"""What a person looks at first: is everything well, what runs, how the last night ended, what wants attention."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, joined, link, moment, pill, table, tag, tiles
from tradewinds.app.console.visit import Visit, act_button, card, later, live
from tradewinds.app.looked import Check
from tradewinds.app.status import looks
from tradewinds.jobs.research_tables import STEPS
from tradewinds.people.alert import RaisedAlert
from tradewinds.wiring.desk import overview, research
from tradewinds.wiring.desk.overview import Event, LastRun, ProcessHealth
from tradewinds.wiring.desk.research import Night
from tradewinds.wiring.house import House

EVERY_S = 2.0
ALERTS_SHOWN = 20
HEALTH_EVERY_S = 5.0
NIGHTS_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class _Seen:
    processes: tuple[ProcessHealth, ...]
    runs: tuple[LastRun, ...]
    events: tuple[Event, ...]
    alerts: list[RaisedAlert]
    held: int


@page("/", "Overview", group="Now")
async def build(visit: Visit) -> None:
    """Everything in one read, again every two seconds."""

    async def acknowledge(on: str) -> None:
        await visit.do("alert.ack", {"id": on}, done="It is yours; nothing escalates.")

    await live(visit, lambda: _read(visit.house), partial(_drawn, visit), every_s=EVERY_S, acts={"acknowledge": acknowledge})
    if visit.house.config.research:
        await later(visit, "the last nights", lambda: _last_nights(visit.house), _nights, every_s=NIGHTS_EVERY_S)
    await later(visit, "the platform's health", lambda: list(looks(visit.house)), _health, every_s=HEALTH_EVERY_S)


def _last_nights(house: House) -> list[Night]:
    """The last night of every book."""
    return [night for name in sorted(house.config.research) for night in research.nights(house, name, limit=1)]


def _nights(found: list[Night]) -> Markup:
    rows = [
        (one.book, link(one.session, "/research/nights"), pill(one.state),
         *(pill(one.steps[step][0]) if step in one.steps else "-" for step in STEPS), sum(len(gaps) for _, gaps in one.steps.values()))
        for one in found
    ]  # fmt: skip
    columns = ("book", "session", "night", *STEPS, "gaps")
    return card("Last night", table(columns, rows, numbers=("gaps",), empty="no night of research has run yet", label="Last night"))


def _health(found: list[Check]) -> Markup:
    words = {"well": "ok", "warning": "warning", "wrong": "failed"}
    rows = [
        (one.what, pill(words[one.state]), one.detail, tag("code", one.advice) if one.advice and one.state != "well" else "")
        for one in found
    ]
    columns = ("part", "state", "detail", "do next")
    return card("Platform", table(columns, rows, label="Platform"), note="As `tradewinds status` looks at it.")


def _read(house: House) -> _Seen:
    alerts = house.ledger.outbox.alerts(is_open=True, limit=ALERTS_SHOWN)
    return _Seen(overview.processes(house), overview.last_runs(house), overview.events(house), alerts, overview.held_count(house))


def _drawn(visit: Visit, seen: _Seen) -> Markup:
    well = sum(one.is_well for one in seen.processes)
    wrong = sum(one.state in ("failed", "partial") for one in seen.runs)
    return joined((
        tiles((
            ("Processes running", f"{well} of {len(seen.processes)}", "good" if well == len(seen.processes) else "warn"),
            ("Jobs that went wrong", wrong, "bad" if wrong else "good"),
            ("Values held", tag("a", seen.held, href="/data/findings"), "warn" if seen.held else "good"),
            ("Alerts nobody has in hand", tag("a", len(seen.alerts), href="/alerts"), "bad" if seen.alerts else "good"),
        )),
        card("Alerts", _alerts(visit, seen.alerts), tag("p", link("All alerts, and tests of their routes", "/alerts"))),
        tag("div", card("Processes", _processes(seen.processes)), card("What trading told", _events(seen.events)), class_="grid"),
        card("Last run of every job", _runs(seen.runs)),
    ))  # fmt: skip


def _alerts(visit: Visit, found: list[RaisedAlert]) -> Markup:
    rows = [
        (moment(one.raised_ns), pill(one.alert.severity), one.alert.source, one.alert.subject, one.alert.text,
         tag("code", one.alert.next_command) if one.alert.next_command else "",
         act_button("I have it", "acknowledge", one.id, label=f"I have it: {one.alert.text[:60]}") if visit.may("do:trade") else "")
        for one in found
    ]  # fmt: skip
    columns = ("raised", "severity", "source", "about", "what", "run next", "do")
    return table(columns, rows, empty="none that nobody has in hand", label="Alerts")


def _processes(found: tuple[ProcessHealth, ...]) -> Markup:
    rows = [(one.name, pill(one.state), one.detail, tag("code", one.command) if one.command else "") for one in found]
    return table(("process", "state", "detail", "run next"), rows, label="Processes")


def _runs(found: tuple[LastRun, ...]) -> Markup:
    columns = ("job", "partition", "state", "started", "ended", "rows", "error")
    rows = [
        (
            link(one.job, "/logs", job=one.job),
            one.partition,
            pill(one.state),
            moment(one.started_ns),
            moment(one.ended_ns),
            one.rows,
            one.error,
        )
        for one in found
    ]
    return table(columns, rows, numbers=("rows",), empty="no job has run yet; `tradewinds job list` shows them", label="Last runs")


def _events(found: tuple[Event, ...]) -> Markup:
    rows = [(moment(one.at_ns), pill(one.severity), one.account, one.subject, one.text) for one in found[:12]]
    return table(("at", "severity", "account", "about", "what"), rows, empty="nothing yet", label="What trading told")
