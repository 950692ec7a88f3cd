"""Which sources feed a trading service: one a venue, by the venue in the instruments' ids.

Addresses are the vendors': `binance_stream` and `binance_rest` (TRADEWINDS_BINANCE_STREAM_URL, TRADEWINDS_BINANCE_URL), for futures
`binance_futures_stream` and `binance_futures`. Instruments of a venue without a source are said:
their strategies decide when they are asked to (`tradewinds trade decide`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tradewinds.core.instrument import Instrument, split_id
from tradewinds.core.ports import Clock
from tradewinds.live.service import Feed
from tradewinds.live.trader import TraderPlan

if TYPE_CHECKING:
    from tradewinds.live.feed import FeedSource
    from tradewinds.wiring.house import House

# venue -> (stream, REST, path of klines), and the vendors whose addresses stand over the first two
BINANCE = {
    "BINANCE": ("wss://data-stream.binance.vision", "https://api.binance.com", "/api/v3/klines"),
    "BINANCE_UM": ("wss://fstream.binance.com", "https://fapi.binance.com", "/fapi/v1/klines"),
}
ADDRESSES = {"BINANCE": ("binance_stream", "binance_rest"), "BINANCE_UM": ("binance_futures_stream", "binance_futures")}


def feed_of(
    house: House, plans: Sequence[TraderPlan], known: Mapping[str, Instrument], clock: Clock, say: Callable[[str], None]
) -> Feed | None:
    """The feed of everything that these accounts want; None where no venue of theirs has a source."""
    wanted: dict[str, dict[str, set[str]]] = {}
    for plan in plans:
        for interval, names in plan.wants.items():
            for name in names:
                wanted.setdefault(split_id(name)[1], {}).setdefault(interval, set()).add(name)
    sources: list[FeedSource] = []
    for venue, brings in sorted(wanted.items()):
        if venue in BINANCE:
            sources.append(_binance(house, venue, {interval: frozenset(names) for interval, names in brings.items()}, clock))
        else:
            every = sorted({name for some in brings.values() for name in some})
            say(f"no feed for {', '.join(every[:5])}: strategies decide on them when asked to (`tradewinds trade decide`)")
    if not sources:
        return None
    from tradewinds.live.feed import BarFeed
    from tradewinds.wiring.feed import seal_of

    return BarFeed(sources, clock, say=say, seal=seal_of(house))


def is_fed(instrument: str) -> bool:
    """Whether bars of an instrument come by a feed."""
    return split_id(instrument)[1] in BINANCE


def _binance(house: House, venue: str, brings: Mapping[str, frozenset[str]], clock: Clock) -> FeedSource:
    from tradewinds.live.feed_binance import BinanceSource
    from tradewinds.wiring.feed import VENDORS

    stream, rest, path = BINANCE[venue]
    stream_url, rest_url = (_address(house, name) or usual for name, usual in zip(ADDRESSES[venue], (stream, rest), strict=True))
    spread = random.Random(f"feed {venue} {clock.now_ns()}")  # noqa: S311 - spreads reconnects
    return BinanceSource(
        brings, stream_url, rest_url, clock, spread, venue, path, quotes=sorted({one for some in brings.values() for one in some}),
        keeps_messages=venue in VENDORS,
    )  # fmt: skip


def _address(house: House, vendor: str) -> str | None:
    found = house.config.vendors.get(vendor)
    return None if found is None else found.url
