"""The ledger: what is known about instruments, what the jobs did, what they found. SQLite or PostgreSQL, by its URL.

Every write is one transaction and can be repeated: a second time it changes nothing and says so by its count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tradewinds.core.errors import Rejected, TradewindsError
from tradewinds.core.instrument import CorporateAction, Instrument, InstrumentKind, Ticker
from tradewinds.core.observation import Capability, Finding
from tradewinds.core.record import DECISIONS, Bookmark, Decision, Exchange, Hold, JobRun, Member, RunResult, Universe
from tradewinds.stores import ledger_backtests, ledger_findings, ledger_instruments, ledger_migration, ledger_runs
from tradewinds.stores.ledger_acts import ActLedger
from tradewinds.stores.ledger_alerts import AlertOutbox
from tradewinds.stores.ledger_backtests import BacktestFilter, BacktestRun, BacktestTable, StoredBacktest
from tradewinds.stores.ledger_candidates import AlertLedger, CandidateLedger
from tradewinds.stores.ledger_database import Database
from tradewinds.stores.ledger_findings import FindingFilter
from tradewinds.stores.ledger_people import PeopleLedger
from tradewinds.stores.ledger_runs import RunFilter
from tradewinds.stores.ledger_schema import HEAD
from tradewinds.stores.ledger_trading import TradingLedger

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.performance.summary import Summary
    from tradewinds.performance.track_record import TrackRecord

__all__ = ["BacktestFilter", "BacktestRun", "FindingFilter", "Ledger", "RunFilter", "StoredBacktest"]

_EVERY_BACKTEST = BacktestFilter()
_EVERY_FINDING = FindingFilter()
_EVERY_RUN = RunFilter()


class Ledger:
    """One ledger behind a SQLAlchemy URL (`sqlite:////path/ledger.sqlite`, `postgresql+psycopg2://…`).

    Any method raises Transient when the database is away, Rejected when it has no tables yet, Unreadable when it is damaged.
    """

    def __init__(self, url: str) -> None:
        self.database = Database(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections; the next use opens new ones."""
        self.database.close()

    @property
    def place(self) -> str:
        """The address without secrets."""
        return self.database.place

    @property
    def trading(self) -> TradingLedger:
        """What the order journals were projected into."""
        return TradingLedger(self.database)

    @property
    def candidates(self) -> CandidateLedger:
        """What screeners found and people decide."""
        return CandidateLedger(self.database)

    @property
    def alerts(self) -> AlertLedger:
        """Alerts on conditions."""
        return AlertLedger(self.database)

    @property
    def outbox(self) -> AlertOutbox:
        """Alerts for people, on their way to them."""
        return AlertOutbox(self.database)

    @property
    def people(self) -> PeopleLedger:
        """Who may enter, and by what."""
        return PeopleLedger(self.database)

    @property
    def acts(self) -> ActLedger:
        """What people did, and what waits for a second person."""
        return ActLedger(self.database)

    def migrate(self) -> bool:
        """Bring the tables to this version's schema; True when something changed. Any number of processes may call it at once."""
        return ledger_migration.migrate(self.database)

    def check(self) -> list[str]:
        """What is wrong with the ledger, in words; empty when nothing is."""
        try:
            found = ledger_migration.revision(self.database)
        except TradewindsError as error:
            return [str(error)]
        if found == HEAD:
            return []
        if found is None:
            return [f"ledger {self.place} has no tables yet, expected revision {HEAD}: run migrate"]
        return [f"ledger {self.place} is at revision {found}, expected {HEAD}: run migrate"]

    # Findings and holds

    def record(self, findings: Iterable[Finding]) -> int:
        """Record the ones not yet known (same vendor, instrument, dataset, start, kind, field); returns how many were new."""
        with self.database.writing("recording findings") as connection:
            return ledger_findings.record(connection, findings)

    def findings(self, which: FindingFilter = _EVERY_FINDING, *, limit: int | None = None) -> list[Finding]:
        """The findings that are meant, sorted by instrument, dataset, start, vendor."""
        with self.database.reading("listing findings") as connection:
            return ledger_findings.select_findings(connection, which, limit)

    def finding_counts(self, which: FindingFilter = _EVERY_FINDING) -> dict[tuple[str, str], int]:
        """How many findings by (vendor, kind)."""
        with self.database.reading("counting findings") as connection:
            return ledger_findings.count_findings(connection, which)

    def open_holds(self, holds: Iterable[Hold]) -> int:
        """Open the holds not yet known (same instrument, dataset, start, reason); returns how many were new.

        One that was released stays released: a re-run of the same data opens nothing.
        """
        with self.database.writing("opening holds") as connection:
            return ledger_findings.open_holds(connection, holds)

    def holds(self, *, instruments: Sequence[str] | None = None, dataset: str | None = None, is_open: bool | None = None) -> list[Hold]:
        """The holds, sorted by instrument, dataset, start; `is_open` False lists the released ones with their decisions."""
        with self.database.reading("listing holds") as connection:
            return ledger_findings.select_holds(connection, instruments=instruments, dataset=dataset, is_open=is_open)

    def release(
        self,
        instrument: str,
        dataset: str,
        start_ns: int,
        *,
        decision: Decision,
        released_by: str,
        released_ns: int,
        note: str | None = None,
    ) -> int:
        """Decide every open hold of one cell; returns how many that closed (0 when none was open)."""
        if decision not in DECISIONS:
            raise Rejected(f"releasing {instrument} {dataset}: decision {decision!r}, expected accept or reject")
        cell = (instrument, dataset, start_ns)
        with self.database.writing("releasing a hold") as connection:
            return ledger_findings.release(connection, cell, decision=decision, released_by=released_by, released_ns=released_ns, note=note)

    # Instruments

    def upsert_exchanges(self, exchanges: Iterable[Exchange]) -> int:
        """Add or change venues; returns how many were new or differed."""
        with self.database.writing("writing exchanges") as connection:
            return ledger_instruments.upsert_exchanges(connection, exchanges)

    def upsert_vendors(self, vendors: Mapping[str, Capability]) -> int:
        """Add or change vendors by name; returns how many were new or differed."""
        with self.database.writing("writing vendors") as connection:
            return ledger_instruments.upsert_vendors(connection, vendors)

    def upsert_instruments(self, instruments: Sequence[Instrument]) -> int:
        """Add or change instruments (and their venues where missing); returns how many were new or differed."""
        with self.database.writing("writing instruments") as connection:
            return ledger_instruments.upsert_instruments(connection, instruments)

    def instrument(self, instrument_id: str) -> Instrument | None:
        """The instrument of that id."""
        return next(iter(self.instruments(ids=[instrument_id])), None)

    def instruments(
        self, *, ids: Sequence[str] | None = None, venue: str | None = None, kind: InstrumentKind | None = None
    ) -> list[Instrument]:
        """Instruments by id, venue or kind, sorted by id."""
        with self.database.reading("listing instruments") as connection:
            return ledger_instruments.select_instruments(connection, ids=ids, venue=venue, kind=kind)

    def find(self, words: str, *, venue: str | None = None, as_of_ns: int | None = None, limit: int = 50) -> list[Instrument]:
        """Instruments whose symbol or id begins so, whose name contains it, or that were called so (at as_of_ns, or ever).

        Best first: the same symbol, then symbols that begin so, then former names, then names that contain it.
        """
        with self.database.reading("finding instruments") as connection:
            return ledger_instruments.find(connection, words, venue=venue, as_of_ns=as_of_ns, limit=limit)

    def add_tickers(self, tickers: Sequence[Ticker]) -> int:
        """Add names or correct their end; returns how many were new or differed. A symbol meaning two instruments at once is refused."""
        with self.database.writing("writing tickers") as connection:
            return ledger_instruments.add_tickers(connection, tickers)

    def tickers(self, instrument_id: str) -> list[Ticker]:
        """Every name the instrument had, oldest first."""
        with self.database.reading("listing tickers") as connection:
            return ledger_instruments.select_tickers(connection, instrument_id)

    def resolve(self, symbol: str, venue: str, at_ns: int) -> str | None:
        """The id of the instrument that was called `symbol` at `venue` then; None when none was."""
        with self.database.reading("resolving a ticker") as connection:
            return ledger_instruments.resolve(connection, symbol, venue, at_ns)

    def add_actions(self, actions: Sequence[CorporateAction]) -> int:
        """Add what differs from the version known before; returns how many. Two truths known at the same time are refused."""
        with self.database.writing("writing corporate actions") as connection:
            return ledger_instruments.add_actions(connection, actions)

    def actions(
        self, *, as_of_ns: int, instruments: Sequence[str] | None = None, start_ns: int | None = None, end_ns: int | None = None
    ) -> list[CorporateAction]:
        """The version known at as_of_ns of each action effective in [start_ns, end_ns), sorted by instrument and time."""
        with self.database.reading("listing corporate actions") as connection:
            return ledger_instruments.select_actions(
                connection, as_of_ns=as_of_ns, instruments=instruments, start_ns=start_ns, end_ns=end_ns
            )

    # Universes

    def save_universe(self, universe: Universe) -> bool:
        """Keep a snapshot; False when the same members stand there for its day already."""
        with self.database.writing("saving a universe") as connection:
            return ledger_instruments.save_universe(connection, universe)

    def universe(self, name: str, as_of_ns: int) -> Universe | None:
        """The newest snapshot that was known then."""
        with self.database.reading("reading a universe") as connection:
            return ledger_instruments.select_universe(connection, name, as_of_ns)

    def universes(self, name: str | None = None) -> list[Universe]:
        """Every snapshot, by name, day and known time."""
        with self.database.reading("listing universes") as connection:
            return ledger_instruments.select_universes(connection, name)

    def members(self, name: str, as_of_ns: int) -> list[Member]:
        """Who belonged to it as known then, by rank; empty when nothing was known."""
        found = self.universe(name, as_of_ns)
        return [] if found is None else list(found.members)

    # Runs of jobs, bookmarks

    def start_run(
        self,
        job: str,
        partition: str,
        *,
        started_ns: int,
        subject: str | None = None,
        log: str | None = None,
        airflow_run: str | None = None,
    ) -> int:
        """Open one run and return its id; a run of the same that was killed is closed as failed, error kind Interrupted."""
        return self.start_runs(job, partition, [subject], started_ns=started_ns, log=log, airflow_run=airflow_run)[subject]

    def start_runs(
        self,
        job: str,
        partition: str,
        subjects: Sequence[str | None],
        *,
        started_ns: int,
        log: str | None = None,
        airflow_run: str | None = None,
    ) -> dict[str | None, int]:
        """Open one run per subject in one transaction; returns subject -> id."""
        template = JobRun(0, job, partition, None, started_ns, log=log, airflow_run=airflow_run)
        with self.database.writing("starting runs") as connection:
            return ledger_runs.start_runs(connection, template, subjects)

    def finish_run(self, run_id: int, result: RunResult) -> None:
        """Write how a run ended; the same result twice is fine, another one is refused."""
        self.finish_runs({run_id: result})

    def finish_runs(self, results: Mapping[int, RunResult]) -> None:
        """Write how many runs ended, in one transaction."""
        with self.database.writing("finishing runs") as connection:
            ledger_runs.finish_runs(connection, results)

    def run(self, run_id: int) -> JobRun | None:
        """The run of that id."""
        with self.database.reading("reading a run") as connection:
            return ledger_runs.select_run(connection, run_id)

    def runs(self, which: RunFilter = _EVERY_RUN, *, limit: int | None = None) -> list[JobRun]:
        """The runs that are meant, newest first."""
        with self.database.reading("listing runs") as connection:
            return ledger_runs.select_runs(connection, which, limit)

    def bookmark(self, job: str, subject: str) -> Bookmark | None:
        """How far the job came with that subject."""
        return self.bookmarks(job, [subject]).get(subject)

    def bookmarks(self, job: str, subjects: Sequence[str] | None = None) -> dict[str, Bookmark]:
        """How far the job came, by subject."""
        with self.database.reading("reading bookmarks") as connection:
            return ledger_runs.select_bookmarks(connection, job, subjects)

    def set_bookmark(self, job: str, subject: str, mark: Bookmark, *, force: bool = False) -> bool:
        """Move a bookmark; never backwards unless forced. True when it moved."""
        return self.set_bookmarks(job, {subject: mark}, force=force) == 1

    def set_bookmarks(self, job: str, marks: Mapping[str, Bookmark], *, force: bool = False) -> int:
        """Move bookmarks in one transaction; none moves backwards unless forced. Returns how many moved."""
        with self.database.writing("setting bookmarks") as connection:
            return ledger_runs.set_bookmarks(connection, job, marks, force=force)

    # Backtests

    def add_backtest(self, run: BacktestRun, record: TrackRecord | None = None, summary: Summary | None = None) -> int:
        """Keep a run with its round trips, positions and performance by session; returns its id.

        A run of the same fingerprint and start stands there once: adding it again changes nothing. A failed run has only its row.
        """
        with self.database.writing("adding a backtest") as connection:
            return ledger_backtests.add_backtest(connection, run, record, summary)

    def backtests(self, which: BacktestFilter = _EVERY_BACKTEST, *, limit: int | None = None) -> list[StoredBacktest]:
        """The runs that are meant, newest first."""
        with self.database.reading("listing backtests") as connection:
            return ledger_backtests.select_backtests(connection, which, limit)

    def backtest(self, run_id: int) -> StoredBacktest | None:
        """The backtest of that id."""
        with self.database.reading("reading a backtest") as connection:
            return ledger_backtests.select_backtest(connection, run_id)

    def backtest_table(self, run_id: int, table: BacktestTable) -> pl.DataFrame:
        """The round trips, positions or performance of a backtest, sorted by their keys; empty where there are none."""
        with self.database.reading(f"reading a backtest's {table}") as connection:
            return ledger_backtests.select_table(connection, run_id, table)

    def remove_backtest(self, run_id: int) -> bool:
        """Forget a backtest and all that belongs to it; False when there was none."""
        with self.database.writing("removing a backtest") as connection:
            return ledger_backtests.remove_backtest(connection, run_id)
