"""Which sources feed a trading service: one a venue, by the venue in the instruments' ids.

Addresses are the vendors': `binance_stream` and `binance_rest` (TRADEWINDS_BINANCE_STREAM_URL, TRADEWINDS_BINANCE_URL), for futures
`binance_futures_stream` and `binance_futures`. OANDA and Interactive Brokers are asked with the keys and at the address of an account
there. Instruments without a source are said: their strategies decide when they are asked to (`tradewinds trade decide`).
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
    from tradewinds.live.feed import Begins, FeedSource
    from tradewinds.wiring.accounts import TradedAccount
    from tradewinds.wiring.house import House

Brings = Mapping[str, frozenset[str]]
Made = tuple["FeedSource | None", str]  # and why not, or why not everything

# venue -> (stream, REST, path of klines), and the vendors whose addresses stand over the first two
BINANCE = {
    "BINANCE": ("wss://data-stream.binance.vision", "https://api.binance.com", "/api/v3/klines"),
    "BINANCE_UM": ("wss://fstream.binance.com", "https://fapi.binance.com", "/fapi/v1/klines"),
}
IBKR_VENUES = ("XNAS", "XNYS", "ARCX", "XASE", "BATS", "IDEALPRO", "PAXOS", "ZEROHASH")
ADDRESSES = {"BINANCE": ("binance_stream", "binance_rest"), "BINANCE_UM": ("binance_futures_stream", "binance_futures")}


def feed_of(
    house: House, plans: Sequence[TraderPlan], known: Mapping[str, Instrument], clock: Clock, say: Callable[[str], None],
    begins: Begins | None = None,
) -> Feed | None:  # fmt: skip
    """The feed of everything that these accounts want; None where no venue of theirs has a source. begins: see `BarFeed`."""
    wanted: dict[str, dict[str, set[str]]] = {}
    for plan in plans:
        for interval, names in plan.wants.items():
            for name in names:
                wanted.setdefault(_kind(split_id(name)[1]), {}).setdefault(interval, set()).add(name)
    sources: list[FeedSource] = []
    for kind, brings in sorted(wanted.items()):
        make = _MAKERS.get(kind)
        source, why = (
            (None, "") if make is None else make(house, kind, {name: frozenset(some) for name, some in brings.items()}, clock, plans)
        )
        if source is not None:
            sources.append(source)
        given: Brings = {} if source is None else source.brings
        every = sorted({name for interval, names in brings.items() for name in names - given.get(interval, frozenset())})
        if every:
            reason = f" ({why})" if why else ""
            say(f"no feed for {', '.join(every[:5])}{reason}: strategies decide on them when asked to (`tradewinds trade decide`)")
    if not sources:
        return None
    from tradewinds.live.feed import BarFeed
    from tradewinds.wiring.feed import seal_of

    together = [names for plan in plans for names in plan.wants.values()]
    return BarFeed(sources, clock, together=together, begins=begins, say=say, seal=seal_of(house))


def is_fed(house: House, instrument: str, interval: str) -> bool:
    """Whether closed bars of an instrument come by a feed."""
    kind = _kind(split_id(instrument)[1])
    if kind == "OANDA":
        from tradewinds.live.feed_oanda import GRANULARITIES

        return interval in GRANULARITIES and _account_at("oanda", house, ()) is not None
    if kind == "IBKR":
        from tradewinds.live.feed_ibkr import SIZES

        return interval in SIZES and _account_at("ibkr", house, ()) is not None
    return kind in _MAKERS


def _kind(venue: str) -> str:
    """The source that brings a venue's bars: one connection for all exchanges behind Interactive Brokers."""
    return "IBKR" if venue in IBKR_VENUES else venue


def _binance(house: House, venue: str, brings: Brings, clock: Clock, plans: Sequence[TraderPlan]) -> Made:
    from tradewinds.live.feed_binance import BinanceSource
    from tradewinds.wiring.feed import VENDORS

    stream, rest, path = BINANCE[venue]
    stream_url, rest_url = (_address(house, name) or usual for name, usual in zip(ADDRESSES[venue], (stream, rest), strict=True))
    found = BinanceSource(
        brings, stream_url, rest_url, clock, _spread(venue, clock), venue, path,
        quotes=sorted({one for some in brings.values() for one in some}), keeps_messages=venue in VENDORS,
    )  # fmt: skip
    return found, ""


def _oanda(house: House, venue: str, brings: Brings, clock: Clock, plans: Sequence[TraderPlan]) -> Made:
    """With the token of the account that trades there, or of another at OANDA."""
    from tradewinds.live import feed_oanda as at
    from tradewinds.wiring.keys import keys_of

    account = _account_at("oanda", house, plans)
    if account is None:
        return None, "no account of broker oanda, whose token could ask"
    secret, own = keys_of(account.name, connection=account.config.connection).secret, account.config.options.get("account")
    if secret is None or not own:
        return None, f"account {account.name} has no token or no options: {{account: ...}}"
    url, stream = account.config.url, account.config.options.get("stream_url") or account.config.url
    bars = {interval: names for interval, names in brings.items() if interval in at.GRANULARITIES}
    found = at.OandaSource(
        bars, str(own), secret, clock, _spread(venue, clock),
        url or (at.LIVE_URL if account.is_live else at.PRACTICE_URL),
        str(stream or (at.LIVE_STREAM_URL if account.is_live else at.PRACTICE_STREAM_URL)),
        quotes=sorted({one for some in bars.values() for one in some}),
    )  # fmt: skip
    return (found, "OANDA's bars are polled up to an hour long") if bars else (None, "OANDA's bars are polled up to an hour long")


def _ibkr(house: House, kind: str, brings: Brings, clock: Clock, plans: Sequence[TraderPlan]) -> Made:
    """At the gateway of the account that trades there, or of another, under a client id of its own."""
    from tradewinds.live import feed_ibkr as at

    account = _account_at("ibkr", house, plans)
    if account is None or not account.config.url:
        return None, "no account of broker ibkr with the url of its gateway"
    bars = {interval: names for interval, names in brings.items() if interval in at.SIZES}
    if not bars:
        return None, "bars of Interactive Brokers are told up to an hour long"
    options = account.config.options
    number = int(options.get("feed_client_id", at.CLIENT_ID))
    source = at.IbkrSource(bars, account.config.url, clock, _spread(kind, clock), number, is_regular=options.get("hours") != "all")
    return source, "bars of Interactive Brokers are told up to an hour long"


def _account_at(broker: str, house: House, plans: Sequence[TraderPlan]) -> TradedAccount | None:
    """The first account at a broker, those that trade here before others."""
    from tradewinds.wiring.accounts import account_of

    names = [*(plan.name for plan in plans), *house.config.accounts]
    return next((account_of(house.config, name) for name in names if house.config.accounts[name].broker == broker), None)


def _spread(venue: str, clock: Clock) -> random.Random:
    return random.Random(f"feed {venue} {clock.now_ns()}")  # noqa: S311 - spreads reconnects


def _address(house: House, vendor: str) -> str | None:
    found = house.config.vendors.get(vendor)
    return None if found is None else found.url


_MAKERS: dict[str, Callable[[House, str, Brings, Clock, Sequence[TraderPlan]], Made]] = {
    **dict.fromkeys(BINANCE, _binance),
    "OANDA": _oanda,
    "IBKR": _ibkr,
}
