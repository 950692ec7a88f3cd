"""`RiskState`: what a risk model carries from one night to the next, so that a night is one step and equals the full computation.

Full: `risk_state(factor_returns)` walks all sessions. One more night: `state.followed_by(factor_returns_of_that_session)`. Both take the
same steps, so they give the same numbers. `state.model(...)` is the model after the last session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault
from tradewinds.core.instant import text
from tradewinds.risk import covariance, specific
from tradewinds.risk.covariance import CovarianceSettings, FactorMoments, no_factor_moments
from tradewinds.risk.factor_returns import FactorReturns, Floats
from tradewinds.risk.gap import Gap
from tradewinds.risk.moments import CrossMoments, Moments
from tradewinds.risk.risk_model import RiskModel
from tradewinds.risk.specific import SpecificSettings, no_specific_moments, specific_variance


@dataclass(frozen=True, slots=True, eq=False)
class RiskState:
    """After the session at_ns (None: none yet): of K factors and N instruments."""

    factors: tuple[str, ...]
    instruments: tuple[str, ...]
    at_ns: int | None
    common: FactorMoments
    own: Moments
    specific: SpecificSettings

    def followed_by(self, later: FactorReturns) -> RiskState:
        """With later sessions; instruments may have joined or left. Raises DataFault for other factors or sessions seen before."""
        if later.factors != self.factors:
            raise DataFault(f"risk state: factors {later.factors}, expected {self.factors}")
        if len(later.times) and self.at_ns is not None and later.times[0] <= self.at_ns:
            raise DataFault(f"risk state: session {text(int(later.times[0]))}, expected one after {text(self.at_ns)}")
        state = self.among(later.instruments)
        common, own = state.common, state.own
        for values, left in zip(later.values, later.specific, strict=True):
            common, own = common.followed_by(values), own.followed_by(left)
        at_ns = int(later.times[-1]) if len(later.times) else self.at_ns
        return RiskState(self.factors, later.instruments, at_ns, common, own, self.specific)

    def walked(self, later: FactorReturns, exposures: Floats) -> tuple[RiskState, Floats, Floats]:
        """(the state after, (T, K, K) factor covariances, (T, N) specific variances), each after its session; NaN where not known.

        exposures: (T, N, K), known after each session; an implicit market's column of ones may be left out. For a history of risk.
        """
        if exposures.shape[:2] != later.specific.shape:
            raise DataFault(f"risk state: exposures of shape {exposures.shape}, expected {(*later.specific.shape, len(self.factors))}")
        sessions, width, count = len(later.times), len(later.instruments), len(later.factors)
        covariances, variances = np.empty((sessions, count, count)), np.empty((sessions, width))
        state = self
        for t in range(sessions):
            state = state.followed_by(later.session(t))
            covariances[t] = state.common.covariance()
            variances[t] = specific_variance(state.own, exposures[t], state.specific)
        return state, covariances, variances

    def among(self, instruments: Sequence[str]) -> RiskState:
        """The same past for these instruments in this order; those that are not among them are forgotten, new ones have no past."""
        if tuple(instruments) == self.instruments:
            return self
        place = {name: n for n, name in enumerate(instruments)}
        kept = [n for n, name in enumerate(self.instruments) if name in place]
        places = np.array([place[self.instruments[n]] for n in kept], np.int64)
        own = Moments(
            self.own.half_life, self.own.sums[:, kept], self.own.weights[:, kept], self.own.recent[:, kept], self.own.counts[kept]
        )
        moved = own.placed(places, len(place))
        return RiskState(self.factors, tuple(instruments), self.at_ns, self.common, moved, self.specific)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that the sessions so far have left, by name, to be kept as a file; settings and names are not in it."""
        found: dict[str, NDArray[Any]] = {"at_ns": np.array([] if self.at_ns is None else [self.at_ns], np.int64)}
        for name, part in self._parts().items():
            found |= {f"{name}_{field}": getattr(part, field) for field in ("sums", "weights", "recent")}
        return found | {"own_counts": self.own.counts, "volatility_counts": self.common.volatility.counts}

    def restored(self, arrays: Mapping[str, NDArray[Any]]) -> RiskState:
        """This state, of the same names and settings, with what `arrays` of another left. Raises DataFault for shapes of another state."""
        own = self.arrays()
        wrong = sorted(name for name in own if name not in arrays or (name != "at_ns" and arrays[name].shape != own[name].shape))
        if wrong:
            raise DataFault(f"risk state: {wrong} are missing or of another shape, expected {len(own)} arrays of this state's")
        kept = {name: np.asarray(arrays[name], own[name].dtype) for name in own}

        def part(name: str, half_life: float) -> Moments:
            return Moments(half_life, kept[f"{name}_sums"], kept[f"{name}_weights"], kept[f"{name}_recent"], kept[f"{name}_counts"])

        common = FactorMoments(
            self.common.settings,
            part("volatility", self.common.volatility.half_life),
            CrossMoments(
                self.common.correlation.half_life, kept["correlation_sums"], kept["correlation_weights"], kept["correlation_recent"]
            ),
        )
        at_ns = int(kept["at_ns"][0]) if len(kept["at_ns"]) else None
        return RiskState(self.factors, self.instruments, at_ns, common, part("own", self.own.half_life), self.specific)

    def _parts(self) -> dict[str, Moments | CrossMoments]:
        return {"own": self.own, "volatility": self.common.volatility, "correlation": self.common.correlation}

    def model(
        self, exposures: Floats, *, known_ns: int, kind: str, periods_a_year: float, at_ns: int | None = None, gaps: tuple[Gap, ...] = ()
    ) -> RiskModel:
        """The model after the last session. exposures: (N, K), known by known_ns; an implicit market's column of ones is added if left out.

        Instruments without exposures and factors without a variance are left out and named. at_ns: the last session when None.
        """
        exposures = with_market(exposures, len(self.factors))
        if exposures.shape != (len(self.instruments), len(self.factors)):
            raise DataFault(f"risk model: exposures of shape {exposures.shape}, expected {(len(self.instruments), len(self.factors))}")
        at = self.at_ns if at_ns is None else at_ns
        if at is None:
            raise DataFault("risk model: no session has been seen, expected at least one")
        common = self.common.covariance()
        has_variance = np.isfinite(np.diag(common))
        found = list(gaps)
        found += [
            Gap(
                self.factors[k],
                f"{self.common.volatility.counts[k]} sessions with a return, expected {self.common.settings.observations_min}",
            )
            for k in np.flatnonzero(~has_variance)
        ]
        chosen = exposures[:, has_variance]
        own = specific_variance(self.own, chosen, self.specific)
        is_in = np.isfinite(own)
        for n in np.flatnonzero(~is_in):
            lacks = chosen[n][~np.isfinite(chosen[n])]
            reason = (
                f"{len(lacks)} of {chosen.shape[1]} exposures are missing" if len(lacks) else "no instrument has a history to compare with"
            )
            found.append(Gap(self.instruments[n], f"not in the risk model: {reason}"))
        few = self.specific.observations_min
        found += [
            Gap(self.instruments[n], f"{self.own.counts[n]} specific returns, fewer than {few}: its specific risk is that of its kind")
            for n in np.flatnonzero(is_in & (self.own.counts < few))
        ]
        return RiskModel(
            at, known_ns, kind,
            tuple(name for name, inside in zip(self.instruments, is_in, strict=True) if inside),
            tuple(name for name, known in zip(self.factors, has_variance, strict=True) if known),
            np.ascontiguousarray(chosen[is_in]), np.ascontiguousarray(common[np.ix_(has_variance, has_variance)]), own[is_in],
            periods_a_year, tuple(found),
        )  # fmt: skip


def with_market(exposures: Floats, count: int) -> Floats:
    """Exposures (N, K) as they are; with a column of ones before them where one of `count` factors is missing."""
    return np.column_stack([np.ones(len(exposures)), exposures]) if exposures.shape[1] == count - 1 else exposures


def no_risk_state(
    factors: Sequence[str],
    instruments: Sequence[str],
    common: CovarianceSettings = covariance.USUAL,
    own: SpecificSettings = specific.USUAL,
) -> RiskState:
    """Before the first session."""
    return RiskState(
        tuple(factors), tuple(instruments), None, no_factor_moments(len(factors), common), no_specific_moments(len(instruments), own), own
    )


def risk_state(found: FactorReturns, common: CovarianceSettings = covariance.USUAL, own: SpecificSettings = specific.USUAL) -> RiskState:
    """After all sessions of these factor returns."""
    return no_risk_state(found.factors, found.instruments, common, own).followed_by(found)
