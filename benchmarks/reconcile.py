"""Vendor errors planted in real prices: how many the reconciler finds, and how many wrong cells it and simple rules publish.

The planting and scoring tool stands beside the shared data (`tools/vendor_errors.py`); where either is absent the figures are
reported as skipped. The speed of the quality checks needs no data and is always measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks import market_data as market
from tradewinds.history.quality import check_bars
from tradewinds.jobs.reconcile_drops import reconcile_drops

SHARED = Path(os.environ.get("TRADEWINDS_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
VARIANTS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "three symbols": ("--symbols", "AAPL,AIG,SPY"),
    "dense": ("--errors", "400"),
    "crash": ("--start", "2008-01-01", "--end", "2009-12-31", "--errors", "100"),
    "long": ("--start", "1999-01-04", "--end", "2020-12-31"),
    "none shared": ("--shared", "0"),
    "half shared": ("--shared", "0.5"),
}
LOWEST = {"recall": 0.99, "precision": 0.95, "kind_named_right": 0.9}
HIGHEST = {"found_by_star_only": 0.1, "uncertain": 0.03}
ZERO = ("wrong_silent_overwrites", "sessions_missing", "sessions_surplus", "known_at_impossible")


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches: the worst of all runs. quick: two seeds of the plain plant."""
    checks = _check_speed(rounds=5 if quick else 15)
    tool = SHARED.parent / "tools" / "vendor_errors.py"
    source = SHARED / "equities" / "lean_daily"
    speed = {"check_bars_rows_per_s": market.reach(checks, 20_000_000, at_least=True)}
    if not tool.is_file() or not source.is_dir():
        why = f"skipped: no {tool.name} or no {source.name} beside the checkout"
        return {
            "figures": {"check_bars_rows_per_s": checks, "planted_errors": why},
            "peers": {},
            "reach": speed,
            "machine": market.machine(),
        }
    plan = [("plain", seed) for seed in range(1, 3 if quick else 11)]
    plan += [] if quick else [(name, 101) for name in VARIANTS if name != "plain"]
    scores, peers = [], []
    for variant, seed in plan:
        with tempfile.TemporaryDirectory(prefix="bench-reconcile-") as folder:
            score, peer = _one(tool, source, Path(folder), variant, seed)
            scores.append(score)
            peers.append(peer)
    reached = sum(bool(score["reached"]) for score in scores)
    worst = {name: min(score[name] for score in scores) for name in LOWEST}
    worst |= {name: max(score[name] for score in scores) for name in (*HIGHEST, *ZERO)}
    figures = {
        "runs": len(scores),
        "reached": reached,
        "not_reached": [f"{name} {seed}" for (name, seed), score in zip(plan, scores, strict=True) if not score["reached"]],
        **{f"{name}_worst": value for name, value in worst.items()},
        "seconds_median": round(float(np.median([score["seconds"] for score in scores])), 2),
        "versions_certain_and_wrong": sum(score["versions_certain_and_wrong"] for score in scores),
        "check_bars_rows_per_s": checks,
    }
    return {
        "figures": figures,
        "peers": {
            name: {"wrong_cells": [min(p[name]["wrong"] for p in peers), max(p[name]["wrong"] for p in peers)]}
            for name in ("first_vendor", "median", "majority")
        },
        "reach": {
            "runs_reached": market.reach(reached / len(scores), 1.0, at_least=True),
            **{name: market.reach(worst[name], limit, at_least=True) for name, limit in LOWEST.items()},
            **{name: market.reach(worst[name], limit) for name, limit in HIGHEST.items()},
            **{name: market.reach(worst[name], 0) for name in ZERO},
            **speed,
        },
        "machine": market.machine(),
    }


def _one(tool: Path, source: Path, root: Path, variant: str, seed: int) -> tuple[dict[str, float], dict[str, dict[str, int]]]:
    """(score, baselines) of one plant."""
    drops, truth, out = (str(root / name) for name in ("drops", "truth", "out"))
    _call(tool, "plant", "--source", str(source), "--out", drops, "--truth", truth, "--seed", str(seed), *VARIANTS[variant])
    begin = time.perf_counter()
    reconcile_drops(Path(drops), "XNYS", Path(out))
    seconds = time.perf_counter() - begin
    score = _call(tool, "score", "--truth", truth, "--result", out)
    certain_and_wrong = _certain_and_wrong(Path(out) / "versions.parquet", Path(truth) / "truth.parquet")
    return score | {"seconds": seconds, "versions_certain_and_wrong": certain_and_wrong}, _call(
        tool, "baselines", "--drops", drops, "--truth", truth
    )


def _certain_and_wrong(versions: Path, truth: Path) -> int:
    """Versions that were ever published as certain and whose price is off by more than 0.1 % or volume by more than 20 %."""
    certain = pl.read_parquet(versions).filter(pl.col("status").is_in(["ok", "resolved"]))
    both = certain.join(pl.read_parquet(truth), on=["symbol", "session"], suffix="_true")
    off = [(pl.col(name) / pl.col(f"{name}_true") - 1).abs() > 1e-3 for name in ("open", "high", "low", "close")]
    volume = ((pl.col("volume") / pl.col("volume_true") - 1).abs() > 0.2) & (pl.col("volume_true") > 0)
    return both.filter(pl.any_horizontal(*off, volume)).height


def _call(tool: Path, *arguments: str) -> dict[str, Any]:
    """The JSON object that the tool prints."""
    done = subprocess.run([sys.executable, str(tool), *arguments], check=False, capture_output=True, text=True)
    if not done.stdout.strip():
        raise RuntimeError(f"{tool.name} {arguments[0]}: ended with {done.returncode} and {done.stderr[-300:]!r}, expected one JSON object")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def _check_speed(rounds: int) -> float:
    """Rows per second of the quality checks over clean months of minutes, one thread of Python."""
    rows = market.year(market.symbols(1)[0], minutes=43_200)
    check_bars(rows, "bars-1m", vendor="bench")
    best = np.inf
    for _ in range(rounds):
        begin = time.perf_counter()
        check_bars(rows, "bars-1m", vendor="bench")
        best = min(best, time.perf_counter() - begin)
    return round(rows.height / best)


if __name__ == "__main__":
    print(json.dumps(run()))
