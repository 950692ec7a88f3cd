"""From `tradewinds up --detach` to every process healthy: Airflow's components, the trading service on paper, console, alerts.

The environment stands already and the home is new (as after a clone: databases are made); then the same home once more. The floor, within
the same run, is what a bare `import airflow` and a bare `import nicegui` cost in a process of their own, which nobody who runs them avoids.
MBATS, a comparable stack in containers, names five minutes.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import market_data as market

REACH_S = 90.0
AIM_S = 60.0
MBATS_S = 300.0
ENDS_WITHIN_S = 300.0
CONFIG = "accounts: {paper: {broker: paper, currency: USDT}}\nschedules: {}\n"
STRATEGY = """from tradewinds.trading.strategy import vector


@vector(lookback=2, targets="units", interval="1m", rhythm="every bar")
def idle(panel, params):
    return panel.close * 0
"""
YAML = "strategy: idle.py\nmode: paper\ninstruments: [BTCUSDT.LOCAL]\naccount: {name: paper, capital: 10000}\n"


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches: medians of 3 new homes, and of one more start of each. quick: of 1."""
    rounds = 1 if quick else 3
    first: list[float] = []
    again: list[float] = []
    floor = {"import_airflow_s": _imported("airflow.models"), "import_nicegui_s": _imported("nicegui")}
    services: list[str] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bench-start-") as folder:
            environment = _workspace(Path(folder))
            for taken in (first, again):
                services = _started(Path(folder) / "firm", environment, taken)
    figures = {"first_s": round(statistics.median(first), 1), "again_s": round(statistics.median(again), 1)}
    return {
        "figures": figures | {"services": ["airflow", *services], "rounds": rounds, "first_each_s": [round(one, 1) for one in first]},
        "peers": floor | {"mbats_stated_s": MBATS_S},
        "reach": {"first_s": market.reach(figures["first_s"], REACH_S), "aim_first_s": market.reach(figures["first_s"], AIM_S)},
        "machine": market.machine(),
    }


def _workspace(folder: Path) -> dict[str, str]:
    firm = folder / "firm"
    (firm / "strategies").mkdir(parents=True)
    (firm / "tradewinds.yaml").write_text(CONFIG)
    (firm / "strategies" / "idle.py").write_text(STRATEGY)
    (firm / "strategies" / "idle.yaml").write_text(YAML)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_") and key != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"TRADEWINDS_HOME": str(folder / "home")}


def _started(firm: Path, environment: Mapping[str, str], taken: list[float]) -> list[str]:
    """Start, see that everything is healthy, end; the names of what ran. Raises where anything was not."""
    begun = time.perf_counter()
    told = json.loads(_ran(firm, environment, "up", "--detach", "--json"))
    seconds = time.perf_counter() - begun
    try:
        status = json.loads(_ran(firm, environment, "status", "--json"))
    finally:
        _ran(firm, environment, "down")
    assert status["is_healthy"], status["trouble"]
    assert not told["trouble"], told["trouble"]
    taken.append(seconds)
    services: list[str] = told["services"]
    return services


def _ran(firm: Path, environment: Mapping[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tradewinds", *words], cwd=firm, env=dict(environment), capture_output=True, text=True,
        timeout=ENDS_WITHIN_S, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"tradewinds {' '.join(words)}: ended with {done.returncode}, expected 0\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _imported(module: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True, capture_output=True)
    return round(time.perf_counter() - begun, 2)
