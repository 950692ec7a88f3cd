"""A seeded foreign-exchange market: any five seconds of any pair on request.

Daily anchors as in `market`; a day is a bridge over 17,280 nodes of five seconds, each with a number of price updates. It is open from
Sunday 17:00 to Friday 17:00 New York; nodes, minutes and hours without an update have no bar. Prices count 10**-decimals.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from tradewinds.sandbox.bars import DAY_MS, Ints
from tradewinds.sandbox.bridge import mean_reverting
from tradewinds.sandbox.market import EPOCH_DAY, LAST_DAY, SeededMarket

NEW_YORK = ZoneInfo("America/New_York")
NODE_MS = 5_000
_NODES = DAY_MS // NODE_MS
_HOUR_MS = 3_600_000
_DAYS_CACHED = 32
_HOURS_CACHED = 8_192
# Price, decimals, pip decimals, daily volatility in basis points, usual spread in the smallest unit.
PAIRS: dict[str, tuple[float, int, int, float, int]] = {
    "EUR_USD": (1.085, 5, 4, 45, 14),
    "GBP_USD": (1.27, 5, 4, 52, 20),
    "USD_JPY": (148.0, 3, 2, 55, 16),
    "USD_CHF": (0.885, 5, 4, 46, 18),
    "AUD_USD": (0.655, 5, 4, 60, 16),
    "USD_CAD": (1.36, 5, 4, 40, 20),
    "NZD_USD": (0.605, 5, 4, 60, 20),
    "EUR_GBP": (0.855, 5, 4, 35, 16),
    "EUR_JPY": (160.6, 3, 2, 55, 20),
    "GBP_JPY": (188.0, 3, 2, 62, 30),
    "EUR_CHF": (0.96, 5, 4, 30, 20),
    "USD_CNH": (7.22, 5, 4, 25, 40),
    "XAU_USD": (2350.0, 3, 2, 85, 300),
}


@dataclass(frozen=True, slots=True)
class Quotes:
    """Bid and ask bars with the number of updates; only bars in which the price was updated."""

    start_ms: Ints
    bid_open: Ints
    bid_high: Ints
    bid_low: Ints
    bid_close: Ints
    ask_open: Ints
    ask_high: Ints
    ask_low: Ints
    ask_close: Ints
    updates: Ints

    def __len__(self) -> int:
        return len(self.start_ms)

    def take(self, index: Any) -> Quotes:
        """The rows of a slice or mask."""
        columns: dict[str, Any] = {name: getattr(self, name)[index] for name in _NAMES}
        return replace(self, **columns)


_NAMES = tuple(field.name for field in fields(Quotes))


class SeededFx:
    """Quotes of the pairs in `PAIRS`."""

    def __init__(self, market: SeededMarket) -> None:
        self._market = market
        self._anchors = lru_cache(len(PAIRS))(self._make_anchors)
        self._nodes = lru_cache(_DAYS_CACHED)(self._make_nodes)
        self._hours = lru_cache(_HOURS_CACHED)(self._make_hours)

    def quotes(self, pair: str, start_ms: int, end_ms: int, *, hourly: bool = False) -> Quotes:
        """Five-second bars, or hourly ones, that start in [start_ms, end_ms)."""
        first, last = max(EPOCH_DAY, start_ms // DAY_MS), min(LAST_DAY - 1, (end_ms - 1) // DAY_MS)
        days = [(self._hours if hourly else self._nodes)(pair, day) for day in range(first, last + 1)]
        if not days:
            return self._nodes(pair, EPOCH_DAY).take(slice(0, 0))
        joined = join(days)
        low, high = np.searchsorted(joined.start_ms, [start_ms, end_ms])
        return joined.take(slice(int(low), int(high)))

    def mid(self, pair: str, day: int) -> float:
        """About where the pair stands at midnight UTC of a day since 1970."""
        return float(np.exp(self._anchors(pair)[day - EPOCH_DAY]))

    def _make_anchors(self, pair: str) -> NDArray[np.float64]:
        price, _, _, volatility, _ = PAIRS[pair]
        shocks = self._market.generator("fx", pair).standard_normal(LAST_DAY - EPOCH_DAY + 1)
        path: NDArray[np.float64] = np.log(price) + mean_reverting(shocks * volatility * 1e-4, keep=0.998)
        return path

    def _make_nodes(self, pair: str, day: int) -> Quotes:
        _, decimals, _, volatility, spread = PAIRS[pair]
        generator, anchors = self._market.generator("fx", pair, day), self._anchors(pair)
        steps = generator.standard_normal(_NODES) * volatility * 1e-4 / np.sqrt(_NODES)
        path = np.cumsum(steps)
        start, end = anchors[day - EPOCH_DAY], anchors[day - EPOCH_DAY + 1]
        path += start - steps[0] + (end - start - path[-1]) * np.arange(_NODES) / _NODES
        middle = np.rint(np.exp(path) * 10**decimals).astype(np.int64)
        hour = np.arange(24)
        busy = np.repeat(0.25 + 1.6 * np.exp(-(((hour - 14) / 5.0) ** 2)) + 0.4 * np.exp(-(((hour - 7) / 3.0) ** 2)), _NODES // 24)
        is_open = np.repeat(_open_hours(day), _NODES // 24)
        updates = (generator.standard_exponential(_NODES, dtype=np.float32) * busy * 1.5 + 0.2).astype(np.int64) * is_open
        jump = (generator.random(_NODES, dtype=np.float32) * (spread // 2 + 2)).astype(np.int64)
        wide = np.maximum(spread, np.repeat(_rollover(day), _NODES // 24) * spread * 4)
        half = wide // 2
        bid, ask = middle - half, middle + (wide - half)
        begin = day * DAY_MS + np.arange(_NODES, dtype=np.int64) * NODE_MS
        after = np.append(middle[1:], middle[-1]) - middle
        closing = np.where(updates > 1, after // 2, 0)
        quotes = Quotes(
            begin,
            bid,
            bid + np.maximum(closing, 0) + np.where(updates > 2, jump, 0),
            bid + np.minimum(closing, 0) - np.where(updates > 2, jump, 0),
            bid + closing,
            ask,
            ask + np.maximum(closing, 0) + np.where(updates > 2, jump, 0),
            ask + np.minimum(closing, 0) - np.where(updates > 2, jump, 0),
            ask + closing,
            updates,
        )
        return quotes.take(updates > 0)

    def _make_hours(self, pair: str, day: int) -> Quotes:
        if not _open_hours(day).any():
            return self._nodes(pair, EPOCH_DAY).take(slice(0, 0))
        nodes = self._make_nodes(pair, day)
        return merge(nodes, nodes.start_ms // _HOUR_MS * _HOUR_MS)


def merge(quotes: Quotes, start_ms: Ints) -> Quotes:
    """Longer bars: `start_ms` says for each row where its longer bar begins, in order."""
    if not len(quotes):
        return quotes
    edges = np.concatenate([[0], np.flatnonzero(np.diff(start_ms)) + 1])
    last = np.append(edges[1:], len(start_ms)) - 1
    columns: dict[str, Any] = {"start_ms": start_ms[edges], "updates": np.add.reduceat(quotes.updates, edges)}
    for side in ("bid", "ask"):
        columns[f"{side}_open"] = getattr(quotes, f"{side}_open")[edges]
        columns[f"{side}_close"] = getattr(quotes, f"{side}_close")[last]
        columns[f"{side}_high"] = np.maximum.reduceat(getattr(quotes, f"{side}_high"), edges)
        columns[f"{side}_low"] = np.minimum.reduceat(getattr(quotes, f"{side}_low"), edges)
    return Quotes(**columns)


def join(parts: list[Quotes]) -> Quotes:
    """One run of quotes from several, in the order given."""
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _NAMES}
    return Quotes(**columns)


@lru_cache(_HOURS_CACHED)
def _local_hours(day: int) -> tuple[tuple[int, int], ...]:
    """(weekday, hour) in New York of each UTC hour of a day."""
    moments = (datetime.fromtimestamp(day * 86_400 + hour * 3_600, UTC).astimezone(NEW_YORK) for hour in range(24))
    return tuple((moment.weekday(), moment.hour) for moment in moments)


def _open_hours(day: int) -> NDArray[np.bool_]:
    return np.array([is_open(weekday, hour) for weekday, hour in _local_hours(day)])


def is_open(weekday: int, hour: int) -> bool:
    """Whether the market is open in an hour of New York; Monday is 0."""
    if weekday == 5:
        return False
    return hour >= 17 if weekday == 6 else hour < 17 if weekday == 4 else True


def _rollover(day: int) -> Ints:
    return np.array([int(hour == 17) for _, hour in _local_hours(day)], np.int64)
