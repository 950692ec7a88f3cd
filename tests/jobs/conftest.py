"""A house of its own for each test of the jobs: a home, a ledger, a lake, a clock that stands, local venues where asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tradewinds.core.instant import parse
from tradewinds.wiring import sandbox
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import load_config

NOW = "2025-01-03T06:30:00Z"
SYMBOLS = ("BTCUSDT", "ETHUSDT")

MakeHouse = Callable[..., House]


@pytest.fixture(scope="module")
def venues() -> Iterator[sandbox.RunningSandbox]:
    """Local venues with a seeded market of two coins, standing at NOW."""
    running = sandbox.start({"seed": 3, "now_ns": parse(NOW), "symbols": list(SYMBOLS)}, in_process=True)
    yield running
    running.stop()


@pytest.fixture
def make_house(tmp_path: Path) -> Iterator[MakeHouse]:
    """Builds a house from YAML text; the same text and home give the same stores, at another time where `now` is given."""

    made: list[House] = []

    def make(text: str, environment: dict[str, str] | None = None, now: str = NOW) -> House:
        (tmp_path / "tradewinds.yaml").write_text(text)
        config = load_config(tmp_path / "tradewinds.yaml", {"TRADEWINDS_HOME": str(tmp_path / "home"), **(environment or {})})
        made.append(House(config, clock=ReplayClock(parse(now))))
        return made[-1]

    yield make
    for house in made:
        house.close()
