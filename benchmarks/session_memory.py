"""Memory of a trading session: 6.5 hours of minutes at 100 instruments through strategies, core and paper broker, and how it grows.

What is measured is the growth of live memory (tracemalloc) over the session after its first part, in MB an hour of session; the
process's own size stands beside it. What a trader's books keep by design (orders and fills) is part of it.
"""

from __future__ import annotations

import gc
import resource
import tempfile
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.paper_session import STARTED_NS, Session
from tradewinds.core.instrument import Instrument
from tradewinds.factors.indicator import sma
from tradewinds.simulation.rules import Account, BasisPoints, Setup
from tradewinds.trading.entry import Bar, BarsClosed
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.strategy import Strategy, event, vector
from tradewinds.trading.view import View

REACH_MB_PER_H = 1.0
MINUTE_NS = 60_000_000_000


@vector(lookback=30, interval="1m", targets="units")
def crossing(panel: Any, params: Any) -> Any:
    """A slow cross over all instruments: some orders an hour for each."""
    return np.where(sma(panel.close, 10) > sma(panel.close, 30), 1.0, 0.0)


@event(lookback=30, interval="1m")
class Watching:
    """An event strategy over all instruments that seldom trades."""

    def __init__(self, params: Any) -> None:
        self.bars = 0

    def on_bar(self, view: View) -> Any:
        self.bars += 1
        return np.where(view.closes > view.history("close", 30).max(axis=0) - 1e-12, 1.0, np.nan) if self.bars % 30 == 0 else None


def run(quick: bool = False) -> dict[str, object]:
    """The slope of memory. quick: 5 instruments and 60 minutes, of which nothing can be concluded."""
    width, count, settled = (5, 60, 30) if quick else (100, 390, 90)
    instruments = tuple(
        Instrument(f"S{at:03d}.XNAS", "equity", "USD", "24/7", tick=Decimal("0.01"), lot=Decimal(1)) for at in range(width)
    )  # fmt: skip
    rows = _rows(instruments, count)
    seen: list[tuple[int, int, float]] = []  # minute, live bytes, size of the process in MB

    def watch() -> None:
        seen.append((len(seen), 0, 0.0))
        if len(seen) >= settled and len(seen) % 15 == 0:
            gc.collect()
            seen[-1] = (len(seen), tracemalloc.get_traced_memory()[0], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

    chosen: list[Any] = [crossing, Watching]  # a decorator makes a class a Strategy, which type checkers do not see
    strategies = tuple(Hosted(one.name, one, instruments, "USD", warm_up_bars=60) for one in chosen if isinstance(one, Strategy))
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
        session = Session(Path(folder), strategies, Setup(Account(10_000_000.0, "USD"), (BasisPoints(1),)))
        tracemalloc.start()
        books = session.trade(rows, watch=watch)
        tracemalloc.stop()
    marks = [one for one in seen if one[1]]
    hours = np.array([one[0] for one in marks]) / 60.0
    slope = float(np.polyfit(hours, np.array([one[1] for one in marks]) / 1e6, 1)[0])
    return {
        "figures": {
            "slope_mb_per_h": round(slope, 3),
            "live_mb_at_end": round(marks[-1][1] / 1e6, 1),
            "process_mb_at_end": round(marks[-1][2], 1),
            "process_mb_grown": round(marks[-1][2] - marks[0][2], 1),
            "instruments": width, "minutes": count, "orders": len(books.orders),
        },
        "peers": {},
        "reach": {"slope_mb_per_h": {"value": round(slope, 3), "limit": REACH_MB_PER_H, "met": slope < REACH_MB_PER_H}},
    }  # fmt: skip


def _rows(instruments: tuple[Instrument, ...], count: int) -> list[BarsClosed]:
    drawn = np.random.default_rng(11)
    close = np.round(100.0 * np.exp(np.cumsum(drawn.normal(0, 0.0008, (count, len(instruments))), axis=0)), 2)
    found = []
    for at in range(count):
        end = STARTED_NS + (at + 1) * MINUTE_NS
        bars = tuple(
            Bar(one.id, price, round(price + 0.02, 2), round(price - 0.02, 2), price, 5000.0, end)
            for one, price in zip(instruments, close[at].tolist(), strict=True)
        )
        found.append(BarsClosed("1m", end, bars))
    return found
