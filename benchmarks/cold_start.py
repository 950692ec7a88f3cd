"""How long `tradewinds backtest` takes from the shell, compiled code cached: a whole process each, over a small house and over a file."""

from __future__ import annotations

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from benchmarks import market_data as market

REACH_S = 2.0
DAYS = 2500
STRATEGY = """import numpy as np
from tradewinds.factors.indicator import sma
from tradewinds.trading.strategy import Int, vector


@vector(parameters={"fast": Int(10, 2, 200), "slow": Int(30, 5, 400)}, lookback=lambda p: p.slow, targets="weights")
def sma_cross(panel, params):
    return np.where(sma(panel.close, params.fast) > sma(panel.close, params.slow), 0.95, 0.0)
"""


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches: medians of 5. quick: of 3."""
    rounds = 3 if quick else 5
    with tempfile.TemporaryDirectory(prefix="bench-cold-start-") as folder:
        root = Path(folder)
        environment = _prepared(root)
        start = [sys.executable, "-m", "tradewinds"]
        file = [*start, "backtest", str(root / "sma_cross.py"), "--data", str(root / "prices.csv"), "--cost", "bps=1"]
        house = [*start, "backtest", str(root / "sma_cross.py"), "--instruments", "PRICES.XNAS", "--cost", "bps=1"]
        calls = {
            "file_s": [*file, "--no-tear-sheet"],
            "house_s": [*house, "--no-tear-sheet"],
            "file_and_page_s": file,
            "house_and_page_s": house,
            "import_numba_s": [sys.executable, "-c", "import numba"],
        }
        for call in calls.values():
            _seconds(call, environment)  # compiles what is not kept yet
        taken: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(rounds):
            for name, call in calls.items():
                taken[name].append(_seconds(call, environment))
    median = {name: round(statistics.median(values), 3) for name, values in taken.items()}
    return {
        "figures": {name: value for name, value in median.items() if name != "import_numba_s"} | {"rounds": rounds},
        "peers": {"import_numba_s": median["import_numba_s"]},
        "reach": {name: market.reach(median[name], REACH_S) for name in ("file_s", "house_s")},
        "machine": market.machine() | {"days": DAYS},
    }


def _prepared(root: Path) -> dict[str, str]:
    """A strategy, a file of daily bars, and a house into which it was imported and packed; returns the environment of the calls."""
    chance = np.random.default_rng(11)
    closes = np.round(100 * np.exp(np.cumsum(chance.normal(0.0003, 0.01, DAYS))), 2)
    days = [date(2015, 1, 5) + timedelta(days=7 * (row // 5) + row % 5) for row in range(DAYS)]
    with (root / "prices.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Date", "Open", "High", "Low", "Close", "Volume"])
        before = closes[0]
        for day, close in zip(days, closes.tolist(), strict=True):
            rows.writerow([day, before, max(before, close), min(before, close), close, 100_000])
            before = close
    (root / "sma_cross.py").write_text(STRATEGY)
    (root / "tradewinds.yaml").write_text("{}\n")
    # Modules are kept compiled as they are for anybody, even where the caller's shell says that Python shall not keep them.
    own = {name: value for name, value in os.environ.items() if not name.startswith("TRADEWINDS_") and name != "PYTHONDONTWRITEBYTECODE"}
    environment = own | {"TRADEWINDS_HOME": str(root / "home"), "TRADEWINDS_CONFIG": str(root / "tradewinds.yaml")}
    command = [sys.executable, "-m", "tradewinds"]
    _seconds([*command, "data", "import", str(root / "prices.csv"), "--instrument", "PRICES.XNAS"], environment)
    _seconds([*command, "job", "run", "pack"], environment)
    return environment


def _seconds(call: Sequence[str], environment: Mapping[str, str]) -> float:
    begin = time.perf_counter()
    done = subprocess.run(call, check=False, capture_output=True, text=True, env=environment)
    taken = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError(f"{' '.join(call)}: exit code {done.returncode}, expected 0: {done.stderr.strip()}")
    return taken


if __name__ == "__main__":
    print(json.dumps(run()))
