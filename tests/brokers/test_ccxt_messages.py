"""What ccxt shows, read or refused: whatever stands in it, there is a value or an Unreadable, and nothing else."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tradewinds.brokers.ccxt_messages import Listed, balances_of, fill_of, original_id, report_of
from tradewinds.core.errors import Unreadable
from tradewinds.core.order import OrderState

MARKET = Listed("BTCUSDT.BINANCE", "BTC/USDT", "BTCUSDT", "USDT")
CONTRACTS = Listed("BTCUSDT.OKX", "BTC/USDT:USDT", "BTC-USDT-SWAP", "USDT", per_unit=Decimal(100))
ORDER: dict[str, Any] = {
    "id": "9", "clientOrderId": "twaaa", "status": "open", "amount": "0.5", "filled": "0", "side": "buy", "type": "limit",
    "price": "60000.00", "timeInForce": "GTC", "timestamp": 1741955696000,
}  # fmt: skip
TRADE: dict[str, Any] = {
    "id": "77", "order": "9", "side": "sell", "amount": "50", "price": "60000.00", "timestamp": 1741955696000,
    "fee": {"cost": "0.1", "currency": "USDT"},
}  # fmt: skip
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["NaN", "1e400"]),
    st.lists(st.none(), max_size=1),
)


def test_amounts_in_contracts_become_units() -> None:
    fill = fill_of(TRADE, CONTRACTS, "OKX", "a")
    assert (fill.id, fill.signed, fill.commission, fill.commission_currency) == (
        "BTC-USDT-SWAP:77", Decimal("-0.5"), Decimal("0.1"), "USDT",
    )  # fmt: skip


def test_states_follow_what_was_filled() -> None:
    for changed, state in (
        ({}, OrderState.ACCEPTED),
        ({"filled": "0.1"}, OrderState.PARTIALLY_FILLED),
        ({"status": "closed", "filled": "0.5"}, OrderState.FILLED),
        ({"status": "closed", "filled": "0.1"}, OrderState.CANCELLED),
        ({"status": "canceled"}, OrderState.CANCELLED),
        ({"status": "expired"}, OrderState.EXPIRED),
        ({"status": "rejected"}, OrderState.REJECTED),
        ({"status": None}, OrderState.ACCEPTED),
        ({"status": "DREAMING"}, OrderState.UNKNOWN),
    ):
        assert report_of({**ORDER, **changed}, MARKET).state is state


def test_an_order_shown_under_the_id_of_its_cancel_is_known_by_its_own() -> None:
    assert original_id("twaaa-c") == "twaaa"
    assert report_of({**ORDER, "clientOrderId": "twaaa-c", "status": "canceled"}, MARKET).client_order_id == "twaaa"


def test_balances_without_zeros() -> None:
    assert balances_of({"total": {"BTC": "1.5", "USDT": "0.00000000", "ETH": None}}) == {"BTC": Decimal("1.5")}


@given(st.sampled_from(sorted(ORDER)), anything)
def test_an_order_with_anything_in_it_is_read_or_unreadable(name: str, value: Any) -> None:
    with suppress(Unreadable):
        report_of({**ORDER, name: value}, MARKET)


@given(st.sampled_from(sorted(TRADE)), anything)
def test_a_trade_with_anything_in_it_is_read_or_unreadable(name: str, value: Any) -> None:
    with suppress(Unreadable):
        fill_of({**TRADE, name: value}, MARKET, "BINANCE", "a")
