"""Parts of a night's page from what the rooms below answer: a risk model with weights, a construction with its trades."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

import numpy as np

from tradewinds.core.errors import TradewindsError
from tradewinds.portfolio.problem import Problem
from tradewinds.portfolio.rebalance import Rebalance
from tradewinds.portfolio.solution import Rung, Solution, Standing
from tradewinds.report.night_data import Absent, Floats, Holding, PlannedTrade, RiskNight, Stress, TradeNight
from tradewinds.report.number import decimal, percent
from tradewinds.risk.liquidity import Liquidity
from tradewinds.risk.measures import TailRisk, concentration
from tradewinds.risk.risk_model import RiskModel
from tradewinds.risk.stress import Stress as RiskStress

Part = TypeVar("Part")
Args = ParamSpec("Args")

NAMED = 8  # limits named before the rest is counted
IN_UNITS = frozenset({"factor"})  # kinds of limits that are no fractions of capital


def had(make: Callable[Args, Part], *args: Args.args, **named: Args.kwargs) -> Part | Absent:
    """What `make` answers, or why it is absent."""
    try:
        return make(*args, **named)
    except TradewindsError as error:
        return Absent(str(error))


def risk_night(
    model: RiskModel,
    weights: Floats,
    *,
    tail: TailRisk | None = None,
    stresses: Sequence[RiskStress] = (),
    liquidity: Liquidity | None = None,
    benchmark: Floats | None = None,
) -> RiskNight:
    """Risk of weights (N,) in the order of the model's instruments; the rest where it was computed; historical tails go first."""
    contributions, specific = model.factor_component(weights, 1.0)
    volatility = model.volatility(weights, 1.0)
    specific_variance = float(np.dot(weights * weights, model.specific_variance))
    parts = model.component(weights, 1.0)
    spread = concentration(weights)
    holdings = tuple(
        Holding(
            instrument=model.instruments[k],
            weight=float(weights[k]),
            risk_share=float(parts[k]) / volatility if volatility > 0 else None,
            days_to_exit=None if liquidity is None or not np.isfinite(liquidity.days[k]) else float(liquidity.days[k]),
        )
        for k in np.flatnonzero(weights).tolist()
    )
    is_historical = tail is not None and tail.historical is not None
    return RiskNight(
        volatility=volatility,
        factor_volatility=float(np.sqrt(max(0.0, volatility**2 - specific_variance))),
        specific_volatility=float(np.sqrt(specific_variance)),
        factors=model.factors,
        exposures=model.exposure(weights),
        contributions=contributions,
        specific_contribution=specific,
        value_at_risk=None if tail is None else tail.historical if is_historical else tail.parametric,
        expected_shortfall=None if tail is None else tail.historical_shortfall if is_historical else tail.shortfall,
        level=0.99 if tail is None else tail.confidence,
        horizon=1 if tail is None else max(1, round(tail.periods)),
        method="of past returns" if is_historical else "normal",
        tracking_error=None if benchmark is None else model.tracking_error(weights, benchmark, 1.0),
        gross=spread.gross,
        net=spread.net,
        effective_positions=spread.effective,
        holdings=holdings,
        stresses=tuple(Stress(one.name, one.total, "" if one.sessions == 1 else f"{one.sessions} sessions") for one in stresses),
        liquid_share=() if liquidity is None else liquidity.share_within,
        participation=None if liquidity is None else liquidity.participation,
    )


def trade_night(strategy: str, problem: Problem, solution: Solution, plan: Rebalance) -> TradeNight:
    """A construction and the trades that lead to it."""
    return TradeNight(
        strategy=strategy,
        rung=int(solution.rung),
        rungs=len(Rung),
        why=solution.why,
        trades=tuple(PlannedTrade(one.instrument, one.weight_from, one.weight_to, one.value, one.cost, one.reason) for one in plan.trades),
        turnover=plan.turnover,
        cost=plan.cost,
        cash=1.0 - float(plan.weights.sum()),
        method=problem.method.replace("_", " "),
        broken=_named(solution.broken),
        binding=_named(solution.binding),
        notes=tuple(f"{note[:1].upper()}{note[1:]}." for note in solution.notes),
        left=plan.left,
    )


def limit_text(one: Standing) -> str:
    """A limit as people read it: "Momentum 0.62, at most 0.50"."""
    shown = decimal if one.kind in IN_UNITS else percent
    is_low = abs(one.value - one.low) < abs(one.value - one.high)
    end = f"at least {shown(one.low)}" if is_low else f"at most {shown(one.high)}"
    return f"{one.name} {shown(one.value)}, {end}"


def _named(limits: Sequence[Standing]) -> tuple[str, ...]:
    """Positions are told in the trades; of the others each, and how many positions there are."""
    texts = [limit_text(one) for one in limits if one.kind != "position"]
    positions = [one for one in limits if one.kind == "position"]
    if len(positions) > NAMED:
        return (*texts, f"positions of {len(positions)} instruments")
    return (*texts, *(limit_text(one) for one in positions))
