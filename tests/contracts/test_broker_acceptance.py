"""Sentences of the broker contract over the venues' own test systems, for whoever has keys; see docs/acceptance.md.

Only cases that need no hand on the venue: prices are asked for far from the market, and everything placed is cancelled. An address that
moves money is refused by name, whatever the environment says.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tradewinds.brokers.ccxt_accounts import LIVE_URL, TEST_URL, TEST_WS_URL, binance
from tradewinds.brokers.ibkr import IbkrBroker
from tradewinds.brokers.ibkr_ids import FileIds
from tradewinds.brokers.oanda import LIVE_URL as OANDA_LIVE_URL
from tradewinds.brokers.oanda import PRACTICE_STREAM_URL, PRACTICE_URL, OandaBroker
from tradewinds.core.broker import OrderRef, Told
from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, Intent, OrderState, OrderTerms
from tradewinds.wire.secret import Secret

D = Decimal
PREFIX = "TRADEWINDS_ACCEPTANCE_"
TEST_HOSTS = {"binance": {"testnet.binance.vision"}, "oanda": {"api-fxpractice.oanda.com"}}
LIVE_PORTS = {"4001", "7496"}
BROKERS = {
    "binance": ("BINANCE_KEY", "BINANCE_SECRET"),
    "oanda": ("OANDA_TOKEN", "OANDA_ACCOUNT"),
    "ibkr": ("IBKR_HOST", "IBKR_PORT"),
}
# A price that is far from the market on any day, and a size that the venue takes at it.
FAR = {
    "binance": ("BTCUSDT.BINANCE", D("20000.00"), D("0.001")),
    "oanda": ("EUR_USD.OANDA", D("0.80000"), D(1)),
    "ibkr": ("AAPL.XNAS", D("20.00"), D(1)),
}


class Now:
    def now_ns(self) -> int:
        return time.time_ns()


def refuse_live(name: str, given: Mapping[str, str]) -> None:
    """Raises Rejected for an address that moves money, by name."""
    if name == "ibkr":
        if given["IBKR_PORT"] in LIVE_PORTS:
            raise Rejected(f"acceptance at {name}: port {given['IBKR_PORT']}, on which live accounts are, expected 4002 or 7497")
        return
    url = given.get(f"{name.upper()}_URL", {"binance": TEST_URL, "oanda": PRACTICE_URL}[name])
    host = urlsplit(url).hostname or ""
    if host not in TEST_HOSTS[name]:
        raise Rejected(f"acceptance at {name}: {host}, expected {', '.join(sorted(TEST_HOSTS[name]))}, which move no money")


def given_of(name: str) -> dict[str, str]:
    return {key.removeprefix(PREFIX): value for key, value in os.environ.items() if key.startswith(PREFIX + name.upper())}


def made(name: str, given: Mapping[str, str], folder: Path) -> Any:
    """A broker at the venue's own test system."""
    refuse_live(name, given)
    instruments = {
        "BTCUSDT.BINANCE": Instrument("BTCUSDT.BINANCE", "spot", "USDT", "24/7", base="BTC", tick=D("0.01"), lot=D("0.00001")),
        "EUR_USD.OANDA": Instrument("EUR_USD.OANDA", "fx", "USD", "fx", base="EUR", tick=D("0.00001"), lot=D(1)),
        "AAPL.XNAS": Instrument("AAPL.XNAS", "equity", "USD", "XNYS"),
    }
    if name == "binance":
        return binance(
            key=Secret(given["BINANCE_KEY"]), secret=Secret(given["BINANCE_SECRET"]), instruments=instruments, clock=Now(),
            random=random.Random(1), url=given.get("BINANCE_URL", TEST_URL), ws_url=TEST_WS_URL, checks_key=False,
        )  # fmt: skip
    if name == "oanda":
        return OandaBroker(
            account=given["OANDA_ACCOUNT"], token=Secret(given["OANDA_TOKEN"]), instruments=instruments, clock=Now(),
            random=random.Random(1), url=given.get("OANDA_URL", PRACTICE_URL), stream_url=PRACTICE_STREAM_URL,
        )  # fmt: skip
    ids = FileIds(folder / "ibkr-ids")
    return IbkrBroker(f"{given['IBKR_HOST']}:{given['IBKR_PORT']}", instruments=instruments, clock=Now(), ids=ids, environment="test")


@pytest.fixture(params=sorted(BROKERS))
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A broker at its venue's own test system; skips without keys."""
    given = given_of(request.param)
    missing = [PREFIX + key for key in BROKERS[request.param] if key not in given]
    if missing:
        pytest.skip(f"{request.param}: no {' and '.join(missing)} in the environment")
    return made(request.param, given, tmp_path)


def resting(broker: Any, leg: int = 0) -> ApprovedOrder:
    instrument, price, quantity = FAR[broker.capability.name]
    terms = OrderTerms(instrument, "buy", quantity, "limit", price)
    return ApprovedOrder(Intent("main", "acceptance", time.time_ns(), terms, leg), time.time_ns())


def ref(order: ApprovedOrder) -> OrderRef:
    return OrderRef(order.client_order_id, "", order.terms.instrument)


async def test_an_order_rests_is_found_by_our_id_and_cancelled_at_the_test_system(broker: Any) -> None:
    heard: list[Told] = []
    await broker.open(heard.append)
    try:
        order = resting(broker)
        assert (await broker.submit(order)).state is OrderState.ACCEPTED
        found = await broker.find(ref(order))
        assert (found.state, found.client_order_id) == (OrderState.ACCEPTED, order.client_order_id)
        assert order.client_order_id in [one.client_order_id for one in await broker.open_orders()]
        assert (await broker.cancel(ref(order))).state is OrderState.CANCELLED
        with pytest.raises(Rejected):
            await broker.cancel(ref(order))
    finally:
        await broker.close()


async def test_an_order_that_was_never_sent_is_found_nowhere_at_the_test_system(broker: Any) -> None:
    await broker.open(lambda told: None)
    try:
        assert await broker.find(ref(resting(broker))) is None
    finally:
        await broker.close()


async def test_holdings_and_fills_can_be_read_at_the_test_system(broker: Any) -> None:
    await broker.open(lambda told: None)
    try:
        assert (await broker.holdings()).cash
        page = await broker.fills("")
        assert {one.id for one in (await broker.fills(page.cursor)).fills} <= {one.id for one in page.fills}
    finally:
        await broker.close()


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("binance", {"BINANCE_URL": LIVE_URL, "BINANCE_KEY": "k", "BINANCE_SECRET": "s"}, "api.binance.com"),
        ("oanda", {"OANDA_URL": OANDA_LIVE_URL, "OANDA_TOKEN": "t", "OANDA_ACCOUNT": "a"}, "api-fxtrade.oanda.com"),
        ("ibkr", {"IBKR_HOST": "127.0.0.1", "IBKR_PORT": "4001"}, "4001"),
        ("ibkr", {"IBKR_HOST": "127.0.0.1", "IBKR_PORT": "7496"}, "7496"),
    ],
)
def test_an_address_that_moves_money_is_refused_by_name(name: str, given: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=words):
        made(name, given, tmp_path)
