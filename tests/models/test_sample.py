"""Rows to learn from are refused where they know what they cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.models.sample import Sample, sample_of

DAY_NS = 86_400_000_000_000


def test_rows_are_cells_with_a_label_and_a_feature(market: Any) -> None:
    features = market.features.copy()
    features[3, 7] = np.nan
    features[4, 7, 0] = np.nan

    sample = sample_of(("a", "b", "c", "d"), market.universe, market.times, features, market.label())

    assert len(sample) == (700 - 6) * 20 - 1
    assert sample.times[0] == DAY_NS
    assert sample.label_end_ns[0] == 7 * DAY_NS
    assert np.isnan(sample.features[(sample.times == 5 * DAY_NS) & (sample.instruments == 7), 0]).all()


def test_a_value_used_before_it_was_known_is_refused(market: Any) -> None:
    known = np.broadcast_to(market.times[:, None], market.prices.shape).copy()
    known[100, 3] += 3 * DAY_NS

    with pytest.raises(Rejected, match=r"features of I3\.XNYS for the decision at 1970-04-12.*known at 1970-04-15.*\(1 of 13880 cells\)"):
        sample_of(("a", "b", "c", "d"), market.universe, market.times, market.features, market.label(), known_ns=known)


def test_an_instrument_that_was_no_member_then_gives_no_row(market: Any) -> None:
    is_member = np.ones(market.prices.shape, np.bool_)
    is_member[:, 3] = False

    sample = sample_of(("a", "b", "c", "d"), market.universe, market.times, market.features, market.label(), is_member=is_member)

    assert 3 not in sample.instruments


def test_impossible_rows_are_refused(sample: Sample) -> None:
    few = sample.take(np.arange(4))
    infinite = few.features.copy()
    infinite[2, 1] = np.inf

    with pytest.raises(Rejected, match="infinite values of noise_1, expected finite ones"):
        replace(few, features=infinite)
    with pytest.raises(Rejected, match="decisions out of order"):
        replace(few, times=few.times[::-1] - np.arange(4))
    with pytest.raises(Rejected, match="a label that is no number"):
        replace(few, label=few.label * np.nan)
    with pytest.raises(Rejected, match="a weight below 0"):
        replace(few, weight=-few.weight)
    with pytest.raises(Rejected, match=r"spans 1970-01-01.*expected a span after the decision \(4 of 4 rows\)"):
        replace(few, starts_ns=few.starts_ns - 2 * DAY_NS)
    with pytest.raises(Rejected, match="feature 'sentiment', expected one of true, noise_1"):
        few.only(["sentiment"])


def test_nothing_to_learn_from_is_said(market: Any) -> None:
    with pytest.raises(DataFault, match="0 of 14000 cells have a label and a feature"):
        sample_of(("a", "b", "c", "d"), market.universe, market.times, market.features * np.nan, market.label())
