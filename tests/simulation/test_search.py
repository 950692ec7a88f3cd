"""Searches: order, numbering, seeds, and what makes no sense."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.simulation.search import Bayesian, Grid, Random, Search, grid_values, space_of
from tradewinds.trading.strategy import Choice, Float, Int, Strategy, vector


@vector(
    parameters={"fast": Int(5, 1, 50), "slow": Int(20, 1, 200, step=10), "kind": Choice(("ema", "sma"))},
    is_valid=lambda p: p.fast < p.slow,
)
def cross(panel: Any, params: Any) -> Any:
    raise AssertionError


@vector(parameters={"edge": Float(0.5, 0.0, 1.0), "size": Float(1.0, 0.001, 10.0, is_log=True)})
def smooth(panel: Any, params: Any) -> Any:
    raise AssertionError


def _asked(search: Search, score: Any = None) -> list[tuple[int, dict[str, Any]]]:
    found = []
    while batch := list(search.ask()):
        found += [(one.number, dict(one.parameters)) for one in batch]
        search.tell([(one.number, None if score is None else score(one.parameters)) for one in reversed(batch)])
    return found


def test_a_grid_turns_its_last_axis_fastest_and_numbers_configurations_by_position() -> None:
    space = space_of(cross, {"fast": (2, 3), "slow": (10, 20)})

    assert _asked(Grid(space)) == [
        (0, {"fast": 2, "slow": 10, "kind": "ema"}),
        (1, {"fast": 2, "slow": 20, "kind": "ema"}),
        (2, {"fast": 3, "slow": 10, "kind": "ema"}),
        (3, {"fast": 3, "slow": 20, "kind": "ema"}),
    ]


def test_what_makes_no_sense_is_left_out_of_a_grid_and_leaves_a_gap_in_the_numbers() -> None:
    found = _asked(Grid(space_of(cross, {"fast": (15, 2), "slow": (10, 20)})))

    assert [(number, one["fast"], one["slow"]) for number, one in found] == [(1, 15, 20), (2, 2, 10), (3, 2, 20)]


def test_a_huge_grid_costs_nothing_until_it_is_walked() -> None:
    many: Strategy = vector(parameters={f"p{number}": Int(1, 1, 1_000) for number in range(10)})(lambda panel, params: None)
    space = space_of(many)

    first = [one.parameters["p9"] for one in islice(Grid(space).ask(), 3)]

    assert space.size == 10**30
    assert first == [1, 2, 3]
    assert space.at(10**30 - 1) == {f"p{number}": 1_000 for number in range(10)}


def test_declared_ranges_are_walked_by_their_steps_and_choices_by_their_options() -> None:
    space = space_of(cross)

    assert [list(axis.values)[:3] for axis in space.axes] == [[1, 2, 3], [1, 11, 21], ["ema", "sma"]]


def test_a_number_without_a_step_stays_at_its_default_in_a_grid_and_moves_freely_in_a_search() -> None:
    stepped: Strategy = vector(parameters={"n": Int(1, 1, 3), "x": Float(0.5, 0.0, 1.0)})(lambda panel, params: None)

    assert [one["x"] for _, one in _asked(Grid(space_of(stepped)))] == [0.5, 0.5, 0.5]
    assert space_of(stepped, is_gridded=False).free == ("x",)


@pytest.mark.parametrize("make", [Random, Bayesian])
def test_the_same_seed_gives_the_same_configurations_and_another_seed_others(make: Any) -> None:
    def run(seed: int) -> list[tuple[int, dict[str, Any]]]:
        return _asked(make(space_of(smooth, is_gridded=False), 40, seed), lambda one: -abs(one["edge"] - 0.7))

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert [number for number, _ in run(1)] == list(range(40))


@pytest.mark.parametrize("make", [Random, Bayesian])
def test_draws_stay_within_their_ranges_and_make_sense(make: Any) -> None:
    found = _asked(make(space_of(cross, is_gridded=False), 60, 0), lambda one: float(one["fast"]))

    assert all(one["fast"] < one["slow"] and one["slow"] % 10 == 1 and one["kind"] in ("ema", "sma") for _, one in found)
    assert all(1 <= one["fast"] <= 50 for _, one in found)


def test_random_draws_do_not_repeat_and_stop_when_the_space_is_exhausted() -> None:
    found = _asked(Random(space_of(cross, {"fast": (2, 3), "slow": (10, 20)}, is_gridded=True), 50, 0))

    assert sorted((one["fast"], one["slow"]) for _, one in found) == [(2, 10), (2, 20), (3, 10), (3, 20)]


def test_numbers_on_a_logarithmic_scale_are_drawn_evenly_over_magnitudes() -> None:
    sizes = [one["size"] for _, one in _asked(Random(space_of(smooth, is_gridded=False), 400, 3))]

    below = sum(math.log10(size) < -1 for size in sizes)
    assert 160 <= below <= 240  # two of the four decades


def test_a_bayesian_search_comes_nearer_to_the_best_than_chance_does() -> None:
    def score(one: Any) -> float:
        return -((one["edge"] - 0.73) ** 2) - (math.log10(one["size"]) - 0.4) ** 2

    learned = _asked(Bayesian(space_of(smooth, is_gridded=False), 96, 5), score)[-32:]
    drawn = _asked(Random(space_of(smooth, is_gridded=False), 96, 5))[-32:]

    def middle(found: Any) -> float:
        return sorted(score(one) for _, one in found)[16]

    assert middle(learned) > middle(drawn)


def test_a_bayesian_search_is_told_of_failures_and_goes_on() -> None:
    found = _asked(Bayesian(space_of(smooth, is_gridded=False), 40, 0))

    assert len(found) == 40


@pytest.mark.parametrize(
    ("told", "declared", "values"),
    [
        ("5:20:5", Int(5, 1, 50), [5, 10, 15, 20]),
        ("5:8", Int(5, 1, 50), [5, 6, 7, 8]),
        ("20,50,100", Int(5, 1, 200), [20, 50, 100]),
        ("0.1:0.3:0.1", Float(0.1, 0.0, 1.0), [0.1, 0.2, 0.3]),
        ("sma", Choice(("ema", "sma")), ["sma"]),
        ("true", Choice((True, False)), None),
        ("9:5:1", Int(5, 1, 50), None),
        ("1:2:3:4", Int(5, 1, 50), None),
        ("1:9:0", Int(5, 1, 50), None),
        ("a,b", Int(5, 1, 50), None),
    ],
)
def test_grids_are_read_from_text(told: str, declared: Any, values: list[Any] | None) -> None:
    if values is None:
        with pytest.raises(Rejected, match="grid"):
            grid_values(told, declared)
    else:
        assert list(grid_values(told, declared)) == values


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"quick": (1,)}, "parameter 'quick', expected one of"),
        ({"fast": (0, 1)}, "parameter fast: 0, expected a whole number from 1 to 50"),
        ({"fast": range(1, 60)}, "parameter fast: 59, expected a whole number from 1 to 50"),
        ({"fast": (5, 5)}, r"parameter fast: \[5, 5\], expected each value once"),
        ({"fast": ()}, "parameter fast: 0 values"),
    ],
)
def test_a_grid_out_of_range_is_refused_naming_parameter_and_value(grid: Any, said: str) -> None:
    with pytest.raises(Rejected, match=said):
        space_of(cross, grid)


def test_a_search_wants_trials() -> None:
    with pytest.raises(Rejected, match="0 trials, expected at least 1"):
        Random(space_of(cross), 0, 0)
