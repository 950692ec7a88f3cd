"""What a command, a YAML file and a strategy's own declaration say becomes one plan, and the plan a result."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.core.record import Member, Universe
from tradewinds.simulation.rules import Account, BasisPoints
from tradewinds.trading.declared import Terms
from tradewinds.wiring.house import House
from tradewinds.wiring.research import Asked, plan, run, store_run
from tradewinds.wiring.sweep import SweepAsked, prepare

Publish = Callable[..., None]

STRATEGY = """import numpy as np
from tradewinds.trading.strategy import Choice, Float, Int, event, vector

@vector(parameters={"units": Int(1, 0, 100), "scale": Float(1.0, 0.1, 9.0), "side": Choice(("long", "flat"))}, lookback=2, interval="1d")
def hold(panel, params):
    return np.full(panel.shape, params.units * params.scale * (params.side == "long"))

@event(instruments=("IBM.XNYS",), targets="weights", interval="1d")
class AllIn:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        return 1.0
"""
DAYS = "date,open,high,low,close,volume\n" + "".join(f"2024-01-{day:02},{day},{day + 1},{day - 1},{day},100\n" for day in range(2, 31))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(STRATEGY)
    (tmp_path / "days.csv").write_text(DAYS)
    return tmp_path


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_a_python_file_runs_with_what_the_command_says(folder: Path) -> None:
    terms = Terms(instruments=("AAPL.XNAS",), account={"capital": 5000.0}, start="2024-01-05", end="2024-02-01")
    planned = plan(Asked(place=f"{folder}/mine.py:hold", terms=terms, parameters={"units": "3", "scale": "2", "side": "LONG"}))
    assert planned.name == "hold"
    assert dict(planned.books[0].parameters) == {"scale": 2.0, "side": "long", "units": 3}
    assert (planned.wanted.instruments, planned.wanted.interval, planned.wanted.lookback) == (("AAPL.XNAS",), "1d", 2)
    assert (planned.wanted.start_ns, planned.wanted.end_ns) == (parse("2024-01-05"), parse("2024-02-01"))
    assert planned.setup.account == Account(5000.0)


def test_the_command_wins_over_the_file_and_the_file_over_the_declaration(folder: Path) -> None:
    place = written(
        folder,
        "run.yaml",
        "strategy: mine.py:hold\nparameters: {units: 3}\ninstruments: [AAPL.XNAS]\ninterval: 1h\naccount: {capital: 1, currency: EUR}\n"
        "costs: {bps: 5}\nfrom: 2024-01-05\n",
    )
    planned = plan(Asked(place=place, terms=Terms(account={"capital": 2.0}, start="2024-01-06"), parameters={"scale": "3"}))
    assert dict(planned.books[0].parameters) == {"scale": 3.0, "side": "long", "units": 3}
    assert planned.wanted.interval == "1h"
    assert planned.wanted.start_ns == parse("2024-01-06")
    assert planned.setup.account == Account(2.0, "EUR")
    assert planned.setup.costs == (BasisPoints(5.0),)
    other = plan(Asked(place=place, terms=Terms(universe="top"), parameters={}))
    assert (other.wanted.instruments, other.wanted.universe) == ((), "top")


def test_a_strategy_may_name_its_instruments_itself(folder: Path) -> None:
    assert plan(Asked(place=f"{folder}/mine.py:AllIn")).wanted.instruments == ("IBM.XNYS",)


@pytest.mark.parametrize(
    ("parameters", "terms", "told"),
    [
        ({"unit": "3"}, Terms(), "parameter 'unit', expected one of"),
        ({"units": "3.5"}, Terms(), "parameter units: '3.5', expected a whole number from 0 to 100"),
        ({"units": "101"}, Terms(), "parameter units: 101, expected a whole number from 0 to 100"),
        ({"side": "short"}, Terms(), "parameter side: 'short', expected one of"),
        ({}, Terms(start="2024-02-01", end="2024-01-01"), "--to 2024-01-01, expected a time after --from 2024-02-01"),
        ({}, Terms(start="soon"), "--from: 'soon'"),
    ],
)
def test_what_is_asked_wrongly_is_refused(folder: Path, parameters: dict[str, str], terms: Terms, told: str) -> None:
    with pytest.raises(Rejected, match=told):
        plan(Asked(place=f"{folder}/mine.py:hold", terms=terms, parameters=parameters))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("strategy: [", "run.yaml is no YAML"),
        ("- a\n", "run.yaml: a list, expected keys and values"),
        ("strategie: mine.py\n", "run.yaml: key 'strategie', expected strategy[?]"),
        ("strategy: absent.py\n", "absent.py: No such file"),
        ("strategies: [{strategy: 'mine.py:hold'}, {strategy: 'mine.py:hold'}]\n", "strategies named .*expected each name once"),
        ("strategies: [{file: run.yaml}]\n", "run.yaml: a portfolio within a portfolio"),
        ("strategies: [{strategy: 'mine.py:hold', universe: top}]\n", "universe 'top' of mine.py:hold"),
    ],
)
def test_a_yaml_file_that_cannot_be_is_refused(folder: Path, text: str, told: str) -> None:
    with pytest.raises(Rejected, match=told):
        plan(Asked(place=written(folder, "run.yaml", text)))


def test_a_plan_over_a_file_runs_without_a_house(folder: Path) -> None:
    asked = Asked(
        place=f"{folder}/mine.py:hold", data=folder / "days.csv", parameters={"units": "5"}, terms=Terms(account={"currency": "EUR"})
    )
    result, prepared = run(plan(asked), None)
    # Decided at the close of 3 January, filled at the open of the 4th at 4; worth 30 at the end.
    assert result.fills["quantity"].tolist() == [5]
    assert result.final_equity == 100_000 + 5 * (30 - 4)
    assert result.setup.account.currency == "EUR"
    assert prepared.interval == "1d"
    assert "bars of 1d, read off the times" in result.notes


RECALLS = """
from tradewinds.trading.strategy import event

@event(interval="1d", lookback=4)
class Recalls:
    def __init__(self, params):
        pass

    def on_bar(self, view):
        return view.history("close", 4)[0]  # the close three bars ago as it is known now, as a number of units
"""


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_event_strategy_sees_a_correction_and_a_late_bar_when_they_became_known(
    folder: Path, house: House, publish: Publish, is_packed: bool
) -> None:
    (folder / "recalls.py").write_text(RECALLS)
    # Sessions 2, 3, 4, 5, 8, 9, 10, 11 January. The bar of the 3rd comes on the 9th; so does a correction of the 4th, from 12 to 50.
    publish("AAPL.XNAS", "2024-01-02", [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0], known_ns={1: parse("2024-01-09T12:00")})
    publish("AAPL.XNAS", "2024-01-04", [50.0], known_ns={0: parse("2024-01-09T13:00")})
    if is_packed:
        house._pack(Table(bars("1d")), parse("2025-01-01"))
    asked = Asked(place=str(folder / "recalls.py"), terms=Terms(instruments=("AAPL.XNAS",), account={"capital": 1e6, "leverage": 10.0}))
    result, _ = run(plan(asked), lambda: house)
    # Decided at the close of the 5th: the 2nd, 10. Of the 8th: the 3rd, not there yet, nothing. Of the 9th: the 4th, corrected. Then 13.
    assert [(int(one["row"]), int(one["quantity"])) for one in result.fills] == [(4, 10), (6, 40), (7, -37)]


def test_a_portfolio_and_a_sweep_learn_the_corrections_that_a_single_run_learns(folder: Path, house: House, publish: Publish) -> None:
    (folder / "recalls.py").write_text(RECALLS)
    publish("IBM.XNYS", "2024-01-02", [100.0] * 8)
    publish("AAPL.XNAS", "2024-01-02", [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0])
    publish("AAPL.XNAS", "2024-01-04", [50.0], known_ns={0: parse("2024-01-09T13:00")})
    account = {"capital": 1e6, "leverage": 10.0}
    place = written(
        folder, "all.yaml", "name: all\naccount: {capital: 1000000, leverage: 10}\nstrategies:\n"
        "- {strategy: 'mine.py:hold', allocation: 0.5, instruments: [IBM.XNYS]}\n"
        "- {strategy: recalls.py, allocation: 0.5, instruments: [AAPL.XNAS]}\n"
    )  # fmt: skip
    asked = Asked(place=str(folder / "recalls.py"), terms=Terms(instruments=("AAPL.XNAS",), account=account))

    alone, _ = run(plan(asked), lambda: house)
    both, _ = run(plan(Asked(place=place)), lambda: house)
    sweep = prepare(asked, SweepAsked(), lambda: house)
    trial = sweep.work.open()({"fold": 0, "proposals": [(0, {})]})[0]

    assert 39 in alone.fills["quantity"].tolist()  # from 11 to the corrected 50
    own = both.fills[both.fills["book"] == 1]
    assert own["quantity"].tolist() == alone.fills["quantity"].tolist()
    assert trial["figures"]["equity"] == alone.final_equity


def test_a_portfolio_runs_its_strategies_on_one_account(folder: Path, house: House, publish: Publish) -> None:
    publish("AAPL.XNAS", "2024-01-02", [10.0, 10.0, 11.0, 12.0])
    publish("IBM.XNYS", "2024-01-02", [100.0, 100.0, 100.0, 110.0])
    written(folder, "one.yaml", "strategy: mine.py:hold\nparameters: {units: 10}\ninstruments: [AAPL.XNAS]\n")
    place = written(
        folder, "all.yaml", "name: all\naccount: {capital: 10000}\nstrategies:\n- {file: one.yaml, allocation: 0.5}\n"
        "- {strategy: 'mine.py:AllIn', allocation: 0.5}\n"
    )  # fmt: skip
    planned = plan(Asked(place=place))
    assert planned.wanted.instruments == ("AAPL.XNAS", "IBM.XNYS")
    result, prepared = run(planned, lambda: house)
    assert result.books == ("hold", "AllIn")
    assert result.market.ids == ("AAPL.XNAS", "IBM.XNYS")
    assert result.quantity.tolist() == [10, 50]
    number = store_run(house, result, result.performance(), prepared.interval, parse("2025-01-01"))
    stored = house.ledger.backtest(number)
    assert stored is not None
    assert stored.run.strategy == "all"
    assert sorted(house.ledger.backtest_table(number, "position")["instrument"].unique()) == ["AAPL.XNAS (hold)", "IBM.XNYS (AllIn)"]


def test_leaving_the_universe_closes_the_position(folder: Path, house: House, publish: Publish) -> None:
    publish("AAPL.XNAS", "2024-01-02", [10.0] * 8)
    publish("IBM.XNYS", "2024-01-02", [20.0] * 8)
    for day, name in (("2024-01-01", "AAPL.XNAS"), ("2024-01-05", "IBM.XNYS")):
        house.ledger.save_universe(Universe("one", date.fromisoformat(day), parse(day), (Member(name, 1),)))
    result, _ = run(plan(Asked(place=f"{folder}/mine.py:hold", terms=Terms(universe="one"))), lambda: house)
    # 4 January is the last session before the second snapshot: at the close of the 5th the one is sold and the other bought.
    assert [(int(one["row"]), int(one["instrument"]), int(one["quantity"])) for one in result.fills] == [(2, 0, 1), (4, 0, -1), (4, 1, 1)]


def test_the_same_run_is_kept_once_for_each_start(folder: Path, house: House, publish: Publish) -> None:
    publish("AAPL.XNAS", "2024-01-02", [10.0, 10.0, 11.0, 12.0])
    asked = Asked(place=f"{folder}/mine.py:hold", terms=Terms(instruments=("AAPL.XNAS",)))
    result, prepared = run(plan(asked), lambda: house)
    summary = result.performance()
    first, again = (store_run(house, result, summary, prepared.interval, parse("2025-01-01")) for _ in range(2))
    assert first == again
    assert [one.run.fingerprint for one in house.ledger.backtests()] == [result.fingerprint.whole]
