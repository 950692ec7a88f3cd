"""Trades and aggregate trades over REST: the latest, by id, or by time."""

from __future__ import annotations

from typing import Any

import numpy as np

from tradewinds.sandbox.bars import DAY_MS, decimals
from tradewinds.sandbox.binance_questions import Question, Refused
from tradewinds.sandbox.market import EPOCH_DAY, SeededMarket
from tradewinds.sandbox.prints import Prints, aggregates, first_id
from tradewinds.sandbox.recorded import RecordedMarket

USUAL, MOST = 500, 1000
_HOUR_MS = 3_600_000

Rows = list[dict[str, Any]]


def recent_trades(question: Question) -> Rows:
    """The latest trades."""
    return _trade_rows(question, _until_now(question).take(slice(-question.limit(USUAL, MOST), None)))


def historical_trades(question: Question) -> Rows:
    """Trades from an id on, the latest without one."""
    wanted = question.number("fromId")
    if wanted is None:
        return recent_trades(question)
    return _trade_rows(question, _from_id(question, wanted, question.limit(USUAL, MOST), aggregate=False))


def aggregate_trades(question: Question) -> Rows:
    """Aggregate trades from an id on, in a stretch of time, or the latest."""
    limit = question.limit(USUAL, MOST)
    wanted, start, end = question.number("fromId"), question.instant_ms("startTime"), question.instant_ms("endTime")
    if wanted is not None and (start is not None or end is not None):
        raise Refused(-1128, "Combination of optional parameters invalid.")
    if wanted is not None:
        return _aggregate_rows(question, _from_id(question, wanted, limit, aggregate=True))
    if start is None and end is None:
        return _aggregate_rows(question, aggregates(_until_now(question)).take(slice(-limit, None)))
    now = question.world.clock.now_ms()
    last = min(now, end if end is not None else start + _HOUR_MS if start is not None else now)
    first = start if start is not None else last - _HOUR_MS
    found = aggregates(_between(question, first, last))
    return _aggregate_rows(question, found.take(slice(0, limit) if start is not None else slice(-limit, None)))


def _day(question: Question, day: int) -> Prints:
    symbol = question.listing().symbol
    market = question.world.market
    if isinstance(question.world.source, RecordedMarket):
        return _no_prints(market)
    first, last = market.days_listed(symbol)
    if not first <= day <= last:
        return _no_prints(market)
    found = market.day_prints(symbol, day, question.kind)
    now_us = question.world.clock.now_ns() // 1000
    return found.take(slice(0, int(np.searchsorted(found.time_us, now_us))))


def _until_now(question: Question) -> Prints:
    symbol = question.listing().symbol
    now_day = question.world.clock.now_ms() // DAY_MS
    last = min(now_day, question.world.market.days_listed(symbol)[1]) if symbol in question.world.market.listings else now_day
    today = _day(question, last)
    return today if len(today) >= 2 * MOST else _join(_day(question, last - 1), today)


def _between(question: Question, start_ms: int, end_ms: int) -> Prints:
    found = _day(question, start_ms // DAY_MS)
    if end_ms // DAY_MS > start_ms // DAY_MS:
        found = _join(found, _day(question, start_ms // DAY_MS + 1))
    low = np.searchsorted(found.time_us, start_ms * 1000)
    high = np.searchsorted(found.time_us, (end_ms + 1) * 1000)
    return found.take(slice(int(low), int(high)))


def _from_id(question: Question, wanted: int, limit: int, *, aggregate: bool) -> Prints:
    market, symbol = question.world.market, question.listing().symbol
    if symbol not in market.listings or isinstance(question.world.source, RecordedMarket):
        return _no_prints(market)
    trade = int(first_id(np.array([wanted]))[0]) if aggregate else wanted
    starts = market.first_ids(symbol, question.kind)
    day = int(np.searchsorted(starts, trade, side="right")) - 1 + EPOCH_DAY
    day = max(day, market.days_listed(symbol)[0])
    found = _day(question, day)
    low = int(np.searchsorted(found.id, trade))
    if len(found) - low < 2 * limit:
        found = _join(found, _day(question, day + 1))
    chosen = found.take(slice(low, low + 2 * limit))
    return (aggregates(chosen) if aggregate else chosen).take(slice(0, limit))


def _no_prints(market: SeededMarket) -> Prints:
    none = np.zeros(0, np.int64)
    return Prints(none, none, none, none, np.zeros(0, np.bool_), none, 2, 2)


def _join(first: Prints, second: Prints) -> Prints:
    if not len(first) or not len(second):
        return first if len(first) else second
    names = ("id", "price", "quantity", "time_us", "is_buyer_maker", "last_id")
    columns = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names}
    return Prints(**columns, price_decimals=first.price_decimals, quantity_decimals=first.quantity_decimals)


def _texts(found: Prints, spot: bool) -> tuple[list[str], list[str], list[str]]:
    import polars as pl

    price, quantity = (8, 8) if spot else (found.price_decimals, found.quantity_decimals)
    both = found.price_decimals + found.quantity_decimals
    columns = (
        decimals(found.price, found.price_decimals, price),
        decimals(found.quantity, found.quantity_decimals, quantity),
        decimals(found.price * found.quantity, both, 8 if spot else both),
    )
    one, two, three = (column.cast(pl.String).to_list() for column in columns)
    return one, two, three


def _trade_rows(question: Question, found: Prints) -> Rows:
    spot = question.kind == "spot"
    price, quantity, quote = _texts(found, spot)
    times = found.time_us // (1000 // question.unit)
    return [
        {
            "id": int(found.id[row]),
            "price": price[row],
            "qty": quantity[row],
            "quoteQty": quote[row],
            "time": int(times[row]),
            "isBuyerMaker": bool(found.is_buyer_maker[row]),
            **({"isBestMatch": True} if spot else {}),
        }
        for row in range(len(found))
    ]


def _aggregate_rows(question: Question, found: Prints) -> Rows:
    spot = question.kind == "spot"
    price, quantity, _ = _texts(found, spot)
    times, firsts = found.time_us // (1000 // question.unit), first_id(found.id)
    return [
        {
            "a": int(found.id[row]),
            "p": price[row],
            "q": quantity[row],
            "f": int(firsts[row]),
            "l": int(found.last_id[row]),
            "T": int(times[row]),
            "m": bool(found.is_buyer_maker[row]),
            **({"M": True} if spot else {}),
        }
        for row in range(len(found))
    ]
