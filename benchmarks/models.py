"""Training and asking of models: LightGBM through the port beside LightGBM alone, ridge beside scikit-learn, and what a pinned model costs.

500,000 rows of 50 features: 500 instruments over 1,000 sessions.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import market_data as market
from tradewinds.models.bound import bound, with_features
from tradewinds.models.label import check_future, label_of
from tradewinds.models.learner import files_hash, learner_of, load_model
from tradewinds.models.sample import Sample, sample_of
from tradewinds.models.split import WalkForward, walk_forward
from tradewinds.models.train import train_folds
from tradewinds.models.trees import DEFAULTS, FIXED
from tradewinds.stores.model_files import ModelFiles

DAY_NS = 86_400_000_000_000
FEATURES = 50
ROUNDS = 100


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: a tenth of the rows."""
    sessions, instruments, rounds = (200, 250, 1) if quick else (1_000, 500, 2)
    begin = time.perf_counter()
    sample, label, prices = _market(sessions, instruments)
    made_s = time.perf_counter() - begin
    trained = market.alternated_ms(_training(sample), rounds=rounds)
    asked, small = _asking(sample)
    answered = market.alternated_ms(asked, rounds=rounds)
    each = market.alternated_ms(small, rounds=200 if quick else 1_000)
    walked = _timed(
        lambda: train_folds(sample, {"kind": "ridge"}, walk_forward(sample, WalkForward(sessions // 2, sessions // 16, embargo=5)))
    )
    figures = {
        **{name: value for name, value in (trained | answered).items() if name.startswith("own")},
        **{name.replace("_ms", "_us"): value * 1000.0 for name, value in each.items() if name.startswith("own")},
        "own_sample_s": made_s,
        "own_check_future_s": _timed(lambda: check_future(label, prices)),
        "own_walk_of_8_folds_ridge_s": walked,
        "own_pinned_model_loaded_by_hash_ms": _loaded_ms(sample),
    }
    peers = {
        **{name: value for name, value in (trained | answered).items() if not name.startswith("own")},
        **{name.replace("_ms", "_us"): value * 1000.0 for name, value in each.items() if not name.startswith("own")},
    }
    return {
        "figures": {name: round(value, 3) for name, value in figures.items()},
        "peers": {name: round(value, 3) for name, value in peers.items()},
        "reach": {
            "training_to_lightgbm_alone": market.reach(trained["own_lightgbm_fit_ms"] / trained["lightgbm_fit_ms"], 1.1),
            "asking_to_lightgbm_on_one_thread": market.reach(answered["own_lightgbm_predict_ms"] / answered["lightgbm_predict_ms"], 1.2),
            "one_row_to_lightgbm": market.reach(each["own_one_row_ms"] / each["lightgbm_one_row_ms"], 1.0),
            "ridge_to_scikit_learn": market.reach(trained["own_ridge_fit_ms"] / trained["sklearn_ridge_fit_ms"], 2.0),
        },
        "machine": market.machine() | {"rows": len(sample), "features": FEATURES, "trees": ROUNDS, "rounds": rounds},
    }


def _market(sessions: int, instruments: int) -> tuple[Sample, Any, Any]:
    chance = np.random.default_rng(market.SEED)
    features = chance.normal(size=(sessions, instruments, FEATURES))
    returns = chance.normal(0.0, 0.01, (sessions, instruments))
    returns[2:] += 0.001 * features[:-2, :, 0] - 0.001 * np.abs(features[:-2, :, 1])
    prices = 100.0 * np.exp(np.cumsum(returns, axis=0))
    times = np.arange(1, sessions + 1) * DAY_NS
    label = label_of({"kind": "forward_return", "horizon": 5}, times, prices)
    names = [f"feature_{number}" for number in range(FEATURES)]
    return sample_of(names, [f"I{number}" for number in range(instruments)], times, features, label), label, prices


def _training(sample: Sample) -> dict[str, Callable[[int], Any]]:
    import lightgbm
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    words = {**DEFAULTS, **FIXED, "num_threads": 2}

    def bare(number: int) -> Any:
        rows = lightgbm.Dataset(sample.features, sample.label, weight=sample.weight, params=words)
        return lightgbm.train(words, rows, num_boost_round=ROUNDS)

    def linear(number: int) -> Any:
        return Ridge(alpha=1.0).fit(StandardScaler().fit_transform(sample.features), sample.label, sample.weight)

    return {
        "own_lightgbm_fit_ms": lambda n: learner_of({"kind": "lightgbm", "rounds": ROUNDS, "num_threads": 2}).fit(sample),
        "lightgbm_fit_ms": bare,
        "own_ridge_fit_ms": lambda n: learner_of({"kind": "ridge"}).fit(sample),
        "sklearn_ridge_fit_ms": linear,
    }


def _asking(sample: Sample) -> tuple[dict[str, Callable[[int], Any]], dict[str, Callable[[int], Any]]]:
    import lightgbm

    model = learner_of({"kind": "lightgbm", "rounds": ROUNDS, "num_threads": 2}).fit(sample)
    files = model.files()
    ours, peer = load_model(files), lightgbm.Booster(model_str=files["trees.txt"].decode())
    ridge = learner_of({"kind": "ridge"}).fit(sample)
    rows, one = sample.features, sample.features[:1].copy()
    assert ours.predict(rows[:10_000]).tobytes() == np.asarray(peer.predict(rows[:10_000])).tobytes()
    many = {
        "own_lightgbm_predict_ms": lambda n: ours.predict(rows),
        "lightgbm_predict_ms": lambda n: peer.predict(rows, num_threads=1),
        "lightgbm_predict_2_threads_ms": lambda n: peer.predict(rows, num_threads=2),
        "own_ridge_predict_ms": lambda n: ridge.predict(rows),
    }
    single = {
        "own_one_row_ms": lambda n: ours.predict(one),
        "lightgbm_one_row_ms": lambda n: peer.predict(one, num_threads=1),
        "own_one_row_ridge_ms": lambda n: ridge.predict(one),
    }
    return many, single


def _loaded_ms(sample: Sample) -> float:
    """Median of reading a pinned model's files, checking the hash and building it."""
    expressions = dict.fromkeys(sample.names, "momentum(20, 1)")
    files = with_features(learner_of({"kind": "lightgbm", "rounds": ROUNDS}).fit(sample.take(np.arange(40_000))).files(), expressions)
    with tempfile.TemporaryDirectory() as folder:
        store = ModelFiles(Path(folder))
        sha256 = store.put(files)
        assert sha256 == files_hash(files)
        taken = [_timed(lambda: bound(f"models:/x/1#{sha256}", store.get(sha256))) for _ in range(9)]
    return statistics.median(taken) * 1000.0


def _timed(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    print(json.dumps(run()))
