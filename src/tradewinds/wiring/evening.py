"""The evening of one account: its day beside the broker's statement, the breaks, parity, the ledger, and the signed file.

1. The journal is read and replayed; the chain of hashes is checked on the way.
2. The broker is asked for its own statement: through the running service where one holds the account, else directly.
3. Holdings are those of now on both sides. A difference has to stay for some looks: an order may fill between the two questions.
4. Breaks go to the ledger and into the day's signed file; whoever called this tells a person.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewinds.core.broker import Broker, BrokerCapability, OrderRef
from tradewinds.core.errors import Transient
from tradewinds.core.instant import from_date
from tradewinds.core.instrument import Instrument
from tradewinds.live.control import ask
from tradewinds.live.statement import statement
from tradewinds.simulation.rules import Account as SimulatedAccount
from tradewinds.simulation.rules import Setup
from tradewinds.stores.daily import write_daily
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Compared, Entry
from tradewinds.trading.evening import Break, OurDay, Statement, breaks, day_of
from tradewinds.trading.journal import decode, read
from tradewinds.trading.settlement import Difference, differences
from tradewinds.wiring.accounts import TradedAccount, account_of
from tradewinds.wiring.brokers import BrokerParts, broker_of
from tradewinds.wiring.keys import keys_of
from tradewinds.wiring.projection import Projector, journal_to_read
from tradewinds.wiring.trade import instruments_for

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

LOOKS = 3
LOOK_AGAIN_S = 1.0
Parity = Callable[[TradedAccount, Iterable[Entry]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Evening:
    """What came of a day. parity: as JSON, None where it was not asked for. file: the signed one."""

    account: str
    day: date
    orders: int
    fills: int
    breaks: tuple[Break, ...]
    cash_moved: Mapping[str, str]
    sequence: int
    chain: str
    parity: Mapping[str, Any] | None
    file: Path


def evening(house: House, account: str, day: date, *, parity: Parity | None = None) -> Evening:
    """Reconcile a day (UTC) of an account. Raises Rejected where it never traded, Transient where its broker cannot be asked."""
    traded = account_of(house.config, account)
    start_ns, end_ns = from_date(day), from_date(day + timedelta(days=1))
    entries, sequence, chain = _entries(traded, house.home)
    ours = day_of(entries, start_ns, end_ns)
    known = instruments_for(sorted(_instruments(entries)), house)
    refs = [OrderRef(name, "", one.approved.terms.instrument) for name, one in ours.orders.items() if one.was_sent]
    theirs, held = _compared(house, traded, known, (start_ns, end_ns), refs)
    found = breaks(ours, theirs, held)
    house.ledger.trading.write_breaks(account, day, found, house.clock.now_ns())
    Projector(traded, house.home, house.ledger.trading, known).catch_up()
    compared = None if parity is None else parity(traded, entries)
    moved = {one.what: str(one.quantity) for one in ours.moved}
    report = _report(ours, found, moved, sequence, chain, compared)
    file = write_daily(house.home / "trade" / "daily", account, day, report)
    return Evening(account, day, len(ours.orders), len(ours.fills), found, moved, sequence, chain, compared, file)


def yesterday(now_ns: int) -> date:
    """The last day (UTC) that is over."""
    return (datetime.fromtimestamp(now_ns // 1_000_000_000, UTC) - timedelta(days=1)).date()


def _entries(account: TradedAccount, home: Path) -> tuple[list[Entry], int, str]:
    journal = journal_to_read(account, home)
    try:
        kept = list(read(journal.read()))
    finally:
        journal.close()
    last = kept[-1][0] if kept else None
    return [entry for _, entry in kept], 0 if last is None else last.sequence, "" if last is None else last.hash.hex()


def _instruments(entries: Iterable[Entry]) -> set[str]:
    found: set[str] = set()
    for entry in entries:
        for record in entry.records:
            order, fill = getattr(record, "order", None), getattr(record, "fill", None)
            found |= {order.terms.instrument} if order is not None else set()
            found |= {fill.instrument} if fill is not None else set()
    return found


def _compared(
    house: House, account: TradedAccount, known: Mapping[str, Instrument], span: tuple[int, int], refs: list[OrderRef]
) -> tuple[Statement, list[Difference]]:
    """The statement, and the differences of holdings that stayed for every look."""
    broker: Broker | None = None
    stayed: list[Difference] | None = None
    for look in range(LOOKS):
        if look:
            time.sleep(LOOK_AGAIN_S)
        try:
            theirs = _from_service(house.home, account.name, span, refs)
        except Transient:
            broker = broker or _broker(house, account, known)
            theirs = asyncio.run(_from_broker(broker, account.name, span, refs))
        books = _books(account, house.home, known)
        able = _capability(account, broker, house, known)
        now = [] if theirs.holdings is None else differences(books, theirs.holdings, able)
        now = [one for one in now if not _is_rounded(one, able, len(theirs.fills))]
        stayed = now if stayed is None else [one for one in now if one in stayed]
        if not stayed:
            break
    assert stayed is not None
    return theirs, stayed


def _is_rounded(difference: Difference, able: BrokerCapability, fills: int) -> bool:
    """Whether the venue's rounding of what so many fills moved explains it; the next comparison of a running service books it."""
    return difference.kind == "cash" and abs(difference.quantity) <= able.cash_step * fills


def _books(account: TradedAccount, home: Path, known: Mapping[str, Instrument]) -> Books:
    books = Books(account.name, account.config.lots, known, account.currency)
    entries, _, _ = _entries(account, home)
    for entry in entries:
        books.apply(entry.time_ns, entry.records)
    return books


def _capability(account: TradedAccount, broker: Broker | None, house: House, known: Mapping[str, Instrument]) -> BrokerCapability:
    return (broker or _broker(house, account, known)).capability


def _broker(house: House, account: TradedAccount, known: Mapping[str, Instrument]) -> Broker:
    keys = keys_of(account.name, connection=account.config.connection)
    setup = Setup(SimulatedAccount(currency=account.currency))  # of a paper broker; what it holds comes from its own file
    return broker_of(BrokerParts(account, keys, known, house.clock, house.home / "trade", setup))


def _from_service(home: Path, account: str, span: tuple[int, int], refs: list[OrderRef]) -> Statement:
    words = {"account": account, "start_ns": span[0], "end_ns": span[1], "orders": [list(asdict(one).values()) for one in refs]}
    told = decode(ask(home, "statement", words)["entry"].encode()).input
    assert isinstance(told, Compared)
    return Statement(account, *span, told.open_orders, told.fills, told.holdings)


async def _from_broker(broker: Broker, account: str, span: tuple[int, int], refs: list[OrderRef]) -> Statement:
    await broker.open(lambda told: None)
    try:
        return await statement(broker, account, *span, refs)
    finally:
        await broker.close()


def _report(
    ours: OurDay, found: tuple[Break, ...], moved: Mapping[str, str], sequence: int, chain: str, parity: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "orders": {name: {"state": one.state.value, "filled": str(one.filled)} for name, one in ours.orders.items()},
        "fills": [
            {"id": one.id, "order": one.client_order_id, "instrument": one.instrument, "signed": str(one.signed), "price": str(one.price),
             "commission": str(one.commission), "commission_currency": one.commission_currency or one.currency, "event_ns": one.event_ns}
            for one in ours.fills.values()
        ],
        "breaks": [asdict(one) for one in found], "cash_moved": dict(moved), "journal": {"sequence": sequence, "hash": chain},
        "parity": parity,
    }  # fmt: skip
