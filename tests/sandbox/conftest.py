"""One set of local venues for the tests that only ask; tests that change clock or faults start their own."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tradewinds.core.instant import parse
from tradewinds.sandbox.application import make_world
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.conversation import Answer, Question, Talk
from tradewinds.sandbox.server import Sandbox
from tradewinds.sandbox.venue_order import Quote
from tradewinds.sandbox.world import World

NOW = "2025-03-14T12:34:56Z"


@pytest.fixture(scope="session")
def venues() -> Iterator[Sandbox]:
    """Running venues whose clock stands at 2025-03-14 12:34:56 UTC."""
    with Sandbox(SandboxConfig(seed=7, now_ns=parse(NOW), weight_limit=1_000_000)) as running:
        yield running


@pytest.fixture
def own_venues() -> Iterator[Sandbox]:
    """Venues of one test, to be changed at will."""
    with Sandbox(SandboxConfig(seed=7, now_ns=parse(NOW))) as running:
        yield running


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A plain HTTP client."""
    with httpx.Client(timeout=60) as client:
        yield client


class Signed:
    """A client of a Binance venue without a wire: signs like the documents say, and keeps what a stream said."""

    def __init__(self, venue: Any, key: str = "sandbox-trading-key", secret: str = "sandbox-trading-secret") -> None:
        self.venue, self.key, self.secret = venue, key, secret
        self.said: list[Any] = []
        self.is_closed = False

    def ask(self, method: str, path: str, *, late_ms: int = 0, **params: Any) -> tuple[int, Any]:
        """(status, body) of one signed request."""
        found = self.answer(method, path, late_ms=late_ms, **params)
        return found.status, json.loads(found.body)

    def answer(self, method: str, path: str, *, late_ms: int = 0, **params: Any) -> Answer:
        """The whole answer of one signed request."""
        query = urlencode({**params, "timestamp": self.venue.world.clock.now_ms() - late_ms})
        query += "&signature=" + self.sign(query)
        is_body = method in ("POST", "PUT")
        question = Question(method, path, "" if is_body else query, {"x-mbx-apikey": self.key}, query.encode() if is_body else b"")
        answer: Answer = self.venue.answer(question)
        return answer

    def sign(self, text: str) -> str:
        """HMAC-SHA256 in hexadecimal."""
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    def listen(self, path: str) -> Talk:
        """Open a WebSocket; what the venue says gathers in `said`."""

        def close() -> None:
            self.is_closed = True

        talk: Talk | Answer = self.venue.talk(Question("GET", path), lambda data: self.said.append(json.loads(data)), close)
        assert not isinstance(talk, Answer)
        return talk

    def events(self) -> list[Any]:
        """The events said since the last time."""
        found, self.said = [one.get("event", one) for one in self.said], []
        return found


@pytest.fixture
def signed() -> type[Signed]:
    """The client above."""
    return Signed


@pytest.fixture
def quiet_world() -> World:
    """Venues without a server whose clock stands at 2025-03-14 12:34:56 UTC, with two pairs."""
    world = make_world(SandboxConfig(seed=7, now_ns=parse(NOW), symbols=("BTCUSDT", "ETHUSDT")), monotonic=lambda: 0.0)
    world.set_quotes["spot", "BTCUSDT"] = world.set_quotes["um", "BTCUSDT"] = Quote(
        Decimal("60000.00"), Decimal("60000.10"), Decimal("0.5"), Decimal("0.5")
    )
    return world
