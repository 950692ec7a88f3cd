"""The verdict on memory: flat is proved, growth is found, and a run that shows neither says so."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.soak_slope import Slope, picture, slope_of

MB = 2.0**20
HOURS = (np.arange(360) / 360).tolist()  # an hour, every ten seconds


def _noisy(growth_mb_per_h: float, noise_mb: float = 0.5) -> list[float]:
    drawn = np.random.default_rng(3).normal(0, noise_mb, 360)
    return [(200 + growth_mb_per_h * hour + noise) * MB for hour, noise in zip(HOURS, drawn.tolist(), strict=True)]


def test_a_straight_line_has_its_slope_and_no_error() -> None:
    found = slope_of(HOURS, [(100 + 3 * hour) * MB for hour in HOURS], 0.25)

    assert found.bytes_per_h == pytest.approx(3 * MB)
    assert found.error_bytes_per_h == pytest.approx(0, abs=1)
    assert found.verdict() == "grows"


def test_noise_around_a_level_is_flat_and_a_leak_below_the_noise_of_a_sample_is_found() -> None:
    level, leak = slope_of(HOURS, _noisy(0.0), 0.25), slope_of(HOURS, _noisy(5.0, noise_mb=2.0), 0.25)

    assert abs(level.bytes_per_h) < 3 * level.error_bytes_per_h
    assert level.verdict() == "flat"
    assert leak.verdict() == "grows"
    assert leak.bytes_per_h == pytest.approx(5 * MB, abs=3 * leak.error_bytes_per_h)


def test_what_grew_while_it_warmed_up_is_no_slope_and_neither_is_one_large_request() -> None:
    sizes = [min(200.0, 100 + 800 * hour) * MB for hour in HOURS]
    sizes[200] += 500 * MB

    found = slope_of(HOURS, sizes, 0.25)

    assert found.bytes_per_h == pytest.approx(0, abs=1)
    assert found.verdict() == "flat"


def test_memory_too_restless_for_the_time_cannot_be_told() -> None:
    assert Slope(0.0, 5 * MB).verdict() == "cannot be told"
    assert Slope(5 * MB, MB).verdict(8 * MB) == "flat"  # of what is kept by design so much is allowed
    assert Slope(-20 * MB, 5 * MB).verdict() == "flat"  # it shrinks
    assert slope_of(HOURS, _noisy(0.0, noise_mb=60.0), 0.25).verdict() == "cannot be told"


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="slope of 15 samples after the warm-up, expected 24 at least"):
        slope_of(HOURS[:20], [MB] * 20, HOURS[5])


def test_the_picture_names_every_process_and_shades_the_warm_up() -> None:
    drawn = picture([0.0, 0.5, 1.0], {"console": [100 * MB, 120 * MB, 120 * MB], "trade": [80 * MB] * 3}, 0.25)

    assert drawn.count("<polyline") == 2
    assert ">console</text>" in drawn
    assert '<rect x="60" y="30" width="175.0" height="270"' in drawn
