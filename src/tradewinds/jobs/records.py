"""What jobs keep in the ledger, as far as they need it. `stores.ledger.Ledger` is it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from tradewinds.core.instrument import CorporateAction, Instrument, Ticker
from tradewinds.core.observation import Capability
from tradewinds.core.ports import Findings
from tradewinds.core.record import Bookmark, Decision, Hold, Member, RunResult, Universe


class Records(Findings, Protocol):
    """Findings and holds, instruments, universes, runs and bookmarks. Writing the same twice changes nothing."""

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
