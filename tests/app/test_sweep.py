"""`tradewinds sweep` as a person calls it: what it prints, keeps, refuses and resumes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradewinds.simulation import sweep_work

Command = Callable[..., Any]

CROSS = """import numpy as np
from tradewinds.trading.strategy import Int, vector


def average(values, length):
    sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values]), axis=0)
    out = np.full(values.shape, np.nan)
    out[length - 1 :] = (sums[length:] - sums[:-length]) / length
    return out


@vector(
    parameters={"fast": Int(2, 1, 6), "slow": Int(12, 8, 20, step=4)}, lookback=lambda p: p.slow, is_valid=lambda p: p.fast < p.slow
)
def cross(panel, params):
    if params.fast == 6:
        raise ValueError("six")
    return np.where(average(panel.close, params.fast) > average(panel.close, params.slow), 10.0, 0.0)
"""
STEPS = """from tradewinds.trading.strategy import Int, event


@event(parameters={"every": Int(2, 2, 5)})
class Steps:
    def __init__(self, params):
        self.every = params.every
        self.seen = 0

    def on_bar(self, view):
        self.seen += 1
        view.target(1.0 if self.seen % self.every else 0.0)
"""


@pytest.fixture
def files(workspace: Path) -> Path:
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(4).normal(0.001, 0.02, 260)))
    days = [date(2023, 1, 2) + timedelta(days=number) for number in range(len(closes))]
    rows = [f"{day},{close:.2f},{close + 1:.2f},{close - 1:.2f},{close:.2f},5000" for day, close in zip(days, closes, strict=True)]
    (workspace / "goog.csv").write_text("Date,Open,High,Low,Close,Volume\n" + "\n".join(rows) + "\n")
    (workspace / "cross.py").write_text(CROSS)
    (workspace / "steps.py").write_text(STEPS)
    return workspace


def test_it_shows_the_best_the_luck_and_what_failed(files: Path, command: Command) -> None:
    done = command("sweep", "cross.py", "--data", "goog.csv", "--out", "found")

    assert done.code == 0, done.err
    assert "cross: GOOG.FILE, bars of 1d" in done.out
    assert "grid over fast=1:6:1 slow=8:20:4: 24 tried, 4 failed" in done.out
    assert "the luckiest of 20 tries without any skill would be expected to show" in done.out
    assert "Probability of overfitting" in done.out
    assert "failed: fast=6, slow=8: Rejected: strategy cross: raised ValueError: six" in done.err
    assert (files / "found" / "sweep.html").read_text().lstrip().lower().startswith("<!doctype html>")
    assert len((files / "found" / "sweep.jsonl").read_text().splitlines()) == 1 + 24


def test_json_is_one_object_that_says_it_all(files: Path, command: Command) -> None:
    call = ("sweep", "cross.py", "--data", "goog.csv", "--grid", "fast=1:3", "--grid", "slow=8,12", "--json")

    found = command(*call).json

    assert (found["strategy"], found["tried"], found["failed"], found["stored"]) == ("cross", 6, 0, None)
    assert found["best"] == found["top"][0]
    assert found["luck"]["trials"] == 6
    assert [one["figures"]["sharpe"] for one in found["top"]] == sorted((one["figures"]["sharpe"] for one in found["top"]), reverse=True)
    assert Path(found["journal"]).parent == files.parent / "home" / "sweeps" / f"cross-{found['sweep']}"
    assert len(found["words"]) >= 3


def test_the_best_of_a_sweep_is_the_backtest_of_its_parameters(files: Path, command: Command) -> None:
    best = command("sweep", "cross.py", "--data", "goog.csv", "--from", "2023-02-01", "--cost", "bps=10", "--no-sheet", "--json").json[
        "best"
    ]
    named = [f"--param={name}={value}" for name, value in best["parameters"].items()]

    alone = command(
        "backtest", "cross.py", "--data", "goog.csv", "--from", "2023-02-01", "--cost", "bps=10", "--no-tear-sheet", "--json", *named
    )

    assert alone.json["equity"] == best["figures"]["equity"]
    assert alone.json["figures"]["sharpe"] == pytest.approx(best["figures"]["sharpe"])


@pytest.mark.parametrize("search", [("--search", "random"), ("--search", "bayes"), ("--search", "grid")])
def test_the_same_sweep_says_the_same_whatever_the_workers(files: Path, command: Command, search: tuple[str, str]) -> None:
    def run(workers: int) -> Any:
        call = ("sweep", "cross.py", "--data", "goog.csv", *search, "--trials", 18, "--workers", workers, "--out", f"w{workers}", "--json")
        found = command(*call).json
        return {name: value for name, value in found.items() if name not in ("journal", "sheet")}

    assert run(1) == run(3)


def test_a_sweep_that_was_cut_off_goes_on_and_ends_as_if_it_had_not_been(
    files: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = ("sweep", "cross.py", "--data", "goog.csv", "--validate", "walk-forward", "--folds", 3, "--workers", 1, "--json")
    whole = command(*call, "--out", "whole").json
    journal = (files / "whole" / "sweep.jsonl").read_bytes().splitlines(keepends=True)
    (files / "cut").mkdir()
    (files / "cut" / "sweep.jsonl").write_bytes(b"".join(journal[:31]) + journal[31][:40])  # 30 trials and one that was being written
    tried: list[int] = []
    trial = sweep_work.Worker._trial

    def counted(self: Any, number: int, parameters: Any, fold: int, keeps_returns: bool) -> Any:
        tried.append(number)
        return trial(self, number, parameters, fold, keeps_returns)

    monkeypatch.setattr(sweep_work.Worker, "_trial", counted)
    again = command(*call, "--out", "cut", "--resume").json

    assert {name: value for name, value in again.items() if name not in ("journal", "sheet")} == {
        name: value for name, value in whole.items() if name not in ("journal", "sheet")
    }
    assert len(tried) == 4 * 24 - 30 + 1 + 3  # the rest, the best for its returns, and the choices of three folds
    assert len((files / "cut" / "sweep.jsonl").read_bytes().splitlines()) == 1 + 4 * 24


def test_a_folder_that_holds_a_sweep_wants_resume(files: Path, command: Command) -> None:
    call = ("sweep", "cross.py", "--data", "goog.csv", "--out", "found", "--no-sheet", "--json")
    command(*call)

    again = command(*call)

    assert again.code == 2
    assert "found holds a sweep already, expected --resume to go on with it or another --out" in again.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("source", "was begun with source"),
        ("data", "was begun with vintage"),
        ("setup", "was begun with setup"),
        ("search", "was begun with search grid over fast=1:6:1 slow=8:20:4, now it is grid over fast=1:3:1"),
    ],
)
def test_resuming_with_something_changed_is_refused_with_the_reason(files: Path, command: Command, change: str, said: str) -> None:
    call = ["sweep", "cross.py", "--data", "goog.csv", "--out", "found", "--no-sheet", "--json"]
    command(*call)
    if change == "source":
        (files / "cross.py").write_text(CROSS + "# another thought\n")
    elif change == "data":
        rows = (files / "goog.csv").read_text().replace(",5000\n", ",6000\n", 1)
        (files / "goog.csv").write_text(rows)
    else:
        call += ["--cost", "bps=5"] if change == "setup" else ["--grid", "fast=1:3"]

    again = command(*call, "--resume")

    assert again.code == 2
    assert said in again.err


def test_purged_cross_validation_says_what_the_choice_is_worth_elsewhere(files: Path, command: Command) -> None:
    call = ("--validate", "purged", "--folds", 4, "--test-folds", 2, "--purge", 2, "--embargo", 3, "--json")

    found = command("sweep", "cross.py", "--data", "goog.csv", *call).json

    assert len(found["purged"]["splits"]) == 6
    assert len(found["purged"]["paths"]) == 3
    assert {split["chosen"] for split in found["purged"]["splits"]} <= set(range(24))
    assert any("Purged cross-validation: over 6 splits" in sentence for sentence in found["words"])


def test_a_walk_forward_names_each_step(files: Path, command: Command) -> None:
    found = command("sweep", "cross.py", "--data", "goog.csv", "--validate", "walk-forward", "--folds", 3, "--rolling", "--json").json

    steps = found["walk_forward"]["steps"]
    assert len(steps) == 3
    assert all(step["train"][1] < step["test"][0] for step in steps)
    assert all(step["outside"]["parameters"] == step["chosen"]["parameters"] for step in steps)


def test_an_event_strategy_is_swept_in_processes(files: Path, command: Command) -> None:
    found = command("sweep", "steps.py", "--data", "goog.csv", "--workers", 2, "--no-sheet", "--json").json

    assert (found["tried"], found["failed"]) == (4, 0)
    assert found["best"]["figures"]["fills"] > 50


def test_when_everything_fails_the_answer_is_no_and_the_first_reason_is_told(files: Path, command: Command) -> None:
    done = command("sweep", "cross.py", "--data", "goog.csv", "--grid", "fast=6", "--json")

    assert done.code == 1
    assert done.json["best"] is None
    assert "None of 1 configurations has a score: 1 failed" in done.json["notes"][0]
    assert "six" in done.json["notes"][0]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("--grid", "quick=1:3"), "--grid quick: strategy cross has no such parameter"),
        (("--grid", "fast=0:3"), "parameter fast: 0, expected a whole number from 1 to 6"),
        (("--grid", "fast"), "--grid 'fast', expected KEY=VALUE"),
        (("--validate", "purged", "--objective", "calmar"), "objective 'calmar' with purged cross-validation"),
        (("--validate", "purged", "--folds", "3", "--test-folds", "3"), "3 of 3 folds tested at once"),
        (("--engine", "batch"), "engine batch without its place"),
    ],
)
def test_what_is_asked_wrongly_is_refused(files: Path, command: Command, call: tuple[str, ...], said: str) -> None:
    done = command("sweep", "cross.py", "--data", "goog.csv", "--no-sheet", "--json", *call)

    assert done.code == 2
    assert said in done.err


def test_a_start_without_the_longest_lookback_is_refused(files: Path, command: Command) -> None:
    done = command("sweep", "cross.py", "--data", "goog.csv", "--from", "2023-01-10", "--json")

    assert done.code == 65
    assert "2023-01" in done.err


def test_trials_over_the_history_can_be_asked_by_sql(files: Path, command: Command) -> None:
    imported = command("data", "import", "goog.csv", "--instrument", "GOOG.XNAS", "--interval", "1d")
    assert imported.code == 0, imported.err
    found = command("sweep", "cross.py", "--instruments", "GOOG.XNAS", "--no-sheet", "--json").json

    told = command(
        "sql", "select trial, sharpe, error, parameters from history.sweep_trials order by sharpe desc nulls last", "--json"
    ).json

    assert found["stored"] == 24
    assert len(told["rows"]) == 24
    assert told["rows"][0]["trial"] == found["best"]["number"]
    assert told["rows"][0]["sharpe"] == pytest.approx(found["best"]["figures"]["sharpe"])
    assert json.loads(told["rows"][0]["parameters"]) == found["best"]["parameters"]
    assert sum("six" in (row["error"] or "") for row in told["rows"]) == 4
