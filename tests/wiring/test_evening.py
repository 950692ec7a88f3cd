"""The evening of an account at a local OANDA: an honest day has no break, what was done by hand at the broker is found."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tradewinds.core.errors import DataFault
from tradewinds.core.instant import parse
from tradewinds.core.order import Intent, OrderTerms
from tradewinds.jobs.catalog import plans
from tradewinds.live.account import AccountLoop
from tradewinds.risk.limits import Gate
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.exchange import Quote
from tradewinds.sandbox.oanda import ACCOUNT
from tradewinds.sandbox.server import Sandbox
from tradewinds.stores.daily import read_daily
from tradewinds.stores.journal import open_sqlite_journal
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Wanted
from tradewinds.wiring.accounts import account_of, journal_path
from tradewinds.wiring.brokers import BrokerParts, broker_of
from tradewinds.wiring.evening import evening, yesterday
from tradewinds.wiring.house import House, open_house, run_job
from tradewinds.wiring.keys import keys_of
from tradewinds.wiring.settings import load_config
from tradewinds.wiring.trade import instruments_for

NOON = "2025-03-14T12:00:00Z"
DAY = date(2025, 3, 14)
EUR_USD = "EUR_USD.OANDA"


@pytest.fixture
def venues() -> Iterator[Sandbox]:
    with Sandbox(SandboxConfig(seed=7, now_ns=parse(NOON))) as running:
        size = Decimal(1_000_000)
        running.world.trading["oanda"].set_quotes["EUR_USD"] = Quote(Decimal("1.08000"), Decimal("1.08014"), size, size)
        yield running


@pytest.fixture
def house(tmp_path: Path, venues: Sandbox, monkeypatch: pytest.MonkeyPatch) -> House:
    (tmp_path / "tradewinds.yaml").write_text(
        f"home: {tmp_path / 'home'}\nclock: '{NOON}'\naccounts:\n"
        f"  main: {{broker: oanda, url: '{venues.urls['oanda']}', currency: USD, options: {{account: '{ACCOUNT}'}}}}\n"
    )
    monkeypatch.setenv("TRADEWINDS_ACCOUNTS__MAIN__SECRET", "sandbox-oanda-token")
    return open_house(load_config(tmp_path / "tradewinds.yaml"))


def _trade(house: House, units: int) -> None:
    """Buy so many euros through journal, core and adapter."""
    account = account_of(house.config, "main")
    known = instruments_for([EUR_USD], house)
    intent = Intent("main", "trend", parse(NOON), OrderTerms(EUR_USD, "buy", Decimal(units)))

    async def run() -> None:
        broker = broker_of(BrokerParts(account, keys_of("main"), known, house.clock, house.home / "trade"))
        engine = Engine(Books("main", "fifo", known, "USD"), Gate(), broker.capability)
        loop = AccountLoop(engine, open_sqlite_journal(journal_path(house.home, "main")), broker, house.clock, lambda: 0)
        await loop.start()
        running = asyncio.create_task(loop.run())
        loop.put(Wanted((intent,), "test"))
        async with asyncio.timeout(10):
            while intent.client_order_id not in engine.books.orders or engine.books.open or not loop.is_idle:
                await asyncio.sleep(0.01)
        running.cancel()
        await loop.stop()

    asyncio.run(run())


def _sell_by_hand(venues: Sandbox) -> None:
    """Thirty euros, at the broker's own page."""
    answer = httpx.post(
        f"{venues.urls['oanda']}/v3/accounts/{ACCOUNT}/orders",
        headers={"Authorization": "Bearer sandbox-oanda-token"},
        json={"order": {"type": "MARKET", "instrument": "EUR_USD", "units": "-30", "timeInForce": "FOK", "positionFill": "DEFAULT"}},
    )
    answer.raise_for_status()


def test_an_honest_day_has_no_break_and_is_signed(house: House) -> None:
    _trade(house, 100)

    found = evening(house, "main", DAY)

    assert (found.orders, found.fills, found.breaks) == (1, 1, ())
    report = read_daily(found.file)
    assert (report["account"], report["day"], report["journal"]["hash"]) == ("main", "2025-03-14", found.chain)
    (order,) = house.ledger.trading.rows("order", "main")
    assert (order["state"], order["filled"]) == ("filled", Decimal(100))


def test_what_was_traded_by_hand_at_the_broker_is_a_break(house: House, venues: Sandbox) -> None:
    _trade(house, 100)
    _sell_by_hand(venues)

    found = evening(house, "main", DAY)

    kinds = {one.kind: one for one in found.breaks}
    assert {"fill unknown to us", "position"} <= set(kinds)
    assert (kinds["position"].subject, kinds["position"].ours, kinds["position"].theirs) == (EUR_USD, "100", "70")
    assert len(house.ledger.trading.rows("break", "main")) == len(found.breaks)


def test_yesterday_is_the_last_day_that_is_over() -> None:
    assert yesterday(parse("2025-03-15T00:10:00Z")) == DAY


def test_the_job_of_the_evening_fails_on_a_break_and_names_it(house: House, venues: Sandbox) -> None:
    _trade(house, 100)
    assert run_job("evening", "2025-03-15", {"account": "main"}, house=house)["rows_in"] == 1
    _sell_by_hand(venues)

    with pytest.raises(DataFault, match=r"evening of main 2025-03-14: \d breaks, expected none; .*fill unknown to us"):
        run_job("evening", "2025-03-15", {"account": "main"}, house=house)


def test_every_account_has_an_evening_plan(house: House) -> None:
    assert [one.name for one in plans(house.config) if "trading" in one.tags] == ["evening_main"]
