"""A house of its own for each test of the jobs: a home, a ledger, a lake, a clock that stands, local venues where asked for.

A house of research that has a trained model is made once and copied, because MLflow takes seconds to make its database.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tradewinds.calendars.sessions import calendar
from tradewinds.core.instant import parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.jobs.research_book import publish
from tradewinds.wiring import sandbox
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.house import House, run_job
from tradewinds.wiring.settings import load_config

NOW = "2025-01-03T06:30:00Z"
SYMBOLS = ("BTCUSDT", "ETHUSDT")

MakeHouse = Callable[..., House]
MakeBars = Callable[..., pl.DataFrame]

NAMES = tuple(f"S{number:02d}.XNAS" for number in range(12))
NIGHT = "2024-01-03"
MORNING = "2024-01-04T06:00:00Z"
BOOK = f"""
research:
  us:
    calendar: XNYS
    since: 2023-01-03
    instruments: [{", ".join(NAMES)}]
    features:
      reversal: "zscore(-reversal(5))"
      momentum: "zscore(winsorise(momentum(60, 5)))"
      volatility: "volatility(20)"
    signals: {{reversal: 1.0, momentum: 0.5}}
    portfolio: {{weight_max: 0.2}}
"""
MODEL = "{research: us, train_sessions: 80, test_sessions: 60, label: {horizon: 5}}"


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

    def make(text: str, environment: dict[str, str] | None = None, now: str = NOW, home: str = "home") -> House:
        (tmp_path / "tradewinds.yaml").write_text(text)
        config = load_config(tmp_path / "tradewinds.yaml", {"TRADEWINDS_HOME": str(tmp_path / home), **(environment or {})})
        made.append(House(config, clock=ReplayClock(parse(now))))
        return made[-1]

    yield make
    for house in made:
        house.close()


def _bars(last: date, *, seed: int = 7, names: tuple[str, ...] = NAMES) -> pl.DataFrame:
    """Daily bars of the instruments from the first session of 2023 on, as they are published."""
    sessions = calendar("XNYS")
    days = sessions.sessions(date(2023, 1, 3), last)
    draw = np.random.default_rng(seed)
    frames = []
    for name in NAMES:
        closes = 50.0 * np.exp(np.cumsum(draw.normal(0.0003, 0.015, 500)))[: len(days)]
        if name not in names:
            continue
        starts = [sessions.open_ns(day) for day in days]
        ends = [sessions.close_ns(day) for day in days]
        frames.append(
            pl.DataFrame(
                {
                    "instrument": name, "start_ns": starts, "event_ns": ends, "known_ns": [end + 60_000_000_000 for end in ends],
                    "open": closes * 0.999, "high": closes * 1.01, "low": closes * 0.99, "close": closes, "volume": 1e6,
                }
            )
        )  # fmt: skip
    empty = ("quote_volume", "trades", "taker_base", "taker_quote")
    return pl.concat(frames).with_columns(*(pl.lit(None, pl.Int64 if one == "trades" else pl.Float64).alias(one) for one in empty))


@pytest.fixture
def research_bars() -> MakeBars:
    """Makes the daily bars of 12 instruments until a day."""
    return _bars


@pytest.fixture
def book_yaml() -> str:
    """A book of research over those 12 instruments."""
    return BOOK


@pytest.fixture
def house(make_house: MakeHouse) -> House:
    """A house of research at the morning of 4 January 2024, with bars until the session before."""
    made = make_house(BOOK, now=MORNING)
    publish(made.context("test", ""), Table(bars("1d")), _bars(date(2024, 1, 3)))
    return made


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workspace and a home: features, a risk model, and one model that was trained and promoted."""
    place = tmp_path_factory.mktemp("trained")
    (place / "models").mkdir()
    (place / "models" / "trend.yaml").write_text(MODEL)
    (place / "tradewinds.yaml").write_text(BOOK)
    config = load_config(place / "tradewinds.yaml", {"TRADEWINDS_HOME": str(place / "home")})
    made = House(config, clock=ReplayClock(parse(MORNING)))
    publish(made.context("test", ""), Table(bars("1d")), _bars(date(2024, 1, 3)))
    run_job("research.features", NIGHT, house=made)
    for shard in run_job("train.plan", NIGHT, house=made)["detail"]["shards"]:
        run_job("train.fold", NIGHT, shard["params"], house=made)
    version = run_job("train.run", NIGHT, house=made)["detail"]["version"]
    made.models.promote("trend", version, by="a person")
    made.models.resolve("models:/trend@champion")
    run_job("research.risk_model", NIGHT, house=made)
    made.close()
    return place


@pytest.fixture
def trained(_trained: Path, make_house: MakeHouse, tmp_path: Path) -> House:
    """A house of its own whose book has features, a risk model, and one model that was trained and promoted."""
    shutil.copytree(_trained, tmp_path, dirs_exist_ok=True)
    return make_house(BOOK, now=MORNING)
