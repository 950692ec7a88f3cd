"""Models: every version with its aliases, what it was made of, and how good it was on rows that it had not seen."""

from __future__ import annotations

from typing import Any

from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, joined, moment, pill, shown, table, tag
from tradewinds.app.console.visit import Visit, card, later
from tradewinds.wiring.desk import research


@page("/research/models", "Models", group="Research")
async def build(visit: Visit) -> None:
    """As MLflow has them; a promotion waits on the approvals page."""
    await later(visit, "models, from MLflow", lambda: research.models(visit.house), _drawn)


def _drawn(found: list[dict[str, Any]]) -> Markup:
    if not found:
        return card("Models", tag("p", "This workspace declares no model.", class_="empty"))
    return joined(card(one["model"], _versions(one["versions"])) for one in found)


def _versions(versions: list[dict[str, Any]]) -> Markup:
    names = list(dict.fromkeys(name for one in versions for name, value in one["scores"].items() if isinstance(value, int | float)))[:6]
    rows = [
        (one["version"], tag("span", *(pill(name) for name in one["aliases"])), moment(one["as_of_ns"]), one["rows"], one["trials"],
         *(shown(one["scores"].get(name)) for name in names), tag("code", one["sha256"][:12]))
        for one in versions
    ]  # fmt: skip
    columns = ("version", "aliases", "data as of", "rows", "tried", *names, "files")
    return table(columns, rows, numbers=("rows", "tried", *names), empty="never trained", label="Versions")
