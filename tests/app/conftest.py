"""A workspace, a home and local venues for tests that run the real commands."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tradewinds.app.cli import run
from tradewinds.core.instant import parse
from tradewinds.wiring import house as wiring_house
from tradewinds.wiring import sandbox

NOW = "2025-01-03T06:30:00Z"


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on standard output, read as strictly as JSON is."""
        assert self.out.count("\n") == 1, self.out

        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is no JSON")

        return json.loads(self.out, parse_constant=refuse)


Command = Callable[..., Ended]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace without a word of configuration as current folder; its home is beside it; the clock stands at NOW."""
    for name in list(os.environ):
        if name.startswith("TRADEWINDS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TRADEWINDS_CONFIG", "")  # so that what --config sets does not outlive the test
    monkeypatch.setenv("TRADEWINDS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRADEWINDS_CLOCK", NOW)
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "firm"
    folder.mkdir()
    (folder / "tradewinds.yaml").write_text("{}\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def command(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Runs a command in this process as `tradewinds` does."""

    def call(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        code = run([str(one) for one in arguments])
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    yield call
    for house in wiring_house._houses.values():
        house.close()
    wiring_house._houses.clear()


@pytest.fixture(scope="module")
def venues() -> Iterator[sandbox.RunningSandbox]:
    """Local venues with a seeded market of two coins, standing at NOW."""
    running = sandbox.start({"seed": 3, "now_ns": parse(NOW), "symbols": ["BTCUSDT", "ETHUSDT"]}, in_process=True)
    yield running
    running.stop()


@pytest.fixture
def venue_settings(workspace: Path, venues: sandbox.RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points Tradewinds at the local venues."""
    for name, value in venues.environment.items():
        monkeypatch.setenv(name, value)
