"""One strategy over two accounts: what its file may say, and what happens at two venues when the process dies between them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse
from tradewinds.jobs.config import AccountConfig, Config
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.exchange import Exchange, Quote
from tradewinds.sandbox.server import Sandbox
from tradewinds.trading.command import PassCommand
from tradewinds.trading.entry import Bar, BarsClosed, Booked, Controlled, Elsewhere, Entry, HandOver, TakenOver
from tradewinds.wiring.accounts import account_of
from tradewinds.wiring.house import House
from tradewinds.wiring.parity import parity
from tradewinds.wiring.settings import load_config
from tradewinds.wiring.trade import Plan, plan
from tradewinds.wiring.trade_read import entries
from tradewinds.wiring.trade_service import Assembled, assemble

BTC, EUR = "BTCUSDT.BINANCE", "EUR_USD.OANDA"
MINUTE_NS = 60_000_000_000
STRATEGY = """
import numpy as np
from tradewinds.trading.strategy import vector

@vector(lookback=1, interval="1m", targets="units")
def both(panel, params):
    # BTC by the dozens of its close, EUR by its fourth decimal
    return np.stack([np.floor(panel.close[:, 0] % 100 / 10) / 100, np.floor(panel.close[:, 1] * 10000 % 10) * 1000], axis=1)
"""
YAML = """
strategy: both.py
mode: paper
accounts:
  - {name: main, capital: 10000, currency: USDT, instruments: [BTCUSDT.BINANCE]}
  - {name: fx, capital: 20000, currency: USD, rate: 1, instruments: [EUR_USD.OANDA]}
"""


# The file


class Workspace:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "strategies"
        self.folder.mkdir()
        (self.folder / "both.py").write_text(STRATEGY)
        accounts = {
            "main": AccountConfig(broker="paper", currency="USDT"),
            "fx": AccountConfig(broker="paper", currency="USD"),
            "real": AccountConfig(broker="binance", environment="live"),
        }
        self.config = Config(home=str(folder / "home"), workspace=str(folder), accounts=accounts)

    def plan(self, text: str, name: str = "both.yaml") -> Plan:
        path = self.folder / name
        path.write_text(text)
        return plan(self.config, [path])


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_a_file_says_which_account_trades_what_and_with_how_much(workspace: Workspace) -> None:
    found = workspace.plan(YAML)

    (one,) = found.strategies
    assert (one.account.name, one.capital, one.instruments) == ("main", Decimal(10000), (BTC, EUR))
    assert [(share.account.name, share.capital, share.instruments) for share in one.shares] == [
        ("main", Decimal(10000), (BTC,)), ("fx", Decimal(20000), (EUR,)),
    ]  # fmt: skip
    main, fx = found.accounts["main"], found.accounts["fx"]
    assert (main.strategies, main.guests, main.instruments) == ((one,), (), (BTC,))
    assert (fx.strategies, fx.guests, fx.instruments) == ((), (one,), (EUR,))
    assert (main.setup.account.capital, fx.setup.account.capital) == (10000.0, 20000.0)
    assert fx.mode == "paper"


def test_a_portfolio_shares_each_accounts_capital(workspace: Workspace) -> None:
    text = YAML.replace("strategy: both.py", "strategies:\n  - {strategy: both.py, name: all, allocation: 0.5}\n"
                        "  - {strategy: both.py, name: btc, allocation: 0.25, instruments: [BTCUSDT.BINANCE]}")  # fmt: skip

    found = workspace.plan(text)

    assert {one.name: {share.account.name: share.capital for share in one.shares} for one in found.strategies} == {
        "all": {"main": Decimal(5000), "fx": Decimal(10000)},
        "btc": {"main": Decimal(2500)},
    }


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name: fx", "name: fz", "account 'fz', expected one of tradewinds.yaml's accounts: main, fx, real"),
        ("mode: paper", "mode: paper\ninstruments: [BTCUSDT.BINANCE, EUR_USD.OANDA, GBP_USD.OANDA]",
         "GBP_USD.OANDA is on no account, expected it among the instruments of one of: main, fx"),
        ("[EUR_USD.OANDA]", "[EUR_USD.OANDA, BTCUSDT.BINANCE]", "BTCUSDT.BINANCE on account fx, expected it on one account; main has it"),
        ("mode: paper", "mode: paper\ninstruments: [BTCUSDT.BINANCE]", "EUR_USD.OANDA on account fx, expected one of those traded: BTC"),
        ("name: fx, capital: 20000, currency: USD", "name: real, capital: 20000, currency: USDT",
         "mode paper on account real of environment live, expected a test account"),
        ("capital: 20000, ", "", "no capital, expected account: {name: fx, capital: ...}"),
        ("currency: USD,", "currency: EUR,", "currency 'EUR', expected USD, which account fx is kept in"),
        ("currency: USD,", "", "accounts[1]: currency None, expected text"),
        (", instruments: [EUR_USD.OANDA]", "", "accounts[1]: account fx without instruments, expected those that are traded there"),
        ("name: fx", "name: main", "account main a second time, expected each once"),
        ("rate: 1", "rate: no", "rate False, expected a positive number"),
        ("mode: paper", "mode: paper\naccount: {name: main}", "account and accounts, expected one of the two"),
    ],
)  # fmt: skip
def test_what_a_file_says_wrongly_is_refused_by_name(workspace: Workspace, old: str, new: str, told: str) -> None:
    with pytest.raises(Rejected) as error:
        workspace.plan(YAML.replace(old, new))

    assert told in str(error.value)


def test_accounts_of_one_strategy_keep_the_mode_of_others_that_trade_there(workspace: Workspace) -> None:
    path = workspace.folder / "a.yaml"
    path.write_text("strategy: both.py\nname: other\nmode: shadow\ninstruments: [GBP_USD.OANDA, EUR_USD.OANDA]\n"
                    "account: {name: fx, capital: 5, currency: USD}\n")  # fmt: skip
    (workspace.folder / "b.yaml").write_text(YAML)

    with pytest.raises(Rejected, match=r"b.yaml: mode paper on account fx, expected shadow as in a.yaml"):
        plan(workspace.config, [path, workspace.folder / "b.yaml"])


def test_the_example_decides_at_oanda_and_trades_at_interactive_brokers_too(tmp_path: Path) -> None:
    accounts = {"practice": AccountConfig(broker="oanda", currency="USD"), "ib": AccountConfig(broker="ibkr")}
    config = Config(home=str(tmp_path), accounts=accounts)

    found = plan(config, [Path(__file__).parents[2] / "examples" / "strategies" / "pairs_two_accounts.yaml"])

    (one,) = found.strategies
    assert [(share.account.name, share.capital, share.instruments) for share in one.shares] == [
        ("practice", Decimal(50000), ("EUR_USD.OANDA",)), ("ib", Decimal(50000), ("GBP_USD.IDEALPRO",)),
    ]  # fmt: skip


# Two venues


class Venues:
    """The local Binance and OANDA in this process on a Wednesday noon, and a house whose one strategy trades at both."""

    def __init__(self, folder: Path, running: Sandbox) -> None:
        self.running = running
        self.folder = folder
        (folder / "strategies").mkdir()
        (folder / "strategies" / "both.py").write_text(STRATEGY)
        (folder / "strategies" / "both.yaml").write_text(YAML)
        (folder / "tradewinds.yaml").write_text(
            "accounts:\n  main: {broker: binance, environment: test}\n"
            "  fx: {broker: oanda, environment: test, currency: USD, options: {account: 101-004-0000001-001}}\n"
        )
        rest, oanda = running.urls["binance_rest"], running.urls["oanda"]
        self.environment = {
            "TRADEWINDS_HOME": str(folder / "home"),
            "TRADEWINDS_ACCOUNTS__MAIN__URL": rest,
            "TRADEWINDS_ACCOUNTS__MAIN__OPTIONS__STREAM_URL": rest.replace("http", "ws", 1) + "/ws-api/v3",
            "TRADEWINDS_ACCOUNTS__FX__URL": oanda,
        }
        quote = Quote(Decimal("1.08000"), Decimal("1.08014"), Decimal(1_000_000), Decimal(1_000_000))
        self.venue("oanda").set_quotes["EUR_USD"] = quote
        self.minute = 0

    def venue(self, name: str) -> Any:
        return self.running.world.trading[name]

    def exchange(self, name: str) -> Exchange:
        found = self.venue(name).exchange
        assert isinstance(found, Exchange)
        return found

    def house(self) -> House:
        return House(load_config(self.folder / "tradewinds.yaml", self.environment), clock=self.running.world.clock)

    def act(self, scene: Callable[[Assembled], Awaitable[None]], lose: Callable[[Any], bool] = lambda word: False) -> None:
        """Run a service over a scene, then end it. lose: words between the accounts that get lost with the process."""
        house = self.house()
        made = assemble(house, plan(house.config, (), house=house), has_feed=False)
        carry = made.service.post.take
        is_cut = False

        def take(command: PassCommand) -> None:
            nonlocal is_cut
            is_cut = is_cut or lose(command.given)  # from then on nothing arrives: the process is as good as dead
            if not is_cut:
                carry(command)

        made.service.post.take = take  # type: ignore[method-assign]  # what leaves does not arrive

        async def play() -> None:
            running = asyncio.create_task(made.run())
            await made.service.ready()
            try:
                async with asyncio.timeout(30):
                    await scene(made)
            finally:
                made.service.stop()
                with suppress(Exception):
                    await running

        try:
            made.lock()
            asyncio.run(play())
        finally:
            made.close()
            house.close()

    def bar(self, made: Assembled, btc: float, eur: float) -> None:
        """A minute closes at both venues, now."""
        now_ns = self.running.world.clock.now_ns() // MINUTE_NS * MINUTE_NS + self.minute * MINUTE_NS
        self.minute += 1
        bars = tuple(Bar(name, one, one, one, one, 9.0, now_ns) for name, one in ((BTC, btc), (EUR, eur)))
        made.service.publish(BarsClosed("1m", now_ns, bars))

    def entries(self, account: str) -> list[Entry]:
        house = self.house()
        try:
            return list(entries(account_of(house.config, account), house.home))
        finally:
            house.close()

    def check(self, eur: str) -> None:
        """Nothing lost, nothing twice, both journals replay to the bit, and home sees what the other account has."""
        orders = [one for one in self.exchange("oanda").orders.values() if one.client_id.startswith("tw")]
        assert len({one.client_id for one in orders}) == len(orders)
        sizes = [one.quantity if one.side == "buy" else -one.quantity for one in self.exchange("oanda").executions]
        assert sum(sizes) == Decimal(eur)
        taken = [one.number for entry in self.entries("fx") for one in entry.records if isinstance(one, TakenOver)]
        assert len(set(taken)) == len(taken)
        booked = [one.fill.key for entry in self.entries("fx") for one in entry.records if isinstance(one, Booked)]
        assert len(set(booked)) == len(booked) == len(sizes)
        told = [entry.input for entry in self.entries("main") if isinstance(entry.input, Elsewhere)]
        seen = [one.fill.key for each in {one.number: one for one in told}.values() for one in each.records if isinstance(one, Booked)]
        assert seen == booked
        house = self.house()
        try:
            for account in ("main", "fx"):
                found = parity(house, account)
                assert found.is_equal, found.as_json()
                assert found.replayed.steps > 5
        finally:
            house.close()


@pytest.fixture
def venues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Venues]:
    for name, value in (
        ("MAIN__KEY", "sandbox-trading-key"), ("MAIN__SECRET", "sandbox-trading-secret"), ("FX__SECRET", "sandbox-oanda-token"),
    ):  # fmt: skip
        monkeypatch.setenv(f"TRADEWINDS_ACCOUNTS__{name}", value)
    with Sandbox(SandboxConfig(seed=7, now_ns=parse("2025-03-12T12:00:00Z"), speed=1.0, symbols=("BTCUSDT",))) as running:
        yield Venues(tmp_path, running)


def held(made: Assembled, account: str, instrument: str) -> Decimal:
    part = made.service.traders[account].books.parts.get("both")
    return Decimal(0) if part is None else part.quantity(instrument)


def seen(made: Assembled) -> Decimal:
    """What home sees of EUR_USD."""
    other = made.service.traders["main"].books.away["fx"]
    return other.parts["both"].quantity(EUR) if "both" in other.parts else Decimal(0)


async def until(made: Assembled, is_so: Callable[[], bool]) -> None:
    assert await made.service.until(is_so, 15.0)


def test_one_strategy_trades_at_two_venues_in_one_process(venues: Venues) -> None:
    async def scene(made: Assembled) -> None:
        venues.bar(made, 50010.0, 1.08007)
        await until(made, lambda: held(made, "main", BTC) == Decimal("0.01") and seen(made) == 0)
        venues.bar(made, 50020.0, 1.08037)
        await until(made, lambda: held(made, "main", BTC) == Decimal("0.02") and seen(made) == 3000)
        status = await made.acts("status", {})
        (row,) = status["accounts"][0]["strategies"]
        assert row["elsewhere"] == [
            {"account": "fx", "currency": "USD", "capital": "20000", "positions": {EUR: "3000"}, "open_orders": 0, "on_the_way": 0}
        ]
        assert row["refused"] == []

    venues.act(scene)

    assert len(venues.exchange("binance_spot").executions) == 2
    venues.check("3000")


LOST: dict[str, Callable[[Any], bool]] = {
    "the hand-over": lambda word: isinstance(word, HandOver),
    "its acknowledgement": lambda word: isinstance(word, Elsewhere) and any(isinstance(one, TakenOver) for one in word.records),
    "the fill": lambda word: isinstance(word, Elsewhere) and any(isinstance(one, Booked) for one in word.records),
}


@pytest.mark.parametrize("lost", LOST)
def test_a_process_that_dies_between_the_accounts_loses_nothing_and_does_nothing_twice(venues: Venues, lost: str) -> None:
    async def before(made: Assembled) -> None:
        venues.bar(made, 50010.0, 1.08037)
        await until(made, lambda: held(made, "main", BTC) == Decimal("0.01"))
        if lost == "the hand-over":
            await until(made, made.service.is_idle)
            assert held(made, "fx", EUR) == 0
        else:
            await until(made, lambda: held(made, "fx", EUR) == 3000)
        assert seen(made) == 0
        assert len(made.service.traders["main"].books.handed["fx"]) == (lost != "the fill")

    async def after(made: Assembled) -> None:
        await until(made, lambda: seen(made) == 3000)
        assert not made.service.traders["main"].books.handed["fx"]
        venues.bar(made, 50010.0, 1.08037)
        await until(made, made.service.is_idle)
        assert held(made, "fx", EUR) == 3000
        venues.bar(made, 50010.0, 1.08017)
        await until(made, lambda: seen(made) == 1000)

    venues.act(before, LOST[lost])
    venues.act(after)

    assert [str(one.quantity) for one in venues.exchange("oanda").executions] == ["3000", "2000"]
    venues.check("1000")


def test_a_halted_account_refuses_with_a_reason_that_is_shown_and_the_strategy_goes_on(venues: Venues) -> None:
    async def scene(made: Assembled) -> None:
        await until(made, made.service.is_idle)
        made.service.traders["fx"].parts.loop.put(Controlled("halt", "anna", "a question of the bank"))
        await until(made, lambda: made.service.traders["fx"].books.is_halted)
        venues.bar(made, 50010.0, 1.08037)
        await until(made, lambda: held(made, "main", BTC) == Decimal("0.01") and made.service.is_idle())
        (row,) = (await made.acts("status", {}))["accounts"][0]["strategies"]
        assert [(one["account"], one["text"], one["rule"]) for one in row["refused"]] == [("fx", "buy 3000 EUR_USD.OANDA market", "halt")]
        await made.acts("resume", {"account": "fx", "by": "anna"})
        venues.bar(made, 50010.0, 1.08037)
        await until(made, lambda: seen(made) == 3000)

    venues.act(scene)

    venues.check("3000")
