"""QuantDinger#248, #165: contracts taken for base units.

In public: OKX counts perpetuals in contracts of 0.1 ETH. Fills of the private stream were booked as they came, 0.52 contracts as 0.52 ETH,
so gains and losses were ten times too large and a rest stayed in the ledger after a close (#248). A position that was closed at the
exchange stayed in the local ledger; the strategy closed it again and again and got "empty position" (#165).

Here: quantities are units of the instrument everywhere but on the wire. The adapter converts by the market's contract size in every
direction: orders, answers, the stream, executions, positions.

Staged in part: no local venue counts in contracts, so the local Binance futures venue stands in: its units are taken for contracts of
0.1 ETH. What it makes of money (margin, gains) is therefore not compared.
"""

from __future__ import annotations

import copy
from decimal import Decimal

import pytest

from tradewinds.brokers import ccxt_markets
from tradewinds.brokers.ccxt_accounts import binance_um
from tradewinds.brokers.ccxt_messages import Listed
from tradewinds.campaign.chaos import seeded
from tradewinds.campaign.network import Network
from tradewinds.campaign.sessions import memory_session
from tradewinds.campaign.stage import Traded, executed_positions, market_of
from tradewinds.campaign.web import Front
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import OrderState
from tradewinds.sandbox.binance_um import um_venue
from tradewinds.sandbox.clock import VenueClock
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.faults import FaultBook
from tradewinds.sandbox.listings import listings
from tradewinds.sandbox.market import SeededMarket
from tradewinds.sandbox.world import World
from tradewinds.wire.secret import Secret

ETH = "ETHUSDT.BINANCE_UM"
CONTRACT = Decimal("0.1")
HOST = "futures.local"


class Contracts:
    """Binance futures, of which every unit is called a contract of 0.1 ETH."""

    name = "binance_um"
    account = "main"
    currency = "USDT"

    def __init__(self, loop, chaos) -> None:
        instrument = Instrument(ETH, "perpetual", "USDT", "24/7", base="ETH", tick=Decimal("0.01"), lot=Decimal("0.01"))
        self.market = market_of([Traded(instrument, "ETHUSDT", Decimal("3000.00"), Decimal("0.01"), Decimal("0.1"), 1000)])
        market = SeededMarket(7, {name: one for name, one in listings().items() if name == "ETHUSDT"})
        config = SandboxConfig(now_ns=loop.now_ns(), weight_limit=1_000_000)
        self.world = World(config, VenueClock(loop.now_ns(), speed=1.0, ticks=loop.now_ns), market, market, FaultBook(()), loop.time)
        self.venue = um_venue(self.world)
        self.exchange = self.venue.exchange
        self.key = config.api_keys[0]
        self.chaos = chaos
        self.place = Front(self.venue, loop, chaos).connection
        self.network = Network(loop, chaos, HOST, self.place)
        self.tick()

    def broker(self, process, clock):
        broker = binance_um(
            key=Secret(self.key.key), secret=Secret(self.key.secret), instruments=self.market.instruments, clock=clock,
            random=seeded(process.name, 0), url=f"http://{HOST}:80", stream_url=f"ws://{HOST}:80", new_session=memory_session,
            checks_key=False,
        )  # fmt: skip
        read = broker._markets.read

        def in_contracts(exchange) -> None:
            for one in exchange.markets.values():
                one["contractSize"] = float(CONTRACT)
            read(exchange)

        broker._markets.read = in_contracts
        return broker

    def tick(self) -> None:
        for symbol in self.market.traded:
            self.world.set_quotes["um", symbol] = self.market.quote(symbol)
        self.exchange.match()

    def positions(self) -> dict[str, Decimal]:
        return {name: size * CONTRACT for name, size in executed_positions(self).items()}


def test_coins_are_held_and_contracts_are_sent(scene) -> None:
    async def story(scene) -> None:
        # given a market whose contracts are 0.1 ETH
        await scene.start()

        # when 0.52 ETH are wanted
        name = await scene.order("buy", "0.52")
        await scene.until(lambda: scene.ours(name).state is OrderState.FILLED)
        await scene.wait(2.0)

        # then the venue has 5.2 contracts, and the books 0.52 ETH
        assert [one.quantity for one in scene.placed(name)] == [Decimal("5.2")]
        assert scene.executed == Decimal("5.2")
        assert scene.held() == scene.ours(name).filled == Decimal("0.52")
        assert [one.fill.quantity for one in scene.booked] == [Decimal("0.52")]

        # and so it is after a restart, which asks for executions and positions
        scene.kill()
        await scene.start()
        await scene.wait(10.0)
        assert scene.held() == Decimal("0.52")
        assert not any("position" in one for one in scene.alerts)

        # when it is closed
        close = await scene.order("sell", "0.52")
        await scene.until(lambda: scene.ours(close).state is OrderState.FILLED)
        await scene.until(lambda: scene.held() == 0)

        # then both sides are flat
        assert (scene.executed, scene.held()) == (0, 0)
        assert scene.errors == []

    scene("binance_um", Contracts).play(story)


@pytest.mark.parametrize("size", ["0.52"])
def test_it_happens_where_a_contract_counts_as_a_coin(scene, monkeypatch, size: str) -> None:
    listed = ccxt_markets.listed

    def one_for_one(market, venue, instrument) -> Listed:
        found = copy.copy(listed(market, venue, instrument))
        object.__setattr__(found, "per_unit", Decimal(1))
        return found

    async def story(scene) -> None:
        await scene.start()
        await scene.order("buy", size)
        await scene.wait(5.0)

        # 0.52 contracts are 0.052 ETH, which the books call 0.52 ETH: a loss of 1 USDT an ETH counts ten times
        assert scene.executed * CONTRACT == Decimal("0.052")
        assert scene.held() == Decimal("0.52")

    monkeypatch.setattr(ccxt_markets, "listed", one_for_one)
    scene("binance_um", Contracts).play(story)


def test_a_position_that_is_closed_at_the_exchange_is_closed_in_the_books(scene) -> None:
    async def story(scene) -> None:
        # given a position, which a person closes at the exchange
        await scene.start()
        await scene.order("buy", "0.52")
        await scene.until(lambda: scene.held() == Decimal("0.52"))
        scene.stage.venue.place_by_hand("main", "ETHUSDT", "sell", Decimal("5.2"), None)
        await scene.until(lambda: scene.held() == 0)
        assert any("by other hands" in one for one in scene.alerts)

        # when the strategy wants to close it too
        close = scene.want("sell", "0.52", is_reduce_only=True)
        await scene.wait(60.0)

        # then it is asked once at most, opens nothing, and the books stay as flat as the exchange
        assert len(scene.placed(close)) <= 1
        assert close not in scene.books.orders or scene.ours(close).has_ended
        assert (scene.executed, scene.held()) == (0, 0)
        assert scene.errors == []

    scene("binance_um", Contracts).play(story)
