"""Who I am and what I may, the configuration in force without secrets, and the audit log."""

from __future__ import annotations

from typing import Any

from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, facts, link, moment, pill, table, tag
from tradewinds.app.console.visit import Visit, card, show
from tradewinds.people.audit import AuditRow
from tradewinds.people.role import PERMISSIONS
from tradewinds.wiring.desk import trade

AUDIT_SHOWN = 100
_PEOPLE = "People, passwords and tokens"


@page("/settings", "Settings", group="House")
async def build(visit: Visit) -> None:
    """The audit log for those who may read it."""
    show(
        card(
            "You",
            facts({"name": visit.visitor.person, "role": visit.visitor.role.replace("_", " ")}),
            _may(visit),
            tag("p", link(_PEOPLE, "/settings/people")),
        )
    )
    show(card("Keys", _KEYS))
    accounts = await visit.read(trade.accounts, visit.house)
    rows = [(one.name, one.broker, pill("live" if one.is_live else one.environment), one.currency, one.trouble) for one in accounts]
    show(card("Accounts", table(("account", "broker", "environment", "currency", "trouble"), rows, empty="none is configured")))
    show(card("House", facts(_house(visit))))
    if visit.may("read:people"):
        show(card("Audit log", _audit(await visit.read(visit.house.ledger.acts.audited, limit=AUDIT_SHOWN))))


_KEYS = table(("key", "does"), [
    ("Shift+H", "asks whether to halt; Enter halts, Escape leaves"), ("Tab", "goes from one control to the next"),
    ("Enter or Space", "presses it"), ("arrow keys", "move the as-of slider"),
])  # fmt: skip


def _may(visit: Visit) -> Markup:
    return tag("p", "You may: ", *(tag("span", pill(one), " ") for one in PERMISSIONS if visit.may(one)))


def _house(visit: Visit) -> dict[str, Any]:
    config = visit.house.config
    return {
        "home": visit.house.home, "workspace": config.workspace or "-", "ledger": visit.house.ledger.place,
        "vendors": ", ".join(sorted(config.vendors)) or "-", "books of research": ", ".join(sorted(config.research)) or "-",
    }  # fmt: skip


def _audit(found: list[AuditRow]) -> Markup:
    rows = [(moment(one.at_ns), one.person, one.face, one.act, one.subject, pill(one.outcome), one.detail) for one in found]
    return table(("at", "who", "by", "act", "about", "outcome", "detail"), rows, empty="nobody did anything yet", label="Audit log")
