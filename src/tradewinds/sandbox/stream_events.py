"""What a market stream says between two instants: pure functions from bars and prints to event objects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewinds.sandbox.bars import DAY_MS, MINUTE_MS, bucket_start, next_bucket, rows
from tradewinds.sandbox.binance_info import status_of
from tradewinds.sandbox.binance_questions import WIRE_INTERVALS, is_future
from tradewinds.sandbox.prints import aggregates, first_id
from tradewinds.sandbox.recorded import RecordedMarket
from tradewinds.sandbox.world import World

VENUE = "binance_stream"
CATCH_UP_MAX = 1_000  # closed candles, or trades, that one leap of the clock brings; older ones are lost, as in life
UPDATE_MS = 2_000
_NAME = re.compile(r"([a-z0-9]+)@(kline_(\w+)|trade|aggTrade|miniTicker|bookTicker)")

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream: what it is called, and what it brings."""

    name: str
    symbol: str
    content: str
    interval: str | None = None


def stream(world: World, name: str) -> Stream | None:
    """The stream of a name such as btcusdt@kline_1m; None for one that the venue does not have."""
    match = _NAME.fullmatch(name)
    if match is None or (match[3] is not None and match[3] not in WIRE_INTERVALS):
        return None
    listing = world.source.listing(match[1].upper(), "spot")
    if listing is None or is_future(world, listing):
        return None
    interval = None if match[3] is None else WIRE_INTERVALS[match[3]]
    return Stream(name, listing.symbol, "kline" if interval else match[2], interval)


def events(world: World, each: Stream, since_ms: int, now_ms: int) -> list[Event]:
    """Everything the stream says in (since_ms, now_ms]."""
    listing = world.source.listing(each.symbol, "spot") if each.symbol else None
    if listing is None or status_of(world, listing) != "TRADING" or now_ms <= since_ms:
        return []
    if each.content == "kline":
        return _klines(world, each, since_ms, now_ms)
    if each.content in ("trade", "aggTrade"):
        return _trades(world, each, since_ms, now_ms)
    return _ticker(world, each, since_ms, now_ms)


def _klines(world: World, each: Stream, since_ms: int, now_ms: int) -> list[Event]:
    assert each.interval is not None
    start, current = bucket_start(each.interval, since_ms), bucket_start(each.interval, now_ms)
    step = next_bucket(each.interval, current) - current
    start = max(start, current - CATCH_UP_MAX * step)
    found = []
    has_closed = current > start
    pace = 1_000 if each.interval == "1s" else UPDATE_MS
    if not has_closed and since_ms // pace == now_ms // pace:
        return []
    bars = world.bars(VENUE, each.symbol, each.interval, start, now_ms, "spot")
    names = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")
    wire = next(wire for wire, name in WIRE_INTERVALS.items() if name == each.interval)
    for row, first in zip(rows(bars, spot=True), bars.first_id.tolist(), strict=True):
        kline = dict(zip(names, row, strict=True))
        is_closed = kline["T"] < now_ms
        if is_closed and world.faults.strike(("gap",), VENUE, f"/{each.name}", (each.symbol,), kline["t"] * 1_000_000):
            continue
        last = first + kline["n"] - 1 if kline["n"] else -1
        kline |= {"s": each.symbol, "i": wire, "f": first if kline["n"] else -1, "L": last, "x": is_closed}
        said = min(now_ms, kline["T"] + 1 + first % 40) if is_closed else now_ms
        found.append({"e": "kline", "E": said, "s": each.symbol, "k": kline})
    return found


def _trades(world: World, each: Stream, since_ms: int, now_ms: int) -> list[Event]:
    if isinstance(world.source, RecordedMarket):
        return []
    found: list[Event] = []
    for day in range(since_ms // DAY_MS, now_ms // DAY_MS + 1):
        trades = world.market.day_prints(each.symbol, day, "spot")
        low, high = np.searchsorted(trades.time_us, [(since_ms + 1) * 1000, (now_ms + 1) * 1000])
        is_merged = each.content == "aggTrade"
        chosen = trades.take(slice(max(int(low), int(high) - 2 * CATCH_UP_MAX), int(high)))
        chosen = aggregates(chosen) if is_merged else chosen
        firsts = first_id(chosen.id)
        for row in range(max(0, len(chosen) - CATCH_UP_MAX), len(chosen)):
            at = int(chosen.time_us[row]) // 1000
            same = {
                "E": at + 1,
                "s": each.symbol,
                "p": f"{int(chosen.price[row]) / 10**chosen.price_decimals:.8f}",
                "q": f"{int(chosen.quantity[row]) / 10**chosen.quantity_decimals:.8f}",
                "T": at,
                "m": bool(chosen.is_buyer_maker[row]),
                "M": True,
            }
            identity = int(chosen.id[row])
            own = {"a": identity, "f": int(firsts[row]), "l": int(chosen.last_id[row])} if is_merged else {"t": identity}
            found.append({"e": each.content, **same, **own})
    return found


def _ticker(world: World, each: Stream, since_ms: int, now_ms: int) -> list[Event]:
    if since_ms // 1_000 == now_ms // 1_000:
        return []
    span = DAY_MS if each.content == "miniTicker" else 10 * MINUTE_MS
    bars = world.bars(VENUE, each.symbol, "1m", (now_ms - span) // MINUTE_MS * MINUTE_MS, now_ms, "spot")
    if not len(bars):
        return []
    unit, lot = 10**bars.price_decimals, 10**bars.quantity_decimals
    close = int(bars.close[-1])
    if each.content == "bookTicker":
        size = f"{1000 / lot:.8f}"
        return [{"u": now_ms, "s": each.symbol, "b": f"{(close - 1) / unit:.8f}", "B": size, "a": f"{(close + 1) / unit:.8f}", "A": size}]
    return [
        {
            "e": "24hrMiniTicker",
            "E": now_ms,
            "s": each.symbol,
            "c": f"{close / unit:.8f}",
            "o": f"{int(bars.open[0]) / unit:.8f}",
            "h": f"{int(bars.high.max()) / unit:.8f}",
            "l": f"{int(bars.low.min()) / unit:.8f}",
            "v": f"{int(bars.volume.sum()) / lot:.8f}",
            "q": f"{int(bars.quote.sum()) / 10**bars.quote_decimals:.8f}",
        }
    ]
