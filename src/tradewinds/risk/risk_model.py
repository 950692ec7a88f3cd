"""`RiskModel`: the risk of every instrument at one session, in factor form: V = X F X' + D.

X exposures, F covariance of factor returns, D specific variances. No instruments-by-instruments matrix is made unless `dense` is called:
w'Vw = (X'w)' F (X'w) + sum w^2 D takes some 20 microseconds for 3,000 instruments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.risk.factor_returns import Floats
from tradewinds.risk.gap import Gap

PSD_TOLERANCE = 1e-9  # of the largest eigenvalue: what rounding may make of a zero


@dataclass(frozen=True, slots=True, eq=False)
class RiskModel:
    """N instruments, K factors. Covariances are those of one session; weights are fractions of equity, negative where sold short.

    at_ns: start of the session whose close it was made at. known_ns: when the last input was known. kind: `cross_sectional`, `cascaded`, ..
    exposures: (N, K). factor_covariance: (K, K). specific_variance: (N,). gaps: what was left out, and why.
    Raises DataFault where an array holds what is no number, or a covariance that is none.
    """

    at_ns: int
    known_ns: int
    kind: str
    instruments: tuple[str, ...]
    factors: tuple[str, ...]
    exposures: Floats
    factor_covariance: Floats
    specific_variance: Floats
    periods_a_year: float
    gaps: tuple[Gap, ...] = ()

    def __post_init__(self) -> None:
        width, count = len(self.instruments), len(self.factors)
        for name, array, shape in (
            ("exposures", self.exposures, (width, count)), ("factor covariance", self.factor_covariance, (count, count)),
            ("specific variance", self.specific_variance, (width,)),
        ):  # fmt: skip
            if array.shape != shape:
                raise DataFault(f"risk model: {name} of shape {array.shape}, expected {shape}")
            if not np.isfinite(array).all():
                raise DataFault(f"risk model: {name} has {int((~np.isfinite(array)).sum())} values that are no numbers, expected none")
            array.setflags(write=False)
        if len(set(self.instruments)) != width or len(set(self.factors)) != count:
            raise DataFault(f"risk model: {width} instruments or {count} factors stand there twice, expected each once")
        if (self.specific_variance < 0.0).any():
            raise DataFault(f"risk model: least specific variance {self.specific_variance.min()}, expected none below 0")
        if count:
            eigenvalues = np.linalg.eigvalsh(self.factor_covariance)
            is_symmetric = np.allclose(self.factor_covariance, self.factor_covariance.T, rtol=1e-9, atol=0.0)
            if not is_symmetric or eigenvalues[0] < -PSD_TOLERANCE * max(eigenvalues[-1], 0.0):
                raise DataFault(f"risk model: factor covariance with least eigenvalue {eigenvalues[0]}, expected a symmetric one from 0 up")
        if not self.periods_a_year > 0.0:
            raise Rejected(f"risk model: {self.periods_a_year} periods a year, expected more than 0")

    def weights_of(self, weights: Mapping[str, float]) -> tuple[Floats, tuple[Gap, ...]]:
        """((N,), what is held and not in the model) of weights by instrument."""
        place = {name: n for n, name in enumerate(self.instruments)}
        found = np.zeros(len(place))
        gaps = []
        for name, weight in weights.items():
            if name in place:
                found[place[name]] = weight
            elif weight != 0.0:
                gaps.append(Gap(name, f"weight {weight:.6g} is not in the risk model: its risk is not counted"))
        return found, tuple(gaps)

    def exposure(self, weights: Floats) -> Floats:
        """(K,) sum of weight x exposure."""
        return np.asarray(self._checked(weights) @ self.exposures, np.float64)

    def variance(self, weights: Floats) -> float:
        """w'Vw of one session."""
        exposure = self.exposure(weights)
        return max(float(exposure @ self.factor_covariance @ exposure), 0.0) + float(np.dot(weights * weights, self.specific_variance))

    def volatility(self, weights: Floats, periods: float | None = None) -> float:
        """Standard deviation of the return over `periods` sessions, a year when None."""
        return float(np.sqrt(self.variance(weights) * (self.periods_a_year if periods is None else periods)))

    def covariance_with(self, weights: Floats) -> Floats:
        """(N,) V w: covariance of each instrument's return with the portfolio's, of one session."""
        exposure = self.exposure(weights)
        return np.asarray(self.exposures @ (self.factor_covariance @ exposure) + self.specific_variance * weights, np.float64)

    def marginal(self, weights: Floats, periods: float | None = None) -> Floats:
        """(N,) by how much the volatility grows with each weight: V w / sqrt(w'Vw); zeros for a portfolio without risk."""
        deviation = np.sqrt(self.variance(weights))
        scale = np.sqrt(self.periods_a_year if periods is None else periods)
        return self.covariance_with(weights) * (scale / deviation) if deviation > 0.0 else np.zeros(len(weights))

    def component(self, weights: Floats, periods: float | None = None) -> Floats:
        """(N,) each instrument's part of the volatility, weight x marginal; they sum to it."""
        return weights * self.marginal(weights, periods)

    def factor_component(self, weights: Floats, periods: float | None = None) -> tuple[Floats, float]:
        """((K,) each factor's part of the volatility, the specific part); together they sum to it."""
        exposure = self.exposure(weights)
        variance = self.variance(weights)
        if variance <= 0.0:
            return np.zeros(len(exposure)), 0.0
        scale = float(np.sqrt((self.periods_a_year if periods is None else periods) / variance))
        specific = float(np.dot(weights * weights, self.specific_variance))
        return np.asarray(exposure * (self.factor_covariance @ exposure) * scale, np.float64), specific * scale

    def beta(self, weights: Floats, benchmark: Floats) -> float:
        """Covariance with the benchmark over its variance. Raises Rejected for a benchmark without risk."""
        variance = self.variance(benchmark)
        if variance <= 0.0:
            raise Rejected("beta: a benchmark without risk, expected one that holds something")
        return float(np.dot(self._checked(weights), self.covariance_with(benchmark))) / variance

    def tracking_error(self, weights: Floats, benchmark: Floats, periods: float | None = None) -> float:
        """Volatility of the difference of two portfolios."""
        return self.volatility(self._checked(weights) - self._checked(benchmark), periods)

    def dense(self) -> Floats:
        """(N, N) V, made anew at each call; 72 MB for 3,000 instruments."""
        found = self.exposures @ self.factor_covariance @ self.exposures.T
        found[np.diag_indices(len(found))] += self.specific_variance
        return np.asarray((found + found.T) / 2.0, np.float64)

    def _checked(self, weights: Floats) -> Floats:
        if weights.shape != (len(self.instruments),) or not np.isfinite(weights).all():
            raise DataFault(f"risk model: weights of shape {weights.shape}, expected ({len(self.instruments)},) numbers")
        return weights
