"""What `tradewinds up`, `status`, `down` and `logs` know of the trading service and the guard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradewinds.wiring.house import House


@dataclass(frozen=True, slots=True)
class Wanted:
    """The services that this configuration asks for, and what is to be said of each."""

    services: tuple[str, ...]
    lines: tuple[str, ...]


def wanted(house: House) -> Wanted:
    """trade: where a strategy of the workspace says mode shadow, paper or live. guard: where the guard has keys for an account."""
    from tradewinds.app.guard import NEEDS_NO_KEY
    from tradewinds.core.errors import Rejected
    from tradewinds.wiring.keys import keys_of
    from tradewinds.wiring.trade import plan

    if not house.config.accounts:
        return Wanted((), ("no trading: no accounts are configured",))
    try:
        planned = plan(house.config, (), house=house)
    except Rejected as error:
        return Wanted((), (f"no trading: {error}",))
    lines = [f"set aside: {name}: {why}" for name, why in planned.troubles.items()]
    for name, account in planned.accounts.items():
        live = "*** LIVE *** " if account.mode == "live" else ""
        lines.append(f"{live}trading: account {name} ({account.mode}): {', '.join(account.shares)}")
    services = ["trade"] if planned.accounts else []
    if not services:
        lines.append("no trading: no strategy of the workspace says mode: shadow, paper or live")
    guarded = [
        name for name in planned.accounts
        if (broker := house.config.accounts[name].broker) != "paper" and (broker in NEEDS_NO_KEY or keys_of(name, "guard"))
    ]  # fmt: skip
    if guarded:
        services.append("guard")
        lines.append(f"guard: watches over {', '.join(guarded)}")
    elif services:
        lines.append("no guard: no traded account has keys under TRADEWINDS_GUARD__<ACCOUNT>__; docs/halt.md says how")
    return Wanted(tuple(services), tuple(lines))


def state_of(home: Path) -> Mapping[str, Any]:
    """What the keeper keeps: service -> state, pid, starts; empty where none runs."""
    from tradewinds.app.up_keeper import found

    beat = found(home)
    return {} if beat is None else beat.detail


def said_of(home: Path) -> tuple[list[str], list[str]]:
    """Lines about what runs, and about what does not that should."""
    from tradewinds.app.up_keeper import found, keeper_path

    fine: list[str] = []
    trouble: list[str] = []
    if keeper_path(home).exists() and found(home) is None:
        trouble.append("the keeper of trading died; `tradewinds down` ends what it left, `tradewinds up` starts it")
    for name, told in state_of(home).items():
        starts = f", started {told['starts']} times" if told["starts"] > 1 else ""
        process = "" if told["pid"] is None else f", process {told['pid']}"
        line = f"{name}: {told['state']}{process}{starts}"
        (fine if told["state"] in ("running", "ended") else trouble).append(line)
    return fine, trouble
