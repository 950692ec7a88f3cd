"""An S3 server on the loopback, and desks at every broker, for the contract suites."""

from __future__ import annotations

import asyncio
import inspect
import logging
import runpy
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from tradewinds.core.account import Fill
from tradewinds.core.broker import Link, OrderRef, OrderReport, Told
from tradewinds.core.errors import OutcomeUnknown, Rejected, Transient
from tradewinds.core.order import ENDED, ApprovedOrder, Intent, OrderState, OrderTerms


@pytest.fixture(scope="session")
def s3_client() -> Iterator[Any]:
    """A boto3 client of a moto server on a free port."""
    server_module = pytest.importorskip("moto.server", reason="moto is absent: no S3 server for the contract")
    boto3 = pytest.importorskip("boto3", reason="boto3 is absent: no S3 client")
    from botocore.config import Config

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(proxies={}, retries={"max_attempts": 2}),
    )
    yield client
    client.close()
    server.stop()


@pytest.fixture
def s3_bucket(s3_client: Any) -> tuple[Any, str]:
    """The client and a new, empty bucket."""
    bucket = f"lake-{uuid.uuid4().hex[:16]}"
    s3_client.create_bucket(Bucket=bucket)
    return s3_client, bucket


T = TypeVar("T")
WAIT_S = 8.0
HOUSES: dict[str, Any] = {
    house.name: house
    for path in sorted((Path(__file__).parent / "broker_cases").glob("*.py"))
    for house in runpy.run_path(str(path))["HOUSES"]
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*words): what a broker or its local venue must have; it is refused or skipped otherwise")


@dataclass(frozen=True)
class Act:
    """What happens to the next request whose first line holds `matching`.

    lose request: it is dropped and the connection ends; lose answer: it reaches the venue, the connection ends instead of an answer;
    half: half of the answer comes back; hold: nothing arrives and nothing happens;
    say: the venue never sees it, `answer` comes back; say after: it is done first.
    """

    kind: Literal["lose request", "lose answer", "half", "say", "say after", "hold"]
    matching: str
    answer: bytes = b""


class Wire:
    """Between a broker and its venue on real sockets: passes bytes on, and breaks what it is told to break."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.acts: deque[Act] = deque()
        self.seen: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Take connections, again on the same port after `leave`."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def leave(self) -> None:
        """Nobody listens any more: connections end, and new ones are refused."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await asyncio.sleep(0)
        await self.cut()
        if server is not None:
            await server.wait_closed()

    async def cut(self) -> None:
        """Every open connection ends now."""
        ended = tuple(self._open)
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)

    def say(self, matching: str, status: int, body: str, *, after: bool = False, **headers: str) -> None:
        """Answer the next matching request with this."""
        lines = [f"HTTP/1.1 {status} said", f"Content-Length: {len(body.encode())}", "Content-Type: application/json", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.acts.append(Act("say after" if after else "say", matching, ("\r\n".join(lines) + "\r\n\r\n" + body).encode()))

    def hold(self, matching: str) -> None:
        """The next matching request does not arrive, and nothing happens."""
        self.acts.append(Act("hold", matching))

    def lose(self, kind: Literal["lose request", "lose answer", "half"], matching: str) -> None:
        """Lose the next matching request or its answer."""
        self.acts.append(Act(kind, matching))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._pass(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        task.add_done_callback(lambda _: writer.close())

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers, ways = [writer], []
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            writers.append(far_writer)
            struck: asyncio.Future[Act] = asyncio.get_running_loop().create_future()
            ways += [asyncio.ensure_future(self._up(reader, far_writer, struck))]
            ways += [asyncio.ensure_future(self._down(far_reader, writer, struck))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            for way in ways:
                way.cancel()
            for each in writers:
                each.close()
            await asyncio.gather(*ways, *(each.wait_closed() for each in writers), return_exceptions=True)

    async def _up(self, reader: asyncio.StreamReader, far: asyncio.StreamWriter, struck: asyncio.Future[Act]) -> None:
        is_held = False
        while data := await reader.read(65_536):
            line = data.partition(b"\r\n")[0].decode("latin-1")
            if " HTTP/1." in line:
                self.seen.append(line)
                if self.acts and self.acts[0].matching in line:
                    act = self.acts.popleft()
                    is_held = act.kind in ("lose request", "say", "hold")
                    if act.kind == "lose request":
                        return
                    if act.kind != "hold":
                        struck.set_result(act)
            if not is_held:
                far.write(data)
                await far.drain()
        if is_held:
            await asyncio.Event().wait()

    async def _down(self, far: asyncio.StreamReader, writer: asyncio.StreamWriter, struck: asyncio.Future[Act]) -> None:
        reading: asyncio.Future[bytes] = asyncio.ensure_future(far.read(65_536))
        try:
            while True:
                both: set[asyncio.Future[Any]] = {reading, struck}
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                act = struck.result() if struck.done() else None
                if act is not None and act.kind == "say":
                    writer.write(act.answer)
                    await writer.drain()
                    await asyncio.sleep(0.02)  # the rest of the request is read and dropped meanwhile
                    return
                data = await reading
                if act is not None and act.kind != "lose answer":
                    writer.write(act.answer or data[: len(data) // 2])
                    await writer.drain()
                if act is not None or not data:
                    return
                writer.write(data)
                await writer.drain()
                reading = asyncio.ensure_future(far.read(65_536))
        finally:
            reading.cancel()


@dataclass
class Desk:
    """One house and, once opened, a broker of it. told: everything that the broker said since the last opening."""

    house: Any
    told: list[Told] = field(default_factory=list)
    broker: Any = None
    wire: Wire | None = None
    made: int = 0

    # Opening

    async def open(self, **options: Any) -> Any:
        """A broker that is up."""
        broker = await self.prepared(**options)
        await broker.open(self._hear)
        self.house.opened(broker)
        await self.until(lambda: "up" in self.links)
        return broker

    async def prepared(self, **options: Any) -> Any:
        """A broker that is not opened yet."""
        if self.house.port and self.wire is None:
            self.wire = Wire(self.house.port)
            await self.wire.listen()
        if self.broker is not None:
            await self.broker.close()
        self.told = []
        self.broker = self.house.make(self.wire.port if self.wire else 0, **options)
        return self.broker

    async def close(self) -> None:
        """End what was opened."""
        broker, self.broker = self.broker, None
        if broker is not None:
            await broker.close()
        wire, self.wire = self.wire, None
        if wire is not None:
            await wire.leave()

    def _hear(self, told: Told) -> None:
        self.told.append(told)

    # What was told

    @property
    def links(self) -> list[str]:
        return [one.state for one in self.told if isinstance(one, Link)]

    def fills_of(self, order: ApprovedOrder) -> list[Fill]:
        """Fills that were told of an order, each once."""
        rows = [one for one in self.told if isinstance(one, Fill)]
        rows += [fill for one in self.told if isinstance(one, OrderReport) for fill in one.fills]
        return list({one.id: one for one in rows if one.client_order_id == order.client_order_id}.values())

    def states_of(self, order: ApprovedOrder) -> list[OrderState]:
        """What was told of an order, in turn."""
        return [one.state for one in self.told if isinstance(one, OrderReport) and one.client_order_id == order.client_order_id]

    # Orders

    def order(self, side: Any = "buy", quantity: Decimal | None = None, *, instrument: str = "", **terms: Any) -> ApprovedOrder:
        """An order that the gate let pass, with an id of its own. By default of the usual size, at market."""
        self.made += 1
        if "limit" in terms:
            terms.setdefault("kind", "limit")
        made = OrderTerms(instrument or self.house.instrument, side, quantity or self.house.size, **terms)
        return ApprovedOrder(Intent("main", "acceptance", self.house.now_ns() + self.made, made), self.house.now_ns())

    def resting(self, side: Any = "buy", quantity: Decimal | None = None, **terms: Any) -> ApprovedOrder:
        """A limit order far from the market."""
        return self.order(side, quantity, limit=self.house.far_bid if side == "buy" else self.house.far_ask, **terms)

    async def bought(self, quantity: Decimal | None = None, side: Any = "buy") -> ApprovedOrder:
        """A market order that has filled."""
        order = self.order(side, quantity)
        await self.broker.submit(order)
        await self.reached(order, OrderState.FILLED)
        return order

    async def find(self, order: ApprovedOrder) -> OrderReport | None:
        """What the broker finds by our id; asked again while it cannot say."""
        return await self.asked(lambda: self.broker.find(ref(order)))

    async def reached(self, order: ApprovedOrder, *states: OrderState) -> OrderReport:
        """Until the order is found in one of these states (any end by default), while the venue goes on."""
        wanted = states or tuple(ENDED)
        async with asyncio.timeout(WAIT_S):
            while True:
                found = await self.find(order)
                if found is not None and found.state in wanted:
                    return found
                self.house.turn()
                await asyncio.sleep(0.02)

    async def fills(self, since: str = "") -> Any:
        """A page of fills; asked again while it cannot say."""
        return await self.asked(lambda: self.broker.fills(since))

    async def asked(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer to a question, which is harmless to ask again."""
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    return await ask()
                except Transient:
                    await asyncio.sleep(0.05)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until it is so; a hang fails the case."""
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                await asyncio.sleep(0.01)

    # Faults

    def say(self, status: int, body: str, *, after: bool = False, **headers: str) -> None:
        """Answer the next order with this."""
        assert self.wire is not None
        self.wire.say(self.house.order_line, status, body, after=after, **headers)

    def lose(self, what: Literal["lose request", "lose answer", "half"]) -> None:
        """Lose the next order, or what is said of it."""
        if hasattr(self.house, "lose_answer"):
            (self.house.lose_request if what == "lose request" else self.house.lose_answer)()
        else:
            assert self.wire is not None
            self.wire.lose(what, self.house.order_line)


def ref(order: ApprovedOrder, venue_order_id: str = "") -> OrderRef:
    return OrderRef(order.client_order_id, venue_order_id, order.terms.instrument)


def asked_for(desk: Desk, word: str) -> ApprovedOrder:
    """The order that a word of `needs` stands for."""
    house = desk.house
    if word in ("day", "fok"):
        return desk.resting(time_in_force=word)
    if word == "reduce only":
        return desk.order("sell", is_reduce_only=True)
    if word == "stop limit":
        return desk.order("buy", kind="stop_limit", stop=house.far_ask, limit=house.far_ask)
    if word == "take profit":
        return desk.order("sell", kind="take_profit", limit=house.far_ask)
    if word == "trailing stop":
        return desk.order("sell", kind="trailing_stop", trail=100 * house.tick)
    return desk.order("buy", kind="stop", stop=house.far_ask)


async def refused(desk: Desk, word: str) -> None:
    """What a broker does not take is refused, in words, and nothing comes of it."""
    broker = await desk.open()
    if word == "replace":
        order = desk.resting()
        await broker.submit(order)
        with pytest.raises(Rejected, match="cancel"):
            await broker.replace(ref(order), desk.resting("buy", 2 * desk.house.size))
        found = await desk.find(order)
        assert found is not None
        assert found.state is OrderState.ACCEPTED
        return
    order = asked_for(desk, word)
    with pytest.raises(Rejected) as said:
        await broker.submit(order)
    assert not isinstance(said.value, OutcomeUnknown)
    assert order.terms.instrument in str(said.value) or order.client_order_id in str(said.value)
    assert desk.house.placed(order.client_order_id) == 0


@pytest.fixture(params=sorted(HOUSES))
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk at each broker in turn, with a venue of its own. Skips where the case needs what is not there, and says why."""
    house = HOUSES[request.param]()
    for word in words_of(request.node):
        if word in house.LACKS:
            pytest.skip(f"{house.name}: {word}: {house.LACKS[word]}")
    for module, name, value in getattr(house, "patches", ()):
        monkeypatch.setattr(module, name, value)
    house.start(tmp_path)
    yield Desk(house)
    house.stop()


@pytest.fixture(scope="session", autouse=True)
def _houses_end() -> Iterator[None]:
    """Venues that were asked to end have ended with the session."""
    yield
    for house in HOUSES.values():
        house.end()


@pytest.fixture(scope="session")
def houses() -> dict[str, Any]:
    """Every broker's house by name."""
    return HOUSES


def words_of(item: Any) -> list[str]:
    """What a case needs."""
    return [word for mark in item.iter_markers("needs") for word in mark.args]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: Any) -> bool | None:
    """A case is a coroutine: it runs to its end, or, where its broker refuses what it needs, the refusal is seen."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    desk = given.get("desk")

    async def run() -> None:
        try:
            word = next((one for one in words_of(pyfuncitem) if desk is not None and one in desk.house.REFUSES), None)
            if desk is None or word is None:
                await pyfuncitem.obj(**given)
            else:
                await refused(desk, word)
        finally:
            if desk is not None:
                await desk.close()

    asyncio.run(run())
    return True
