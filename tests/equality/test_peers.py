"""Every scenario in every engine that can run it: every trade, the fees and the equity are ours, or differ by a reason that is checked.

Needs the environments that `make equality` makes, and skips without them. `make equality` runs the full sizes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from . import ours
from .explained import EXPLAINED
from .fills import Outcome, Trade, differences, merged, outcome
from .peers import RUNS, answers, cases, made, python_of
from .scenarios import MAKERS, Scenario

CENT = 0.005
ROUNDED_TO_CENTS = {"nautilus_trader"}  # its money has two decimals: each fee and each realised profit is off by up to half a cent


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[tuple[str, str], Outcome]]:
    """What has been run already, by engine."""
    assert tmp_path_factory.getbasetemp().is_dir()
    return {}


@pytest.fixture
def answered(engine: str, outcomes: dict[str, dict[tuple[str, str], Outcome]], tmp_path: Path) -> dict[tuple[str, str], Outcome]:
    """What an engine did in all of its cases; they run at the first one."""
    python = python_of(engine)
    if python is None:
        pytest.skip(f"{engine} is not there to compare with: `make equality` installs it into .peers")
    if engine not in outcomes:
        outcomes[engine] = answers(engine, python, tmp_path)
    return outcomes[engine]


@pytest.mark.timeout(3000)
@pytest.mark.parametrize(("engine", "name", "fill"), cases())
def test_every_trade_is_the_same_in_the_other_engine(engine: str, name: str, fill: str, answered: dict[tuple[str, str], Outcome]) -> None:
    scenario = made(name, fill)
    mine = outcome(ours.run(scenario, fill))
    theirs = answered[name, fill]
    explain = EXPLAINED.get((engine, name))

    expected, fees = explain(scenario, mine) if explain else (list(mine.trades), mine.fees)

    slack = CENT * (1 + 2 * len(theirs.trades)) if engine in ROUNDED_TO_CENTS else CENT
    assert differences(Outcome("tradewinds", "", merged(expected), fees, 0.0), theirs) == []
    assert theirs.fees == pytest.approx(fees, abs=slack)
    assert theirs.equity == pytest.approx(_equity(scenario, expected, fees), abs=slack)
    assert mine.equity == pytest.approx(_equity(scenario, list(mine.trades), mine.fees), abs=CENT)
    if theirs.refused is not None:
        assert mine.refused == theirs.refused
    assert len(mine.trades) >= 20


def test_a_reason_that_no_run_needs_is_no_reason() -> None:
    assert set(EXPLAINED) <= {(engine, name) for engine, name, _ in cases()}


def test_sixteen_scenarios_run_in_two_engines_or_more() -> None:
    engines = {name: {engine for engine, scenario, _ in cases() if scenario == name} for name in MAKERS}

    assert len(MAKERS) == 16
    assert {name for name, found in engines.items() if len(found) < 2} == set()
    assert set(RUNS) == {"backtrader", "backtesting", "vectorbt", "nautilus_trader", "zipline"}


def _equity(scenario: Scenario, trades: list[Trade], fees: float) -> float:
    """What is left by plain addition: the cash, less what was bought, plus what is held at the last close."""
    last = scenario.prices["close"][-1]
    return scenario.cash - fees + sum(one.quantity * (last[one.instrument] - one.price) for one in trades)
