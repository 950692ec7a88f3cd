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
from tradewinds.simulation.books import EVENT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRICES = ("open", "high", "low", "close")


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

    rates: currency -> (times,) account currency per unit. session: default the UTC day of each bar's start.
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
    absent = [name for name in currencies[1:] if name not in (rates or {})]
    if absent:
        raise Rejected(f"market: no rate of {absent[0]} in {currency}, expected one for every currency traded")
    table = (
        np.ones((1, 1))
        if len(currencies) == 1
        else np.column_stack([np.ones(len(panel.times)), *((rates or {})[c] for c in currencies[1:])])
    )
    prices = {name: np.ascontiguousarray(panel.field(name)) for name in (*PRICES, "volume")}
    return Market(
        instruments=tuple(instruments),
        start_ns=panel.times,
        end_ns=panel.event_ns,
        session=panel.times // NS_PER_DAY if session is None else session,
        **prices,
        events=np.empty(0, EVENT) if events is None else events,
        currencies=currencies,
        rates=np.ascontiguousarray(table),
        vintage=vintage,
    )
