"""What processes said: process, run, symbol, order; and the runs of jobs with what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, joined, link, moment, moment_text, options, pill, table, tag
from tradewinds.app.console.visit import Visit, card, live, show
from tradewinds.core.record import JobRun
from tradewinds.wire.log import LEVELS, log_folder
from tradewinds.wire.log_reader import LogFilter, last_rows
from tradewinds.wiring.desk import market, trade

EVERY_S = 2.0
LINES_SHOWN = 200
RUNS_SHOWN = 60
KNOWN = ("time", "level", "process", "run", "event", "instrument", "order", "text")


@dataclass(frozen=True, slots=True)
class _Seen:
    lines: list[dict[str, Any]]
    runs: list[JobRun]
    order: tuple[dict[str, Any], list[dict[str, Any]]] | None


@page("/logs", "Logs", group="Now")
async def build(visit: Visit) -> None:
    """Narrowed down by the address: process, run, symbol, order, level, job."""
    asked = {name: visit.query.get(name) or None for name in ("process", "run", "symbol", "order", "level")}
    job = visit.query.get("job") or None
    home = visit.house.home
    names = await visit.read(_processes, home)
    show(_form(asked, job, names))

    def read() -> _Seen:
        lines = last_rows(home, LogFilter(**asked), LINES_SHOWN)
        runs = [] if any(asked.values()) else market.runs(visit.house, job=job, limit=RUNS_SHOWN)
        return _Seen(lines[::-1], runs, None if asked["order"] is None else _order(visit, asked["order"]))

    await live(visit, read, partial(_drawn, asked), every_s=EVERY_S)


def _processes(home: Path) -> list[str]:
    return sorted(path.stem for path in log_folder(home).glob("*.jsonl"))


def _order(visit: Visit, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    from tradewinds.core.errors import Missing

    try:
        return trade.order(visit.house, name)
    except Missing:
        return None


def _drawn(asked: dict[str, str | None], seen: _Seen) -> Markup:
    parts = [] if seen.order is None else [_order_card(*seen.order)]
    parts.append(card("What processes said, the last first", _lines(asked, seen.lines)))
    if seen.runs:
        parts.append(card("Runs of jobs", _runs(seen.runs)))
    return joined(parts)


def _order_card(order: dict[str, Any], fills: list[dict[str, Any]]) -> Markup:
    row = (moment(order["approved_ns"]), order["instrument"], order["side"], order["quantity"], pill(order["state"]), order["reason"])
    booked = [
        (
            moment(one["event_ns"]),
            one["quantity"],
            one["price"],
            link("Explain this fill", "/explain", account=one["account"], fill=one["id"]),
        )
        for one in fills
    ]
    return card(f"Order {order['client_order_id']}", table(("approved", "instrument", "side", "quantity", "state", "reason"), [row]),
                table(("filled at", "quantity", "price", "why"), booked, empty="not filled"))  # fmt: skip


def _lines(asked: dict[str, str | None], lines: list[dict[str, Any]]) -> Markup:
    def narrowed(name: str, value: object) -> object:
        return link(value, "/logs", **{**asked, name: value}) if value else ""

    rows = []
    for one in lines:
        rest = ", ".join(f"{name} {value}" for name, value in one.items() if name not in KNOWN)
        rows.append((
            moment_text(one.get("time")), pill(one.get("level", "info")), narrowed("process", one.get("process")),
            narrowed("run", one.get("run")), narrowed("symbol", one.get("instrument")), narrowed("order", one.get("order")),
            tag("b", one.get("event", "")), f"{one.get('text', '')} {rest}".strip(),
        ))  # fmt: skip
    columns = ("time", "level", "process", "run", "symbol", "order", "event", "text")
    return table(columns, rows, empty="no line fits; processes log once they run", label="Log")


def _runs(runs: list[JobRun]) -> Markup:
    rows = [
        (link(one.job, "/logs", job=one.job), one.partition, pill(one.state), moment(one.started_ns),
         tag("a", "Airflow's log", href=one.log) if one.log and one.log.startswith(("http://", "https://")) else "",
         "" if one.result is None else one.result.error or "")
        for one in runs
    ]  # fmt: skip
    return table(("job", "partition", "state", "started", "log", "error"), rows, label="Runs")


def _form(asked: dict[str, str | None], job: str | None, processes: list[str]) -> Markup:
    def choice(name: str, words: str, given: list[str]) -> Markup:
        return tag("label", words, tag("select", options([("", "any"), *((one, one) for one in given)], asked[name] or ""), name=name),
                   class_="field")  # fmt: skip

    texts = [tag("label", name.capitalize(), tag("input", name=name, value=asked[name] or "", size=14), class_="field")
             for name in ("run", "symbol", "order")]  # fmt: skip
    of_job = tag("label", "Job", tag("input", name="job", value=job or "", size=14), class_="field")
    return tag("form", choice("process", "Process", processes), choice("level", "At least", list(LEVELS)), *texts, of_job,
               tag("button", "Filter", class_="plain", type="submit"), class_="ask", method="get", action="/logs")  # fmt: skip
