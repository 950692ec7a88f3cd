"""The stage of Binance spot: the real adapter with ccxt over links in memory, and the local venue behind them, signatures checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Any

from tradewinds.brokers.ccxt_accounts import binance
from tradewinds.brokers.ccxt_broker import CcxtBroker
from tradewinds.brokers.http import NewSession
from tradewinds.campaign.chaos import Chaos, seeded
from tradewinds.campaign.loop import Loop, Process, VirtualLoop, run_virtually
from tradewinds.campaign.network import Network
from tradewinds.campaign.record import Record
from tradewinds.campaign.sessions import memory_session
from tradewinds.campaign.stage import Market, Traded, market_of
from tradewinds.campaign.web import Front
from tradewinds.core.broker import Broker
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import Side
from tradewinds.core.ports import Clock
from tradewinds.sandbox.binance_spot import BinanceSpot, spot_venue
from tradewinds.sandbox.clock import VenueClock
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.faults import FaultBook
from tradewinds.sandbox.keys import ApiKey
from tradewinds.sandbox.listings import listings
from tradewinds.sandbox.market import SeededMarket
from tradewinds.sandbox.world import World
from tradewinds.wire.secret import Secret

HOST = "binance.local"
PORT = 80
DOWN_S = (0.3, 4.0)
WEIGHT_LIMIT = 1_000_000  # 429 is a fault of its own here
SYMBOLS = (("BTCUSDT", "BTC", "60000.00"), ("ETHUSDT", "ETH", "3000.00"))
MORE_SYMBOLS = (
    ("BNBUSDT", "BNB", "560.00"),
    ("SOLUSDT", "SOL", "145.00"),
    ("BCHUSDT", "BCH", "345.00"),
    ("AAVEUSDT", "AAVE", "142.00"),
    ("LTCUSDT", "LTC", "68.00"),
    ("AVAXUSDT", "AVAX", "26.00"),
)
BALANCES = {"main": {"USDT": "10000000", "BTC": "100", **{base: "1000" for _, base, _ in (*SYMBOLS[1:], *MORE_SYMBOLS)}}}
LOT, TICK = Decimal("0.01"), Decimal("0.01")


@lru_cache(1)
def seeded_market() -> SeededMarket:
    """Listings only; its prices are set over."""
    names = {symbol for symbol, _, _ in (*SYMBOLS, *MORE_SYMBOLS)}
    return SeededMarket(7, {name: one for name, one in listings().items() if name in names})


def _traded(symbol: str, base: str, price: str) -> Traded:
    instrument = Instrument(f"{symbol}.BINANCE", "spot", "USDT", "24/7", base=base, tick=TICK, lot=LOT)
    return Traded(instrument, symbol, Decimal(price), TICK, LOT)


def _adapter(
    host: str,
    port: int,
    clock: Clock,
    random: Random,
    new_session: NewSession | None,
    key: ApiKey,
    instruments: Mapping[str, Instrument],
    markets: Mapping[str, Any] | None,
) -> CcxtBroker:
    return binance(
        key=Secret(key.key), secret=Secret(key.secret), instruments=instruments, clock=clock, random=random,
        url=f"http://{host}:{port}", ws_url=f"ws://{host}:{port}/ws-api/v3", new_session=new_session, markets=markets,
    )  # fmt: skip


_known: dict[str, Any] = {}


def _markets() -> Mapping[str, Any]:
    """What ccxt makes of the venue's exchangeInfo, asked once in a world of its own without faults."""
    if not _known:
        _known["asking"] = {}
        loop = VirtualLoop()
        chaos = Chaos(0, Record(loop.now_ns), ())
        chaos.is_on = False
        stage = BinanceStage(loop, chaos)

        async def ask(loop: VirtualLoop) -> Mapping[str, Any]:
            random = seeded("markets", 0)
            made = _adapter(HOST, PORT, StageClock(loop), random, memory_session, stage.key, stage.market.instruments, None)
            await made.open(lambda told: None)
            markets: Mapping[str, Any] = made.exchange.markets
            await made.close()
            return markets

        _known["markets"] = run_virtually(ask, loop)
    markets: Mapping[str, Any] = _known.get("markets", {})
    return markets


class StageClock:
    """The world's time, as an adapter asks for it."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def now_ns(self) -> int:
        return self._loop.now_ns()


class BinanceStage:
    """Binance spot."""

    name = "binance"
    account = "main"
    currency = "USDT"

    def __init__(self, loop: Loop, chaos: Chaos, *, is_wide: bool = False) -> None:
        self.market: Market = market_of(_traded(*each) for each in (*SYMBOLS, *(MORE_SYMBOLS if is_wide else ())))
        config = replace(SandboxConfig(), now_ns=loop.now_ns(), balances=BALANCES, weight_limit=WEIGHT_LIMIT)
        clock = VenueClock(loop.now_ns(), speed=1.0, ticks=loop.now_ns)
        market = seeded_market()
        self.world = World(config, clock, market, market, FaultBook(()), loop.time)
        self.venue: BinanceSpot = spot_venue(self.world)
        self.exchange = self.venue.exchange
        self.key = config.api_keys[0]
        self.chaos = chaos
        self.place = Front(self.venue, loop, chaos).connection
        self.network = Network(loop, chaos, HOST, self.place)
        self._show()
        _markets()

    def broker(self, process: Process, clock: Clock) -> Broker:
        return self.adapter(HOST, PORT, clock, seeded(process.name, self.chaos.seed), memory_session)

    def adapter(self, host: str, port: int, clock: Clock, random: Random, new_session: NewSession | None) -> Broker:
        """The adapter for this venue at an address; the markets are known beforehand, as they are the same for every seed."""
        return _adapter(host, port, clock, random, new_session, self.key, self.market.instruments, _markets())

    def tick(self) -> None:
        self._show()
        self.exchange.match()

    def order_by_hand(self, one: Traded, side: Side, quantity: Decimal, limit: Decimal | None) -> None:
        self.venue.place_by_hand(self.account, one.symbol, side, quantity, limit)

    def positions(self) -> dict[str, Decimal]:
        wallet = self.venue.wallet
        return {one.id: wallet.total(self.account, one.instrument.base or "") for one in self.market.traded.values()}

    def restart(self) -> None:
        self.network.cut_all(self.chaos.random.uniform(*DOWN_S))

    def refuse_key(self, *, is_refused: bool) -> None:
        if is_refused:
            self.venue.keys.revoke(self.key.key)
        else:
            self.venue.keys.restore(self.key.key)

    def _show(self) -> None:
        for symbol in self.market.traded:
            self.world.set_quotes["spot", symbol] = self.market.quote(symbol)
