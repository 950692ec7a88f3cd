"""Orders: their names, their terms and the table of legal changes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.core.errors import Invariant, Rejected
from tradewinds.core.order import ENDED, LEGAL, Intent, OrderState, OrderTerms, changed, client_order_id, is_client_order_id, is_ours

BUY_ONE = OrderTerms("BTCUSDT.BINANCE", "buy", Decimal("1"))


def test_the_same_decision_has_the_same_client_order_id_and_another_has_another() -> None:
    intent = Intent("main", "trend", 1_700_000_000_000_000_000, BUY_ONE)

    again = client_order_id("main", "trend", 1_700_000_000_000_000_000, "BTCUSDT.BINANCE", 0, 0)
    others = {
        client_order_id("main", "trend", 1_700_000_000_000_000_000, "BTCUSDT.BINANCE", 1, 0),
        client_order_id("main", "trend", 1_700_000_000_000_000_000, "BTCUSDT.BINANCE", 0, 1),
        client_order_id("main", "trend", 1_700_000_000_000_000_001, "BTCUSDT.BINANCE", 0, 0),
        client_order_id("other", "trend", 1_700_000_000_000_000_000, "BTCUSDT.BINANCE", 0, 0),
    }

    assert intent.client_order_id == again == "tw25povxuyycuygwmamwimtsbitf"
    assert len(others | {again}) == 5


def test_names_that_run_into_each_other_make_different_ids() -> None:
    assert client_order_id("ab", "c", 1, "X.Y", 0, 0) != client_order_id("a", "bc", 1, "X.Y", 0, 0)


def test_a_client_order_id_fits_every_venue_and_is_known_as_ours() -> None:
    name = Intent("main", "trend", 5, BUY_ONE).client_order_id

    assert len(name) == 28
    assert is_client_order_id(name)
    assert is_ours(name)
    assert not is_ours("web_1234")
    assert not is_client_order_id("x" * 37)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantity": Decimal(0)}, "quantity"),
        ({"quantity": 1.5}, "expected a positive Decimal"),
        ({"side": "long"}, "side 'long'"),
        ({"kind": "limit"}, "a limit order without limit"),
        ({"limit": Decimal(5)}, "limit 5 on a market order"),
        ({"kind": "stop", "stop": Decimal("NaN")}, "stop"),
        ({"kind": "trailing_stop"}, "without trail"),
    ],
)
def test_terms_that_no_venue_could_take_are_refused_with_what_is_wrong(changes: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"instrument": "AAPL.XNAS", "side": "buy", "quantity": Decimal(1)} | changes

    with pytest.raises(Rejected, match=message):
        OrderTerms(**given)  # type: ignore[arg-type]


def test_an_unknown_outcome_is_never_final_and_a_rejection_always_is() -> None:
    assert OrderState.UNKNOWN not in ENDED
    assert LEGAL[OrderState.REJECTED] == frozenset()
    assert changed("a", OrderState.UNKNOWN, OrderState.ABSENT) is OrderState.ABSENT
    with pytest.raises(Invariant, match="from rejected to accepted"):
        changed("a", OrderState.REJECTED, OrderState.ACCEPTED)


def test_every_state_that_has_not_ended_can_still_end() -> None:
    def reach(start: OrderState) -> set[OrderState]:
        seen = {start}
        while more := {after for state in seen for after in LEGAL[state]} - seen:
            seen |= more
        return seen

    for state in set(OrderState) - ENDED:
        assert reach(state) & ENDED, state


def test_a_late_fill_is_the_only_thing_that_can_follow_a_cancel() -> None:
    assert LEGAL[OrderState.CANCELLED] == {OrderState.FILLED}
