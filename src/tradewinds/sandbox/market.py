"""A seeded market: any minute of any symbol on request, without generating what lies before it.

1. Every symbol has one long walk of daily anchors: log price (mean-reverting around the coin's level, sharing a common factor),
   volatility, turnover, number of trades, all from a counter-based generator keyed by (seed, symbol).
2. A day is a bridge between two anchors over 8640 *nodes* of ten seconds, from a generator keyed by (seed, symbol, day).
3. A node is one price in ticks, one side, a number of lots and a number of trades: integers all.
4. A minute bar reduces six nodes; a longer bar sums minutes; trade prints (`prints`) split nodes. Hence all agree exactly.
5. Trade ids count on from the first day without a hole, because the walk fixes each day's number of trades beforehand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tradewinds.sandbox.bars import DAY_MS, INTERVALS_MS, MINUTE_MS, Bars, Ints, aggregate, bucket_ceiling, bucket_start, concatenate
from tradewinds.sandbox.bridge import BUSY, NODES, Floats, hold_when_quiet, mean_reverting, price_path, share_out
from tradewinds.sandbox.coins import Coin
from tradewinds.sandbox.listings import Listing, listings
from tradewinds.sandbox.prints import prints, seconds

Kind = Literal["spot", "um"]

EPOCH_DAY = (date(2017, 1, 1).toordinal()) - 719_163
LAST_DAY = (date(2035, 12, 31).toordinal()) - 719_163
NODE_MS = MINUTE_MS // NODES
NODES_A_DAY = 1440 * NODES
UM_TURNOVER = 5.0  # perpetuals turn over about five times their spot market, in twice as many trades

_DAYS_CACHED = 64
_PRINTS_CACHED = 3
_WALKS_CACHED = 48
_ASSETS_CACHED = 512
_MONTHS_CACHED = 4096


@dataclass(frozen=True, slots=True)
class Walk:
    """What is fixed about every day of a symbol, indexed by day since `EPOCH_DAY`; `log_price` and `basis` have one more entry."""

    log_price: Floats
    sigma: Floats
    turnover: Floats
    trades: Ints
    first_id: Ints
    basis: Floats


@dataclass(frozen=True, slots=True)
class Nodes:
    """Ten-second nodes of whole days, each array (days, 8640): price in ticks, lots, trades, whether the taker bought."""

    first_day: int
    price: Ints
    lots: Ints
    trades: Ints
    is_buy: NDArray[np.bool_]
    first_id: Ints


class SeededMarket:
    """The market of one seed. Safe to share between threads; memory is bounded by its caches."""

    def __init__(self, seed: int = 7, table: Mapping[str, Listing] | None = None) -> None:
        self.seed = seed
        self.listings = dict(table if table is not None else listings())
        self._walk = lru_cache(_WALKS_CACHED)(self._make_walk)
        self._common = lru_cache(1)(self._make_common)
        self._asset = lru_cache(_ASSETS_CACHED)(self._make_asset)
        self._day = lru_cache(_DAYS_CACHED)(self._make_day)
        self.day_prints = lru_cache(_PRINTS_CACHED)(partial(prints, self))
        self._month = lru_cache(_MONTHS_CACHED)(self._make_month)

    def symbols(self, kind: Kind = "spot") -> list[str]:
        """Every symbol of a kind, largest first."""
        return [name for name, found in self.listings.items() if kind == "spot" or found.has_perpetual]

    def listing(self, symbol: str, kind: Kind = "spot") -> Listing | None:
        """The listing, None where the market has none of that kind."""
        found = self.listings.get(symbol)
        return found if found is not None and (kind == "spot" or found.has_perpetual) else None

    def covers(self, symbol: str, start_ms: int, end_ms: int) -> bool:
        """A seeded symbol trades as long as it is listed."""
        return True

    def minutes(self, symbol: str, start_ms: int, end_ms: int, kind: Kind = "spot") -> Bars:
        """Finished minute bars that start in [start_ms, end_ms), generated in one sweep."""
        first, last = self._days(symbol, start_ms, end_ms)
        if last < first:
            return self._make_minutes(symbol, EPOCH_DAY, 1, kind).take(slice(0, 0))
        return self._make_minutes(symbol, first, last - first + 1, kind).between(start_ms, end_ms)

    def bars(self, symbol: str, interval: str, start_ms: int, end_ms: int, now_ms: int, kind: Kind = "spot") -> Bars:
        """Bars that start in [start_ms, end_ms) as seen at `now_ms`: the last one may be unfinished."""
        start = bucket_ceiling(interval, start_ms)
        end = min(end_ms, now_ms)
        if interval == "1s":
            return seconds(self, symbol, start, end, now_ms, kind)
        finished = min(bucket_ceiling(interval, end), bucket_start(interval, now_ms))
        parts = [self._finished(symbol, interval, start, max(start, finished), kind)]
        open_start = bucket_start(interval, now_ms)
        if start <= open_start < end:
            minutes = concatenate(
                [
                    self._cached_minutes(symbol, open_start, now_ms // MINUTE_MS * MINUTE_MS, kind),
                    self._unfinished_minute(symbol, now_ms, kind),
                ]
            )
            parts.append(aggregate(minutes, interval))
        return concatenate(parts)

    def nodes(self, symbol: str, first_day: int, days: int, kind: Kind = "spot") -> Nodes:
        """The nodes of whole days."""
        listing, walk = self.listings[symbol], self._walk(symbol, kind)
        at = slice(first_day - EPOCH_DAY, first_day - EPOCH_DAY + days)
        step, hourly = np.empty((days, NODES_A_DAY)), np.empty((days, 24))
        flow, side = np.empty((days, NODES_A_DAY), np.float32), np.empty((days, NODES_A_DAY), np.float32)
        swell, quiet = np.empty((days, 1440)), np.ones((days, 1440), np.float32)
        for row in range(days):
            price = self.generator(symbol, "price", first_day + row)
            price.standard_normal(out=step[row])
            price.standard_normal(out=hourly[row])
            volume = self.generator(symbol, kind, "volume", first_day + row)
            volume.standard_exponential(out=flow[row], dtype=np.float32)
            volume.random(out=side[row], dtype=np.float32)
            volume.standard_normal(out=swell[row])
            if listing.quiet:
                volume.random(out=quiet[row, 1:], dtype=np.float32)
        ticks = price_path(step, hourly, walk, at, listing.tick)
        shape = np.repeat(BUSY, 60) * np.exp(0.6 * swell - 0.18)
        if listing.quiet:
            active = quiet >= listing.quiet
            shape *= active
            ticks = hold_when_quiet(ticks, active)
        flow.reshape(days, 1440, NODES)[:] *= shape[:, :, None].astype(np.float32)
        trades = share_out(flow, walk.trades[at] // 2) * 2
        value = np.exp(walk.log_price[at])[:, None] * listing.lot * flow.sum(axis=1, dtype=np.float64)[:, None]
        lots = trades + (flow * (walk.turnover[at][:, None] / value)).astype(np.int64)
        lots[trades == 0] = 0
        rises = np.diff(ticks, axis=1, prepend=ticks[:, :1])
        is_buy = side < 0.5 + 0.25 * np.sign(rises)
        first_id = walk.first_id[at][:, None] + np.cumsum(trades, axis=1) - trades
        return Nodes(first_day, ticks, lots, trades, is_buy, first_id)

    def price(self, symbol: str, at_ms: int) -> float:
        """About what one unit costs then: the walk between two anchors, without the day's own noise."""
        walk = self._walk(symbol, "spot")
        day, rest = divmod(at_ms, DAY_MS)
        low, high = walk.log_price[day - EPOCH_DAY], walk.log_price[day - EPOCH_DAY + 1]
        return float(np.exp(low + (high - low) * rest / DAY_MS))

    def asset_price(self, coin: Coin, at_ms: int) -> float:
        """About what one coin costs in USD then, listed or not; the same walk as its pair against USDT."""
        path = self._asset(coin.walks_with, coin.is_stable)
        day, rest = divmod(at_ms, DAY_MS)
        low, high = path[day - EPOCH_DAY], path[day - EPOCH_DAY + 1]
        return float(coin.price * np.exp(low + (high - low) * rest / DAY_MS))

    def chance(self, *key: object) -> float:
        """A number in [0, 1) that depends on the seed and the key alone."""
        return float(self.generator("chance", *key).random())

    def generator(self, *key: object) -> np.random.Generator:
        """A counter-based generator that depends on the seed and the key alone."""
        text = f"{self.seed}:{':'.join(map(str, key))}".encode()
        return np.random.Generator(np.random.Philox(key=int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")))

    def first_ids(self, symbol: str, kind: Kind = "spot") -> Ints:
        """The id of the first trade of every day since `EPOCH_DAY`."""
        return self._walk(symbol, kind).first_id

    def days_listed(self, symbol: str) -> tuple[int, int]:
        """First and last day (since 1970) on which the symbol trades."""
        listing = self.listings[symbol]
        first = listing.start.toordinal() - 719_163
        return max(first, EPOCH_DAY), LAST_DAY - 1 if listing.end is None else listing.end.toordinal() - 719_163

    def _days(self, symbol: str, start_ms: int, end_ms: int) -> tuple[int, int]:
        first, last = self.days_listed(symbol)
        return max(first, start_ms // DAY_MS), min(last, (end_ms - 1) // DAY_MS)

    def _finished(self, symbol: str, interval: str, start_ms: int, end_ms: int, kind: Kind) -> Bars:
        if end_ms > start_ms and INTERVALS_MS.get(interval, DAY_MS) >= DAY_MS:
            first, last = self._days(symbol, start_ms, end_ms)
            months = sorted({bucket_start("1mo", day * DAY_MS) for day in range(first, last + 1)})
            parts = [self._month(symbol, month, kind) for month in months]
            if parts:
                return aggregate(concatenate(parts).between(start_ms, end_ms), interval)
        return aggregate(self._cached_minutes(symbol, start_ms, end_ms, kind), interval)

    def _cached_minutes(self, symbol: str, start_ms: int, end_ms: int, kind: Kind) -> Bars:
        first, last = self._days(symbol, start_ms, end_ms)
        if last < first or end_ms <= start_ms:
            return self._day(symbol, EPOCH_DAY, kind).take(slice(0, 0))
        return concatenate([self._day(symbol, day, kind) for day in range(first, last + 1)]).between(start_ms, end_ms)

    def _unfinished_minute(self, symbol: str, now_ms: int, kind: Kind) -> Bars:
        start = now_ms // MINUTE_MS * MINUTE_MS
        whole = self._cached_minutes(symbol, start, start + MINUTE_MS, kind)
        visible = (now_ms - start) // NODE_MS
        if len(whole) == 0 or visible == 0:
            return whole.take(slice(0, 0))
        day, rest = divmod(start, DAY_MS)
        nodes = self.nodes(symbol, day, 1, kind)
        at = slice(rest // NODE_MS, rest // NODE_MS + visible)
        return _reduce(nodes, self.listings[symbol], at).take(slice(0, 1))

    def _make_day(self, symbol: str, day: int, kind: Kind) -> Bars:
        return self._make_minutes(symbol, day, 1, kind)

    def _make_month(self, symbol: str, start_ms: int, kind: Kind) -> Bars:
        end = bucket_start("1mo", start_ms + 32 * DAY_MS)
        first, last = self._days(symbol, start_ms, end)
        return aggregate(self._make_minutes(symbol, first, last - first + 1, kind), "1d")

    def _make_minutes(self, symbol: str, first_day: int, days: int, kind: Kind) -> Bars:
        return _reduce(self.nodes(symbol, first_day, days, kind), self.listings[symbol], None)

    def _make_common(self) -> Floats:
        return mean_reverting(self.generator("common").standard_normal(LAST_DAY - EPOCH_DAY + 1) * 0.024)

    def _make_asset(self, asset: str, is_stable: bool) -> Floats:
        own = self.generator("asset", asset).standard_normal(LAST_DAY - EPOCH_DAY + 1)
        return mean_reverting(own * 0.0002, keep=0.9) if is_stable else self._common() + mean_reverting(own * 0.03)

    def _make_walk(self, symbol: str, kind: Kind) -> Walk:
        listing, size = self.listings[symbol], LAST_DAY - EPOCH_DAY + 1
        log_price = np.full(size, np.log(listing.price))
        for asset, sign in ((listing.base_id, 1.0), (listing.quote_id, -1.0)):
            log_price += sign * self._asset(asset, asset in listing.stable)
        draws = self.generator(symbol, "walk").standard_normal((3, size))
        weekend = np.where((np.arange(EPOCH_DAY, LAST_DAY + 1) + 3) % 7 >= 5, 0.65, 1.0)
        scale = UM_TURNOVER if kind == "um" else 1.0
        turnover = listing.turnover * scale * weekend * np.exp(0.35 * draws[1])
        sigma = listing.sigma * np.exp(0.3 * draws[0])
        trades = (
            np.maximum(NODES_A_DAY * 2, turnover / (listing.ticket * scale / 2 if kind == "um" else listing.ticket)).astype(np.int64)
            // 4
            * 4
        )
        born = max(0, listing.start.toordinal() - 719_163 - EPOCH_DAY)
        first_id = np.cumsum(trades) - trades
        first_id = np.maximum(first_id - first_id[born], 0)
        basis = (-6 + 5 * mean_reverting(draws[2], keep=0.8)) * 1e-4 if kind == "um" else np.zeros(size)
        return Walk(log_price, sigma, turnover, trades, first_id, basis)


def _reduce(nodes: Nodes, listing: Listing, only: slice | None) -> Bars:
    """Minute bars of nodes; `only` a run of nodes of the first day within one minute, for the minute that is not over."""
    if only is None:
        shape = (-1, NODES)
        price, lots, trades, is_buy, first_id = (
            getattr(nodes, name).reshape(shape) for name in ("price", "lots", "trades", "is_buy", "first_id")
        )
        start = nodes.first_day * DAY_MS + np.arange(len(price), dtype=np.int64) * MINUTE_MS
    else:
        price, lots, trades, is_buy, first_id = (
            getattr(nodes, name)[:1, only] for name in ("price", "lots", "trades", "is_buy", "first_id")
        )
        start = np.array([nodes.first_day * DAY_MS + only.start * NODE_MS])
    quote = price * lots
    bought = lots * is_buy
    return Bars(
        start_ms=start,
        end_ms=start + MINUTE_MS - 1,
        open=np.ascontiguousarray(price[:, 0]),
        high=price.max(axis=1),
        low=price.min(axis=1),
        close=np.ascontiguousarray(price[:, -1]),
        volume=lots.sum(axis=1),
        quote=quote.sum(axis=1),
        trades=trades.sum(axis=1),
        taker=bought.sum(axis=1),
        taker_quote=(bought * price).sum(axis=1),
        first_id=np.ascontiguousarray(first_id[:, 0]),
        price_decimals=listing.price_decimals,
        quantity_decimals=listing.quantity_decimals,
        quote_decimals=listing.price_decimals + listing.quantity_decimals,
    )
