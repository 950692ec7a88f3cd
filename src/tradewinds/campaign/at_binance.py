"""The stage of Binance spot: the real adapter with ccxt over links in memory, and the local venue behind them, signatures checked."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from random import Random

from tradewinds.brokers.http import NewSession
from tradewinds.campaign.chaos import Chaos, seeded
from tradewinds.campaign.loop import Loop, Process
from tradewinds.campaign.network import Network
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
from tradewinds.sandbox.listings import listings
from tradewinds.sandbox.market import SeededMarket
from tradewinds.sandbox.world import World

HOST = "binance.local"
PORT = 80
DOWN_S = (0.3, 4.0)
WEIGHT_LIMIT = 1_000_000  # 429 is a fault of its own here
BALANCES = {"main": {"USDT": "10000000", "BTC": "100", "ETH": "1000"}}
SYMBOLS = (("BTCUSDT", "BTC", "60000.00"), ("ETHUSDT", "ETH", "3000.00"))
LOT, TICK = Decimal("0.01"), Decimal("0.01")


@lru_cache(1)
def _seeded_market() -> SeededMarket:
    """Listings only; its prices are set over."""
    names = {symbol for symbol, _, _ in SYMBOLS}
    return SeededMarket(7, {name: one for name, one in listings().items() if name in names})


def _traded(symbol: str, base: str, price: str) -> Traded:
    instrument = Instrument(f"{symbol}.BINANCE", "spot", "USDT", "24/7", base=base, tick=TICK, lot=LOT)
    return Traded(instrument, symbol, Decimal(price), TICK, LOT)


class BinanceStage:
    """Binance spot."""

    name = "binance"
    account = "main"
    currency = "USDT"

    def __init__(self, loop: Loop, chaos: Chaos) -> None:
        self.market: Market = market_of(_traded(*each) for each in SYMBOLS)
        config = replace(SandboxConfig(), now_ns=loop.now_ns(), balances=BALANCES, weight_limit=WEIGHT_LIMIT)
        clock = VenueClock(loop.now_ns(), speed=1.0, ticks=loop.now_ns)
        market = _seeded_market()
        self.world = World(config, clock, market, market, FaultBook(()), loop.time)
        self.venue: BinanceSpot = spot_venue(self.world)
        self.exchange = self.venue.exchange
        self.key = config.api_keys[0]
        self.chaos = chaos
        self.place = Front(self.venue, loop, chaos).connection
        self.network = Network(loop, chaos, HOST, self.place)
        self._show()

    def broker(self, process: Process, clock: Clock) -> Broker:
        return self.adapter(HOST, PORT, clock, seeded(process.name, self.chaos.seed), memory_session)

    def adapter(self, host: str, port: int, clock: Clock, random: Random, new_session: NewSession | None) -> Broker:
        """The adapter for this venue at an address."""
        raise NotImplementedError

    def tick(self) -> None:
        self._show()
        self.exchange.match()

    def order_by_hand(self, one: Traded, side: Side, quantity: Decimal, limit: Decimal | None) -> None:
        self.venue.place_by_hand(self.account, one.symbol, side, quantity, limit)

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
