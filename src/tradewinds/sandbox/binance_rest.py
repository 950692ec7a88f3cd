"""Binance spot REST: the market data that needs no key."""

from __future__ import annotations

from typing import Any

from tradewinds.sandbox.bars import rows
from tradewinds.sandbox.binance_info import spot_info
from tradewinds.sandbox.binance_prints import aggregate_trades, historical_trades, recent_trades
from tradewinds.sandbox.binance_questions import Answer, Question, Weight
from tradewinds.sandbox.binance_span import asked_bars
from tradewinds.sandbox.binance_tickers import average_price, book, book_ticker, day_ticker, price_ticker

VENUE = "binance_rest"
KLINES_USUAL, KLINES_MOST = 500, 1000


def endpoints() -> dict[str, tuple[Answer, Weight]]:
    """Every address of the market data, with its weight."""
    return {
        "ping": (ping, 1),
        "time": (server_time, 1),
        "exchangeInfo": (spot_info, 20),
        "klines": (klines, 2),
        "uiKlines": (klines, 2),
        "trades": (recent_trades, 25),
        "historicalTrades": (historical_trades, 25),
        "aggTrades": (aggregate_trades, 4),
        "avgPrice": (average_price, 2),
        "depth": (book, _book_weight),
        "ticker/24hr": (day_ticker, _day_weight),
        "ticker/price": (price_ticker, lambda question: 2 if "symbol" in question.params else 4),
        "ticker/bookTicker": (book_ticker, lambda question: 2 if "symbol" in question.params else 4),
    }


def ping(question: Question) -> dict[str, Any]:
    """Nothing, politely."""
    return {}


def server_time(question: Question) -> dict[str, Any]:
    """The venue's time."""
    return {"serverTime": question.world.clock.now_ns() // (1_000_000 // question.unit)}


def klines(question: Question) -> list[list[Any]]:
    """Bars as rows of text; the last may be the one that is not over yet."""
    return rows(asked_bars(question, VENUE, KLINES_USUAL, KLINES_MOST), spot=question.kind == "spot", unit=question.unit)


def _book_weight(question: Question) -> int:
    limit = question.number("limit") or 100
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _day_weight(question: Question) -> int:
    if "symbol" in question.params:
        return 2
    count = question.params["symbols"].count(",") + 1 if "symbols" in question.params else 1000
    return 2 if count <= 20 else 40 if count <= 100 else 80
