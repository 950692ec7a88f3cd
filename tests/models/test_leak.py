"""A planted leak is caught each time, and honest samples are left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.models.label import check_future, label_of
from tradewinds.models.leak import as_known, known_late, not_causal, refuse, restated, survivorship, too_good
from tradewinds.models.sample import sample_of

DAY_NS = 86_400_000_000_000
SEEDS = range(40)
TIMES, INSTRUMENTS = 300, 12


def walk(seed: int) -> tuple[Any, Any]:
    """(times, prices) of returns without memory."""
    rng = np.random.default_rng(seed)
    return np.arange(1, TIMES + 1) * DAY_NS, 100.0 * np.exp(np.cumsum(rng.normal(0, 0.015, (TIMES, INSTRUMENTS)), axis=0))


def caught(label: Any, prices: Any) -> bool:
    try:
        check_future(label, prices)
    except Rejected:
        return True
    return False


def test_a_label_shifted_into_the_past_is_caught_each_time_and_an_honest_one_never() -> None:
    shifted, honest = 0, 0
    for seed in SEEDS:
        times, prices = walk(seed)
        for horizon, by in ((1, 2), (5, 3), (10, 12)):
            label = label_of({"kind": "forward_return", "horizon": horizon}, times, prices)
            values = np.full(label.values.shape, np.nan)
            values[by:] = label.values[:-by]
            moved = replace(label, values=np.where(np.isfinite(label.values), values, np.nan))
            shifted += caught(moved, prices)
            honest += caught(label, prices)

    assert (shifted, honest) == (3 * len(SEEDS), 0)


def test_the_past_five_bar_return_is_caught_each_time() -> None:
    found = 0
    for seed in SEEDS:
        times, prices = walk(seed)
        label = label_of({"kind": "forward_return", "horizon": 5}, times, prices)
        past = np.full(prices.shape, np.nan)
        past[5:] = prices[5:] / prices[:-5] - 1.0
        found += caught(replace(label, values=np.where(np.isfinite(label.values), past, np.nan)), prices)

    assert found == len(SEEDS)


def weekly(seed: int) -> tuple[Any, Any, Any, Any]:
    """A report each Tuesday, published on Friday, and corrected a week later: (event, known, values, decisions)."""
    rng = np.random.default_rng(seed)
    tuesdays = np.arange(1, 260, 7) * DAY_NS
    first = rng.normal(size=len(tuesdays))
    corrected = first + np.where(rng.random(len(tuesdays)) < 0.2, rng.normal(0, 0.5, len(tuesdays)), 0.0)
    is_corrected = corrected != first
    event = np.concatenate([tuesdays, tuesdays[is_corrected]])
    known = np.concatenate([tuesdays + 3 * DAY_NS, tuesdays[is_corrected] + 10 * DAY_NS])
    return event, known, np.concatenate([first, corrected[is_corrected]]), np.arange(20, 260) * DAY_NS


def newest_by(stamp: Any, values: Any, decisions: Any) -> Any:
    order = np.argsort(stamp, kind="stable")
    return values[order][np.searchsorted(stamp[order], decisions, "right") - 1]


def test_what_was_known_is_the_newest_version_of_the_newest_published_event() -> None:
    event, known = np.array([1, 8, 1]) * DAY_NS, np.array([4, 11, 9]) * DAY_NS

    found = as_known(event, known, np.array([5.0, 6.0, 5.5]), np.array([3, 4, 8, 9, 11]) * DAY_NS)

    assert np.isnan(found[0])
    assert found[1:].tolist() == [5.0, 5.0, 5.5, 6.0]


def test_a_report_used_before_its_publication_is_caught_each_time() -> None:
    by_stamp, by_versions, honest = 0, 0, 0
    for seed in SEEDS:
        event, known, values, decisions = weekly(seed)
        then = as_known(event, known, values, decisions)
        early = newest_by(event, values, decisions)
        stamp = newest_by(event, known, decisions)

        by_stamp += bool(known_late(["cot_net"], decisions, stamp[:, None]))
        by_versions += bool(restated(["cot_net"], decisions, early[:, None], then[:, None]))
        honest += bool(restated(["cot_net"], decisions, then[:, None], then[:, None]))

    assert (by_stamp, by_versions, honest) == (len(SEEDS), len(SEEDS), 0)


def test_a_corrected_value_used_before_its_correction_is_caught_each_time() -> None:
    found = 0
    for seed in SEEDS:
        event, known, values, decisions = weekly(seed)
        tuesdays = np.unique(event)
        final = np.array([values[event == one][-1] for one in tuesdays])  # what the store says today, for every week of the past
        used = final[np.searchsorted(tuesdays + 3 * DAY_NS, decisions, "right") - 1]
        found += bool(restated(["cot_net"], decisions, used[:, None], as_known(event, known, values, decisions)[:, None]))

    assert found == len(SEEDS)


def test_a_leak_that_is_found_is_refused_with_its_first_place() -> None:
    event, known, values, decisions = weekly(1)
    early = newest_by(event, values, decisions)

    with pytest.raises(Rejected, match=r"sample: restated: cot_net: .* at 1970-01-2.*, expected .*, as known then \(\d+ cells; 1 leaks\)"):
        refuse(restated(["cot_net"], decisions, early[:, None], as_known(event, known, values, decisions)[:, None]))
    with pytest.raises(Rejected, match=r"known late: cot_net: known at 1970-01-.*, expected by the decision at"):
        refuse(known_late(["cot_net"], decisions, newest_by(event, known, decisions)[:, None]))
    refuse([])


def test_survivors_alone_are_caught_each_time() -> None:
    survivors, outsiders, honest = 0, 0, 0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        times, prices = walk(seed)
        everybody = tuple(f"I{number}" for number in range(INSTRUMENTS))
        is_member = np.ones(prices.shape, np.bool_)
        for place in rng.choice(INSTRUMENTS, 3, replace=False):
            is_member[int(rng.integers(100, 250)) :, place] = False
        is_member[:30, int(np.flatnonzero(is_member.all(axis=0))[0])] = False  # one joined later
        label = label_of({"kind": "forward_return", "horizon": 5}, times, prices)
        features = rng.normal(size=(*prices.shape, 1))

        def made(mask: Any, features: Any = features, label: Any = label, times: Any = times, names: Any = everybody) -> Any:
            return sample_of(("x",), names, times, features, label, is_member=mask)

        survivors += bool(survivorship(made(is_member & is_member[-1]), everybody, times, is_member))
        outsiders += bool(survivorship(made(None), everybody, times, is_member))
        honest += bool(survivorship(made(is_member), everybody, times, is_member))

    assert (survivors, outsiders, honest) == (len(SEEDS), len(SEEDS), 0)


def test_a_finding_of_survivors_names_who_is_gone() -> None:
    times, prices = walk(1)
    everybody = tuple(f"I{number}" for number in range(INSTRUMENTS))
    is_member = np.ones(prices.shape, np.bool_)
    is_member[200:, 4] = False
    label = label_of({"kind": "forward_return", "horizon": 5}, times, prices)
    sample = sample_of(("x",), everybody, times, prices[:, :, None], label, is_member=is_member & is_member[-1])

    (found,) = survivorship(sample, everybody, times, is_member)

    assert (found.what, found.cells) == ("I4", 200)
    assert found.said.startswith("0% of the rows of 1 members that left by 1970-10-28")


def test_a_feature_over_the_whole_history_is_caught_each_time() -> None:
    found, honest = 0, 0
    for seed in SEEDS:
        _, prices = walk(seed)
        fields = {"close": prices}

        def whole(fields: Any) -> Any:
            close = fields["close"]
            return np.stack([(close - close.mean(axis=0)) / close.std(axis=0), close], axis=2)

        leaks = not_causal(["zscore over all time", "close"], whole, fields, [50, 150, 250])
        found += [one.what for one in leaks] == ["zscore over all time"]
        honest += bool(not_causal(["close"], lambda fields: fields["close"][:, :, None], fields, [50, 250]))

    assert (found, honest) == (len(SEEDS), 0)


def test_a_feature_that_holds_the_label_is_caught_each_time() -> None:
    found, honest = 0, 0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        times, prices = walk(seed)
        label = label_of({"kind": "forward_return", "horizon": 2}, times, prices)
        noisy = np.nan_to_num(label.values) + rng.normal(0, 0.02, prices.shape)
        sample = sample_of(("leak", "noise"), tuple("ABCDEFGHIJKL"), times, np.stack([noisy, rng.normal(size=prices.shape)], axis=2), label)
        found += [one.what for one in too_good(sample)] == ["leak"]
        honest += bool(too_good(sample.only(["noise"])))

    assert (found, honest) == (len(SEEDS), 0)
