"""Fixtures of the vendor tests: a clock that stands still, a client that neither waits nor guesses, a server on the loopback."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest

from tradewinds.wire.http import HttpClient, Limits

CAPTURED_NS = 1_800_000_000_000_000_000  # 2027-01-15T08:00:00Z


class StandingClock:
    def now_ns(self) -> int:
        return CAPTURED_NS


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient(StandingClock(), sleep=lambda seconds: None, random=random.Random(7), limits=Limits(attempts_max=1)) as client:
        yield client


@dataclass(frozen=True)
class Asked:
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass
class Loopback:
    """A server whose answers a test lays down: `answers[path]` is a body, (status, headers, body), or a function of what was asked."""

    url: str
    answers: dict[str, object] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> tuple[int, Mapping[str, str], bytes]:
        self.asked.append(asked)
        found = self.answers.get(asked.path, (404, {}, b'{"detail":"Not found."}'))
        if isinstance(found, Callable):  # type: ignore[arg-type]  # mypy takes Callable for no class
            found = found(asked)
        if isinstance(found, bytes | str):
            found = (200, {}, found)
        status, headers, body = found  # type: ignore[misc]  # the tests' own tuples
        return status, headers, body.encode() if isinstance(body, str) else body


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, extra, body = place.answer(Asked(parts.path, dict(parse_qsl(parts.query)), headers))
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    place = Loopback(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield place
    server.shutdown()
    server.server_close()
    thread.join()
