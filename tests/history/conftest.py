"""A small market in which faults can be planted by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pytest

DAY = 86_400_000_000_000
HOUR = DAY // 24
OPEN, CLOSE = 14 * HOUR, 21 * HOUR


@dataclass
class Planted:
    """Rows of vendors that may be edited: `row(vendor, symbol, t)` is a dictionary, t counts sessions from 0."""

    rows: dict[str, dict[str, list[dict[str, object]]]]
    extra: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def row(self, vendor: str, symbol: str, t: int) -> dict[str, object]:
        return self.rows[vendor][symbol][t]

    def drop(self, vendor: str, symbol: str, t: int) -> None:
        self.rows[vendor][symbol][t]["dropped"] = True

    def again(self, vendor: str, symbol: str, t: int, **changes: object) -> None:
        """A further row for the same session."""
        self.extra.setdefault(vendor, []).append({**self.row(vendor, symbol, t), **changes})

    def frames(self) -> dict[str, pl.DataFrame]:
        return {
            vendor: pl.DataFrame(
                [
                    {key: value for key, value in row.items() if key != "dropped"}
                    for row in [*(row for rows in by_symbol.values() for row in rows), *self.extra.get(vendor, [])]
                    if not row.get("dropped")
                ],
                infer_schema_length=None,
            )
            for vendor, by_symbol in self.rows.items()
        }


def plant(
    vendors: tuple[str, ...] = ("alpha", "bravo", "charlie"), symbols: tuple[str, ...] = ("AAA.XNYS", "BBB.XNYS"), sessions: int = 60
) -> Planted:
    """A random walk of one percent a day for each symbol (AAA near 100, BBB near 40), seen by every vendor with honest disagreements.

    Closes differ by at most one basis point, opens by two, volumes by four percent. Session t begins on day 20000 + t at 14:00 and ends
    at 21:00; its rows are received an hour later.
    """
    rows: dict[str, dict[str, list[dict[str, object]]]] = {vendor: {} for vendor in vendors}
    for k, symbol in enumerate(symbols):
        walk = np.random.default_rng(1000 + k)
        level = 100.0 if k == 0 else 40.0 + 7 * k
        for t in range(sessions):
            begin = level * float(np.exp(walk.normal(0, 0.003)))
            end = begin * float(np.exp(walk.normal(0, 0.01)))
            top, bottom = max(begin, end) * 1.004, min(begin, end) * 0.996
            traded = float(round(1e6 * np.exp(walk.normal(0, 0.2))))
            level = end
            for v, vendor in enumerate(vendors):
                noise = np.random.default_rng((k, t, v))
                o = begin * (1 + noise.uniform(-1e-4, 1e-4))
                c = end * (1 + noise.uniform(-5e-5, 5e-5))
                start = (20_000 + t) * DAY
                rows[vendor].setdefault(symbol, []).append(
                    {
                        "instrument": symbol,
                        "start_ns": start + OPEN,
                        "event_ns": start + CLOSE,
                        "known_ns": start + CLOSE + HOUR + v,
                        "open": o,
                        "high": max(top, o, c),
                        "low": min(bottom, o, c),
                        "close": c,
                        "volume": round(traded * noise.uniform(0.96, 1.0)),
                        "split_factor": 1.0,
                    }
                )
    return Planted(rows)


@pytest.fixture(scope="session")
def planted_market() -> Callable[..., Planted]:
    """The function `plant`."""
    return plant
