"""Realised gains as a table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradewinds.trading.gains import gain_rows, gain_table


def test_a_long_and_a_short_that_were_closed_make_a_row_each(bench: Any) -> None:
    it = bench()
    for quantity, side, price in (("2", "buy", "100"), ("3", "sell", "110"), ("1", "buy", "90")):
        it.hear(it.fill(it.working(quantity, side=side), quantity, price))

    rows = list(gain_rows(it.books.gains, it.books.method, {}))

    assert [(one.quantity, one.cost, one.proceeds, one.gain) for one in rows] == [
        (Decimal(2), Decimal(200), Decimal(220), Decimal(20)),
        (Decimal(-1), Decimal(90), Decimal(110), Decimal(20)),
    ]
    assert all(one.gain == one.proceeds - one.cost for one in rows)
    lines = gain_table(rows).splitlines()
    assert lines[0] == "instrument,quantity,opened,closed,proceeds,cost,gain,currency,method,strategy"
    assert lines[1].startswith("ABC.LOCAL,2,2027-01-15T08:00:00")
    assert lines[1].endswith(",220,200,20,USD,fifo,trend")
