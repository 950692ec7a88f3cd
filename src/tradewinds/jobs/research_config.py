"""What the user wrote about research: `research:` in `tradewinds.yaml`, and one file for each model in `models/`. Plain frozen data.

Expressions of features, such as `zscore(winsorise(momentum(252, 21)))`, are read by `factors.expression` when they are computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Literal

# Read by pydantic when the file is checked: a key that is not a field is refused.
_STRICT: Any = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FactConfig:
    """A column of another dataset, joined by when it became known. `subjects`: instrument -> whose rows, itself where it is not named."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    dataset: str
    column: str
    subjects: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    age_days_max: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskModelConfig:
    """The portfolio risk model of a book of research. `styles`: factor -> expression. `sectors`: a CSV file `instrument,sector`.

    Half-lives and lags in sessions.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    kind: Literal["cross_section", "cascade"] = "cross_section"
    styles: Mapping[str, str] = field(default_factory=dict)
    sectors: str | None = None
    volatility_half_life: float = 42.0
    correlation_half_life: float = 200.0
    specific_half_life: float = 42.0
    newey_west_lags: int = 2
    sessions: int = 504


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioConfig:
    """How scores become target weights. Fractions of capital; `factor_max`: factor -> largest absolute exposure.

    information_coefficient: how well scores foretell, for the expected return; capital in the currency of the instruments.

    A problem that has no solution falls back by the ladder of `portfolio.construct` and says so.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    method: Literal["mean_variance", "minimum_variance", "maximum_sharpe", "risk_parity", "hierarchical_risk_parity", "equal_weight"] = (
        "mean_variance"
    )
    capital: float = 100_000.0
    is_long_only: bool = True
    weight_max: float = 0.10
    gross_max: float = 1.0
    invested_min: float = 0.0
    information_coefficient: float = 0.03
    turnover_max: float | None = None
    factor_max: Mapping[str, float] = field(default_factory=dict)
    risk_aversion: float = 5.0
    cost_bp: float = 5.0
    trade_min: float = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenerConfig:
    """A query over the latest features, prices and facts. `where`: conditions that all must hold; `rank`: an expression, highest first.

    Its candidates are rows that wait for a person, for `expires_hours`. `sheet`: key of a Google Sheet that shows them too.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    where: tuple[str, ...] = ()
    rank: str | None = None
    top: int = 10
    schedule: str | None = None
    expires_hours: float = 72.0
    sheet: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResearchConfig:
    """One book of research: which instruments, which features, which risk model, and what is made of the scores.

    `bars`: the published table that a night follows. `instruments` empty: those of the equities market `market`.
    `signals`: model or feature -> weight in the signal; empty: all models of the book, equally. `decision_hours`: after a session's end,
    when its features are taken: what becomes known later is not there yet.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    calendar: str
    since: date
    market: str | None = None
    instruments: tuple[str, ...] = ()
    bars: str = "bars-1d"
    features: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, FactConfig] = field(default_factory=dict)
    risk: RiskModelConfig = RiskModelConfig()
    decision_hours: float = 6.0
    signals: Mapping[str, float] = field(default_factory=dict)
    portfolio: PortfolioConfig = PortfolioConfig()
    screeners: Mapping[str, ScreenerConfig] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelConfig:
    """What a model is to foretell, strictly after the decision. `horizon` in sessions; barriers in units of volatility."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    kind: Literal["forward_return", "triple_barrier"] = "forward_return"
    horizon: int = 5
    profit: float = 2.0
    stop: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerConfig:
    """ridge, lightgbm, or the dotted name of a scikit-learn estimator; `params` are its own."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    kind: str = "ridge"
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionConfig:
    """When a challenger may take the champion's place: better out of sample by `margin`, on at least so many sessions, and by more than a
    chance of `level` explains; a person agrees. metric: ic, or portfolio for the return of the highest fifth less the lowest.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    metric: Literal["ic", "portfolio"] = "ic"
    margin: float = 0.0
    sessions_min: int = 60
    level: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Where models are fitted: `worker`, in the process of the job, or `ray`, on a cluster of Ray.

    address: of a running cluster, such as `auto` or `ray://head:10001`; None starts one on this machine's loopback
    for as long as the task takes.
    workers: fits at once; None: as many as there are cores, here or in the cluster.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    kind: Literal["worker", "ray"] = "worker"
    address: str | None = None
    workers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """`models/<name>.yaml`: one model, which becomes one DAG `train_<name>`. `features` empty: all of the book's. Lengths in sessions.

    `engine` None: that of `tradewinds.yaml`.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    research: str
    label: LabelConfig = LabelConfig()
    learner: LearnerConfig = LearnerConfig()
    features: tuple[str, ...] = ()
    schedule: str = "0 6 * * 6"
    window: Literal["rolling", "expanding"] = "rolling"
    train_sessions: int = 504
    test_sessions: int = 63
    folds_max: int = 20
    embargo_sessions: int = 5
    promotion: PromotionConfig = PromotionConfig()
    engine: EngineConfig | None = None
