"""A journal on PostgreSQL under the whole service: the server goes away in the middle of trading and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import load_config
from tradewinds.wiring.trade import plan
from tradewinds.wiring.trade_read import status_of
from tradewinds.wiring.trade_service import Assembled, assemble

if TYPE_CHECKING:
    from tradewinds.stores.embedded_postgres import EmbeddedPostgres

pytestmark = pytest.mark.postgres

COIN = "BTCUSDT.LOCAL"
ORDER = {"account": "main", "instrument": COIN, "side": "buy", "quantity": "1", "limit": "5", "by": "anna"}
STALLED_WITHIN_S = 20.0


def house_at(folder: Path, url: str) -> House:
    """A house with one paper account whose journal is there."""
    (folder / "strategies").mkdir(parents=True)
    (folder / "tradewinds.yaml").write_text(
        f"accounts:\n  main: {{broker: paper, currency: USDT, journal: {url!r}, instruments: [{COIN}]}}\n"
    )
    return House(load_config(folder / "tradewinds.yaml", {"TRADEWINDS_HOME": str(folder / "home")}))


def service_of(house: House, said: list[str]) -> Assembled:
    return assemble(house, plan(house.config, (), house=house, idle_accounts=["main"]), say=said.append)


def test_nothing_is_sent_while_the_database_is_away_and_nothing_is_lost(tmp_path: Path, postgres: EmbeddedPostgres) -> None:
    postgres.start()
    postgres.create_database("away")
    url = postgres.url("away", driver="postgresql")
    house, other = house_at(tmp_path / "one", url), house_at(tmp_path / "two", url)
    said: list[str] = []
    made = service_of(house, said)

    async def scene() -> None:
        running = asyncio.create_task(made.run())
        await made.service.ready()
        loop, broker = made.service.trader("main").parts.loop, made.service.broker("main")
        assert (await made.acts("order", ORDER))["verdict"] == "approved"
        await made.service.until(made.service.is_idle)
        assert len(await broker.open_orders()) == 1

        second = service_of(other, [])
        with pytest.raises(Rejected, match="journal of main: another process holds it"):
            second.lock()
        second.close()

        await asyncio.to_thread(postgres.stop)
        asked = asyncio.create_task(made.acts("order", ORDER))
        await made.service.until(lambda: loop.is_stalled, STALLED_WITHIN_S)
        assert loop.is_stalled
        assert len(await broker.open_orders()) == 1
        assert not asked.done()

        await asyncio.to_thread(postgres.start)
        assert (await asked)["verdict"] == "approved"
        await made.service.until(lambda: not loop.is_stalled and made.service.is_idle())
        assert len(await broker.open_orders()) == 2
        made.service.stop()
        await running

    try:
        made.lock()
        asyncio.run(scene())
        alerts = (house.home / "trade" / "alerts.jsonl").read_text()
        assert "nothing is sent: journal of main" in alerts
        assert "the journal is written again" in alerts
        assert "@" not in alerts.replace("expected", "")  # no address with its password
        (account,) = status_of(house.config)["accounts"]
        assert account["open_orders"] == 2
        assert [row["state"] for row in house.ledger.trading.rows("order", "main")] == ["accepted", "accepted"]
    finally:
        postgres.start()
        made.close()
        house.close()
        other.close()
