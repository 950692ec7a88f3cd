"""How long Airflow needs to read all shipped DAG files, its own import aside, and how much a start to the first finished task takes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.market_data import reach
from tradewinds.app.airflow_folder import DAGS

PARSE_S_MAX = 1.0
CONFIG = """
crypto: {binance: {bars: [{interval: 1d, instruments: [universe], since: 2020-01-01}]}}
equities:
  XNYS: {calendar: XNYS, instruments: [AAPL.XNAS], vendors: [alpha, bravo], since: 2020-01-01}
  XSHG: {calendar: XSHG, instruments: [600000.XSHG], vendors: [baostock], since: 2020-01-01}
fx: {bars: [{interval: 1d, instruments: [EUR_USD], since: 2020-01-01}]}
datasets:
  cot: {vendor: cftc, dataset: cot, since: 2020-01-01}
  rates: {vendor: ecb, dataset: reference-rates, since: 2020-01-01}
"""
PARSE = """
import json, runpy, sys, time
import airflow.sdk, airflow.models, airflow.dag_processing.processor, airflow.timetables.trigger
begun, cpu = time.perf_counter(), time.process_time()
dags = {}
for path in sys.argv[1:]:
    dags.update({name: value for name, value in runpy.run_path(path).items() if isinstance(value, airflow.sdk.DAG)})
print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu, "dags": len(dags)}))
"""


def run(quick: bool = False) -> dict[str, object]:
    """Figures and reaches: the parse, and the start of a real Airflow (left out when quick)."""
    with tempfile.TemporaryDirectory(prefix="bench-airflow-") as folder:
        config = Path(folder) / "tradewinds.yaml"
        config.write_text(CONFIG)
        environment = {"TRADEWINDS_CONFIG": str(config), "TRADEWINDS_HOME": f"{folder}/home", "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        parses = [_parse(folder, environment) for _ in range(3 if quick else 5)]
        figures: dict[str, object] = {
            "parse_all_s": round(statistics.median(one["seconds"] for one in parses), 3),
            "parse_all_cpu_s": round(statistics.median(one["cpu"] for one in parses), 3),
            "dags": parses[0]["dags"],
        }
        if not quick:
            figures["start"] = _start(Path(folder), environment)
        return {"figures": figures, "reach": {"parse_all_s": reach(float(str(figures["parse_all_s"])), PARSE_S_MAX)}}


def _parse(folder: str, environment: dict[str, str]) -> dict[str, float]:
    files = sorted(str(path) for path in DAGS.glob("*.py"))
    known = {**os.environ, **environment, "AIRFLOW_HOME": f"{folder}/parse"}
    done = subprocess.run([sys.executable, "-c", PARSE, *files], env=known, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _start(folder: Path, environment: dict[str, str]) -> dict[str, object]:
    """Seconds from nothing to each phase of a real Airflow, and for three runs of a plan of small tasks."""
    from tradewinds.app.airflow_process import Airflow

    environment = {**environment, "TRADEWINDS_CLOCK": "2024-01-31T00:00:00Z"}
    seconds = []
    with Airflow(folder / "airflow", environment=environment, is_durable=False) as airflow:
        for _ in range(3):
            begun = time.perf_counter()
            airflow.wait("maintenance", airflow.trigger("maintenance", {"partition": "2024-01-31"}))
            seconds.append(round(time.perf_counter() - begun, 2))
    kind = "" if airflow.metadata is None else airflow.metadata.kind
    return {"phases_s": airflow.phases, "maintenance_runs_s": seconds, "metadata": kind, "processes_left": len(airflow.processes_left())}


if __name__ == "__main__":
    print(json.dumps(run("--quick" in sys.argv), indent=1))
