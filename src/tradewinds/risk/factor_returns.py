"""`FactorReturns`: what a session's returns owe to common factors, and what is left to each instrument."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault
from tradewinds.risk.gap import Gap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FactorReturns:
    """T sessions, K factors, N instruments; returns are fractions of a session, NaN where not known.

    times: (T,) int64, UTC ns, rising. values, t_stats: (T, K). specific: (T, N). r_squared: (T,), share of the weighted variance explained.
    """

    factors: tuple[str, ...]
    instruments: tuple[str, ...]
    times: Ints
    values: Floats
    specific: Floats
    r_squared: Floats
    t_stats: Floats
    gaps: tuple[Gap, ...] = ()

    def __post_init__(self) -> None:
        sessions, width, count = len(self.times), len(self.instruments), len(self.factors)
        for name, array, shape in (
            ("values", self.values, (sessions, count)), ("specific", self.specific, (sessions, width)),
            ("r_squared", self.r_squared, (sessions,)), ("t_stats", self.t_stats, (sessions, count)),
        ):  # fmt: skip
            if array.shape != shape:
                raise DataFault(f"factor returns: {name} of shape {array.shape}, expected {shape}")
        if not bool((self.times[1:] > self.times[:-1]).all()):
            raise DataFault(f"factor returns: times of {sessions} sessions do not rise, expected each session once and in order")

    def session(self, t: int) -> FactorReturns:
        """Session t alone, without its gaps, which are of all."""
        row = slice(t, t + 1)
        return FactorReturns(
            self.factors, self.instruments, self.times[row], self.values[row], self.specific[row], self.r_squared[row], self.t_stats[row]
        )

    def followed_by(self, later: FactorReturns) -> FactorReturns:
        """Both as one; `later` has the same factors and instruments and starts after the last session here."""
        if later.factors != self.factors or later.instruments != self.instruments:
            raise DataFault(
                f"factor returns: {len(later.factors)} factors of {len(later.instruments)} instruments follow {len(self.factors)} of "
                f"{len(self.instruments)}, expected the same ones in the same order"
            )
        return FactorReturns(
            self.factors,
            self.instruments,
            np.concatenate([self.times, later.times]),
            np.concatenate([self.values, later.values]),
            np.concatenate([self.specific, later.specific]),
            np.concatenate([self.r_squared, later.r_squared]),
            np.concatenate([self.t_stats, later.t_stats]),
            (*self.gaps, *(gap for gap in later.gaps if gap not in self.gaps)),
        )
