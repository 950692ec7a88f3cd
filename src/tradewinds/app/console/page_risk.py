"""Risk against limits, who changed them, and the form that changes one: raising takes two persons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from nicegui import ui

from tradewinds.app.console.asking import REASON, Field, field, values
from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, joined, moment, options, pill, shown, table, tag
from tradewinds.app.console.visit import Visit, button, card, live, show
from tradewinds.risk.bounds import NAMES
from tradewinds.wiring.desk import trade, trade_pages
from tradewinds.wiring.desk.trade_pages import LimitUse

EVERY_S = 3.0


@dataclass(frozen=True, slots=True)
class _Seen:
    use: tuple[LimitUse, ...]
    changes: list[Any]


@page("/trading/risk", "Risk and limits", group="Trade")
async def build(visit: Visit) -> None:
    """Of the account that the address names."""
    names = [one.name for one in await visit.read(trade.accounts, visit.house)]
    if not names:
        show(tag("p", "No account is configured; docs/accounts.md says how.", class_="empty"))
        return
    asked = visit.query.get("account", "")
    account = asked if asked in names else names[0]
    choice = tag("label", "Account", tag("select", options([(one, one) for one in names], account), name="account"), class_="field")
    show(tag("form", choice, tag("button", "Show", class_="plain", type="submit"), class_="ask", method="get", action="/trading/risk"))

    def read() -> _Seen:
        return _Seen(trade_pages.limit_use(visit.house, visit.console.seen, account), trade.limit_changes(visit.house, account)[:50])

    await live(visit, read, partial(_drawn, account), every_s=EVERY_S)
    if visit.may("do:limits"):
        _form(visit, account)


def _drawn(account: str, seen: _Seen) -> Markup:
    rows = [
        (one.scope, one.name, one.limit, shown(one.value) if not isinstance(one.value, list | frozenset) else ", ".join(sorted(one.value)),
         one.used, _bar(one.share), one.origin)
        for one in seen.use
    ]  # fmt: skip
    columns = ("scope", "name", "limit", "value", "used", "share", "from")
    limits = table(columns, rows, numbers=("value", "used"), empty="no limit stands: every order passes", label="Limits")
    changed = [
        (moment(one.changed_ns), one.changed_by, one.scope, one.name, one.limit_name, shown(one.value), one.reason) for one in seen.changes
    ]
    past = table(("changed", "by", "scope", "name", "limit", "value", "reason"), changed, numbers=("value",), empty="nobody changed one")
    return joined((card(f"Limits of {account}", limits), card("Who changed them", past)))


def _bar(share: float | None) -> Markup:
    if share is None:
        return Markup("")
    tone = "bad" if share >= 1 else "warn" if share >= 0.8 else "good"
    return tag("span", tag("meter", min=0, max=1, value=f"{min(share, 1):.4f}", aria_label=f"{share:.0%} used"), " ", pill(f"{share:.0%}"),
               class_=tone)  # fmt: skip


def _form(visit: Visit, account: str) -> None:
    fields = (
        Field("limit", "Limit", "choice", choices={name: name for name in NAMES}), Field("value", "Value, none takes it away"),
        Field("strategy", "Of this strategy"), Field("instrument", "Of this instrument"), REASON,
    )  # fmt: skip
    with ui.element("section").classes("card box").style("max-width:520px"):
        show(tag("h2", "Change a limit"), tag("p", "Lowering holds at once; raising waits for a second person.", class_="soft"))
        inputs = {one.name: field(one) for one in fields}

        async def change() -> None:
            given = {name: value for name, value in values(inputs).items() if value is not None}
            await visit.do("limit", {"account": account, **given}, done=lambda told: f"{told['limit']} is {shown(told['value'])}.")

        button("Change limit", change, kind="main", name="change-limit")
