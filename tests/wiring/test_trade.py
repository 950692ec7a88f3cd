"""Strategy files become what each account is to trade; one that is broken stands aside alone, and the reason is said."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import AccountConfig, Config
from tradewinds.trading.declared import Terms
from tradewinds.wiring.trade import Plan, plan

STRATEGY = """
from tradewinds.trading.strategy import Int, vector

@vector(parameters={"fast": Int(2, 1, 9)}, lookback=2, targets="units", interval="1m")
def trend(panel, params):
    return panel.close * 0 + 1
"""
LEARNED = """
from tradewinds.trading.strategy import Model, vector

@vector(parameters={"model": Model("models:/x@champion")}, lookback=2, targets="units", interval="1m")
def learned(panel, params):
    return panel.close * 0 + 1
"""
PAPER = "strategy: trend.py\nmode: paper\ninstruments: [BTCUSDT.BINANCE]\naccount: {name: main, capital: 1000}\n"


class Workspace:
    """Strategy files of one test, and the accounts there are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "strategies"
        self.folder.mkdir()
        (self.folder / "trend.py").write_text(STRATEGY)
        (self.folder / "learned.py").write_text(LEARNED)
        accounts = {
            "main": AccountConfig(broker="paper", currency="USDT"),
            "real": AccountConfig(broker="binance", environment="live", instruments=("ETHUSDT.BINANCE",)),
        }
        self.config = Config(home=str(folder / "home"), workspace=str(folder), accounts=accounts)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def plan(self, *places: Path, idle: tuple[str, ...] = ()) -> Plan:
        return plan(self.config, places, idle_accounts=idle)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_a_strategys_file_says_all_that_trading_needs(workspace: Workspace) -> None:
    workspace.write("trend.yaml", PAPER + "parameters: {fast: 3}\nlimits: {position_max: 2}\nname: mine\ninterval: 5m\n")

    (found,) = workspace.plan().strategies

    assert (found.name, found.mode, found.account.name, found.capital) == ("mine", "paper", "main", Decimal(1000))
    assert (found.strategy.interval, found.instruments, found.parameters) == ("5m", ("BTCUSDT.BINANCE",), {"fast": 3})
    assert found.limits.position_max == 2


def test_a_broken_file_stands_aside_alone(workspace: Workspace) -> None:
    workspace.write("a.yaml", PAPER)
    workspace.write("b.yaml", "strategy: trend.py\nmodee: paper\n")
    workspace.write("c.yaml", "a: [")
    workspace.write("d.yaml", PAPER.replace("trend.py", "raises.py"))
    workspace.write("raises.py", "1 / 0\n")
    workspace.write("e.yaml", "strategy: trend.py\n")

    found = workspace.plan()

    assert [one.file.name for one in found.strategies] == ["a.yaml"]
    assert sorted(found.troubles) == ["b.yaml", "c.yaml", "d.yaml"]
    assert "key 'modee', expected mode?" in found.troubles["b.yaml"]
    assert "ZeroDivisionError" in found.troubles["d.yaml"]
    assert found.untraded == ("e.yaml",)


def test_a_file_that_was_named_stops_the_start_where_it_is_broken(workspace: Workspace) -> None:
    broken = workspace.write("b.yaml", "strategy: trend.py\nmode: paper\n")
    untraded = workspace.write("e.yaml", "strategy: trend.py\n")

    with pytest.raises(Rejected, match=r"mode paper without an account, expected account: \{name"):
        workspace.plan(broken)
    with pytest.raises(Rejected, match="mode backtest, expected mode: shadow, paper or live"):
        workspace.plan(untraded)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PAPER.replace("main", "real"), "mode paper on account real of environment live"),
        (PAPER.replace("mode: paper", "mode: live"), "mode live on account main of a paper broker"),
        (PAPER.replace("capital: 1000", "currency: USDT"), "no capital"),
        (PAPER.replace("capital: 1000", "capital: -1"), "capital -1, expected a positive amount of USDT"),
        (PAPER.replace("capital: 1000", "capital: 1, currency: EUR"), "currency 'EUR', expected USDT"),
        (PAPER.replace("main", "mian"), "account 'mian', expected one of tradewinds.yaml's accounts: main, real"),
        (PAPER + "limits: {quantity_mx: 1}", "key 'quantity_mx', expected quantity_max?"),
        (PAPER.replace("instruments: [BTCUSDT.BINANCE]", "universe: top"), "universe 'top' without a ledger"),
        (
            PAPER.replace("trend.py", "learned.py"),
            "model models:/x@champion: mlflow is not installed|model models:/x@champion: no registry",
        ),
        (PAPER.replace("trend.py", "learned.py") + "parameters: {model: x}", "parameter model: 'x', expected a model's name"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(workspace: Workspace, text: str, told: str) -> None:
    with pytest.raises(Rejected, match=told):
        workspace.plan(workspace.write("a.yaml", text))


def test_a_name_is_given_once(workspace: Workspace) -> None:
    workspace.write("a.yaml", PAPER)
    workspace.write("b.yaml", PAPER)

    assert "a strategy named 'trend' stands in a.yaml too" in workspace.plan().troubles["b.yaml"]


def test_an_account_has_one_mode(workspace: Workspace) -> None:
    workspace.write("a.yaml", PAPER)
    workspace.write("b.yaml", PAPER.replace("mode: paper", "mode: shadow") + "name: other\n")

    assert "mode shadow on account main, expected paper as in a.yaml" in workspace.plan().troubles["b.yaml"]


def test_a_portfolio_shares_its_capital(workspace: Workspace) -> None:
    workspace.write(
        "two.yaml",
        "strategies:\n  - {strategy: trend.py, name: one, allocation: 0.6}\n  - {strategy: trend.py, name: two, allocation: 0.4}\n"
        "mode: paper\ninstruments: [BTCUSDT.BINANCE]\naccount: {name: main, capital: 1000}\n",
    )

    assert {one.name: one.capital for one in workspace.plan().strategies} == {"one": Decimal(600), "two": Decimal(400)}


def test_an_account_without_a_strategy_is_there_for_orders_by_hand(workspace: Workspace) -> None:
    found = workspace.plan(idle=("real",)).accounts["real"]

    assert (found.mode, found.strategies, found.instruments) == ("live", (), ("ETHUSDT.BINANCE",))


def test_paper_costs_are_those_of_the_backtest(workspace: Workspace) -> None:
    workspace.write("a.yaml", PAPER + "costs: [{bps: 10}]\nfills: {participation: 0.1}\n")
    workspace.write("b.yaml", PAPER + "name: b\ncosts: [{bps: 10}]\n")

    setup = workspace.plan().accounts["main"].setup

    assert (setup.account.capital, setup.account.currency, len(setup.costs), setup.fills.participation) == (2000.0, "USDT", 1, 0.1)


def test_the_account_of_trading_is_no_business_of_a_backtest() -> None:
    from tradewinds.wiring.setup import setup_of

    terms = Terms(account={"name": "main", "capital": 500})

    assert setup_of(terms.account, (), {}, "x.yaml").account.capital == 500
