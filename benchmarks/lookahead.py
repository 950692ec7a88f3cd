"""How much the look-ahead detector finds among planted strategies, whom it accuses wrongly, and how long a check takes."""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import time
from pathlib import Path
from types import ModuleType

from benchmarks import market_data as market

CORPUS = Path(__file__).resolve().parents[1] / "tests" / "corpus"


def run(quick: bool = False) -> dict[str, object]:
    """Figures and reaches; there are no peers. quick: the held-out half only."""
    module = _planted_module()
    figures: dict[str, float] = {}
    reach: dict[str, object] = {}
    seconds: list[float] = []
    for folder in ("held_out",) if quick else ("tuning", "held_out"):
        begin = time.perf_counter()
        verdicts = []
        for one in module.planted(folder):
            verdicts.append((one.is_leaky, one.verdict.is_clean))
            seconds.append(time.perf_counter() - begin)
            begin = time.perf_counter()
        leaky = [is_clean for is_leaky, is_clean in verdicts if is_leaky]
        clean = [is_clean for is_leaky, is_clean in verdicts if not is_leaky]
        found, accused = 1 - sum(leaky) / len(leaky), 1 - sum(clean) / len(clean)
        figures |= {f"{folder}_leaky": len(leaky), f"{folder}_found": found, f"{folder}_clean": len(clean), f"{folder}_accused": accused}
        reach |= {f"{folder}_found": market.reach(found, 0.98, at_least=True), f"{folder}_accused": market.reach(accused, 0.02)}
    figures |= {"check_ms": statistics.median(seconds) * 1e3, "longest_check_ms": max(seconds) * 1e3}
    return {"figures": {name: round(value, 4) for name, value in figures.items()}, "peers": {}, "reach": reach, "machine": market.machine()}


def _planted_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("planted_strategies", CORPUS / "planted.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    print(json.dumps(run()))
