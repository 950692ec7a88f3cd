"""Tickers, the average price and a book around the last trade."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradewinds.sandbox.bars import DAY_MS, MINUTE_MS, Bars
from tradewinds.sandbox.binance_info import listed, status_of
from tradewinds.sandbox.binance_questions import Question, Refused
from tradewinds.sandbox.listings import Listing
from tradewinds.sandbox.prices import offered
from tradewinds.sandbox.venue_order import Quote

_EIGHT = Decimal("0.00000001")
_BOOK_MOST = 5000


def day_ticker(question: Question) -> Any:
    """The last 24 hours of one pair, of several, or of all."""
    is_mini = question.params.get("type", "FULL") == "MINI"
    return _each(question, lambda pair: _day(question, pair, is_mini=is_mini))


def price_ticker(question: Question) -> Any:
    """The last price of one pair, of several, or of all."""
    extra = {"time": question.world.clock.now_ms()} if question.kind == "um" else {}
    return _each(question, lambda pair: {"symbol": pair.symbol, "price": text(question, pair, last_price(question, pair)), **extra})


def book_ticker(question: Question) -> Any:
    """Best bid and ask of one pair, of several, or of all."""
    return _each(question, lambda pair: {"symbol": pair.symbol, **best(question, pair)})


def average_price(question: Question) -> dict[str, Any]:
    """The volume-weighted price of the last five minutes."""
    pair, now = question.listing(), question.world.clock.now_ms()
    bars = _window(question, pair, now - 5 * MINUTE_MS)
    volume = int(bars.volume.sum())
    price = Decimal(int(bars.quote.sum())) / volume if volume else last_price(question, pair) * 10**pair.price_decimals
    return {"mins": 5, "price": str((price / 10**pair.price_decimals).quantize(_EIGHT)), "closeTime": now}


def book(question: Question) -> dict[str, Any]:
    """A book of evenly thinning levels around the last price."""
    pair = question.listing()
    limit = question.limit(100, _BOOK_MOST)
    middle, tick, lot = last_price(question, pair), _tick(pair), _lot(pair)
    size = lot * 1000
    bids = [
        [text(question, pair, middle - tick * step), amount(question, pair, size * step)]
        for step in range(1, limit + 1)
        if middle > tick * step
    ]
    asks = [[text(question, pair, middle + tick * step), amount(question, pair, size * step)] for step in range(1, limit + 1)]
    return {"lastUpdateId": question.world.clock.now_ms(), "bids": bids, "asks": asks}


def last_price(question: Question, pair: Listing) -> Decimal:
    """The price of the last trade, or between the prices that were set by hand."""
    given = question.world.set_quotes.get((question.kind, pair.symbol))
    if given is not None:
        return ((given.bid + given.ask) / 2).quantize(_tick(pair))
    now = question.world.clock.now_ms()
    bars = _window(question, pair, now - 10 * MINUTE_MS)
    if not len(bars):
        bars = _window(question, pair, now - DAY_MS)
    if not len(bars):
        return Decimal(repr(pair.price)).quantize(_tick(pair))
    return Decimal(int(bars.close[-1])).scaleb(-pair.price_decimals)


def best(question: Question, pair: Listing) -> dict[str, Any]:
    """Best bid and ask, a tick around the last price or as set by hand: what the venue trades at."""
    given = question.world.set_quotes.get((question.kind, pair.symbol))
    if given is None:
        middle, tick = last_price(question, pair), _tick(pair)
        size = offered(pair, middle)
        given = Quote(max(tick, middle - tick), middle + tick, size, size)
    return {
        "bidPrice": text(question, pair, given.bid),
        "bidQty": amount(question, pair, given.bid_size),
        "askPrice": text(question, pair, given.ask),
        "askQty": amount(question, pair, given.ask_size),
    }


def text(question: Question, pair: Listing, price: Decimal) -> str:
    """A price as the venue writes it."""
    return f"{price:.{8 if question.kind == 'spot' else pair.price_decimals}f}"


def amount(question: Question, pair: Listing, quantity: Decimal) -> str:
    """A quantity as the venue writes it."""
    return f"{quantity:.{8 if question.kind == 'spot' else pair.quantity_decimals}f}"


def _each(question: Question, row: Callable[[Listing], dict[str, Any]]) -> Any:
    if "symbol" in question.params and "symbols" in question.params:
        raise Refused(-1128, "Combination of optional parameters invalid.")
    pairs = question.pairs()
    if "symbol" in question.params and pairs:
        return row(pairs[0])
    world = question.world
    return [row(pair) for pair in pairs or listed(world, question) if pairs or status_of(world, pair) == "TRADING"]


def _day(question: Question, pair: Listing, *, is_mini: bool) -> dict[str, Any]:
    now = question.world.clock.now_ms()
    bars = _window(question, pair, now - DAY_MS)
    opened = _price(pair, bars.open[0]) if len(bars) else last_price(question, pair)
    closed = _price(pair, bars.close[-1]) if len(bars) else opened
    volume = Decimal(int(bars.volume.sum())).scaleb(-pair.quantity_decimals)
    turnover = Decimal(int(bars.quote.sum())).scaleb(-bars.quote_decimals)
    count = int(bars.trades.sum())
    first = int(bars.first_id[0]) if len(bars) else -1
    short: dict[str, Any] = {
        "symbol": pair.symbol,
        "openPrice": text(question, pair, opened),
        "highPrice": text(question, pair, _price(pair, bars.high.max()) if len(bars) else opened),
        "lowPrice": text(question, pair, _price(pair, bars.low.min()) if len(bars) else opened),
        "lastPrice": text(question, pair, closed),
        "volume": amount(question, pair, volume),
        "quoteVolume": str(turnover.quantize(_EIGHT)),
        "openTime": now - DAY_MS,
        "closeTime": now,
        "firstId": first,
        "lastId": first + count - 1 if len(bars) else -1,
        "count": count,
    }
    if is_mini:
        return short
    change = closed - opened
    full = {
        "priceChange": text(question, pair, change),
        "priceChangePercent": f"{change / opened * 100:.3f}",
        "weightedAvgPrice": text(question, pair, turnover / volume if volume else closed),
        "lastQty": amount(question, pair, _lot(pair)),
    }
    if question.kind == "um":
        return {**short, **full}
    return {**short, **full, "prevClosePrice": text(question, pair, opened), **best(question, pair)}


def _window(question: Question, pair: Listing, start_ms: int) -> Bars:
    start = start_ms // MINUTE_MS * MINUTE_MS
    venue = "binance_rest" if question.kind == "spot" else "binance_futures"
    return question.world.bars(venue, pair.symbol, "1m", start, question.world.clock.now_ms(), question.kind)


def _price(pair: Listing, ticks: Any) -> Decimal:
    return Decimal(int(ticks)).scaleb(-pair.price_decimals)


def _tick(pair: Listing) -> Decimal:
    return Decimal(1).scaleb(-pair.price_decimals)


def _lot(pair: Listing) -> Decimal:
    return Decimal(1).scaleb(-pair.quantity_decimals)
