"""Backtests in the marts: the tables that dashboards read, as files and in databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa

from tradewinds.performance.summary import of
from tradewinds.performance.track_record import TrackRecord, fill_log
from tradewinds.stores.ledger import BacktestRun, Ledger
from tradewinds.stores.marts import build
from tradewinds.stores.memory import memory_lake

DAY = 86_400_000_000_000
MONDAY = 1_704_067_200_000_000_000  # 2024-01-01


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/marts.sqlite"
    server = request.getfixturevalue("postgres")
    name = f"marts_backtests_{tmp_path.stat().st_ino}"
    server.create_database(name)
    return str(server.url(name))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """One run that shorts 2 at 50 on the first of three days and still holds them, and one that failed later."""
    close = np.array([[50.0], [45.0], [40.0]])
    record = TrackRecord(
        instruments=("ACME.XNAS",), end_ns=MONDAY + DAY * np.arange(1, 4), session=np.arange(3), equity=np.array([100.0, 110.0, 120.0]),
        capital=100.0, first_row=0, last_row=3, fills=fill_log(np.array([0]), np.array([0]), np.array([-2.0]), np.array([50.0])),
        high=close, low=close, close=close, multiplier=np.ones(1), rates=np.ones((1, 1)), lot=np.ones(1),
    )  # fmt: skip
    run = BacktestRun("ab", "fade", {"b": 1, "a": 2}, ("ACME.XNAS",), MONDAY, MONDAY + 3 * DAY, "1d", {}, "v", "k", 1_000, 2_000)
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    ledger.migrate()
    ledger.add_backtest(run, record, of(record))
    ledger.add_backtest(replace(run, started_ns=8_000, ended_ns=9_000, state="failed", error="why"))
    return ledger


def test_a_run_and_its_parts_are_facts_that_name_their_strategy(ledger: Ledger, tmp_path: Path) -> None:
    built = build(memory_lake(), ledger, tmp_path / "marts", as_of_ns=10_000)

    def rows(name: str) -> list[dict[str, object]]:
        return pl.read_parquet(built.folder / f"{name}.parquet").to_dicts()

    done, failed = rows("fact_backtests")
    assert (done["strategy"], done["parameters"], done["instruments"], done["final"]) == ("fade", '{"a": 2, "b": 1}', 1, 120.0)
    assert (failed["state"], failed["error"], failed["final"]) == ("failed", "why", None)
    [trip] = rows("fact_backtest_round_trips")
    assert (trip["strategy"], trip["side"], trip["gross"], trip["exit_at"]) == ("fade", "short", 20.0, None)
    assert trip["entry_at"] == datetime(2024, 1, 2, tzinfo=UTC)
    assert [row["value"] for row in rows("fact_backtest_positions")] == [-100.0, -90.0, -80.0]
    assert [row["equity"] for row in rows("fact_backtest_performance")] == [100.0, 110.0, 120.0]


def test_a_run_that_had_not_ended_is_not_known(ledger: Ledger, tmp_path: Path) -> None:
    built = build(memory_lake(), ledger, tmp_path / "marts", as_of_ns=8_500)

    assert built.rows["fact_backtests"] == 1
    assert build(memory_lake(), ledger, tmp_path / "earlier", as_of_ns=1_999).rows["fact_backtest_performance"] == 0


def test_a_database_is_given_the_same_rows(ledger: Ledger, tmp_path: Path, url: str) -> None:
    build(memory_lake(), ledger, tmp_path / "marts", as_of_ns=10_000, url=url)

    engine = sa.create_engine(url)
    with engine.connect() as connection:
        query = "SELECT p.strategy, sum(p.period_return) FROM fact_backtest_performance p GROUP BY p.strategy"
        [(strategy, total)] = connection.execute(sa.text(query)).all()
    engine.dispose()
    assert strategy == "fade"
    assert total == pytest.approx(0.1 + 1 / 11)
