"""Research as people look at it: nights, features, signals, published risk, candidates, models, backtests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.observation import Table
from tradewinds.jobs.book import Book, book_of
from tradewinds.jobs.research_book import session_name
from tradewinds.jobs.research_night import ends_of
from tradewinds.jobs.research_tables import STEPS, features_table, night_table, signals_table
from tradewinds.stores.ledger_backtests import BacktestFilter
from tradewinds.wiring.research_files import factor_returns, risk_model, sessions

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.core.candidate import Candidate, CandidateState
    from tradewinds.risk.risk_model import RiskModel
    from tradewinds.stores.ledger_backtests import StoredBacktest
    from tradewinds.wiring.house import House


@dataclass(frozen=True, slots=True)
class Night:
    """How a book's night of a session ended. steps: step -> (state, gaps), of those that ended. page: of the report."""

    book: str
    session: str
    steps: Mapping[str, tuple[str, tuple[str, ...]]]
    page: str | None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """failed, partial, done, or running where steps are missing."""
        states = {state for state, _ in self.steps.values()}
        return (
            "failed" if "failed" in states else "running" if len(self.steps) < len(STEPS) else "partial" if "partial" in states else "done"
        )


def book(house: House, name: str | None) -> Book:
    """The book of that name, or the only one; raises Rejected naming those there are."""
    if not house.config.research:
        raise Rejected("research: the configuration has no section research, expected a book of research; docs/research.md has one")
    return book_of(house.context("research", ""), {} if name is None else {"research": name})


def nights(house: House, name: str | None = None, *, limit: int = 10) -> list[Night]:
    """The last nights, newest first, of one book or of all."""
    found = []
    for each in [name] if name is not None else sorted(house.config.research):
        chosen = book(house, each)
        for session in _sessions(house, chosen.name)[:limit]:
            found.append(night(house, chosen, session))
    return sorted(found, key=lambda one: (one.session, one.book), reverse=True)[:limit]


def night(house: House, chosen: Book, session: str) -> Night:
    """One night."""
    ends = ends_of(house.context("research", session), chosen, session, STEPS)
    steps = {step: (state, tuple(gaps)) for step, (state, gaps, _) in ends.items()}
    return Night(
        chosen.name, session, steps, ends["report"][2].get("page") if "report" in ends else None, {k: v[2] for k, v in ends.items()}
    )


def features(house: House, name: str | None, **span: Any) -> tuple[Table, pl.DataFrame]:
    """The features of a book; span: instruments, start_ns, end_ns, as_of_ns."""
    chosen = book(house, name)
    if not chosen.config.features:
        raise Missing(f"features of {chosen.name}: it declares none, expected some in its configuration")
    return _read(house, features_table(chosen.name, chosen.config.features), span)


def signals(house: House, name: str | None, **span: Any) -> tuple[Table, pl.DataFrame]:
    """Scores and target weights of a book; span as in `features`."""
    return _read(house, signals_table(book(house, name).name), span)


def published_risk(house: House, name: str | None, session: str | None = None, version: int | None = None) -> RiskModel:
    """The risk model of a session as it was published; the last one where none is named."""
    return risk_model(house.published, book(house, name).name, session, version)


def published_sessions(house: House, name: str | None) -> list[str]:
    """Sessions that have a published risk model, oldest first."""
    return sessions(house.published, book(house, name).name)


def published_factor_returns(house: House, name: str | None, session: str | None = None) -> pl.DataFrame:
    """session, factor, value, t_statistic."""
    return factor_returns(house.published, book(house, name).name, session)


def candidates(
    house: House, *, book: str | None = None, screener: str | None = None, state: CandidateState | None = None, session: str | None = None
) -> list[Candidate]:
    """What screeners found, newest first; those whose time is over are let go of before."""
    house.ledger.candidates.expire(house.clock.now_ns())
    return house.ledger.candidates.candidates(book=book, screener=screener, state=state, session=session)


def models(house: House) -> list[dict[str, Any]]:
    """Every configured model with its versions: version, aliases, sha256, as_of_ns, rows, scores."""
    return [{"model": name, "versions": model_versions(house, name)} for name in sorted(house.config.models)]


def model_versions(house: House, name: str) -> list[dict[str, Any]]:
    """Versions of a model, newest first; none where it was never trained."""
    registry = house.models
    if not registry.has(name):
        return []
    told = []
    for one in registry.versions(name):
        card = registry.card(one)
        told.append(
            {
                "version": one.version, "aliases": list(one.aliases), "sha256": one.sha256, "as_of_ns": card.as_of_ns, "rows": card.rows,
                "scores": dict(card.scores), "trials": card.trials,
            }
        )  # fmt: skip
    return told


def backtests(house: House, *, strategy: str | None = None, limit: int = 100) -> list[StoredBacktest]:
    """Stored backtests, newest first."""
    return house.ledger.backtests(BacktestFilter(strategy=strategy), limit=limit)


def _read(house: House, table: Table, span: Mapping[str, Any]) -> tuple[Table, pl.DataFrame]:
    given = {name: value for name, value in span.items() if name != "as_of_ns"}
    as_of_ns = span.get("as_of_ns")
    return table, house.lake.read(table, as_of_ns=house.clock.now_ns() if as_of_ns is None else as_of_ns, **given)


def _sessions(house: House, name: str) -> list[str]:
    """Sessions with a night, newest first."""
    found: set[int] = set()
    for step in STEPS:
        table = night_table(name, step)
        found |= set(house.lake.read(table, as_of_ns=house.clock.now_ns(), columns=["start_ns"])["start_ns"].to_list())
    return [session_name(one) for one in sorted(found, reverse=True)]
