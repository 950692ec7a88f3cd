"""A statement holds what the broker itself knows of a day."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from tradewinds.core.broker import OrderRef
from tradewinds.core.order import OrderState
from tradewinds.live.statement import statement
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, Quote, VenueOrder

DAY_NS = 86_400 * 1_000_000_000
START_NS = 20_000 * DAY_NS
QUOTE = Quote(Decimal(99), Decimal(100), Decimal(5), Decimal(5))


def _exchange(times: list[int]) -> Exchange:
    return Exchange(lambda: times[0], lambda symbol: QUOTE)


def _order(name: str, limit: Decimal | None = None) -> VenueOrder:
    return VenueOrder("main", name, "ABC.LOCAL", "buy", "market" if limit is None else "limit", Decimal(1), limit)


def test_a_statement_has_the_days_fills_and_every_order_that_we_asked_for() -> None:
    now = [START_NS - 1]
    exchange = _exchange(now)
    exchange.place(_order("yesterday"))
    now[0] = START_NS + 5
    exchange.place(_order("filled"))
    exchange.place(_order("resting", Decimal(90)))
    exchange.cancel(exchange.place(_order("cancelled", Decimal(90))).id)
    refs = [OrderRef(name, "", "ABC.LOCAL") for name in ("filled", "cancelled", "never")]

    found = asyncio.run(statement(DirectBroker(exchange, "main"), "main", START_NS, START_NS + DAY_NS, refs))

    assert [one.client_order_id for one in found.fills] == ["filled"]
    assert {one.client_order_id: one.state for one in found.orders} == {
        "resting": OrderState.ACCEPTED,
        "filled": OrderState.FILLED,
        "cancelled": OrderState.CANCELLED,
    }
    assert found.holdings is not None
    assert found.holdings.quantity("ABC.LOCAL") == 2


def test_holdings_of_today_say_nothing_about_a_day_that_is_over() -> None:
    exchange = _exchange([START_NS + 5])
    exchange.place(_order("filled"))

    found = asyncio.run(statement(DirectBroker(exchange, "main"), "main", START_NS, START_NS + DAY_NS, [], is_over=True))

    assert found.holdings is None
    assert len(found.fills) == 1
