"""Binance's user streams: what happened to our orders, as it happens.

Spot: one WebSocket to the WS API and `userDataStream.subscribe.signature`; the signature covers the parameters in alphabetical order,
not percent-encoded. (`listenKey` is gone there since 2026-02-20.) USD-M futures: a listenKey by REST, kept alive, and a WebSocket.

1. A connection lives for 24 hours; before that, or when the venue says that it shuts down, the next one is opened and then the old closed.
2. Events of a gap are lost. After each connection `Link("up")` makes the core compare.
3. A cancel is told under an id of its own; the order's stands in `C`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, Protocol

import aiohttp

from tradewinds.brokers.ccxt_messages import Listed, number, original_id, text
from tradewinds.brokers.http import BROKEN, NewSession, exact_json
from tradewinds.core.account import ZERO, Fill
from tradewinds.core.broker import OrderReport, Told
from tradewinds.core.errors import Rejected, TradewindsError, Transient, Unreadable
from tradewinds.core.order import OrderState
from tradewinds.core.ports import Clock
from tradewinds.wire.secret import Secret

LIFE_S = 23 * 3600.0
PING_S = 20.0
ANSWER_S = 10.0
KEEP_ALIVE_S = 30 * 60.0
BACKOFF_FIRST_S, BACKOFF_S_MAX = 0.5, 30.0
REFUSED_AGAIN_S = 30.0
NS_PER_MS = 1_000_000
STATES = {
    "NEW": OrderState.ACCEPTED,
    "PENDING_NEW": OrderState.ACCEPTED,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}
_REASONS_OF_NONE = ("", "NONE", "0", "None")
Fields = dict[str, Any]


class Owner(Protocol):
    """The adapter that owns a stream."""

    clock: Clock
    random: Any

    def hear(self, told: Told) -> None: ...

    def say(self, state: Any, detail: str) -> None: ...

    def market_by_id(self, name: str) -> Listed: ...

    def remember(self, venue_order_id: str, client_order_id: str) -> None: ...


class Way(Protocol):
    """How a stream is reached: `address` before each connection, `greet` on it, `keep` while it lives."""

    async def address(self) -> str: ...

    async def greet(self, socket: aiohttp.ClientWebSocketResponse) -> None: ...

    async def keep(self) -> None: ...


class BinanceUserStream:
    """A `Telling` for one account. way: spot's or futures'; session: made by `new_session` when it starts."""

    def __init__(self, owner: Owner, way: Way, venue: str, *, new_session: NewSession, life_s: float = LIFE_S) -> None:
        self._owner = owner
        self._way = way
        self._venue = venue
        self._new_session = new_session
        self._life_s = life_s
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_up: bool | None = None
        self._failures = 0

    def start(self) -> None:
        self._session = self._new_session()
        self._spawn()

    async def stop(self) -> None:
        tasks, self._tasks = list(self._tasks), set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _spawn(self, after: asyncio.Event | None = None) -> None:
        """Run a connection after another; `after` is set once the first of them is up."""
        task = asyncio.get_running_loop().create_task(self._run(after))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, relieved: asyncio.Event | None) -> None:
        while True:
            wait_s = 0.0
            try:
                if await self._connected(relieved):
                    return
                said = "the venue ended the stream"
            except Rejected as error:
                said, wait_s = str(error), REFUSED_AGAIN_S
                self._owner.say("refused key", said)
                self._is_up = False  # said more exactly than "down"
            except Exception as error:  # noqa: BLE001 - whatever happens, the stream comes back and says so
                said = str(error) if isinstance(error, TradewindsError) else f"{type(error).__name__} {error}"
                wait_s = getattr(error, "retry_after_s", None) or 0.0
            if self._is_up is not False:
                self._is_up = False
                self._owner.say("down", said)
            ceiling = min(BACKOFF_S_MAX, BACKOFF_FIRST_S * 2.0 ** min(self._failures, 10))
            self._failures += 1
            await asyncio.sleep(max(wait_s, ceiling * (0.5 + 0.5 * self._owner.random.random())))

    async def _connected(self, relieved: asyncio.Event | None) -> bool:
        """One connection from its opening to its end; True where a next one has taken over."""
        url = await self._way.address()
        assert self._session is not None
        shown = url.partition("?")[0].rpartition("/ws/")[0] or url
        try:
            async with asyncio.timeout(ANSWER_S):
                socket = await self._session.ws_connect(url, heartbeat=PING_S)
        except (aiohttp.WSServerHandshakeError, *BROKEN) as error:
            raise Transient(f"user stream {shown}: {type(error).__name__} {error}, expected a connection") from None
        keeping = asyncio.get_running_loop().create_task(self._way.keep())
        try:
            await self._way.greet(socket)
            self._is_up, self._failures = True, 0
            self._owner.say("up", "user stream")
            if relieved is not None:
                relieved.set()
            return await self._listen(socket, keeping)
        except BROKEN as error:
            raise Transient(f"user stream {shown}: {type(error).__name__} {error}, expected it to go on") from None
        finally:
            keeping.cancel()
            try:
                await asyncio.gather(keeping, return_exceptions=True)
            finally:  # also where the stream is stopped in this very moment
                await socket.close()

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse, keeping: asyncio.Task[None]) -> bool:
        loop = asyncio.get_running_loop()
        ends_at, next_up = loop.time() + self._life_s, asyncio.Event()
        is_asked = False
        while not next_up.is_set():
            if not is_asked and loop.time() >= ends_at:
                is_asked = True
                self._spawn(next_up)
            if keeping.done() and not keeping.cancelled() and keeping.exception() is not None:
                raise Transient(f"user stream: {keeping.exception()}, expected its key to be kept alive")
            try:
                # A relieved connection goes on telling until the next one is up.
                async with asyncio.timeout(1.0 if is_asked else max(0.0, ends_at - loop.time())):
                    message = await socket.receive()
            except TimeoutError:
                continue
            if message.type is aiohttp.WSMsgType.TEXT:
                if self._tell(message.data):
                    ends_at = loop.time()
            elif message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.ERROR):
                if is_asked:
                    await next_up.wait()
                    return True
                return False
        return True

    def _tell(self, line: str) -> bool:
        """One event; True for one that announces the end of the connection. Raises Unreadable for what cannot be read."""
        try:
            said = exact_json(line)
        except ValueError as error:
            raise Unreadable(f"user stream: {error}, expected JSON") from None
        event = said.get("event", said) if isinstance(said, dict) else None
        if not isinstance(event, dict):
            raise Unreadable(f"user stream: a {type(said).__name__}, expected an event")
        kind = event.get("e")
        if kind == "executionReport":
            self._tell_order(event)
        elif kind == "ORDER_TRADE_UPDATE" and isinstance(event.get("o"), dict):
            self._tell_order(event["o"])
        elif kind in ("eventStreamTerminated", "listenKeyExpired"):
            raise Transient(f"user stream: {kind}, expected it to go on")
        return kind == "serverShutdown"

    def _tell_order(self, event: Fields) -> None:
        market = self._owner.market_by_id(text(event, "s"))
        shown = str(event.get("C") or "")
        client_order_id = original_id(shown if shown and event.get("x") == "CANCELED" else str(event.get("c") or ""))
        venue_order_id = text(event, "i")
        self._owner.remember(venue_order_id, client_order_id)
        at_ns = int(number(event, "T") or ZERO) * NS_PER_MS
        if event.get("x") == "TRADE":
            self._owner.hear(self._fill(event, market, client_order_id, at_ns))
        status = str(event.get("X"))
        state = STATES.get(status, OrderState.UNKNOWN)
        reasons = [str(event.get(name) or "") for name in ("eR", "r")]
        reason = next((one for one in reasons if one not in _REASONS_OF_NONE), "")
        if state is OrderState.UNKNOWN:
            reason = f"status {status!r}, expected one of {', '.join(STATES)}"
        filled = number(event, "z")
        self._owner.hear(
            OrderReport(
                client_order_id,
                venue_order_id,
                market.instrument,
                state,
                at_ns,
                None if filled is None else filled / market.per_unit,
                reason,
            )
        )

    def _fill(self, event: Fields, market: Listed, client_order_id: str, at_ns: int) -> Fill:
        quantity, price, commission = number(event, "l"), number(event, "L"), number(event, "n") or ZERO
        side = str(event.get("S")).lower()
        if quantity is None or price is None or side not in ("buy", "sell"):
            raise Unreadable(f"user stream: trade {event.get('t')!r} {side} {quantity} at {price}, expected side, quantity and price")
        try:
            return Fill(
                f"{market.id}:{text(event, 't')}", self._venue, client_order_id, market.instrument,
                "buy" if side == "buy" else "sell", quantity / market.per_unit, price, market.currency, at_ns,
                multiplier=market.multiplier, commission=commission, commission_currency=str(event["N"]) if commission else None,
            )  # fmt: skip
        except Rejected as error:
            raise Unreadable(f"user stream: {error}") from None


class SpotWay:
    """The WS API with a signed subscription. sign: of the sorted parameters; time_ms: as the venue counts it."""

    def __init__(self, url: str, key: Secret, sign: Callable[[str], str], time_ms: Callable[[], int]) -> None:
        self._url = url
        self._key = key
        self._sign = sign
        self._time_ms = time_ms

    async def address(self) -> str:
        return self._url

    async def greet(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        params: Fields = {"apiKey": self._key.reveal(), "timestamp": self._time_ms()}
        params["signature"] = self._sign("&".join(f"{name}={params[name]}" for name in sorted(params)))
        await socket.send_str(json.dumps({"id": "subscribe", "method": "userDataStream.subscribe.signature", "params": params}))
        async with asyncio.timeout(ANSWER_S):
            message = await socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise Transient("user stream: closed before it answered, expected a subscription")
        try:
            said = json.loads(message.data)
            status, error = int(said["status"]), said.get("error") or {}
            code = int(error.get("code", 0))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unreadable("user stream: an answer that is none, expected a subscription") from None
        if status != 200:
            message_of = self._key.redact(f"user stream: status {status} code {code} ({error.get('msg')}), expected 200")
            raise Rejected(message_of) if status in (401, 403) or code in (-1022, -2014, -2015) else Transient(message_of)

    async def keep(self) -> None:
        """Nothing has to be kept alive."""


class FuturesWay:
    """A listenKey by REST: `ask` makes the request ("POST" for a key, "PUT" to keep it) and gives its answer."""

    def __init__(self, url: str, ask: Callable[[str], Any], keep_alive_s: float = KEEP_ALIVE_S) -> None:
        self._url = url.rstrip("/")
        self._ask = ask
        self._keep_alive_s = keep_alive_s

    async def address(self) -> str:
        said = await self._ask("POST")
        return f"{self._url}/ws/{text(said, 'listenKey')}"

    async def greet(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """The key in the address says it all."""

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(self._keep_alive_s)
            await self._ask("PUT")


def hmac_signer(secret: Secret) -> Callable[[str], str]:
    """HMAC-SHA256 in hex; for keys of the Ed25519 kind pass another."""
    return lambda payload: hmac.new(secret.reveal().encode(), payload.encode(), hashlib.sha256).hexdigest()
