"""What another currency is worth reaches the gate again and again while a service trades."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from decimal import Decimal

from tradewinds.core.errors import Missing
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.jobs.config import AccountConfig
from tradewinds.trading.entry import Priced
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.house import House
from tradewinds.wiring.trade import plan
from tradewinds.wiring.trade_service import assemble

APPLE, EURO = "AAPL.XNAS", "EUR_USD.OANDA"


def test_a_newer_rate_prices_again_what_was_priced(house: House, publish: Callable[..., None]) -> None:
    house.ledger.upsert_instruments([Instrument(EURO, "fx", "USD", "24/7")])
    publish(EURO, "2024-12-20", [1.25, 1.25, 1.25, 1.25, 2.0, 2.0], market="24/7")
    accounts = {"main": AccountConfig(broker="paper", currency="EUR", instruments=(APPLE,))}
    house.config = dataclasses.replace(house.config, accounts=accounts, workspace=str(house.home))
    (house.home / "strategies").mkdir(parents=True)
    house.clock = ReplayClock(parse("2024-12-23"))
    said: list[str] = []
    made = assemble(house, plan(house.config, (), house=house, idle_accounts=["main"]), say=said.append)

    async def scene() -> None:
        running = asyncio.create_task(made.run())
        await made.service.ready()
        trader = made.service.trader("main")
        made.service.publish(Priced(APPLE, Decimal(100), parse("2024-12-22"), Decimal(1)))
        await made.service.until(lambda: APPLE in trader.parts.loop.engine.prices)
        assert trader.parts.loop.engine.prices[APPLE].rate == Decimal("0.8")
        await made.rates.look(made.service, "main")
        assert not [line for line in said if "rates" in line]

        house.clock = ReplayClock(parse("2024-12-26"))
        await made.rates.look(made.service, "main")
        await made.service.until(lambda: trader.parts.loop.engine.prices[APPLE].rate != Decimal("0.8"))
        assert trader.parts.loop.engine.prices[APPLE] == Priced(APPLE, Decimal(100), parse("2024-12-22"), Decimal("0.5"))
        assert "account main: rates in EUR: USD 0.5" in said

        house.ledger.instruments = _away  # type: ignore[method-assign]  # the ledger answers no more
        await made.rates.look(made.service, "main")
        await made.rates.look(made.service, "main")
        assert said.count("warning: account main: no newer rates: ledger: away; those in force stay") == 1
        assert trader.parts.loop.engine.prices[APPLE].rate == Decimal("0.5")
        made.service.stop()
        await running

    try:
        made.lock()
        asyncio.run(scene())
    finally:
        made.close()


def _away(**_: object) -> list[Instrument]:
    raise Missing("ledger: away")
