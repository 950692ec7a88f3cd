"""Factors of a book as its nights published them, read from the lake: returns, what was forecast of them, and how good that was.

A forecast is what was published after a session, and is judged by the session after it: bias statistics count no other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tradewinds.core.errors import Missing
from tradewinds.core.instant import to_date
from tradewinds.jobs.book import factors_of
from tradewinds.jobs.research_book import day_ns, session_name
from tradewinds.jobs.research_risk import stored_model
from tradewinds.jobs.research_tables import covariance_table, factor_returns_table
from tradewinds.risk.bias import Bias, bias
from tradewinds.risk.factor_returns import Floats, Ints
from tradewinds.risk.published import factor_id
from tradewinds.wiring.desk.research import book as book_named

if TYPE_CHECKING:
    from tradewinds.core.observation import Table
    from tradewinds.jobs.book import Book
    from tradewinds.risk.risk_model import RiskModel
    from tradewinds.wiring.house import House

SESSIONS_SHOWN = 504
BIAS_SESSIONS_MIN = 20
MONTH, YEAR = 21, 252
SIGNIFICANT = 2.0
ENDS = 10  # instruments from each end


@dataclass(frozen=True, slots=True)
class FactorFacts:
    """A factor in short. last, month, year: its return over so many sessions; volatility: realised, a year; forecast: of the last night.

    significant: share of sessions whose t statistic is beyond 2. bias: None below BIAS_SESSIONS_MIN forecasts that were judged.
    """

    name: str
    last: float | None
    month: float | None
    year: float | None
    volatility: float | None
    forecast: float | None
    significant: float | None
    judged: int
    bias: Bias | None


@dataclass(frozen=True, slots=True)
class FactorView:
    """Factors of a book. starts: (T,) sessions, values: (T, K) returns, NaN where there was none.

    forecasts: name -> (session, volatility a year).
    """

    book: str
    factors: tuple[str, ...]
    starts: Ints
    values: Floats
    facts: tuple[FactorFacts, ...]
    forecasts: Mapping[str, Sequence[tuple[int, float]]]

    def growth(self, name: str) -> list[tuple[int, float | None]]:
        """(session, growth since the first one shown); a session without a return counts as none."""
        column = self.values[:, self.factors.index(name)]
        grown = np.cumprod(1.0 + np.nan_to_num(column)) - 1.0
        return [(int(at), float(value)) for at, value in zip(self.starts, grown, strict=True)]


def factor_view(house: House, name: str | None) -> FactorView:
    """Raises Rejected where there is no such book, Missing where no night measured a factor."""
    chosen = book_named(house, name)
    names, starts, values, t_stats = returns_of(house, chosen)
    forecasts = _forecasts(house, chosen, names)
    year = math.sqrt(chosen.sessions_a_year)
    facts = tuple(_facts(one, starts, values[:, k], t_stats[:, k], forecasts.get(one, []), year) for k, one in enumerate(names))
    cut = slice(-SESSIONS_SHOWN, None)
    told = {one: [(at, deviation * year) for at, deviation in found] for one, found in forecasts.items()}
    return FactorView(chosen.name, names, starts[cut], values[cut], facts, told)


def exposed(house: House, name: str | None, factor: str) -> tuple[str, list[tuple[str, float]]]:
    """(session, the instruments most and least exposed to a factor by the last night)."""
    chosen = book_named(house, name)
    model = model_of(house, chosen, None)
    if factor not in model.factors:
        raise Missing(f"factor {factor[:60]!r} of {chosen.name}: not in its model, expected one of {', '.join(model.factors)}")
    column = model.exposures[:, model.factors.index(factor)]
    order = np.argsort(-column, kind="stable")
    chosen_ones = order if len(order) <= 2 * ENDS else np.concatenate([order[:ENDS], order[-ENDS:]])
    return session_name(model.at_ns), [(model.instruments[n], float(column[n])) for n in chosen_ones]


def model_of(house: House, chosen: Book, session: str | None) -> RiskModel:
    """The last model published by a session's day."""
    if session is not None:
        day_ns(session)
    return stored_model(house.context("console", ""), chosen, session or to_date(house.clock.now_ns()).isoformat())


def returns_of(house: House, chosen: Book) -> tuple[tuple[str, ...], Ints, Floats, Floats]:
    """(names, starts (T,), values (T, K), t statistics (T, K)) of the factors that the book has now."""
    rows = house.lake.read(
        factor_returns_table(chosen.name), as_of_ns=house.clock.now_ns(), columns=["instrument", "start_ns", "value", "t_statistic"]
    )
    ids = set(rows["instrument"].unique())
    names = tuple(one for one in factors_of(chosen) if factor_id(one) in ids)
    if not names:
        raise Missing(f"factor returns of {chosen.name}: none are published, expected a night of its risk model")
    starts = rows["start_ns"].unique().sort()
    wide = [_column(rows, factor_id(one), starts) for one in names]
    return names, starts.to_numpy(), np.column_stack([one[0] for one in wide]), np.column_stack([one[1] for one in wide])


def _column(rows: pl.DataFrame, factor: str, starts: pl.Series) -> tuple[Floats, Floats]:
    mine = pl.DataFrame({"start_ns": starts}).join(rows.filter(pl.col("instrument") == factor), on="start_ns", how="left").sort("start_ns")
    return _floats(mine["value"]), _floats(mine["t_statistic"])


def _forecasts(house: House, chosen: Book, names: Sequence[str]) -> dict[str, list[tuple[int, float]]]:
    """factor -> (session, deviation of one session) as each night published it."""
    table = covariance_table(chosen.name, factors_of(chosen))
    rows = house.lake.read(table, as_of_ns=house.clock.now_ns(), columns=["instrument", "start_ns", *names]).sort("start_ns")
    found = {}
    for one in names:
        mine = rows.filter((pl.col("instrument") == factor_id(one)) & pl.col(one).is_not_null()).select("start_ns", one)
        found[one] = [(int(at), math.sqrt(max(float(value), 0.0))) for at, value in mine.iter_rows()]
    return found


def _facts(
    name: str, starts: Ints, values: Floats, t_stats: Floats, forecasts: Sequence[tuple[int, float]], year: float
) -> FactorFacts:  # fmt: skip
    known, told = values[np.isfinite(values)][-SESSIONS_SHOWN:], t_stats[np.isfinite(t_stats)]
    judged = _bias(name, starts, values, forecasts)
    volatility = float(known.std(ddof=1)) * year if len(known) > 1 else None
    return FactorFacts(
        name, _compounded(values, 1), _compounded(values, MONTH), _compounded(values, YEAR), volatility,
        forecasts[-1][1] * year if forecasts else None, float((np.abs(told) > SIGNIFICANT).mean()) if len(told) else None,
        judged.observations, judged if judged.observations >= BIAS_SESSIONS_MIN else None,
    )  # fmt: skip


def _bias(name: str, starts: Ints, values: Floats, forecasts: Sequence[tuple[int, float]]) -> Bias:
    """Each forecast beside the return of the session after it."""
    after = [int(np.searchsorted(starts, at, side="right")) for at, _ in forecasts]
    pairs = [(values[place], forecast) for place, (_, forecast) in zip(after, forecasts, strict=True) if place < len(starts)]
    returns, expected = (np.array([one[side] for one in pairs], np.float64) for side in (0, 1))
    return bias(returns, expected, name)


def nights_of(house: House, table: Table) -> list[int]:
    """Where the sessions start whose night published something, oldest first."""
    rows = house.lake.read(table, as_of_ns=house.clock.now_ns(), columns=["start_ns"])
    return [int(one) for one in rows["start_ns"].unique().sort()]


def _compounded(values: Floats, sessions: int) -> float | None:
    part = values[-sessions:]
    known = part[np.isfinite(part)]
    return float(np.prod(1.0 + known) - 1.0) if len(known) else None


def _floats(column: pl.Series) -> Floats:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
