"""What a portfolio comes to, and where it stands with each limit."""

from __future__ import annotations

import numpy as np

from tradewinds.portfolio.optimiser import linear_limits
from tradewinds.portfolio.prepared import Prepared
from tradewinds.portfolio.problem import Floats
from tradewinds.portfolio.solution import Rung, Solution, Standing

SOFT_FROM = {
    "factor": Rung.SOFT_EXPOSURES,
    "group": Rung.SOFT_EXPOSURES,
    "tracking": Rung.SOFT_TRACKING,
    "turnover": Rung.SOFT_TURNOVER,
    "invested": Rung.SOFT_INVESTED,
}
"""The rung from which a limit of that kind may be broken."""


def answer(given: Prepared, weights: Floats, rung: Rung, why: str) -> Solution:
    """The solution with its measures."""
    problem, change = given.problem, weights - given.today
    standing = standings(given, weights)
    expected, variance = float(given.expected_return @ weights), given.risk.variance(weights)
    cost = float(given.costs.each(change).sum())
    return Solution(
        weights=weights,
        rung=rung,
        why=why,
        objective=expected - problem.risk_aversion / 2 * variance - cost / problem.horizon,
        expected_return=expected,
        volatility=float(np.sqrt(variance)),
        tracking_error=_tracking_error(given, weights),
        turnover=float(np.abs(change).sum()),
        cost=cost,
        cash=1.0 - float(weights.sum()),
        binding=tuple(one for one in standing if one.is_binding and not one.is_broken),
        broken=tuple(one for one in standing if one.is_broken),
        notes=given.notes,
    )


def holds(given: Prepared, weights: Floats, rung: Rung) -> bool:
    """Whether what the rung promises holds."""
    return all(not one.is_broken or rung >= SOFT_FROM.get(one.kind, Rung.HOLD) for one in standings(given, weights))


def standings(given: Prepared, weights: Floats) -> list[Standing]:
    """Each limit and the value beside it: those of positions only where they bind."""
    limits, problem = given.problem.limits, given.problem
    found = [
        Standing("gross", "sum of sizes", float(np.abs(weights).sum()), -np.inf, limits.gross_max),
        Standing("invested", "sum of weights", float(weights.sum()), limits.invested_min, limits.invested_max),
    ]
    if limits.turnover_max is not None:
        found.append(Standing("turnover", "turnover", float(np.abs(weights - given.today).sum()), -np.inf, limits.turnover_max))
    tracking = _tracking_error(given, weights)
    if limits.tracking_max is not None and tracking is not None:
        found.append(Standing("tracking", "tracking error", tracking, -np.inf, limits.tracking_max))
    kinds = ["factor"] * len(limits.factors) + ["group"] * len(limits.groups)
    for kind, limit, (row, low, high) in zip(kinds, (*limits.factors, *limits.groups), linear_limits(given), strict=True):
        found.append(Standing(kind, limit.name, float(row @ weights), low, high))
    for k in np.flatnonzero((weights != 0) & ~given.fixed):
        one = Standing("position", problem.instruments[k], float(weights[k]), float(limits.position_min[k]), float(limits.position_max[k]))
        if one.is_binding:
            found.append(one)
    return found


def _tracking_error(given: Prepared, weights: Floats) -> float | None:
    benchmark = given.benchmark
    if benchmark is None:
        return None
    return float(np.sqrt(given.risk.variance(weights - benchmark)))
