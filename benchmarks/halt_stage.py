"""Real processes to halt: a venue on the loopback, a trade process that sends without end, and a guard.

python -m benchmarks.halt_stage venue            prints its port, then serves one account over HTTP
python -m benchmarks.halt_stage trade HOME PORT  rests an order every few milliseconds, through core, journal and gate
python -m benchmarks.halt_stage guard HOME PORT  guards that account
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from tradewinds.core.broker import BrokerCapability, FillPage, Hear, Holdings, Link, OrderRef, OrderReport
from tradewinds.core.errors import OutcomeUnknown, Rejected
from tradewinds.core.order import ORDER_KINDS, TIMES_IN_FORCE, ApprovedOrder, Intent, OrderState, OrderTerms
from tradewinds.live.account import AccountLoop
from tradewinds.live.epoch import open_epoch
from tradewinds.live.guard import Guard, GuardedAccount
from tradewinds.live.guard_process import Heartbeat, kill, service_path
from tradewinds.live.guard_run import run_guard
from tradewinds.risk.limits import Gate
from tradewinds.sandbox.exchange import Exchange, Quote, VenueOrder
from tradewinds.stores.journal import open_sqlite_journal
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Controlled, Wanted

ACCOUNT = "main"
INSTRUMENT = "ABC.LOCAL"
SEND_EVERY_S = 0.005
HALT_LOOK_S = 0.01
BEAT_EVERY_S = 0.25


class Clock:
    """The machine's."""

    def now_ns(self) -> int:
        return time.time_ns()


# The venue


class HttpVenue:
    """One exchange behind HTTP: enough of a venue to be halted at."""

    def __init__(self) -> None:
        quote = Quote(Decimal(99), Decimal(100), Decimal(10**9), Decimal(10**9))
        self.exchange = Exchange(time.time_ns, lambda symbol: quote)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while first := await reader.readline():
                method, path, _ = first.decode().split(" ", 2)
                while (await reader.readline()) not in (b"\r\n", b""):
                    pass
                status, told = self._answer(method, path)
                body = json.dumps(told).encode()
                head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, path: str) -> tuple[int, Any]:
        parts = urlsplit(path)
        asked = dict(parse_qsl(parts.query))
        found = self.exchange.named(ACCOUNT, asked.get("id", ""))
        match method, parts.path:
            case "POST", "/order":
                limit = Decimal(asked["limit"]) if asked.get("limit") else None
                kind = "market" if limit is None else "limit"
                order = VenueOrder(ACCOUNT, asked["id"], asked["symbol"], asked["side"], kind, Decimal(asked["quantity"]), limit)  # type: ignore[arg-type]  # text of the wire
                return 200, _shown(self.exchange.place(order))
            case "DELETE", "/order":
                done = self.exchange.cancel(int(asked["venue_id"] or 0) or (0 if found is None else found.id))
                return (404, {}) if done is None else (200, _shown(done))
            case "GET", "/order":
                return (404, {}) if found is None else (200, _shown(found))
            case "GET", "/open":
                return 200, [_shown(one) for one in self.exchange.working(ACCOUNT)]
            case "GET", "/log":
                return 200, [_shown(one) for one in self.exchange.orders.values()]
            case "GET", "/holdings":
                return 200, {symbol: str(size) for (_, symbol), size in self.exchange.positions.items() if size}
        return 400, {}


def _shown(order: VenueOrder) -> dict[str, Any]:
    return {
        "id": order.client_id, "venue_id": str(order.id), "symbol": order.symbol, "status": order.status, "filled": str(order.filled),
        "created_ns": order.created_ns, "updated_ns": order.updated_ns,
    }  # fmt: skip


# Its broker

_STATES = {
    "new": OrderState.ACCEPTED, "partial": OrderState.PARTIALLY_FILLED, "filled": OrderState.FILLED, "cancelled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
}  # fmt: skip


class HttpBroker:
    """`core.broker.Broker` for that venue."""

    def __init__(self, port: int) -> None:
        self.capability = BrokerCapability(
            "stage", "LOCAL", frozenset(ORDER_KINDS), frozenset(TIMES_IN_FORCE), can_replace=False, has_reduce_only=False,
            absent_after_s=0.5, holds="positions",
        )  # fmt: skip
        self._url = f"http://127.0.0.1:{port}"
        self._session: aiohttp.ClientSession | None = None

    async def open(self, hear: Hear) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))
        hear(Link("up", "stage", time.time_ns()))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        terms = order.terms
        asked = {"id": order.client_order_id, "symbol": terms.instrument, "side": terms.side, "quantity": f"{terms.quantity:f}"}
        return _report(await self._ask("POST", "/order", asked | ({} if terms.limit is None else {"limit": f"{terms.limit:f}"})))

    async def cancel(self, order: OrderRef) -> OrderReport:
        return _report(await self._ask("DELETE", "/order", {"id": order.client_order_id, "venue_id": order.venue_order_id or "0"}))

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        raise Rejected(f"replace of {order.client_order_id}: this venue has none, expected cancel and new")

    async def find(self, order: OrderRef) -> OrderReport | None:
        try:
            return _report(await self._ask("GET", "/order", {"id": order.client_order_id}))
        except Rejected:
            return None

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return tuple(_report(one) for one in await self._ask("GET", "/open", {}))

    async def fills(self, since: str) -> FillPage:
        return FillPage((), "")

    async def holdings(self) -> Holdings:
        found = await self._ask("GET", "/holdings", {})
        return Holdings({name: Decimal(size) for name, size in found.items()}, {}, time.time_ns())

    async def _ask(self, method: str, path: str, words: dict[str, str]) -> Any:
        assert self._session is not None
        try:
            async with self._session.request(method, self._url + path, params=words) as answer:
                if answer.status != 200:
                    raise Rejected(f"stage: {method} {path} {words} answered {answer.status}, expected 200")
                return await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OutcomeUnknown(f"stage: {method} {path}: {type(error).__name__}, expected an answer") from None


def _report(shown: dict[str, Any]) -> OrderReport:
    state = _STATES[shown["status"]]
    return OrderReport(shown["id"], shown["venue_id"], shown["symbol"], state, shown["updated_ns"], Decimal(shown["filled"]))


# The processes


async def venue() -> None:
    server = await asyncio.start_server(HttpVenue().serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def trade(home: Path, port: int) -> None:
    """Send without end; halt, when told, as the trading service does."""
    broker, clock, epoch = HttpBroker(port), Clock(), open_epoch(home)
    journal = open_sqlite_journal(home / "trade" / f"{time.time_ns()}.sqlite")
    loop = AccountLoop(
        Engine(Books(ACCOUNT), Gate(), broker.capability), journal, broker, clock, epoch.epoch, acknowledge=epoch.acknowledge,
        epoch_every_s=HALT_LOOK_S,
    )  # fmt: skip
    heartbeat = Heartbeat(service_path(home))
    heartbeat.beat()
    await loop.start()
    loop.put(Controlled("resume", "stage", "a new round", epoch=epoch.epoch()))
    running = asyncio.create_task(loop.run())
    wanted, beaten = OrderTerms(INSTRUMENT, "buy", Decimal(1), "limit", Decimal(50)), 0.0
    for number in itertools.count():
        await asyncio.sleep(SEND_EVERY_S)
        if running.done():
            break
        if time.monotonic() - beaten > BEAT_EVERY_S:
            beaten = time.monotonic()
            heartbeat.beat({"orders": number})
        loop.put(Wanted((Intent(ACCOUNT, "stage", clock.now_ns(), wanted, leg=number),), "stage"))
    running.result()


async def guard(home: Path, port: int, stale_s: float) -> None:
    account = GuardedAccount(ACCOUNT, HttpBroker(port), open_sqlite_journal(home / "guard" / f"{ACCOUNT}.sqlite"))
    with open_epoch(home) as epoch:
        await run_guard(Guard([account], Clock(), epoch, say=lambda line: print(line, flush=True), kill=kill), home, stale_s=stale_s)


def main(words: list[str]) -> None:
    role, *rest = words
    if role == "venue":
        asyncio.run(venue())
    elif role == "trade":
        asyncio.run(trade(Path(rest[0]), int(rest[1])))
    else:
        asyncio.run(guard(Path(rest[0]), int(rest[1]), float(rest[2]) if len(rest) > 2 else 30.0))


if __name__ == "__main__":
    main(sys.argv[1:])
