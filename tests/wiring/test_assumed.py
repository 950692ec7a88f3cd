"""What an instrument's venue says of it where nobody registered it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.core.instrument import Instrument
from tradewinds.wiring.trade import instruments_for


@pytest.mark.parametrize(
    ("name", "kind", "base", "currency", "tick", "lot"),
    [
        ("EUR_USD.OANDA", "fx", "EUR", "USD", "0.00001", "1"),
        ("USD_JPY.OANDA", "fx", "USD", "JPY", "0.001", "1"),
        ("EUR_USD.IDEALPRO", "fx", "EUR", "USD", "0.00001", "1"),
        ("BTC_USD.PAXOS", "spot", "BTC", "USD", None, "1E-8"),
        ("BTCUSDT.BINANCE", "spot", "BTC", "USDT", None, "1E-8"),
        ("BTCUSDT.BINANCE_UM", "perpetual", "BTC", "USDT", None, "1E-8"),
        ("AAPL.XNAS", "equity", None, "USD", None, "1"),
    ],
)
def test_the_books_know_what_kind_of_holding_it_is(
    name: str, kind: str, base: str | None, currency: str, tick: str | None, lot: str
) -> None:
    found = instruments_for([name], None)[name]

    assert (found.kind, found.base, found.currency) == (kind, base, currency)
    assert (found.tick, found.lot) == (None if tick is None else Decimal(tick), Decimal(lot))


def test_what_is_no_pair_stays_what_it_was() -> None:
    assert instruments_for(["ODD.OANDA"], None)["ODD.OANDA"] == Instrument("ODD.OANDA", "other", "USD", "24/7", lot=Decimal("1E-8"))
