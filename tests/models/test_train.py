"""Training in parts gives what training in one piece gives; scores and cards say what came of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradewinds.core.errors import DataFault, Rejected, Unreadable
from tradewinds.models.card import card, card_of
from tradewinds.models.learner import files_hash, load_model
from tradewinds.models.sample import Sample
from tradewinds.models.score import information_coefficients, score
from tradewinds.models.significance import jointly, noise_passes_max, ranks, student_above
from tradewinds.models.split import WalkForward, walk_forward
from tradewinds.models.train import OutOfSample, joined, latest, out_of_sample_of, train, train_folds
from tradewinds.models.uniqueness import uniqueness, weighed

HOW = WalkForward(train=252, test=63)
RIDGE = {"kind": "ridge", "params": {"penalty": 10.0}}
DAY_NS = 86_400_000_000_000


@pytest.fixture(scope="module")
def found(sample: Sample) -> OutOfSample:
    return train_folds(sample, RIDGE, walk_forward(sample, HOW))


def test_folds_that_were_trained_apart_join_to_the_same(sample: Sample, found: OutOfSample) -> None:
    splits = walk_forward(sample, HOW)

    parts = [out_of_sample_of(train_folds(sample, RIDGE, [split]).to_bytes()) for split in splits]

    assert joined(parts[::-1]).to_bytes() == found.to_bytes()


def test_parts_that_do_not_belong_together_are_refused(found: OutOfSample) -> None:
    with pytest.raises(Rejected, match="0 parts over 0 universes"):
        joined([])
    with pytest.raises(Rejected, match="expected each once"):
        joined([found, found])
    with pytest.raises(Rejected, match="2 parts over 2 universes"):
        joined([found, replace(found, universe=("A",))])
    with pytest.raises(Unreadable, match="expected an archive of arrays"):
        out_of_sample_of(b"\x80\x04pickle")


def test_a_model_that_knows_something_is_told_from_chance(found: OutOfSample) -> None:
    told = found.score()

    assert told.rows == 442 * 20
    assert told.decisions == 442
    assert told.independent == 89  # one in five
    assert told.ic > 0.04
    assert told.p < 0.02
    assert told.sharpe > 1.0
    assert 0.5 < told.hit_rate < 0.6
    assert sum(one.rows for one in found.fold_scores().values()) == told.rows


def test_the_next_model_learns_from_the_latest_decisions(sample: Sample) -> None:
    rows = latest(sample, HOW)

    assert len(np.unique(rows.times)) == 252
    assert rows.times[-1] == sample.times[-1]
    assert len(latest(sample, replace(HOW, window="expanding"))) == len(sample)


def test_a_card_says_what_a_model_was_made_of(sample: Sample, found: OutOfSample) -> None:
    files = train(RIDGE, latest(sample, HOW))

    made = card(
        "trend", files, latest(sample, HOW), found, label={"kind": "forward_return", "horizon": 5}, learner=RIDGE, walk={"train": 252},
        as_of_ns=DAY_NS, tables={"history/bars-1d": 7}, code="0.1.0", notes=("two instruments had no sector",),
    )  # fmt: skip
    page = made.as_markdown()

    assert made.sha256 == files_hash(files)
    assert card_of(made.to_bytes()) == made
    assert f"| ic | {found.score().ic:.4g} |" in page
    assert "- two instruments had no sector" in page
    assert "| history/bars-1d | 7 |" in page
    assert next(iter(made.features)) == "true"
    with pytest.raises(Unreadable, match="model card: ValueError"):
        card_of(b"{}")


def test_a_label_that_shares_its_days_weighs_less(sample: Sample) -> None:
    few = Sample(
        ("x",), ("A", "B"), np.array([0, 1, 1, 5]) * DAY_NS, np.array([0, 0, 1, 0]), np.ones((4, 1)), np.zeros(4),
        np.array([0, 1, 1, 5]) * DAY_NS, np.array([2, 3, 3, 6]) * DAY_NS, np.ones(4),
    )  # fmt: skip

    # days 0-2 and 1-3 share a day; B's label and the one from day 5 share none
    assert uniqueness(few).tolist() == [0.75, 0.75, 1.0, 1.0]
    assert weighed(few).weight.sum() == pytest.approx(4.0)
    assert uniqueness(sample)[len(sample) // 2] == pytest.approx(0.2)


def test_weights_change_what_is_learned(sample: Sample) -> None:
    light = replace(sample, weight=np.where(sample.instruments < 10, 1.0, 1e-9))

    light_files, half_files = train(RIDGE, light), train(RIDGE, sample.take(sample.instruments < 10))

    # 10 of 20 instruments weigh nothing; the penalty counts per row, so that twice as many rows halve it
    ours = load_model(light_files).predict(sample.features[:20])
    assert ours == pytest.approx(load_model(half_files).predict(sample.features[:20]), abs=2e-5)


def test_information_coefficients_are_rank_correlations() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(3)
    x, y = np.round(rng.normal(size=(40, 9)), 1), np.round(rng.normal(size=(40, 9)), 1)
    x[5, 2] = np.nan
    x[6, :5] = np.nan
    x[7] = 1.0

    ours = information_coefficients(x, y)

    for row in range(40):
        known = np.isfinite(x[row])
        if known.sum() < 5 or row == 7:
            assert np.isnan(ours[row])
        else:
            assert ours[row] == pytest.approx(stats.spearmanr(x[row, known], y[row, known]).statistic, abs=1e-12)
    assert ranks(np.array([3.0, 1.0, np.nan, 1.0])).tolist()[:2] == [2.0, 0.5]


def test_a_single_instrument_is_judged_by_the_sign() -> None:
    times = np.arange(60) * DAY_NS
    label = np.where(np.arange(60) % 3 == 0, -0.01, 0.02)

    told = score(times, np.zeros(60, np.int64), np.ones(60), label, times, times + DAY_NS)

    assert np.isnan(told.ic)
    assert told.period_return == pytest.approx(0.01)
    assert told.hit_rate == pytest.approx(2 / 3)
    assert told.p < 0.001
    assert told.as_json()["ic"] is None


def test_nothing_foretold_has_no_score() -> None:
    times = np.arange(3) * DAY_NS

    with pytest.raises(DataFault, match="none of 3 predictions is known"):
        score(times, np.zeros(3, np.int64), np.full(3, np.nan), np.zeros(3), times, times + DAY_NS)


@pytest.mark.parametrize(("t", "freedom"), [(0.0, 3), (1.7, 5), (-0.3, 12), (4.0, 200), (12.0, 2), (-40.0, 9)])
def test_students_tail_is_that_of_the_tables(t: float, freedom: float) -> None:
    stats = pytest.importorskip("scipy.stats")

    assert student_above(t, freedom) == pytest.approx(float(stats.t.sf(t, freedom)), rel=1e-9)


def test_bands_of_noise() -> None:
    assert noise_passes_max(1_000) == 68
    assert jointly(0.01, 5) == pytest.approx(1 - 0.99**5)


def test_every_kind_can_be_walked(sample: Sample) -> None:
    pytest.importorskip("lightgbm")
    (first, *_) = walk_forward(sample, HOW)

    part = train_folds(sample, {"kind": "lightgbm", "rounds": 10}, [first])

    assert len(part.prediction) == 63 * 20
    assert np.isfinite(part.prediction).all()
