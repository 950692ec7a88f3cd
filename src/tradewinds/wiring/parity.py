"""Parity of an account: its journal replayed through the core and the strategies as they stand now, and its decisions beside a backtest.

1. The strategies are those of the workspace that trade on the account; their hashes are compared with those that the journal names.
2. The replay is `trading.parity.replay`, over a core made as the service makes it.
3. Vector strategies are compared with the vectorised backtest over the bars that the journal holds; those that came late are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import from_date
from tradewinds.stores.journal import read_sqlite_journal
from tradewinds.trading.entry import Entry, Started
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.journal import JournalStore, read
from tradewinds.trading.parity import Parity, replay
from tradewinds.trading.parity_backtest import Backtested, compare, decisions_of, panel_of_entries, said
from tradewinds.wiring.accounts import TradedAccount
from tradewinds.wiring.projection import journal_to_read
from tradewinds.wiring.trade import AccountPlan, instruments_for, plan
from tradewinds.wiring.trade_service import capabilities_elsewhere, capability_of, engine_of, hosted_on, pinned

if TYPE_CHECKING:
    from tradewinds.wiring.house import House


@dataclass(frozen=True, slots=True)
class ParityReport:
    """Both halves. backtests: of the vector strategies that decided in the span. notes: what was left out, and why."""

    replayed: Parity
    backtests: tuple[Backtested, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether the replay is equal to the bit, and the backtest decides the same but for ties."""
        return self.replayed.is_equal and all(one.is_equal for one in self.backtests)

    def as_json(self) -> dict[str, Any]:
        """As the command prints it and the evening keeps it."""
        return {
            **self.replayed.as_json(), "is_equal": self.is_equal, "backtest": [said(one) for one in self.backtests],
            "notes": list(self.notes),
        }  # fmt: skip


def parity(
    house: House, account: str, *, journal: Path | None = None, day: date | None = None, places: Sequence[Path] = ()
) -> ParityReport:
    """Replay an account's journal, or a copy of it in `journal`; of a day (UTC), or whole. places: the strategies' files.

    Raises Rejected for an account without strategies, Unreadable where the journal was changed since it was written.
    """
    planned = plan(house.config, places, house=house)
    if account not in planned.accounts:
        names = ", ".join(sorted(planned.accounts)) or "none"
        raise Rejected(f"parity of {account}: no strategy of the workspace trades there, expected one of: {names}")
    chosen = planned.accounts[account]
    entries = partial(_entries, chosen.account, house.home, journal)
    span = (None, None) if day is None else (from_date(day), from_date(day + timedelta(days=1)))
    return parity_of(house, chosen, entries, *span)


def evening_parity(house: House, day: date, account: TradedAccount, entries: Iterable[Entry]) -> Mapping[str, Any]:
    """The part of the evening's report, as `wiring.evening.evening` takes it; what cannot be replayed is said and is no difference."""
    kept = list(entries)
    try:
        planned = plan(house.config, (), house=house).accounts.get(account.name)
        if planned is None:
            return {"notes": [f"no strategy of the workspace trades on {account.name}"]}
        span = from_date(day), from_date(day + timedelta(days=1))
        return parity_of(house, planned, lambda: iter(kept), *span).as_json()
    except Rejected as error:
        return {"notes": [f"not replayed: {error}"]}


def parity_of(house: House, planned: AccountPlan, entries: Any, start_ns: int | None, end_ns: int | None) -> ParityReport:
    """Both halves, over the entries that each call of `entries` begins anew."""
    started_ns = _started_ns(entries(), end_ns)
    every = instruments_for([*planned.instruments, *(name for one in planned.strategies for name in one.instruments)], house)
    known = {name: every[name] for name in planned.instruments}
    hosted = hosted_on(house, planned, every, started_ns)
    capability, others = capability_of(house, planned.account, known), capabilities_elsewhere(house, planned, every)
    fingerprints = pinned({one.name: one.fingerprint for one in hosted}, planned.strategies)
    replayed = replay(
        entries, lambda: engine_of(planned, hosted, capability, known, others), account=planned.account.name,
        start_ns=start_ns, end_ns=end_ns, fingerprints=fingerprints,
    )  # fmt: skip
    backtests, notes = _backtested(entries, hosted, start_ns, end_ns)
    return ParityReport(replayed, backtests, notes)


def _backtested(
    entries: Any, hosted: Sequence[Hosted], start_ns: int | None, end_ns: int | None
) -> tuple[tuple[Backtested, ...], tuple[str, ...]]:
    found, notes = [], []
    kept = [one for one in entries() if end_ns is None or one.time_ns < end_ns]
    for one in hosted:
        decided = [each for each in decisions_of(kept, one.name) if start_ns is None or each.decision_ns >= start_ns]
        if one.strategy.kind != "vector" or one.strategy.other_intervals:
            notes.append(f"{one.name}: replayed, and not compared with a vectorised backtest, because it has none over these bars alone")
        elif decided:
            bars, late = panel_of_entries(kept, one.strategy.interval, [each.id for each in one.instruments])
            found.append(compare(one, decided, bars, late))
    return tuple(found), tuple(notes)


def _entries(account: TradedAccount, home: Path, journal: Path | None) -> Iterator[Entry]:
    if journal is not None and not journal.exists():
        raise Missing(f"parity: no journal {journal}, expected the SQLite file of an account")
    store: JournalStore = read_sqlite_journal(journal) if journal is not None else journal_to_read(account, home)
    with closing(store):
        for _, entry in read(store.read()):
            yield entry


def _started_ns(entries: Iterable[Entry], end_ns: int | None) -> int | None:
    found = None
    for entry in entries:
        if end_ns is not None and entry.time_ns >= end_ns:
            break
        if isinstance(entry.input, Started):
            found = entry.time_ns
    return found
