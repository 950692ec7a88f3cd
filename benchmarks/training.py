"""A tenth of 20,000 features and 100 models a day: 2,000 features of 500 instruments, and 10 models that each learn from all of them.

1. One night: the features of one session, in one thread and in one thread a core; of a quarter, a half and all of the instruments too.
2. Training rows: the features of 21 sessions (10,000 rows), from which 5 ridge and 5 LightGBM models are trained, one after the other.
3. The law is measured, not supposed: each part at a quarter, a half and all of the features; its exponent is a slope of logarithms. The
   windows of a part are spread over the same lengths as those of all, and sizes are timed in turn, so that only the number differs.

The day of 20,000 x 100 follows from it: features by their exponent; models ten times as many, each by its exponent over ten times the
features, of as many rows; more rows cost in proportion. Tasks share nothing, so that machines divide it; one model's rows must fit one
machine, and their size is stated.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks import night_house as made
from tradewinds.factors.features import Features, FeatureSet, feature_set
from tradewinds.history.panel import Panel
from tradewinds.models.label import label_of
from tradewinds.models.learner import learner_of
from tradewinds.models.sample import Sample, sample_of

DAY_NS = 86_400_000_000_000
FAMILIES = (
    "returns(close, {n})", "volatility({n})", "close / mean(close, {n}) - 1", "close / highest(close, {n})", "close / lowest(close, {n})",
    "rank(returns(close, {n}))", "zscore(volatility({n}))", "volume / mean(volume, {n})", "rank(mean(volume, {n}))", "rsi({n})",
)  # fmt: skip
FULL_FEATURES, FULL_MODELS = 20_000, 100
TURNS = 3
ROUNDS = 20  # trees of a LightGBM model
LEARNERS: dict[str, dict[str, Any]] = {
    "ridge": {"kind": "ridge"},
    "lightgbm": {"kind": "lightgbm", "params": {"rounds": ROUNDS, "num_threads": 1}},
}


def run(quick: bool = False) -> dict[str, Any]:
    """Figures, and what they say of the whole; there is no reach to meet."""
    count, models, instruments, sessions = (40, 2, 40, 30) if quick else (2_000, 10, 500, 21)
    panel = _panel(instruments, sessions + 300)
    sizes = [count // 4, count // 2, count]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    names = expressions(count)
    _features(panel, names, 1)  # compiles what is compiled, and touches the memory once
    night = _in_turn(sizes, lambda size: _features(panel, names[:size], 1))
    panels = {width: _panel(width, sessions + 300) for width in (instruments // 4, instruments // 2, instruments)}
    wide = _in_turn(list(panels), lambda width: _features(panels[width], names, 1))
    with ThreadPoolExecutor(cores) as pool:
        shared = _timed(lambda: _set(names).compute(panel, since_ns=int(panel.times[-1]), mapped=pool.map))
    begun = time.perf_counter()
    rows = _features(panel, names, sessions)
    history_s = time.perf_counter() - begun
    sample = _sample(panel, rows)
    for name in LEARNERS:
        learner_of(LEARNERS[name]).fit(_part(sample, 10))
    learned = {
        name: _in_turn(sizes, lambda size, name=name: learner_of(LEARNERS[name]).fit(_part(sample, size)))  # type: ignore[misc]  # bound at once
        for name in LEARNERS
    }
    begun = time.perf_counter()
    for number in range(models):
        learner_of(LEARNERS["ridge" if number % 2 else "lightgbm"]).fit(sample)
    all_s = time.perf_counter() - begun
    law = {"features of a night": exponent(night)} | {name: exponent(taken) for name, taken in learned.items()}
    return {
        "figures": {
            "features": count, "models": models, "instruments": instruments, "rows": len(sample), "cores": cores,
            "night_s": {str(size): round(taken, 3) for size, taken in night.items()},
            "night_a_thread_a_core_s": round(shared, 3),
            "features_of_training_rows_s": round(history_s, 2),
            "model_s": {name: {str(size): round(taken, 2) for size, taken in one.items()} for name, one in learned.items()},
            "all_models_s": round(all_s, 1),
            "rows_bytes": int(sample.features.nbytes),
            "exponent_in_features": law,
            "night_s_by_instruments": {str(width): round(taken, 3) for width, taken in wide.items()},
            "exponent_in_instruments_of_a_night": exponent(wide),
            "extrapolated": _whole(count, night, learned, law, sample.features.nbytes),
        },
        "reach": {},
    }  # fmt: skip


def _whole(count: int, night: dict[int, float], learned: dict[str, dict[int, float]], law: dict[str, float], size: int) -> dict[str, Any]:
    """Hours of one core for 20,000 features and 100 models, half of each kind, and the memory of one model's rows."""
    more = FULL_FEATURES / count
    features_s = night[count] * more ** law["features of a night"]
    models_s = sum(FULL_MODELS / 2 * taken[count] * more ** law[name] for name, taken in learned.items())
    return {
        "features_of_a_night_core_s": round(features_s, 1),
        "models_core_h": round(models_s / 3_600, 2),
        "cores_for_it_in_8_h": math.ceil((models_s + features_s) / (8 * 3_600)),
        "rows_of_one_model_gb": round(size * more / 1e9, 1),
    }


def exponent(taken: dict[int, float]) -> float:
    """Slope of the logarithm of seconds over that of features."""
    sizes = np.log(list(taken))
    return round(float(np.polyfit(sizes, np.log(list(taken.values())), 1)[0]), 2)


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _in_turn(sizes: Sequence[int], work: Callable[[int], object]) -> dict[int, float]:
    """Seconds of each size, the median of rounds in which every size has its turn: what else the machine does meets all of them."""
    rounds = [[_timed(lambda size=size: work(size)) for size in sizes] for _ in range(TURNS)]  # type: ignore[misc]  # bound at once
    return dict(zip(sizes, np.median(rounds, axis=0).tolist(), strict=True))


def expressions(count: int) -> list[str]:
    """So many features. The first half, and the first quarter, have windows of the same lengths as all: lengths in bit-reversed order."""
    lengths = -(-count // len(FAMILIES))
    bits = (lengths - 1).bit_length()
    spread = sorted(range(lengths), key=lambda number: f"{number:0{bits}b}"[::-1])
    return [family.format(n=2 + length) for length in spread for family in FAMILIES][:count]


def _set(expressions: Sequence[str]) -> FeatureSet:
    return feature_set("many", {f"f{number}": expression for number, expression in enumerate(expressions)})


def _features(panel: Panel, expressions: Sequence[str], sessions: int) -> Features:
    return _set(expressions).compute(panel, since_ns=int(panel.times[-sessions]))


def _panel(instruments: int, sessions: int) -> Panel:
    values = made.bars_of(made.Size(instruments, 2, 0, 0))[-sessions:]
    times = 1_600_000_000_000_000_000 + np.arange(len(values), dtype=np.int64) * DAY_NS
    known = np.broadcast_to(times[:, None] + DAY_NS, values.shape[:2]).copy()
    fields = {name: np.ascontiguousarray(values[:, :, place]) for place, name in enumerate(("open", "high", "low", "close", "volume"))}
    return Panel(tuple(f"M{number:04d}.XNAS" for number in range(instruments)), times, times + DAY_NS, known, fields)


def _sample(panel: Panel, features: Features) -> Sample:
    rows = len(features.times)
    label = label_of({"kind": "forward_return", "horizon": 1, "delay": 1}, panel.event_ns[-rows:], panel.close[-rows:])
    return sample_of(features.names, panel.instruments, panel.event_ns[-rows:], features.values, label)


def _part(sample: Sample, count: int) -> Sample:
    return sample.only(sample.names[:count])


if __name__ == "__main__":
    print(json.dumps(run("--quick" in sys.argv), indent=1))
