"""What a run leaves behind: tables for people, plain values for --json, and a fingerprint that is the same everywhere."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation import kernel
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.books import FILL, ORDER
from tradewinds.simulation.market import market_of_panel
from tradewinds.simulation.result import Result, orders_hash
from tradewinds.simulation.rules import Account, BasisPoints, Setup
from tradewinds.trading.strategy import Float, Params, Strategy

DAY_NS = 86_400_000_000_000
FIRST_NS = 1_704_067_200_000_000_000  # 2024-01-01T00:00:00Z


def targets(seen: Any, params: Params) -> Any:
    return np.array([0.0, 20.0, 20.0, -5.0, -5.0, 0.0])


def run(source: str = "text", **terms: Any) -> Result:
    """Six days of one instrument with lots of 0.5: long 20, short 5, flat."""
    close = np.array([[10.0], [11.0], [12.0], [13.0], [12.0], [11.0]])
    times = FIRST_NS + np.arange(6, dtype=np.int64) * DAY_NS
    prices = {"open": close - 0.5, "high": close + 1, "low": close - 1, "close": close, "volume": np.full((6, 1), 1000.0)}
    bars = Panel(("ABC.XNAS",), times, times + DAY_NS, (times + DAY_NS)[:, None], prices)
    market = market_of_panel(bars, [Instrument("ABC.XNAS", "equity", "USD", "XNYS", lot=Decimal("0.5"))], vintage="v1")
    strategy = Strategy("steps", "vector", targets, {"risk": Float(0.5, 0, 1)}, source=source)
    setup = Setup(account=Account(1_000.0), costs=(BasisPoints(10),))
    return backtest(strategy, market, bars, terms.get("parameters"), setup)


def test_fills_are_told_in_units_names_and_times() -> None:
    table = run().fills_frame()

    assert table["time"].dt.to_string("%Y-%m-%d").to_list() == ["2024-01-04", "2024-01-06"]
    assert table["instrument"].to_list() == ["ABC.XNAS", "ABC.XNAS"]
    assert table["quantity"].to_list() == [20.0, -25.0]
    assert table["price"].to_list() == [11.5, 11.5]
    assert table["commission"].to_list() == pytest.approx([0.23, 0.2875])
    assert table["touch"].to_list() == ["open", "open"]


def test_orders_are_told_with_what_became_of_them() -> None:
    table = run().orders_frame()

    assert table["id"].to_list() == [1, 2, 3]
    assert table["side"].to_list() == ["buy", "sell", "buy"]
    assert table["kind"].to_list() == ["market"] * 3
    assert table["quantity"].to_list() == [20.0, 25.0, 5.0]
    assert table["filled"].to_list() == [20.0, 25.0, 0.0]
    assert table["status"].to_list() == ["filled", "filled", "working"]
    assert table["limit"].to_list() == [None, None, None]
    assert table["decided"].dt.to_string("%Y-%m-%d").to_list() == ["2024-01-03", "2024-01-05", "2024-01-07"]


def test_the_equity_table_has_the_rows_of_the_run() -> None:
    result = run()

    table = result.equity_frame()

    assert table.height == 6
    assert table["equity"].to_list() == pytest.approx([1000.0, 1000.0, 1009.77, 1029.77, 996.9825, 1001.9825])
    assert table["equity"][-1] == result.final_equity


def test_plain_values_go_into_json() -> None:
    result = run()

    told = json.loads(json.dumps(result.to_dict(), allow_nan=False))

    assert told["strategy"] == "steps"
    assert told["parameters"] == {"risk": 0.5}
    assert (told["from"], told["to"], told["bars"]) == ("2024-01-02T00:00:00Z", "2024-01-07T00:00:00Z", 6)
    assert told["held"] == {"ABC.XNAS": -5.0}
    assert told["fingerprint"]["whole"] == result.fingerprint.whole
    assert told["return"] == pytest.approx(told["equity"] / 1000 - 1)


def test_performance_and_round_trips_are_measured_on_the_run() -> None:
    result = run()

    summary = result.performance()
    trips = result.round_trips()

    assert summary.final == result.final_equity
    assert trips["quantity"].tolist() == [20.0, 5.0]
    assert trips["gross"][0] == pytest.approx(0.0)
    assert trips["is_open"].tolist() == [0, 1]


def test_logs_and_equity_cannot_be_written() -> None:
    result = run()

    with pytest.raises(ValueError, match="read-only"):
        result.equity[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        result.fills["price"][0] = 1.0


def test_each_part_of_a_fingerprint_counts() -> None:
    first = run().fingerprint

    assert run().fingerprint == first
    assert run(source="other").fingerprint.whole != first.whole
    assert run(parameters={"risk": 0.25}).fingerprint.whole != first.whole
    assert first.kernel == kernel.VERSION
    assert first.parameters == '{"risk":0.5}'


@pytest.mark.parametrize("log", [ORDER, FILL])
def test_logs_have_no_byte_that_is_no_field(log: np.dtype[Any]) -> None:
    assert log.itemsize == sum(log[name].itemsize for name in log.names or ())


def test_the_hash_of_orders_sees_each_byte_and_the_border_between_the_logs() -> None:
    orders, fills = np.zeros(3, ORDER), np.zeros(2, FILL)
    seen = {orders_hash(orders, fills)}

    for log in (orders, fills):
        for name in log.dtype.names or ():
            for row in range(len(log)):
                before = log[name][row]
                log[name][row] = 1
                seen.add(orders_hash(orders, fills))
                log[name][row] = before

    assert len(seen) == 1 + 3 * len(ORDER.names or ()) + 2 * len(FILL.names or ())
    assert orders_hash(orders, fills) in seen
    assert orders_hash(orders[:2], fills) not in seen


PROGRAM = """
import hashlib
import numpy as np
from tests.simulation.test_result import run
result = run()
print(result.fingerprint.whole, hashlib.sha256(result.equity.tobytes()).hexdigest())
"""


def test_twenty_processes_with_their_own_hash_seeds_agree() -> None:
    result = run()
    here = f"{result.fingerprint.whole} {hashlib.sha256(result.equity.tobytes()).hexdigest()}"

    said = []
    for seed in range(0, 20, 2):
        pair = [
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                env=os.environ | {"PYTHONHASHSEED": str(one)},
                cwd=Path(__file__).resolve().parents[2],
                stdout=subprocess.PIPE,
                text=True,
            )
            for one in (seed, seed + 1)
        ]
        said += [process.communicate(timeout=300)[0].strip() for process in pair]

    assert said == [here] * 20


def test_the_orders_of_a_fixed_run_change_only_with_the_kernel() -> None:
    """Whoever changes what is traded, or the layout of the logs, gives the kernel another version and this test its hash."""
    fingerprint = run().fingerprint

    assert (fingerprint.kernel, fingerprint.orders) == ("2", "5d06b6a2b0562f12a8e66c6552f91bf977b630fbd417adf5cb1edb74efcbaf81")
