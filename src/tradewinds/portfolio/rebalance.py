"""From targets to what trades tomorrow: changes that are worth an order, what they cost, and why.

1. Changes of less than `minimum_value` are left out, and the weight stays; exits and what a position bound demands are never left out.
2. If what stays would break the gross or invested limit, small sales are made after all, then small purchases too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.portfolio.prepared import Prepared, prepared
from tradewinds.portfolio.problem import Floats, Problem
from tradewinds.portfolio.solution import Solution


@dataclass(frozen=True, slots=True)
class Trade:
    """One change. weight_from, weight_to: of capital; value: signed money, positive buys; cost: money; reason: in words."""

    instrument: str
    weight_from: float
    weight_to: float
    value: float
    cost: float
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Rebalance:
    """Trades, the largest first, and the weights (N,) after them.

    turnover: sum of |change|; cost: money; left: changes that were left out as too small.
    """

    trades: tuple[Trade, ...]
    weights: Floats
    turnover: float
    cost: float
    left: int


def rebalance(
    problem: Problem, solution: Solution, capital: float, *, minimum_value: float = 0.0, scores: Floats | None = None
) -> Rebalance:
    """What leads from today's weights to the solution's. capital, minimum_value: money; scores: (N,), for the reasons."""
    if not (np.isfinite(capital) and capital > 0 and minimum_value >= 0):
        raise Rejected(f"rebalance: capital {capital}, minimum_value {minimum_value}, expected capital above 0 and a value from 0 on")
    given = prepared(problem)
    today = given.today
    weights = _worth_trading(given, today, solution.weights, minimum_value / capital)
    change = weights - today
    cost = given.costs.each(change) * capital
    order = [k for k in np.argsort(-np.abs(change), kind="stable").tolist() if change[k]]
    trades = tuple(
        Trade(
            instrument=problem.instruments[k],
            weight_from=float(today[k]),
            weight_to=float(weights[k]),
            value=float(change[k]) * capital,
            cost=float(cost[k]),
            reason=_reason(problem, float(today[k]), float(weights[k]), k, scores),
        )
        for k in order
    )
    return Rebalance(trades, weights, float(np.abs(change).sum()), float(cost.sum()), int(np.count_nonzero(weights != solution.weights)))


def _worth_trading(given: Prepared, today: Floats, target: Floats, least: float) -> Floats:
    limits = given.problem.limits
    small = (np.abs(target - today) < least) & (target != today) & (target != 0)
    small &= (today >= limits.position_min) & (today <= limits.position_max)
    shrinks = np.abs(target) < np.abs(today)
    for kept in (small, small & ~shrinks):
        weights = np.where(kept, today, target)
        if _is_within(given, weights, target):
            return weights
    return target


def _is_within(given: Prepared, weights: Floats, target: Floats) -> bool:
    """Whether the weights keep the sums that the target keeps."""
    limits = given.problem.limits
    gross = float(np.abs(weights).sum()) <= max(limits.gross_max, float(np.abs(target).sum()))
    return gross and float(weights.sum()) <= max(limits.invested_max, float(target.sum()))


def _reason(problem: Problem, before: float, after: float, k: int, scores: Floats | None) -> str:
    words = []
    if before == 0:
        words.append("enters")
    elif after == 0:
        words.append("leaves")
    elif before * after < 0:
        words.append("changes sides")
    if scores is not None:
        words.append(f"score {scores[k]:+.2f}" if np.isfinite(scores[k]) else "no score")
    if after != 0 and after in (problem.limits.position_min[k], problem.limits.position_max[k]):
        words.append("at its position limit")
    return ", ".join(words) or ("more" if abs(after) > abs(before) else "less")
