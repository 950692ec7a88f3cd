"""What a market needs beside its bars: rules of instruments, sessions, corporate actions and funding as events, rates of currencies.

Every function is given facts and answers arrays; `wiring.market` fetches the facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.calendars.sessions import ALWAYS_OPEN, NAMES, Calendar, calendar
from tradewinds.core.errors import DataFault, Missing
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE, text
from tradewinds.core.instrument import CorporateAction, Instrument, InstrumentKind, split_id
from tradewinds.core.record import Universe
from tradewinds.history.panel import UNKNOWN_NS, Panel
from tradewinds.simulation.books import DELISTING, DIVIDEND, EVENT, FUNDING, RENAME, SPLIT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FILE_VENUE = "FILE"
QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD", "EUR", "GBP", "JPY", "CHF", "TRY", "BTC", "ETH", "BNB")
WHOLE = Decimal(1)
FINE = Decimal("0.00000001")
# A feed's usual second or two between a bar's end and its arrival is not lateness.
LATE_AFTER_NS = NS_PER_MINUTE
_KINDS = {"split": SPLIT, "dividend": DIVIDEND, "delisting": DELISTING, "rename": RENAME}


def instrument_of(name: str, currency: str | None = None) -> Instrument:
    """What is assumed of an instrument that nobody registered.

    An equity in dollars where its venue is an exchange or a file; elsewhere a pair, whose name ends with its currency.
    """
    symbol, venue = split_id(name)
    is_listed = venue in NAMES or venue == FILE_VENUE
    kind: InstrumentKind = "equity" if is_listed else "other"
    quote = "USD" if is_listed else next((one for one in QUOTES if symbol.upper().endswith(one) and len(symbol) > len(one)), "USD")
    return Instrument(name, kind, currency or quote, calendar=venue if venue in NAMES else ALWAYS_OPEN)


def with_lots(instruments: Iterable[Instrument], lot: Decimal | None = None) -> tuple[list[Instrument], list[str]]:
    """Every instrument with a lot, and notes on those that stated none: whole shares of equities, 0.00000001 of anything else.

    lot: for all of them, whatever they state.
    """
    found: list[Instrument] = []
    assumed: dict[Decimal, list[str]] = {}
    for one in instruments:
        chosen = lot or one.lot or (WHOLE if one.kind == "equity" else FINE)
        if lot is None and one.lot is None:
            assumed.setdefault(chosen, []).append(one.id)
        found.append(replace(one, lot=chosen))
    return found, [f"lot of {some(names)} is not known: {size:f} assumed" for size, names in assumed.items()]


def calendar_of(instruments: Sequence[Instrument]) -> Calendar:
    """The calendar that all share; where they differ, or it is not known, the one that is always open."""
    names = {one.calendar for one in instruments}
    name = names.pop() if len(names) == 1 else ALWAYS_OPEN
    return calendar(name if name in (*NAMES, ALWAYS_OPEN) else ALWAYS_OPEN)


def session_numbers(sessions: Calendar, start_ns: Ints) -> Ints:
    """(times,) number of the session each bar starts in; a bar outside every session belongs to the one before it."""
    try:
        days = sessions.session_days(start_ns)
    except DataFault:  # older or newer than the calendar: UTC days
        return start_ns // NS_PER_DAY
    return np.maximum.accumulate(days)


def events_of(
    instruments: Sequence[str], start_ns: Ints, actions: Iterable[CorporateAction], fundings: Iterable[tuple[str, int, float, float]] = ()
) -> NDArray[np.void]:
    """EVENT rows: each action before the first bar that starts at or after it, unless that is the first bar or none.

    fundings: (instrument, instant, rate, mark price or NaN).
    """
    column = {name: index for index, name in enumerate(instruments)}
    rows: list[tuple[int, int, int, float, float]] = []
    for action in actions:
        kind = _KINDS.get(action.kind)
        if kind is not None and action.instrument in column:
            value = float(action.value) if action.value is not None else np.nan
            rows.append((_row(start_ns, action.effective_ns), column[action.instrument], kind, value, np.nan))
    for name, instant_ns, rate, price in fundings:
        if name in column:
            rows.append((_row(start_ns, instant_ns), column[name], FUNDING, rate, price))
    return np.array(sorted(row for row in rows if 0 < row[0] < len(start_ns)), EVENT)


def late_cells(panel: Panel) -> NDArray[np.bool_]:
    """(times, instruments): cells that nobody knew yet when the next bar had begun, so that no decision at their end could use them."""
    following = np.r_[panel.times[1:], UNKNOWN_NS]
    limit = np.maximum(following, panel.event_ns + LATE_AFTER_NS)
    late: NDArray[np.bool_] = (panel.known_ns > limit[:, None]) & (panel.known_ns != UNKNOWN_NS)
    return late


def members_of(snapshots: Sequence[Universe], instruments: Sequence[str], end_ns: Ints) -> NDArray[np.bool_]:
    """(times, instruments): who belonged to the universe by the last snapshot that was known at each bar's end."""
    order = sorted(snapshots, key=lambda one: (one.known_ns, one.day))
    column = {name: index for index, name in enumerate(instruments)}
    table = np.zeros((len(order) + 1, len(instruments)), np.bool_)
    for number, snapshot in enumerate(order):
        for member in snapshot.members:
            if member.instrument in column:
                table[number + 1, column[member.instrument]] = True
    return table[np.searchsorted([one.known_ns for one in order], end_ns, side="right")]


def rate_series(frame: Any, end_ns: Ints, what: str) -> Floats:
    """(times,) the last of the rows (event_ns, known_ns, rate; numpy columns) known at each bar's end; by event where several are."""
    order = np.lexsort((frame["event_ns"], frame["known_ns"]))
    event, known, rate = (frame[name][order] for name in ("event_ns", "known_ns", "rate"))
    is_newest = event >= np.maximum.accumulate(event) if len(event) else np.empty(0, np.bool_)
    known, rate = known[is_newest], rate[is_newest]
    at = np.searchsorted(known, end_ns, side="right") - 1
    if len(at) and at[0] < 0:
        first = text(int(known[0])) if len(known) else "never"
        raise Missing(f"rate of {what}: the first is known {first}, expected one by {text(int(end_ns[0]))}")
    return np.asarray(rate, np.float64)[at]


def rates_against(account: str, needed: Sequence[str], per_euro: Mapping[str, Floats]) -> dict[str, Floats]:
    """Account currency per unit of each needed one, from units per euro (times,); the euro itself is one."""
    ones = {"EUR": np.ones(len(next(iter(per_euro.values()))))} if per_euro else {}
    table = ones | dict(per_euro)
    return {name: table[account] / table[name] for name in needed if name in table and account in table}


def some(names: Sequence[str], limit: int = 3) -> str:
    """A few of the names, and how many more there are."""
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def _row(start_ns: Ints, instant_ns: int) -> int:
    return int(np.searchsorted(start_ns, instant_ns))
