"""The stage of Binance USD-M futures: the real adapter with ccxt and a stream behind a listen key, and the local venue behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from tradewinds.brokers.ccxt_accounts import binance_um
from tradewinds.brokers.ccxt_broker import CcxtBroker
from tradewinds.brokers.http import NewSession
from tradewinds.campaign.at_binance import BALANCES, DOWN_S, LOT, MORE_SYMBOLS, PORT, SYMBOLS, TICK, WEIGHT_LIMIT, StageClock, seeded_market
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
from tradewinds.sandbox.binance_um import BinanceUm, um_venue
from tradewinds.sandbox.clock import VenueClock
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.faults import FaultBook
from tradewinds.sandbox.world import World
from tradewinds.wire.secret import Secret

HOST = "binance-um.local"


def _traded(symbol: str, base: str, price: str) -> Traded:
    instrument = Instrument(f"{symbol}.BINANCE_UM", "perpetual", "USDT", "24/7", base=base, tick=TICK, lot=LOT)
    return Traded(instrument, symbol, Decimal(price), TICK, LOT)


_known: dict[str, Any] = {}


def _markets() -> Mapping[str, Any]:
    """What ccxt makes of the venue's exchangeInfo, asked once in a world of its own without faults."""
    if not _known:
        _known["asking"] = {}
        loop = VirtualLoop()
        chaos = Chaos(0, Record(loop.now_ns), ())
        chaos.is_on = False
        stage = BinanceUmStage(loop, chaos)

        async def ask(loop: VirtualLoop) -> Mapping[str, Any]:
            made = stage.made(HOST, PORT, StageClock(loop), seeded("markets", 0), memory_session, None)
            await made.open(lambda told: None)
            markets: Mapping[str, Any] = made.exchange.markets
            await made.close()
            return markets

        _known["markets"] = run_virtually(ask, loop)
    markets: Mapping[str, Any] = _known.get("markets", {})
    return markets


class BinanceUmStage:
    """Binance USD-M futures."""

    name = "binance_um"
    account = "main"
    currency = "USDT"

    def __init__(self, loop: Loop, chaos: Chaos, *, is_wide: bool = False) -> None:
        self.market: Market = market_of(_traded(*each) for each in (*SYMBOLS, *(MORE_SYMBOLS if is_wide else ())))
        config = replace(SandboxConfig(), now_ns=loop.now_ns(), balances=BALANCES, weight_limit=WEIGHT_LIMIT)
        clock = VenueClock(loop.now_ns(), speed=1.0, ticks=loop.now_ns)
        market = seeded_market()
        self.world = World(config, clock, market, market, FaultBook(()), loop.time)
        self.venue: BinanceUm = um_venue(self.world)
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
        return self.made(host, port, clock, random, new_session, _markets())

    def made(
        self, host: str, port: int, clock: Clock, random: Random, new_session: NewSession | None, markets: Mapping[str, Any] | None
    ) -> CcxtBroker:
        """An adapter that knows these markets, None for one that asks for them."""
        return binance_um(
            key=Secret(self.key.key), secret=Secret(self.key.secret), instruments=self.market.instruments, clock=clock, random=random,
            url=f"http://{host}:{port}", stream_url=f"ws://{host}:{port}", new_session=new_session, checks_key=False, markets=markets,
        )  # fmt: skip

    def tick(self) -> None:
        self._show()
        self.venue.tick()

    def order_by_hand(self, one: Traded, side: Side, quantity: Decimal, limit: Decimal | None) -> None:
        self.venue.place_by_hand(self.account, one.symbol, side, quantity, limit)

    def positions(self) -> dict[str, Decimal]:
        return {one.id: self.exchange.position(self.account, one.symbol) for one in self.market.traded.values()}

    def restart(self) -> None:
        self.network.cut_all(self.chaos.random.uniform(*DOWN_S))

    def refuse_key(self, *, is_refused: bool) -> None:
        if is_refused:
            self.venue.keys.revoke(self.key.key)
        else:
            self.venue.keys.restore(self.key.key)

    def _show(self) -> None:
        for symbol in self.market.traded:
            self.world.set_quotes["um", symbol] = self.market.quote(symbol)
