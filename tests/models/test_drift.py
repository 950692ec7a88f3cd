"""Features and predictions that no longer look like those that were learned from are named."""

from __future__ import annotations

import numpy as np
import pytest

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.models.drift import drift, reference_in, reference_of, with_reference
from tradewinds.models.learner import learner_of, load_model
from tradewinds.models.sample import Sample

RNG = np.random.default_rng(5)
THEN = RNG.normal(size=(5_000, 4))


def test_rows_of_the_same_kind_are_steady() -> None:
    found = drift(reference_of("abcd", THEN), np.random.default_rng(6).normal(size=(1_000, 4)))

    assert [one.state for one in found] == ["steady"] * 4
    assert max(one.psi for one in found) < 0.03
    assert min(one.p for one in found) > 0.01


def test_what_moved_is_named_with_how_far() -> None:
    rows = np.random.default_rng(6).normal(size=(1_000, 4))
    rows[:, 1] += 0.4
    rows[:, 2] *= 4.0
    rows[:800, 3] = np.nan

    a, b, c, d = drift(reference_of("abcd", THEN), rows)

    assert (a.state, b.state, c.state, d.state) == ("steady", "moved", "far", "far")
    assert b.ks == pytest.approx(0.16, abs=0.03)  # two normals 0.4 apart: 2 Phi(0.2) - 1
    assert b.psi == pytest.approx(0.16, abs=0.05)  # of two normals m apart: about m squared
    assert b.p < 1e-10
    assert d.unknown == pytest.approx(0.8)


def test_a_column_with_few_values_and_one_that_never_moved_are_compared_too() -> None:
    then = np.column_stack([np.repeat([0.0, 1.0], [900, 100]), np.ones(1_000)])
    reference = reference_of(("flag", "constant"), then)

    same = drift(reference, then[::2])
    other = drift(reference, np.column_stack([np.repeat([0.0, 1.0], [50, 50]), np.full(100, 2.0)]))

    assert [one.state for one in same] == ["steady", "steady"]
    assert [one.state for one in other] == ["far", "far"]


def test_the_distance_agrees_with_another_implementation() -> None:
    stats = pytest.importorskip("scipy.stats")
    now = np.random.default_rng(7).normal(0.1, 1.1, 800)

    (ours,) = drift(reference_of("a", THEN[:, :1]), now[:, None])
    theirs = stats.ks_2samp(THEN[:, 0], now)

    assert ours.ks == pytest.approx(theirs.statistic, abs=0.011)


def test_the_reference_goes_with_the_models_files(sample: Sample) -> None:
    files = with_reference(learner_of({"kind": "ridge"}).fit(sample).files(), sample)
    reference = reference_in(files)

    assert reference is not None
    assert reference.names == (*sample.names, "prediction")
    model = load_model(files)
    rows = np.column_stack([sample.features[-2000:], model.predict(sample.features[-2000:])])
    assert {one.state for one in drift(reference, rows)} == {"steady"}
    assert drift(reference, rows * 3)[-1].state == "far"
    assert reference_in({}) is None


def test_what_cannot_be_compared_is_said() -> None:
    reference = reference_of("ab", THEN[:, :2])

    assert drift(reference, THEN[:10, :2])[0].state == "not known"
    assert drift(reference, THEN[:10, :2])[0].as_json()["psi"] is None
    with pytest.raises(Rejected, match=r"rows of shape \(5000, 4\), expected 2 columns"):
        drift(reference, THEN)
    with pytest.raises(Unreadable, match=r"reference\.json: KeyError"):
        reference_in({"reference.json": b"{}"})
