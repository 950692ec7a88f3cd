"""Cascaded regressions: what is known of them by construction, and that nothing is seen before its time."""

from __future__ import annotations

import numpy as np
import pytest

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.risk.cascade import Cascade, CascadeSettings, cascaded, z_scores
from tradewinds.risk.factor_returns import Floats
from tradewinds.risk.gap import Gap

SECTORS = (
    "basic_materials", "communication_services", "consumer_cyclical", "consumer_defensive", "energy", "financial_services", "health_care",
    "industrials", "real_estate", "technology", "utilities",
)  # fmt: skip
STYLES = ("momentum", "size", "value", "short_term_reversal", "volatility")
SHORT = CascadeSettings(window=120, observations_min=40)


def _market(sessions: int = 420, width: int = 66) -> tuple[Floats, Floats, np.ndarray[tuple[int], np.dtype[np.int64]], Floats]:
    """Returns (the last eleven are the funds themselves), returns of the funds, sectors, characteristics."""
    generator = np.random.default_rng(5)
    funds = generator.normal(0.0, 0.01, (sessions, 1)) + generator.normal(0.0, 0.006, (sessions, 11))
    sectors = np.arange(width) % 11
    styles = np.repeat(generator.normal(size=(1, width, 5)), sessions, axis=0)
    true = generator.normal(0.0, 0.004, (sessions, 5))
    returns = generator.uniform(0.7, 1.3, width) * funds[:, sectors] + np.einsum("tnq,tq->tn", styles, true)
    returns = returns + generator.normal(0.0, 0.005, (sessions, width))
    both = np.concatenate([styles, np.zeros((sessions, 11, 5))], axis=1)
    return np.concatenate([returns, funds], axis=1), funds, np.concatenate([sectors, np.arange(11)]), both


def _run(
    returns: Floats,
    funds: Floats,
    sectors: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    styles: Floats,
    settings: CascadeSettings = SHORT,
    latest: int | None = None,
) -> Cascade:
    return cascaded(
        returns, funds, sectors, styles, sector_names=SECTORS, style_names=STYLES,
        instruments=[f"S{n}.XNYS" for n in range(returns.shape[1])], times=np.arange(len(returns), dtype=np.int64) * NS_PER_DAY,
        settings=settings, latest=latest,
    )  # fmt: skip


def test_exposures_of_sector_funds_recover_themselves() -> None:
    found = _run(*_market())

    funds = found.exposures[:, -11:]
    assert funds[200:, :, :11] == pytest.approx(np.repeat(np.eye(11)[None], 221, axis=0), abs=1e-12)
    assert funds[200:, :, 11:] == pytest.approx(np.zeros((221, 11, 5)), abs=1e-9)
    assert found.returns.specific[200:, -11:] == pytest.approx(np.zeros((220, 11)), abs=1e-12)
    assert found.returns.gaps == ()


def test_each_exposure_is_the_least_squares_slope_over_the_window_before_the_session() -> None:
    returns, funds, sectors, styles = _market()

    found = _run(returns, funds, sectors, styles)

    for t, n in ((300, 7), (419, 30), (420, 3)):  # row 420 is for the session after the last
        window = slice(t - 120, t)
        design = np.column_stack([np.ones(120), funds[window, sectors[n]]])
        assert found.exposures[t, n, sectors[n]] == pytest.approx(np.linalg.lstsq(design, returns[window, n])[0][1], abs=1e-11)
        left = returns[window, n] - found.exposures[window, n, sectors[n]] * funds[window, sectors[n]]
        design = np.column_stack([np.ones(120), found.returns.values[window, 11:]])
        assert found.exposures[t, n, 11:] == pytest.approx(np.linalg.lstsq(design, left)[0][1:], abs=1e-10)


def test_factor_and_specific_returns_add_up_to_the_return() -> None:
    returns, funds, sectors, styles = _market()

    found = _run(returns, funds, sectors, styles)

    common = np.einsum("tnk,tk->tn", found.exposures[:-1], found.returns.values)
    assert common + found.returns.specific == pytest.approx(returns, abs=1e-14)


def test_no_number_depends_on_a_later_session() -> None:
    returns, funds, sectors, styles = _market()

    whole, part = _run(returns, funds, sectors, styles), _run(returns[:350], funds[:350], sectors, styles[:350])

    assert (whole.exposures[:351] == part.exposures).all()
    assert (whole.returns.specific[:350] == part.returns.specific).all()


def test_one_more_night_from_the_window_alone_is_the_full_computation() -> None:
    returns, funds, sectors, styles = _market()
    whole = _run(returns, funds, sectors, styles)

    # What a night reads: the window of residuals of the window of returns.
    night = _run(returns[-241:], funds[-241:], sectors, styles[-241:], latest=1)

    assert night.returns.times.tolist() == [240 * NS_PER_DAY]
    assert night.exposures == pytest.approx(whole.exposures[-2:], abs=1e-10)
    assert night.returns.values == pytest.approx(whole.returns.values[-1:], abs=1e-10)
    assert night.returns.specific == pytest.approx(whole.returns.specific[-1:], abs=1e-10)
    assert night.returns.gaps == whole.returns.gaps


def test_a_short_history_and_an_unknown_sector_are_named() -> None:
    returns, funds, sectors, styles = _market()
    returns[:400, 0] = np.nan  # 20 days
    sectors[1] = -1
    returns[5, 2] = np.inf

    found = _run(returns, funds, sectors, styles)

    assert found.exposures[-1, 0].tolist() == [1.0, *[0.0] * 15]
    assert np.isnan(found.exposures[:, 1]).all()
    assert found.returns.gaps == (
        Gap("S2.XNYS", "1 of 420 sessions have an infinite return"),
        Gap("S0.XNYS", "20 sessions, expected 40: exposure 1 to its sector and none to styles is assumed"),
        Gap("S1.XNYS", "its sector is not known: no exposures"),
    )


def test_an_instrument_that_changes_sector_is_fitted_to_the_new_one_at_once() -> None:
    returns, funds, sectors, styles = _market()
    moved = np.repeat(sectors[None], 421, axis=0)
    moved[300:, 0] = 5

    found = _run(returns, funds, moved, styles)

    design = np.column_stack([np.ones(120), funds[180:300, 5]])
    assert found.exposures[299, 0, 0] != 0.0
    assert found.exposures[300, 0, 0] == 0.0
    assert found.exposures[300, 0, 5] == pytest.approx(np.linalg.lstsq(design, returns[180:300, 0])[0][1], abs=1e-11)


def test_a_spread_is_the_highest_fifth_less_the_lowest() -> None:
    # Ten stocks of one sector whose fund stands still: the residual is the return.
    returns = np.arange(10.0)[None] / 100
    found = cascaded(
        returns, np.zeros((1, 1)), np.zeros(10, np.int64), np.arange(10.0)[None, :, None], sector_names=["all"], style_names=["size"],
        instruments=[f"S{n}.XNYS" for n in range(10)], times=np.zeros(1, np.int64), settings=CascadeSettings(style_returns="spread"),
    )  # fmt: skip

    assert found.returns.values[0].tolist() == [0.0, pytest.approx((0.08 + 0.09) / 2 - (0.0 + 0.01) / 2)]


def test_z_scores_of_a_constant_are_none() -> None:
    scores = z_scores(np.array([[[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [np.nan, np.inf]]]))

    assert scores[0, :3, 0] == pytest.approx([-np.sqrt(1.5), 0.0, np.sqrt(1.5)])
    assert scores[0, :3, 1].tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(scores[0, 3]).all()


def test_what_does_not_fit_is_refused() -> None:
    returns, funds, sectors, styles = _market()
    with pytest.raises(DataFault, match=r"sector returns \(420, 10\)"):
        _run(returns, funds[:, :10], sectors, styles)
    with pytest.raises(DataFault, match=r"expected .* columns of"):
        _run(returns, funds, sectors + 5, styles)
    with pytest.raises(Rejected, match="observations_min"):
        CascadeSettings(window=2)
