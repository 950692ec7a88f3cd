"""Interactive Brokers by the socket of TWS, at a local gateway."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from tradewinds.brokers.ibkr import IbkrBroker
from tradewinds.brokers.ibkr_ids import FileIds
from tradewinds.brokers.ibkr_keeper import Patience
from tradewinds.brokers.ibkr_schedule import Schedule
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import Side
from tradewinds.sandbox.exchange import Exchange, Execution, Quote, VenueOrder
from tradewinds.sandbox.tws import TwsListener
from tradewinds.sandbox.tws_contracts import Catalogue, coins, pair, share
from tradewinds.sandbox.tws_gateway import Gateway, ib_fee

D = Decimal
ACCOUNT = "DU1234567"
AAPL, EUR_USD, BTC = "AAPL.XNAS", "EUR_USD.IDEALPRO", "BTC_USD.PAXOS"


class Ibkr:
    """AAPL is bid 189.99 and offered at 190.00, five hundred of them."""

    name = "ibkr"
    instrument = AAPL
    base, currency = "AAPL", "USD"
    lot, tick, size = D(1), D("0.01"), D(100)
    bid, ask, far_bid, far_ask = D("189.99"), D("190.00"), D("180.00"), D("200.00")
    fine = ((AAPL, D("200.01"), D(1)), (BTC, D("100000.25"), D("0.001")), (EUR_USD, D("1.08015"), D(25_000)))
    odd_price, odd_size = D("180.005"), D("100.5")
    too_small, too_large = D("0.001"), D(0)
    poor_size = D(400)
    order_line = ""
    says: ClassVar[dict[str, Any]] = {}
    REFUSES: ClassVar[dict[str, str]] = {"take profit": "there is no such kind: a limit order is one"}
    LACKS: ClassVar[dict[str, str]] = {
        "withdrawing key": "whoever reaches the port trades; there is no key", "key": "whoever reaches the port trades; there is no key",
        "answers": "the socket has no answers to requests that could be forged one by one", "clock": "requests carry no time",
        "commission in base": "commissions are paid in USD", "balances": "positions are kept by contract",
        "funds": "the local TWS does not check funds", "closed market": "the local TWS knows no sessions",
        "hand is told": "TWS tells what hands do to client 0 alone; it is seen among the open orders and by the position that moves",
        "size limits": "the local TWS has no largest size",
    }  # fmt: skip

    def start(self, folder: Path) -> None:
        """Begin a gateway of its own."""
        self.at_ns = parse("2025-03-14T15:34:56Z")
        self.quotes = {
            AAPL: Quote(self.bid, self.ask, D(500), D(500)),
            EUR_USD: Quote(D("1.08000"), D("1.08010"), D(1_000_000), D(1_000_000)),
            BTC: Quote(D("99999.75"), D("100000.00"), D(2), D(2)),
        }
        self.instruments = {
            AAPL: Instrument(AAPL, "equity", "USD", "XNYS"),
            EUR_USD: Instrument(EUR_USD, "fx", "USD", "FX", base="EUR"),
            BTC: Instrument(BTC, "spot", "USD", "24/7", base="BTC"),
        }
        exchange = Exchange(self.now_ns, lambda symbol: self.quotes[symbol], ib_fee)
        catalogue = Catalogue([share("AAPL", "NASDAQ"), pair("EUR", "USD"), *coins()])
        self.tws = TwsListener(Gateway(exchange, catalogue, ACCOUNT, self.now_ns, time.monotonic)).start()
        self.folder = folder

    @property
    def port(self) -> int:
        return int(self.tws.address.rpartition(":")[2])

    def stop(self) -> None:
        """End the gateway."""
        self.tws.stop()

    @classmethod
    def end(cls) -> None:
        """Nothing is left."""

    def make(self, port: int, *, environment: str = "test", timeout_s: float = 2.0) -> Any:
        """A broker that speaks through a port."""
        patience = Patience(connect_s=timeout_s, question_s=timeout_s, order_s=min(timeout_s, 0.5), again_s=0.02, again_s_max=0.1)
        return IbkrBroker(
            f"127.0.0.1:{port}", instruments=self.instruments, clock=self, ids=FileIds(self.folder / "ibkr-ids"), environment=environment,
            schedule=Schedule(restart=None), patience=patience,
        )  # fmt: skip

    def opened(self, broker: Any) -> None:
        """Nothing is kept."""

    # The gateway's own side

    def now_ns(self) -> int:
        return self.at_ns

    def advance(self, seconds: float) -> None:
        self.at_ns += int(seconds * 1_000_000_000)

    def price(self, bid: Decimal, ask: Decimal, size: Decimal | None = None, instrument: str = "") -> None:
        offered = size or D(500)
        self.quotes[instrument or self.instrument] = Quote(bid, ask, offered, offered)
        self.tws.call(lambda gateway: gateway.tick())

    def turn(self) -> None:
        """What is on offer is there again."""

        def offer(gateway: Gateway) -> None:
            gateway.exchange.replenish()
            gateway.tick()

        self.tws.call(offer)

    def by_hand(self, side: Side, quantity: Decimal, limit: Decimal | None = None) -> str:
        order = VenueOrder(ACCOUNT, "", AAPL, side, "market" if limit is None else "limit", quantity, limit)
        placed = self.tws.call(lambda gateway: gateway.by_hand(order).id)
        return self.tws.call(lambda gateway: str(next(one.perm_id for one in gateway.tickets.values() if one.venue_id == placed)))

    def cancel_by_hand(self, venue_order_id: str) -> None:
        self.tws.call(lambda gateway: gateway.exchange.cancel(gateway.tickets[int(venue_order_id)].venue_id, "by hand"))

    def placed(self, client_order_id: str) -> int:
        return self.tws.call(lambda gateway: len(gateway.exchange.all_named(ACCOUNT, client_order_id)))

    def orders(self) -> int:
        return self.tws.call(lambda gateway: len([one for one in gateway.exchange.orders.values() if one.status != "rejected"]))

    def held(self) -> Decimal:
        return self.tws.call(lambda gateway: gateway.exchange.position(ACCOUNT, AAPL))

    def restart(self) -> None:
        self.tws.call(lambda gateway: gateway.go_down())
        self.tws.call(lambda gateway: gateway.come_back())

    def lose_answer(self) -> None:
        """The next order arrives; the connection ends before anything is said of it."""

        def arrange(gateway: Gateway) -> None:
            def hear(order: VenueOrder, execution: Execution | None) -> None:
                gateway.exchange.listeners.remove(hear)
                for session in gateway.connections:
                    session.end()

            gateway.exchange.listeners.insert(0, hear)

        self.tws.call(arrange)

    def lose_request(self) -> None:
        """Orders do not arrive and nothing is said of them, until `find_again`."""
        self.tws.call(lambda gateway: setattr(gateway, "drops_orders", True))

    def find_again(self) -> None:
        """Orders arrive again."""
        self.tws.call(lambda gateway: setattr(gateway, "drops_orders", False))

    secrets = ()


HOUSES = (Ibkr,)
