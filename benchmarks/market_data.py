"""Generated minute bars for the benchmarks: a seeded random walk per symbol, rounded to ticks like a venue's."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from tradewinds.core.instant import NS_PER_MINUTE, parse

START_NS = parse("2023-01-01")
MINUTES_OF_YEAR = 525_600
SEED = 20_231_231


def symbols(count: int) -> list[str]:
    """The instruments, in order."""
    return [f"S{number:03d}USDT.BENCH" for number in range(count)]


def year(symbol: str, *, minutes: int = MINUTES_OF_YEAR) -> pl.DataFrame:
    """The first minutes of 2023 of one symbol, as a vendor's parser returns them: every column of a crypto bar."""
    generator = np.random.default_rng([SEED, int(symbol[1:4])])
    tick = 10.0 ** -generator.integers(1, 5)
    close = np.round(np.exp(np.cumsum(generator.normal(0, 4e-4, minutes))) * generator.uniform(50, 5_000) / tick) * tick
    start = START_NS + np.arange(minutes, dtype=np.int64) * NS_PER_MINUTE
    opened = np.concatenate([close[:1], close[:-1]])
    wick = np.abs(generator.normal(0, 2e-4, (2, minutes))) * close
    volume = np.round(generator.exponential(25.0, minutes), 3)
    taken = np.round(volume * generator.uniform(0, 1, minutes), 3)
    constant = pl.DataFrame({"instrument": [symbol], "source": [f"{int(symbol[1:4]):064x}"]})
    values = {
        "start_ns": start,
        "event_ns": start + NS_PER_MINUTE,
        "known_ns": start + NS_PER_MINUTE,
        "captured_ns": np.full(minutes, START_NS + MINUTES_OF_YEAR * NS_PER_MINUTE),
        "open": opened,
        "high": np.round((np.maximum(opened, close) + wick[0]) / tick) * tick,
        "low": np.round((np.minimum(opened, close) - wick[1]) / tick) * tick,
        "close": close,
        "volume": volume,
        "quote_volume": np.round(volume * close, 6),
        "trades": generator.poisson(80, minutes),
        "taker_base": taken,
        "taker_quote": np.round(taken * close, 6),
    }
    return pl.DataFrame(values).with_columns(
        constant["instrument"].new_from_index(0, minutes), constant["source"].new_from_index(0, minutes)
    )


def months(minutes: int = MINUTES_OF_YEAR) -> list[tuple[str, int, int]]:
    """(partition, first row, row after the last) of each month of 2023 that begins within the minutes."""
    edges = [(parse(f"2023-{month:02d}-01") - START_NS) // NS_PER_MINUTE for month in range(1, 13)] + [MINUTES_OF_YEAR]
    return [(f"2023-{n + 1:02d}", edges[n], min(edges[n + 1], minutes)) for n in range(12) if edges[n] < minutes]


def median_ms(action: Callable[[int], object], *, rounds: int) -> float:
    """Median wall time in milliseconds of action(0), action(1), ... after one round that is not counted."""
    action(rounds)
    taken = []
    for number in range(rounds):
        begin = time.perf_counter()
        action(number)
        taken.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(taken)


def alternated_ms(actions: dict[str, Callable[[int], object]], *, rounds: int) -> dict[str, float]:
    """`median_ms` of several actions taking turns, so that a noisy neighbour hits them alike."""
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(-1, rounds):
        for name, action in actions.items():
            begin = time.perf_counter()
            action(number % rounds)
            if number >= 0:
                taken[name].append((time.perf_counter() - begin) * 1e3)
    return {name: statistics.median(values) for name, values in taken.items()}


def reach(value: float, limit: float, *, at_least: bool = False) -> dict[str, object]:
    """One line of the `reach` table."""
    return {"value": round(value, 3), "limit": limit, "met": value >= limit if at_least else value <= limit}


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    model = next((line.split(":", 1)[1].strip() for line in _cpu_lines() if line.startswith("model name")), platform.processor())
    import os

    return {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}


def _cpu_lines() -> Sequence[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []
