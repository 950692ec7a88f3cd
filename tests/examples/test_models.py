"""The examples of models: a model from a file of bars to a card, its MLproject, and an environment for agents."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml

from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.jobs.research_config import ModelConfig
from tradewinds.models.learner import learner_of
from tradewinds.simulation.market import market_of_panel
from tradewinds.simulation.rules import Account, BasisPoints, Setup
from tradewinds.simulation.simulator import Simulator
from tradewinds.trading.strategy import Model
from tradewinds.wiring.strategy_file import load_strategy

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FOLDER = EXAMPLES / "models" / "weekly_trend"


def module_of(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bars_file(folder: Path) -> Path:
    """450 days of ten instruments whose returns turn back."""
    rng = np.random.default_rng(3)
    returns = rng.normal(0, 0.01, (450, 10))
    for row in range(5, 450):
        returns[row] -= 0.15 * returns[row - 5 : row].sum(axis=0) / 5
    close = 100 * np.exp(np.cumsum(returns, axis=0))
    days = np.datetime64("2022-01-03") + np.arange(450)
    lines = [f"{day},I{place}.XNYS,{close[row, place]:.6f}" for row, day in enumerate(days) for place in range(10)]
    path = folder / "bars.csv"
    path.write_text("date,instrument,close\n" + "\n".join(lines) + "\n")
    return path


def test_a_file_of_bars_becomes_a_model_with_a_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = module_of(FOLDER / "train.py").main(["--bars", str(bars_file(tmp_path))])

    assert made.instruments == 10
    assert set(made.features) == {"momentum", "reversal", "volatility"}
    assert made.scores["independent"] > 10
    assert "# weekly_trend" in capsys.readouterr().out


def test_every_learner_of_the_example_can_be_made() -> None:
    learners = yaml.safe_load((FOLDER / "learners.yaml").read_text())

    assert [learner_of(one).kind for one in learners.values()] == ["ridge", "lightgbm", "sklearn", "network"]


def test_the_models_file_is_one_that_the_workspace_reads() -> None:
    told = yaml.safe_load((FOLDER / "weekly_trend.yaml").read_text())

    assert set(told) <= set(ModelConfig.__dataclass_fields__)
    assert learner_of(told["learner"]).kind == "ridge"


def test_the_strategy_names_the_model() -> None:
    strategy = load_strategy(FOLDER / "weekly_trend_strategy.py")

    assert strategy.parameters["model"] == Model("models:/weekly_trend@champion")
    with pytest.raises(Rejected, match="not resolved, expected a run that brings it"):
        strategy.lookback_bars(strategy.params())


def test_the_mlproject_runs_the_example() -> None:
    projects = pytest.importorskip("mlflow.projects.utils", reason="mlflow is absent: no MLproject")

    project = projects.load_project(str(FOLDER))
    command = project.get_entry_point("main").compute_command({"bars": str(FOLDER / "train.py"), "learner": "trees"}, "/tmp")

    assert project.name == "weekly_trend"
    assert command.startswith("python train.py --bars ")
    assert "--learner trees" in command
    night = project.get_entry_point("night").compute_command({"partition": "2024-01-06"}, "/tmp")
    assert night == "tradewinds job run train_weekly_trend --partition 2024-01-06"


@pytest.fixture
def make(bars: Callable[..., Panel]) -> Callable[..., Any]:
    pytest.importorskip("gymnasium", reason="gymnasium is absent: no environment")

    def made(**words: Any) -> Any:
        rng = np.random.default_rng(5)
        panel = bars(100.0 * np.exp(np.cumsum(rng.normal(0, 0.01, (300, 2)), axis=0)), ids=("A.XNYS", "B.XNYS"))
        market = market_of_panel(panel, [Instrument(name, "stock", "USD", "XNYS") for name in panel.instruments])
        env = module_of(EXAMPLES / "reinforcement" / "trading_env.py")
        return env.TradingEnv(market, Setup(Account(10_000.0, leverage=2.0), (BasisPoints(5),)), **words)

    return made


def test_the_environment_is_what_gymnasium_expects(make: Callable[..., Any]) -> None:
    from gymnasium.utils.env_checker import check_env

    check_env(make(), skip_render_check=True)


def test_an_episode_costs_what_the_kernel_charges(make: Callable[..., Any]) -> None:
    env = make(window=5, episode=20)

    env.reset(seed=1)
    rewards, is_cut, told = [], False, {}
    while not is_cut:
        _, reward, is_ended, is_cut, told = env.step(np.array([0.5, -0.5]))
        rewards.append(reward)
        assert not is_ended

    alone = Simulator(env.market, env.simulator.setup, targets="weights")
    targets = np.full(env.market.shape, np.nan)
    last = told["row"]
    targets[last - 21 : last - 1] = [0.5, -0.5]
    alone.run(targets, last - 21, last)
    assert len(rewards) == 20
    assert told["fills"] > 0
    assert told["equity"] == alone.equity_now
    assert 10_000.0 * np.exp(sum(rewards)) == pytest.approx(told["equity"], rel=1e-12)


def test_a_history_too_short_for_an_episode_is_refused(make: Callable[..., Any]) -> None:
    with pytest.raises(Rejected, match="300 bars, expected at least 1012"):
        make(episode=1000)
