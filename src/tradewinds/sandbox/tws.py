"""The local TWS on a real socket: one account on the seeded market, in a thread of its own.

    with TwsListener(gateway) as tws: ...        a gateway that a test has made
    Sandbox(config).tws                          the one of the local venues; its address stands in urls["tws"]

The gateway lives in the listener's thread: `call` runs something in it from another one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace, TracebackType
from typing import TypeVar

from tradewinds.core.errors import Invariant, Transient
from tradewinds.sandbox.conversation import Talk
from tradewinds.sandbox.exchange import Exchange
from tradewinds.sandbox.tws_gateway import Gateway, ib_fee
from tradewinds.sandbox.tws_market import TwsMarket
from tradewinds.sandbox.world import World

ACCOUNT = "DU1234567"
TICK_S = 0.05
WAIT_S = 10.0
T = TypeVar("T")


def gateway_of(world: World, account: str = ACCOUNT) -> Gateway:
    """The gateway of the local venues: the seeded market at the world's time."""
    market = TwsMarket(world.market)
    exchange = Exchange(world.clock.now_ns, lambda symbol: market.quote(symbol, world.clock.now_ns()), ib_fee)
    return Gateway(exchange, market.catalogue, account, world.clock.now_ns, world.monotonic, feed=market.bars)


class Book:
    """The gateway's truth for the control addresses, copied in the gateway's own thread each time `exchange` is asked for."""

    def __init__(self, listener: TwsListener) -> None:
        self._listener = listener

    @property
    def exchange(self) -> SimpleNamespace:
        return self._listener.call(_copied)


def _copied(gateway: Gateway) -> SimpleNamespace:
    exchange = gateway.exchange
    return SimpleNamespace(
        orders={number: order.copy() for number, order in exchange.orders.items()}, executions=list(exchange.executions),
        positions=dict(exchange.positions), average=exchange.average, log=list(exchange.log),
    )  # fmt: skip


class Served(asyncio.Protocol):
    """One accepted connection."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._talk: Talk | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._talk = self._gateway.session(transport.write, transport.close)

    def data_received(self, data: bytes) -> None:
        assert self._talk is not None
        self._talk.received(data)

    def connection_lost(self, error: Exception | None) -> None:
        assert self._talk is not None
        self._talk.closed()


class TwsListener:
    """Serves a gateway on a port of this machine."""

    def __init__(self, gateway: Gateway, host: str = "127.0.0.1", port: int = 0) -> None:
        self.gateway = gateway
        self.address = ""
        self._host, self._port = host, port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._end: asyncio.Event | None = None

    def start(self) -> TwsListener:
        """Listen, in a thread."""
        if self._thread is not None:
            raise Invariant("local TWS: already started, expected one start")
        ready: Future[str] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="local-tws", daemon=True)
        self._thread.start()
        self.address = ready.result(WAIT_S)
        return self

    def stop(self) -> None:
        """End every connection; stopping twice is no error."""
        if self._loop is not None and self._end is not None:
            self._loop.call_soon_threadsafe(self._end.set)
        if self._thread is not None:
            self._thread.join(WAIT_S)
        self._thread = self._loop = self._end = None

    def call(self, work: Callable[[Gateway], T]) -> T:
        """Do something to the gateway in its own thread."""
        if self._loop is None:
            raise Invariant("local TWS: not started, expected start() before call()")
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(work(self.gateway))
            except BaseException as error:  # noqa: BLE001 - handed to whoever asked
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result(WAIT_S)

    def __enter__(self) -> TwsListener:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    async def _serve(self, ready: Future[str]) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await self._loop.create_server(lambda: Served(self.gateway), self._host, self._port)
        except OSError as error:
            reason = f"local TWS: cannot listen on {self._host}:{self._port} ({error.strerror}), expected a free port"
            ready.set_exception(Transient(reason))
            return
        host, port = server.sockets[0].getsockname()[:2]
        ready.set_result(f"{host}:{port}")
        while not self._end.is_set():
            self.gateway.tick()
            try:
                await asyncio.wait_for(self._end.wait(), TICK_S)
            except TimeoutError:
                continue
        server.close()
        for session in tuple(self.gateway.connections):
            session.end()
        await asyncio.sleep(0)
