"""Bars of the feed in the history: the messages as they came, and what they say, known when the vendor's record says."""

from __future__ import annotations

import asyncio
import json

from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.live.feed_assembly import Closed
from tradewinds.live.feed_binance import BinanceSource
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.feed import seal_of
from tradewinds.wiring.house import House

MINUTE_MS = 60_000
START_MS = 1_735_689_600_000  # 2025-01-01
NS = 1_000_000


def message(minute: int) -> bytes:
    start = START_MS + minute * MINUTE_MS
    kline = {
        "t": start, "T": start + MINUTE_MS - 1, "s": "BTCUSDT", "i": "1m", "o": "100.0", "h": "101.0", "l": "99.0", "c": "100.5",
        "v": "2.0", "q": "201.0", "n": 7, "V": "1.0", "Q": "100.5", "x": True,
    }  # fmt: skip
    return json.dumps({"stream": "btcusdt@kline_1m", "data": {"e": "kline", "s": "BTCUSDT", "k": kline}}).encode()


def test_messages_are_kept_by_hash_and_their_bars_are_in_the_history_once(house: House) -> None:
    assert isinstance(house.clock, ReplayClock)
    brought: list[Closed] = []
    instrument = "BTCUSDT.BINANCE"
    source = BinanceSource({"1m": frozenset({instrument})}, "", "", house.clock, None, keeps_messages=True)  # type: ignore[arg-type]  # unasked
    hear = source.reader(lambda one: brought.append(one) if isinstance(one, Closed) else None)
    for minute in range(3):
        hear(message(minute))
    seal = seal_of(house)

    async def write() -> None:
        await seal(brought)
        await seal(brought[1:])

    asyncio.run(write())

    table = Table(bars("1m"))
    rows = house.lake.versions(table)
    assert rows["start_ns"].to_list() == [(START_MS + minute * MINUTE_MS) * NS for minute in range(3)]
    assert rows["known_ns"].to_list() == [(START_MS + (minute + 1) * MINUTE_MS + 1000) * NS for minute in range(3)]
    assert rows["vendor"].to_list() == ["binance_stream"] * 3
    assert rows["close"].to_list() == [100.5] * 3
