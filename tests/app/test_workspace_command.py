"""`tradewinds init`, and how commands find the workspace and its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_init_makes_a_workspace_and_never_overwrites(command: Any, workspace: Path) -> None:
    first = command("init", "mine", "--json")
    (workspace / "mine" / "tradewinds.yaml").write_text("crypto: {}\n")
    (workspace / "mine" / "README.md").unlink()
    again = command("init", "mine", "--json")

    assert (first.code, again.code) == (0, 0)
    assert {"tradewinds.yaml", ".env.example", "strategies/", "vendors/", "models/", "notebooks/"} <= set(first.json["made"])
    assert again.json["made"] == ["README.md"]
    assert (workspace / "mine" / "tradewinds.yaml").read_text() == "crypto: {}\n"
    assert "next: cd mine && tradewinds doctor" in command("init", "mine").out


def test_init_where_a_file_stands_is_2(command: Any, workspace: Path) -> None:
    (workspace / "taken").write_text("")

    ended = command("init", "taken/firm")

    assert ended.code == 2
    assert "taken" in ended.err


def test_the_workspace_is_found_from_inside_its_folders(command: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "tradewinds.yaml").write_text("crypto: {binance: {bars: [{interval: 1h, instruments: [BTCUSDT], since: 2024-12-30}]}}\n")
    (workspace / "strategies" / "deep").mkdir(parents=True)
    monkeypatch.chdir(workspace / "strategies" / "deep")

    ended = command("job", "list", "--json")

    assert "crypto_backfill" in [plan["name"] for plan in ended.json["plans"]]


def test_the_file_named_on_the_command_line_comes_before_the_workspace(command: Any, workspace: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("datasets: {rates: {vendor: ecb, dataset: reference-rates, since: 2024-01-01}}\n")

    ended = command("--config", other, "job", "list", "--json")

    assert "rates" in [plan["name"] for plan in ended.json["plans"]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("crypto: {binance: {univers: {top: 5}}}", "crypto.binance.univers: unknown key"),
        ("crypto: {binance: {universe: {topp: 5}}}", "crypto.binance.universe.topp: unknown key"),
        ("assets: {}", "assets: unknown key"),
        ("crypto: {binance: {shard_symbols: many}}", "crypto.binance.shard_symbols is 'many'"),
        ("crypto: [", "is no YAML"),
        ("- a\n- b", "holds a list, expected keys and values"),
    ],
)
def test_a_wrong_configuration_is_2_and_names_the_whole_key(command: Any, workspace: Path, text: str, told: str) -> None:
    (workspace / "tradewinds.yaml").write_text(text)

    ended = command("job", "list")

    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert ended.err.count("\n") == 1


def test_a_configuration_that_is_named_and_absent_is_2(command: Any) -> None:
    ended = command("--config", "absent.yaml", "job", "list")

    assert ended.code == 2
    assert "absent.yaml" in ended.err


def test_the_environment_stands_over_the_file(command: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "tradewinds.yaml").write_text("crypto: {binance: {bars: [{interval: 1h, instruments: [BTCUSDT], since: 2024-12-30}]}}\n")
    monkeypatch.setenv("TRADEWINDS_SCHEDULES__CRYPTO_INCREMENTAL", "7 * * * *")

    plans = {plan["name"]: plan for plan in command("job", "list", "--json").json["plans"]}

    assert plans["crypto_incremental"]["schedule"] == "7 * * * *"
