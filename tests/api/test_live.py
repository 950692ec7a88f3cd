"""Live values: what happens in trading reaches readers in order, from where they left off, and slow readers are let go of."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

from tradewinds.app.api.live_routes import WAITING_MAX, Newsroom, event_of
from tradewinds.app.api.watch import Watch
from tradewinds.stores.ledger_schema_trading import trade_fill, trade_position, trade_projection
from tradewinds.stores.ledger_write import upsert
from tradewinds.wire.metrics import Metrics

FILL: dict[str, Any] = {
    "account": "main", "venue": "BINANCE", "client_order_id": "tw1", "strategy": "trend", "instrument": "BTCUSDT.BINANCE", "side": "buy",
    "quantity": Decimal("0.01"), "price": Decimal("42940.70"), "multiplier": Decimal(1), "currency": "USDT", "commission": Decimal(0),
    "commission_currency": "USDT", "event_ns": 1,
}  # fmt: skip


def happen(served: Any, sequence: int) -> None:
    """A step of the journal of `main` with one fill reaches the ledger."""
    with served.house.ledger.database.writing("a step") as connection:
        upsert(connection, trade_fill, [{**FILL, "id": str(sequence), "sequence": sequence}])
        place = {"account": "main", "sequence": sequence}
        held = {**place, "strategy": "trend", "instrument": "BTCUSDT.BINANCE", "quantity": Decimal(sequence), "average_price": None}
        upsert(connection, trade_position, [held])
        upsert(connection, trade_projection, [{**place, "hash": "", "time_ns": 0}])


def data_of(event: bytes) -> tuple[int, Any]:
    """(id, data) of an event."""
    head, name, data = event.decode().strip().split("\n")
    assert name == "event: changes"
    return int(head.removeprefix("id: ")), json.loads(data.removeprefix("data: "))


def test_readers_hear_what_happens_after_they_came_in_the_order_of_the_journal(served: Any) -> None:
    happen(served, 1)

    async def scene() -> list[tuple[int, Any]]:
        newsroom = Newsroom(served.house, Watch(), every_s=0.001)
        queue, other = newsroom.enter("ada", "main"), newsroom.enter("bob", "elsewhere")
        await asyncio.sleep(0)
        while newsroom._seen is None:
            await asyncio.sleep(0)
        heard = []
        for sequence in (2, 3):
            await asyncio.to_thread(happen, served, sequence)
            event = await queue.get()
            assert event is not None
            heard.append(data_of(event))
        assert other.empty()
        newsroom.leave(queue)
        newsroom.leave(other)
        return heard

    heard = asyncio.run(scene())

    assert [number for number, _ in heard] == [2, 3]
    assert [[one["id"] for one in data["fills"]] for _, data in heard] == [["2"], ["3"]]
    assert heard[1][1]["positions"][0]["quantity"] == "3"
    assert heard[1][1]["fills"][0]["price"] == "42940.7"


def test_who_comes_back_with_the_last_id_misses_nothing(served: Any) -> None:
    for sequence in (1, 2, 3):
        happen(served, sequence)

    number, data = data_of(event_of(served.house, "main", 1, 3))

    assert (number, [one["id"] for one in data["fills"]]) == (3, ["2", "3"])


def test_a_stream_ends_when_it_was_asked_to_and_begins_where_the_reader_left_off(served: Any) -> None:
    happen(served, 1)
    happen(served, 2)

    answer = served.ask("/live", account="main", for_s=1, headers={"Last-Event-ID": "1"})

    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = answer.text.split("\n\n")
    assert lines[0] == "retry: 2000"
    assert data_of(lines[1].encode())[0] == 2
    assert served.app.state.newsroom.readers == 0


def test_a_reader_that_does_not_keep_up_is_let_go_of(served: Any) -> None:
    newsroom = Newsroom(served.house, Watch())

    async def scene() -> bytes | None:
        queue = newsroom.enter("ada", None)
        for _ in range(WAITING_MAX + 1):
            newsroom._tell("main", b"event")
        return await queue.get()

    assert asyncio.run(scene()) is None
    assert newsroom.readers == 0


def test_open_streams_are_counted(served: Any) -> None:
    metrics = Metrics("console")
    newsroom = Newsroom(served.house, Watch(metrics))

    async def scene() -> bytes:
        newsroom.enter("ada", None)
        return metrics.exposition()[0]

    assert b"tradewinds_http_streams_open 1.0" in asyncio.run(scene())


def test_requests_are_counted_by_route_and_never_by_what_stands_in_a_path(served: Any) -> None:
    from tradewinds.app.api.server import make_api

    metrics = Metrics("console")
    app = make_api(served.house, metrics=metrics)

    import httpx

    async def scene() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            await client.get("/api/v1/orders/secret-order", headers=served.as_("viewer"))
            await client.request("BREW", "/api/v1/coffee", headers=served.as_("viewer"))

    asyncio.run(scene())
    told = metrics.exposition()[0].decode()

    assert 'tradewinds_http_requests_total{method="GET",route="/api/v1/orders/{number}",status="404"} 1.0' in told
    assert 'method="other",route="/api"' in told
    assert "secret-order" not in told
