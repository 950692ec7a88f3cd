"""Scores become target weights: the models' answers and chosen features, one score an instrument, one portfolio a book.

1. Each source is made comparable across instruments (mean 0, deviation 1) and weighted; what no source knows has no view.
2. Expected return of a session = information coefficient x volatility x score (`portfolio.signal`).
3. `portfolio.construct` answers weights and the rung of its ladder; without a risk model the weights of the session before are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.factors.features import Features
from tradewinds.jobs.book import Book
from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.research_book import behind, day_ns, last_session_ns, publish, session_name
from tradewinds.jobs.research_features import stored_features
from tradewinds.jobs.research_night import Ended, run_step
from tradewinds.jobs.research_risk import stored_model
from tradewinds.jobs.research_tables import predictions_table, signals_table
from tradewinds.portfolio.construct import construct
from tradewinds.portfolio.costs import flat_costs
from tradewinds.portfolio.problem import Between, FactorRisk, Limits, Method, Problem
from tradewinds.portfolio.rebalance import rebalance
from tradewinds.portfolio.signal import combined, expected_returns, zscores
from tradewinds.portfolio.solution import Solution
from tradewinds.report.night_parts import trade_night
from tradewinds.risk.risk_model import RiskModel

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """(N,) of the instruments, NaN where nobody has a view; sources: name -> weight of those that answered."""

    session: Features
    values: Floats
    sources: Mapping[str, float]
    gaps: tuple[str, ...]


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Combine the scores of the partition's session and publish score and target weight of each instrument."""
    return run_step(context, partition, params, step="signals", work=decide)


def decide(context: Context, book: Book, partition: str) -> Ended:
    scores = scores_of(context, book, partition)
    model = stored_model(context, book, partition)
    at_ns = int(scores.session.times[-1])
    gaps = [*behind(book, partition, at_ns, "scores are"), *scores.gaps]
    if model.at_ns != at_ns:
        gaps.append(f"risk model of {session_name(model.at_ns)}, expected of {session_name(at_ns)}: the older one is used")
    before = weights_before(context, book, scores.session.instruments, at_ns)
    problem = problem_of(book, scores, model, before)
    solution = construct(problem)
    gaps += [*solution.notes, *([solution.why] if solution.rung > 1 else [])]
    terms = book.config.portfolio
    place = [scores.session.instruments.index(name) for name in model.instruments]
    plan = rebalance(problem, solution, terms.capital, minimum_value=terms.trade_min * terms.capital, scores=scores.values[place])
    new, restated = publish(context, signals_table(book.name), _rows(scores, model, before, plan.weights, solution))
    return Ended(
        rows_in=int(np.isfinite(scores.values).sum()),
        rows_new=new,
        rows_restated=restated,
        gaps=gaps,
        detail={
            "session": session_name(at_ns),
            "sources": dict(sorted(scores.sources.items())),
            **_rounded(asdict(trade_night(book.name, problem, solution, plan))),
        },
    )


def scores_of(context: Context, book: Book, partition: str) -> Scores:
    """The weighted sum of the book's sources in the last session by the partition's day. Raises Missing where none has a view."""
    end_ns = day_ns(partition) + NS_PER_DAY
    session = stored_features(context, book, start_ns=end_ns - 10 * NS_PER_DAY, end_ns=end_ns)
    at_ns = int(session.times[-1])
    foretold = context.lake.read(predictions_table(book.name), as_of_ns=context.clock.now_ns(), start_ns=at_ns, end_ns=at_ns + 1)
    wanted = book.config.signals or dict.fromkeys(sorted(foretold["model"].unique()), 1.0)
    used: dict[str, float] = {}
    rows, gaps = [], []
    for name, share in wanted.items():
        values = _source(name, session, foretold)
        if values is None or not np.isfinite(values).any():
            gaps.append(f"{name}: no score in session {session_name(at_ns)}; the signal goes without it")
            continue
        rows.append(zscores(values, most=np.inf))
        used[name] = share
    if not used:
        raise Missing(f"research {book.name}: no score in session {session_name(at_ns)}, expected one of {', '.join(wanted) or 'a model'}")
    return Scores(session, combined(np.array(rows), np.array(list(used.values()))), used, tuple(gaps))


def problem_of(book: Book, scores: Scores, model: RiskModel, before: Floats) -> Problem:
    """The construction of the instruments that the risk model holds."""
    terms = book.config.portfolio
    place = [scores.session.instruments.index(name) for name in model.instruments]
    width = len(place)
    risk = FactorRisk(model.exposures, model.factor_covariance, model.specific_variance)
    expected = expected_returns(scores.values[place], np.sqrt(risk.variances()), terms.information_coefficient)
    unknown = sorted(set(terms.factor_max) - set(model.factors))
    if unknown:
        raise Rejected(f"research {book.name}: factor_max of {unknown}, expected factors among {', '.join(model.factors)}")
    bound = np.full(width, terms.weight_max)
    low = np.zeros(width) if terms.is_long_only else -bound
    limits = Limits(
        low,
        bound,
        gross_max=terms.gross_max,
        invested_min=min(terms.invested_min, terms.weight_max * width) if terms.is_long_only else -terms.gross_max,
        invested_max=terms.gross_max,
        turnover_max=terms.turnover_max if np.any(before != 0.0) else None,
        factors=tuple(Between(name, -most, most) for name, most in terms.factor_max.items()),
    )
    return Problem(
        model.instruments,
        model.factors,
        risk,
        limits,
        method=Method(terms.method),
        expected_return=expected,
        today=before[place],
        costs=flat_costs(width, terms.cost_bp),
        risk_aversion=terms.risk_aversion,
    )


def targets_before(context: Context, book: Book, before_ns: int) -> pl.DataFrame:
    """What was decided for the last session that starts before an instant. Raises Missing where there is none."""
    table = signals_table(book.name)
    last_ns = last_session_ns(context, table, before_ns)
    if last_ns is None:
        raise Missing("no target weights of a session before, expected signals to have been made")
    return context.lake.read(table, as_of_ns=context.clock.now_ns(), start_ns=last_ns, end_ns=last_ns + 1)


def weights_before(context: Context, book: Book, instruments: tuple[str, ...], at_ns: int) -> Floats:
    """(N,) target weights of the session before, zeros where there was none."""
    try:
        rows = targets_before(context, book, at_ns)
    except Missing:
        return np.zeros(len(instruments))
    held = dict(zip(rows["instrument"], rows["weight"], strict=True))
    return np.array([held.get(name) or 0.0 for name in instruments])


def _source(name: str, session: Features, foretold: pl.DataFrame) -> Floats | None:
    """(N,) of a model's answers or of a feature; None where there is neither."""
    rows = foretold.filter(pl.col("model") == name)
    if not rows.is_empty():
        answers = dict(zip(rows["instrument"], rows["score"], strict=True))
        return np.array([np.nan if answers.get(one) is None else answers[one] for one in session.instruments], np.float64)
    return session.values[-1, :, session.names.index(name)] if name in session.names else None


def _rounded(told: Any) -> Any:
    """Plain words and numbers of a plan; what is below a billionth is noise of the solver."""
    if isinstance(told, dict):
        return {name: _rounded(value) for name, value in told.items()}
    if isinstance(told, list | tuple):
        return [_rounded(value) for value in told]
    return round(told, 9) if isinstance(told, float) else told


def _rows(scores: Scores, model: RiskModel, before: Floats, after: Floats, solution: Solution) -> pl.DataFrame:
    session = scores.session
    weights = dict(zip(model.instruments, after.tolist(), strict=True))
    count = len(session.instruments)
    known_ns = max(model.known_ns, int(session.known_ns[-1][session.known_ns[-1] < np.iinfo(np.int64).max].max(initial=0)))
    return pl.DataFrame(
        {
            "instrument": list(session.instruments),
            "start_ns": [int(session.times[-1])] * count,
            "event_ns": [int(session.event_ns[-1])] * count,
            "known_ns": [known_ns] * count,
            "score": scores.values,
            "weight": [round(weights.get(name, 0.0), 9) + 0.0 for name in session.instruments],
            "weight_before": before,
            "rung": [solution.rung.name.lower()] * count,
        }
    ).with_columns(pl.col("score").fill_nan(None))
