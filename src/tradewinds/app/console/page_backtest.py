"""The form that starts a backtest, and those that were started from it."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from tradewinds.app.console.asking import Field, field, values
from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, link, pill, table, tag
from tradewinds.app.console.visit import Visit, button, card, live, show
from tradewinds.core.errors import Rejected
from tradewinds.wiring.desk import research_pages
from tradewinds.wiring.desk.research_pages import AskedRun
from tradewinds.wiring.desk.strategy_files import strategy_files

EVERY_S = 2.0


@page("/research/backtest", "Start a backtest", group="Research")
async def build(visit: Visit) -> None:
    """It runs in a process of its own; closing the page does not end it."""
    files = await visit.read(strategy_files, visit.house)
    if visit.may("do:research"):
        _form(visit, sorted(files))
    else:
        show(tag("p", "Your role may look and start nothing.", class_="note"))
    await live(visit, lambda: research_pages.asked_runs(visit.house), _drawn, every_s=EVERY_S)


def _form(visit: Visit, files: list[str]) -> None:
    fields = (
        Field("file", "Strategy", "choice", value=files[0] if files else "", choices={one: one for one in files}),
        Field("start", "From, such as 2024-01-01"), Field("end", "To"), Field("capital", "Capital"),
        Field("parameters", "Parameters, such as fast=10, slow=50"),
    )  # fmt: skip
    with ui.element("section").classes("card box").style("max-width:520px"):
        inputs: dict[str, Any] = {one.name: field(one) for one in fields}

        async def begin() -> None:
            given = {name: value for name, value in values(inputs).items() if value is not None}
            try:
                parameters = _parameters(given.pop("parameters", ""))
            except Rejected as error:
                ui.notify(str(error), type="negative")
                return
            await visit.do("backtest", {**given, **({"parameters": parameters} if parameters else {})}, done=_said)

        button("Start", begin, kind="main", name="start-backtest")


def _parameters(text: str) -> dict[str, str]:
    pairs = [one.partition("=") for one in text.split(",") if one.strip()]
    wrong = next((name for name, equals, _ in pairs if not equals or not name.strip()), None)
    if wrong is not None:
        raise Rejected(f"parameters: {wrong.strip()[:60]!r}, expected name=value, separated by commas")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _said(told: dict[str, Any]) -> str:
    return f"Started {told['file']}."


def _drawn(found: tuple[AskedRun, ...]) -> Markup:
    rows = [(one.name, pill(one.state), link(f"run {one.run}", "/research", run=one.run) if one.run else "", one.says) for one in found]
    return card("Started from here", table(("name", "state", "result", "says"), rows, empty="none yet", label="Started backtests"))
