"""A challenger is proposed where it is better than chance explains; whoever is not, keeps waiting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.models.promotion import Rule, promotion
from tradewinds.models.sample import Sample
from tradewinds.models.split import WalkForward, walk_forward
from tradewinds.models.train import OutOfSample, train_folds

HOW = WalkForward(train=252, test=63)
RIDGE = {"kind": "ridge", "params": {"penalty": 10.0}}


@pytest.fixture(scope="module")
def knowing(sample: Sample) -> OutOfSample:
    return train_folds(sample, RIDGE, walk_forward(sample, HOW))


@pytest.fixture(scope="module")
def guessing(sample: Sample) -> OutOfSample:
    noise = sample.only(["noise_2", "noise_3"])
    return train_folds(noise, RIDGE, walk_forward(noise, HOW))


def test_the_first_model_that_is_better_than_chance_is_proposed(knowing: OutOfSample, guessing: OutOfSample) -> None:
    first = promotion(knowing, None)
    none = promotion(guessing, None)

    assert first.is_proposed
    assert first.why.endswith("and no champion")
    assert not none.is_proposed
    assert "which chance explains" in none.why
    assert first.as_json()["champion"] is None


def test_a_challenger_that_knows_more_is_proposed_and_never_the_other_way_round(knowing: OutOfSample, guessing: OutOfSample) -> None:
    better, worse = promotion(knowing, guessing), promotion(guessing, knowing)

    assert better.is_proposed
    assert better.challenger > better.champion
    assert better.p_better <= 0.05
    assert not worse.is_proposed


def test_a_copy_of_the_champion_is_not_better(knowing: OutOfSample) -> None:
    found = promotion(knowing, knowing)

    assert not found.is_proposed
    assert "expected more than 0.0 better" in found.why


def test_many_tries_ask_for_more(knowing: OutOfSample) -> None:
    once, often = promotion(knowing, None), promotion(knowing, None, trials=100)

    assert once.is_proposed
    assert not often.is_proposed
    assert often.p == pytest.approx(1 - (1 - once.p) ** 100)


def test_too_few_sessions_are_said(knowing: OutOfSample) -> None:
    found = promotion(knowing, None, Rule(sessions_min=500))

    assert (found.is_proposed, found.why) == (False, "442 decisions out of sample, expected at least 500")


def test_the_margin_and_the_portfolio_count_where_the_rule_says(knowing: OutOfSample, guessing: OutOfSample) -> None:
    assert not promotion(knowing, guessing, Rule(margin=0.5)).is_proposed
    assert promotion(knowing, guessing, Rule(metric="portfolio")).challenger == pytest.approx(knowing.score().period_return)


def test_only_rows_in_common_are_compared(knowing: OutOfSample, guessing: OutOfSample) -> None:
    def part(one: OutOfSample, rows: Any) -> OutOfSample:
        names = ("fold", "times", "instruments", "prediction", "label", "starts_ns", "label_end_ns")
        return OutOfSample(one.universe, **{name: getattr(one, name)[rows] for name in names})

    late = part(guessing, guessing.times > np.median(guessing.times))
    other = replace(knowing, universe=tuple(reversed(knowing.universe)), instruments=19 - knowing.instruments)

    assert promotion(knowing, late).decisions == len(np.unique(late.times))
    assert promotion(other, guessing).p_better == pytest.approx(promotion(knowing, guessing).p_better)
    with pytest.raises(DataFault, match="foretold no row in common"):
        promotion(part(knowing, knowing.times <= np.median(knowing.times)), late)
    with pytest.raises(Rejected, match="judged by different labels"):
        promotion(knowing, replace(guessing, label=guessing.label * 2))


def test_a_rule_that_cannot_be_is_refused() -> None:
    with pytest.raises(Rejected, match="metric 'luck', expected one of ic, portfolio"):
        Rule(metric="luck")  # type: ignore[arg-type]
    with pytest.raises(Rejected, match="level 2"):
        Rule(level=2.0)
