"""The strategies of the workspace: start, stop, and the way from paper to live, which takes two persons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from tradewinds.app.console.asking import REASON, Field, asked
from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, joined, link, moment_text, pill, table, tag
from tradewinds.app.console.visit import Visit, act_button, card, live
from tradewinds.wiring.desk import trade
from tradewinds.wiring.desk.doings import MODES
from tradewinds.wiring.desk.strategy_files import StrategyFile
from tradewinds.wiring.desk.trade import AccountFacts

EVERY_S = 3.0


@dataclass(frozen=True, slots=True)
class _Seen:
    declared: list[StrategyFile]
    accounts: list[AccountFacts]
    status: dict[str, Any]


@page("/strategies", "Strategies", group="Trade")
async def build(visit: Visit) -> None:
    """One table; what is done to a strategy asks for a reason first."""

    async def stop(on: str) -> None:
        close = Field("close_only", "It may still close what it holds", "check", value=True)
        given = await asked(f"Stop {on}?", "It stands over restarts until somebody starts it.", [REASON, close], "Stop", kind="danger")
        if given is not None:
            words = {"strategy": on, "reason": given["reason"] or "stopped on the console", "close_only": given["close_only"]}
            await visit.do("strategy.stop", words, done=f"{on} is stopped.")

    async def start(on: str) -> None:
        given = await asked(f"Start {on}?", "It decides again at its next bar.", [REASON], "Start")
        if given is not None:
            words = {"strategy": on, "reason": given["reason"] or "started on the console"}
            await visit.do("strategy.start", words, done=f"{on} trades again.")

    async def change(on: str) -> None:
        await _mode(visit, on)

    deeds = {"stop": stop, "start": start, "mode": change}
    await live(visit, lambda: _read(visit), partial(_drawn, visit), every_s=EVERY_S, acts=deeds)


async def _mode(visit: Visit, strategy: str) -> None:
    seen = await visit.read(_read, visit)
    now = next((one for one in seen.declared if one.name == strategy), None)
    if now is None:
        return
    accounts = {one.name: f"{one.name} ({one.broker}, {'LIVE' if one.is_live else one.environment})" for one in seen.accounts}
    fields = [
        Field("mode", "Mode", "choice", value=now.mode, choices={one: one for one in MODES}),
        Field("account", "Account", "choice", value=next(iter(now.accounts), None), choices=accounts),
        REASON,
    ]
    note = "Live takes two persons: what you ask for waits on the approvals page until somebody else confirms it."
    given = await asked(f"Mode of {strategy}", note, fields, "Change mode")
    if given is None:
        return
    words = {"strategy": strategy, "mode": given["mode"], "reason": given["reason"] or "changed on the console"}
    if given["account"] not in (None, *now.accounts):
        words["account"] = given["account"]
    await visit.do("strategy.mode", words, done=lambda told: f"{strategy}: {told['mode']}, in force {told['in_force']}.")


def _read(visit: Visit) -> _Seen:
    return _Seen(trade.declared(visit.house), trade.accounts(visit.house), visit.console.standing.status())


def _drawn(visit: Visit, seen: _Seen) -> Markup:
    running = {row["strategy"]: row for account in seen.status["accounts"] for row in account["strategies"]}
    stopped = {
        row["strategy"]: row["override"] for account in seen.status["accounts"] for row in account["overrides"] if row["strategy"]
    }  # fmt: skip
    rows = []
    for one in seen.declared:
        mode = tag("b", "LIVE", class_="pill bad") if one.mode == "live" else pill(one.mode or "-")
        told = running.get(one.name, {})
        targets = ", ".join(f"{name} {value}" for name, value in told.get("targets", {}).items())
        rows.append((
            tag("b", one.name), mode, pill(stopped[one.name]) if one.name in stopped else "may trade" if told else "not loaded",
            ", ".join(one.accounts), ", ".join(one.instruments), moment_text(told.get("last_decision")), targets,
            tag("span", one.trouble, class_="bad") if one.trouble else "", _buttons(visit, one, is_stopped=one.name in stopped),
        ))  # fmt: skip
    columns = ("strategy", "mode", "state", "accounts", "instruments", "last decision", "targets", "trouble", "do")
    shown = table(columns, rows, empty="no strategy in this workspace yet; `tradewinds init` brings one", label="Strategies")
    backtest = tag("p", link("Backtest one of them", "/research/backtest"), ".")
    return joined((card("Strategies of the workspace", shown, backtest),))


def _buttons(visit: Visit, one: StrategyFile, *, is_stopped: bool) -> Markup:
    if not visit.may("do:strategy") or one.trouble:
        return Markup("")
    name = one.name
    first = act_button("Start", "start", name, kind="main", label=f"Start {name}") if is_stopped else act_button(
        "Stop", "stop", name, label=f"Stop {name}"
    )  # fmt: skip
    return tag("span", first, act_button("Mode", "mode", name, label=f"Change mode of {name}"), class_="row-of")
