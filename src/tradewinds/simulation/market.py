"""`Market`: bars as traded, the rules of their instruments and what happened to them, ready for the kernel.

1. Bars of one interval on one time axis, NaN where an instrument did not trade.
2. Events (splits, dividends, delistings, renames, funding) placed before the open of the first bar that starts at or after them.
3. Dated rates of every currency against the account's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY, text
from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.books import DELISTING, DIVIDEND, EVENT, EVENTS, FUNDING, RENAME, SPLIT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRICES = ("open", "high", "low", "close")
_ORDER = (FUNDING, DIVIDEND, SPLIT, RENAME, DELISTING)  # within a row and instrument
_CHECKED_CELLS = 1_000_000  # at once, so that the answers stay in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """Build it with `market_of_panel`; arrays are read-only, prices (times, instruments) in each instrument's currency.

    start_ns, end_ns: (times,) of each bar. session: (times,) number of the session a bar belongs to. events: EVENT.
    currencies: the account's first; rates: (times or 1, currencies) account currency per unit. vintage: name of the data's vintage.
    """

    instruments: tuple[Instrument, ...]
    start_ns: Ints
    end_ns: Ints
    session: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    events: NDArray[np.void] = field(default_factory=lambda: np.empty(0, EVENT))
    currencies: tuple[str, ...] = ("USD",)
    rates: Floats = field(default_factory=lambda: np.ones((1, 1)))
    vintage: str = "unnamed"

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(one.id for one in self.instruments)

    @property
    def shape(self) -> tuple[int, int]:
        """(times, instruments)."""
        return self.close.shape[0], self.close.shape[1]


def market_of_panel(
    panel: Panel,
    instruments: Sequence[Instrument],
    *,
    currency: str = "USD",
    rates: Mapping[str, Floats] | None = None,
    events: NDArray[np.void] | None = None,
    session: Ints | None = None,
    vintage: str = "unnamed",
) -> Market:
    """A market of a panel that holds open, high, low, close and volume as traded; nothing is copied.

    rates: currency -> (times,) account currency per unit. session: rising numbers of each bar's session, default the UTC day of its start.
    events: EVENT in any order. Raises DataFault for bars that overlap or hold impossible prices, Rejected for parts that do not fit.
    """
    if [one.id for one in instruments] != list(panel.instruments):
        raise Rejected(
            f"market: instruments {[one.id for one in instruments][:5]}, expected those of the panel, {list(panel.instruments)[:5]}"
        )
    if 0 in panel.shape:
        raise DataFault(f"market: a panel of {panel.shape[0]} times by {panel.shape[1]} instruments, expected at least one of each")
    late = np.flatnonzero(panel.event_ns[:-1] > panel.times[1:])
    if len(late):
        at = int(late[0])
        raise DataFault(
            f"market: the bar that starts {text(int(panel.times[at]))} ends {text(int(panel.event_ns[at]))}, after the next one starts "
            f"{text(int(panel.times[at + 1]))}; expected bars that do not overlap"
        )
    currencies = (currency, *sorted({one.currency for one in instruments} - {currency}))
    prices = {name: np.ascontiguousarray(panel.field(name)) for name in (*PRICES, "volume")}
    _check_bars(panel, prices)
    days = np.ascontiguousarray(panel.times // NS_PER_DAY if session is None else session, dtype=np.int64)
    if days.shape != panel.times.shape or bool((np.diff(days) < 0).any()):
        raise Rejected(f"market: sessions of shape {days.shape}, expected a number that never falls for each of {len(panel.times)} bars")
    return Market(
        instruments=tuple(instruments),
        start_ns=panel.times,
        end_ns=panel.event_ns,
        session=days,
        **prices,
        events=np.empty(0, EVENT) if events is None else events_sorted(events, panel.shape),
        currencies=currencies,
        rates=_rate_table(currencies, rates or {}, len(panel.times)),
        vintage=vintage,
    )


def events_sorted(events: NDArray[np.void], shape: tuple[int, int]) -> NDArray[np.void]:
    """EVENT in the order in which the kernel books them: by row and instrument, what is paid on the old shares before a split.

    shape: (times, instruments) of the market. Raises Rejected for an event that cannot be: its place, kind or value.
    """
    if events.dtype != EVENT:
        raise Rejected(f"market: events of {events.dtype}, expected EVENT {EVENT.names}")
    kind, value = events["kind"], events["value"]
    is_inside = (events["row"] >= 0) & (events["row"] < shape[0]) & (events["instrument"] >= 0) & (events["instrument"] < shape[1])
    is_fit = np.isin(kind, _ORDER) & ~np.isinf(value) & (np.isfinite(value) | (kind == DELISTING) | (kind == RENAME))
    is_fit &= (value > 0) | (kind != SPLIT)
    is_fit &= ~(value < 0) | (kind == FUNDING)
    wrong = np.flatnonzero(~(is_inside & is_fit))
    if len(wrong):
        one = events[wrong[0]]
        raise Rejected(
            f"market: event {one.tolist()} {EVENT.names}, expected a row below {shape[0]}, an instrument below {shape[1]}, a kind of "
            f"{', '.join(EVENTS[code] for code in _ORDER)}, and a value: of a split above 0, of a dividend at least 0"
        )
    turn = np.argsort(np.array(_ORDER))[kind]
    return events[np.lexsort((turn, events["instrument"], events["row"]))]


def _check_bars(panel: Panel, prices: Mapping[str, Floats]) -> None:
    """Each bar has all four prices, above zero and with the high at least at the low, or none; volumes are not negative."""
    step = max(1, _CHECKED_CELLS // len(panel.instruments))
    for first in range(0, len(panel.times), step):
        rows = slice(first, first + step)
        opened, high, low, close, volume = (prices[name][rows] for name in (*PRICES, "volume"))
        is_fit = (opened > 0) & (low > 0) & (close > 0) & (high >= low)
        is_fit |= np.isnan(opened) & np.isnan(high) & np.isnan(low) & np.isnan(close)
        is_fit &= ~(volume < 0)
        is_fit &= ~(high == np.inf)
        if not is_fit.all():
            at, column = (int(place) for place in np.argwhere(~is_fit)[0])
            shown = ", ".join(f"{name} {float(prices[name][first + at, column])}" for name in (*PRICES, "volume"))
            raise DataFault(
                f"market: {panel.instruments[column]} at {text(int(panel.times[first + at]))}: {shown}; expected four prices above 0 with "
                "high at least low, or none, and a volume of at least 0"
            )


def _rate_table(currencies: tuple[str, ...], rates: Mapping[str, Floats], times: int) -> Floats:
    absent = [name for name in currencies[1:] if name not in rates]
    if absent:
        raise Rejected(f"market: no rate of {absent[0]} in {currencies[0]}, expected one for every currency traded")
    if len(currencies) == 1:
        return np.ones((1, 1))
    for name in currencies[1:]:
        values = np.asarray(rates[name])
        if values.shape != (times,) or not bool((np.isfinite(values) & (values > 0)).all()):
            raise Rejected(f"market: rates of {name} of shape {values.shape}, expected {times} numbers above 0, one for each bar")
    return np.ascontiguousarray(np.column_stack([np.ones(times), *(rates[name] for name in currencies[1:])]))
