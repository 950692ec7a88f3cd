"""Realised profit split to factors, instruments, costs and specific, so that every split sums to the profit exactly.

Of each session, with v the value held over it (account currency) and X the exposures known before it:

    factor k        sum over instruments of v x X_k x f_k
    specific        what each instrument made beyond its factors; and whatever the account shows that no line explains
    costs           commission, slippage, financing, .. as charged, negative where paid

Money of several sessions is added: profit is money and adds up. Returns of several sessions do not add up, they compound; `linked` scales
each session's contributions by Carino's coefficient, so that they sum to the compounded return. What rounding leaves goes to specific.

Sources: Grinold & Kahn, Active Portfolio Management, ch. 17; Carino, Combining attribution effects over time, Journal of Performance
Measurement 3(4), 1999.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tradewinds.core.errors import DataFault
from tradewinds.performance.track_record import Floats


@dataclass(frozen=True, slots=True, eq=False)
class ProfitAttribution:
    """Money in account currency over T sessions. profit = by_factor + by_cost + specific summed = by_instrument + by_cost + unexplained.

    factors: K names. instruments: N names. by_factor: (T, K). by_instrument: (T, N), before costs, with what its factors made. common:
    (T, N), the part of by_instrument that factors made. costs: kinds. by_cost: (T, kinds). unexplained: (T,), part of specific that
    belongs to no instrument. specific, profit: (T,).
    """

    factors: tuple[str, ...]
    instruments: tuple[str, ...]
    costs: tuple[str, ...]
    by_factor: Floats
    by_instrument: Floats
    common: Floats
    by_cost: Floats
    unexplained: Floats
    specific: Floats
    profit: Floats

    def totals(self) -> Totals:
        """Over all sessions: money adds up."""
        profit = math.fsum(self.profit)
        factor = {name: math.fsum(self.by_factor[:, k]) for k, name in enumerate(self.factors)}
        cost = {name: math.fsum(self.by_cost[:, k]) for k, name in enumerate(self.costs)}
        instrument = {name: math.fsum(self.by_instrument[:, n]) for n, name in enumerate(self.instruments)}
        own = {name: math.fsum(self.by_instrument[:, n] - self.common[:, n]) for n, name in enumerate(self.instruments)}
        return Totals(
            profit, factor, cost, rest(profit, (*factor.values(), *cost.values())), instrument, own,
            rest(profit, (*instrument.values(), *cost.values())),
        )  # fmt: skip

    def linked(self, capital: float) -> Linked:
        """The compounded return of all sessions split the same way. capital: equity before the first session."""
        equity = capital + np.concatenate([[0.0], np.cumsum(self.profit)])
        if not (equity > 0.0).all():
            raise DataFault(f"linked attribution: equity falls to {equity.min()}, expected above 0 throughout")
        returns = self.profit / equity[:-1]
        whole = equity[-1] / capital - 1.0
        scale = _carino(returns) / _carino(np.array([whole]))[0] / equity[:-1]
        factor = {name: math.fsum(self.by_factor[:, k] * scale) for k, name in enumerate(self.factors)}
        cost = {name: math.fsum(self.by_cost[:, k] * scale) for k, name in enumerate(self.costs)}
        return Linked(float(whole), factor, cost, rest(float(whole), (*factor.values(), *cost.values())))


@dataclass(frozen=True, slots=True)
class Totals:
    """Money. profit = sum of by_factor and by_cost + specific = sum of by_instrument and by_cost + unexplained.

    by_specific: what each instrument made beyond its factors.
    """

    profit: float
    by_factor: Mapping[str, float]
    by_cost: Mapping[str, float]
    specific: float
    by_instrument: Mapping[str, float]
    by_specific: Mapping[str, float]
    unexplained: float


@dataclass(frozen=True, slots=True)
class Linked:
    """Fractions of the first equity. total = sum of by_factor and by_cost + specific."""

    total: float
    by_factor: Mapping[str, float]
    by_cost: Mapping[str, float]
    specific: float


def profit_attribution(
    profit: Floats,
    values: Floats,
    gains: Floats,
    exposures: Floats,
    factor_returns: Floats,
    costs: Mapping[str, Floats],
    *,
    factors: Sequence[str],
    instruments: Sequence[str],
) -> ProfitAttribution:
    """Split the profit (T,) of each session.

    values: (T, N) signed, held over the session at its start. gains: (T, N) what price moves made of everything held or traded, before
    costs. exposures: (T, N, K), known before; NaN counts as none, so that its gain is specific. factor_returns: (T, K), NaN likewise.
    costs: (T,) by kind, negative where paid. Raises DataFault where shapes do not fit or a money is no number.
    """
    sessions, width, count = len(profit), len(instruments), len(factors)
    charged = np.column_stack([*costs.values()]) if costs else np.zeros((sessions, 0))
    for name, array, shape in (
        ("profit", profit, (sessions,)), ("values", values, (sessions, width)), ("gains", gains, (sessions, width)),
        ("exposures", exposures, (sessions, width, count)), ("factor returns", factor_returns, (sessions, count)),
        ("costs", charged, (sessions, len(costs))),
    ):  # fmt: skip
        if array.shape != shape:
            raise DataFault(f"profit attribution: {name} of shape {array.shape}, expected {shape}")
        if name not in ("exposures", "factor returns") and not np.isfinite(array).all():
            raise DataFault(f"profit attribution: {name} with {int((~np.isfinite(array)).sum())} values that are no numbers, expected none")
    by_factor, common = np.empty((sessions, count)), np.empty((sessions, width))
    for t in range(sessions):
        known, moved = np.nan_to_num(exposures[t]), np.nan_to_num(factor_returns[t])
        by_factor[t] = (values[t] @ known) * moved
        common[t] = values[t] * (known @ moved)
    specific = np.array([rest(float(profit[t]), (*by_factor[t], *charged[t])) for t in range(sessions)])
    unexplained = np.array([rest(float(profit[t]), (*gains[t], *charged[t])) for t in range(sessions)])
    return ProfitAttribution(
        tuple(factors), tuple(instruments), tuple(costs), by_factor, gains, common, charged, unexplained, specific, profit
    )  # fmt: skip


def rest(total: float, parts: Sequence[float]) -> float:
    """What is left of the total beside the parts, rounded once."""
    return math.fsum((total, *(-part for part in parts)))


def _carino(returns: Floats) -> Floats:
    """ln(1 + r) / r, 1 at no return."""
    small = np.abs(returns) < 1e-8
    safe = np.where(small, 1.0, returns)
    return np.where(small, 1.0 - returns / 2.0, np.log1p(safe) / safe)
