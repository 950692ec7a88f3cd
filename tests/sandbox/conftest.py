"""One set of local venues for the tests that only ask; tests that change clock or faults start their own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tradewinds.core.instant import parse
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.server import Sandbox

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
