"""Ideals: portfolios that a method names without looking at limits, over the instruments that may be held and whose risk is known.

Equal weight is arithmetic; risk parity (equal contributions to variance), hierarchical risk parity (single linkage on
sqrt((1 - correlation) / 2)) and maximum Sharpe are skfolio's. Sources: Maillard, Roncalli & Teiletche, The Properties of
Equally Weighted Risk Contribution Portfolios (2010); Lopez de Prado, Building Diversified Portfolios that Outperform Out of Sample (2016).
"""

from __future__ import annotations

import warnings

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.portfolio.optimiser import SOLVER, prior, scaled
from tradewinds.portfolio.prepared import Prepared
from tradewinds.portfolio.problem import FactorRisk, Floats, Method

IDEALS = frozenset({Method.MAXIMUM_SHARPE, Method.RISK_PARITY, Method.HIERARCHICAL_RISK_PARITY, Method.EQUAL_WEIGHT})
"""Methods that name one."""


def ideal_weights(given: Prepared) -> Floats:
    """(N,) with a sum of `invested_max`, or less where position bounds of `maximum_sharpe` leave no more; what is fixed keeps its weight.

    Raises whatever skfolio, cvxpy and Clarabel raise where there is none.
    """
    problem = given.problem
    chosen = np.flatnonzero(~given.fixed & (problem.limits.position_max > 0))
    weights = np.where(given.fixed, given.kept, 0.0)
    if not len(chosen):
        return weights
    room = max(0.0, problem.limits.invested_max - float(weights.sum()))
    risk = FactorRisk(given.risk.exposures[chosen], given.risk.factor_covariance, given.risk.specific_variance[chosen])
    if room > 0:
        weights[chosen] = room * _shares(given, scaled(risk, given.unit), chosen, room)
    return weights


def _shares(given: Prepared, risk: FactorRisk, chosen: np.ndarray[tuple[int], np.dtype[np.intp]], room: float) -> Floats:
    """(M,) with a sum of 1, or less."""
    method = given.problem.method
    if len(chosen) == 1 or method is Method.EQUAL_WEIGHT:
        return np.full(len(chosen), 1.0 / len(chosen))
    if method is Method.RISK_PARITY:
        return _risk_parity(risk)
    if method is Method.HIERARCHICAL_RISK_PARITY:
        return _hierarchical(risk)
    limits = given.problem.limits
    low, high = np.maximum(limits.position_min[chosen], -limits.gross_max), np.minimum(limits.position_max[chosen], limits.gross_max)
    free = given.problem.risk_free / given.unit
    return _maximum_sharpe(given.expected_return[chosen] / given.unit, risk, low / room, high / room, free)


def _risk_parity(risk: FactorRisk) -> Floats:
    from skfolio.measures import RiskMeasure
    from skfolio.optimization import RiskBudgeting

    number = len(risk.specific_variance)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = RiskBudgeting(
            risk_measure=RiskMeasure.VARIANCE, prior_estimator=prior(np.zeros(number), risk), solver_params=dict(SOLVER)
        ).fit(np.zeros((2, number)))
    return np.asarray(model.weights_, np.float64)


def _hierarchical(risk: FactorRisk) -> Floats:
    from skfolio.cluster import HierarchicalClustering, LinkageMethod
    from skfolio.distance import CovarianceDistance
    from skfolio.measures import RiskMeasure
    from skfolio.optimization import HierarchicalRiskParity
    from skfolio.seriation import HierarchicalSeriation

    number = len(risk.specific_variance)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = HierarchicalRiskParity(
            risk_measure=RiskMeasure.VARIANCE,
            prior_estimator=prior(np.zeros(number), risk),
            distance_estimator=CovarianceDistance(covariance_estimator="precomputed"),
            seriation_estimator=HierarchicalSeriation(
                hierarchical_clustering_estimator=HierarchicalClustering(max_clusters=number, linkage_method=LinkageMethod.SINGLE),
                optimal_ordering=False,  # as published: the order of the tree itself
            ),
        ).fit(np.zeros((2, number)))
    return np.asarray(model.weights_, np.float64)


def _maximum_sharpe(expected: Floats, risk: FactorRisk, low: Floats, high: Floats, risk_free: float) -> Floats:
    from skfolio.measures import RiskMeasure
    from skfolio.optimization import MeanRisk, ObjectiveFunction

    number, most = len(risk.specific_variance), float(expected.max())
    if most <= risk_free and not low.any():
        raise Rejected(f"maximum Sharpe: largest expected return {most:.3g} deviations a session, expected one above {risk_free:.3g}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MeanRisk(
            objective_function=ObjectiveFunction.MAXIMIZE_RATIO,
            risk_measure=RiskMeasure.STANDARD_DEVIATION,
            prior_estimator=prior(expected, risk),
            min_weights=low,
            max_weights=high,
            budget=min(1.0, float(high.sum())),
            risk_free_rate=risk_free,
            solver_params=dict(SOLVER),
        ).fit(np.zeros((2, number)))
    return np.asarray(model.weights_, np.float64)
