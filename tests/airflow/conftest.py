"""Airflow for tests: its home in a temporary folder, set before anything imports it; and a small workspace of research to run nights of."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tradewinds.airflow import testing
from tradewinds.calendars.sessions import calendar
from tradewinds.core.instant import NS_PER_HOUR, parse, text
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.jobs.research_book import publish
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.house import House, run_job
from tradewinds.wiring.settings import load_config

_HOME = tempfile.TemporaryDirectory(prefix="tradewinds-airflow-")
os.environ.update(
    {
        "AIRFLOW_HOME": _HOME.name,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__LAZY_DISCOVER_PROVIDERS": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME.name}/airflow.db",
    }
)
pytest.importorskip("airflow", reason="the airflow extra is not installed")

# The fixtures that a user gets by `pytest_plugins = ["tradewinds.airflow.testing"]`.
airflow_metadata, run_dag = testing.airflow_metadata, testing.run_dag

MORNING = "2024-01-04T06:00:00Z"
FIRST, BEFORE, NIGHT = date(2023, 1, 3), date(2024, 1, 2), date(2024, 1, 3)
SYMBOLS = tuple(f"S{number:02d}" for number in range(12))
NAMES = tuple(f"{symbol}.XNAS" for symbol in SYMBOLS)
BOOK = f"""
equities:
  XNYS: {{calendar: XNYS, instruments: [{", ".join(NAMES)}], vendors: [made], since: {NIGHT}}}
vendors:
  made: {{use: drops, options: {{path: drops/made}}}}
research:
  us:
    market: XNYS
    calendar: XNYS
    since: {FIRST}
    features: {{growth: "zscore(returns(close, 20))", volatility: "volatility(20)"}}
    signals: {{trend: 1.0, growth: 0.5}}
    portfolio: {{weight_max: 0.2}}
"""
MODEL = "{research: us, train_sessions: 60, test_sessions: 40, folds_max: 3, label: {horizon: 2}, promotion: {sessions_min: 60}}"


def _closes() -> np.ndarray:
    """(sessions, instruments): the first falls and the last rises by 0.4 percent a session, with noise of one percent."""
    draw, trends = np.random.default_rng(11), np.linspace(-0.004, 0.004, len(NAMES))
    width = (len(calendar("XNYS").sessions(FIRST, NIGHT)), len(NAMES))
    return np.round(100.0 * np.exp(np.cumsum(draw.normal(0.0, 0.01, width) + trends, axis=0)), 4)


def _history() -> pl.DataFrame:
    """Daily bars of every session before the night's."""
    market, closes = calendar("XNYS"), _closes()
    days = market.sessions(FIRST, BEFORE)
    starts, ends = [market.open_ns(day) for day in days], [market.close_ns(day) for day in days]
    frames = [
        pl.DataFrame({"start_ns": starts, "event_ns": ends, "known_ns": [end + NS_PER_HOUR for end in ends], "close": closes[:-1, at]})
        .with_columns(pl.lit(name).alias("instrument"), pl.lit(1e6).alias("volume"))
        .with_columns(
            pl.col("close").alias("open"), (pl.col("close") * 1.01).alias("high"), (pl.col("close") * 0.99).alias("low"),
            pl.col("event_ns").alias("captured_ns"),
        )
        for at, name in enumerate(NAMES)
    ]  # fmt: skip
    empty = {"quote_volume": pl.Float64, "trades": pl.Int64, "taker_base": pl.Float64, "taker_quote": pl.Float64}
    words = {"source": "made", "vendor": "made", "status": "ok", "reason": "made"}
    return pl.concat(frames).with_columns(
        *(pl.lit(None, kind).alias(name) for name, kind in empty.items()), *(pl.lit(value).alias(name) for name, value in words.items())
    )


def _write_drop(path: Path) -> None:
    """What the vendor delivers on the night."""
    path.parent.mkdir(parents=True)
    at = text(calendar("XNYS").close_ns(NIGHT) + NS_PER_HOUR)
    lines = ["symbol,session,open,high,low,close,volume,received_at"]
    for symbol, close in zip(SYMBOLS, _closes()[-1].tolist(), strict=True):
        lines.append(f"{symbol},{NIGHT},{close:.4f},{close * 1.01:.4f},{close * 0.99:.4f},{close:.4f},1000000,{at}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def house_at() -> Callable[[Path], House]:
    """Opens the house of such a workspace, at the morning after the night."""

    def open_at(place: Path) -> House:
        config = load_config(place / "tradewinds.yaml", {"TRADEWINDS_HOME": str(place / "home")})
        return House(config, clock=ReplayClock(parse(MORNING)))

    return open_at


@pytest.fixture(scope="session")
def research_workspace(house_at: Callable[[Path], House]) -> Callable[[Path], dict[str, str]]:
    """Makes a workspace in a folder, whose book has features until the session before; answers the environment of its Airflow."""

    def make(place: Path) -> dict[str, str]:
        (place / "models").mkdir(parents=True)
        (place / "models" / "trend.yaml").write_text(MODEL)
        (place / "tradewinds.yaml").write_text(BOOK)
        _write_drop(place / "drops" / "made" / f"{NIGHT}.csv")
        house = house_at(place)
        publish(house.context("test", ""), Table(bars("1d")), _history())
        run_job("research.features", str(BEFORE), house=house)
        house.close()
        return {
            "TRADEWINDS_CONFIG": str(place / "tradewinds.yaml"),
            "TRADEWINDS_HOME": str(place / "home"),
            "TRADEWINDS_CLOCK": MORNING,
        }

    return make
