"""Interactive Brokers by the Client Portal gateway, at the local one."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from tradewinds.brokers import client_portal
from tradewinds.brokers.client_portal import ClientPortalBroker
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import Side
from tradewinds.sandbox.client_portal import ClientPortal as Gateway
from tradewinds.sandbox.client_portal_wire import ACCOUNT, venue_of
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.server import Sandbox
from tradewinds.sandbox.venue_order import Quote, VenueOrder

D = Decimal
AAPL, EUR_USD = "AAPL.XNAS", "EUR_USD.IDEALPRO"


class ClientPortal:
    """AAPL is bid 189.99 and offered at 190.00, five hundred of them. The gateway's limits of requests are off."""

    name = "client_portal"
    instrument = AAPL
    base, currency = "AAPL", "USD"
    lot, tick, size = D(1), D("0.01"), D(100)
    bid, ask, far_bid, far_ask = D("189.99"), D("190.00"), D("180.00"), D("200.00")
    fine = ((AAPL, D("200.01"), D(1)), (EUR_USD, D("1.08015"), D(25_000)))
    odd_price, odd_size = D("180.005"), D("100.5")
    too_small, too_large = D("0.001"), D(0)
    poor_size = D(400)
    order_line = "POST /client-portal/v1/api/iserver/account/"
    patches: ClassVar[tuple[tuple[Any, str, float], ...]] = (
        (client_portal, "SLOW_S", 0.01), (client_portal, "REQUESTS_A_SECOND_MAX", 10_000),
    )  # fmt: skip
    says: ClassVar[dict[str, Any]] = {
        "refusal": (400, '{"error": "minimum price variation"}', "minimum price variation"),
        "throttle": (429, '{"error": "Too Many Requests"}', "429"),
    }
    REFUSES: ClassVar[dict[str, str]] = {
        "replace": "not by this way in", "take profit": "there is no such kind: a limit order is one",
        "trailing stop": "not by this way in", "fok": "not by this way in",
    }  # fmt: skip
    LACKS: ClassVar[dict[str, str]] = {
        "withdrawing key": "the gateway is logged in by a person; there is no key",
        "key": "the gateway is logged in by a person; there is no key", "clock": "requests carry no time",
        "commission in base": "commissions are paid in USD", "balances": "positions are kept by contract",
        "funds": "the local gateway does not check funds", "closed market": "the local gateway knows no sessions",
        "stream": "nothing is told by itself: the lists are asked for", "size limits": "the local gateway has no largest size",
        "status": "a status comes in lists, which the gateway's own tests forge",
    }  # fmt: skip
    _ended: ClassVar[list[Sandbox]] = []

    def start(self, folder: Path) -> None:
        """Begin a gateway of its own."""
        self.running = Sandbox(SandboxConfig(seed=7, now_ns=parse("2025-03-14T15:34:56Z"))).start()
        self.instruments = {
            AAPL: Instrument(AAPL, "equity", "USD", "XNYS"),
            EUR_USD: Instrument(EUR_USD, "fx", "USD", "FX", base="EUR"),
        }
        self.quotes = {
            AAPL: Quote(self.bid, self.ask, D(500), D(500)),
            EUR_USD: Quote(D("1.08000"), D("1.08010"), D(1_000_000), D(1_000_000)),
        }
        self.trading: Gateway = venue_of(self.running.world)
        self.trading.exchange.quote = lambda symbol: self.quotes[symbol]
        self.trading.is_paced = False

    @property
    def port(self) -> int:
        return int(self.running.urls["oanda"].split(":")[2].split("/")[0])

    def stop(self) -> None:
        """Ask the gateway to end; it does while the next case begins."""
        self.running.request_stop()
        self.running.tws.stop()
        self._ended.append(self.running)

    @classmethod
    def end(cls) -> None:
        """Wait for every gateway that was asked to end."""
        while cls._ended:
            cls._ended.pop().stop()

    def make(self, port: int, *, timeout_s: float = 5.0) -> Any:
        """A broker that speaks through a port."""
        url = f"http://127.0.0.1:{port}/client-portal/v1/api"
        return ClientPortalBroker(url=url, instruments=self.instruments, clock=self.running.world.clock, timeout_s=timeout_s)

    def opened(self, broker: Any) -> None:
        """Nothing is kept."""

    # The gateway's own side

    def price(self, bid: Decimal, ask: Decimal, size: Decimal | None = None, instrument: str = "") -> None:
        offered = size or D(500)
        self.quotes[instrument or self.instrument] = Quote(bid, ask, offered, offered)
        self.trading.tick()

    def turn(self) -> None:
        """What is on offer is there again."""
        self.trading.exchange.replenish()
        self.trading.tick()

    def by_hand(self, side: Side, quantity: Decimal, limit: Decimal | None = None) -> str:
        order = VenueOrder(ACCOUNT, "", AAPL, side, "market" if limit is None else "limit", quantity, limit, by_hand=True)
        return str(self.trading.exchange.place(order).id)

    def cancel_by_hand(self, venue_order_id: str) -> None:
        self.trading.exchange.cancel(int(venue_order_id), "by hand")

    def placed(self, client_order_id: str) -> int:
        return len(self.trading.exchange.all_named(ACCOUNT, client_order_id))

    def orders(self) -> int:
        return len([one for one in self.trading.exchange.orders.values() if one.status != "rejected"])

    def held(self) -> Decimal:
        return self.trading.exchange.position(ACCOUNT, AAPL)

    def restart(self) -> None:
        """The gateway starts anew and a person logs in."""
        self.trading.restart()
        self.trading.is_logged_in = True

    def advance(self, seconds: float) -> None:
        self.running.world.clock.advance(seconds)

    def now_ns(self) -> int:
        return self.running.world.clock.now_ns()

    secrets = ()


HOUSES = (ClientPortal,)
