"""What the detector says of single strategies and features, with its evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.factors.indicator import ema, sma
from tradewinds.simulation.lookahead import check_feature, check_strategy, decisions_digest
from tradewinds.simulation.lookahead_finding import Finding, told
from tradewinds.simulation.lookahead_market import feature_scene, made_scene
from tradewinds.simulation.lookahead_scene import HOW, altered, between, cut, with_late_facts_altered, with_own_bar_altered
from tradewinds.simulation.rules import Fills, Setup
from tradewinds.trading.strategy import Int, event, vector


@vector(lookback=2)
def tomorrow(panel: Any, params: Any) -> Any:
    return np.where(np.roll(panel.close, -1, axis=0) > panel.close, 1.0, 0.0)


@vector(parameters={"length": Int(20, 2, 60)}, lookback=lambda p: p.length)
def above_its_average(panel: Any, params: Any) -> Any:
    return np.where(panel.close > sma(panel.close, params.length), 1.0, 0.0)


@event(lookback=3)
class Dips:
    def __init__(self, params: Any) -> None:
        self.count = 0

    def on_bar(self, view: Any) -> float:
        self.count += view.close < view.open
        return float(self.count % 3)


def _kinds(verdict: Any) -> list[str]:
    return [one.kind for one in verdict.findings]


def test_a_finding_names_bar_instrument_and_both_decisions() -> None:
    found = check_strategy(tomorrow).findings[0]

    assert found.kind == "future"
    assert found.row is not None
    assert found.event_ns is not None
    assert found.instrument.startswith("MADE")
    assert {found.before, found.after} == {0.0, 1.0}
    assert "shift" in told(found)
    assert "became" in told(found)


def test_the_same_seed_finds_the_same() -> None:
    assert check_strategy(tomorrow, seed=3) == check_strategy(tomorrow, seed=3)


def test_a_clean_strategy_is_clean_under_several_seeds_and_parameters() -> None:
    for seed in range(4):
        assert check_strategy(above_its_average, parameters={"length": 10 + 7 * seed}, seed=seed).is_clean
        assert check_strategy(Dips, seed=seed).is_clean


def test_the_lookback_that_would_do_is_found() -> None:
    short = replace(above_its_average, lookback=7)

    found = check_strategy(short).findings

    assert [one.kind for one in found] == ["lookback"]
    assert found[0].lookback_needed == 20


def test_a_recursive_average_wants_a_longer_lookback_than_its_length() -> None:
    @vector(lookback=20)
    def smoothed(panel: Any, params: Any) -> Any:
        return np.where(panel.close > ema(panel.close, 20), 1.0, 0.0)

    needed = check_strategy(smoothed).findings[0].lookback_needed

    assert needed is not None
    assert 20 < needed <= 160


def test_filling_at_the_close_that_decides_is_found_and_at_a_close_that_does_not_is_not() -> None:
    @vector(lookback=2)
    def by_yesterday(panel: Any, params: Any) -> Any:
        rising = np.zeros(panel.shape)
        rising[1:] = panel.close[:-1] > panel.open[:-1]
        return rising

    same_close = Setup(fills=Fills(at="same_close"))

    assert _kinds(check_strategy(above_its_average, setup=same_close)) == ["same bar"]
    assert check_strategy(by_yesterday, setup=same_close).is_clean


def test_latest_values_are_no_ground_for_a_check() -> None:
    scene = made_scene(above_its_average, above_its_average.params(), 2, 1)
    latest = replace(scene, panel=replace(scene.panel, view="latest"))

    assert _kinds(check_strategy(above_its_average, latest)) == ["latest view"]


def test_a_feature_is_checked_like_a_strategy() -> None:
    scene = feature_scene(2, 1)

    leaky = check_feature("all", lambda panel, params: panel.close / panel.close.mean(axis=0), scene)
    clean = check_feature("mean", lambda panel, params: sma(panel.close, params.length), scene, {"length": 5}, lookback=5)

    assert _kinds(leaky) == ["future"]
    assert clean.is_clean
    assert clean.decisions > 400


def test_a_feature_of_another_length_and_a_strategy_that_raises_are_refused() -> None:
    @vector()
    def broken(panel: Any, params: Any) -> Any:
        raise ValueError("no such thing")

    with pytest.raises(Rejected, match=r"feature short: an array of shape \(3,\), expected \(480, ...\)"):
        check_feature("short", lambda panel, params: np.zeros(3), feature_scene(1, 1))
    with pytest.raises(Rejected, match="broken: raised ValueError: no such thing"):
        check_strategy(broken)


def test_an_idle_strategy_is_said_to_prove_little() -> None:
    @vector()
    def idle(panel: Any, params: Any) -> Any:
        return np.zeros(panel.shape)

    verdict = check_strategy(idle)

    assert verdict.is_clean
    assert verdict.decisions == 0


def test_the_digest_changes_with_the_parameters_only() -> None:
    first = decisions_digest(above_its_average, parameters={"length": 10})

    assert first == decisions_digest(above_its_average, parameters={"length": 10})
    assert first != decisions_digest(above_its_average, parameters={"length": 11})
    assert decisions_digest(Dips) == decisions_digest(Dips)


def test_a_cut_scene_holds_nothing_of_what_comes_after() -> None:
    scene = made_scene(above_its_average, above_its_average.params(), 3, 2)

    short = cut(scene, 299)

    assert short.times == 300
    assert short.panel.close.base is None
    assert short.market.close.base is None
    assert (short.market.events["row"] < 300).all()
    np.testing.assert_array_equal(short.panel.close, scene.panel.close[:300])


@pytest.mark.parametrize("how", HOW)
def test_an_altered_scene_has_the_same_past_and_another_future(how: Any) -> None:
    scene = made_scene(above_its_average, above_its_average.params(), 2, 2)

    other = altered(scene, 299, how, np.random.default_rng(0))

    for name, values in scene.panel.fields.items():
        np.testing.assert_array_equal(other.panel.field(name)[:300], values[:300])
        assert not np.array_equal(other.panel.field(name)[300:], values[300:])
    np.testing.assert_array_equal(other.market.close, other.panel.close)


def test_facts_count_as_future_until_they_are_known() -> None:
    scene = feature_scene(2, 3, {"facts": ["score"]})
    facts = scene.others["facts"]
    row = 22  # the fact of row 21 is over by then and known three bars later

    changed = with_late_facts_altered(scene, row, np.random.default_rng(0)).others["facts"]

    np.testing.assert_array_equal(np.flatnonzero((changed.field("score") != facts.field("score")).any(axis=1)), [3])
    np.testing.assert_array_equal(cut(scene, row).others["facts"].field("score"), facts.field("score")[:3])


def test_another_close_of_the_bar_keeps_high_and_low_around_it() -> None:
    scene = made_scene(above_its_average, above_its_average.params(), 2, 4)

    other = with_own_bar_altered(scene, 100).panel

    assert (other.high[100] >= other.close[100]).all()
    assert (other.low[100] <= other.close[100]).all()
    assert (other.close[100] != scene.panel.close[100]).all()
    np.testing.assert_array_equal(np.delete(other.close, 100, axis=0), np.delete(scene.panel.close, 100, axis=0))


def test_a_window_counts_its_rows_from_its_own_start() -> None:
    scene = made_scene(above_its_average, above_its_average.params(), 2, 4)

    window = between(scene, 200, 320)

    assert window.times == 120
    assert window.market.events["row"].tolist() == [40]  # the split at row 240; the dividend at 320 is outside


def test_every_finding_can_be_told() -> None:
    assert told(Finding("hidden input", "it reads the machine's clock")).startswith("hidden input: Its code reads something")
