"""Backtests in the ledger, on SQLite and PostgreSQL: written whole, once, read back, migrated up and down."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from tradewinds.core.errors import Rejected
from tradewinds.performance.summary import of
from tradewinds.performance.track_record import TrackRecord, fill_log
from tradewinds.stores.ledger import BacktestFilter, BacktestRun, Ledger

DAY = 86_400_000_000_000
MONDAY = 1_704_067_200_000_000_000  # 2024-01-01


def record_of_one_trade() -> TrackRecord:
    """Buys 10 at 100 on the second day for a commission of 1, sells them at 110 on the fourth."""
    close = np.array([[100.0], [100.0], [105.0], [110.0], [90.0]])
    log = fill_log(np.array([1, 3]), np.array([0, 0]), np.array([10.0, -10.0]), np.array([100.0, 110.0]), np.array([1.0, 1.0]))
    return TrackRecord(
        instruments=("ACME.XNAS",),
        end_ns=MONDAY + DAY * np.arange(1, 6),
        session=np.arange(5),
        equity=np.array([2000.0, 1999.0, 2049.0, 2098.0, 2098.0]),
        capital=2000.0,
        first_row=0,
        last_row=5,
        fills=log,
        high=close + 1,
        low=close - 1,
        close=close,
        multiplier=np.ones(1),
        rates=np.ones((1, 1)),
        lot=np.ones(1),
    )


@dataclass(frozen=True)
class Commission:
    maximum: float = math.inf


RUN = BacktestRun(
    fingerprint="ab12",
    strategy="sma_cross",
    parameters={"fast": 10, "slow": 20},
    instruments=("ACME.XNAS",),
    from_ns=MONDAY,
    to_ns=MONDAY + 5 * DAY,
    interval="1d",
    setup={"costs": (Commission(),)},
    vintage="v1",
    kernel="1",
    started_ns=5_000,
    ended_ns=6_000,
)


def test_a_run_comes_back_with_its_figures(ledger: Ledger) -> None:
    record = record_of_one_trade()

    number = ledger.add_backtest(RUN, record, of(record))

    stored = ledger.backtest(number)
    assert stored is not None
    assert stored.run == replace(
        RUN, instruments=["ACME.XNAS"], setup={"costs": [{"kind": "Commission", "maximum": "inf"}]}
    )  # as JSON says it
    assert (stored.currency, stored.trades) == ("USD", 1)
    assert stored.figures["final"] == 2098.0
    assert stored.figures["total_return"] == pytest.approx(0.049)
    assert stored.figures["commission"] == 2.0
    assert stored.figures["profit_factor"] is None  # no loss to divide by
    assert stored.summary is not None
    assert stored.summary["trades"]["net"] == 98.0


def test_round_trips_positions_and_performance_stand_beside_it(ledger: Ledger) -> None:
    record = record_of_one_trade()

    number = ledger.add_backtest(RUN, record, of(record))

    [trip] = ledger.backtest_table(number, "round_trip").to_dicts()
    assert (trip["instrument"], trip["side"], trip["is_open"], trip["bars"]) == ("ACME.XNAS", "long", False, 2)
    assert (trip["entry_ns"], trip["exit_ns"]) == (MONDAY + 2 * DAY, MONDAY + 4 * DAY)
    assert (trip["quantity"], trip["gross"], trip["commission"], trip["net"]) == (10.0, 100.0, 2.0, 98.0)
    positions = ledger.backtest_table(number, "position")
    assert positions["day"].to_list() == [date(2024, 1, 2), date(2024, 1, 3)]
    assert positions["value"].to_list() == [1000.0, 1050.0]
    assert positions["weight"].to_list() == pytest.approx([1000 / 1999, 1050 / 2049])
    performance = ledger.backtest_table(number, "performance")
    assert performance["equity"].to_list() == [2000.0, 1999.0, 2049.0, 2098.0, 2098.0]
    assert performance["period_return"].to_list()[:2] == [None, pytest.approx(-0.0005)]
    assert performance["drawdown"].to_list()[:3] == [0.0, pytest.approx(-0.0005), 0.0]


def test_the_same_run_stands_there_once_and_a_later_one_beside_it(ledger: Ledger) -> None:
    record = record_of_one_trade()
    summary = of(record)

    first = ledger.add_backtest(RUN, record, summary)
    again = ledger.add_backtest(RUN, record, summary)
    later = ledger.add_backtest(replace(RUN, started_ns=7_000, ended_ns=8_000), record, summary)

    assert first == again != later
    assert [one.id for one in ledger.backtests()] == [later, first]
    assert len(ledger.backtest_table(first, "round_trip")) == 1


def test_an_open_trade_has_no_exit_time(ledger: Ledger) -> None:
    record = record_of_one_trade()
    opened = replace(record, fills=fill_log(np.array([1]), np.array([0]), np.array([-10.0]), np.array([100.0])))

    number = ledger.add_backtest(RUN, opened, of(opened))

    [trip] = ledger.backtest_table(number, "round_trip").to_dicts()
    assert (trip["side"], trip["is_open"], trip["exit_ns"], trip["exit_price"]) == ("short", True, None, 90.0)


def test_a_failed_run_keeps_its_reason_and_nothing_else(ledger: Ledger) -> None:
    failed = replace(RUN, state="failed", error="strategy sma_cross: fast 30, expected less than slow 20")

    number = ledger.add_backtest(failed)

    stored = ledger.backtest(number)
    assert stored is not None
    assert stored.run.error == "strategy sma_cross: fast 30, expected less than slow 20"
    assert stored.figures["sharpe"] is None
    assert ledger.backtest_table(number, "performance").is_empty()
    with pytest.raises(Rejected, match="expected a track record and a summary of a finished run"):
        ledger.add_backtest(RUN)


def test_runs_are_found_by_strategy_state_and_time(ledger: Ledger) -> None:
    record = record_of_one_trade()
    summary = of(record)
    ledger.add_backtest(RUN, record, summary)
    ledger.add_backtest(replace(RUN, strategy="pairs", fingerprint="cd34", started_ns=9_000, ended_ns=9_000), record, summary)
    ledger.add_backtest(replace(RUN, fingerprint="ef56", started_ns=9_500, ended_ns=9_500, state="failed", error="why"))

    def found(**which: object) -> list[str]:
        return [one.run.fingerprint for one in ledger.backtests(BacktestFilter(**which))]

    assert found(strategy="sma_cross") == ["ef56", "ab12"]
    assert found(state="done") == ["cd34", "ab12"]
    assert found(started_from_ns=9_000, started_to_ns=9_500) == ["cd34"]
    assert [one.run.fingerprint for one in ledger.backtests(limit=1)] == ["ef56"]
    assert ledger.backtest(999) is None


def test_a_removed_run_takes_its_rows_along(ledger: Ledger) -> None:
    record = record_of_one_trade()
    number = ledger.add_backtest(RUN, record, of(record))

    assert ledger.remove_backtest(number) is True
    assert ledger.remove_backtest(number) is False
    assert ledger.backtest_table(number, "position").is_empty()


def test_the_tables_come_and_go_with_their_revision(ledger: Ledger) -> None:
    from alembic import command
    from alembic.config import Config

    from tradewinds.stores import ledger_migration

    def tables() -> set[str]:
        with ledger.database.reading("looking") as connection:
            return {name for name in sa.inspect(connection).get_table_names() if name.startswith("backtest_")}

    every = {"backtest_run", "backtest_round_trip", "backtest_position", "backtest_performance"}
    config = Config()
    config.set_main_option("script_location", str(Path(ledger_migration.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    assert tables() == every

    with ledger.database.writing("going back") as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    assert tables() == set()

    assert ledger.migrate() is True
    assert tables() == every


def test_sql_sees_backtests(tmp_path: Path) -> None:
    from tradewinds.stores.lake_files import LocalFiles
    from tradewinds.stores.query import run

    record = record_of_one_trade()
    with Ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
        ledger.migrate()
        ledger.add_backtest(RUN, record, of(record))
        sql = (
            "SELECT r.strategy, t.net, t.entry, r.total_return FROM ledger.backtest_run r JOIN ledger.backtest_round_trip t ON t.run = r.id"
        )

        answer = run(sql, LocalFiles(tmp_path / "lake"), ledger, 10_000).to_pylist()

    assert [(row["strategy"], row["net"], row["entry"].date()) for row in answer] == [("sma_cross", 98.0, date(2024, 1, 3))]
    assert answer[0]["total_return"] == pytest.approx(0.049)


def test_a_run_that_says_two_things_is_refused() -> None:
    with pytest.raises(Rejected, match="expected not before its start"):
        replace(RUN, ended_ns=4_999)
    with pytest.raises(Rejected, match="expected an error of a failed one only"):
        replace(RUN, error="why")
    with pytest.raises(Rejected, match="expected done or failed"):
        replace(RUN, state="running")  # type: ignore[arg-type] # that is the point
