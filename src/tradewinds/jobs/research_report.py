"""The morning's page of a book: every part read back from what the night published, each by itself.

A part that cannot be had is absent with its reason, and the page is made all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds import __version__
from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_DAY, to_date
from tradewinds.history.panel import Panel
from tradewinds.jobs.book import Book
from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.research_attribution import attribution_night
from tradewinds.jobs.research_book import bars_panel, day_ns, session_name
from tradewinds.jobs.research_models import models_night
from tradewinds.jobs.research_night import Ended, ends_of, run_step
from tradewinds.jobs.research_risk import stored_model
from tradewinds.jobs.research_signals import targets_before
from tradewinds.jobs.research_tables import factor_returns_table
from tradewinds.report import night_data as page
from tradewinds.report.night import night_page
from tradewinds.report.night_parts import had, risk_night
from tradewinds.risk.liquidity import liquidity
from tradewinds.risk.measures import history_of, tail_risk
from tradewinds.risk.published import factor_name
from tradewinds.risk.risk_model import RiskModel
from tradewinds.risk.stress import Stress, factor_stress

Floats = NDArray[np.float64]

STEPS = ("features", "risk_model", "predict", "signals")
SESSIONS_SHOWN = 250
CONFIDENCE = 0.95
HOLDINGS_SHOWN = 20
PARTICIPATION = 0.1
SHOCK_DEVIATIONS = 3.0


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Draw the page of the partition's day and keep it below the home's `reports`."""
    return run_step(context, partition, params, step="report", work=report)


def report(context: Context, book: Book, partition: str) -> Ended:
    if context.page is None:
        raise Rejected(f"{context.job}: no place for pages is wired, expected one")
    told = night_of(context, book, partition)
    where = context.page(f"{book.name}/{told.session}.html", night_page(told).html)
    parts = ("health", "universe", "factor_returns", "risk", "attribution", "models", "signals", "trades")
    absent = [name for name in parts if isinstance(getattr(told, name), page.Absent)]
    return Ended(rows_in=len(told.gaps), detail={"session": told.session, "page": where, "absent": absent, "gaps": len(told.gaps)})


def night_of(context: Context, book: Book, partition: str) -> page.Night:
    """What the page is drawn from."""
    reading = _Reading(context, book, partition)
    ends = ends_of(context, book, partition, STEPS)
    gaps = [page.Gap(step.replace("_", " "), line) for step, (_, lines, _) in ends.items() for line in lines]
    gaps += [page.Gap(step.replace("_", " "), "it has not run") for step in STEPS if step not in ends]
    signals = ends.get("signals", ("", [], {}))[2]
    predicted = ends.get("predict", ("", [], {}))[2]
    return page.Night(
        title=f"Night of {book.name}",
        session=session_name(int(reading.panel.times[-1])),
        at_ns=int(reading.panel.event_ns[-1]),
        as_of_ns=context.clock.now_ns(),
        currency=_currency(context, book),
        periods_a_year=book.sessions_a_year,
        health=had(reading.health),
        universe=had(reading.universe),
        factor_returns=had(reading.factor_returns),
        risk=had(reading.risk),
        attribution=had(reading.attribution),
        models=had(models_night, context, book, predicted.get("drift", {})),
        signals=had(reading.signals, signals),
        trades=had(reading.trades, signals),
        gaps=tuple(gaps),
        code_version=__version__,
        hashes=tuple(sorted(predicted.get("models", {}).items())),
    )


@dataclass(frozen=True)
class _Reading:
    """Parts of one night, read from the lake and the registry."""

    context: Context
    book: Book
    partition: str

    @cached_property
    def panel(self) -> Panel:
        return bars_panel(self.context, self.book, self.partition)

    def health(self) -> page.Health:
        """Of the bars that the night read."""
        panel, name = self.panel, f"history/{self.book.config.bars}"
        has = np.isfinite(panel.close)
        began = np.argmax(has, axis=0)
        inside = np.arange(len(has))[:, None] >= began[None, :]
        late = tuple(panel.instruments[n] for n in np.flatnonzero(~has[-1] & has.any(axis=0)))
        held = self.context.records.holds(instruments=self.book.instruments, dataset=self.book.config.bars, is_open=True)
        table = page.TableHealth(
            name,
            sessions_expected=len(self._expected()),
            sessions_present=len(panel.times),
            latest_ns=int(panel.times[-1]),
            held=len({hold.start_ns for hold in held}),
            gaps=int((~has & inside & has.any(axis=0)).sum()),
            late=late,
        )
        return page.Health((table,))

    def _expected(self) -> tuple[Any, ...]:
        sessions = calendar(self.book.config.calendar)
        return sessions.sessions(to_date(int(self.panel.times[0])), date.fromisoformat(self.partition[-10:]))

    def universe(self) -> page.Universe:
        """Who had a bar in this session and the one before."""
        has = np.isfinite(self.panel.close)
        now = has[-1]
        before = has[-2] if len(has) > 1 else np.zeros_like(now)
        changes = [
            page.Change(self.panel.instruments[n], "entered", "its first bar after a session without one")
            for n in np.flatnonzero(now & ~before)
        ]
        changes += [page.Change(self.panel.instruments[n], "left", "no bar in this session") for n in np.flatnonzero(before & ~now)]
        return page.Universe(int(now.sum()), int(before.sum()) if len(has) > 1 else None, tuple(changes if len(has) > 1 else ()))

    def factor_returns(self) -> page.FactorNight:
        """The last year of them."""
        rows = self.context.lake.read(factor_returns_table(self.book.name), as_of_ns=self.context.clock.now_ns(), end_ns=self._end_ns)
        if rows.is_empty():
            raise Missing("no factor returns, expected the risk model of this book to have run")
        wide = rows.pivot(on="instrument", index="event_ns", values="value").sort("event_ns").tail(SESSIONS_SHOWN)
        names = tuple(name for name in wide.columns if name != "event_ns")
        values = np.column_stack([wide[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names])
        return page.FactorNight(tuple(factor_name(name) for name in names), wide["event_ns"].to_numpy(), values)

    def risk(self) -> page.RiskNight:
        """Of the target weights, by the night's model."""
        model, weights = self._model_and_weights()
        past = history_of(self._returns(model), weights)
        tail = tail_risk(model, weights, past, CONFIDENCE)
        value = weights * self.book.config.portfolio.capital
        exits = liquidity(value, self._value_traded(model), model.instruments, PARTICIPATION)
        made = risk_night(model, weights, tail=tail, stresses=stresses_of(model, weights), liquidity=exits)
        largest = sorted(made.holdings, key=lambda one: -abs(one.weight))[:HOLDINGS_SHOWN]
        method = "parametric" if tail.historical is None else f"historical, {len(past)} sessions of today's weights"
        return replace(made, holdings=tuple(largest), method=method)

    def attribution(self) -> page.Attribution:
        """Of the last session."""
        return attribution_night(self.context, self.book, self.panel, self.factor_returns(), _currency(self.context, self.book))

    def signals(self, ended: Mapping[str, Any]) -> tuple[page.SignalNight, ...]:
        rows = targets_before(self.context, self.book, self._end_ns)
        scores = rows["score"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return (page.SignalNight(self.book.name, tuple(rows["instrument"]), scores, tuple(sorted(ended.get("sources", {}).items()))),)

    def trades(self, ended: Mapping[str, Any]) -> tuple[page.TradeNight, ...]:
        names = [one.name for one in fields(page.TradeNight)]
        if not ended.keys() >= set(names):
            raise Missing("no target weights tonight, expected the signals to have been made")
        told = {name: ended[name] for name in names}
        lists = {name: tuple(told[name]) for name in ("broken", "binding", "notes")}
        return (page.TradeNight(**{**told, **lists, "trades": tuple(page.PlannedTrade(**one) for one in told["trades"])}),)

    @property
    def _end_ns(self) -> int:
        return day_ns(self.partition) + NS_PER_DAY

    def _model_and_weights(self) -> tuple[RiskModel, Floats]:
        model = stored_model(self.context, self.book, self.partition)
        rows = targets_before(self.context, self.book, self._end_ns)
        held = dict(zip(rows["instrument"], rows["weight"], strict=True))
        return model, np.array([held.get(name) or 0.0 for name in model.instruments])

    def _returns(self, model: RiskModel) -> Floats:
        """(T, N) of the model's instruments over the sessions shown."""
        place = [self.panel.instruments.index(name) for name in model.instruments]
        return self.panel.returns()[1:][-SESSIONS_SHOWN:, place]

    def _value_traded(self, model: RiskModel) -> Floats:
        place = [self.panel.instruments.index(name) for name in model.instruments]
        values = self.panel.fields["value_traded"][-21:, place]
        count = np.isfinite(values).sum(axis=0)
        return np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)


def stresses_of(model: RiskModel, weights: Floats) -> list[Stress]:
    """Each factor against the portfolio by so many of its deviations, the others as the covariances let expect."""
    found = []
    exposure = model.exposure(weights)
    for k, name in enumerate(model.factors):
        deviation = float(model.factor_covariance[k, k]) ** 0.5
        side = -1.0 if float(exposure[k]) >= 0 else 1.0
        words = f"{name} {'falls' if side < 0 else 'rises'} by {SHOCK_DEVIATIONS:g} deviations"
        found.append(factor_stress(words, model, weights, {name: side * SHOCK_DEVIATIONS * deviation}, is_conditional=True))
    return found


def _currency(context: Context, book: Book) -> str:
    if book.config.market is not None:
        return context.config.equities[book.config.market].currency
    known = {one.currency for one in context.records.instruments(ids=list(book.instruments))}
    return known.pop() if len(known) == 1 else "USD"
