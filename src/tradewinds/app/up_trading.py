"""What `tradewinds up` and `status` know of the trading service, the guard, and what is kept beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradewinds.app.up_service import Service
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


def services_of(trading: Wanted, console: Service | None, guests: Sequence[Service]) -> list[Service]:
    """Everything that the keeper is to keep; what is not installed is left out."""
    from tradewinds.app.up_service import alerts_service, is_installed, own

    found = [own(name) for name in trading.services]
    found += [] if console is None else [console]
    found += [alerts_service()] if is_installed("alerts") else []
    return [*found, *guests]


def state_of(home: Path) -> Mapping[str, Any]:
    """What the keeper keeps: service -> state, pid, starts; empty where none runs."""
    from tradewinds.app.up_keeper import found

    beat = found(home)
    return {} if beat is None else beat.detail
