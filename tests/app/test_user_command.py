"""`tradewinds user` and `tradewinds console` as a person runs them."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

PASSWORD = "correct horse battery staple"


def test_people_are_added_listed_given_tokens_and_shut_out(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWINDS_PASSWORD", PASSWORD)

    assert command("user", "add", "ada", "--role", "trader", "--json").json == {"name": "ada", "role": "trader"}
    token = command("user", "token", "ada", "--scope", "read:market", "--json").json
    command("user", "add", "root", "--role", "admin", "--no-password")
    out = command("user", "change", "ada", "--out", "--json").json

    assert token["token"].startswith(f"tw_{token['id']}_")
    assert out["is_active"] is False
    listed = {one["name"]: (one["role"], one["is_active"]) for one in command("user", "list", "--json").json["people"]}
    assert listed == {"ada": ("trader", False), "root": ("admin", True)}
    rows = command("user", "audit", "--json").json["audit"]
    assert [one["act"] for one in rows] == ["person.change", "person.add", "token.new", "person.add"]
    assert PASSWORD not in json.dumps(rows)


def test_without_a_terminal_a_password_has_to_stand_somewhere(command: Any) -> None:
    ended = command("user", "add", "ada", "--role", "trader")

    assert ended.code == 2
    assert "expected TRADEWINDS_PASSWORD or TRADEWINDS_PASSWORD_FILE" in ended.err


def test_the_console_makes_an_admin_where_there_is_nobody_and_answers_on_the_loopback(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")}
    environment |= {"TRADEWINDS_HOME": str(tmp_path / "home")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tradewinds", "console", "--port", "0", "--api-only", "--json"], cwd=tmp_path, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        password = Path(facts["password_file"])
        with httpx.Client(base_url=facts["api"], trust_env=False, timeout=30) as client:
            entered = client.post("/session", json={"name": "admin", "password": password.read_text().strip()})
            me = client.get("/me")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()

    assert facts["url"].startswith("http://127.0.0.1:")
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert (entered.status_code, me.json()["role"]) == (200, "admin")
    assert not (tmp_path / "home" / "console" / "address").exists()
