"""`tradewinds trade limits`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tradewinds.app.limits import limits


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    config = tmp_path / "tradewinds.yaml"
    config.write_text(f"home: {tmp_path}\nclock: '2027-01-15T08:00:00Z'\n")
    monkeypatch.setenv("TRADEWINDS_CONFIG", str(config))
    return CliRunner()


def test_a_limit_is_set_shown_and_remembered(runner: CliRunner) -> None:
    words = ["set", "main", "notional_max", "100000", "--strategy", "trend", "--by", "ann", "--reason", "first week", "--json"]
    assert runner.invoke(limits, words).exit_code == 0
    assert runner.invoke(limits, ["set", "main", "restricted", "A.X, B.X", "--by", "bob", "--reason", "compliance"]).exit_code == 0

    shown = json.loads(runner.invoke(limits, ["show", "main", "--json"]).stdout)
    history = json.loads(runner.invoke(limits, ["history", "main", "--json"]).stdout)

    assert shown["limits"] == [
        {"scope": "account", "name": "-", "limit": "restricted", "value": "A.X, B.X"},
        {"scope": "strategy", "name": "trend", "limit": "notional_max", "value": "100000"},
    ]
    assert [(one["changed_by"], one["reason"], one["changed"]) for one in history["changes"]] == [
        ("bob", "compliance", "2027-01-15T08:00:00Z"), ("ann", "first week", "2027-01-15T08:00:00Z"),
    ]  # fmt: skip
    assert "none is kept" in runner.invoke(limits, ["show", "other"]).stdout


def test_an_impossible_limit_is_refused(runner: CliRunner) -> None:
    found = runner.invoke(limits, ["set", "main", "notional", "1", "--reason", "why"])

    assert found.exit_code == 1
    assert "unknown limit" in str(found.exception)
