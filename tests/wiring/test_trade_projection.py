"""The ledger follows the journals while a service trades, and holds up nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tradewinds.core.errors import DataFault, Transient
from tradewinds.core.instrument import Instrument
from tradewinds.stores.ledger_trading import TradingLedger
from tradewinds.wiring.accounts import TradedAccount, account_of, journal_path
from tradewinds.wiring.house import House
from tradewinds.wiring.projection import Projector, instruments_of
from tradewinds.wiring.settings import load_config
from tradewinds.wiring.trade import plan
from tradewinds.wiring.trade_projection import ProjectionKeeper
from tradewinds.wiring.trade_service import assemble

COIN = "BTCUSDT.LOCAL"
ORDER = {"account": "main", "instrument": COIN, "side": "buy", "quantity": "1", "limit": "5", "by": "anna"}


class Desk:
    """A house with one paper account, and orders by hand there."""

    def __init__(self, folder: Path) -> None:
        (folder / "tradewinds.yaml").write_text("accounts:\n  main: {broker: paper, currency: USDT, instruments: [BTCUSDT.LOCAL]}\n")
        (folder / "strategies").mkdir()
        self.house = House(load_config(folder / "tradewinds.yaml", {"TRADEWINDS_HOME": str(folder / "home")}))
        self.said: list[str] = []

    @property
    def account(self) -> TradedAccount:
        return account_of(self.house.config, "main")

    def trade(self, orders: int) -> None:
        """A service that places so many orders by hand and ends."""
        made = assemble(self.house, plan(self.house.config, (), house=self.house, idle_accounts=["main"]), say=self.said.append)

        async def scene() -> None:
            running = asyncio.create_task(made.run())
            await made.service.ready()
            for _ in range(orders):
                assert (await made.acts("order", ORDER))["verdict"] == "approved"
            made.service.stop()
            await running

        try:
            made.lock()
            asyncio.run(scene())
        finally:
            made.close()

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.house.ledger.trading.rows(table, "main")

    def keeper(self, ledger: Any, known: dict[str, Instrument] | None = None) -> ProjectionKeeper:
        return ProjectionKeeper([(self.account, known or {})], self.house.home, lambda: ledger, self.said.append)


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    made = Desk(tmp_path)
    yield made
    made.house.close()


class Away(TradingLedger):
    """A ledger that can be away."""

    is_away = True

    def take(self, *words: Any) -> int:
        if self.is_away:
            raise Transient("ledger: away, expected it back")
        return super().take(*words)


def test_the_ledger_has_all_that_the_journal_has_when_a_service_ends(desk: Desk) -> None:
    desk.trade(orders=3)

    assert [(one["instrument"], one["state"]) for one in desk.rows("order")] == [(COIN, "accepted")] * 3
    assert not any("behind" in line for line in desk.said)


def test_a_ledger_that_is_away_is_said_once_and_caught_up_with_when_it_is_back(desk: Desk) -> None:
    desk.trade(orders=2)
    desk.house.ledger.trading.forget("main")
    away = Away(desk.house.ledger.database)
    keeper = desk.keeper(away)

    assert [keeper.follow(), keeper.follow()] == [False, False]
    assert desk.said.count("warning: account main: the ledger is behind the journal: Transient: ledger: away, expected it back") == 1
    assert desk.rows("order") == []
    away.is_away = False
    assert keeper.follow()
    assert len(desk.rows("order")) == 2
    assert desk.said[-1] == "account main: the ledger is up to date with the journal again"


def test_a_rebuild_makes_the_same_rows_from_the_journal(desk: Desk) -> None:
    desk.trade(orders=2)
    before = {name: desk.rows(name) for name in ("order", "event", "cash", "position")}
    projector = Projector(
        desk.account, desk.house.home, desk.house.ledger.trading, instruments_of(desk.account, desk.house.home, desk.house)
    )

    assert projector.catch_up() == 0
    assert projector.rebuild() > 2
    assert {name: desk.rows(name) for name in before} == before


def test_a_ledger_that_knows_more_than_the_journal_is_no_longer_of_this_journal(desk: Desk) -> None:
    desk.trade(orders=3)
    for one in journal_path(desk.house.home, "main").parent.glob("main.*sqlite*"):
        one.unlink()
    desk.trade(orders=1)

    with pytest.raises(DataFault, match="`tradewinds trade project main --rebuild` makes its rows anew"):
        Projector(desk.account, desk.house.home, desk.house.ledger.trading, {}).catch_up()
    Projector(desk.account, desk.house.home, desk.house.ledger.trading, {}).rebuild()
    assert len(desk.rows("order")) == 1
