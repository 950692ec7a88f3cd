"""The service as it is put together from a workspace: what its brokers are given, and what stands around it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tradewinds.core.broker import Broker
from tradewinds.live.epoch import open_epoch
from tradewinds.wiring.brokers import BrokerParts, broker_of
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import load_config
from tradewinds.wiring.trade import plan
from tradewinds.wiring.trade_service import Assembled, assemble

ACCOUNTS = "accounts:\n  main: {broker: paper, currency: USDT, instruments: [BTCUSDT.LOCAL]}\n"


@pytest.fixture
def traded(tmp_path: Path) -> House:
    """A house with one paper account."""
    (tmp_path / "tradewinds.yaml").write_text(ACCOUNTS)
    (tmp_path / "strategies").mkdir()
    return House(load_config(tmp_path / "tradewinds.yaml", {"TRADEWINDS_HOME": str(tmp_path / "home")}))


def assembled(house: House, given: list[BrokerParts]) -> Assembled:
    def make(parts: BrokerParts) -> Broker:
        given.append(parts)
        return broker_of(parts)

    return assemble(house, plan(house.config, (), house=house, idle_accounts=["main"]), make_broker=make)


def test_a_broker_may_send_until_the_halt_epoch_rises(traded: House) -> None:
    given: list[BrokerParts] = []
    made = assembled(traded, given)

    async def scene() -> list[bool]:
        running = asyncio.create_task(made.run())
        await made.service.ready()
        found = [given[0].may_send()]
        with open_epoch(traded.home) as epoch:
            epoch.raise_epoch()
            found.append(given[0].may_send())
        await made.service.until(lambda: made.service.traders["main"].books.is_halted)
        found.append(given[0].may_send())
        await made.acts("resume", {"by": "anna"})
        found.append(given[0].may_send())
        made.service.stop()
        await running
        return found

    try:
        made.lock()
        assert asyncio.run(scene()) == [True, False, False, True]
    finally:
        made.close()
        traded.close()
