"""What the local TWS trades at and shows: shares, currencies and coins of one seeded market, as quotes and as bars.

Everything is a path of nodes (5 s for shares and currencies, 10 s for coins),
each one price; a bar reduces those that begin in it. Shares run
from a session's open to its close through what their daily bar says, and stand still outside of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tradewinds.calendars.sessions import calendar
from tradewinds.core.instrument import split_id
from tradewinds.sandbox.bars import DAY_MS, Ints
from tradewinds.sandbox.companies import SeededShares
from tradewinds.sandbox.fx import PAIRS, SeededFx
from tradewinds.sandbox.market import NODE_MS, SeededMarket
from tradewinds.sandbox.tws_bars import Bar
from tradewinds.sandbox.tws_contracts import LISTING, Catalogue, Listed, coins, pair, share
from tradewinds.sandbox.venue_order import Quote

SHARE_NODE_MS = 5_000
LOOK_BACK_DAYS = 6
DAYS_CACHED = 64
_EPOCH = date(1970, 1, 1).toordinal()
_EXCHANGES = {"Nasdaq": "NASDAQ", "NYSE": "NYSE"}


@dataclass(frozen=True, slots=True)
class Path:
    """Nodes of one day, oldest first. price: in ticks of the contract; volume: in its smallest quantities."""

    start_ms: Ints
    price: Ints
    volume: Ints


def catalogue(shares: SeededShares) -> Catalogue:
    """Every company of the seeded market that New York lists, the currency pairs, and the four coins."""
    listed = [share(one.ticker, _EXCHANGES[one.exchange], one.name) for one in shares.companies.values() if one.exchange in _EXCHANGES]
    pairs = [pair(*name.split("_"), tick=_pair_tick(name)) for name in PAIRS if not name.startswith("XAU")]
    return Catalogue([*listed, *pairs, *coins()])


class TwsMarket:
    """Quotes and bars of the catalogue's contracts, from one seed."""

    def __init__(self, market: SeededMarket) -> None:
        self._market = market
        self._shares = SeededShares(market)
        self._fx = SeededFx(market)
        self.catalogue = catalogue(self._shares)
        self._day = lru_cache(DAYS_CACHED)(self._make_day)

    def quote(self, instrument: str, now_ns: int) -> Quote:
        """A tick around the latest price; the size on either side follows from it."""
        listed = self.catalogue.of(instrument)
        price = self._last(listed, now_ns // 1_000_000)
        half = max(1, price // 20_000) if listed.sec_type != "CASH" else 1
        size = {"STK": Decimal(100 * (1 + price % 9)), "CASH": Decimal(250_000 * (1 + price % 8)), "CRYPTO": Decimal(1 + price % 5)}
        offered = size[listed.sec_type]
        return Quote((price - half) * listed.tick, (price + half) * listed.tick, offered, offered)

    def bars(self, instrument: str, what: str, seconds: int, start_ns: int, end_ns: int) -> list[Bar]:
        """`tws_bars.BarFeed`: bars that begin in [start_ns, end_ns), made of nodes before end_ns."""
        listed = self.catalogue.of(instrument)
        step, start_ms, end_ms = seconds * 1_000, start_ns // 1_000_000, end_ns // 1_000_000
        start_ms = -(-start_ms // step) * step
        days = [self._day(listed, day) for day in range(start_ms // DAY_MS, (end_ms - 1) // DAY_MS + 1)]
        if not days:
            return []
        at, price, volume = (np.concatenate([getattr(day, name) for day in days]) for name in ("start_ms", "price", "volume"))
        chosen = (at >= start_ms) & (at < end_ms)
        shift = {"BID": -1, "ASK": 1}.get(what, 0)
        return _reduced(listed, at[chosen], price[chosen] + shift, volume[chosen], step)

    def _last(self, listed: Listed, now_ms: int) -> int:
        for day in range(now_ms // DAY_MS, now_ms // DAY_MS - LOOK_BACK_DAYS, -1):
            path = self._day(listed, day)
            index = int(np.searchsorted(path.start_ms, now_ms, side="right")) - 1
            if index >= 0:
                return int(path.price[index])
        raise LookupError(f"{listed.instrument}: no price within {LOOK_BACK_DAYS} days")

    def _make_day(self, listed: Listed, day: int) -> Path:
        make = {"STK": self._share_day, "CASH": self._pair_day, "CRYPTO": self._coin_day}
        return make[listed.sec_type](listed, day)

    def _share_day(self, listed: Listed, day: int) -> Path:
        ticker, venue = split_id(listed.instrument)
        assert venue in LISTING.values()
        prices, on = self._shares.prices(ticker), date.fromordinal(_EPOCH + day)
        row = int(np.searchsorted(_ordinals(prices.sessions), on.toordinal()))
        if row == len(prices.sessions) or prices.sessions[row] != on:
            return _nothing()
        hours = calendar("XNYS")
        opened, closed = hours.open_ns(on) // 1_000_000, hours.close_ns(on) // 1_000_000
        at = np.arange(opened, closed, SHARE_NODE_MS, dtype=np.int64)
        generator = self._market.generator("share path", ticker, day)
        steps = generator.standard_normal(len(at)) * 0.01 / np.sqrt(len(at))
        walk = np.cumsum(steps)
        first, last = float(prices.open[row]), float(prices.close[row])
        walk += (np.log(last / first) - walk[-1]) * np.arange(1, len(at) + 1) / len(at)
        path = np.clip(first * np.exp(walk), float(prices.low[row]), float(prices.high[row]))
        volume = generator.multinomial(int(prices.volume[row]), np.full(len(at), 1 / len(at)))
        return Path(at, np.maximum(1, np.rint(path / float(listed.tick))).astype(np.int64), volume.astype(np.int64))

    def _pair_day(self, listed: Listed, day: int) -> Path:
        name = split_id(listed.instrument)[0]
        quotes = self._fx.quotes(name, day * DAY_MS, (day + 1) * DAY_MS)
        middle = (quotes.bid_close + quotes.ask_close) / 2 / 10 ** PAIRS[name][1]
        return Path(quotes.start_ms, np.rint(middle / float(listed.tick)).astype(np.int64), np.zeros(len(quotes), np.int64))

    def _coin_day(self, listed: Listed, day: int) -> Path:
        found = self._market.listings[listed.symbol + "USDT"]
        nodes = self._market.nodes(found.symbol, day, 1)
        price = np.rint(nodes.price[0] * found.tick / float(listed.tick)).astype(np.int64)
        volume = nodes.lots[0] * int(Decimal(1).scaleb(-found.quantity_decimals) / listed.step)
        return Path(day * DAY_MS + np.arange(len(price), dtype=np.int64) * NODE_MS, price, volume)


@lru_cache(8)
def _ordinals(sessions: tuple[date, ...]) -> NDArray[np.int64]:
    return np.array([day.toordinal() for day in sessions])


def _nothing() -> Path:
    return Path(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))


def _pair_tick(name: str) -> Decimal:
    return Decimal("0.005") if name.endswith("_JPY") else Decimal("0.00005")


def _reduced(listed: Listed, at: Ints, price: Ints, volume: Ints, step_ms: int) -> list[Bar]:
    if not len(at):
        return []
    begin = at // step_ms * step_ms
    edges = np.concatenate([[0], np.flatnonzero(np.diff(begin)) + 1])
    ends = np.append(edges[1:], len(at))
    highs, lows = np.maximum.reduceat(price, edges), np.minimum.reduceat(price, edges)
    volumes, sums = np.add.reduceat(volume, edges), np.add.reduceat(price * volume, edges)
    found = []
    for index, (first, end) in enumerate(zip(edges, ends, strict=True)):
        traded = int(volumes[index])
        average = Decimal(int(sums[index])) / traded if traded else Decimal(int(price[first:end].sum())) / int(end - first)
        opened, high, low, close = (_said(int(one) * listed.tick) for one in (price[first], highs[index], lows[index], price[end - 1]))
        amount = "-1" if listed.sec_type == "CASH" else _said(traded * listed.step)
        mean = _said((average * listed.tick).quantize(listed.tick / 100))
        found.append(Bar(int(begin[first]) * 1_000_000, opened, high, low, close, amount, mean, int(end - first)))
    return found


def _said(value: Decimal) -> str:
    return format(value, "f")
