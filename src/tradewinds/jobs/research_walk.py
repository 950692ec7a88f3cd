"""The walk of a book's risk model over its sessions: factor returns of each, and what the model after the last one needs of them.

1. Styles are features of the panel, sectors columns of ones and zeros, and every instrument is exposed to the market.
2. A session's returns are explained by the exposures of the session before (`risk.cross_section`), or, for the kind `cascade`, first by
   those of its sector and then by styles, over a window of sessions (`risk.cascade`).
3. `RiskState` walks the sessions. `followed` walks only those that a walk has not seen, by the same steps; a cascade is walked whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Missing
from tradewinds.factors.features import FeatureSet, feature_set
from tradewinds.history.panel import UNKNOWN_NS, Panel
from tradewinds.jobs.book import MARKET, Book, sectors_of, styles_of
from tradewinds.jobs.research_cascade import cascade_of
from tradewinds.risk.covariance import CovarianceSettings
from tradewinds.risk.cross_section import Codes, Design, regressed
from tradewinds.risk.factor_returns import FactorReturns
from tradewinds.risk.gap import Gap
from tradewinds.risk.night import RiskState, no_risk_state
from tradewinds.risk.risk_model import RiskModel
from tradewinds.risk.specific import SpecificSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = {"cross_section": "cross_sectional", "cascade": "cascaded"}


@dataclass(frozen=True, slots=True, eq=False)
class Exposed:
    """What every instrument is exposed to at the ends of the panel's last sessions: values (sessions, instruments, factors), no market."""

    factors: tuple[str, ...]
    sectors: tuple[str, ...]
    values: Floats
    gaps: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """After T sessions, K factors, N instruments. times, event_ns, known_ns: (T,), known_ns of the last that it or a session before read.

    values, t_stats: (T, K). specific: (N,), r_squared: of the last session. exposures: (N, K') after it. codes: not of a cascade.
    """

    state: RiskState
    times: Ints
    event_ns: Ints
    known_ns: Ints
    values: Floats
    t_stats: Floats
    specific: Floats
    r_squared: float
    exposures: Floats
    gaps: tuple[Gap, ...]
    codes: Codes | None

    @property
    def factors(self) -> tuple[str, ...]:
        return self.state.factors

    def model(self, book: Book) -> RiskModel:
        """The model after the last session. Raises DataFault where nobody is in it."""
        known_ns, kind = int(self.known_ns[-1]), KINDS[book.config.risk.kind]
        found = self.state.model(self.exposures, known_ns=known_ns, kind=kind, periods_a_year=book.sessions_a_year)
        if not found.instruments:
            raise DataFault(f"research {book.name}: no instrument is in the risk model, expected some with all exposures")
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it by name, but for names and settings; of a cross-section."""
        assert self.codes is not None
        names = ("times", "event_ns", "known_ns", "values", "t_stats", "specific", "exposures")
        found = {name: getattr(self, name) for name in names} | {"rows": self.codes.rows, "columns": self.codes.columns}
        return found | {"r_squared": np.array([self.r_squared])} | {f"state_{name}": one for name, one in self.state.arrays().items()}


def restored(book: Book, factors: tuple[str, ...], arrays: Mapping[str, NDArray[Any]]) -> Walk:
    """What `Walk.arrays` gave. Raises DataFault or KeyError for arrays of something else."""
    state = no_state(book, factors).restored(
        {name.removeprefix("state_"): one for name, one in arrays.items() if name.startswith("state_")}
    )
    codes = Codes(arrays["rows"], arrays["columns"])
    times = arrays["times"]
    return Walk(
        state, times, arrays["event_ns"], arrays["known_ns"], arrays["values"], arrays["t_stats"], arrays["specific"],
        float(arrays["r_squared"][0]), arrays["exposures"], codes.gaps(book.instruments, factors, times), codes,
    )  # fmt: skip


def no_state(book: Book, factors: tuple[str, ...]) -> RiskState:
    """Before the first session."""
    terms = book.config.risk
    common = CovarianceSettings(
        half_life_volatility=terms.volatility_half_life,
        half_life_correlation=terms.correlation_half_life,
        lags_volatility=terms.newey_west_lags,
        lags_correlation=terms.newey_west_lags,
    )
    own = SpecificSettings(half_life=terms.specific_half_life, lags=terms.newey_west_lags)
    return no_risk_state(factors, book.instruments, common, own)


def walked(book: Book, panel: Panel) -> tuple[Walk, Exposed]:
    """Over every session after the first with weights. Raises Missing for a single session."""
    if len(panel.times) < 2:
        raise Missing(f"research {book.name}: {len(panel.times)} session, expected at least 2 for a return")
    exposed = exposures_of(book, panel)
    if book.config.risk.kind == "cascade":
        return _cascaded(book, panel, exposed), exposed
    weights = _weights(panel)
    # sessions before anybody has a weight explain nothing
    begin = min(int(np.argmax(np.isfinite(weights).any(axis=1))), len(weights) - 2)
    found, codes = _regressed(panel, exposed, weights, begin)
    return _after(no_state(book, found.factors), None, found, codes, panel, exposed.values[-1]), exposed


def followed(book: Book, before: Walk, panel: Panel) -> tuple[Walk, Exposed]:
    """Over the sessions of the panel after those of `before`; the panel reaches back as far as `reach` says."""
    at = int(np.searchsorted(panel.times, before.times[-1]))
    exposed = exposures_of(book, panel, since_ns=int(before.times[-1]))
    found, codes = _regressed(panel, exposed, _weights(panel, since_ns=int(before.times[-1])), at)
    return _after(before.state, before, found, codes, panel, exposed.values[-1]), exposed


def reach(book: Book, times: Ints, row: int) -> int:
    """The first row of the sessions from which the exposures and weights of `row` and later ones are made."""
    return min(_styles(book).begins(times, row), _capital().begins(times, row))


def exposures_of(book: Book, panel: Panel, since_ns: int | None = None) -> Exposed:
    """Styles and sectors at the end of each session, or of those from `since_ns` on.

    An instrument that trades and whose style is not known yet counts as average in it (0), one without a sector is exposed to none;
    both are named.
    """
    styles = _styles(book).compute(panel, since_ns=since_ns)
    sectors = sectors_of(book)
    names = tuple(sorted({sectors[one] for one in panel.instruments if one in sectors}))
    membership = np.array([[float(sectors.get(one) == sector) for sector in names] for one in panel.instruments])
    sessions, width = styles.values.shape[:2]
    wide = np.broadcast_to(membership.reshape(1, width, len(names)), (sessions, width, len(names)))
    trades = np.isfinite(panel.close)[len(panel.times) - sessions :]
    known = np.where(np.isnan(styles.values) & trades[:, :, None], 0.0, styles.values)
    gaps = [f"{gap.line}; counted as average where unknown" for gap in styles.gaps]
    if sectors:
        gaps += [f"{one}: no sector" for one in panel.instruments if one not in sectors]
    return Exposed((*styles.names, *names), names, np.concatenate([known, wide], axis=2), tuple(gaps))


def _styles(book: Book) -> FeatureSet:
    return feature_set(f"{book.name} risk", styles_of(book))


def _capital() -> FeatureSet:
    """Dollars traded of a session, averaged over a quarter: what stands for capital where none is known."""
    return feature_set("capital", {"value": "mean(value_traded, 63)"})


def _weights(panel: Panel, since_ns: int | None = None) -> Floats:
    """(sessions, instruments) square roots of capital, NaN where there is none."""
    average = _capital().compute(panel, since_ns=since_ns).feature("value")
    return np.sqrt(np.where(average > 0, average, np.nan))


def _regressed(panel: Panel, exposed: Exposed, weights: Floats, begin: int) -> tuple[FactorReturns, Codes]:
    """Of the sessions after row `begin` of the panel; exposures and weights end where the panel does."""
    count = len(panel.times) - begin
    weights = weights[-count:-1]
    return regressed(
        panel.returns()[begin + 1 :],
        exposed.values[-count:-1],
        weights,
        factors=exposed.factors,
        instruments=panel.instruments,
        times=panel.times[begin + 1 :],
        design=Design(market=MARKET, industries=exposed.sectors),
        capitals=weights**2,
    )


def _cascaded(book: Book, panel: Panel, exposed: Exposed) -> Walk:
    width = len(exposed.factors) - len(exposed.sectors)
    styles, members = exposed.values[:, :, :width], exposed.values[0, :, width:]
    made = cascade_of(book, panel, styles, exposed.factors[:width], members, exposed.sectors)
    return _after(no_state(book, made.returns.factors), None, made.returns, None, panel, made.exposures[-1])


def _after(state: RiskState, before: Walk | None, found: FactorReturns, codes: Codes | None, panel: Panel, exposures: Floats) -> Walk:
    """The walk with the sessions found, which are the last of the panel."""
    known = np.where(panel.known_ns == UNKNOWN_NS, 0, panel.known_ns).max(axis=1)
    count = len(found.times)
    row = len(panel.times) - count
    own = {
        "times": found.times,
        "event_ns": panel.event_ns[row:],
        "known_ns": np.maximum.accumulate(known)[row:],
        "values": found.values,
        "t_stats": found.t_stats,
    }
    if before is not None:
        own["known_ns"] = np.maximum(own["known_ns"], before.known_ns[-1])
        own = {name: np.concatenate([getattr(before, name), later]) for name, later in own.items()}
        assert before.codes is not None
        assert codes is not None
        codes = before.codes.followed_by(codes)
    if count:
        specific, r_squared = found.specific[-1], float(found.r_squared[-1])
    else:
        assert before is not None
        specific, r_squared = before.specific, before.r_squared
    gaps = found.gaps if codes is None else codes.gaps(found.instruments, found.factors, own["times"])
    return Walk(
        state.followed_by(found), own["times"], own["event_ns"], own["known_ns"], own["values"], own["t_stats"], specific, r_squared,
        exposures, gaps, codes,
    )  # fmt: skip
