"""What the ledger says that people have to know: runs of jobs, data, trading, breaks, conditions.

1. A scan looks at what is new since its last look; the first look of a process goes `BACK_DAYS` back. What was raised before stands in the
   outbox under the same key, so that a restart tells nothing twice.
2. One fault is one alert: a job that Airflow runs is told by its run, whichever of its steps failed, and an evening that failed because of
   breaks or parity is told as breaks or parity.
3. Attempts that Airflow makes again (a vendor that is away) are no alert; what its run came to is (`plan_failed`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, text, to_date
from tradewinds.jobs.config import AlertsConfig, WatchConfig
from tradewinds.people.alert import Alert, Severity
from tradewinds.stores.ledger_alerts_sources import ROWS_MAX, AlertSources, Counted, Row
from tradewinds.stores.ledger_runs import RunFilter

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

BACK_DAYS = 3
OVERLAP = 200  # ids looked at again: on PostgreSQL a lower one may be committed later
TRIED_AGAIN = ("Transient", "Late", "OutcomeUnknown")
NAMED_MAX = 3
LINK = "the broker's connection: "
LOSSES = ("day loss", "drawdown", "cool-down")  # rules that say that money was lost
CHANGES = ("resume", "no trading", "close only", "reduce only", "trade")

Scan = Callable[[], Sequence[Alert]]


def scans_of(house: House) -> dict[str, Scan]:
    """Every scan of a house, by name."""
    from tradewinds.wiring.alerting_guard import GuardJournals
    from tradewinds.wiring.alerting_processes import Processes
    from tradewinds.wiring.alerting_summary import DailySummary

    ledger, processes = LedgerScan(house), Processes(house)
    return {
        "runs": ledger.runs, "expected runs": ledger.expected, "findings": ledger.findings, "holds": ledger.holds,
        "trading": ledger.trading, "breaks": ledger.breaks, "conditions": ledger.crossings,
        "heartbeats": processes.beats, "accounts": processes.accounts, "halt": processes.halt, "alerts of trading": processes.told,
        "signed days": processes.parity, "guard": GuardJournals(house).told, "summary": DailySummary(house).due,
    }  # fmt: skip


@dataclass(slots=True)
class LedgerScan:
    """Looks at the ledger of a house; remembers how far it came."""

    house: House
    _run: int = 0
    _running: dict[int, int] = field(default_factory=dict)  # id -> when it began
    _finding: int = 0
    _hold: int = 0
    _steps: dict[str, int] = field(default_factory=dict)
    _refusals: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    @property
    def _sources(self) -> AlertSources:
        return AlertSources(self.house.ledger.database)

    @property
    def _watch(self) -> WatchConfig:
        return (self.house.config.alerts or AlertsConfig()).watch

    def runs(self) -> list[Alert]:
        """Runs that failed, failed in part, or do not end."""
        now_ns = self.house.clock.now_ns()
        rows = self._sources.runs(after_id=max(0, self._run - OVERLAP), since_ns=self._since(), also=self._running)
        self._run = max([self._run, *(row["id"] for row in rows)])
        self._running = {row["id"]: row["started_ns"] for row in rows if row["state"] == "running"}
        late_ns = int(self._watch.late_hours * NS_PER_HOUR)
        found = [one for row in rows if (one := _of_run(row)) is not None]
        return found + [
            _late(row, self._watch.late_hours) for row in rows if row["state"] == "running" and now_ns - row["started_ns"] > late_ns
        ]

    def expected(self) -> list[Alert]:
        """Jobs of `watch: expected:` that did not end well within their hours."""
        wanted = self._watch.expected
        if not wanted:
            return []
        good, now_ns = self._sources.last_good(wanted), self.house.clock.now_ns()
        found = []
        for job, hours in wanted.items():
            number, ended_ns = good.get(job, (0, None))
            if ended_ns is None or now_ns - ended_ns > hours * NS_PER_HOUR:
                last = "never" if ended_ns is None else f"last at {text(ended_ns)}"
                words = f"{job} has not ended well within {hours:g} hours ({last})"
                found.append(Alert("warning", "jobs", job, words, f"tradewinds job show {job}", f"expected {job} {number}"))
        return found

    def findings(self) -> list[Alert]:
        """What was found wrong in data, one alert for each dataset and look at it."""
        newest = self._sources.newest("finding")
        rows = self._sources.findings(after_id=max(0, self._finding - OVERLAP), since_ns=self._since()) if newest > self._finding else []
        self._finding = newest
        return [_of_findings(one) for one in rows]

    def holds(self) -> list[Alert]:
        """Values that are held until a person decides."""
        newest = self._sources.newest("hold")
        rows = self._sources.holds(after_id=max(0, self._hold - OVERLAP), since_ns=self._since()) if newest > self._hold else []
        self._hold = newest
        return [
            Alert(
                "warning", "data", one.dataset, f"{_counted(one)} held until somebody decides: {_kinds(one)}; first {one.instrument}",
                "tradewinds data findings --holds", f"holds {one.dataset} {one.at_ns}",
            )
            for one in rows
        ]  # fmt: skip

    def trading(self) -> list[Alert]:
        """What the journals say that people have to know: alerts, orders that wait, refusals that come in numbers, overrides."""
        read: dict[str, tuple[int, list[Row]]] = {}
        sources = self._sources
        for account, sequence in sources.projected().items():
            known = self._steps.get(account)
            if known is not None and sequence <= known:
                continue
            rows = sources.events(account, after=known or 0, since_ns=self._since() if known is None else None)
            if len(rows) == ROWS_MAX and rows[0]["sequence"] < rows[-1]["sequence"]:  # the rest comes with the next look
                rows = [row for row in rows if row["sequence"] < rows[-1]["sequence"]]
                read[account] = rows[-1]["sequence"], rows
            else:
                read[account] = sequence, rows
        self._steps |= {account: sequence for account, (sequence, _) in read.items()}
        return [one for _, rows in read.values() for row in rows if (one := self._of_event(row)) is not None]

    def breaks(self) -> list[Alert]:
        """Days on which an account differs from its broker's own statement."""
        days: dict[tuple[str, date], list[Row]] = {}
        for row in self._sources.breaks(self._since()):
            days.setdefault((row["account"], row["day"]), []).append(row)
        return [_of_breaks(account, day, rows) for (account, day), rows in days.items()]

    def crossings(self) -> list[Alert]:
        """Conditions of the table that came true."""
        return [_of_crossing(row) for row in self._sources.crossings(self._since())]

    def _since(self) -> int:
        return self.house.clock.now_ns() - BACK_DAYS * NS_PER_DAY

    def _of_event(self, row: Row) -> Alert | None:
        if row["kind"] == "alert":
            return trade_alert(row["account"], row["severity"], row["text"], row["time_ns"])
        if row["kind"] == "waiting":
            words = f"order {row['subject']} waits for a person: {row['text']}"
            return Alert(
                "warning", "approvals", row["account"], words, f"tradewinds trade approve {row['subject']}", f"waiting {row['subject']}"
            )
        if row["kind"] == "refused":
            return self._of_refusal(row)
        if row["kind"] in CHANGES:
            about = f"{row['account']} {row['subject']}".strip()
            return Alert("info", "risk", about, f"{row['kind']} by {row['text']}", "tradewinds trade status", _place(row))
        return None  # a halt is told by its epoch

    def _of_refusal(self, row: Row) -> Alert | None:
        """A rule about losses at once; another when it refused often enough in its window, then silent until the window is over."""
        rule, account = row["text"].partition(":")[0], row["account"]
        if rule in LOSSES:
            day = to_date(row["time_ns"]).isoformat()
            return Alert(
                "critical", "risk", account, f"refused by {row['text']}", "tradewinds trade status", f"loss {account} {rule} {day}"
            )
        window_ns = int(self._watch.refusal_minutes * NS_PER_MINUTE)
        times = [at for at in self._refusals.get((account, rule), []) if row["time_ns"] - at < window_ns] + [row["time_ns"]]
        self._refusals[account, rule] = times
        if len(times) < self._watch.refusals:
            return None
        self._refusals[account, rule] = []
        words = f"{len(times)} orders refused within {self._watch.refusal_minutes:g} minutes by the rule {row['text']}"
        return Alert("warning", "risk", account, words, f"tradewinds limits show {account}", f"refusals {rule} {_place(row)}")


def trade_alert(account: str, severity: str, words: str, time_ns: int) -> Alert:
    """An alert of the trading service; the same one by the ledger and by its file has the same key."""
    told = words.removeprefix(f"account {account}: ")
    is_link = told.startswith(LINK)
    level: Severity = "critical" if severity == "critical" else "info" if severity == "info" else "warning"
    return Alert(
        level, "broker" if is_link else "trade", account, told.removeprefix(LINK) if is_link else told,
        "tradewinds trade status",
        f"{account} {time_ns} {told}",
    )  # fmt: skip


def plan_failed(house: House, dag: str, run: str, partition: str, reason: str) -> Alert | None:
    """What Airflow's callback tells of a run that failed; None where the scans tell it by its cause."""
    kept = house.ledger.runs(RunFilter(airflow_run=f"{dag}/{run}", state="failed", subject=""))
    if any(_is_of_evening(one.job, None if one.result is None else one.result.error_kind) for one in kept):
        return None
    words = next((one.result.error for one in kept if one.result is not None and one.result.error), reason)
    return Alert("warning", "jobs", f"{dag} {partition}", f"failed: {words}", _show(dag), f"plan {dag}/{run}")


def plan_late(dag: str, run: str, partition: str, hours: float) -> Alert:
    """What Airflow's deadline tells."""
    words = f"has not ended {hours:g} hours after it was due"
    return Alert("warning", "jobs", f"{dag} {partition}", words, "tradewinds status", f"late {dag}/{run}")


def _of_run(row: Row) -> Alert | None:
    if row["state"] not in ("failed", "partial") or _is_of_evening(row["job"], row["error_kind"]):
        return None
    airflow_run = row["airflow_run"]
    if airflow_run and row["error_kind"] in TRIED_AGAIN:
        return None
    subject = f"{row['job']} {row['partition']}"
    key = f"plan {airflow_run}" if airflow_run else f"run {row['id']}"
    if row["state"] == "partial":
        failed: Mapping[str, str] = (row["detail"] or {}).get("failed", {})
        named = "; ".join(f"{name}: {why}" for name, why in list(failed.items())[:NAMED_MAX])
        return Alert("warning", "jobs", subject, f"{len(failed)} failed, the rest is done: {named}", _show(row["job"]), key)
    return Alert("warning", "jobs", subject, f"failed: {row['error'] or row['error_kind']}", _show(row["job"]), key)


def _late(row: Row, hours: float) -> Alert:
    words = f"began at {text(row['started_ns'])} and has not ended after {hours:g} hours"
    return Alert("warning", "jobs", f"{row['job']} {row['partition']}", words, _show(row["job"]), f"late run {row['id']}")


def _is_of_evening(job: str, error_kind: str | None) -> bool:
    return job == "evening" and error_kind == "DataFault"


def _of_findings(one: Counted) -> Alert:
    severity: Severity = "warning" if one.is_error else "info"
    words = f"{_counted(one)} found wrong: {_kinds(one)}; first {one.instrument}"
    return Alert(severity, "data", one.dataset, words, "tradewinds data findings", f"findings {one.dataset} {one.is_error} {one.at_ns}")


def _of_breaks(account: str, day: date, rows: Sequence[Row]) -> Alert:
    named = "; ".join(f"{row['kind']} {row['subject']}: ours {row['ours']}, theirs {row['theirs']}" for row in rows[:NAMED_MAX])
    what = ",".join(sorted(f"{row['kind']} {row['subject']} {row['ours']} {row['theirs']}" for row in rows))
    words = f"{len(rows)} {'break' if len(rows) == 1 else 'breaks'} beside the broker's statement of {day}: {named}"
    return Alert("critical", "breaks", account, words, f"tradewinds trade evening {account} --day {day}", f"breaks {account} {day} {what}")


def _of_crossing(row: Row) -> Alert:
    figures = ", ".join(f"{name} {'not known' if value is None else f'{value:.6g}'}" for name, value in row["values"].items())
    note = f" ({row['note']})" if row["note"] else ""
    words = f"{row['condition']} [{figures}] in the {row['interval']} bar that ended at {text(row['event_ns'])}{note}"
    return Alert("info", "crossing", row["instrument"], words, "tradewinds alerts list --crossings", row["id"])


def _counted(one: Counted) -> str:
    return f"{one.rows} value{' is' if one.rows == 1 else 's are'}"


def _kinds(one: Counted) -> str:
    most = sorted(one.kinds.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count} {kind}" for kind, count in most[:NAMED_MAX]) + (", ..." if len(most) > NAMED_MAX else "")


def _show(job: str) -> str:
    return f"tradewinds job show {job}"


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['account']} {row['sequence']} {row['number']}"
