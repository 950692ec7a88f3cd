"""Which sources feed a trading service: one a venue, by the venue in the instruments' ids.

Addresses are the vendors': `vendors.binance_rest.url` and `vendors.binance_stream.url` (TRADEWINDS_BINANCE_URL,
TRADEWINDS_BINANCE_STREAM_URL), for futures `binance_um_rest` and `binance_um_stream`. Instruments of a venue without a source are said:
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

# venue -> (stream, REST, path of klines, vendor's name)
BINANCE = {
    "BINANCE": ("wss://data-stream.binance.vision", "https://api.binance.com", "/api/v3/klines", "binance"),
    "BINANCE_UM": ("wss://fstream.binance.com", "https://fapi.binance.com", "/fapi/v1/klines", "binance_um"),
}


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


def _binance(house: House, venue: str, brings: Mapping[str, frozenset[str]], clock: Clock) -> FeedSource:
    from tradewinds.live.feed_binance import BinanceSource
    from tradewinds.wiring.feed import VENDORS

    stream, rest, path, vendor = BINANCE[venue]
    named = {kind: house.config.vendors.get(f"{vendor}_{kind}") for kind in ("stream", "rest")}
    stream_url = (named["stream"].url if named["stream"] else None) or stream
    rest_url = (named["rest"].url if named["rest"] else None) or rest
    spread = random.Random(f"feed {venue} {clock.now_ns()}")  # noqa: S311 - spreads reconnects
    return BinanceSource(
        brings, stream_url, rest_url, clock, spread, venue, path, quotes=sorted({one for some in brings.values() for one in some}),
        keeps_messages=venue in VENDORS,
    )  # fmt: skip
