"""A strategy that names a model is given the same bytes in backtest, on paper and live."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.jobs.config import AccountConfig, Config, Storage
from tradewinds.models.bound import BoundModel, bound, with_features
from tradewinds.models.learner import Files, files_hash, learner_of
from tradewinds.models.sample import Sample
from tradewinds.stores.model_files import ModelFiles
from tradewinds.trading.declared import Terms
from tradewinds.trading.strategy import Model, Strategy, vector
from tradewinds.wiring.house import House
from tradewinds.wiring.models import PinnedModel, model_registry, pinned, with_models
from tradewinds.wiring.research import Asked, plan, run, store_run
from tradewinds.wiring.sweep import SweepAsked, prepare
from tradewinds.wiring.trade import plan as trade_plan

DAY_NS = 86_400_000_000_000
EXPRESSIONS = {"trend": "momentum(5, 1)", "turn": "reversal(3)"}


def learned(seed: int = 1) -> Files:
    rng = np.random.default_rng(seed)
    features, times = rng.normal(size=(50, 2)), np.arange(50) * DAY_NS
    sample = Sample(("trend", "turn"), ("A",), times, np.zeros(50, np.int64), features, features[:, 0], times, times + DAY_NS, np.ones(50))
    return with_features(learner_of({"kind": "ridge"}).fit(sample).files(), EXPRESSIONS)


class Kept:
    """A registry that knows one model, and what it was asked."""

    def __init__(self, folder: Path, files: Files) -> None:
        self.files = ModelFiles(folder)
        self.sha256 = self.files.put(files)
        self.asked: list[str] = []

    def __call__(self, uri: str) -> PinnedModel:
        self.asked.append(uri)
        return PinnedModel(uri, "models:/x/7", self.sha256, self.files.folder(self.sha256))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "models", learned())


@vector(parameters={"model": Model("models:/x@champion")}, lookback=lambda p: p.model.lookback, targets="weights")
def learned_strategy(panel: Any, params: Any) -> Any:
    return np.clip(params.model.scores(panel) * 10.0, -1.0, 1.0)


def test_a_models_name_is_resolved_once_and_pinned_by_its_hash(kept: Kept) -> None:
    parameters, hashes = with_models({"fast": 3, "model": "models:/x@champion"}, resolve=kept)
    plain, nothing = with_models({"fast": 3}, resolve=kept)

    assert parameters == {"fast": 3, "model": f"models:/x/7#{kept.sha256}"}
    assert isinstance(parameters["model"], BoundModel)
    assert hashes == {"model": kept.sha256}
    assert (plain, nothing) == ({"fast": 3}, {})
    assert kept.asked == ["models:/x@champion"]


def test_a_loaded_model_is_not_asked_for_again(kept: Kept) -> None:
    parameters, hashes = with_models({"model": "models:/x@champion"}, resolve=kept)

    again, same = with_models(parameters, resolve=kept)

    assert again["model"] is parameters["model"]
    assert same == hashes
    assert kept.asked == ["models:/x@champion"]


def test_the_model_travels_to_other_processes_by_its_files(kept: Kept) -> None:
    model = with_models({"model": "models:/x@champion"}, resolve=kept)[0]["model"]

    there = pickle.loads(pickle.dumps(model))

    assert there == model
    rows = np.array([[0.1, 0.2], [np.nan, np.nan]])
    assert there.predict(rows).tobytes() == model.predict(rows).tobytes()
    assert (there.sha256, there.lookback) == (kept.sha256, 6)


def test_a_strategy_asks_the_model_with_its_panel(kept: Kept) -> None:
    prices = np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.01, (40, 3)), axis=0))

    class Panel:
        def field(self, name: str) -> Any:
            assert name == "close"
            return prices

    assert isinstance(learned_strategy, Strategy)
    params = learned_strategy.params(with_models({"model": "models:/x@champion"}, resolve=kept)[0])

    scores = params.model.scores(Panel())

    assert scores.shape == (40, 3)
    assert learned_strategy.lookback_bars(params) == 6
    assert np.isnan(scores[:3]).all()
    assert np.isfinite(scores[6:]).all()
    trend, turn = prices[19] / prices[15] - 1.0, -(prices[20] / prices[17] - 1.0)
    assert params.model.predict(np.stack([trend, turn], axis=1)) == pytest.approx(scores[20], rel=1e-9)


def test_a_model_that_nobody_resolved_says_so() -> None:
    assert isinstance(learned_strategy, Strategy)
    params = learned_strategy.params()

    with pytest.raises(Rejected, match="model 'models:/x@champion': not resolved, expected a run that brings it"):
        params.model.predict(np.zeros((1, 2)))


def test_files_that_are_not_those_pinned_are_refused(kept: Kept) -> None:
    with pytest.raises(Unreadable, match="expected 0000"):
        bound(f"models:/x/7#{'0' * 64}", learned())
    place = kept.files.folder(kept.sha256) / "model.json"
    place.write_bytes(place.read_bytes() + b" ")
    with pytest.raises(Unreadable, match=f"expected {kept.sha256}"):
        with_models({"model": "models:/x@champion"}, resolve=kept)
    with pytest.raises(Unreadable, match=r"features.json: .*expected an expression for each feature's name"):
        bound("models:/x/7", {**learned(), "features.json": b"[1]"})


def test_without_a_registry_the_reason_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)

    with pytest.raises(Rejected, match="model models:/x@champion: no registry, expected MLFLOW_TRACKING_URI to name one, or models"):
        with_models({"model": "models:/x@champion"}, home=tmp_path)


def test_a_version_that_was_resolved_on_this_machine_needs_no_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    store = ModelFiles(tmp_path / "models")
    sha256 = store.put(learned())
    store.remember("x", "version 7", "7", sha256)

    parameters, hashes = with_models({"model": "models:/x/7"}, home=tmp_path)
    same, _ = with_models({"model": f"models:/x/7#{sha256}"}, home=tmp_path)

    assert hashes == {"model": files_hash(learned())}
    assert same == parameters
    with pytest.raises(Rejected, match=f"model models:/x/7: SHA-256 {sha256}, expected 1111"):
        with_models({"model": f"models:/x/7#{'1' * 64}"}, home=tmp_path)


def test_artifacts_stand_beside_a_lake_in_an_object_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def place(**storage: str) -> Any:
        return model_registry(Config(home="/home", storage=Storage(**storage)))._artifacts

    assert place(lake="s3://firm/prod/lake") == "s3://firm/prod/models"
    assert place(lake="s3://firm/lake/") == "s3://firm/models"
    assert place(lake="s3://firm") == "s3://firm/models"
    assert place(lake="s3://firm/lake", models="s3://else/m") == "s3://else/m"
    assert place() == "/home/mlflow/artifacts"


def test_parameters_of_a_run_are_checked_and_loaded() -> None:
    assert isinstance(learned_strategy, Strategy)
    model = bound("models:/x/7", learned())

    assert pinned(learned_strategy, {"model": model})["model"] is model
    with pytest.raises(Rejected, match="parameter model: 'x', expected a model's name"):
        pinned(learned_strategy, {"model": "x"})


STRATEGY = """import numpy as np
from tradewinds.trading.strategy import Float, Model, vector

@vector(parameters={"model": Model("models:/x@champion"), "size": Float(0.5, 0.1, 1.0)}, lookback=lambda p: p.model.lookback,
        targets="weights", interval="1d")
def learned(panel, params):
    return np.sign(np.nan_to_num(params.model.scores(panel))) * params.size
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A strategy that names a model, a file of bars, and a home where that name was resolved before; MLflow is away."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRADEWINDS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, 200)))
    days = np.datetime64("2024-01-01") + np.arange(200)
    rows = "".join(f"{day},{close},{close * 1.01},{close * 0.99},{close},1000\n" for day, close in zip(days, closes, strict=True))
    (tmp_path / "days.csv").write_text("date,open,high,low,close,volume\n" + rows)
    (tmp_path / "learned.py").write_text(STRATEGY)
    store = ModelFiles(tmp_path / "home" / "models")
    sha256 = store.put(learned())
    for name in ("champion", "version 7"):
        store.remember("x", name, "7", sha256)
    return tmp_path


def asked(workspace: Path) -> Asked:
    return Asked(place=f"{workspace}/learned.py", data=workspace / "days.csv", terms=Terms(instruments=("A.XNYS",)))


def test_a_backtest_goes_on_with_what_was_pinned_and_its_fingerprint_holds_the_hash(
    workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("mlflow")
    planned = plan(asked(workspace))
    assert caplog.messages == [
        "model models:/x@champion: MLflow is away; models:/x/7, which it stood for when it was last asked on this machine, is used"
    ]

    result, _ = run(planned, None)
    again, _ = run(plan(replace(asked(workspace), parameters={"model": "models:/x/7"})), None)

    pinned_name = f"models:/x/7#{files_hash(learned())}"
    assert result.parameters == {"model": pinned_name, "size": 0.5}
    assert json.loads(json.dumps(result.to_dict()))["parameters"]["model"] == pinned_name
    assert result.fingerprint.whole == again.fingerprint.whole
    assert len(result.fills) > 10


def test_a_run_with_a_model_is_kept_in_the_ledger_and_trades_with_the_same_hash(workspace: Path) -> None:
    pytest.importorskip("mlflow")
    config = Config(
        home=str(workspace / "home"), workspace=str(workspace), accounts={"main": AccountConfig(broker="paper", currency="USD")}
    )
    (workspace / "paper.yaml").write_text(
        "strategy: learned.py\nmode: paper\ninstruments: [A.XNYS]\naccount: {name: main, capital: 1000}\n"
    )
    house = House(config)
    result, prepared = run(plan(asked(workspace)), None)

    number = store_run(house, result, result.performance(), prepared.interval, 0)
    (traded,) = trade_plan(config, [workspace / "paper.yaml"]).strategies

    assert number > 0
    assert traded.models == {"model": files_hash(learned())}
    assert traded.parameters["model"] == result.parameters["model"]
    assert traded.parameters["model"].lookback == 6
    house.close()


def test_a_sweep_holds_the_model_fixed(workspace: Path) -> None:
    pytest.importorskip("mlflow")

    ready = prepare(asked(workspace), SweepAsked(grid={"size": "0.2,0.4"}), lambda: pytest.fail("no house is needed"))

    values = [one.values for one in ready.space.axes if one.name == "model"]
    assert [list(one) for one in values] == [[f"models:/x/7#{files_hash(learned())}"]]
    opened = ready.work.open()
    assert opened is not None
