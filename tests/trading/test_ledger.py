"""A ledger that changes in place books as `core.account.apply_fill` does."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.account import LOT_METHODS, Account, Fill, LotMethod, apply_fill
from tradewinds.core.order import Side
from tradewinds.trading.ledger import Ledger, total

TINY = Decimal("1e-30")


def fill(number: int, side: Side, quantity: str, price: str, at_ns: int | None = None, name: str = "AAPL.XNAS") -> Fill:
    return Fill(
        str(number), "XNAS", f"o{number}", name, side, Decimal(quantity), Decimal(price), "USD", at_ns or number, commission=Decimal("0.1")
    )


def test_lots_close_first_in_first_out_dearest_first_or_at_their_average() -> None:
    bought = [fill(1, "buy", "1", "100"), fill(2, "buy", "1", "120"), fill(3, "buy", "1", "110")]

    gains = {}
    for method in LOT_METHODS:
        ledger = Ledger(method)
        for one in bought:
            ledger.book(one)
        gains[method] = [gain.amount for gain in ledger.book(fill(4, "sell", "2", "130"))]

    assert gains == {"fifo": [30, 10], "hifo": [10, 20], "average": [20, 20]}


def test_a_fill_told_late_stands_where_its_time_says() -> None:
    ledger = Ledger("fifo")
    ledger.book(fill(1, "buy", "1", "200", at_ns=20))
    ledger.book(fill(2, "buy", "1", "100", at_ns=10))

    (gain,) = ledger.book(fill(3, "sell", "1", "150", at_ns=30))

    assert gain.opened_ns == 10
    assert gain.amount == 50
    assert [lot.opened_ns for lot in ledger.positions["AAPL.XNAS"].lots] == [20]


def test_what_a_venue_counts_as_entry_is_the_average_whatever_lots_are_closed() -> None:
    ledger = Ledger("fifo")
    for one in (fill(1, "buy", "1", "100"), fill(2, "buy", "1", "120"), fill(3, "sell", "1", "130")):
        ledger.book(one)

    held = ledger.positions["AAPL.XNAS"]

    assert held.cost == 120
    assert held.average_cost == 110


FILLS = st.lists(
    st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 9), st.integers(1, 30), st.integers(0, 3)), min_size=1, max_size=40
)


@pytest.mark.parametrize("method", LOT_METHODS)
@settings(max_examples=60, deadline=None)
@given(told=FILLS)
def test_any_history_gives_the_account_that_apply_fill_gives(method: LotMethod, told: list[tuple[Side, int, int, int]]) -> None:
    ledger, account = Ledger(method), Account()

    for number, (side, quantity, price, late) in enumerate(told, 1):
        one = fill(number, side, str(quantity), str(price), at_ns=10 * number - 12 * late)
        realised = sum((gain.amount for gain in ledger.book(one)), Decimal(0))
        account, gains = apply_fill(account, one, method)
        assert abs(realised - sum((gain.amount for gain in gains), Decimal(0))) < TINY
        expected = account.positions.get("AAPL.XNAS")
        held = ledger.positions.get("AAPL.XNAS")
        assert (held is None) == (expected is None)
        if held is not None and expected is not None:
            assert held.quantity == expected.quantity == sum(lot.quantity for lot in held.lots)
            assert abs(held.cost - expected.cost) < TINY
            assert sum((lot.quantity * lot.price for lot in held.lots), Decimal(0)) == pytest.approx(held.cost)

    assert ledger.cash == account.cash


@settings(max_examples=60, deadline=None)
@given(told=st.lists(st.tuples(st.sampled_from(["a", "b", ""]), st.sampled_from(["buy", "sell"]), st.integers(1, 9), st.integers(1, 30))))
def test_the_parts_together_are_the_whole(told: list[tuple[str, Side, int, int]]) -> None:
    whole, parts = Ledger(), {name: Ledger() for name in ("a", "b", "")}

    for number, (name, side, quantity, price) in enumerate(told):
        one = fill(number, side, str(quantity), str(price), name=f"I{number % 3}.XNAS")
        whole.book(one)
        parts[name].book(one)

    assert total(parts.values()) == total([whole])
