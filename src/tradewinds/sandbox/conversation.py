"""How a local venue is spoken to without a wire: one HTTP question, one WebSocket talk, one raw socket session.

A venue that trades implements these shapes and nothing of asyncio, uvicorn or sockets. `application.py` and `server.py` put them on
real sockets; a campaign puts the same objects on transports in memory. They answer at once and never wait: delays and cuts are made by
whoever carries the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Question:
    """An HTTP request. path: below the prefix; query: as sent, still encoded; headers: names in lower case; address: the client's."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Talk(Protocol):
    """The venue's end of one WebSocket connection, one streaming HTTP answer (nothing is received) or one raw socket."""

    def received(self, data: bytes) -> None:
        """A whole message of a WebSocket, or the next bytes of a raw socket."""
        ...

    def closed(self) -> None:
        """The connection is gone; nothing may be sent any more."""
        ...


Send = Callable[[bytes], None]
Close = Callable[[], None]


class Venue(Protocol):
    """A venue that trades."""

    def answer(self, question: Question) -> Answer: ...

    def talk(self, question: Question, send: Send, close: Close) -> Talk | Answer:
        """Open a stream at this address; an Answer where the venue refuses it. `send` takes whole messages, or raw bytes."""
        ...
