"""A workspace is the user's: made once, valid as it comes, never overwritten."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tradewinds.app.workspace import make
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.history.panel import Panel
from tradewinds.jobs.catalog import plans
from tradewinds.wiring.settings import load_config
from tradewinds.wiring.strategy_file import load_strategy


def test_a_new_workspace_is_valid_and_draws_its_plans(tmp_path: Path) -> None:
    made, kept = make(tmp_path / "mine")

    config = load_config(tmp_path / "mine" / "tradewinds.yaml", {"TRADEWINDS_HOME": str(tmp_path / "home")})

    assert "tradewinds.yaml" in made
    assert kept == []
    assert [plan.name for plan in plans(config)] == [
        "cot",
        "crypto_backfill",
        "crypto_incremental",
        "crypto_trades",
        "ecb_rates",
        "maintenance",
        "marts",
        "universe",
    ]
    assert config.workspace == str(tmp_path / "mine")


def test_the_example_strategy_of_a_new_workspace_decides_by_its_averages(tmp_path: Path) -> None:
    make(tmp_path / "mine")
    strategy = load_strategy(str(tmp_path / "mine" / "strategies" / "moving_average.py"))
    closes = np.array([[10.0], [11.0], [12.0], [11.0], [9.0]])
    times = np.arange(5) * NS_PER_DAY
    panel = Panel(("A.X",), times, times + NS_PER_DAY, (times + NS_PER_DAY)[:, None], {"close": closes})

    targets = strategy.code(panel, SimpleNamespace(fast=2, slow=3))

    assert targets[:, 0].tolist() == [0.0, 0.0, 1.0, 1.0, 0.0]


def test_what_the_user_wrote_is_kept(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "tradewinds.yaml").write_text("crypto: {}\n")

    made, kept = make(tmp_path)

    assert made == []
    assert "tradewinds.yaml" in kept
    assert (tmp_path / "tradewinds.yaml").read_text() == "crypto: {}\n"


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(Rejected, match="taken"):
        make(tmp_path / "taken")
