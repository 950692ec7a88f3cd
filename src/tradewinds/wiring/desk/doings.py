"""How each act is done: what the CLI does for the same wish, as functions of (house, principal, words). Nobody's role is asked here.

Words come from outside: what names a file or a strategy is looked up among those of the workspace, never joined to a path.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewinds.core.candidate import ANSWERS
from tradewinds.core.errors import Missing, OutcomeUnknown, Rejected
from tradewinds.core.instant import parse, to_date
from tradewinds.core.record import DECISIONS
from tradewinds.live.control import ask
from tradewinds.people.four_eyes import is_raised
from tradewinds.people.token import Principal
from tradewinds.risk.bounds import FLAGS, NAMES, NO_LIMITS, Limits, limit_value
from tradewinds.stores.limits import LimitBook, LimitChange, LimitScope
from tradewinds.wiring.accounts import account_of, limits_of
from tradewinds.wiring.desk.strategy_files import declared_limits, file_of, rewritten, strategy_files

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

Words = Mapping[str, Any]

HALT_WITHIN_S = 200.0
MODES = ("backtest", "shadow", "paper", "live")
FACE = "console"


# Trading


def control(act: str) -> Callable[[House, Principal, Words], dict[str, Any]]:
    """An act of the running trading service, asked as the CLI asks it."""

    def done(house: House, principal: Principal, words: Words) -> dict[str, Any]:
        given = {name: value for name, value in words.items() if value is not None and (act, name) != ("order", "reason")}
        return ask(house.home, act, {**given, "by": principal.person})

    return done


def cancel(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    if not any(words.get(name) for name in ("id", "account", "strategy", "instrument")):
        raise Rejected("cancel: nothing named, expected an id, an account, a strategy or an instrument")
    return control("cancel")(house, principal, words)


def override(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    return control("override")(house, principal, {**words, "override": str(words["override"]).replace("-", " ")})


def start(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    file_of(house, str(words["strategy"]))
    return control("override")(house, principal, {"override": "trade", "strategy": words["strategy"], "reason": words["reason"]})


def stop(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    file_of(house, str(words["strategy"]))
    how = "close only" if words.get("close_only") else "no trading"
    return control("override")(house, principal, {"override": how, "strategy": words["strategy"], "reason": words["reason"]})


def halt(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    """In a process of its own, which imports next to nothing: what may be broken here must not stop a halt."""
    command = [sys.executable, "-m", "tradewinds.app.halt", "--json", "--home", str(house.home)]
    command += [f"--reason={principal.person}: {words['reason']}", *(["--flatten"] if words.get("flatten") else [])]
    file = Path(house.config.workspace or ".") / "tradewinds.yaml"
    command += ["--config", str(file)] if house.config.workspace and file.is_file() else []
    try:
        ended = subprocess.run(command, capture_output=True, timeout=HALT_WITHIN_S, check=False)  # noqa: S603 - our own command
        told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
        raise OutcomeUnknown(f"halt: {type(error).__name__}, expected its report; run `tradewinds halt` at the machine now") from None
    return {"is_clear": bool(told.get("is_clear")), **told}


# Strategies


def why_two_for_mode(house: House, words: Words) -> str:
    _checked_mode(words)
    return "trading with real money" if words["mode"] == "live" else ""


def set_mode(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    """Write the mode (and account) into the strategy's file; it is checked as at a start before it takes the old one's place."""
    _checked_mode(words)
    file = file_of(house, str(words["strategy"]))
    before = rewritten(house, file, str(words["mode"]), None if words.get("account") is None else str(words["account"]))
    return {
        "strategy": words["strategy"], "file": file.name, "mode": words["mode"], "before": before,
        "in_force": "at the next start of the trading service", "next": "tradewinds down && tradewinds up --detach",
    }  # fmt: skip


def _checked_mode(words: Words) -> None:
    if words["mode"] not in MODES:
        raise Rejected(f"strategy {words['strategy']}: mode {words['mode']!r}, expected one of {', '.join(MODES)}")


# Limits


def why_two_for_limit(house: House, words: Words) -> str:
    account, scope, name = _scope(house, words)
    limit, after = str(words["limit"]), _limit_value(words)
    now = _in_force(house, account, scope, name)
    before = getattr(now, limit)
    chosen = getattr(NO_LIMITS, limit) if after is None else limit_value(limit, after, f"limit of account {account}")
    return f"{limit} would go from {_shown(before)} to {_shown(chosen)}" if is_raised(limit, before, chosen) else ""


def set_limit(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    account, scope, name = _scope(house, words)
    now_ns = house.clock.now_ns()
    change = LimitChange(
        account, scope, name, str(words["limit"]), _limit_value(words), now_ns, now_ns, principal.person, str(words["reason"])
    )
    kept = LimitBook(house.ledger.database).change(change)
    return {"account": account, "scope": scope, "name": name or None, "limit": kept.limit_name, "value": kept.value, "by": kept.changed_by}


def _scope(house: House, words: Words) -> tuple[str, LimitScope, str]:
    account = account_of(house.config, str(words["account"])).name
    if words["limit"] not in NAMES:
        raise Rejected(f"limit {words['limit']!r}, expected one of {', '.join(NAMES)}")
    strategy, instrument = words.get("strategy"), words.get("instrument")
    if strategy is not None and instrument is not None:
        raise Rejected(f"limit {words['limit']}: strategy {strategy} and instrument {instrument}, expected one of them or none")
    scope: LimitScope = "strategy" if strategy is not None else "instrument" if instrument is not None else "account"
    return account, scope, str(strategy or instrument or "")


def _in_force(house: House, account: str, scope: LimitScope, name: str) -> Limits:
    kept = LimitBook(house.ledger.database).at(account, house.clock.now_ns())
    declared = NO_LIMITS
    if scope == "account":
        declared = account_of(house.config, account).limits
    elif scope == "strategy":
        declared = limits_of(declared_limits(house, name), f"strategy {name}: limits")
    return kept.over(declared, scope, name)


def _limit_value(words: Words) -> Any:
    """As YAML would have it; `none` takes the limit away."""
    value = words["value"]
    if not isinstance(value, str):
        return value
    if value == "none":
        return None
    if words["limit"] in FLAGS and value in ("true", "false"):
        return value == "true"
    return [one.strip() for one in value.split(",") if one.strip()] if words["limit"] == "restricted" else value


def _shown(value: Any) -> str:
    return "no limit" if value is None else ", ".join(sorted(value)) or "none" if isinstance(value, frozenset) else str(value)


# Data and research


def release(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    decision = words["decision"]
    if decision not in DECISIONS:
        raise Rejected(f"release: decision {decision!r}, expected one of {', '.join(DECISIONS)}")
    instrument, dataset, start_ns = str(words["instrument"]), str(words.get("dataset") or "bars-1d"), parse(str(words["start"]))
    now_ns = house.clock.now_ns()
    note = None if words.get("note") is None else str(words["note"])
    closed = house.ledger.release(
        instrument, dataset, start_ns, decision=decision, released_by=principal.person, released_ns=now_ns, note=note
    )
    if not closed:
        raise Missing(f"release {instrument} {dataset} {words['start']}: nothing is held there, expected a hold that is open")
    return {"instrument": instrument, "dataset": dataset, "start_ns": start_ns, "decision": decision, "closed": closed}


def answer_candidate(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    given = words["answer"]
    if given not in ANSWERS:
        raise Rejected(f"candidate {words['id']}: answer {given!r}, expected one of {', '.join(ANSWERS)}")
    note = None if words.get("note") is None else str(words["note"])
    found = house.ledger.candidates.answer(str(words["id"]), given, by=principal.person, at_ns=house.clock.now_ns(), face=FACE, note=note)
    return {"id": found.id, "instrument": found.instrument, "state": found.state, "by": found.answered_by}


def promote(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    from tradewinds.wiring.house import run_job

    params = {"model": str(words["model"]), "version": str(words["version"]), "by": principal.person}
    ended = run_job("train.promote", to_date(house.clock.now_ns()).isoformat(), params, house=house)
    return {"state": ended["state"], **ended["detail"]}


def backtest(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    """Start one in a process of its own; its output stands below the home and its run in the ledger when it has ended."""
    named = str(words["file"])
    file = strategy_files(house).get(named)
    if file is None:
        raise Rejected(f"backtest {named!r}, expected one of {', '.join(sorted(strategy_files(house))) or 'none yet'}")
    named_there = {"start": "from", "end": "to", "capital": "capital"}
    options = [f"--{option}={words[name]}" for name, option in named_there.items() if words.get(name) is not None]
    parameters = words.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise Rejected(f"backtest {named}: parameters {type(parameters).__name__}, expected values by name")
    options += [f"--param={name}={value}" for name, value in sorted(parameters.items())]
    folder = house.home / "backtests" / "asked"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{house.clock.now_ns()}-{file.stem}"
    command = [sys.executable, "-m", "tradewinds", "backtest", str(file), "--json", *options]
    with (folder / f"{stem}.json").open("wb") as out, (folder / f"{stem}.log").open("wb") as log:
        started = subprocess.Popen(  # noqa: S603 - our own command; each word of a person is one argument of it
            command, stdout=out, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=house.config.workspace,
            env=os.environ | {"TRADEWINDS_HOME": str(house.home)},
        )  # fmt: skip
    return {"started": stem, "process": started.pid, "file": named}
