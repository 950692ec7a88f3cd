"""Trading to look at: pages of orders and fills, one order with its fills, why a fill happened, what is held."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tradewinds.stores.ledger_schema_trading import trade_fill, trade_order, trade_position
from tradewinds.stores.ledger_write import upsert

ORDER: dict[str, Any] = {
    "account": "main", "strategy": "trend", "instrument": "BTCUSDT.BINANCE", "side": "buy", "kind": "market", "time_in_force": "gtc",
    "quantity": Decimal("0.10"), "limit_price": None, "stop_price": None, "filled": Decimal("0.1"), "reason": "", "venue_order_id": "v",
    "decision_ns": 0, "approved_ns": 0, "changed_ns": 0,
}  # fmt: skip
FILL: dict[str, Any] = {
    "account": "main", "venue": "BINANCE", "client_order_id": "tw1", "strategy": "trend", "instrument": "BTCUSDT.BINANCE", "side": "buy",
    "quantity": Decimal("0.1"), "price": Decimal("42940.70"), "multiplier": Decimal(1), "currency": "USDT", "commission": Decimal("0.05"),
    "commission_currency": "USDT", "event_ns": 1_000_000_000,
}  # fmt: skip


@pytest.fixture
def traded(served: Any) -> Any:
    """Seven orders, the odd ones still working; two fills of the first; one position."""
    with served.house.ledger.database.writing("trading") as connection:
        states = ["filled" if number % 2 == 0 else "accepted" for number in range(7)]
        orders = [{**ORDER, "client_order_id": f"tw{n}", "state": state, "sequence": 10 + n // 2} for n, state in enumerate(states)]
        upsert(connection, trade_order, orders)
        upsert(connection, trade_fill, [{**FILL, "id": f"f{n}", "sequence": 20 + n, "client_order_id": "tw0"} for n in range(2)])
        held = {"account": "main", "strategy": "trend", "instrument": "BTCUSDT.BINANCE", "quantity": Decimal("0.2"), "sequence": 21}
        upsert(connection, trade_position, [{**held, "average_price": Decimal("42940.7")}])
    return served


def test_pages_of_orders_hold_each_once_those_that_changed_last_first(traded: Any) -> None:
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(10):
        told = traded.ask("/orders", limit=2, **cursor).json()
        found += [one["client_order_id"] for one in told["orders"]]
        if told["next"] is None:
            break
        cursor = {"cursor": told["next"]}

    assert found == ["tw6", "tw4", "tw5", "tw2", "tw3", "tw0", "tw1"]


def test_orders_that_work_are_told_from_those_that_ended(traded: Any) -> None:
    assert [one["client_order_id"] for one in traded.ask("/orders", open=True).json()["orders"]] == ["tw5", "tw3", "tw1"]
    assert len(traded.ask("/orders", open=False).json()["orders"]) == 4
    assert traded.ask("/orders", account="other").json() == {"orders": [], "next": None}


def test_an_order_has_its_fills_and_its_numbers_are_text(traded: Any) -> None:
    told = traded.ask("/orders/tw0").json()

    assert (told["order"]["quantity"], told["order"]["limit_price"]) == ("0.1", None)
    assert [(one["id"], one["price"], one["event"]) for one in told["fills"]] == [
        ("f0", "42940.7", "1970-01-01T00:00:01Z"), ("f1", "42940.7", "1970-01-01T00:00:01Z"),
    ]  # fmt: skip


def test_what_is_held_and_what_was_paid_for_it(traded: Any) -> None:
    held = traded.ask("/positions", strategy="trend").json()["positions"]
    profit = traded.ask("/profit").json()["profit"]

    assert [(one["quantity"], one["average_price"]) for one in held] == [("0.2", "42940.7")]
    assert [(one["commission"], one["fills"], one["realised"]) for one in profit] == [("0.1", 2, "0")]


def test_a_fill_is_explained_as_far_as_the_house_knows(traded: Any) -> None:
    told = traded.ask("/fills/explained", account="main", id="f0").json()

    assert (told["fill"]["id"], told["order"]["client_order_id"]) == ("f0", "tw0")
    assert told["notes"]
    assert traded.ask("/fills/explained", account="main", id="none").status_code == 404


def test_the_processes_of_a_house_in_which_nothing_runs(served: Any) -> None:
    told = {one["name"]: one for one in served.ask("/processes").json()["processes"]}

    assert told["trade"]["state"] == "stopped"
    assert told["trade"]["command"] == "tradewinds trade"


@pytest.mark.parametrize("path", ["/accounts", "/strategies", "/status", "/approvals", "/requests", "/events", "/breaks", "/gains"])
def test_a_house_in_which_nothing_happened_answers(served: Any, path: str) -> None:
    assert served.ask(path).status_code == 200


def test_accounts_and_strategies_are_told_as_they_are_declared(served: Any) -> None:
    accounts = {one["name"]: (one["broker"], one["is_live"]) for one in served.ask("/accounts").json()["accounts"]}
    strategies = [(one["name"], one["mode"], one["accounts"]) for one in served.ask("/strategies").json()["strategies"]]

    assert accounts == {"main": ("paper", False), "real": ("binance", True)}
    assert strategies == [("trend", "paper", ["main"])]
