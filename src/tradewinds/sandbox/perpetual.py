"""What only perpetuals have: the mark price, the premium over the index, and funding every eight hours."""

from __future__ import annotations

from typing import Any

import numpy as np

from tradewinds.sandbox.bars import DAY_MS, Bars, Ints, aggregate, bucket_ceiling, decimals
from tradewinds.sandbox.market import EPOCH_DAY
from tradewinds.sandbox.world import World

FUNDING_MS = 8 * 3_600_000
USUAL_RATE = 10_000  # 0.0001 in units of 1e-8
_MARK_DECIMALS = 8
_BLOCK = 1_000


def mark_bars(world: World, symbol: str, interval: str, start_ms: int, end_ms: int) -> Bars:
    """Bars of the mark price: the spot path without its rounding to ticks; nothing trades at it, so volumes are zero."""
    start, now_ms = bucket_ceiling(interval, start_ms), world.clock.now_ms()
    minutes = world.source.bars(symbol, "1m", start, min(bucket_ceiling(interval, end_ms), now_ms), now_ms, "spot")
    scale = 10 ** max(0, _MARK_DECIMALS - minutes.price_decimals)
    offset = (minutes.start_ms // 60_000) % 7 * (scale // 16)
    fine = {name: getattr(minutes, name) * scale + offset for name in ("open", "high", "low", "close")}
    zero = np.zeros(len(minutes), np.int64)
    none: dict[str, Any] = dict.fromkeys(("volume", "quote", "taker", "taker_quote", "first_id"), zero)
    bars = Bars(
        start_ms=minutes.start_ms,
        end_ms=minutes.end_ms,
        trades=zero + 60,  # the venue counts one price a second here
        price_decimals=minutes.price_decimals + len(str(scale)) - 1,
        quantity_decimals=0,
        quote_decimals=0,
        **fine,
        **none,
    )
    return aggregate(bars, interval)


def funding(world: World, symbol: str, start_ms: int, end_ms: int) -> tuple[Ints, Ints]:
    """(times in ms, rates in 1e-8) of the settlements in [start_ms, end_ms) since the listing began.

    A settlement is stamped a few milliseconds late, as the venue does.
    """
    listing = world.source.listing(symbol, "um")
    assert listing is not None
    born = max(EPOCH_DAY, listing.start.toordinal() - 719_163) * DAY_MS
    first = -(-max(start_ms - 20, born) // FUNDING_MS)
    slots = np.arange(first, -(-end_ms // FUNDING_MS), dtype=np.int64)
    if not len(slots):
        return slots, slots
    blocks = range(int(slots[0]) // _BLOCK, int(slots[-1]) // _BLOCK + 1)
    draws = np.concatenate([world.market.generator(symbol, "funding", block).standard_normal(_BLOCK) for block in blocks])
    noise = draws[slots - blocks[0] * _BLOCK]
    rates = np.where(np.abs(noise) < 0.7, USUAL_RATE, USUAL_RATE + (noise * 9_000).astype(np.int64))
    times = slots * FUNDING_MS + (slots * 2_654_435_761 >> 7) % 12
    inside = (times >= start_ms) & (times < end_ms)
    return times[inside], rates[inside]


def funding_csv(world: World, symbol: str, start_ms: int, end_ms: int) -> bytes:
    """The archive's file of one month of funding."""
    import polars as pl

    times, rates = funding(world, symbol, start_ms, end_ms)
    hours = np.full(len(times), FUNDING_MS // 3_600_000)
    table = pl.DataFrame({"calc_time": times, "funding_interval_hours": hours, "last_funding_rate": decimals(rates, 8, 8)})
    return table.write_csv(None).encode()
