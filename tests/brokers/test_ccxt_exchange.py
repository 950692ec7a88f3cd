"""Exchanges of ccxt as we make them: the second is made in a tenth of the time, and has nothing of the first."""

from __future__ import annotations

from decimal import ROUND_HALF_DOWN, Context, getcontext, localcontext

import pytest

from tradewinds.brokers.ccxt_exchange import ExchangeOptions, make_exchange
from tradewinds.wire.secret import Secret

OF_ONE_ALONE = {"throttler", "origin", "apiKey", "secret", "twValues", "tw_clock"}


class Clock:
    def now_ns(self) -> int:
        return 1_800_000_000_000_000_000


@pytest.mark.parametrize("name", ["binance", "binanceusdm", "kraken"])
def test_the_second_exchange_is_like_the_first_and_shares_neither_address_nor_option_with_it(name: str) -> None:
    first = make_exchange(name, ExchangeOptions(Secret("one"), Secret("two"), Clock()))
    second = make_exchange(name, ExchangeOptions(Secret("three"), Secret("four"), Clock()))

    assert first.__dict__.keys() == second.__dict__.keys()
    assert {key for key, value in first.__dict__.items() if value != second.__dict__[key]} <= OF_ONE_ALONE
    first.options["ours"] = 1
    first.urls["api"]["public"] = "http://elsewhere"
    assert "ours" not in second.options
    assert second.urls["api"]["public"] != "http://elsewhere"
    third = make_exchange(name, ExchangeOptions(Secret("five"), Secret("six"), Clock()))
    assert third.urls["api"] == second.urls["api"]
    assert third.apiKey == "five"


def test_an_exchange_that_rounds_leaves_the_rounding_of_the_process_as_it_was() -> None:
    made = make_exchange("binance", ExchangeOptions(Secret("one"), Secret("two"), Clock()))

    with localcontext(Context(prec=9, rounding=ROUND_HALF_DOWN, traps=[])):
        price = made.decimal_to_precision("1.23455", 1, "0.0001", 4)  # to the nearest multiple
        ours = getcontext()

        assert price == "1.2346"
        assert (ours.prec, ours.rounding, [each for each, is_on in ours.traps.items() if is_on]) == (9, ROUND_HALF_DOWN, [])
