"""Accounts: what fills do to cash, lots and gains."""

from __future__ import annotations

from decimal import ROUND_UP, Context, Decimal, Inexact, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewinds.core.account import Account, Fill, LotMethod, apply_fill
from tradewinds.core.errors import Rejected


def fill(number: int, side: str, quantity: str, price: str, **more: Any) -> Fill:
    return Fill(str(number), "XNAS", f"o{number}", "AAPL.XNAS", side, Decimal(quantity), Decimal(price), "USD", number, **more)  # type: ignore[arg-type]


def after(*fills: Fill, method: LotMethod = "fifo") -> tuple[Account, list[Decimal]]:
    account, gains = Account({"USD": Decimal(1000)}), []
    for one in fills:
        account, realised = apply_fill(account, one, method)
        gains += [gain.amount for gain in realised]
    return account, gains


def test_a_purchase_moves_cash_and_its_commission_and_opens_a_lot() -> None:
    account, gains = after(fill(1, "buy", "2", "100", commission=Decimal("0.5")))

    assert account.cash["USD"] == Decimal("799.5")
    assert account.quantity("AAPL.XNAS") == 2
    assert gains == []


def test_a_fill_that_is_told_twice_is_booked_once() -> None:
    once, _ = after(fill(1, "buy", "2", "100"))

    twice, gains = apply_fill(once, fill(1, "buy", "2", "100"))

    assert twice is once
    assert gains == ()


@pytest.mark.parametrize(("method", "gain"), [("fifo", "30"), ("hifo", "10"), ("average", "20")])
def test_which_lot_a_sale_closes_is_a_choice(method: LotMethod, gain: str) -> None:
    _, gains = after(fill(1, "buy", "1", "100"), fill(2, "buy", "1", "120"), fill(3, "sell", "1", "130"), method=method)

    assert gains == [Decimal(gain)]


def test_a_sale_of_more_than_is_held_closes_all_and_opens_a_short() -> None:
    account, gains = after(fill(1, "buy", "1", "100"), fill(2, "sell", "3", "110"))

    assert gains == [Decimal(10)]
    assert account.quantity("AAPL.XNAS") == -2
    assert account.positions["AAPL.XNAS"].average_price == 110


def test_a_short_gains_when_bought_back_lower() -> None:
    account, gains = after(fill(1, "sell", "2", "50"), fill(2, "buy", "2", "40"))

    assert gains == [Decimal(20)]
    assert account.positions == {}
    assert account.cash["USD"] == 1020


def test_a_commission_in_a_coin_leaves_that_coin() -> None:
    account, _ = after(fill(1, "buy", "1", "10", commission=Decimal("0.001"), commission_currency="BNB"))

    assert account.cash["BNB"] == Decimal("-0.001")


def test_a_fill_in_another_currency_than_the_position_is_refused() -> None:
    account, _ = after(fill(1, "buy", "1", "10"))
    other = Fill("2", "XNAS", "o2", "AAPL.XNAS", "buy", Decimal(1), Decimal(10), "EUR", 2)

    with pytest.raises(Rejected, match="in EUR times 1, expected USD"):
        apply_fill(account, other)


amounts = st.decimals(min_value="0.001", max_value="1000", places=3)


@given(st.lists(st.tuples(st.sampled_from(["buy", "sell"]), amounts, amounts), max_size=30), st.sampled_from(["fifo", "hifo", "average"]))
def test_cash_cost_and_gains_sum_to_zero_whatever_happens(moves: list[tuple[str, Decimal, Decimal]], method: LotMethod) -> None:
    fills = [fill(number, side, str(quantity), str(price)) for number, (side, quantity, price) in enumerate(moves)]

    account, gains = after(*fills, method=method)

    held = account.positions.get("AAPL.XNAS")
    cost = held.cost if held else Decimal(0)
    moved = account.cash["USD"] - 1000
    assert abs(moved + cost - sum(gains, Decimal(0))) < Decimal("1e-20")
    assert account.quantity("AAPL.XNAS") == sum((one.signed for one in fills), Decimal(0))


def test_how_the_process_rounds_changes_no_account() -> None:
    fills = fill(1, "buy", "2", "10"), fill(2, "buy", "1", "11"), fill(3, "sell", "1", "12")

    with localcontext(Context(prec=28, rounding=ROUND_UP, traps=[Inexact])):
        account, gains = after(*fills, method="average")
        average = account.positions["AAPL.XNAS"].average_price

    assert gains == [Decimal("1." + "6" * 47 + "7")]
    assert average == Decimal("10." + "3" * 48)
