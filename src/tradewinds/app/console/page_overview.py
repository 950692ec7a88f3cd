"""What a person looks at first: is everything well, what runs, how the last night ended, what wants attention."""

from __future__ import annotations

from dataclasses import dataclass

from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, joined, link, moment, pill, table, tag, tiles
from tradewinds.app.console.visit import Visit, card, live
from tradewinds.wiring.desk import overview
from tradewinds.wiring.desk.overview import Event, LastRun, ProcessHealth
from tradewinds.wiring.house import House

EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class _Seen:
    processes: tuple[ProcessHealth, ...]
    runs: tuple[LastRun, ...]
    events: tuple[Event, ...]
    held: int


@page("/", "Overview", group="Now")
async def build(visit: Visit) -> None:
    """Everything in one read, again every two seconds."""
    await live(visit, lambda: _read(visit.house), _drawn, every_s=EVERY_S)


def _read(house: House) -> _Seen:
    return _Seen(overview.processes(house), overview.last_runs(house), overview.events(house), overview.held_count(house))


def _drawn(seen: _Seen) -> Markup:
    well = sum(one.is_well for one in seen.processes)
    wrong = sum(one.state in ("failed", "partial") for one in seen.runs)
    return joined((
        tiles((
            ("Processes running", f"{well} of {len(seen.processes)}", "good" if well == len(seen.processes) else "warn"),
            ("Jobs that went wrong", wrong, "bad" if wrong else "good"),
            ("Values held", tag("a", seen.held, href="/data/findings"), "warn" if seen.held else "good"),
            ("Alerts of trading", len([one for one in seen.events if one.severity in ("error", "critical", "warning")]), ""),
        )),
        tag("div", card("Processes", _processes(seen.processes)), card("What trading told", _events(seen.events)), class_="grid"),
        card("Last run of every job", _runs(seen.runs)),
    ))  # fmt: skip


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
