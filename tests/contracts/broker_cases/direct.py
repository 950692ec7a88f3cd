"""A broker on an exchange, without a wire."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from tradewinds.core.instrument import Instrument
from tradewinds.core.order import Side
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, Quote, VenueOrder

D = Decimal
NO_WIRE = "calls, not messages: nothing is lost on the way"
NO_RULES = "an exchange without rules of a venue"


class Direct:
    """BTCUSD is bid 60000.00 and offered at 60001.00, ten of them."""

    name = "direct"
    instrument = "BTCUSD.LOCAL"
    base, currency = "BTC", "USD"
    lot, tick, size = D("0.00001"), D("0.01"), D("0.01")
    bid, ask, far_bid, far_ask = D("60000.00"), D("60001.00"), D("55000.00"), D("65000.00")
    fine = (("BTCUSD.LOCAL", D("100000.01"), D("0.00001")), ("PEPEUSD.LOCAL", D("0.00000812"), D(10_000_000)))
    odd_price, odd_size = D("55000.005"), D("0.0100001")
    too_small, too_large = D("0.000001"), D(0)
    poor_size = D(9)
    order_line = ""
    port = 0
    says: ClassVar[dict[str, Any]] = {}
    REFUSES: ClassVar[dict[str, str]] = {"replace": "cancel and new"}
    LACKS: ClassVar[dict[str, str]] = {
        "answers": NO_WIRE, "wire": NO_WIRE, "withdrawing key": NO_WIRE, "key": NO_WIRE, "clock": NO_WIRE, "restart": NO_WIRE,
        "status": NO_WIRE, "odd numbers": NO_RULES, "size limits": NO_RULES, "funds": NO_RULES, "closed market": NO_RULES,
        "unknown instrument": NO_RULES, "unique ids": NO_RULES, "numbers": "orders are found by our ids alone",
        "commission in base": "commissions are in dollars",
        "balances": "positions are kept by instrument",
    }  # fmt: skip

    def start(self, folder: Path) -> None:
        """Begin an exchange of its own."""
        self.at_ns = 1_795_392_000_000_000_000
        self.quotes = {self.instrument: Quote(self.bid, self.ask, D(10), D(10))}
        self.instruments = {
            name: Instrument(name, "spot", "USD", "24/7", base=name.partition("USD")[0]) for name in ("BTCUSD.LOCAL", "PEPEUSD.LOCAL")
        }
        self.quotes["PEPEUSD.LOCAL"] = Quote(D("0.0000081"), D("0.0000082"), D(10**9), D(10**9))
        self.exchange = Exchange(
            self.now_ns, lambda symbol: self.quotes[symbol], lambda order, size, price, is_maker: (size * price / 1000, "USD")
        )

    def stop(self) -> None:
        """Nothing runs."""

    @classmethod
    def end(cls) -> None:
        """Nothing is left."""

    def make(self, port: int, **_: Any) -> Any:
        """A broker of the exchange."""
        return DirectBroker(self.exchange, "main")

    def opened(self, broker: Any) -> None:
        """Nothing is kept."""

    def now_ns(self) -> int:
        return self.at_ns

    def advance(self, seconds: float) -> None:
        self.at_ns += int(seconds * 1_000_000_000)
        self.exchange.match()

    def price(self, bid: Decimal, ask: Decimal, size: Decimal | None = None, instrument: str = "") -> None:
        self.quotes[instrument or self.instrument] = Quote(bid, ask, size or D(10), size or D(10))
        self.exchange.match()

    def turn(self) -> None:
        """What is on offer is there again."""
        self.exchange.replenish()
        self.exchange.match()

    def by_hand(self, side: Side, quantity: Decimal, limit: Decimal | None = None) -> str:
        order = VenueOrder("main", "", self.instrument, side, "market" if limit is None else "limit", quantity, limit, by_hand=True)
        return str(self.exchange.place(order).id)

    def cancel_by_hand(self, venue_order_id: str) -> None:
        self.exchange.cancel(int(venue_order_id), "by hand")

    def placed(self, client_order_id: str) -> int:
        return len(self.exchange.all_named("main", client_order_id))

    def orders(self) -> int:
        return len(self.exchange.orders)

    def held(self) -> Decimal:
        return self.exchange.position("main", self.instrument)

    secrets = ()


HOUSES = (Direct,)
