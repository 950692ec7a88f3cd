"""How books of research and models are drawn: one DAG a step, chained by what each publishes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization

from tradewinds.airflow import shipped
from tradewinds.core.errors import Rejected

CONFIG = """
home: {home}
research:
  us: {{calendar: XNYS, since: 2020-01-01, instruments: [AAPL.XNAS], features: {{rsi: rsi(14)}}}}
  coins: {{calendar: 24/7, since: 2020-01-01, instruments: [BTCUSDT.BINANCE], features: {{rsi: rsi(14)}}}}
"""
STEPS = ("features", "predict", "report", "risk_model", "signals")
HOUSE = ["maintenance", "marts"]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two books, and a model of each."""
    (tmp_path / "tradewinds.yaml").write_text(CONFIG.format(home=tmp_path / "home"))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "slope.yaml").write_text("research: us")
    (tmp_path / "models" / "trees.yaml").write_text("{research: coins, learner: {kind: lightgbm}}")
    monkeypatch.setenv("TRADEWINDS_CONFIG", str(tmp_path / "tradewinds.yaml"))
    return tmp_path


def _waited_for(dag: Any) -> set[str]:
    """The tables whose publication starts the DAG."""
    condition = dag.timetable.asset_condition
    return {asset.uri.rpartition("/history/")[2] for asset in getattr(condition, "objects", (condition,))}


def _published(dag: Any) -> set[str]:
    return {task.task_id.rpartition("history.")[2] for task in dag.tasks if task.task_id.startswith("published.")}


def test_each_step_of_a_book_and_each_model_is_a_dag(workspace: Path) -> None:
    drawn = shipped.drawing()

    nights = [f"{step}_{book}" for book in ("coins", "us") for step in STEPS]
    assert sorted(drawn.dags) == sorted([*nights, "train_slope", "train_trees", *HOUSE])
    assert drawn.problems == {}
    for one in drawn.dags.values():
        json.dumps(DagSerialization.to_dict(one))


def test_a_night_is_chained_by_what_each_step_publishes(workspace: Path) -> None:
    dags = shipped.drawing().dags

    assert _waited_for(dags["features_us"]) == {"bars-1d"}
    assert _published(dags["features_us"]) == {"night-features-us"}
    assert _waited_for(dags["risk_model_us"]) == _waited_for(dags["predict_us"]) == {"night-features-us"}
    assert _waited_for(dags["signals_us"]) == {"night-risk-model-us", "night-predict-us"}
    assert _waited_for(dags["report_us"]) == {"night-signals-us"}


def test_training_is_mapped_over_its_folds(workspace: Path) -> None:
    (fold,) = [task for task in shipped.drawing().dags["train_slope"].tasks if task.task_id == "out_of_sample.fold"]

    assert fold.is_mapped or fold.task_group.__class__.__name__ == "MappedTaskGroup"


@pytest.mark.parametrize("text", ["{research: us, colour: red}", "[1, 2", "{research: us, label: {kind: past_return}}"])
def test_a_broken_model_disables_only_itself_and_is_named(workspace: Path, text: str) -> None:
    (workspace / "models" / "trees.yaml").write_text(text)

    drawn = shipped.drawing()

    assert "train_slope" in drawn.dags
    assert "train_trees" not in drawn.dags
    assert len(drawn.dags) == 2 * len(STEPS) + 1 + len(HOUSE)
    with pytest.raises(Rejected, match=r"models\.trees: "):
        shipped.complain(drawn)
