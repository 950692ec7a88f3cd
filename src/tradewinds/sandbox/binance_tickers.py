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
    """A book of evenly thinning levels outside of the best prices, with the best sizes at them."""
    pair = question.listing()
    limit = question.limit(100, _BOOK_MOST)
    tick, size, top = _tick(pair), _lot(pair) * 1000, best_quote(question, pair)
    bids = [(top.bid - tick * step, top.bid_size + size * step) for step in range(limit) if top.bid > tick * step]
    asks = [(top.ask + tick * step, top.ask_size + size * step) for step in range(limit)]
    shown = [[[text(question, pair, price), amount(question, pair, held)] for price, held in side] for side in (bids, asks)]
    return {"lastUpdateId": question.world.clock.now_ms(), "bids": shown[0], "asks": shown[1]}


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
    """Best bid and ask as the venue shows them."""
    top = best_quote(question, pair)
    return {
        "bidPrice": text(question, pair, top.bid),
        "bidQty": amount(question, pair, top.bid_size),
        "askPrice": text(question, pair, top.ask),
        "askQty": amount(question, pair, top.ask_size),
    }


def best_quote(question: Question, pair: Listing) -> Quote:
    """What the venue trades at: a tick around the last price, or what was set by hand."""
    given = question.world.set_quotes.get((question.kind, pair.symbol))
    if given is not None:
        return given
    middle, tick = last_price(question, pair), _tick(pair)
    size = offered(pair, middle)
    return Quote(max(tick, middle - tick), middle + tick, size, size)


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
