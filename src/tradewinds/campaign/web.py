"""The venue's end of HTTP and WebSocket links: bytes to `Question`, `Answer` to bytes, and what a bad venue does to both.

A request may be ignored, done without an answer, done late, answered by an error, by half an answer, or by a throttle. A stream's
messages may come twice or out of order. Nothing here is an adapter's or a venue's own code: both are the real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from tradewinds.campaign.chaos import Chaos
from tradewinds.campaign.loop import Loop
from tradewinds.campaign.websocket import CLOSE, PING, PONG, TEXT, Frames, accepted, frame
from tradewinds.sandbox.conversation import Answer, Question, Talk, Venue

FAULTS = ("timeout_accepted", "timeout_not_accepted", "late_arrival", "partial_answer", "server_error", "throttled")
LATE_S = (0.5, 4.0)
HELD_S = 0.4
REASONS = {200: "OK", 201: "Created", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}
ERRORS = (500, 502, 503, 504)


def is_never(question: Question) -> bool:
    """No plain request opens a stream."""
    return False


def refusal(status: int) -> Answer:
    """What an error of the venue's front says; no adapter may rely on its body."""
    headers = {"retry-after": "1"} if status == 429 else {}
    return Answer(status, b"<html><body>error</body></html>" if status != 429 else b'{"code":-1003,"msg":"Too many requests."}', headers)


@dataclass(slots=True)
class Front:
    """How a venue is reached. prefix: cut off every path; is_stream: whether a plain GET opens a stream that never ends."""

    venue: Venue
    loop: Loop
    chaos: Chaos
    prefix: str = ""
    is_stream: Callable[[Question], bool] = is_never

    def connection(self) -> asyncio.Protocol:
        """The protocol of a new link."""
        return Connection(self)


class Connection(asyncio.Protocol):
    """One link: requests one after the other, until one of them turns it into a stream."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._bytes = bytearray()
        self._end: asyncio.Transport | None = None
        self._talk: Talk | None = None
        self._frames: Frames | None = None
        self._held: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._end = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._end = None
        if self._talk is not None:
            talk, self._talk = self._talk, None
            talk.closed()

    def data_received(self, data: bytes) -> None:
        if self._frames is not None:
            self._on_frames(data)
            return
        self._bytes += data
        while self._talk is None:
            question = self._question()
            if question is None:
                return
            self._on_question(question)

    # Requests

    def _question(self) -> Question | None:
        head, separator, rest = bytes(self._bytes).partition(b"\r\n\r\n")
        if not separator:
            return None
        first, _, lines = head.partition(b"\r\n")
        method, target, _ = first.decode("latin-1").split(" ", 2)
        headers = _headers(lines)
        size = int(headers.get("content-length", "0"))
        if len(rest) < size:
            return None
        del self._bytes[: len(head) + 4 + size]
        path, _, query = target.partition("?")
        return Question(method, path.removeprefix(self._front.prefix), query, headers, bytes(rest[:size]))

    def _on_question(self, question: Question) -> None:
        front, headers = self._front, question.headers
        if headers.get("upgrade", "").lower() == "websocket":
            self._upgrade(question)
            return
        if front.is_stream(question):
            self._stream(question)
            return
        name = f"{question.method} {question.path}"
        fault = front.chaos.first(FAULTS, name)
        if fault == "timeout_not_accepted":
            return
        if fault == "throttled":
            self._send(refusal(429))
            return
        if fault == "late_arrival":
            front.loop.call_later(front.chaos.random.uniform(*LATE_S), lambda: self._send(self._asked(question, name)))
            return
        if fault == "server_error" and front.chaos.random.random() < 0.5:
            self._send(refusal(front.chaos.random.choice(ERRORS)))
            return
        answer = self._asked(question, name)
        if fault == "server_error":
            answer = refusal(front.chaos.random.choice(ERRORS))
        if fault == "partial_answer":
            self._send_part(answer)
        elif fault != "timeout_accepted":
            self._send(answer)

    def _asked(self, question: Question, name: str) -> Answer:
        answer = self._front.venue.answer(question)
        self._front.chaos.record.note("answer", "venue", f"{name} {answer.status} {len(answer.body)}")
        return answer

    def _send(self, answer: Answer) -> None:
        if self._end is not None:
            self._end.write(written(answer))

    def _send_part(self, answer: Answer) -> None:
        """Half of the bytes and an end, or a whole answer with half a body."""
        if self._end is None:
            return
        random = self._front.chaos.random
        if random.random() < 0.5:
            self._end.write(written(Answer(answer.status, answer.body[: random.randint(0, len(answer.body))], answer.headers)))
            return
        raw = written(answer)
        self._end.write(raw[: random.randint(1, len(raw) - 1)])
        if self._end is not None:
            self._end.abort()

    # Streams

    def _upgrade(self, question: Question) -> None:
        talk = self._front.venue.talk(question, self._send_text, self._close)
        if isinstance(talk, Answer):
            self._send(talk)
            return
        self._talk, self._frames = talk, Frames()
        key = accepted(question.headers.get("sec-websocket-key", ""))
        if self._end is not None:
            head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            self._end.write(f"{head}Sec-WebSocket-Accept: {key}\r\n\r\n".encode())

    def _stream(self, question: Question) -> None:
        if self._end is None:
            return
        early: list[bytes] = []
        is_open = False

        def send(data: bytes) -> None:
            if is_open:
                self._unruly(b"%x\r\n%s\r\n" % (len(data), data))
            else:
                early.append(data)

        talk = self._front.venue.talk(question, send, self._close)
        if isinstance(talk, Answer):
            self._send(talk)
            return
        self._talk, is_open = talk, True
        self._end.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for data in early:
            send(data)

    def _on_frames(self, data: bytes) -> None:
        assert self._frames is not None
        for code, payload in self._frames.feed(data):
            if code == TEXT and self._talk is not None:
                self._talk.received(payload)
            elif code == PING and self._end is not None:
                self._end.write(frame(payload, PONG))
            elif code == CLOSE:
                self._close()

    def _send_text(self, data: bytes) -> None:
        self._unruly(frame(data))

    def _unruly(self, data: bytes) -> None:
        """Send a message; perhaps never, perhaps twice, perhaps after the next one."""
        chaos, end = self._front.chaos, self._end
        if end is None or chaos.mutes("stream"):
            return
        if chaos.strikes("reorder", "stream") and not self._held:
            self._held.append(data)
            self._front.loop.call_later(HELD_S, self._let_go)
            return
        end.write(data)
        if chaos.strikes("duplicate", "stream"):
            end.write(data)
        self._let_go()

    def _let_go(self) -> None:
        held, self._held = self._held, []
        for data in held:
            if self._end is not None:
                self._end.write(data)

    def _close(self) -> None:
        if self._end is not None:
            self._end.close()


@lru_cache(256)
def _headers(lines: bytes) -> Mapping[str, str]:
    """By their names in small letters; a client says the same ones again and again."""
    parts = (line.partition(":") for line in lines.decode("latin-1").split("\r\n"))
    return MappingProxyType({name.strip().lower(): value.strip() for name, _, value in parts if name})


def written(answer: Answer) -> bytes:
    """An answer as HTTP/1.1."""
    headers: Mapping[str, str] = {"content-type": "application/json", **answer.headers, "content-length": str(len(answer.body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Status')}\r\n{lines}\r\n".encode("latin-1") + answer.body
