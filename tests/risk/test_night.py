"""A risk model night by night: the state carried equals the full computation, gaps are named, risk is forecast without bias."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tradewinds.core.errors import DataFault
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.risk.bias import Bias, bias, bias_by_volatility, bias_of_each
from tradewinds.risk.covariance import CovarianceSettings
from tradewinds.risk.cross_section import Design, cross_sectional
from tradewinds.risk.factor_returns import FactorReturns, Floats
from tradewinds.risk.gap import Gap
from tradewinds.risk.night import no_risk_state, risk_state
from tradewinds.risk.published import cube, factor_id, factor_name, from_frames, returns_frame, to_frames
from tradewinds.risk.specific import SpecificSettings, shrunk_in_buckets

STYLES = ("momentum", "size", "volatility", "carry")


def _drawn(sessions: int, width: int, seed: int = 21) -> tuple[Floats, Floats, Floats]:
    """Returns, exposures, true specific deviations: a market and four styles, as of crypto; specific deviations from 0.5 % to 6 %."""
    generator = np.random.default_rng(seed)
    exposures = np.repeat(generator.normal(size=(1, width, 4)), sessions, axis=0)
    deviations = np.exp(np.linspace(np.log(0.005), np.log(0.06), width))
    generator.shuffle(deviations)
    factors = generator.multivariate_normal(np.zeros(5), np.diag([0.012, 0.006, 0.004, 0.005, 0.003]) ** 2 + 4e-6, sessions)
    returns = factors[:, :1] + np.einsum("tnk,tk->tn", exposures, factors[:, 1:]) + generator.normal(size=(sessions, width)) * deviations
    return returns, exposures, deviations


def _names(width: int) -> list[str]:
    return [f"C{n:03d}USDT.BINANCE" for n in range(width)]


def _fitted(returns: Floats, exposures: Floats, first: int = 0, weights: Floats | None = None) -> FactorReturns:
    times = (first + np.arange(len(returns), dtype=np.int64)) * NS_PER_DAY
    return cross_sectional(
        returns, exposures, weights, factors=STYLES, instruments=_names(returns.shape[1]), times=times, design=Design("market")
    )


def test_one_more_night_equals_the_full_computation() -> None:
    returns, exposures, _ = _drawn(300, 80)
    returns[40:60, 3] = np.nan
    whole = risk_state(_fitted(returns, exposures))

    night = risk_state(_fitted(returns[:299], exposures[:299])).followed_by(_fitted(returns[299:], exposures[299:], 299))

    full = whole.model(exposures[-1], known_ns=1, kind="cross_sectional", periods_a_year=365.0)
    step = night.model(exposures[-1], known_ns=1, kind="cross_sectional", periods_a_year=365.0)
    assert step.at_ns == full.at_ns == 299 * NS_PER_DAY
    assert step.factors == ("market", *STYLES)
    assert (step.factor_covariance == full.factor_covariance).all()
    assert (step.specific_variance == full.specific_variance).all()


def test_a_state_kept_as_a_file_goes_on_as_if_it_had_not_been() -> None:
    returns, exposures, _ = _drawn(60, 30)
    state, last = risk_state(_fitted(returns[:59], exposures[:59])), _fitted(returns[59:], exposures[59:], 59)

    back = no_risk_state(state.factors, state.instruments).restored(state.arrays())

    models = [one.followed_by(last).model(exposures[-1], known_ns=1, kind="x", periods_a_year=365.0) for one in (state, back)]
    assert (models[0].factor_covariance == models[1].factor_covariance).all()
    assert (models[0].specific_variance == models[1].specific_variance).all()
    with pytest.raises(DataFault, match=r"'own_counts', 'own_recent', 'own_sums', 'own_weights'\] are missing or of another shape"):
        no_risk_state(state.factors, state.instruments[:10]).restored(state.arrays())


def test_a_history_of_risk_is_the_models_of_its_sessions() -> None:
    returns, exposures, _ = _drawn(60, 40)
    fitted = _fitted(returns, exposures)

    state, covariances, variances = no_risk_state(fitted.factors, fitted.instruments).walked(fitted, exposures)

    model = risk_state(fitted).model(exposures[-1], known_ns=1, kind="x", periods_a_year=365.0)
    assert state.at_ns == model.at_ns
    assert (covariances[-1] == model.factor_covariance).all()
    assert variances[-1] == pytest.approx(model.specific_variance, rel=1e-12)
    assert np.isnan(covariances[18]).all()
    assert np.isfinite(covariances[19:]).all()


def test_instruments_join_and_leave() -> None:
    returns, exposures, _ = _drawn(60, 30)
    state = risk_state(_fitted(returns, exposures))

    changed = state.among(["NEW.BINANCE", *_names(30)[5:]])

    assert changed.own.counts.tolist() == [0, *[60] * 25]
    assert (changed.own.sums[:, 1:] == state.own.sums[:, 5:]).all()
    with pytest.raises(DataFault, match="expected one after 1970-03-01"):
        state.followed_by(_fitted(returns[:1], exposures[:1], 59))
    with pytest.raises(DataFault, match=r"factors \('beta',\), expected"):
        state.followed_by(cross_sectional(returns, exposures[:, :, :1], factors=["beta"], instruments=_names(30), times=np.arange(60)))


def test_an_asset_of_twenty_days_has_the_risk_of_its_kind() -> None:
    returns, exposures, deviations = _drawn(400, 300)
    exposures[:, :, 3] = np.log(deviations / deviations.mean())  # what tells who is volatile
    short = int(np.argsort(deviations)[290])
    returns[:385, short] = np.nan
    unplaced = int(np.argsort(deviations)[10])
    exposures[:, unplaced, 0] = np.nan

    found = risk_state(_fitted(returns, exposures)).model(exposures[-1], known_ns=1, kind="x", periods_a_year=365.0)

    name = _names(300)[short]
    assert np.sqrt(found.specific_variance[found.instruments.index(name)]) == pytest.approx(deviations[short], rel=0.2)
    assert _names(300)[unplaced] not in found.instruments
    assert set(found.gaps) == {
        Gap(name, "15 specific returns, fewer than 20: its specific risk is that of its kind"),
        Gap(_names(300)[unplaced], "not in the risk model: 1 of 5 exposures are missing"),
    }


def test_a_factor_without_returns_is_left_out_and_named() -> None:
    returns, exposures, _ = _drawn(60, 30)
    exposures[:, :, 1] = 2.0

    fitted = _fitted(returns, exposures)
    found = risk_state(fitted).model(exposures[-1], known_ns=1, kind="x", periods_a_year=365.0)

    assert found.factors == ("market", "momentum", "volatility", "carry")
    assert found.gaps == (Gap("size", "0 sessions with a return, expected 20"),)


def test_shrinking_in_buckets_draws_the_outlier_in_most() -> None:
    found = shrunk_in_buckets(np.array([0.01, 0.01, 0.01, 0.05, np.nan]), SpecificSettings(buckets=1, shrinkage=0.5))

    # Mean 0.02, spread 0.017320508; |0.05 - mean| = 0.03: v = 0.015 / (0.0173205 + 0.015).
    assert found[3] == pytest.approx(0.05 - 0.03 * 0.015 / (0.017320508 + 0.015))
    assert found[0] == pytest.approx(0.01 + 0.01 * 0.005 / (0.017320508 + 0.005))
    assert np.isnan(found[4])


def test_risk_is_forecast_without_bias_in_every_bucket_of_volatility() -> None:
    """1,100 sessions of forecasts, each made of the sessions before alone; specific risk, and that of every instrument as a whole."""
    sessions, width, warm = 1_400, 250, 300
    returns, exposures, _ = _drawn(sessions, width)
    fitted = _fitted(returns, exposures)
    state = no_risk_state(fitted.factors, fitted.instruments)
    total, own = np.full((sessions, width), np.nan), np.full((sessions, width), np.nan)
    common = np.full((sessions, 5), np.nan)
    for t in range(sessions):
        if t >= warm:
            model = state.model(exposures[t], known_ns=0, kind="x", periods_a_year=365.0)
            own[t] = np.sqrt(model.specific_variance)
            spread = np.einsum("nk,kl,nl->n", model.exposures, model.factor_covariance, model.exposures)
            total[t] = np.sqrt(spread + model.specific_variance)
            common[t] = np.sqrt(np.diag(model.factor_covariance))
        state = state.followed_by(fitted.session(t))

    for found in (*bias_by_volatility(fitted.specific[warm:], own[warm:], 5), *bias_by_volatility(returns[warm:], total[warm:], 5)):
        assert found.observations == 1_100 * 50
        assert 0.9 <= found.statistic <= 1.1, found
    assert bias_of_each(fitted.values[warm:], common[warm:]) == pytest.approx(np.ones(5), abs=0.1)


def test_bias_by_hand() -> None:
    found = bias(np.array([0.01, -0.01, 0.03, -0.03, 0.5]), np.array([0.01, 0.01, 0.02, 0.02, np.nan]))

    # Standardised: 1, -1, 1.5, -1.5.
    assert found == Bias("portfolio", pytest.approx(np.sqrt(6.5 / 3)), pytest.approx(1 - np.sqrt(0.5)), pytest.approx(1 + np.sqrt(0.5)), 4)
    with pytest.raises(DataFault, match="expected the same shape"):
        bias(np.zeros(3), np.zeros(4))


def test_a_published_model_comes_back_as_it_was() -> None:
    returns, exposures, _ = _drawn(60, 30)
    fitted = _fitted(returns, exposures)
    made = risk_state(fitted, CovarianceSettings(20.0, 40.0)).model(exposures[-1], known_ns=61 * NS_PER_DAY, kind="x", periods_a_year=365.0)
    columns = ("market", "short reversal", *STYLES)

    frames = to_frames(made, {_names(30)[1]: 0.5}, event_ns=60 * NS_PER_DAY, factors=columns)
    back = from_frames(frames, columns, kind="x", periods_a_year=365.0)

    assert set(frames) == {"risk-exposures", "risk-covariance", "risk-specific"}
    assert frames["risk-covariance"]["instrument"].to_list() == [factor_id(name) for name in made.factors]
    assert frames["risk-exposures"]["short reversal"].to_list() == [None] * 30
    assert frames["risk-specific"]["specific_return"].to_list()[:2] == [None, 0.5]
    assert frames["risk-specific"].row(1)[1:4] == (59 * NS_PER_DAY, 60 * NS_PER_DAY, 61 * NS_PER_DAY)
    assert (back.at_ns, back.known_ns, back.instruments, back.factors) == (made.at_ns, made.known_ns, made.instruments, made.factors)
    assert (back.exposures == made.exposures).all()
    assert (back.factor_covariance == made.factor_covariance).all()
    assert (back.specific_variance == made.specific_variance).all()


def test_frames_that_are_no_model_are_refused() -> None:
    returns, exposures, _ = _drawn(60, 30)
    made = risk_state(_fitted(returns, exposures)).model(exposures[-1], known_ns=1, kind="x", periods_a_year=365.0)
    frames = to_frames(made, {})
    other = frames["risk-specific"].with_columns(start_ns=pl.lit(7, pl.Int64))

    for wrong, told in (
        ({**frames, "risk-specific": pl.DataFrame()}, r"\['risk-specific'\] have no rows"),
        ({**frames, "risk-specific": other}, "expected all of one"),
        ({**frames, "risk-specific": frames["risk-specific"][:10]}, "30 instruments, specific risk of 10"),
    ):
        with pytest.raises(DataFault, match=told):
            from_frames(wrong, made.factors, kind="x", periods_a_year=365.0)


def test_returns_of_factors_are_rows_of_each_factor() -> None:
    times = np.array([1, 2])

    found = returns_frame(["short reversal", "size"], times, times + 1, times + 2, np.array([[0.1, 0.2], [np.nan, 0.4]]), np.ones((2, 2)))

    assert found.rows() == [
        ("SHORT_REVERSAL.RISK", 1, 2, 3, 0.1, 1.0),
        ("SHORT_REVERSAL.RISK", 2, 3, 4, None, 1.0),
        ("SIZE.RISK", 1, 2, 3, 0.2, 1.0),
        ("SIZE.RISK", 2, 3, 4, 0.4, 1.0),
    ]
    assert factor_name("SHORT_REVERSAL.RISK") == "short reversal"


def test_rows_become_a_cube_whatever_their_order() -> None:
    frame = pl.DataFrame(
        {
            "instrument": ["B.X", "A.X", "C.X", "A.X"],
            "start_ns": [20, 10, 10, 30],
            "size": [1.0, 2.0, 3.0, 4.0],
            "value": [None, 5.0, 6.0, 7.0],
        }
    )

    found = cube(frame, ["value", "size"], ["A.X", "B.X"], np.array([10, 20]))

    assert found[0, 0].tolist() == [5.0, 2.0]
    assert found[1, 1, 1] == 1.0
    assert np.isnan(found[1, 0]).all()
    assert np.isnan(found[1, 1, 0])
