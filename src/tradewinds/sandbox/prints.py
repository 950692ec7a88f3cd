"""Trade prints of a seeded day: nodes split into single trades, so that prints and bars agree to the lot.

A node's trades come in pairs that share a millisecond. Of every four ids the first two stand alone in the aggregate and the last two
make one, so aggregate ids follow from trade ids: `3 * (id // 4) + min(id % 4, 2)`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.sandbox.bars import DAY_MS, MINUTE_MS, Bars, Ints, concatenate, decimals
from tradewinds.sandbox.bridge import NODES

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.sandbox.market import Kind, SeededMarket

NODE_MS = MINUTE_MS // NODES


@dataclass(frozen=True, slots=True)
class Prints:
    """Trades in the order of their ids; `time_us` in microseconds, price in ticks, quantity in lots."""

    id: Ints
    price: Ints
    quantity: Ints
    time_us: Ints
    is_buyer_maker: NDArray[np.bool_]
    last_id: Ints
    price_decimals: int
    quantity_decimals: int

    def __len__(self) -> int:
        return len(self.id)

    def take(self, index: slice | NDArray[np.bool_]) -> Prints:
        """The rows of a slice or mask."""
        columns = {name: getattr(self, name)[index] for name in ("id", "price", "quantity", "time_us", "is_buyer_maker", "last_id")}
        return replace(self, **columns)


def prints(market: SeededMarket, symbol: str, day: int, kind: Kind = "spot") -> Prints:
    """Every trade of one UTC day (counted since 1970)."""
    nodes = market.nodes(symbol, day, 1, kind)
    listing = market.listings[symbol]
    counts = nodes.trades[0]
    total = int(counts.sum())
    owner = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    noise = market.generator(symbol, kind, "prints", day).random((2, total))
    pair = place // 2
    spread_us = NODE_MS * 1000 / (counts[owner] / 2)
    jitter = noise[0][np.arange(total) - place % 2]
    time_us = day * DAY_MS * 1000 + owner * (NODE_MS * 1000) + ((pair + jitter) * spread_us).astype(np.int64)
    first = int(nodes.first_id[0, 0])
    identity = np.arange(first, first + total, dtype=np.int64)
    return Prints(
        id=identity,
        price=nodes.price[0][owner],
        quantity=_split(nodes.lots[0], counts, noise[1]),
        time_us=time_us,
        is_buyer_maker=~nodes.is_buy[0][owner],
        last_id=identity,
        price_decimals=listing.price_decimals,
        quantity_decimals=listing.quantity_decimals,
    )


def aggregates(trades: Prints) -> Prints:
    """Aggregate trades: `id` is the aggregate's, its first trade is `last_id - (quantity of trades) + 1`; see `first_id`."""
    heads = trades.id % 4 != 3
    quantity = trades.quantity.copy()
    seconds_of_pairs = np.flatnonzero(~heads)
    seconds_of_pairs = seconds_of_pairs[seconds_of_pairs > 0]
    quantity[seconds_of_pairs - 1] += quantity[seconds_of_pairs]
    merged = replace(
        trades,
        id=aggregate_id(trades.id),
        quantity=quantity,
        last_id=trades.id + (trades.id % 4 == 2),
    )
    return merged.take(heads)


def aggregate_id(trade_id: Ints) -> Ints:
    """The id of the aggregate that holds a trade."""
    found: Ints = 3 * (trade_id // 4) + np.minimum(trade_id % 4, 2)
    return found


def first_id(aggregate: Ints) -> Ints:
    """The id of an aggregate's first trade."""
    return 4 * (aggregate // 3) + aggregate % 3


def archive_rows(trades: Prints, *, spot: bool, micro: bool, aggregate: bool) -> pl.DataFrame:
    """The columns of an archive file of trades or aggregate trades."""
    import polars as pl

    price, quantity = (8, 8) if spot else (trades.price_decimals, trades.quantity_decimals)
    both = trades.price_decimals + trades.quantity_decimals
    rows = aggregates(trades) if aggregate else trades
    columns: dict[str, Any] = {
        "id": rows.id,
        "price": decimals(rows.price, rows.price_decimals, price),
        "quantity": decimals(rows.quantity, rows.quantity_decimals, quantity),
    }
    if aggregate:
        columns["first_id"] = first_id(rows.id)
        columns["last_id"] = rows.last_id
    else:
        columns["quote_quantity"] = decimals(rows.price * rows.quantity, both, 8 if spot else both)
    columns["time"] = rows.time_us if micro else rows.time_us // 1000
    truth = ("True", "False") if spot else ("true", "false")
    columns["is_buyer_maker"] = rows.is_buyer_maker
    table = pl.DataFrame(columns)
    said = pl.when("is_buyer_maker").then(pl.lit(truth[0])).otherwise(pl.lit(truth[1])).alias("is_buyer_maker")
    return table.with_columns(said, *([pl.lit("True").alias("is_best_match")] if spot else []))


def seconds(market: SeededMarket, symbol: str, start_ms: int, end_ms: int, now_ms: int, kind: Kind = "spot") -> Bars:
    """One-second bars from the prints; a second without a trade stands at the last price with no volume."""
    empty = market.minutes(symbol, 0, 0, kind)
    first, last = market.days_listed(symbol)
    end_ms = min(end_ms, now_ms)
    days = range(max(first, start_ms // DAY_MS), min(last, (end_ms - 1) // DAY_MS) + 1)
    parts = [_seconds_of_day(market.day_prints(symbol, day, kind), day, empty) for day in days]
    if not parts:
        return empty
    return concatenate(parts).between(start_ms, end_ms)


def _seconds_of_day(trades: Prints, day: int, like: Bars) -> Bars:
    slot = trades.time_us // 1_000_000 - day * 86_400
    edges = np.concatenate([[0], np.flatnonzero(np.diff(slot)) + 1])
    filled = slot[edges]
    last = np.append(edges[1:], len(slot)) - 1
    source = np.maximum.accumulate(np.bincount(filled, weights=np.arange(len(filled)), minlength=86_400).astype(np.int64))
    has_trade = np.zeros(86_400, np.bool_)
    has_trade[filled] = True
    close = trades.price[last][source]
    quote = trades.price * trades.quantity
    bought = ~trades.is_buyer_maker

    def spread(values: Ints) -> Ints:
        out = np.zeros(86_400, np.int64)
        out[filled] = np.add.reduceat(values, edges)
        return out

    def priced(values: Ints) -> Ints:
        return np.where(has_trade, values[source], close)

    start = day * DAY_MS + np.arange(86_400, dtype=np.int64) * 1000
    counts = spread(np.ones(len(slot), np.int64))
    return replace(
        like,
        start_ms=start,
        end_ms=start + 999,
        open=priced(trades.price[edges]),
        high=priced(np.maximum.reduceat(trades.price, edges)),
        low=priced(np.minimum.reduceat(trades.price, edges)),
        close=close,
        volume=spread(trades.quantity),
        quote=spread(quote),
        trades=counts,
        taker=spread(trades.quantity * bought),
        taker_quote=spread(quote * bought),
        first_id=trades.id[0] + np.cumsum(counts) - counts,
    )


def _split(lots: Ints, counts: Ints, noise: NDArray[np.float64]) -> Ints:
    """Each node's lots over its trades: at least one each, the rest in random parts that add up exactly."""
    used = counts > 0
    lots, counts = lots[used], counts[used]
    ends = np.cumsum(counts)
    starts = ends - counts
    weight = noise + 0.05
    rising = np.cumsum(weight)
    before = np.concatenate([[0.0], rising])[starts]
    share = (rising - np.repeat(before, counts)) / np.repeat(rising[ends - 1] - before, counts)
    whole = np.floor(share * np.repeat(lots - counts, counts)).astype(np.int64)
    whole[ends - 1] = lots - counts
    part = np.diff(whole, prepend=0)
    part[starts] = whole[starts]
    whole_lots: Ints = np.maximum(part, 0) + 1
    return whole_lots
