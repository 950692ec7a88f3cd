"""What becomes of the bars that the feed brought: the messages as they came go to the raw store, what they say into the history.

1. A batch is the messages of one venue and interval, one a line, stored under their hash before they are read.
2. They are read by the vendor's own parser, so that `known_ns` is what its capability declares, and published as any vendor's rows are:
   what is known already is no news.
3. Bars that were fetched over REST after a cut carry no message: the job that keeps the history up to date brings them.

Written off the event loop: a lake on a slow disk delays no order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tradewinds.core.errors import TradewindsError, Transient
from tradewinds.core.instrument import split_id
from tradewinds.core.market import bars as bars_of
from tradewinds.core.observation import Table
from tradewinds.jobs.ingest import publish, split_by_partition
from tradewinds.vendors.binance_stream import kline_payload, stream_rows

if TYPE_CHECKING:
    from tradewinds.live.feed import Seal
    from tradewinds.live.feed_assembly import Closed
    from tradewinds.wiring.house import House

# venue -> vendor whose rows they are
VENDORS: Mapping[str, str] = {"BINANCE": "binance_stream"}


def seal_of(house: House) -> Seal:
    """Writes batches of bars of this house's feed to its history; raises Transient where that fails now."""
    context = house.context("feed", "")

    def write(batch: Sequence[Closed]) -> None:
        for (venue, interval), messages in sorted(_messages(batch).items()):
            dataset = bars_of(interval)
            payload = kline_payload(messages, interval, house.clock.now_ns(), venue=venue)
            context.raw.put(payload)
            for partition, rows in split_by_partition(dataset, stream_rows(payload)):
                publish(context, Table(dataset), partition, rows, vendor=VENDORS[venue])

    async def seal(batch: Sequence[Closed]) -> None:
        try:
            await asyncio.to_thread(write, batch)
        except OSError as error:
            raise Transient(f"history: {len(batch)} bars not written ({error}), expected room on the disk") from error
        except TradewindsError as error:
            raise Transient(f"history: {len(batch)} bars not written ({error})") from error

    return seal


def _messages(batch: Sequence[Closed]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for one in batch:
        venue = split_id(one.bar.instrument)[1]
        if one.said and venue in VENDORS:
            found.setdefault((venue, one.interval), []).append(one.said)
    return found
