"""How the house is: its processes, how the last runs of every job ended, what is held, what came up lately.

Everything is read from files and the ledger; looking starts nothing and waits for nobody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradewinds.live.guard_process import Beat, is_alive, read_beat, service_path
from tradewinds.live.guard_run import guard_beat
from tradewinds.stores.ledger_runs import RunFilter

if TYPE_CHECKING:
    from tradewinds.core.record import JobRun
    from tradewinds.wiring.house import House

RUNS_LOOKED_AT = 500
EVENTS_SHOWN = 30
FRESH_S = 5.0


@dataclass(frozen=True, slots=True)
class ProcessHealth:
    """One process of the house. state: running, stopped, died, stale, waiting. command: what a person runs next, "" where all is well."""

    name: str
    state: str
    detail: str = ""
    command: str = ""

    @property
    def is_well(self) -> bool:
        return self.state == "running"


@dataclass(frozen=True, slots=True)
class LastRun:
    """How a job's last run ended."""

    job: str
    partition: str
    state: str
    started_ns: int
    ended_ns: int | None
    rows: int
    error: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that trading told people."""

    at_ns: int
    account: str
    severity: str
    kind: str
    subject: str
    text: str


def processes(house: House) -> tuple[ProcessHealth, ...]:
    """Trading service, guard, and what the keeper keeps beside them."""
    home = house.home
    keeper = read_beat(home / "up" / "keeper.json")
    kept: dict[str, Any] = dict(keeper.detail) if keeper is not None and is_alive(keeper) else {}
    found = [
        _told("trade", read_beat(service_path(home)), kept.get("trade"), "tradewinds trade"),
        _told("guard", read_beat(guard_beat(home)), kept.get("guard"), "tradewinds guard"),
    ]
    for name, told in sorted(kept.items()):
        if name not in ("trade", "guard"):
            found.append(
                ProcessHealth(name, str(told["state"]), _starts(told), "" if told["state"] == "running" else f"tradewinds logs {name}")
            )
    if keeper is not None:
        state = "running" if kept or is_alive(keeper) else "died"
        found.append(
            ProcessHealth("keeper", state, f"process {keeper.pid}", "" if state == "running" else "tradewinds down; tradewinds up")
        )
    return tuple(found)


def last_runs(house: House) -> tuple[LastRun, ...]:
    """The last run of every job on a whole partition, those that went wrong first, then by name."""
    latest: dict[str, JobRun] = {}
    for run in house.ledger.runs(RunFilter(subject=""), limit=RUNS_LOOKED_AT):
        latest.setdefault(run.job, run)
    order = {"failed": 0, "partial": 1, "running": 2}
    return tuple(_last(run) for run in sorted(latest.values(), key=lambda one: (order.get(one.state, 3), one.job)))


def events(house: House, account: str | None = None) -> tuple[Event, ...]:
    """What trading told lately, newest first."""
    rows = house.ledger.trading.rows("event", account, limit=EVENTS_SHOWN)
    found = [
        Event(int(row["time_ns"]), row["account"], row["severity"], row["kind"], row["subject"], row["text"]) for row in rows
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: -one.at_ns))


def held_count(house: House) -> int:
    """How many cells of the history wait for a person."""
    return len(house.ledger.holds(is_open=True))


def _told(name: str, beat: Beat | None, kept: Any, command: str) -> ProcessHealth:
    if beat is None:
        waits = kept is not None and kept["state"] == "waiting"
        return ProcessHealth(name, "waiting" if waits else "stopped", _starts(kept), f"tradewinds logs {name}" if waits else command)
    age_s = beat.age_s
    words = f"process {beat.pid}, heartbeat {age_s:.1f} s ago" if math.isfinite(age_s) else f"process {beat.pid} of an earlier boot"
    if not is_alive(beat):
        return ProcessHealth(name, "died", words, command)
    state = "running" if age_s <= FRESH_S else "stale"
    return ProcessHealth(
        name, state, ", ".join(one for one in (words, _starts(kept)) if one), "" if state == "running" else f"tradewinds logs {name}"
    )


def _starts(told: Any) -> str:
    return "" if told is None or told["starts"] <= 1 else f"started {told['starts']} times"


def _last(run: JobRun) -> LastRun:
    result = run.result
    rows = 0 if result is None else result.rows_published + result.rows_restated
    ended = None if result is None else result.ended_ns
    return LastRun(run.job, run.partition, run.state, run.started_ns, ended, rows, "" if result is None else result.error or "")
