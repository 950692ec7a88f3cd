"""What OANDA says, read or refused: whatever arrives, there is a value or an Unreadable, and nothing else."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewinds.brokers.oanda_messages import fill_of, report_of
from tradewinds.core.errors import Unreadable
from tradewinds.core.order import OrderState

FILL: dict[str, Any] = {
    "id": "7", "type": "ORDER_FILL", "orderID": "6", "clientOrderID": "a", "instrument": "USD_JPY", "units": "-100", "price": "148.020",
    "commission": "0.5000", "time": "2025-03-14T12:34:56.123456789Z",
}  # fmt: skip
ORDER: dict[str, Any] = {
    "id": "6", "type": "LIMIT", "instrument": "EUR_USD", "units": "100", "price": "1.07000", "timeInForce": "GTC", "state": "PENDING",
    "createTime": "1741955696.000000001", "clientExtensions": {"id": "a"},
}  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=12) | st.sampled_from(["NaN", "1e400", "-0", "FILLED"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "units"]), inner, max_size=2),
    max_leaves=3,
)


def test_a_fill_is_read_to_the_nanosecond_and_the_cent() -> None:
    fill = fill_of(FILL, "USD")
    assert (fill.instrument, fill.side, fill.quantity, fill.price, fill.currency) == (
        "USD_JPY.OANDA", "sell", Decimal(100), Decimal("148.020"), "JPY",
    )  # fmt: skip
    assert (fill.commission, fill.commission_currency, fill.event_ns) == (Decimal("0.5000"), "USD", 1741955696123456789)


def test_numbers_may_come_as_numbers() -> None:
    assert fill_of({**FILL, "units": 100, "price": Decimal("148.02"), "id": 7}, "USD") == fill_of(
        {**FILL, "units": "100", "price": "148.02"}, "USD"
    )


def test_an_order_is_read_with_its_terms() -> None:
    report = report_of(ORDER)
    assert (report.client_order_id, report.state, report.event_ns) == ("a", OrderState.ACCEPTED, 1741955696000000001)
    assert report.terms is not None
    assert (report.terms.kind, report.terms.limit, report.terms.signed) == ("limit", Decimal("1.07000"), Decimal(100))


def test_an_order_of_a_kind_that_we_do_not_have_has_no_terms() -> None:
    shown = {"id": "6", "type": "TRAILING_STOP_LOSS", "tradeID": "5", "distance": "0.1", "state": "PENDING", "createTime": "2025-03-14"}
    report = report_of(shown)
    assert (report.instrument, report.terms, report.state) == ("", None, OrderState.ACCEPTED)


@given(st.sampled_from(sorted(FILL)), anything)
def test_a_fill_with_anything_in_it_is_read_or_unreadable(name: str, value: Any) -> None:
    with suppress(Unreadable):
        fill_of({**FILL, name: value}, "USD")


@given(st.sampled_from(sorted(ORDER)), anything)
def test_an_order_with_anything_in_it_is_read_or_unreadable(name: str, value: Any) -> None:
    with suppress(Unreadable):
        report_of({**ORDER, name: value})


@pytest.mark.parametrize("name", ["id", "instrument", "units", "price", "time"])
def test_a_fill_without_what_it_needs_is_unreadable_by_name(name: str) -> None:
    with pytest.raises(Unreadable, match=name):
        fill_of({key: value for key, value in FILL.items() if key != name}, "USD")
