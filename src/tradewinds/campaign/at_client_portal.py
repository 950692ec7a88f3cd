"""The stage of Interactive Brokers by Client Portal: the real adapter with aiohttp over links in memory, and the local gateway behind them.

Nothing is told here, all is asked for. The gateway does not pace: whoever asks too often is shut out for ten minutes, longer than a seed
lasts; hence nobody is throttled either.
"""

from __future__ import annotations

from decimal import Decimal
from random import Random

from tradewinds.brokers.client_portal import ClientPortalBroker
from tradewinds.brokers.http import NewSession
from tradewinds.campaign.at_tws import DOWN_S, catalogue, traded_in_tws
from tradewinds.campaign.chaos import Chaos, seeded
from tradewinds.campaign.loop import Loop, Process
from tradewinds.campaign.network import Network
from tradewinds.campaign.sessions import memory_session
from tradewinds.campaign.stage import Market, Traded, executed_positions
from tradewinds.campaign.web import Front
from tradewinds.core.broker import Broker
from tradewinds.core.order import OrderKind, Side
from tradewinds.core.ports import Clock
from tradewinds.sandbox.client_portal import BASE, ClientPortal
from tradewinds.sandbox.exchange import Exchange, VenueOrder
from tradewinds.sandbox.tws_gateway import ib_fee

HOST, PORT = "portal.local", 80
TIMEOUT_S = 3.0


class ClientPortalStage:
    """Interactive Brokers over HTTP."""

    name = "client_portal"
    account = "DU1234567"
    currency = "USD"

    def __init__(self, loop: Loop, chaos: Chaos, *, is_wide: bool = False) -> None:
        self.market: Market = traded_in_tws(is_wide=is_wide)
        self.exchange = Exchange(loop.now_ns, self.market.quote, ib_fee)
        self.venue = ClientPortal(self.exchange, catalogue(), self.account, loop.now_ns, loop.time, is_paced=False)
        self.chaos = chaos
        chaos.chances["throttled"] = 0.0
        self.place = Front(self.venue, loop, chaos).connection
        self.network = Network(loop, chaos, HOST, self.place)
        self._is_refused = False

    def broker(self, process: Process, clock: Clock) -> Broker:
        return self.adapter(HOST, PORT, clock, seeded(process.name, self.chaos.seed), memory_session)

    def adapter(self, host: str, port: int, clock: Clock, random: Random, new_session: NewSession | None) -> Broker:
        """The adapter for this venue at an address."""
        return ClientPortalBroker(
            url=f"http://{host}:{port}{BASE}", instruments=self.market.instruments, clock=clock, account=self.account,
            new_session=new_session, timeout_s=TIMEOUT_S,
        )  # fmt: skip

    def tick(self) -> None:
        self.venue.tick()

    def order_by_hand(self, one: Traded, side: Side, quantity: Decimal, limit: Decimal | None) -> None:
        kind: OrderKind = "market" if limit is None else "limit"
        self.exchange.place(VenueOrder(self.account, "", one.symbol, side, kind, quantity, limit, by_hand=True))

    def positions(self) -> dict[str, Decimal]:
        return executed_positions(self)

    def restart(self) -> None:
        """The gateway starts anew, and a person logs in."""
        self.venue.restart()
        down_s = self.chaos.random.uniform(*DOWN_S)
        self.network.cut_all(down_s)
        self.network.later(down_s, self._log_in)

    def refuse_key(self, *, is_refused: bool) -> None:
        """The log-in ends, until a person gives the second factor again."""
        self._is_refused = is_refused
        if is_refused:
            self.venue.is_logged_in = False
        else:
            self._log_in()

    def _log_in(self) -> None:
        self.venue.is_logged_in = not self._is_refused
