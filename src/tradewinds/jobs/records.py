"""What jobs keep in the ledger, as far as they need it. `stores.ledger.Ledger` is it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from tradewinds.core.candidate import Answer, Candidate, CandidateState, ConditionAlert
from tradewinds.core.instrument import CorporateAction, Instrument, Ticker
from tradewinds.core.observation import Capability
from tradewinds.core.ports import Findings
from tradewinds.core.record import Bookmark, Decision, Hold, Member, RunResult, Universe


class Candidates(Protocol):
    """What screeners found and people decide. The same answer again changes nothing, another one is refused."""

    def add(self, found: Sequence[Candidate]) -> list[Candidate]: ...

    def candidates(
        self,
        *,
        book: str | None = None,
        screener: str | None = None,
        state: CandidateState | None = None,
        session: str | None = None,
        limit: int | None = None,
    ) -> list[Candidate]: ...

    def answer(self, number: str, answer: Answer, *, by: str, at_ns: int, face: str = "", note: str | None = None) -> Candidate: ...

    def expire(self, at_ns: int) -> int: ...


class Alerts(Protocol):
    """Alerts on conditions; each is written once."""

    def add(self, found: Sequence[ConditionAlert]) -> list[ConditionAlert]: ...

    def alerts(self, *, rule: str | None = None, instrument: str | None = None, limit: int | None = None) -> list[ConditionAlert]: ...


class Trades(Protocol):
    """What accounts traded."""

    def held_and_filled(self, after_ns: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Rows of every account: what is held now, and fills that happened after an instant."""
        ...


class Records(Findings, Protocol):
    """Findings and holds, instruments, universes, runs and bookmarks. Writing the same twice changes nothing."""

    @property
    def candidates(self) -> Candidates: ...

    @property
    def alerts(self) -> Alerts: ...

    @property
    def trading(self) -> Trades: ...

    def open_holds(self, holds: Iterable[Hold]) -> int: ...

    def holds(self, *, instruments: Sequence[str] | None = None, dataset: str | None = None, is_open: bool | None = None) -> list[Hold]: ...

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
    ) -> int: ...

    def upsert_vendors(self, vendors: Mapping[str, Capability]) -> int: ...

    def upsert_instruments(self, instruments: Sequence[Instrument]) -> int: ...

    def instrument(self, instrument_id: str) -> Instrument | None: ...

    def instruments(self, *, ids: Sequence[str] | None = None, venue: str | None = None) -> list[Instrument]: ...

    def add_tickers(self, tickers: Sequence[Ticker]) -> int: ...

    def tickers(self, instrument_id: str) -> list[Ticker]: ...

    def add_actions(self, actions: Sequence[CorporateAction]) -> int: ...

    def actions(
        self, *, as_of_ns: int, instruments: Sequence[str] | None = None, start_ns: int | None = None, end_ns: int | None = None
    ) -> list[CorporateAction]: ...

    def save_universe(self, universe: Universe) -> bool: ...

    def members(self, name: str, as_of_ns: int) -> list[Member]: ...

    def start_runs(
        self,
        job: str,
        partition: str,
        subjects: Sequence[str | None],
        *,
        started_ns: int,
        log: str | None = None,
        airflow_run: str | None = None,
    ) -> dict[str | None, int]: ...

    def finish_runs(self, results: Mapping[int, RunResult]) -> None: ...

    def bookmarks(self, job: str, subjects: Sequence[str] | None = None) -> dict[str, Bookmark]: ...

    def set_bookmarks(self, job: str, marks: Mapping[str, Bookmark], *, force: bool = False) -> int: ...
