"""Binance USD-M futures REST: the market data that needs no key."""

from __future__ import annotations

from typing import Any

from tradewinds.sandbox.bars import decimals, rows
from tradewinds.sandbox.binance_info import futures_info, listed, status_of
from tradewinds.sandbox.binance_prints import aggregate_trades, historical_trades, recent_trades
from tradewinds.sandbox.binance_questions import Answer, Question, Weight
from tradewinds.sandbox.binance_rest import ping, server_time
from tradewinds.sandbox.binance_span import asked_bars, asked_span, bars_end
from tradewinds.sandbox.binance_tickers import book, book_ticker, day_ticker, price_ticker
from tradewinds.sandbox.listings import Listing
from tradewinds.sandbox.perpetual import FUNDING_MS, funding, mark_bars
from tradewinds.sandbox.world import World

VENUE = "binance_futures"
WEIGHT_LIMIT = 2400
KLINES_USUAL, KLINES_MOST = 500, 1500
FUNDING_USUAL, FUNDING_MOST = 100, 1000
_SHARES = {100: 1, 500: 2, 1000: 5}


def endpoints() -> dict[str, tuple[Answer, Weight]]:
    """Every address of the market data, with its weight."""
    return {
        "ping": (ping, 1),
        "time": (server_time, 1),
        "exchangeInfo": (futures_info, 1),
        "klines": (klines, _klines_weight),
        "markPriceKlines": (mark_klines, _klines_weight),
        "fundingRate": (funding_rates, 1),
        "premiumIndex": (premium, lambda question: 1 if "symbol" in question.params else 10),
        "trades": (recent_trades, 5),
        "historicalTrades": (historical_trades, 20),
        "aggTrades": (aggregate_trades, 20),
        "depth": (book, 10),
        "ticker/24hr": (day_ticker, lambda question: 1 if "symbol" in question.params else 40),
        "ticker/price": (price_ticker, lambda question: 1 if "symbol" in question.params else 2),
        "ticker/bookTicker": (book_ticker, lambda question: 2 if "symbol" in question.params else 5),
    }


def klines(question: Question) -> list[list[Any]]:
    """Bars as rows of text; the last may be the one that is not over yet."""
    return rows(asked_bars(question, VENUE, KLINES_USUAL, KLINES_MOST), spot=False)


def mark_klines(question: Question) -> list[list[Any]]:
    """Bars of the mark price; what nothing trades at has no volume."""
    pair, interval = question.listing(), question.interval()
    limit = question.limit(KLINES_USUAL, KLINES_MOST)
    first, last, is_latest = asked_span(question, pair, interval, limit)
    stop = last if is_latest else min(last, bars_end(interval, first, limit))
    found = mark_bars(question.world, pair.symbol, interval, first, stop)
    found = found.take(slice(-limit, None) if is_latest else slice(0, limit))
    table = rows(found, spot=True)
    for row in table:
        row[5] = row[7] = row[9] = row[10] = "0"
    return table


def funding_rates(question: Question) -> list[dict[str, Any]]:
    """Settled funding: from the start on, or the latest."""
    world = question.world
    pairs = [question.listing()] if "symbol" in question.params else listed(world, question)[:200]
    start, end = question.instant_ms("startTime"), question.instant_ms("endTime")
    limit = question.limit(FUNDING_USUAL, FUNDING_MOST)
    stop = min(world.clock.now_ms(), end if end is not None else world.clock.now_ms()) + 1
    begin = start if start is not None else stop - (limit + 1) * FUNDING_MS
    found = [
        row for pair in pairs for row in _settlements(world, pair, begin, min(stop, begin + (limit + 2) * FUNDING_MS), stop, start is None)
    ]
    found.sort(key=lambda row: (row["fundingTime"], row["symbol"]))
    return found[:limit] if start is not None else found[-limit:]


def premium(question: Question) -> Any:
    """Mark, index and the running funding rate of one pair, or of all."""
    world = question.world
    if "symbol" in question.params:
        return _premium(world, question.listing())
    return [_premium(world, pair) for pair in listed(world, question) if status_of(world, pair) == "TRADING"]


def _settlements(world: World, pair: Listing, begin: int, until: int, stop: int, is_latest: bool) -> list[dict[str, Any]]:
    import polars as pl

    times, rates = funding(world, pair.symbol, begin, stop if is_latest else min(until, stop))
    marks = mark_bars(world, pair.symbol, "8h", int(times[0]) - FUNDING_MS, int(times[-1]) + 1) if len(times) else None
    texts = decimals(rates, 8, 8).cast(pl.String).to_list()
    closes = {}
    if marks is not None:
        shown = decimals(marks.close, marks.price_decimals, 8).cast(pl.String).to_list()
        closes = dict(zip((marks.end_ms + 1).tolist(), shown, strict=True))
    return [
        {"symbol": pair.symbol, "fundingTime": at, "fundingRate": rate, "markPrice": closes.get(at // FUNDING_MS * FUNDING_MS, "")}
        for at, rate in zip(times.tolist(), texts, strict=True)
    ]


def _premium(world: World, pair: Listing) -> dict[str, Any]:
    now = world.clock.now_ms()
    marks = mark_bars(world, pair.symbol, "1m", now - 3_600_000, now)
    price = f"{int(marks.close[-1]) / 10**marks.price_decimals:.8f}" if len(marks) else "0.00000000"
    coming = -(-now // FUNDING_MS) * FUNDING_MS
    rates = funding(world, pair.symbol, coming, coming + FUNDING_MS)[1]
    return {
        "symbol": pair.symbol,
        "markPrice": price,
        "indexPrice": price,
        "estimatedSettlePrice": price,
        "lastFundingRate": f"{int(rates[0]) / 1e8 if len(rates) else 0.0001:.8f}",
        "interestRate": "0.00010000",
        "nextFundingTime": coming,
        "time": now,
    }


def _klines_weight(question: Question) -> int:
    limit = question.number("limit") or KLINES_USUAL
    return next((weight for most, weight in _SHARES.items() if limit <= most), 10)
