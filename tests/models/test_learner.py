"""Learners give files without pickle, and the files give the same model, or a typed error."""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import DataFault, Rejected, Unreadable
from tradewinds.models.learner import files_hash, learner_of, load_model
from tradewinds.models.network import FittedNetwork
from tradewinds.models.sample import Sample

SPECS: list[dict[str, Any]] = [
    {"kind": "ridge", "params": {"penalty": 5.0}},
    {"kind": "lightgbm", "params": {"rounds": 30, "num_leaves": 7}},
    {"kind": "sklearn.ensemble.ExtraTreesRegressor", "params": {"n_estimators": 10, "max_depth": 5}},
    {"kind": "sklearn.linear_model.ElasticNet", "params": {"alpha": 1e-4}},
    {"kind": "network", "params": {"hidden": [8], "epochs": 8, "rate": 0.01, "decay": 1.0}},
]


@pytest.fixture(params=SPECS, ids=lambda spec: spec["kind"])
def spec(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    for library in {"ridge": (), "lightgbm": ("lightgbm",), "network": ("torch",)}.get(found["kind"], ("sklearn", "skops")):
        pytest.importorskip(library, reason=f"{library} is absent: no {found['kind']}")
    return found


def test_what_was_learned_comes_back_from_its_files_to_the_bit(sample: Sample, spec: dict[str, Any]) -> None:
    model = learner_of(spec).fit(sample)

    files = model.files()
    again = load_model(files, sha256=files_hash(files))

    assert again.names == sample.names
    assert again.predict(sample.features).tobytes() == model.predict(sample.features).tobytes()
    assert dict(again.files()) == dict(files)
    assert not any(content.startswith(b"\x80") for content in files.values())


def test_the_same_rows_learned_twice_give_the_same_files(sample: Sample, spec: dict[str, Any]) -> None:
    assert files_hash(learner_of(spec).fit(sample).files()) == files_hash(learner_of(spec).fit(sample).files())


def test_a_row_is_foretold_alike_alone_and_in_company(sample: Sample, spec: dict[str, Any]) -> None:
    model = learner_of(spec).fit(sample)

    whole = model.predict(sample.features[:500])

    alone = [model.predict(sample.features[row : row + 1])[0] for row in range(0, 500, 50)]
    assert alone == pytest.approx(whole[::50].tolist(), rel=0 if spec["kind"] in ("ridge", "lightgbm") else 1e-12, abs=0)


def test_the_feature_that_matters_is_found(sample: Sample, spec: dict[str, Any]) -> None:
    model = learner_of(spec).fit(sample)

    said = model.predict(sample.features)

    assert model.importance().argmax() == 0
    assert model.importance().sum() == pytest.approx(1.0)
    assert np.corrcoef(said, sample.features[:, 0])[0, 1] > 0.8


def test_rows_of_which_nothing_can_be_said_are_not_known(sample: Sample, spec: dict[str, Any]) -> None:
    model = learner_of(spec).fit(sample)
    rows = sample.features[:4].copy()
    rows[1] = np.nan
    rows[2, 3] = np.inf
    rows[3, 1] = np.nan

    said = model.predict(rows)

    assert np.isnan(said).tolist() == [False, True, True, False]


def test_another_number_of_features_is_refused(sample: Sample, spec: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match=r"features of shape \(3, 2\), expected \(rows, 4\) in the order of true, noise_1"):
        learner_of(spec).fit(sample).predict(np.zeros((3, 2)))


def test_files_that_were_changed_do_not_load(sample: Sample, spec: dict[str, Any]) -> None:
    files = dict(learner_of(spec).fit(sample).files())
    pinned = files_hash(files)
    files["model.json"] = files["model.json"].replace(b"noise_1", b"noise_9")

    with pytest.raises(Unreadable, match=f"model: files with SHA-256 [0-9a-f]{{64}}, expected {pinned}"):
        load_model(files, sha256=pinned)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "files none, expected model.json"),
        ({"model.json": b"\x80\x04pickle"}, "expected JSON"),
        ({"model.json": b"[]"}, "model.json: list, expected format 1"),
        ({"model.json": b'{"format":1,"kind":"pickle","features":["a"]}'}, "kind 'pickle', expected format 1 and one of the kinds ridge"),
        ({"model.json": b'{"format":1,"kind":"ridge","features":[]}'}, "features \\[\\], expected a list of names"),
        ({"model.json": b'{"format":1,"kind":"ridge","features":["a"]}'}, "model ridge: "),
        ({"model.json": b'{"format":1,"kind":"ridge","features":["a"],"centre":["x"]}'}, "model of kind ridge: ValueError"),
    ],
)
def test_what_is_no_model_is_unreadable(files: dict[str, bytes], said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        load_model(files)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"kind": "oracle"}, "learner: kind 'oracle', expected one of ridge"),
        ({"kind": "ridge", "params": {"alpha": 1.0}}, "learner ridge: 'alpha', expected penalty"),
        (
            {"kind": "lightgbm", "params": {"boosting": "rf"}},
            "learner lightgbm: 'boosting', expected rounds or one of alpha",
        ),
        ({"kind": "lightgbm", "rounds": 0}, "learner lightgbm: rounds 0, expected 1 to 20000"),
        ({"kind": "lightgbm", "objective": "binary"}, "learner lightgbm: objective 'binary', expected one of regression"),
        ({"kind": "sklearn.pipeline.Pipeline"}, "learner sklearn: estimator 'sklearn.pipeline.Pipeline', expected one of sklearn.cross"),
        ({"kind": "os.system"}, "learner: kind 'os.system', expected one of ridge"),
        ({"kind": "ridge", "params": {"penalty": -1.0}}, "learner ridge: penalty -1.0, expected a number above 0"),
    ],
)
def test_a_learner_that_cannot_be_is_refused(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(Rejected, match=said):
        learner_of(spec)


def test_ridge_agrees_with_another_implementation_in_both_its_forms(sample: Sample) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    wide = sample.take(np.arange(3))

    for rows in (sample, wide):
        x = (rows.features - rows.features.mean(axis=0)) / rows.features.std(axis=0)
        expected = linear.Ridge(alpha=5.0).fit(x, rows.label).predict(x)
        assert learner_of({"kind": "ridge", "penalty": 5.0}).fit(rows).predict(rows.features) == pytest.approx(expected, abs=1e-12)


def test_a_column_that_never_moves_has_no_say(sample: Sample) -> None:
    features = sample.features[:100].copy()
    features[:, 2] = 7.0
    few = Sample(sample.names, sample.universe, sample.times[:100], sample.instruments[:100], features, sample.label[:100],
                 sample.starts_ns[:100], sample.label_end_ns[:100], sample.weight[:100])  # fmt: skip

    assert learner_of({"kind": "ridge"}).fit(few).importance()[2] == 0.0
    with pytest.raises(DataFault, match="none of 1 features moves over 100 rows"):
        learner_of({"kind": "ridge"}).fit(few.only(["noise_2"]))


def test_trees_answer_as_lightgbm_does_to_the_bit_with_values_not_known_and_zeros_among_them(sample: Sample) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    features = sample.features.copy()
    features[::7, 0] = np.nan
    features[::5, 1] = 0.0
    rows = features.copy()
    rows[::3, 1] = np.nan
    rows[::11, 2] = 0.0
    for learned in (sample, replace(sample, features=features)):
        model = learner_of({"kind": "lightgbm", "params": {"rounds": 40}}).fit(learned)

        peer = lightgbm.Booster(model_str=model.files()["trees.txt"].decode())

        assert model.predict(rows).tobytes() == peer.predict(rows).tobytes()
        gains = peer.feature_importance("gain")
        assert model.importance() == pytest.approx(gains / gains.sum(), rel=1e-4)  # the text holds gains to six digits


def test_trees_are_the_same_with_any_number_of_threads(sample: Sample) -> None:
    pytest.importorskip("lightgbm")

    texts = [
        learner_of({"kind": "lightgbm", "rounds": 20, "num_threads": threads}).fit(sample).files()["trees.txt"].splitlines()
        for threads in (1, 2)
    ]

    assert [line for line, other in zip(*texts, strict=True) if line != other] == [b"[num_threads: 1]"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b"end of trees", b"", "trees: no end"),
        (b"split_feature=", b"split_feature=99 ", r"values, expected 30 a column and 31 leaves"),
        (b"left_child=1", b"left_child=0", "a child that is no later node and no leaf"),
        (b"threshold=", b"threshold=nan ", "values, expected 30 a column"),
        (b"num_cat=0", b"num_cat=1", "num_cat 1"),
        (b"num_class=1", b"num_class=3", "several classes"),
        (b"max_feature_idx=3", b"max_feature_idx=4", "over 5 features, expected 4"),
        (b"version=v4", b"version=v9", "version 'v9', expected 'tree' and v4"),
        (b"Tree=1", b"Root=1", "1 of 2, expected all of them|trees: "),
    ],
)
def test_a_broken_text_of_trees_is_unreadable_and_ends_no_process(sample: Sample, before: bytes, after: bytes, said: str) -> None:
    pytest.importorskip("lightgbm")
    files = dict(learner_of({"kind": "lightgbm", "rounds": 2}).fit(sample).files())
    assert before in files["trees.txt"]
    files["trees.txt"] = files["trees.txt"].replace(before, after, 1)

    with pytest.raises(Unreadable, match=said):
        load_model(files)


def test_a_type_that_is_not_trusted_is_not_built(sample: Sample) -> None:
    skops = pytest.importorskip("skops.io")
    counter = pytest.importorskip("sklearn.feature_extraction.text")
    files = dict(learner_of({"kind": "sklearn.linear_model.Ridge"}).fit(sample).files())
    strange = skops.dumps(counter.CountVectorizer(tokenizer=shutil.which))

    with pytest.raises(Unreadable, match=r"estimator.skops wants to build shutil.which, expected types of the trusted list"):
        load_model({**files, "estimator.skops": strange})
    with pytest.raises(Unreadable, match=r"holds CountVectorizer, expected sklearn.linear_model.*Ridge"):
        load_model({**files, "estimator.skops": skops.dumps(counter.CountVectorizer())})
    with pytest.raises(Unreadable, match="BadZipFile"):
        load_model({**files, "estimator.skops": b"\x80\x04pickle"})


def test_an_estimator_that_cannot_heed_weights_refuses_them(sample: Sample) -> None:
    pytest.importorskip("sklearn")
    weighed = replace(sample, weight=np.linspace(0.1, 1.0, len(sample)))

    with pytest.raises(Rejected, match="KNeighborsRegressor: rows of different weights, expected an estimator that heeds them"):
        learner_of({"kind": "sklearn.neighbors.KNeighborsRegressor"}).fit(weighed)


def test_a_network_is_answered_without_what_trained_it() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(3, 2)), rng.normal(size=(1, 3))
    model = FittedNetwork(("a", "b"), np.array([1.0, 2.0]), np.array([2.0, 0.0]), 0.5, 0.1, ((first, np.ones(3)), (second, np.zeros(1))))

    again = load_model(model.files(), sha256=files_hash(model.files()))

    # a: (3 - 1) / 2 = 1; b never moved
    expected = 0.5 + 0.1 * float(second[0] @ np.maximum(first[:, 0] + 1.0, 0.0))
    assert again.predict(np.array([[3.0, 9.0]]))[0] == pytest.approx(expected, rel=1e-12)
    assert again.importance().tolist() == [1.0, 0.0]
    with pytest.raises(Unreadable, match=r"weights.npz: BadZipFile|weights.npz: ValueError|weights.npz: UnpicklingError"):
        load_model({**model.files(), "weights.npz": b"\x80\x04pickle"})
    with pytest.raises(Unreadable, match=r"a layer of \(3, 2\) and \(3,\), expected one that takes 1 numbers"):
        load_model({**model.files(), "model.json": model.files()["model.json"].replace(b'["a","b"]', b'["a"]')})


def test_a_network_without_pytorch_says_what_to_install(sample: Sample) -> None:
    if find_spec("torch") is not None:
        pytest.skip("PyTorch is here")

    with pytest.raises(Rejected, match=r"PyTorch is not installed, expected the extra: pip install 'tradewinds\[torch\]'"):
        learner_of({"kind": "network"}).fit(sample)
    with pytest.raises(Rejected, match=r"learner network: hidden \[0\], expected up to 10 widths"):
        learner_of({"kind": "network", "hidden": [0]})


def test_a_split_of_what_is_known_from_what_is_not_is_kept() -> None:
    pytest.importorskip("lightgbm")
    rng = np.random.default_rng(5)
    features = rng.normal(size=(600, 2))
    features[::2, 0] = np.nan
    label = np.where(np.isnan(features[:, 0]), 0.5, -0.5)
    sample = Sample(
        ("late", "noise"),
        ("A.XNYS",),
        np.arange(600),
        np.zeros(600, np.int64),
        features,
        label,
        np.arange(600) + 1,
        np.arange(600) + 2,
        np.ones(600),
    )

    model = learner_of({"kind": "lightgbm", "params": {"rounds": 5, "num_leaves": 2, "min_data_in_leaf": 1}}).fit(sample)
    answers = load_model(model.files()).predict(np.array([[np.nan, 0.0], [0.3, 0.0]]))

    assert answers[0] > answers[1]


@pytest.mark.parametrize("objective", ["regression", "regression_l1", "huber", "quantile"])
def test_trees_over_drawn_rows_answer_as_lightgbm_does_whatever_is_missing(objective: str) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    for seed in range(6):
        rng = np.random.default_rng(seed)
        count, width = int(rng.integers(20, 500)), int(rng.integers(1, 7))
        rows = rng.normal(size=(count, width))
        rows[rng.random(count) < 0.4, 0] = np.nan
        rows[:, width // 2] = np.round(rows[:, width // 2])
        label = np.where(np.isnan(rows[:, 0]), 1.0, 0.0) + rng.normal(size=count) * 0.1 if seed else np.full(count, 3.0)
        times = np.arange(count)
        names = tuple(f"feature {place}" for place in range(width))
        sample = Sample(names, ("A",), times, np.zeros(count, np.int64), rows, label, times, times + 1, rng.random(count) + 0.1)
        model = learner_of({"kind": "lightgbm", "rounds": 15, "objective": objective, "min_data_in_leaf": 3}).fit(sample)
        asked = np.vstack([rows, rng.normal(size=(100, width)) * 5])
        asked[rng.random(asked.shape) < 0.1] = np.nan
        asked[rng.random(asked.shape) < 0.05] = 0.0
        known = ~np.isnan(asked).all(axis=1)

        peer = lightgbm.Booster(model_str=model.files()["trees.txt"].decode())

        assert model.predict(asked)[known].tobytes() == np.asarray(peer.predict(asked[known])).tobytes()
        assert np.isnan(model.predict(asked)[~known]).all()
