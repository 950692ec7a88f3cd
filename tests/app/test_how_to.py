"""The pages that say how to add something: their files, written as they stand there, do what the pages say."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import yaml

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
_BLOCK = re.compile(r'^( *)```(?:python|yaml) title="([^"]+)"\n(.*?)^ *```$', re.MULTILINE | re.DOTALL)


def files(page: str) -> dict[str, str]:
    """The named files of a page."""
    return {name: textwrap.dedent(text) for _, name, text in _BLOCK.findall((PAGES / page).read_text(encoding="utf-8"))}


def write(workspace: Path, page: str) -> None:
    for name, text in files(page).items():
        place = workspace / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)


def test_the_vendor_of_the_page_brings_bars_into_the_lake(command: Any, workspace: Path, venue: Any) -> None:
    write(workspace, "vendor.md")
    config = yaml.safe_load((workspace / "tradewinds.yaml").read_text())
    config["vendors"]["acme"]["url"] = venue.url
    (workspace / "tradewinds.yaml").write_text(yaml.safe_dump(config))
    rows = [{"day": f"2025-01-0{day}", "open": 9 + day, "high": 12 + day, "low": 8 + day, "close": 10 + day, "volume": 5} for day in (1, 2)]
    venue.answer("/bars/ABC", json.dumps(rows))

    ran = command("job", "run", "acme_daily", "--json")
    shown = command("data", "show", "bars-1d", "--instrument", "ABC.ACME", "--json")

    assert ran.code == 0, ran.err
    assert [(row["instrument"], row["close"]) for row in shown.json["rows"]] == [("ABC.ACME", 11.0), ("ABC.ACME", 12.0)]
    assert "acme: bars-1d" in command("doctor").out


def test_the_vendor_of_the_page_refuses_what_it_cannot_read(command: Any, workspace: Path, venue: Any) -> None:
    write(workspace, "vendor.md")
    config = yaml.safe_load((workspace / "tradewinds.yaml").read_text())
    config["vendors"]["acme"]["url"] = venue.url
    (workspace / "tradewinds.yaml").write_text(yaml.safe_dump(config))
    venue.answer("/bars/ABC", json.dumps([{"day": "2025-01-01", "open": 1, "high": 1, "low": 1, "close": "n/k", "volume": 5}]))

    ran = command("job", "run", "acme_daily")

    assert ran.code == 65
    assert "n/k" in ran.err + ran.out


def test_the_strategy_of_the_page_is_simulated_checked_swept_and_planned(command: Any, workspace: Path) -> None:
    (workspace / "strategies").mkdir()
    write(workspace, "strategy.md")
    (workspace / "tradewinds.yaml").write_text("accounts:\n  paper: {broker: paper, currency: USDT}\n")
    rng = np.random.default_rng(5)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, 300)))
    lines = [f"{np.datetime64('2023-01-01') + day},{c:.4f},{c:.4f},{c:.4f},{c:.4f},1000" for day, c in enumerate(closes)]
    (workspace / "prices.csv").write_text("\n".join(["date,open,high,low,close,volume", *lines]) + "\n")

    ran = command("backtest", "strategies/dip.py", "--data", "prices.csv", "--cost", "bps=10", "--no-tear-sheet")
    checked = command("check", "strategies/dip.py")
    swept = command("sweep", "strategies/dip.py", "--data", "prices.csv", "--grid", "length=10:60:10", "--grid", "depth=0.0:0.05:0.01")
    planned = command("trade", "--check", "--json")

    assert (ran.code, checked.code, swept.code) == (0, 0, 0), (ran.err, checked.err, swept.err)
    assert "nothing found" in checked.out
    assert [one["strategy"] for one in planned.json["strategies"]] == ["dip"]


def test_the_model_of_the_page_is_one_that_the_workspace_reads(workspace: Path) -> None:
    from tradewinds.jobs.research_config import ModelConfig
    from tradewinds.models.learner import learner_of

    told = yaml.safe_load(files("model.md")["models/weekly_trend.yaml"])

    assert set(told) <= set(ModelConfig.__dataclass_fields__)
    assert learner_of(told["learner"]).kind == "ridge"


def test_the_accounts_of_the_page_are_ones_that_the_configuration_reads(workspace: Path) -> None:
    from tradewinds.wiring.settings import load_config

    blocks = re.findall(r"^```yaml\n(accounts:\n.*?)^```$", (PAGES / "broker.md").read_text(), re.MULTILINE | re.DOTALL)

    read = {}
    for block in blocks:
        (workspace / "tradewinds.yaml").write_text(block)
        read |= {name: one.broker for name, one in load_config(workspace / "tradewinds.yaml", {}).accounts.items()}

    assert read == {"main": "binance", "fx": "oanda", "ib": "ibkr"}
