"""What the files of a home say that people have to know: heartbeats that stopped, accounts that stand still, a halt, what trading told.

1. A heartbeat is silent when neither its own clock nor the time of its file moved for `silent_s`. A process that ends cleanly takes its
   file away. The age is real time, whatever time the house is replayed at.
2. The halt epoch only rises: each of its values is told once.
3. `<home>/trade/alerts.jsonl` holds every alert of the trading service, those of the journal and others; the ledger has the first kind too,
   under the same key, for a desk on another machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_SECOND, parse
from tradewinds.jobs.config import AlertsConfig, WatchConfig
from tradewinds.live.epoch import epoch_path
from tradewinds.live.guard_process import Beat, read_beat, service_path
from tradewinds.live.guard_run import guard_beat
from tradewinds.people.alert import Alert, Severity
from tradewinds.wiring.alerting_scan import BACK_DAYS, trade_alert

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

OF_US = "alerts"  # our own heartbeat, which nobody here has to watch
CRITICAL = ("trade", "guard", "keeper")
TAIL_BYTES = 256 * 1024
DAYS_LOOKED_AT = 3
EPOCH_BYTES = 8


@dataclass(slots=True)
class Processes:
    """Looks at the files of a house's home; remembers how far it came."""

    house: House
    wall_s: Callable[[], float] = time.time
    _down: dict[str, int] = field(default_factory=dict)  # account -> since when its connection is seen to be down
    _looked: bool = False
    _down_before: set[str] = field(default_factory=set)  # those that were down at the first look, told once for a start of the service
    _place: int | None = None  # in the file of alerts
    _read: dict[Path, float] = field(default_factory=dict)  # signed days, by the time of their file

    @property
    def _watch(self) -> WatchConfig:
        return (self.house.config.alerts or AlertsConfig()).watch

    def beats(self) -> list[Alert]:
        """Processes whose heartbeat stopped, and those that were started again."""
        found: list[Alert] = []
        for name, path in self._paths().items():
            beat = read_beat(path)
            if beat is None:
                continue
            silent_s = self._silent_s(path, beat)
            if silent_s > self._watch.silent_s:
                words = f"no heartbeat of the {name} process ({beat.pid}) for {silent_s:.0f} s, expected one every second"
                severity: Severity = "critical" if name in CRITICAL else "warning"
                key = f"{name} {beat.pid} {beat.started} {beat.beat_ns}"
                found.append(Alert(severity, "dead-man", name, words, "tradewinds status", key))
            found += _started_again(name, beat)
        return found

    def accounts(self) -> list[Alert]:
        """Accounts that stand still, and those whose broker is down for `down_s`."""
        path = service_path(self.house.home)
        beat = read_beat(path)
        if beat is None or self._silent_s(path, beat) > self._watch.silent_s:
            self._down.clear()
            return []
        since, now_ns = str(beat.detail.get("since", "")), self.house.clock.now_ns()
        states: Mapping[str, str] = beat.detail.get("accounts", {})
        found = [
            Alert(
                "critical", "trade", name, "stands still: it failed and does not trade", "tradewinds trade status", f"failed {name} {since}"
            )
            for name, state in states.items()
            if state == "failed"
        ]
        links: Mapping[str, str] = beat.detail.get("links", {})
        for name in states:
            if links.get(name) != "down" or states[name] not in ("starting", "trading"):
                self._down.pop(name, None)
                self._down_before.discard(name)
                continue
            if not self._looked:
                self._down_before.add(name)
            began_ns = self._down.setdefault(name, now_ns)
            if now_ns - began_ns >= self._watch.down_s * NS_PER_SECOND:
                key = f"down {name} {since} {0 if name in self._down_before else began_ns}"
                words = f"the connection to the broker is down for {self._watch.down_s:g} s and more; nothing can be sent"
                found.append(Alert("critical", "broker", name, words, "tradewinds trade status", key))
        self._looked = True
        return found

    def halt(self) -> list[Alert]:
        """The halt epoch in force, where it was raised in the last days."""
        path = epoch_path(self.house.home)
        try:
            epoch = int.from_bytes(path.read_bytes()[:EPOCH_BYTES], "little")
            age_s = self.wall_s() - path.stat().st_mtime
        except OSError:
            return []
        if epoch == 0 or age_s > BACK_DAYS * NS_PER_DAY / NS_PER_SECOND:
            return []
        words = f"trading is halted (epoch {epoch}): nothing is sent any more, and every order is cancelled"
        return [Alert("critical", "halt", "trading", words, "tradewinds trade status", f"epoch {epoch}")]

    def told(self) -> list[Alert]:
        """New lines of the trading service's file of alerts."""
        path = self.house.home / "trade" / "alerts.jsonl"
        try:
            size = path.stat().st_size
            is_first = self._place is None or self._place > size
            start = max(0, size - TAIL_BYTES) if self._place is None or self._place > size else self._place
            with path.open("rb") as file:
                file.seek(start)
                given = file.read(TAIL_BYTES)
        except OSError:
            return []
        whole, _, _ = given.rpartition(b"\n")  # a line that is being written waits
        self._place = start + (len(whole) + 1 if whole else 0)
        oldest_ns = self.house.clock.now_ns() - BACK_DAYS * NS_PER_DAY
        rows = [row for line in whole.splitlines() if (row := _line(line)) is not None]
        return [trade_alert(*row) for row in rows if not is_first or row[3] >= oldest_ns]

    def parity(self) -> list[Alert]:
        """Signed days on which what was decided differs from its replay."""
        found = []
        for account, path in self._days():
            try:
                changed_s = path.stat().st_mtime
                if self._read.get(path) == changed_s:
                    continue
                report = json.loads(path.read_bytes())
            except (OSError, ValueError):
                continue  # it is being written, or signed anew
            self._read[path] = changed_s
            if (report.get("parity") or {}).get("is_equal", True) is False:
                words = f"what was decided on {path.stem} differs from its replay"
                command = f"tradewinds parity {account} --day {path.stem}"
                found.append(Alert("critical", "parity", account, words, command, f"parity {account} {path.stem}"))
        return found

    def _paths(self) -> dict[str, Path]:
        home = self.house.home
        kept = {path.stem: path for path in sorted((home / "up").glob("*.json")) if path.stem != OF_US}
        return {"trade": service_path(home), "guard": guard_beat(home)} | kept

    def _silent_s(self, path: Path, beat: Beat) -> float:
        """Seconds without a sign: the file's own time decides where the beat is of another boot or machine."""
        try:
            return max(0.0, min(beat.age_s, self.wall_s() - path.stat().st_mtime))
        except OSError:  # it has just ended cleanly
            return 0.0

    def _days(self) -> Iterator[tuple[str, Path]]:
        """The last signed days of every account."""
        folder = self.house.home / "trade" / "daily"
        for account in sorted(path for path in folder.glob("*") if path.is_dir()):
            for path in sorted(account.glob("*.json"), reverse=True)[:DAYS_LOOKED_AT]:
                yield account.name, path


def _started_again(name: str, beat: Beat) -> list[Alert]:
    """What a keeper says of the services that it had to start again: at the second start, the fourth, the eighth."""
    found = []
    for service, told in beat.detail.items():
        starts = told.get("starts", 0) if isinstance(told, Mapping) else 0
        if isinstance(starts, int) and starts > 1:
            words = f"ended by itself and was started again ({starts} starts)"
            key = f"started {service} {starts.bit_length()} of {name} {beat.pid} {beat.started}"
            found.append(Alert("warning", "dead-man", service, words, f"tradewinds logs {service}", key))
    return found


def _line(line: bytes) -> tuple[str, str, str, int] | None:
    """account, severity, text and time of a line; None for one that is none."""
    try:
        row: dict[str, Any] = json.loads(line)
        return str(row["account"]), str(row["severity"]), str(row["text"]), parse(str(row["at"]))
    except (ValueError, KeyError, TypeError, Rejected):
        return None
