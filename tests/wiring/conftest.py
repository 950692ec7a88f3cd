"""A small house: its clock stands at the start of 2025, daily bars are published by the functions below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tradewinds.calendars.sessions import calendar
from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import load_config

Publish = Callable[..., None]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house with nothing in it."""
    (tmp_path / "tradewinds.yaml").write_text("{}\n")
    config = load_config(tmp_path / "tradewinds.yaml", {"TRADEWINDS_HOME": str(tmp_path / "home")})
    made = House(config, clock=ReplayClock(parse("2025-01-01")))
    yield made
    made.close()


@pytest.fixture
def publish(house: House) -> Publish:
    """Publishes bars: `publish("AAPL.XNAS", "2024-01-02", [1.0, 2.0])`, one close a bar of the calendar from that day on."""

    def call(
        instrument: str,
        first: str,
        closes: Sequence[float],
        *,
        market: str = "XNYS",
        interval: str = "1d",
        known_ns: Mapping[int, int] | None = None,
        lag_ns: int = 30 * NS_PER_MINUTE,
    ) -> None:
        starts, ends = calendar(market).bar_edges(parse(first), parse("2024-12-31"), interval)
        starts, ends = starts[: len(closes)], ends[: len(closes)]
        assert len(starts) == len(closes)
        known = ends + lag_ns
        for row, instant in (known_ns or {}).items():
            known[row] = instant
        values = np.array(closes, dtype=np.float64)
        frame = pl.DataFrame(
            {
                "instrument": [instrument] * len(closes),
                "start_ns": starts,
                "event_ns": ends,
                "known_ns": known,
                "captured_ns": known,
                "source": ["test"] * len(closes),
                "open": values,
                "high": values + 0.5,
                "low": values - 0.5,
                "close": values,
                "volume": np.full(len(closes), 1000.0),
            }
        )
        table = Table(bars(interval))
        partitions = [table.dataset.partition_of(int(start)) for start in starts]
        for partition in sorted(set(partitions)):
            house.lake.publish(table, partition, frame.filter(pl.Series([one == partition for one in partitions])))

    return call
