"""The bars that an account was told while it traded, from its journal: what a chart of today shows before the history has it.

The journal is read beside its writer, once from the beginning and then only what is new. For several threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from tradewinds.core.errors import Rejected
from tradewinds.core.market import Interval
from tradewinds.trading.entry import BarsClosed
from tradewinds.trading.journal import GENESIS, read
from tradewinds.wiring.accounts import account_of
from tradewinds.wiring.projection import journal_to_read

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

BARS_KEPT = 1_500  # of one instrument and interval
Candle = tuple[int, float, float, float, float]


class SeenBars:
    """Bars by account, instrument and interval."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()
        self._read: dict[str, tuple[int, bytes]] = {}
        self._kept: dict[str, dict[tuple[str, str], deque[Candle]]] = {}

    def candles(self, account: str, instrument: str) -> tuple[str, Sequence[Candle]]:
        """The shortest interval that was told of, and its bars: start, open, high, low, close, oldest first."""
        with self._lock:
            kept = self._caught_up(account)
            chosen = sorted((Interval(interval).ns or 0, interval) for name, interval in kept if name == instrument)
            return (chosen[0][1], tuple(kept[instrument, chosen[0][1]])) if chosen else ("", ())

    def prices(self, account: str) -> dict[str, float]:
        """The last close of every instrument that the account was told of."""
        last: dict[str, Candle] = {}
        with self._lock:
            for (name, _), bars in self._caught_up(account).items():
                if name not in last or bars[-1][0] > last[name][0]:
                    last[name] = bars[-1]
        return {name: bar[4] for name, bar in last.items()}

    def _caught_up(self, account: str) -> dict[tuple[str, str], deque[Candle]]:
        """Everything kept of an account, with what is new. The lock is held."""
        kept = self._kept.setdefault(account, {})
        sequence, last = self._read.get(account, (0, GENESIS))
        try:
            journal = journal_to_read(account_of(self._house.config, account), self._house.home)
        except Rejected:
            return kept  # it has never traded
        with closing(journal):
            for one, entry in read(journal.read(sequence), sequence, last):
                sequence, last = one.sequence, one.hash
                if isinstance(entry.input, BarsClosed):
                    _keep(kept, entry.input)
                self._read[account] = (sequence, last)
        return kept


def _keep(kept: dict[tuple[str, str], deque[Candle]], told: BarsClosed) -> None:
    start_ns = told.end_ns - (Interval(told.interval).ns or 0)
    for bar in told.bars:
        row = (start_ns, bar.open, bar.high, bar.low, bar.close)
        bars = kept.setdefault((bar.instrument, told.interval), deque(maxlen=BARS_KEPT))
        if not bars or bars[-1][0] < start_ns:
            bars.append(row)
