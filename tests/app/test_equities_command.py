"""Equities by command: folders of drops into one history, a night with a hold, its release, and the history afterwards."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradewinds.calendars.sessions import calendar
from tradewinds.core.instant import NS_PER_HOUR, NS_PER_MINUTE, text

CONFIG = """
equities:
  XNYS: {calendar: XNYS, instruments: [AAA.XNAS], vendors: [alpha, bravo], since: 2024-01-02}
vendors:
  alpha: {use: drops, options: {path: drops/alpha}}
  bravo: {use: drops, options: {path: drops/bravo}}
"""
HEADER = "symbol,session,open,high,low,close,volume,received_at"
XNYS = calendar("XNYS")
SESSIONS = XNYS.sessions(date(2024, 2, 20), date(2024, 3, 28))
PLAN = "equities_nightly_xnys"


def _line(number: int, minutes: int, close: float) -> str:
    at = text(XNYS.close_ns(SESSIONS[number]) + minutes * NS_PER_MINUTE)
    return f"AAA,{SESSIONS[number]},100,102,99,{close},{1_000_000 + number},{at}"


def _close(number: int) -> float:
    return 100.0 + 0.1 * ((number * 5) % 7)


@pytest.fixture
def drops(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two vendors that agree on every session but the last, whose close differs by 0.65 percent."""
    (workspace / "tradewinds.yaml").write_text(CONFIG)
    last = len(SESSIONS) - 1
    for minutes, vendor in ((40, "alpha"), (50, "bravo")):
        rows = [_line(number, minutes, _close(number)) for number in range(last)]
        rows.append(_line(last, minutes, 100.0 if vendor == "alpha" else 100.65))
        (workspace / "drops" / vendor).mkdir(parents=True)
        (workspace / "drops" / vendor / "all.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    monkeypatch.setenv("TRADEWINDS_CLOCK", text(XNYS.close_ns(SESSIONS[-1]) + 13 * NS_PER_HOUR))
    return workspace / "drops"


def test_a_hold_is_listed_released_and_published(command: Any, drops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    night = command("job", "run", PLAN, "--partition", f"{SESSIONS[0]}..{SESSIONS[-1]}", "--json")
    held = command("data", "findings", "--holds", "--json").json["holds"]
    shown = command("data", "findings", "--holds").out
    released = command("data", "release", "AAA.XNAS", "2024-03-28", "--accept", "--note", "seen on the tape", "--json")
    monkeypatch.setenv("TRADEWINDS_CLOCK", text(XNYS.close_ns(SESSIONS[-1]) + 14 * NS_PER_HOUR))
    again = command("job", "run", PLAN, "--partition", "2024-03-28", "--json")
    rows = command("data", "show", "bars-1d", "--from", "2024-03-28", "--versions", "--json").json["rows"]

    assert (night.code, night.json["state"]) == (0, "done")
    assert {hold["start"] for hold in held} == {"2024-03-28T13:30:00Z"}
    assert "tradewinds data release INSTRUMENT START" in shown
    assert (released.code, released.json["start"], released.json["closed"]) == (0, "2024-03-28T13:30:00Z", len(held))
    assert (again.code, again.json["rows_restated"]) == (0, 1)
    assert [row["status"] for row in rows] == ["held", "resolved"]
    assert command("job", "run", PLAN, "--partition", "2024-03-28").code == 99
    assert command("data", "findings", "--holds", "--json").json == {"holds": []}


def test_a_release_of_nothing_is_1_and_without_a_decision_2(command: Any, drops: Path) -> None:
    command("job", "run", PLAN, "--partition", f"{SESSIONS[0]}..{SESSIONS[-1]}")

    assert command("data", "release", "AAA.XNAS", "2024-03-27", "--accept").code == 1
    assert command("data", "release", "AAA.XNAS", "2024-03-28").code == 2
    assert command("data", "release", "AAA.XNAS", "2024-03-30", "--reject").code == 65
    assert command("data", "release", "AAA.XNAS", "noon", "--reject").code == 2


def test_lineage_of_a_reconciled_bar_names_every_vendor(command: Any, drops: Path) -> None:
    command("job", "run", PLAN, "--partition", f"{SESSIONS[0]}..{SESSIONS[-1]}")

    told = command("data", "lineage", "AAA.XNAS", str(SESSIONS[3])).out

    assert "alpha" in told
    assert "bravo" in told
    assert command("data", "findings", "--instrument", "AAA.XNAS", "--json").code == 0


def test_a_vendor_that_is_late_and_in_time_is_75_and_listed(command: Any, drops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = drops / "bravo" / "all.csv"
    place.write_text("\n".join(place.read_text().splitlines()[:-1]) + "\n")
    monkeypatch.setenv("TRADEWINDS_CLOCK", text(XNYS.close_ns(SESSIONS[-1]) + 2 * NS_PER_HOUR))

    ended = command("job", "run", PLAN, "--partition", "2024-03-28")

    assert ended.code == 75
    assert "  failed bravo: Late: " in ended.out


def test_reconcile_writes_three_files_and_counts(command: Any, drops: Path, workspace: Path) -> None:
    ended = command("reconcile", drops, "--calendar", "XNYS", "--out", "out", "--json")

    history = pl.read_parquet(workspace / "out" / "history.parquet")
    assert (ended.code, ended.json["sessions"], ended.json["symbols"]) == (0, len(SESSIONS), 1)
    assert ended.json["vendors"] == {"alpha": len(SESSIONS), "bravo": len(SESSIONS)}
    assert history.height == len(SESSIONS)
    assert sorted(path.name for path in (workspace / "out").iterdir()) == ["findings.parquet", "history.parquet", "versions.parquet"]
    assert "status: held" in command("reconcile", drops, "--calendar", "XNYS", "--out", "out").out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("drops", "--calendar", "XXXX", "--out", "out"), 2, "XXXX"),
        (("nowhere", "--calendar", "XNYS", "--out", "out"), 65, "no vendor, expected folders"),
        (("drops", "--calendar", "XNYS", "--out", "out", "--prefer", "zulu"), 2, "--prefer zulu, expected names of folders"),
        (("drops", "--calendar", "XNYS", "--out", "tradewinds.yaml"), 2, "tradewinds.yaml"),
        (("drops", "--calendar", "XNYS", "--out", "out", "--lateness-hours", "-1"), 2, "-1"),
        (("drops", "--out", "out"), 2, "--calendar"),
    ],
)
def test_a_reconciliation_that_is_asked_wrongly_says_why(
    command: Any, drops: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    ended = command("reconcile", *arguments)

    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err


def test_a_drop_that_cannot_be_read_is_65_and_names_file_line_and_value(command: Any, drops: Path, workspace: Path) -> None:
    place = drops / "bravo" / "all.csv"
    place.write_text(place.read_text().replace(",100.65,", ",x,"))

    ended = command("reconcile", "drops", "--calendar", "XNYS", "--out", "out", "--json")

    assert (ended.code, ended.out) == (65, "")
    assert f"bravo/all.csv line {len(SESSIONS) + 1}: close 'x', expected a number" in ended.err
    assert not (workspace / "out").exists()
