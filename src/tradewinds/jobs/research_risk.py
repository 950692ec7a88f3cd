"""The risk model of a book after each session: exposures, factor returns, covariance of factors, specific risk.

1. Styles are features of the panel, sectors columns of ones and zeros, and every instrument is exposed to the market.
2. A session's returns are explained by the exposures of the session before (`risk.cross_section`), or, for the kind `cascade`, first by
   those of its sector and then by styles, over a window of sessions (`risk.cascade`).
3. `RiskState` walks the sessions; the model after the last one is what the night publishes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds import __version__
from tradewinds.core.errors import DataFault, Missing
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.core.observation import Table
from tradewinds.factors.features import feature_set
from tradewinds.history.panel import UNKNOWN_NS, Panel
from tradewinds.jobs.book import MARKET, Book, factors_of, sectors_of, styles_of
from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.research_book import SESSIONS_REVISITED, bars_panel, day_ns, last_session_ns, publish, session_name
from tradewinds.jobs.research_cascade import cascade_of
from tradewinds.jobs.research_night import Ended, run_step
from tradewinds.jobs.research_risk_rows import SessionRows, factor_id, frames_of, returns_rows
from tradewinds.jobs.research_tables import covariance_table, exposures_table, factor_returns_table, specific_table
from tradewinds.risk.covariance import CovarianceSettings
from tradewinds.risk.cross_section import Design, cross_sectional
from tradewinds.risk.factor_returns import FactorReturns
from tradewinds.risk.gap import Gap
from tradewinds.risk.night import no_risk_state
from tradewinds.risk.risk_model import RiskModel
from tradewinds.risk.specific import SpecificSettings

Floats = NDArray[np.float64]

KINDS = {"cross_section": "cross_sectional", "cascade": "cascaded"}
_SESSION = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True, eq=False)
class Exposed:
    """What every instrument is exposed to at each session's end: values (times, instruments, factors), without the market."""

    factors: tuple[str, ...]
    sectors: tuple[str, ...]
    values: Floats
    gaps: tuple[str, ...]


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Estimate and publish the book's risk model as of the partition's day."""
    return run_step(context, partition, params, step="risk_model", work=estimate)


def estimate(context: Context, book: Book, partition: str) -> Ended:
    panel = bars_panel(context, book, partition)
    exposed = exposures_of(book, panel)
    found, model = model_of(book, panel, exposed)
    rows_new = rows_restated = 0
    for new, restated in _published(context, book, panel, found, model):
        rows_new, rows_restated = rows_new + new, rows_restated + restated
    files = {} if context.publish_files is None else {"files": _as_files(context, book, found, model)}
    return Ended(
        rows_in=int(np.isfinite(panel.close).sum()),
        rows_new=rows_new,
        rows_restated=rows_restated,
        gaps=[*exposed.gaps, *_told((*found.gaps, *model.gaps))],
        detail={
            "session": session_name(model.at_ns),
            "factors": len(model.factors),
            "instruments": len(model.instruments),
            "r_squared": _rounded(found.r_squared[-1]),
            **files,
        },
    )


def _told(gaps: Sequence[Gap]) -> list[str]:
    """A line a gap; sessions that lack the same are one line."""
    sessions: dict[str, list[str]] = {}
    lines = []
    for gap in gaps:
        if _SESSION.fullmatch(gap.subject):
            sessions.setdefault(gap.reason, []).append(gap.subject)
        else:
            lines.append(f"{gap.subject}: {gap.reason}")
    for reason, days in sessions.items():
        lines.append(f"{days[0]}: {reason}" if len(days) == 1 else f"{len(days)} sessions from {days[0]} to {days[-1]}: {reason}")
    return lines


def exposures_of(book: Book, panel: Panel) -> Exposed:
    """Styles and sectors at each session's end.

    An instrument that trades and whose style is not known yet counts as average in it (0), one without a sector is exposed to none;
    both are named.
    """
    styles = feature_set(f"{book.name} risk", styles_of(book)).compute(panel)
    sectors = sectors_of(book)
    names = tuple(sorted({sectors[one] for one in panel.instruments if one in sectors}))
    membership = np.array([[float(sectors.get(one) == sector) for sector in names] for one in panel.instruments])
    wide = np.broadcast_to(membership.reshape(1, len(panel.instruments), len(names)), (*panel.shape, len(names)))
    known = np.where(np.isnan(styles.values) & np.isfinite(panel.close)[:, :, None], 0.0, styles.values)
    gaps = [f"{gap.line}; counted as average where unknown" for gap in styles.gaps]
    if sectors:
        gaps += [f"{one}: no sector" for one in panel.instruments if one not in sectors]
    return Exposed((*styles.names, *names), names, np.concatenate([known, wide], axis=2), tuple(gaps))


def model_of(book: Book, panel: Panel, exposed: Exposed) -> tuple[FactorReturns, RiskModel]:
    """Factor returns of every session after the first with weights, and the model after the last. Raises Missing for a single session."""
    if len(panel.times) < 2:
        raise Missing(f"research {book.name}: {len(panel.times)} session, expected at least 2 for a return")
    terms = book.config.risk
    found, last = _explained(book, panel, exposed)
    state = no_risk_state(
        found.factors,
        found.instruments,
        CovarianceSettings(
            half_life_volatility=terms.volatility_half_life,
            half_life_correlation=terms.correlation_half_life,
            lags_volatility=terms.newey_west_lags,
            lags_correlation=terms.newey_west_lags,
        ),
        SpecificSettings(half_life=terms.specific_half_life, lags=terms.newey_west_lags),
    ).followed_by(found)
    known = panel.known_ns[panel.known_ns != UNKNOWN_NS]
    model = state.model(last, known_ns=int(known.max()), kind=KINDS[terms.kind], periods_a_year=book.sessions_a_year)
    if not model.instruments:
        raise DataFault(f"research {book.name}: no instrument is in the risk model, expected some with all exposures")
    return found, model


def _explained(book: Book, panel: Panel, exposed: Exposed) -> tuple[FactorReturns, Floats]:
    """Factor returns, and the exposures (instruments, factors) after the last session."""
    if book.config.risk.kind == "cascade":
        width = len(exposed.factors) - len(exposed.sectors)
        styles, members = exposed.values[:, :, :width], exposed.values[0, :, width:]
        made = cascade_of(book, panel, styles, exposed.factors[:width], members, exposed.sectors)
        return made.returns, made.exposures[-1]
    weights = np.sqrt(_value_traded(panel))
    # sessions before anybody has a weight explain nothing
    begin = min(int(np.argmax(np.isfinite(weights).any(axis=1))), len(weights) - 2)
    found = cross_sectional(
        panel.returns()[begin + 1 :],
        exposed.values[begin:-1],
        weights[begin:-1],
        factors=exposed.factors,
        instruments=panel.instruments,
        times=panel.times[begin + 1 :],
        design=Design(market=MARKET, industries=exposed.sectors),
        capitals=weights[begin:-1] ** 2,
    )
    return found, exposed.values[-1]


def _value_traded(panel: Panel) -> Floats:
    """(times, instruments) dollars traded of a session, averaged over a quarter: what stands for capital where none is known."""
    average = feature_set("capital", {"value": "mean(value_traded, 63)"}).compute(panel).feature("value")
    return np.where(average > 0, average, np.nan)


def _published(context: Context, book: Book, panel: Panel, found: FactorReturns, model: RiskModel) -> list[tuple[int, int]]:
    name = book.name
    last_ns = last_session_ns(context, factor_returns_table(name))
    since = 0 if last_ns is None else max(0, int(np.searchsorted(found.times, last_ns)) - SESSIONS_REVISITED)
    session = SessionRows(found.factors, model, panel)
    return [
        publish(context, factor_returns_table(name), returns_rows(found, panel, since)),
        publish(context, exposures_table(name, found.factors), session.exposures()),
        publish(context, covariance_table(name, found.factors), session.covariance()),
        publish(context, specific_table(name), session.specific(found)),
    ]


def _as_files(context: Context, book: Book, found: FactorReturns, model: RiskModel) -> str:
    """Keep the model and all factor returns as a version of files for people; which one."""
    assert context.publish_files is not None
    about = {"at_ns": model.at_ns, "known_ns": model.known_ns, "kind": model.kind, "periods_a_year": model.periods_a_year}
    frames = frames_of(found, model)
    return context.publish_files(book.name, session_name(model.at_ns), frames, {**about, "code": __version__})


def stored_model(context: Context, book: Book, partition: str) -> RiskModel:
    """The last model published by the partition's day; its at_ns tells of which session. Raises Missing where there is none."""
    factors = factors_of(book)
    end_ns = day_ns(partition) + NS_PER_DAY
    exposures = _last_session(context, exposures_table(book.name, factors), end_ns)
    if exposures is None:
        raise Missing(f"research {book.name}: no risk model by {partition}, expected the job research.risk_model to have run")
    start_ns = int(exposures["start_ns"][0])
    covariance = _last_session(context, covariance_table(book.name, factors), end_ns)
    specific = _last_session(context, specific_table(book.name), end_ns)
    if covariance is None or specific is None or {covariance["start_ns"][0], specific["start_ns"][0]} != {start_ns}:
        raise DataFault(f"research {book.name}: exposures, covariance and specific risk are not of one session, expected all of one")
    known = {row: index for index, row in enumerate(covariance["instrument"])}
    kept = [name for name in factors if factor_id(name) in known]
    names = exposures["instrument"].to_list()
    variance = dict(zip(specific["instrument"], specific["specific_variance"], strict=True))
    order = [known[factor_id(name)] for name in kept]
    return RiskModel(
        start_ns, int(exposures["known_ns"][0]), KINDS[book.config.risk.kind], tuple(names), tuple(kept),
        exposures.select(kept).to_numpy().astype(np.float64), covariance.select(kept).to_numpy().astype(np.float64)[order],
        np.array([variance[name] for name in names]), book.sessions_a_year,
    )  # fmt: skip


def _last_session(context: Context, table: Table, end_ns: int) -> pl.DataFrame | None:
    """The rows of the last session before an instant, as known by now."""
    last_ns = last_session_ns(context, table, end_ns)
    if last_ns is None:
        return None
    return context.lake.read(table, as_of_ns=context.clock.now_ns(), start_ns=last_ns, end_ns=last_ns + 1)


def _rounded(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
