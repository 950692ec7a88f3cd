"""Factor returns by cross-sectional regression: against the textbook's equations, and with things missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.risk.cross_section import Design, cross_sectional
from tradewinds.risk.factor_returns import Floats
from tradewinds.risk.gap import Gap

NAMES = ("tech", "energy", "banks", "momentum", "size")
SECTORS = Design("market", NAMES[:3])


def _times(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(count, dtype=np.int64) * NS_PER_DAY


def _instruments(count: int) -> list[str]:
    return [f"S{n}.XNYS" for n in range(count)]


def _drawn(sessions: int = 12, width: int = 90) -> tuple[Floats, Floats, Floats]:
    """Returns, exposures (three sectors and two styles) and capitals."""
    generator = np.random.default_rng(7)
    exposures = generator.normal(size=(sessions, width, 5))
    exposures[:, :, :3] = np.eye(3)[np.arange(width) % 3]
    returns = (
        0.002 + np.einsum("tnk,tk->tn", exposures, generator.normal(0, 0.01, (sessions, 5))) + generator.normal(0, 0.02, (sessions, width))
    )
    return returns, exposures, generator.lognormal(size=(sessions, width))


def _solved(returns: Floats, exposures: Floats, weights: Floats, capitals: Floats) -> Floats:
    """Market, sectors, styles of one session from the equations with a Lagrange multiplier."""
    design = np.column_stack([np.ones(len(returns)), exposures])
    constraint = np.zeros(6)
    constraint[1:4] = capitals @ exposures[:, :3]
    matrix = np.zeros((7, 7))
    matrix[:6, :6] = design.T * weights @ design
    matrix[6, :6] = matrix[:6, 6] = constraint
    return np.asarray(np.linalg.solve(matrix, np.append(design.T * weights @ returns, 0.0))[:6], np.float64)


def test_market_and_sectors_solve_the_constrained_equations() -> None:
    returns, exposures, capitals = _drawn()

    found = cross_sectional(
        returns,
        exposures,
        np.sqrt(capitals),
        factors=NAMES,
        instruments=_instruments(90),
        times=_times(12),
        design=SECTORS,
        capitals=capitals,
    )

    assert found.factors == ("market", *NAMES)
    for t in range(12):
        expected = _solved(returns[t], exposures[t], np.sqrt(capitals[t]), capitals[t])
        assert found.values[t] == pytest.approx(expected, abs=1e-13)
        assert found.specific[t] == pytest.approx(returns[t] - expected[0] - exposures[t] @ expected[1:], abs=1e-13)
        assert (capitals[t] @ exposures[t, :, :3]) @ found.values[t, 1:4] == pytest.approx(0.0, abs=1e-12)
    assert found.gaps == ()


def test_two_stocks_and_one_factor_by_hand() -> None:
    # f = (1 x 0.02 + 2 x 0.05) / (1 + 4) = 0.024; left: -0.004 and 0.002. Uncentred R squared: 1 - 0.00002 / 0.0029.
    found = cross_sectional(
        np.array([[0.02, 0.05]]), np.array([[[1.0], [2.0]]]), factors=["beta"], instruments=["A.X", "B.X"], times=_times(1)
    )

    assert found.values.tolist() == [[pytest.approx(0.024)]]
    assert found.specific[0].tolist() == pytest.approx([-0.004, 0.002])
    assert found.r_squared[0] == pytest.approx(1 - 0.00002 / 0.0029)
    assert found.t_stats[0, 0] == pytest.approx(0.024 / np.sqrt(0.00002 / 5))


def test_what_is_missing_or_infinite_takes_no_part_and_is_named() -> None:
    returns, exposures, capitals = _drawn()
    weights = np.sqrt(capitals)
    clean = cross_sectional(
        np.delete(returns, [1, 2, 3], axis=1), np.delete(exposures, [1, 2, 3], axis=1), np.delete(weights, [1, 2, 3], axis=1),
        factors=NAMES, instruments=_instruments(87), times=_times(12), design=SECTORS,
    )  # fmt: skip
    returns[:, 1] = np.inf
    exposures[:, 2, :3] = np.nan  # its sector is not known
    weights[:, 3] = 0.0
    returns[7:, 4] = np.nan  # delisted

    found = cross_sectional(returns, exposures, weights, factors=NAMES, instruments=_instruments(90), times=_times(12), design=SECTORS)

    assert (found.values[:7] == clean.values[:7]).all()
    assert np.isnan(found.specific[:, [1, 2]]).all()
    assert np.isfinite(found.specific[:, 3]).all()
    assert found.gaps == (
        Gap("S1.XNYS", "12 of 12 sessions have an infinite return or exposure"),
        Gap("S2.XNYS", "12 of 12 sessions have a return but not all exposures"),
        Gap("S3.XNYS", "12 of 12 sessions have no weight: not used to estimate factor returns"),
        Gap("S4.XNYS", "no return after 1970-01-07"),
    )


def test_a_constant_column_and_an_empty_sector_have_no_return_and_are_named() -> None:
    returns, exposures, capitals = _drawn()
    exposures[:, :, 3] = 4.0
    exposures[5:, :, 1] = 0.0
    exposures[5:, 1::3, 0] = 1.0  # whoever was in energy is in tech now

    found = cross_sectional(
        returns, exposures, np.sqrt(capitals), factors=NAMES, instruments=_instruments(90), times=_times(12), design=SECTORS
    )

    assert np.isnan(found.values[:, 4]).all()
    assert np.isnan(found.values[5:, 2]).all()
    assert np.isfinite(found.values[:5, 2]).all()
    assert np.isfinite(found.values[:, [0, 1, 3, 5]]).all()
    assert np.isfinite(found.specific).all()
    assert found.gaps == (
        Gap("energy", "no instrument is exposed to it in 7 of 12 sessions, first 1970-01-06"),
        Gap("momentum", "it is constant or a combination of the factors before it in 12 of 12 sessions, first 1970-01-01"),
    )


def test_a_session_with_too_few_instruments_is_named() -> None:
    returns, exposures, _ = _drawn()
    returns[3, 5:] = np.nan

    found = cross_sectional(returns, exposures, factors=NAMES, instruments=_instruments(90), times=_times(12))

    assert np.isnan(found.values[3]).all()
    assert Gap("1970-01-04", "too few instruments with a return, a weight and all exposures") in found.gaps


def test_a_session_alone_gives_what_it_gave_among_others() -> None:
    returns, exposures, _ = _drawn()
    together = cross_sectional(returns, exposures, factors=NAMES, instruments=_instruments(90), times=_times(12), design=SECTORS)

    alone = cross_sectional(
        returns[11:], exposures[11:], factors=NAMES, instruments=_instruments(90), times=_times(12)[11:], design=SECTORS
    )

    assert (together.values[11] == alone.values[0]).all()
    assert (together.specific[11] == alone.specific[0]).all()


@settings(max_examples=60, deadline=None)
@given(
    seed=some.integers(0, 2**32 - 1), width=some.integers(12, 260), count=some.integers(1, 9), copies=some.integers(0, 3),
    missing=some.floats(0.0, 0.3), has_market=some.booleans(),
)  # fmt: skip
def test_what_is_left_is_what_any_least_squares_leaves_whatever_columns_repeat(
    seed: int, width: int, count: int, copies: int, missing: float, has_market: bool
) -> None:
    generator = np.random.default_rng(seed)
    exposures = generator.normal(size=(1, width, count))
    exposures = np.concatenate(
        [exposures, *[3.0 * exposures[:, :, :1] - exposures[:, :, -1:]] * copies, np.full((1, width, 1), 0.5)], axis=2
    )
    returns, weights = generator.normal(size=(1, width)), generator.uniform(0.1, 10.0, (1, width))
    returns[generator.random(returns.shape) < missing] = np.nan
    factors = [f"f{k}" for k in range(exposures.shape[2])]

    found = cross_sectional(
        returns, exposures, weights, factors=factors, instruments=_instruments(width), times=_times(1),
        design=Design("market" if has_market else None, instruments_min=1),
    )  # fmt: skip

    used = np.isfinite(returns[0])
    root = np.sqrt(weights[0, used])
    design = exposures[0, used]
    best = np.linalg.lstsq(design * root[:, None], returns[0, used] * root, rcond=1e-10)[0]
    if used.sum() > 2 * count + 2:
        assert found.specific[0, used] == pytest.approx(returns[0, used] - design @ best, abs=1e-8)
        assert np.isnan(found.values[0]).sum() >= (1 if has_market else 0)  # the column of halves is the market's
    assert np.isnan(found.specific[0, ~used]).all()


def test_two_threads_at_once_get_what_one_gets() -> None:
    returns, exposures, _ = _drawn(60, 300)

    def fitted(_: int) -> Floats:
        return cross_sectional(returns, exposures, factors=NAMES, instruments=_instruments(300), times=_times(60), design=SECTORS).values

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(fitted, range(8)))

    assert all((one == found[0]).all() for one in found)


def test_recovered_factor_returns_follow_the_true_ones() -> None:
    generator = np.random.default_rng(11)
    exposures = generator.normal(size=(400, 500, 5))
    true = generator.normal(0.0, 0.01, (400, 5))
    returns = np.einsum("tnk,tk->tn", exposures, true) + generator.normal(0.0, 0.02, (400, 500))

    found = cross_sectional(returns, exposures, factors=NAMES, instruments=_instruments(500), times=_times(400))

    assert min(np.corrcoef(true[:, k], found.values[:, k])[0, 1] for k in range(5)) >= 0.99


def test_shapes_and_names_that_do_not_fit_are_refused() -> None:
    returns, exposures, _ = _drawn()
    with pytest.raises(DataFault, match=r"exposures of shape \(12, 90, 5\), expected \(12, 90, 4\)"):
        cross_sectional(returns, exposures, factors=NAMES[:4], instruments=_instruments(90), times=_times(12))
    with pytest.raises(Rejected, match=r"industries \['mines'\], expected names among the factors"):
        cross_sectional(
            returns, exposures, factors=NAMES, instruments=_instruments(90), times=_times(12), design=Design("market", ("mines",))
        )
    with pytest.raises(Rejected, match="1 industries and no market"):
        cross_sectional(returns, exposures, factors=NAMES, instruments=_instruments(90), times=_times(12), design=Design(None, ("tech",)))
