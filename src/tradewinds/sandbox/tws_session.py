"""One client's connection to the local TWS: bytes in, bytes out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tradewinds.sandbox.conversation import Close, Send
from tradewinds.sandbox.tws_account import ACCOUNT_REQUESTS
from tradewinds.sandbox.tws_orders import ORDER_REQUESTS
from tradewinds.sandbox.tws_stream import DATA_REQUESTS, Stream
from tradewinds.sandbox.tws_wire import GREETING, Frames, frame

if TYPE_CHECKING:
    from tradewinds.sandbox.tws_gateway import Gateway

OLDEST_VERSION = 157
MESSAGES_A_SECOND_MAX = 50
Handler = Callable[["Session", list[str]], None]
# Requests that are answered with many messages; they go out in one piece.
LISTS = frozenset({5, 6, 7, 16, 61, 62, 76, 99})
HANDLERS: dict[int, Handler] = {**ORDER_REQUESTS, **ACCOUNT_REQUESTS, **DATA_REQUESTS}


class Session:
    """`conversation.Talk` of one client. client_id: -1 until it said which. version: of the protocol, 0 until agreed on."""

    def __init__(self, gateway: Gateway, send: Send, close: Close) -> None:
        self.gateway = gateway
        self.client_id = -1
        self.version = 0
        self.stream = Stream(self)
        self.is_ready = False
        self.hears_positions = False
        self._send, self._close = send, close
        self._frames = Frames()
        self._is_greeted = False
        self._is_over = False
        self._times: deque[float] = deque()
        self._piece: list[bytes] | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing is heard or sent any more."""
        return self._is_over

    def received(self, data: bytes) -> None:
        if self._is_over:
            return
        if not self._is_greeted:
            self._frames.keep(data)
            greeting = self._frames.take(len(GREETING))
            if greeting is None:
                return
            if greeting != GREETING:
                self.end()
                return
            self._is_greeted = True
            data = b""
        try:
            for fields in self._frames.feed(data):
                self._answer(fields)
                if self.is_over:
                    return
        except ValueError as error:
            self.send(self.error(-1, 507, f"Bad Message Length {error}"))
            self.end()

    def closed(self) -> None:
        self._is_over = True
        self.gateway.left(self)

    def send(self, message: bytes) -> None:
        """To the client, unless it is gone."""
        if self._piece is not None:
            self._piece.append(message)
        elif not self._is_over:
            self._send(message)

    def end(self) -> None:
        """Cut the connection."""
        if not self._is_over:
            self._is_over = True
            self.gateway.left(self)
            self._close()

    def error(self, request: int, code: int, text: str) -> bytes:
        """Message 4."""
        return frame(4, 2, request, code, text, *(("",) if self.version >= 166 else ()))

    def fail(self, request: int, code: int, text: str) -> None:
        """Tell of an error."""
        self.send(self.error(request, code, text))

    def _answer(self, fields: list[str]) -> None:
        if self.version == 0:
            self._agree(fields[0])
            return
        if self._is_too_fast():
            self.fail(-1, 100, f"Max rate of messages per second has been exceeded:max={MESSAGES_A_SECOND_MAX} rec={len(self._times)} (1)")
            self.end()
            return
        kind = int(fields[0])
        if kind == 71:
            self._start(int(fields[2]))
        elif not self.is_ready:
            self.end()
        elif kind in LISTS:
            self._list(HANDLERS[kind], fields)
        elif kind in HANDLERS:
            HANDLERS[kind](self, fields)
        else:
            self.fail(-1, 505, "Fatal Error: Unknown message id.")

    def _list(self, handler: Handler, fields: list[str]) -> None:
        piece: list[bytes] = []
        self._piece = piece
        try:
            handler(self, fields)
        finally:
            self._piece = None
            self.send(b"".join(piece))

    def _agree(self, said: str) -> None:
        newest = int(said.split()[0].removeprefix("v").split("..")[-1])
        if newest < OLDEST_VERSION:
            self.end()
            return
        self.version = min(newest, self.gateway.version)
        at = datetime.fromtimestamp(self.gateway.now_ns() // 1_000_000_000, UTC)
        self.send(frame(self.version, at.strftime("%Y%m%d %H:%M:%S UTC")))

    def _start(self, client_id: int) -> None:
        gateway = self.gateway
        if client_id in gateway.sessions:
            self.fail(-1, 326, "Unable to connect as the client id is already in use. Retry with a unique client id.")
            self.end()
            return
        self.client_id, self.is_ready = client_id, True
        gateway.sessions[client_id] = self
        self.send(frame(15, 1, gateway.account))
        self.send(frame(9, 1, gateway.next_id))
        if gateway.farms_are_told:
            self.fail(-1, 2104, "Market data farm connection is OK:usfarm")
            self.fail(-1, 2106, "HMDS data farm connection is OK:ushmds")
        if gateway.mode == "cut off":
            self.fail(-1, 1100, "Connectivity between IBKR and Trader Workstation has been lost.")

    def _is_too_fast(self) -> bool:
        now = self.gateway.monotonic()
        times = self._times
        while times and now - times[0] >= 1.0:
            times.popleft()
        times.append(now)
        return len(times) > MESSAGES_A_SECOND_MAX
