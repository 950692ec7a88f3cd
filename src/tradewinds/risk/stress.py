"""What a portfolio would make of a shock to factors, or of a stretch of the past come again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import text
from tradewinds.risk.factor_returns import FactorReturns, Floats, Ints
from tradewinds.risk.risk_model import RiskModel


@dataclass(frozen=True, slots=True)
class Stress:
    """Fractions of equity, negative lost. total = sum of by_factor + specific. sessions: how long it lasts."""

    name: str
    by_factor: Mapping[str, float]
    specific: float
    total: float
    sessions: int


def factor_stress(name: str, model: RiskModel, weights: Floats, shocks: Mapping[str, float], *, is_conditional: bool = False) -> Stress:
    """Exposure x shock, in one session. is_conditional: factors without a shock move as the covariances let expect: F_us F_ss^-1 s.

    shocks: return by factor. Raises Rejected for a factor that the model does not have. Source: Kupiec, Stress testing in
    a value at risk framework, 1998.
    """
    unknown = sorted(set(shocks) - set(model.factors))
    if unknown:
        raise Rejected(f"stress {name}: factors {unknown}, expected some of {list(model.factors)}")
    moved = np.array([shocks.get(factor, 0.0) for factor in model.factors])
    if not np.isfinite(moved).all():
        raise Rejected(f"stress {name}: shocks {dict(shocks)}, expected numbers")
    if is_conditional and shocks:
        given = np.array([factor in shocks for factor in model.factors])
        common = model.factor_covariance
        moved[~given] = common[np.ix_(~given, given)] @ (np.linalg.pinv(common[np.ix_(given, given)], hermitian=True) @ moved[given])
    parts = model.exposure(weights) * moved
    return Stress(name, dict(zip(model.factors, parts.tolist(), strict=True)), 0.0, float(parts.sum()), 1)


def historical_stress(name: str, model: RiskModel, weights: Floats, past: FactorReturns, start_ns: int, end_ns: int) -> Stress:
    """Today's exposures through the factor returns of the sessions in [start_ns, end_ns), weights restored to today's every session.

    Specific returns count where an instrument had any; one that was not there yet moves with its factors alone. Parts of sessions compound:
    each counts at the equity that those before left. Raises DataFault where no session of the past lies in the stretch.
    """
    rows = np.flatnonzero((past.times >= start_ns) & (past.times < end_ns))
    if not len(rows):
        raise DataFault(f"stress {name}: no session from {text(start_ns)} to {text(end_ns)}, expected at least one")
    common, own = _replayed(name, model, weights, past, rows)
    daily = common.sum(axis=1) + own
    equity = np.concatenate([[1.0], np.cumprod(1.0 + daily)[:-1]])
    parts = (common * equity[:, None]).sum(axis=0)
    specific = float((own * equity).sum())
    return Stress(name, dict(zip(model.factors, parts.tolist(), strict=True)), specific, float(parts.sum()) + specific, len(rows))


def replayed_returns(model: RiskModel, weights: Floats, past: FactorReturns) -> Floats:
    """(T,) what today's weights and exposures would have made of each past session that has factor returns, for historical value at risk.

    An instrument that was not there yet moves with its factors alone, so that one of 20 days does not cut the past to 20 days.
    """
    rows = np.flatnonzero(np.isfinite(past.values).any(axis=1))
    common, own = _replayed("the past", model, weights, past, rows)
    return np.asarray(common.sum(axis=1) + own, np.float64)


def _replayed(name: str, model: RiskModel, weights: Floats, past: FactorReturns, rows: Ints) -> tuple[Floats, Floats]:
    """((rows, K) by factor, (rows,) specific) returns of today's exposures and weights; what was not known counts as 0."""
    column = {factor: k for k, factor in enumerate(past.factors)}
    lacking = sorted(set(model.factors) - set(column))
    if lacking:
        raise Rejected(f"stress {name}: past returns of {len(column)} factors without {lacking}, expected all of the model's")
    place = {instrument: n for n, instrument in enumerate(past.instruments)}
    common = np.nan_to_num(past.values[rows][:, [column[factor] for factor in model.factors]]) * model.exposure(weights)
    held = [(n, place[instrument]) for n, instrument in enumerate(model.instruments) if weights[n] != 0.0 and instrument in place]
    chosen, kept = [n for n, _ in held], [n for _, n in held]
    return np.asarray(common, np.float64), np.asarray(np.nan_to_num(past.specific[rows][:, kept]) @ weights[chosen], np.float64)
