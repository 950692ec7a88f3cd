"""`tradewinds doctor`, and `status` and `down` where nothing runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def _checks(ended: Any) -> dict[str, dict[str, str]]:
    return {check["what"]: check for check in ended.json["checks"]}


def test_a_sound_house_is_well(command: Any, workspace: Path) -> None:
    ended = command("doctor", "--json")

    found = _checks(ended)
    assert (ended.code, ended.json["is_well"]) == (0, True)
    assert not (workspace.parent / "home").exists()
    assert found["configuration"]["detail"] == str(workspace / "tradewinds.yaml")
    assert found["home"]["state"] == "well"
    assert "ok      home: " in command("doctor").out


def test_a_calendar_that_ends_soon_is_a_warning(command: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    market = "{calendar: XSHG, instruments: [600000.XSHG], vendors: [baostock], since: 2026-01-05}"
    (workspace / "tradewinds.yaml").write_text(f"equities: {{XSHG: {market}}}\n")

    monkeypatch.setenv("TRADEWINDS_CLOCK", "2026-12-20")
    soon = command("doctor", "--json")
    monkeypatch.setenv("TRADEWINDS_CLOCK", "2026-11-20")
    later = command("doctor", "--json")

    assert _checks(soon)["calendar XSHG"]["state"] == "warning"
    assert "covers 11 days ahead" in _checks(soon)["calendar XSHG"]["detail"]
    assert "override" in _checks(soon)["calendar XSHG"]["advice"]
    assert _checks(later)["calendar XSHG"]["state"] == "well"
    assert soon.code == 0


def test_a_missing_secret_is_wrong_and_the_setting_is_named(command: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    market = "{calendar: XNYS, instruments: [AAPL.XNAS], vendors: [tiingo], since: 2024-01-02}"
    (workspace / "tradewinds.yaml").write_text(f"equities: {{XNYS: {market}}}\n")

    without = command("doctor")
    (workspace / "key").write_text("s3cr3t-t0ken\n")
    monkeypatch.setenv("TRADEWINDS_VENDORS__TIINGO__SECRET_FILE", str(workspace / "key"))
    with_key = command("doctor", "--json")

    assert without.code == 1
    assert "WRONG   vendor tiingo: wants a key and has none" in without.out
    assert "TRADEWINDS_VENDORS__TIINGO__SECRET" in without.out
    assert _checks(with_key)["vendor tiingo"]["state"] == "well"
    assert "s3cr3t-t0ken" not in with_key.out


def test_a_book_whose_last_night_has_no_page_is_a_warning(command: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = "{calendar: XNYS, since: 2023-01-03, instruments: [AAPL.XNAS], features: {rsi: rsi(14)}}"
    (workspace / "tradewinds.yaml").write_text(f"research: {{us: {book}}}\n")

    # The session of Friday the 5th closed at 21:00 UTC, was decided six hours later, and its night may take six more.
    monkeypatch.setenv("TRADEWINDS_CLOCK", "2024-01-06T08:59:00Z")
    soon = _checks(command("doctor", "--json"))["research us"]
    monkeypatch.setenv("TRADEWINDS_CLOCK", "2024-01-06T09:00:00Z")
    late = _checks(command("doctor", "--json"))["research us"]

    assert soon["detail"] == "session 2024-01-04 has no page yet"
    assert (late["state"], late["detail"]) == ("warning", "session 2024-01-05 has no page yet")
    assert late["advice"] == "tradewinds research run us --session 2024-01-05"


@pytest.mark.parametrize("home", ["taken/home", "/proc/home"])
def test_a_home_that_cannot_be_written_is_wrong(command: Any, workspace: Path, home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "taken").write_text("")
    monkeypatch.setenv("TRADEWINDS_HOME", str(workspace / home))

    ended = command("doctor", "--json")

    assert ended.code == 1
    assert _checks(ended)["home"]["state"] == "wrong"
    assert "cannot be written" in _checks(ended)["home"]["detail"]
    assert "TRADEWINDS_HOME" in _checks(ended)["home"]["advice"]


def test_a_broken_configuration_is_wrong_and_named(command: Any, workspace: Path) -> None:
    (workspace / "tradewinds.yaml").write_text("crypto: {binance: {univers: 1}}\n")

    ended = command("doctor", "--json")

    assert (ended.code, ended.json["is_well"]) == (1, False)
    assert "crypto.binance.univers: unknown key" in _checks(ended)["configuration"]["detail"]


def test_a_database_that_is_away_is_wrong_and_its_password_is_not_printed(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWINDS_STORAGE__LEDGER", "postgresql+psycopg2://trader:hunter2@127.0.0.1:1/ledger")

    ended = command("doctor")
    asked = command("job", "show")

    assert (ended.code, asked.code) == (1, 75)
    assert "WRONG   ledger: " in ended.out
    assert "hunter2" not in ended.out + ended.err + asked.out + asked.err


def test_where_nothing_runs_status_says_so_and_down_has_nothing_to_do(command: Any, tmp_path: Path) -> None:
    status, down = command("status", "--json"), command("down", "--json")

    assert (status.code, status.json["is_healthy"]) == (1, False)
    assert "`tradewinds up` starts it" in status.json["trouble"][0]
    assert (down.code, down.json) == (99, {"stopped": False})
    assert command("down").out == "nothing was running\n"
    assert command("status").out == "WRONG   airflow does not run\n        `tradewinds up` starts it\nLast runs: none\n"
    assert not (tmp_path / "home").exists()


def test_an_account_without_keys_is_wrong_and_one_without_a_guard_is_a_warning(
    command: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "tradewinds.yaml").write_text("accounts: {main: {broker: binance}, toy: {broker: paper}}\n")

    without = command("doctor", "--json")
    monkeypatch.setenv("TRADEWINDS_ACCOUNTS__MAIN__KEY", "k3y-that-nobody-reads")
    monkeypatch.setenv("TRADEWINDS_ACCOUNTS__MAIN__SECRET", "s3cret-that-nobody-reads")
    unguarded = command("doctor", "--json")
    monkeypatch.setenv("TRADEWINDS_GUARD__MAIN__KEY", "g")
    monkeypatch.setenv("TRADEWINDS_GUARD__MAIN__SECRET", "g")
    guarded = command("doctor", "--json")

    assert without.code == 1
    assert _checks(without)["account main"]["state"] == "wrong"
    assert "TRADEWINDS_ACCOUNTS__MAIN__KEY" in _checks(without)["account main"]["advice"]
    assert _checks(without)["account toy"]["state"] == "well"
    assert _checks(unguarded)["account main"]["state"] == "warning"
    assert "TRADEWINDS_GUARD__MAIN__KEY" in _checks(unguarded)["account main"]["advice"]
    assert _checks(guarded)["account main"]["state"] == "well"
    assert "nobody-reads" not in unguarded.out + guarded.out


def test_a_route_without_an_address_reaches_nobody(command: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "tradewinds.yaml").write_text("accounts: {toy: {broker: paper}}\n")
    none = command("doctor", "--json")
    (workspace / "tradewinds.yaml").write_text("alerts: {routes: {phone: {severities: [critical]}}}\n")
    without = command("doctor", "--json")
    monkeypatch.setenv("TRADEWINDS_ALERTS__ROUTES__PHONE__URL", "json://127.0.0.1:9/s3cret-that-nobody-reads")
    having = command("doctor", "--json")

    assert _checks(none)["alerts"]["state"] == "warning"
    assert _checks(without)["alerts route phone"]["state"] == "wrong"
    assert "TRADEWINDS_ALERTS__ROUTES__PHONE__URL" in _checks(without)["alerts route phone"]["advice"]
    assert _checks(having)["alerts"]["detail"] == "routes with an address: phone"
    assert "nobody-reads" not in having.out


def test_a_job_that_failed_is_told_with_the_command_that_runs_it_again(command: Any, workspace: Path) -> None:
    command("job", "run", "evening", "--partition", "2025-01-02", "--param", "account=nobody")

    ended = command("status", "--json")

    (failed,) = [one for one in ended.json["checks"] if one["what"] == "job evening"]
    assert failed["state"] == "warning"
    assert failed["detail"].startswith("failed for 2025-01-02: ")
    assert failed["advice"] == "tradewinds job run evening --partition 2025-01-02"
    assert "warning job evening failed for 2025-01-02: " in command("status").out
