"""The security master in the ledger: venues, vendors, instruments, their names over time, corporate actions, universes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from itertools import groupby, pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tradewinds.core.errors import DataFault
from tradewinds.core.instrument import CorporateAction, Instrument, Ticker, split_id
from tradewinds.core.observation import Capability
from tradewinds.core.record import Exchange, Member, Universe
from tradewinds.stores.ledger_schema import (
    corporate_action,
    exchange,
    instrument,
    ticker_history,
    universe_member,
    universe_snapshot,
    vendor,
)
from tradewinds.stores.ledger_write import add_new, batches, row_of, upsert

_INSTRUMENT = [instrument.c[field.name] for field in fields(Instrument)]
_TICKER = [ticker_history.c[field.name] for field in fields(Ticker)]
_ACTION = [corporate_action.c[field.name] for field in fields(CorporateAction)]
_LIKE_ESCAPE = "\\"


def upsert_exchanges(connection: Connection, exchanges: Iterable[Exchange]) -> int:
    return upsert(connection, exchange, [asdict(one) for one in exchanges])


def upsert_vendors(connection: Connection, vendors: Mapping[str, Capability]) -> int:
    columns = [column for column in vendor.columns if column.name != "id"]
    rows = [{"id": name, **row_of(capability, columns), "datasets": list(capability.datasets)} for name, capability in vendors.items()]
    return upsert(connection, vendor, rows)


def upsert_instruments(connection: Connection, instruments: Sequence[Instrument]) -> int:
    rows = []
    venues: dict[str, dict[str, Any]] = {}
    for one in instruments:
        symbol, venue = split_id(one.id)
        rows.append({**row_of(one, _INSTRUMENT), "symbol": symbol, "venue": venue})
        venues.setdefault(venue, {"id": venue, "calendar": one.calendar, "name": None})
    add_new(connection, exchange, list(venues.values()), (exchange.c.id,))
    return upsert(connection, instrument, rows)


def select_instruments(
    connection: Connection, *, ids: Sequence[str] | None, venue: str | None, kind: str | None, limit: int | None = None
) -> list[Instrument]:
    terms: list[Any] = []
    if ids is not None:
        terms.append(instrument.c.id.in_(ids))
    if venue is not None:
        terms.append(instrument.c.venue == venue)
    if kind is not None:
        terms.append(instrument.c.kind == kind)
    query = sa.select(*_INSTRUMENT).where(*terms).order_by(instrument.c.id).limit(limit)
    return [Instrument(**row) for row in connection.execute(query).mappings()]


def find(connection: Connection, words: str, *, venue: str | None, as_of_ns: int | None, limit: int) -> list[Instrument]:
    """Exact symbols first, then symbols that begin so, then names that contain it; letters' case does not matter."""
    pattern = _escaped(words.lower())
    symbol, name = sa.func.lower(instrument.c.symbol), sa.func.lower(instrument.c.name)
    called = sa.select(ticker_history.c.instrument).where(_like(sa.func.lower(ticker_history.c.symbol), pattern + "%"))
    if as_of_ns is not None:
        called = called.where(*_covers(as_of_ns))
    rank = sa.case(
        (sa.or_(symbol == words.lower(), sa.func.lower(instrument.c.id) == words.lower()), 0),
        (_like(symbol, pattern + "%"), 1),
        (instrument.c.id.in_(called), 2),
        else_=3,
    )
    terms = [sa.or_(_like(sa.func.lower(instrument.c.id), pattern + "%"), _like(name, "%" + pattern + "%"), instrument.c.id.in_(called))]
    if venue is not None:
        terms.append(instrument.c.venue == venue)
    query = sa.select(*_INSTRUMENT).where(*terms).order_by(rank, instrument.c.id).limit(limit)
    return [Instrument(**row) for row in connection.execute(query).mappings()]


def add_tickers(connection: Connection, tickers: Sequence[Ticker]) -> int:
    """Add or correct names; a symbol that would mean two instruments at once is refused."""
    changed = 0
    for batch in batches(tickers):
        changed += upsert(connection, ticker_history, [row_of(ticker, _TICKER) for ticker in batch])
        _refuse_overlap(connection, sorted({ticker.symbol for ticker in batch}))
    return changed


def select_tickers(connection: Connection, instrument_id: str) -> list[Ticker]:
    query = sa.select(*_TICKER).where(ticker_history.c.instrument == instrument_id)
    return [Ticker(**row) for row in connection.execute(query.order_by(ticker_history.c.start_ns)).mappings()]


def resolve(connection: Connection, symbol: str, venue: str, at_ns: int) -> str | None:
    """The instrument of that name then; one without any ticker history goes by its id."""
    here = (ticker_history.c.symbol == symbol, ticker_history.c.venue == venue)
    found: str | None = connection.scalar(sa.select(ticker_history.c.instrument).where(*here, *_covers(at_ns)))
    if found is not None or connection.scalar(sa.select(sa.literal(1)).where(*here).limit(1)):
        return found
    own = sa.select(instrument.c.id).where(instrument.c.symbol == symbol, instrument.c.venue == venue)
    named_otherwise = sa.exists().where(ticker_history.c.instrument == instrument.c.id)
    return connection.scalar(own.where(~named_otherwise))


def add_actions(connection: Connection, actions: Sequence[CorporateAction]) -> int:
    """Add what is new and what differs from the version known before; returns how many versions were added."""
    added = 0
    for batch in batches(sorted(actions, key=_version)):
        ids = {action.instrument for action in batch}
        query = sa.select(*_ACTION).where(corporate_action.c.instrument.in_(ids)).order_by(corporate_action.c.known_ns)
        known: dict[tuple[str, str, int], list[CorporateAction]] = {}
        for row in connection.execute(query).mappings():
            action = CorporateAction(**row)
            known.setdefault(_subject(action), []).append(action)
        new = []
        for action in batch:
            versions = known.setdefault(_subject(action), [])
            before = next((version for version in reversed(versions) if version.known_ns <= action.known_ns), None)
            if before is not None and _content(before) == _content(action):
                continue
            if before is not None and before.known_ns == action.known_ns:
                raise DataFault(
                    f"{action.kind} of {action.instrument} effective {action.effective_ns}, known {action.known_ns}: "
                    f"{_content(action)}, expected {_content(before)} as recorded before, or a later known time"
                )
            versions.append(action)
            versions.sort(key=_version)
            new.append(row_of(action, _ACTION))
        if new:
            connection.execute(sa.insert(corporate_action), new)
        added += len(new)
    return added


def select_actions(
    connection: Connection, *, as_of_ns: int, instruments: Sequence[str] | None, start_ns: int | None, end_ns: int | None
) -> list[CorporateAction]:
    """The version known at as_of_ns of each action effective in [start_ns, end_ns), sorted by instrument and time."""
    terms = [corporate_action.c.known_ns <= as_of_ns]
    if instruments is not None:
        terms.append(corporate_action.c.instrument.in_(instruments))
    if start_ns is not None:
        terms.append(corporate_action.c.effective_ns >= start_ns)
    if end_ns is not None:
        terms.append(corporate_action.c.effective_ns < end_ns)
    order = (corporate_action.c.instrument, corporate_action.c.effective_ns, corporate_action.c.kind, corporate_action.c.known_ns)
    query = sa.select(*_ACTION).where(*terms).order_by(*order)
    versions = [CorporateAction(**row) for row in connection.execute(query).mappings()]
    return [list(group)[-1] for _, group in groupby(versions, key=_subject)]


def save_universe(connection: Connection, universe: Universe) -> bool:
    """True when it says something new about its day."""
    last = _snapshot(connection, universe.name, universe_snapshot.c.day == universe.day)
    if last is not None and _members(connection, last.id) == _sorted(universe.members):
        return False
    if last is not None and last.known_ns >= universe.known_ns:
        raise DataFault(
            f"universe {universe.name} of {universe.day}: another one is known since {last.known_ns}, "
            f"expected a known time later than that, not {universe.known_ns}"
        )
    row = {"name": universe.name, "day": universe.day, "known_ns": universe.known_ns}
    number = connection.scalar(sa.insert(universe_snapshot).values(row).returning(universe_snapshot.c.id))
    for batch in batches(universe.members, 5_000):
        connection.execute(sa.insert(universe_member), [{"snapshot": number, **asdict(member)} for member in batch])
    return True


def select_universe(connection: Connection, name: str, as_of_ns: int) -> Universe | None:
    """The newest day's snapshot that was known then."""
    found = _snapshot(connection, name, universe_snapshot.c.known_ns <= as_of_ns)
    return None if found is None else Universe(name, found.day, found.known_ns, _members(connection, found.id))


def select_universes(connection: Connection, name: str | None) -> list[Universe]:
    """Every snapshot, oldest first."""
    query = sa.select(universe_snapshot).order_by(universe_snapshot.c.name, universe_snapshot.c.day, universe_snapshot.c.known_ns)
    if name is not None:
        query = query.where(universe_snapshot.c.name == name)
    return [Universe(row.name, row.day, row.known_ns, _members(connection, row.id)) for row in connection.execute(query).all()]


def _snapshot(connection: Connection, name: str, term: sa.ColumnElement[bool]) -> sa.Row[Any] | None:
    query = sa.select(universe_snapshot).where(universe_snapshot.c.name == name, term)
    return connection.execute(query.order_by(universe_snapshot.c.day.desc(), universe_snapshot.c.known_ns.desc()).limit(1)).first()


def _members(connection: Connection, snapshot: int) -> tuple[Member, ...]:
    columns = (universe_member.c.instrument, universe_member.c.rank, universe_member.c.weight)
    rows = connection.execute(sa.select(*columns).where(universe_member.c.snapshot == snapshot)).mappings()
    return _sorted([Member(**row) for row in rows])


def _sorted(members: Iterable[Member]) -> tuple[Member, ...]:
    return tuple(sorted(members, key=lambda member: (member.rank, member.instrument)))


def _refuse_overlap(connection: Connection, symbols: Sequence[str]) -> None:
    query = sa.select(*_TICKER).where(ticker_history.c.symbol.in_(symbols))
    query = query.order_by(ticker_history.c.venue, ticker_history.c.symbol, ticker_history.c.start_ns)
    found = [Ticker(**row) for row in connection.execute(query).mappings()]
    for before, after in pairwise(found):
        same_name = (before.venue, before.symbol) == (after.venue, after.symbol)
        if same_name and (before.end_ns is None or before.end_ns > after.start_ns):
            raise DataFault(
                f"ticker {after.symbol} at {after.venue}: {before.instrument} from {before.start_ns} to {before.end_ns} and "
                f"{after.instrument} from {after.start_ns}, expected one instrument at a time"
            )


def _covers(at_ns: int) -> tuple[sa.ColumnElement[bool], ...]:
    ends = ticker_history.c.end_ns
    return (ticker_history.c.start_ns <= at_ns, sa.or_(ends.is_(None), ends > at_ns))


def _subject(action: CorporateAction) -> tuple[str, str, int]:
    return (action.instrument, action.kind, action.effective_ns)


def _version(action: CorporateAction) -> tuple[str, str, int, int]:
    return (*_subject(action), action.known_ns)


def _content(action: CorporateAction) -> tuple[Any, ...]:
    return (action.value, action.currency, action.detail)


def _escaped(text: str) -> str:
    for special in (_LIKE_ESCAPE, "%", "_"):
        text = text.replace(special, _LIKE_ESCAPE + special)
    return text


def _like(column: sa.ColumnElement[str], pattern: str) -> sa.ColumnElement[bool]:
    return column.like(pattern, escape=_LIKE_ESCAPE)
