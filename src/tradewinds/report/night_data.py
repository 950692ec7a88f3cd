"""What a night's page is drawn from: plain values and arrays, filled by whoever ran the night. Each part may be `Absent`, with a reason.

Fractions are fractions (0.01 is 1 %), returns and volatilities per session unless named otherwise, money in `Night.currency`. T: times,
oldest first; K: factors; N: instruments. NaN: not known. Names may hold anything: the page escapes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Absent:
    """A part that could not be made tonight; why: in words, without an end mark."""

    why: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that could not be done tonight. part: of the night ("risk model", "predictions", an instrument); why: in words."""

    part: str
    why: str


@dataclass(frozen=True, slots=True)
class TableHealth:
    """A table of data on its sessions up to tonight. latest_ns: of its newest row; held: sessions whose publication is held back.

    gaps: cells or rows that are missing, after all that was backfilled; late: of vendors or instruments that have not arrived.
    """

    table: str
    sessions_expected: int
    sessions_present: int
    latest_ns: int | None
    held: int = 0
    gaps: int = 0
    late: tuple[str, ...] = ()
    note: str = ""

    @property
    def is_whole(self) -> bool:
        return self.sessions_present >= self.sessions_expected and not (self.held or self.gaps or self.late)


@dataclass(frozen=True, slots=True)
class Finding:
    """What checks of the data found: how often, and one example in words."""

    kind: str
    count: int
    example: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """State of the data that the night read."""

    tables: tuple[TableHealth, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One instrument that entered, left or changed. kind: "entered", "left", "renamed", "split", ...; why: in words."""

    instrument: str
    kind: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Universe:
    """Whom the night is about. count: instruments now; count_before: last session."""

    count: int
    count_before: int | None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FactorNight:
    """Returns of factors. times_ns: (T,) ends of sessions, the last is tonight's; values: (T, K); r_squared: (T,) of the regressions."""

    factors: tuple[str, ...]
    times_ns: Ints
    values: Floats
    r_squared: Floats | None = None

    def __post_init__(self) -> None:
        _shaped("factor returns", self.values, (len(self.times_ns), len(self.factors)))
        if self.r_squared is not None:
            _shaped("r_squared", self.r_squared, (len(self.times_ns),))


@dataclass(frozen=True, slots=True)
class Stress:
    """A scenario and what the portfolio would gain (a loss is negative), as a fraction of capital."""

    scenario: str
    change: float
    words: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """A position: weight; its part of the portfolio's volatility, a fraction of it; days to exit, None where not known."""

    instrument: str
    weight: float
    risk_share: float | None = None
    days_to_exit: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RiskNight:
    """Risk of the portfolio as it stands.

    volatility, factor_volatility, specific_volatility: per session; their squares add up. exposures: (K,) of the portfolio;
    contributions: (K,) parts of `volatility` by factor, `specific_contribution` the rest: they add up to it.
    value_at_risk, expected_shortfall: fractions of capital, as positive losses, at `level` (0.95) over `horizon` sessions.
    effective_positions: 1 / sum of squared shares; liquid_share: (days, fraction of the portfolio that could be sold by then).
    """

    volatility: float
    factor_volatility: float
    specific_volatility: float
    factors: tuple[str, ...]
    exposures: Floats
    contributions: Floats
    specific_contribution: float
    value_at_risk: float | None = None
    expected_shortfall: float | None = None
    level: float = 0.95
    horizon: int = 1
    method: str = ""
    tracking_error: float | None = None
    gross: float | None = None
    net: float | None = None
    effective_positions: float | None = None
    holdings: tuple[Holding, ...] = ()
    stresses: tuple[Stress, ...] = ()
    liquid_share: tuple[tuple[float, float], ...] = ()
    participation: float | None = None

    def __post_init__(self) -> None:
        _shaped("exposures", self.exposures, (len(self.factors),))
        _shaped("contributions", self.contributions, (len(self.factors),))


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """Where the profit of a period came from, in money: by cause and, as another cut of the same total, by instrument.

    factors: (K,), specific, costs (a cost is negative) and other add up to total; by_instrument: (N,), net of costs, does too.
    """

    period: str
    total: float
    factors: tuple[str, ...]
    by_factor: Floats
    specific: float
    costs: float
    other: float = 0.0
    instruments: tuple[str, ...] = ()
    by_instrument: Floats | None = None

    def __post_init__(self) -> None:
        _shaped("by_factor", self.by_factor, (len(self.factors),))
        if self.by_instrument is not None:
            _shaped("by_instrument", self.by_instrument, (len(self.instruments),))

    @property
    def left_over(self) -> float:
        """Total less its causes: zero where they sum exactly."""
        return self.total - (float(self.by_factor.sum()) + self.specific + self.costs + self.other)


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a feature, or the predictions, moved from training. measure: "psi", "ks"; limit: from which it is told."""

    name: str
    measure: str
    value: float
    limit: float

    @property
    def is_beyond(self) -> bool:
        return self.value > self.limit


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One version of a model. ic: (T,) out-of-sample rank correlation of each session; scores: (name, value) such as a mean IC."""

    alias: str
    version: str
    sha256: str
    times_ns: Ints
    ic: Floats
    trained_ns: int | None = None
    scores: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        _shaped(f"ic of {self.alias}", self.ic, self.times_ns.shape)


@dataclass(frozen=True, slots=True)
class ModelNight:
    """A model tonight: its champion, its challenger, what is said of them, drift."""

    name: str
    champion: Scored | Absent
    challenger: Scored | Absent | None = None
    verdict: str = ""
    drift: tuple[Drift, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SignalNight:
    """Scores of a strategy tonight, (N,), NaN where it has no view; sources: (model or feature, weight in the combination)."""

    strategy: str
    instruments: tuple[str, ...]
    scores: Floats
    sources: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        _shaped(f"scores of {self.strategy}", self.scores, (len(self.instruments),))


@dataclass(frozen=True, slots=True)
class PlannedTrade:
    """What is to be traded next session. weight_from, weight_to: of capital; value: signed money; cost: money; reason: in words."""

    instrument: str
    weight_from: float
    weight_to: float
    value: float | None = None
    cost: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TradeNight:
    """The plan of a strategy for the next session: how its target came about, and the trades that lead there.

    rung, rungs: where on the ladder the construction stands (1 as asked), and its length; why: in words. broken: limits that do not hold.
    left: instruments whose trade was left out as too small.
    """

    strategy: str
    rung: int
    rungs: int
    why: str
    trades: tuple[PlannedTrade, ...]
    turnover: float
    cost: float | None = None
    cash: float | None = None
    method: str = ""
    broken: tuple[str, ...] = ()
    binding: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left: int = 0


@dataclass(frozen=True, slots=True)
class Night:
    """One night.

    session: its date as text; at_ns: what the page was made for; as_of_ns: up to when data was known; hashes: (what, SHA-256) of all that
    it was made from: data, features, risk model, models.
    """

    title: str
    session: str
    at_ns: int
    as_of_ns: int
    currency: str
    periods_a_year: float
    health: Health | Absent
    universe: Universe | Absent
    factor_returns: FactorNight | Absent
    risk: RiskNight | Absent
    attribution: Attribution | Absent
    models: tuple[ModelNight, ...] | Absent
    signals: tuple[SignalNight, ...] | Absent
    trades: tuple[TradeNight, ...] | Absent
    gaps: tuple[Gap, ...] = ()
    code_version: str = ""
    hashes: tuple[tuple[str, str], ...] = ()


def _shaped(name: str, values: NDArray[np.generic], shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise Rejected(f"page of a night: {name} has shape {values.shape}, expected {shape}")
