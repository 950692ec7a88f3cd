"""How long `import tradewinds` and `tradewinds --help` take, each in a process of its own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks import market_data as market

IMPORT_MS = 100
HELP_MS = 400
_IMPORT = "import time; begin = time.perf_counter(); import tradewinds; print((time.perf_counter() - begin) * 1e3)"
_VECTORBT = "not measured here: it is not installed; known to take 4000 to 5000 ms"


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches: medians. quick: 3 rounds."""
    rounds = 3 if quick else 15
    command = [sys.executable, "-m", "tradewinds", "--help"]
    _output(command)  # byte code is written once
    taken: dict[str, list[float]] = {name: [] for name in ("import_ms", "import_process_ms", "help_ms", "python_alone_ms")}
    for _ in range(rounds):
        taken["import_ms"].append(float(_output([sys.executable, "-c", _IMPORT])))
        taken["import_process_ms"].append(_process_ms([sys.executable, "-c", "import tradewinds"]))
        taken["help_ms"].append(_process_ms(command))
        taken["python_alone_ms"].append(_process_ms([sys.executable, "-c", ""]))
    median = {name: round(statistics.median(values), 2) for name, values in taken.items()}
    alone = median.pop("python_alone_ms")
    return {
        "figures": median | {"help_ms_least": round(min(taken["help_ms"]), 2), "rounds": rounds},
        "peers": {"python_alone_process_ms": alone, "import_vectorbt_ms": _VECTORBT},
        "reach": {
            "import_ms": market.reach(median["import_ms"], IMPORT_MS),
            "import_process_ms": market.reach(median["import_process_ms"], IMPORT_MS),
            "help_ms": market.reach(median["help_ms"], HELP_MS),
        },
        "machine": market.machine(),
    }


def _process_ms(command: Sequence[str]) -> float:
    begin = time.perf_counter()
    _output(command)
    return (time.perf_counter() - begin) * 1e3


def _output(command: Sequence[str]) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRADEWINDS_")}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


if __name__ == "__main__":
    print(json.dumps(run()))
