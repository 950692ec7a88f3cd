"""Which engine runs which scenario under which convention, and how its answers are fetched: one process an engine."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np

from .fills import Outcome, outcome
from .scenarios import MAKERS, VOLUME, Scenario

ROOT = Path(__file__).resolve().parents[2]
IS_FULL = os.environ.get("TRADEWINDS_EQUALITY") == "full"

SINGLE = ("sma_long_flat", "sma_long_short", "limit_entries", "stop_entries", "brackets", "gaps", "unaffordable", "fees_per_trade")
RUNS: dict[str, dict[str, tuple[str, ...]]] = {
    "backtrader": {"next_open": tuple(MAKERS), "same_close": ("sma_long_flat", "sma_long_short")},
    "backtesting": {"next_open": (*SINGLE, "fees_minimum", "fractional_lots"), "same_close": ("sma_long_flat", "sma_long_short")},
    "vectorbt": {
        "next_open": (
            "sma_long_flat", "sma_long_short", "weights_rebalance", "unaffordable", "shared_cash", "fees_per_trade", "fractional_lots",
            "on_close", "wide_history",
        ),
        "same_close": ("sma_long_flat", "sma_long_short", "shared_cash"),
    },
    "nautilus_trader": {
        "same_close": (
            "sma_long_flat", "sma_long_short", "weights_rebalance", "limit_entries", "stop_entries", "brackets", "trailing_stops", "gaps",
            "shared_cash", "fees_per_trade", "fractional_lots", "day_orders", "wide_history",
        ),
    },
    "zipline": {
        "next_close": (
            "sma_long_flat", "sma_long_short", "weights_rebalance", "shared_cash", "fees_per_trade", "on_close", "wide_history"
        ),
    },
}  # fmt: skip


def cases() -> list[tuple[str, str, str]]:
    """Every (engine, scenario, convention)."""
    return [(engine, name, fill) for engine, runs in RUNS.items() for fill, names in runs.items() for name in names]


def python_of(engine: str) -> Path | None:
    """The Python of an engine's environment, None where `make equality` has not made it."""
    folder = ROOT / ".peers" / engine
    python = folder / "bin" / "python"
    return python if (folder / ".stamp").is_file() and python.exists() else None


def made(name: str, fill: str) -> Scenario:
    """The scenario, in full size for `make equality`."""
    return MAKERS[name](fill, IS_FULL)


def write(folder: Path, scenario: Scenario, fill: str) -> str:
    """Lay a case out for the runners; its name."""
    case = f"{scenario.name}-{fill}"
    (folder / f"{case}.json").write_text(json.dumps(scenario.declared() | {"fill": fill}))
    volume = np.full(scenario.ticks["close"].shape, VOLUME)
    np.savez(folder / f"{case}.npz", start_ns=scenario.start_ns, volume=volume, **scenario.prices)
    return case


def answers(engine: str, python: Path, folder: Path) -> dict[tuple[str, str], Outcome]:
    """What the engine did in all of its cases, by (scenario, convention)."""
    wanted = [(name, fill) for fill, names in RUNS[engine].items() for name in names]
    written = {key: write(folder, made(*key), key[1]) for key in wanted}
    runner = Path(__file__).parent / "runners" / f"run_{engine}.py"
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}
    subprocess.run([str(python), str(runner), str(folder), *written.values()], check=True, env=environment)
    return {key: outcome(json.loads((folder / f"{case}.{engine}.out").read_text())) for key, case in written.items()}
