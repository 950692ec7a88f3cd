"""Reads back what the demo did: from the ledger, the lake and the raw store, not from what was meant to happen."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tradewinds.app.demo_data import LATE_NIGHT, DemoData, Planted
from tradewinds.calendars.sessions import calendar
from tradewinds.core.instant import parse, text, to_date
from tradewinds.core.market import bars
from tradewinds.core.observation import Finding, Table
from tradewinds.history.lineage import is_complete, steps, to_dict, to_lines
from tradewinds.jobs.equities import HISTORY
from tradewinds.jobs.ingest import FAR_FUTURE_NS
from tradewinds.jobs.lineage import lineage_of
from tradewinds.stores.ledger_runs import RunFilter
from tradewinds.wiring.house import House

RESTATED = "MSFT.XNAS"
NEIGHBOURS = {"stale", "shift", "swapped", "unit", "volume_scale", "gap", "split"}  # a session beside it may be named


def facts(house: House, data: DemoData, before: str, after: str) -> dict[str, Any]:
    """Rows, findings, decisions, the restatement and the lineage."""
    findings = house.ledger.findings()
    runs = [run for run in house.ledger.runs(RunFilter(subject="")) if run.result is not None]
    rows_in = sum(run.result.rows_in for run in runs if run.result and run.job.endswith((".ingest", ".capture")))
    published = sum(run.result.rows_published for run in runs if run.result and run.job.endswith((".ingest", ".publish")))
    restated = sum(run.result.rows_restated for run in runs if run.result and run.job.endswith((".ingest", ".publish")))
    scored = _scored(data, findings)
    equities = house.lake.read(HISTORY, as_of_ns=FAR_FUTURE_NS)
    minutes = house.lake.read(Table(bars("1m")), as_of_ns=FAR_FUTURE_NS, columns=["instrument"])
    session_ns = calendar("XNYS").open_ns(LATE_NIGHT)
    restatement = [_value(house, session_ns, at) for at in (before, after)]
    chain = lineage_of(house.context("demo", ""), "bars-1d", {"instrument": RESTATED, "start_ns": session_ns}, parse(after))
    digest = next((step.title for step in steps(chain) if step.kind == "payload" and step.is_used), None)
    in_raw = digest is not None and house.raw.has(digest)
    is_whole = in_raw and is_complete(chain) and restatement[0] is not None and restatement[0] != restatement[1]
    return {
        "rows": {
            "in": rows_in,
            "published": published,
            "restated": restated,
            "minutes": minutes.height,
            "coins": minutes["instrument"].n_unique(),
            "sessions": equities.height,
            "dropped": dict(data.rows),
        },
        "findings": {f"{vendor} {kind}": count for (vendor, kind), count in sorted(Counter((f.vendor, f.kind) for f in findings).items())},
        "planted": {
            "planted": len(data.planted),
            "found": sum(bool(one["found_as"]) for one in scored),
            "each": scored,
        },
        "disagreements": [
            {"instrument": f.instrument, "session": to_date(f.start_ns).isoformat(), "detail": f.detail}
            for f in findings
            if f.vendor == "*" and "returns" in f.detail
        ],
        "coins": [
            {"vendor": f.vendor, "instrument": f.instrument, "kind": f.kind, "from": text(f.start_ns), "detail": f.detail}
            for f in findings
            if f.dataset == "bars-1m"
        ],
        "decided": dict(equities.group_by("status").len().sort("status").iter_rows()),
        "held": len(house.ledger.holds(is_open=True)),
        "as_of": {"instrument": RESTATED, "session": LATE_NIGHT.isoformat(), "before": restatement[0], "after": restatement[1]},
        "lineage": {"sha256": digest, "is_in_raw_store": in_raw, "chain": to_dict(chain), "lines": to_lines(chain)},
        "is_complete": bool(is_whole) and all(one["found_as"] for one in scored) and minutes.height > 0,
    }


def _value(house: House, start_ns: int, at: str) -> dict[str, Any] | None:
    """The published close of the restated bar as known at a time."""
    rows = house.lake.read(HISTORY, as_of_ns=parse(at), instruments=[RESTATED], start_ns=start_ns, end_ns=start_ns + 1)
    if rows.is_empty():
        return None
    row = rows.row(0, named=True)
    return {"as_of": at, "close": row["close"], "status": row["status"], "vendor": row["vendor"], "reason": row["reason"]}


def _scored(data: DemoData, findings: list[Finding]) -> list[dict[str, Any]]:
    sessions = calendar("XNYS")
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.instrument.partition(".")[0], []).append(finding)
    return [_score(one, found.get(one.symbol, []), sessions) for one in data.planted]


def _score(planted: Planted, findings: list[Finding], sessions: Any) -> dict[str, Any]:
    """How an error was found: the kinds told of its vendor (or of nobody, `*`) on its sessions."""
    days = set(planted.sessions)
    if planted.kind in NEIGHBOURS:
        days |= {sessions.next_session(day) for day in planted.sessions} | {sessions.previous_session(day) for day in planted.sessions}
    kinds = {
        f"{finding.kind}{' by *' if finding.vendor == '*' else ''}"
        for finding in findings
        if finding.vendor in ("planted", "*") and to_date(finding.start_ns) in days and finding.kind in (planted.kind, "conflict")
    }
    return {
        "kind": planted.kind,
        "symbol": planted.symbol,
        "sessions": [day.isoformat() for day in planted.sessions],
        "found_as": sorted(kinds),
    }
