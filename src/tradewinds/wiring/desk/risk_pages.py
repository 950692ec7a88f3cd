"""The risk model of a book as its nights published it, and what it says of the night's target weights.

1. Exposures, covariances and specific risk are there of each session whose night ran; factor returns of every session.
2. The return of the weights in the session after is exposures x factor returns + weights x specific returns; it judges the forecast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tradewinds.jobs.book import factors_of
from tradewinds.jobs.research_book import session_name
from tradewinds.jobs.research_risk import model_from
from tradewinds.jobs.research_tables import covariance_table, exposures_table, signals_table, specific_table
from tradewinds.risk.bias import Bias, bias
from tradewinds.risk.factor_returns import Floats
from tradewinds.risk.published import COVARIANCE, EXPOSURES, SPECIFIC
from tradewinds.wiring.desk.factor_pages import BIAS_SESSIONS_MIN, ENDS, model_of, nights_of, returns_of
from tradewinds.wiring.desk.research import book as book_named

if TYPE_CHECKING:
    from tradewinds.core.observation import Table
    from tradewinds.jobs.book import Book
    from tradewinds.risk.risk_model import RiskModel
    from tradewinds.wiring.house import House

NIGHTS_JUDGED = 252
BUCKETS = 12


@dataclass(frozen=True, slots=True)
class Part:
    """A factor in a portfolio: its exposure, its own volatility a year, and its part of the portfolio's."""

    name: str
    exposure: float
    volatility: float
    part: float


@dataclass(frozen=True, slots=True)
class Specific:
    """An instrument's specific volatility a year, its weight and its part of the portfolio's volatility."""

    instrument: str
    volatility: float
    weight: float
    part: float


@dataclass(frozen=True, slots=True)
class RiskView:
    """The risk model after a session and what it says of the target weights. Volatilities are a year's.

    correlations: (K, K). spread: (lowest, highest, instruments) of specific volatility in buckets. forecasts: (session, volatility) of the
    weights of each night; judged: forecasts that a session after them judged.
    """

    book: str
    session: str
    kind: str
    factors: tuple[str, ...]
    instruments: int
    held: int
    volatility: float
    factor_volatility: float
    specific_part: float
    parts: tuple[Part, ...]
    correlations: Floats
    specific: tuple[Specific, ...]
    spread: tuple[tuple[float, float, int], ...]
    forecasts: tuple[tuple[int, float], ...]
    judged: int
    bias: Bias | None


def risk_sessions(house: House, name: str | None) -> list[str]:
    """Sessions whose model stands in the lake, newest first."""
    chosen = book_named(house, name)
    return [session_name(at) for at in reversed(nights_of(house, covariance_table(chosen.name, factors_of(chosen))))]


def risk_view(house: House, name: str | None, session: str | None = None) -> RiskView:
    """The model after a session, the last one where none is named; raises Missing where none is published by then."""
    chosen = book_named(house, name)
    model = model_of(house, chosen, session)
    weights, _ = model.weights_of(_weights(house, chosen, model.at_ns))
    year = math.sqrt(model.periods_a_year)
    parts, specific_part = model.factor_component(weights)
    deviations = np.sqrt(np.diag(model.factor_covariance))
    own = np.sqrt(model.specific_variance) * year
    forecasts, judged = _judged(house, chosen)
    exposures = model.exposure(weights)
    factor_variance = max(float(exposures @ model.factor_covariance @ exposures), 0.0)
    return RiskView(
        chosen.name, session_name(model.at_ns), model.kind, model.factors, len(model.instruments), int(np.count_nonzero(weights)),
        model.volatility(weights), math.sqrt(factor_variance) * year, specific_part,
        tuple(
            Part(one, float(exposures[k]), float(deviations[k]) * year, float(parts[k])) for k, one in enumerate(model.factors)
        ),
        _correlations(model.factor_covariance, deviations), _specific(model, weights, own), _spread(own),
        tuple((at, deviation * year) for at, deviation in forecasts), judged.observations,
        judged if judged.observations >= BIAS_SESSIONS_MIN else None,
    )  # fmt: skip


def _judged(house: House, chosen: Book) -> tuple[list[tuple[int, float]], Bias]:
    """(session, deviation of one session) of the target weights of each night, and their bias."""
    now_ns, factors = house.clock.now_ns(), factors_of(chosen)
    nights = nights_of(house, covariance_table(chosen.name, factors))[-NIGHTS_JUDGED - 1 :]
    if not nights:
        return [], bias(np.empty(0), np.empty(0))
    since_ns = nights[0]

    def read(table: Table, *columns: str, of: list[str] | None = None) -> dict[int, pl.DataFrame]:
        wanted = ["instrument", "start_ns", "known_ns", *columns]
        rows = house.lake.read(table, as_of_ns=now_ns, start_ns=since_ns, instruments=of, columns=wanted)
        return {int(one["start_ns"][0]): one for one in rows.partition_by("start_ns")}

    weights = {at: _held(rows) for at, rows in read(signals_table(chosen.name), "weight").items()}
    held = sorted({name for given in weights.values() for name in given})
    if not held:
        return [], bias(np.empty(0), np.empty(0))
    parts = {
        EXPOSURES: read(exposures_table(chosen.name, factors), *factors, of=held),
        COVARIANCE: read(covariance_table(chosen.name, factors), *factors),
        SPECIFIC: read(specific_table(chosen.name), "specific_variance", "specific_return", of=held),
    }
    names, starts, values, _ = returns_of(house, chosen)
    found, returns, expected = [], [], []
    for at in nights:
        if at not in weights or not all(at in part for part in parts.values()):
            continue
        model = model_from(chosen, {name: part[at] for name, part in parts.items()})
        given, _ = model.weights_of(weights[at])
        deviation = model.volatility(given) / math.sqrt(model.periods_a_year)
        found.append((at, deviation))
        place = int(np.searchsorted(starts, at, side="right"))
        if place < len(starts):
            exposure = dict(zip(model.factors, model.exposure(given), strict=True))
            came = dict(zip(names, values[place], strict=True))
            returns.append(_earned(weights[at], exposure, came, parts[SPECIFIC].get(int(starts[place]))))
            expected.append(deviation)
    return found, bias(np.array(returns, np.float64), np.array(expected, np.float64))


def _earned(
    weights: Mapping[str, float], exposure: Mapping[str, float], returns: Mapping[str, float], own: pl.DataFrame | None
) -> float:  # fmt: skip
    """What the weights earned in a session, by returns of factors and instruments' own; NaN where something of it is not known."""
    known = {} if own is None else dict(own.select("instrument", "specific_return").iter_rows())
    specific = [(weight, known.get(name)) for name, weight in weights.items()]
    if any(value is None for _, value in specific):
        return math.nan
    common = sum(part * returns.get(name, math.nan) for name, part in exposure.items() if part != 0.0)
    return float(common) + sum(weight * float(value) for weight, value in specific if value is not None)


def _held(rows: pl.DataFrame) -> dict[str, float]:
    """Weights that are not zero, by instrument."""
    return {str(name): float(weight) for name, weight in rows.select("instrument", "weight").iter_rows() if weight}


def _weights(house: House, chosen: Book, at_ns: int) -> dict[str, float]:
    """Target weights that were decided after a session; empty where none were."""
    rows = house.lake.read(
        signals_table(chosen.name), as_of_ns=house.clock.now_ns(), start_ns=at_ns, end_ns=at_ns + 1, columns=["instrument", "weight"]
    )
    return _held(rows)


def _specific(model: RiskModel, weights: Floats, own: Floats) -> tuple[Specific, ...]:
    """The largest parts of the portfolio's risk that are instruments' own, then the riskiest instruments."""
    whole = model.volatility(weights)
    parts = weights**2 * own**2 / whole if whole > 0 else np.zeros(len(weights))
    order = sorted(range(len(weights)), key=lambda n: (-parts[n], -own[n], model.instruments[n]))[: 2 * ENDS]
    return tuple(Specific(model.instruments[n], float(own[n]), float(weights[n]), float(parts[n])) for n in order)


def _spread(own: Floats) -> tuple[tuple[float, float, int], ...]:
    if not len(own):
        return ()
    counts, edges = np.histogram(own, bins=min(BUCKETS, max(1, len(own))))
    return tuple((float(low), float(high), int(count)) for low, high, count in zip(edges, edges[1:], counts, strict=False))


def _correlations(covariance: Floats, deviations: Floats) -> Floats:
    scale = np.outer(deviations, deviations)
    return np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 0)
