"""What the OANDA venue answers to those who only look: account, orders, positions, changes, transactions, prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from decimal import Decimal

from tradewinds.sandbox.exchange import VenueOrder
from tradewinds.sandbox.fx import NEW_YORK
from tradewinds.sandbox.oanda_trade_book import NS, Book, Fields, moment, price

PAGE = 1_000
ORDERS_USUAL, ORDERS_MOST = 50, 500
DAY_ENDS = 17

Mid = Callable[[str], Decimal]


def account(book: Book, mid: Mid, *, is_whole: bool) -> Fields:
    """The account's numbers, with its orders, trades and positions where all is asked for."""
    shown = book.summary(mid)
    if is_whole:
        shown["orders"] = [book.order(one) for one in book.exchange.working(book.id)]
        shown["trades"] = [book.trade(one, mid(one.instrument)) for one in book.open_trades()]
        shown["positions"] = positions(book, mid, is_open=False)
    return shown


def orders(book: Book, asked: Mapping[str, str], is_read: Callable[[VenueOrder], bool]) -> list[Fields]:
    """Orders by state and instrument, newest first."""
    state, count = asked.get("state", "PENDING"), int(asked.get("count", ORDERS_USUAL))
    before = int(asked.get("beforeID", 10**18))
    found = []
    for number in sorted(book.notes, reverse=True):
        order = book.exchange.orders[number]
        shown = book.order(order)
        if number <= before and state in ("ALL", shown["state"]) and asked.get("instrument", order.symbol) == order.symbol:
            if is_read(order):
                found.append(shown)
            if len(found) == min(count, ORDERS_MOST):
                break
    return found


def positions(book: Book, mid: Mid, *, is_open: bool) -> list[Fields]:
    """Positions that are open, or that ever were."""
    known = dict.fromkeys(one.instrument for one in (book.open_trades() if is_open else book.trades.values()))
    return [book.position(name, mid(name)) for name in known]


def changes(book: Book, mid: Mid, since: int) -> Fields:
    """What happened after a transaction."""
    happened = book.since(since)
    touched = dict.fromkeys(int(one["orderID"] if "orderID" in one else one["id"]) for one in happened)
    touched_orders = [book.order(book.exchange.orders[one]) for one in touched if one in book.notes]
    trades = [book.trade(one, mid(one.instrument)) for one in book.trades.values() if int(one.id) > since]
    said = {
        "transactions": happened, "ordersCreated": [one for one in touched_orders if int(one["id"]) > since], "ordersTriggered": [],
        "ordersFilled": [one for one in touched_orders if one["state"] == "FILLED"],
        "ordersCancelled": [one for one in touched_orders if one["state"] == "CANCELLED"],
        "tradesOpened": trades, "tradesReduced": [], "tradesClosed": [one for one in trades if one["state"] == "CLOSED"],
        "positions": positions(book, mid, is_open=False) if happened else [],
    }  # fmt: skip
    summary = book.summary(mid)
    return {"changes": said, "state": {name: summary[name] for name in ("NAV", "unrealizedPL", "marginUsed", "marginAvailable")}}


def transactions(book: Book, more: list[str], asked: Mapping[str, str]) -> tuple[int, Fields]:
    """One transaction, a range, those since one, or how many there are."""
    match more:
        case ["sinceid"]:
            return 200, {"transactions": book.since(number_of(asked, "id"))[:PAGE]}
        case ["idrange"]:
            first, last = number_of(asked, "from"), number_of(asked, "to")
            if last < first or last - first >= PAGE:
                return 400, {"errorMessage": "Invalid value specified for 'to'", "errorCode": "INVALID_RANGE"}
            return 200, {"transactions": [one for one in book.since(first - 1) if int(one["id"]) <= last]}
        case [number] if number.isdigit():
            found = [one for one in book.transactions if one["id"] == number]
            return (200, {"transaction": found[0]}) if found else (404, {"errorMessage": "The transaction ID specified does not exist",
                                                                         "errorCode": "NO_SUCH_TRANSACTION"})  # fmt: skip
        case []:
            times = [book.transactions[0]["time"], book.transactions[-1]["time"]]
            return 200, {"count": len(book.transactions), "from": times[0], "to": times[1], "pageSize": 100, "pages": []}
    return 404, {"errorMessage": "Not found"}


def priced(book: Book, instrument: str, *, is_open: bool) -> Fields:
    """The best prices of an instrument."""
    quote, rule = book.exchange.quote(instrument), book.rules[instrument]
    bid, ask = price(quote.bid, rule), price(quote.ask, rule)
    return {
        "type": "PRICE", "instrument": instrument, "time": moment(book.exchange.now_ns()), "tradeable": is_open,
        "status": "tradeable" if is_open else "non-tradeable", "bids": [{"price": bid, "liquidity": int(quote.bid_size)}],
        "asks": [{"price": ask, "liquidity": int(quote.ask_size)}], "closeoutBid": bid, "closeoutAsk": ask,
    }  # fmt: skip


def number_of(asked: Mapping[str, str], name: str) -> int:
    """A number of the query, 0 where there is none."""
    text = asked.get(name, "")
    return int(text) if text.isdigit() else 0


def end_of_new_york_day(order: VenueOrder, now_ns: int) -> int:
    """When a day order placed now ends: at the next 17:00 in New York."""
    local = datetime.fromtimestamp(now_ns // NS, NEW_YORK)
    day = local.date() + timedelta(days=1 if local.hour >= DAY_ENDS else 0)
    return int(datetime.combine(day, time(DAY_ENDS), NEW_YORK).timestamp()) * NS
