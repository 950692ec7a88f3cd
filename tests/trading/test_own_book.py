"""A strategy's own equity, where a commission was paid in what was bought."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np

from tradewinds.core.account import Fill
from tradewinds.core.instrument import Instrument
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Allotted, Booked
from tradewinds.trading.own_book import OwnBook

AT_NS = 1_795_392_000_000_000_000
BTC = Instrument("BTCUSDT.BINANCE", "spot", "USDT", "24/7", base="BTC", tick=Decimal("0.01"), lot=Decimal("0.00001"))


def test_a_commission_in_the_bought_coin_counts_at_the_pairs_newest_close_and_hides_no_equity() -> None:
    books = Books("main", currency="USDT")
    books.apply(AT_NS, [Allotted("trend", "USDT", Decimal(10_000))])
    fill = Fill(
        "1", "BINANCE", "a", BTC.id, "buy", Decimal("0.1"), Decimal(50_000), "USDT", AT_NS,
        commission=Decimal("0.0001"), commission_currency="BTC",
    )  # fmt: skip
    books.apply(AT_NS, [Booked(fill, "trend")])
    own = OwnBook("trend", (BTC,), "USDT")

    own.look(books, np.array([51_000.0]), {})

    assert own.equity() == 10_000.0 + 0.1 * 1_000.0 - 0.0001 * 51_000.0


def test_a_currency_of_which_nothing_is_known_still_hides_it() -> None:
    own = OwnBook("trend", (BTC,), "USDT")
    own.look(Books("main"), np.array([51_000.0]), {})

    assert math.isnan(own.rate("DOGE"))
    assert own.rate("BTC") == 51_000.0
