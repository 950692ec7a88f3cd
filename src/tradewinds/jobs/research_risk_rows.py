"""A night's risk model as rows of the lake, and as frames for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds.history.panel import UNKNOWN_NS, Panel
from tradewinds.jobs.research_book import session_name
from tradewinds.risk.factor_returns import FactorReturns
from tradewinds.risk.risk_model import RiskModel

Floats = NDArray[np.float64]


def factor_id(factor: str) -> str:
    """The instrument id of a factor's rows."""
    return f"{factor.upper().replace(' ', '_')}.RISK"


def returns_rows(found: FactorReturns, panel: Panel, since: int) -> pl.DataFrame:
    rows = slice(since, None)
    count = len(found.times[rows])
    known = _known_by_session(panel)[-len(found.times) :][rows]
    return pl.concat(
        pl.DataFrame(
            {
                "instrument": [factor_id(factor)] * count,
                "start_ns": found.times[rows],
                "event_ns": panel.event_ns[-len(found.times) :][rows],
                "known_ns": known,
                "value": found.values[rows, column],
                "t_statistic": found.t_stats[rows, column],
            }
        ).with_columns(pl.col("value", "t_statistic").fill_nan(None))
        for column, factor in enumerate(found.factors)
    )


def _known_by_session(panel: Panel) -> NDArray[np.int64]:
    """When the last cell of a session, or of one before it, was known."""
    known = np.where(panel.known_ns == UNKNOWN_NS, 0, panel.known_ns).max(axis=1)
    return np.maximum.accumulate(known)


@dataclass(frozen=True, slots=True)
class SessionRows:
    """The rows of the model's session. A factor that the model could not have is a null in its columns."""

    factors: tuple[str, ...]
    model: RiskModel
    panel: Panel

    def exposures(self) -> pl.DataFrame:
        return self._wide(self.model.instruments, self.model.exposures)

    def covariance(self) -> pl.DataFrame:
        return self._wide([factor_id(name) for name in self.model.factors], self.model.factor_covariance)

    def specific(self, found: FactorReturns) -> pl.DataFrame:
        place = [found.instruments.index(name) for name in self.model.instruments]
        columns = {"specific_return": found.specific[-1][place], "specific_variance": self.model.specific_variance}
        return self._rows(self.model.instruments, columns)

    def _wide(self, names: Sequence[str], values: Floats) -> pl.DataFrame:
        nothing = np.full(len(names), np.nan)
        place = {name: k for k, name in enumerate(self.model.factors)}
        return self._rows(names, {name: values[:, place[name]] if name in place else nothing for name in self.factors})

    def _rows(self, names: Sequence[str], columns: Mapping[str, Floats]) -> pl.DataFrame:
        row = len(self.panel.times) - 1
        return pl.DataFrame(
            {
                "instrument": list(names),
                "start_ns": [int(self.panel.times[row])] * len(names),
                "event_ns": [int(self.panel.event_ns[row])] * len(names),
                "known_ns": [self.model.known_ns] * len(names),
                **{name: np.ascontiguousarray(values) for name, values in columns.items()},
            }
        ).with_columns(pl.col(*columns).fill_nan(None))


def frames_of(found: FactorReturns, model: RiskModel) -> dict[str, pl.DataFrame]:
    """The model and all factor returns as frames for people; a factor that the model could not have is in the returns alone."""
    place = [found.instruments.index(name) for name in model.instruments]
    own = {"specific_variance": model.specific_variance, "specific_return": found.specific[-1][place]}
    count = len(found.times)
    days = [session_name(int(time)) for time in found.times]
    returns = {"factor": list(found.factors) * count, "value": found.values.ravel(), "t_statistic": found.t_stats.ravel()}
    factors = {name: np.ascontiguousarray(model.exposures[:, k]) for k, name in enumerate(model.factors)}
    common = {name: np.ascontiguousarray(model.factor_covariance[:, k]) for k, name in enumerate(model.factors)}
    return {
        "exposures": pl.DataFrame({"instrument": model.instruments, **factors}),
        "covariance": pl.DataFrame({"factor": model.factors, **common}),
        "specific": pl.DataFrame({"instrument": model.instruments, **own}),
        "factor_returns": pl.DataFrame({"session": np.repeat(np.array(days, dtype=object), len(found.factors)).tolist(), **returns}),
    }
