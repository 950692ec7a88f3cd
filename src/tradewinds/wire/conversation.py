"""Questions and answers over a TCP connection whose messages end with a known mark.

For the few vendors that speak neither HTTP nor WebSocket. Every wait has a limit, an answer has a largest size, and a connection
that the other side closes in the middle of an answer is Transient, not an endless loop.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from types import TracebackType

from tradewinds.core.errors import Transient, Unreadable

CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection and each piece of an answer may take, and how large an answer may be."""

    connect_s: float = 10.0
    read_s: float = 60.0
    answer_bytes_max: int = 64 << 20


class Conversation:
    """One connection; open it with `with`. `end` is the mark at the end of every answer; `what` begins every error message."""

    def __init__(self, host: str, port: int, *, end: bytes, what: str, patience: Patience | None = None) -> None:
        self._host = host
        self._port = port
        self._end = end
        self._what = what
        self._patience = patience or Patience()
        self._socket: socket.socket | None = None

    def __enter__(self) -> Conversation:
        try:
            self._socket = socket.create_connection((self._host, self._port), timeout=self._patience.connect_s)
        except OSError as error:
            raise Transient(f"{self._what}: {error}, expected a connection to {self._host}:{self._port}") from None
        self._socket.settimeout(self._patience.read_s)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, question: bytes) -> bytes:
        """Send the question and read the answer up to and with its end mark. Raises Transient, or Unreadable when it is too large."""
        assert self._socket is not None, "a conversation is opened with `with`"
        received = bytearray()
        try:
            self._socket.sendall(question)
            while not received.endswith(self._end):
                chunk = self._socket.recv(CHUNK_BYTES)
                if not chunk:
                    raise Transient(f"{self._what}: closed by {self._host} after {len(received)} bytes, expected a whole answer")
                received += chunk
                if len(received) > self._patience.answer_bytes_max:
                    raise Unreadable(f"{self._what}: over {self._patience.answer_bytes_max} bytes, expected a smaller answer")
        except OSError as error:
            raise Transient(f"{self._what}: {type(error).__name__} {error}, expected an answer from {self._host}:{self._port}") from None
        return bytes(received)
