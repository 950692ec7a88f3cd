"""The paper broker: the kernel's fills on bars that the case closes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from tradewinds.brokers.paper import PaperBroker
from tradewinds.brokers.paper_store import PaperStore, open_paper_store
from tradewinds.core.instrument import Instrument
from tradewinds.simulation.rules import Account, BasisPoints, Fills, Setup
from tradewinds.trading.entry import Bar, BarsClosed

D = Decimal
START_NS, MINUTE_NS, DAY_MINUTES = 1_795_392_000_000_000_000, 60_000_000_000, 1440
NO_VENUE = "no venue stands behind it, and no wire"
SETUP = Setup(Account(1_000_000.0, "USDT"), (BasisPoints(10),), Fills(participation=1.0))


class Paper:
    """BTCUSDT at 60000 to 60001; a market order fills at the open of the next bar, all orders by at most its volume."""

    name = "paper"
    instrument = "BTCUSDT.BINANCE"
    base, currency = "BTC", "USDT"
    lot, tick, size = D("0.001"), D("0.01"), D("0.01")
    bid, ask, far_bid, far_ask = D("60000.00"), D("60001.00"), D("55000.00"), D("65000.00")
    fine = (("BTCUSDT.BINANCE", D("100000.01"), D("0.001")), ("PEPEUSDT.BINANCE", D("0.00000812"), D(10_000_000)))
    odd_price, odd_size = D("55000.005"), D("0.0105")
    too_small, too_large = D("0.0001"), D(0)
    poor_size = D(40)
    order_line = ""
    port = 0
    says: ClassVar[dict[str, Any]] = {}
    REFUSES: ClassVar[dict[str, str]] = {"replace": "cancel and new"}
    LACKS: ClassVar[dict[str, str]] = {
        "hand": NO_VENUE, "hand is told": NO_VENUE, "answers": NO_VENUE, "wire": NO_VENUE, "withdrawing key": NO_VENUE, "key": NO_VENUE,
        "clock": NO_VENUE, "restart": NO_VENUE, "status": NO_VENUE, "commission in base": "commissions are in the account's currency",
        "balances": "positions are kept by instrument", "closed market": "a bar that does not come is a closed market",
        "size limits": "a kernel has no largest size", "at once": "nothing fills before the next bar",
        "numbers": "orders are found by our ids alone", "funds": "refused with the fill, when the kernel knows the price",
    }  # fmt: skip

    def start(self, folder: Path) -> None:
        """Begin with one bar."""
        self.folder, self.minute = folder, 0
        names = (("BTCUSDT.BINANCE", self.tick, self.lot), ("PEPEUSDT.BINANCE", D("0.00000001"), D(1)))
        self.instruments = {
            name: Instrument(name, "spot", "USDT", "24/7", base=name[:-12], tick=tick, lot=lot) for name, tick, lot in names
        }
        self.broker: PaperBroker | None = None
        self.store: PaperStore | None = None
        self.quotes = {"BTCUSDT.BINANCE": (self.bid, self.ask, D(10)), "PEPEUSDT.BINANCE": (D("0.0000081"), D("0.0000082"), D(10**9))}

    def stop(self) -> None:
        """Nothing runs."""

    @classmethod
    def end(cls) -> None:
        """Nothing is left."""

    def make(self, port: int, **_: Any) -> Any:
        """A broker over the file of this case."""
        self.store = open_paper_store(self.folder / "paper.sqlite")
        self.broker = PaperBroker(list(self.instruments.values()), SETUP, self.store, self)
        return self.broker

    def opened(self, broker: Any) -> None:
        """One bar has closed."""
        self.turn()

    def now_ns(self) -> int:
        return START_NS + self.minute * MINUTE_NS

    def advance(self, seconds: float) -> None:
        """Time passes without a bar, but for the one that ends a day."""
        later = self.minute + int(seconds // 60)
        if later // DAY_MINUTES != self.minute // DAY_MINUTES:
            self.minute = later // DAY_MINUTES * DAY_MINUTES - 1
            self.turn()
        self.minute = later

    def price(self, bid: Decimal, ask: Decimal, size: Decimal | None = None, instrument: str = "") -> None:
        self.quotes[instrument or self.instrument] = bid, ask, size or D(10)
        self.turn()

    def turn(self) -> None:
        """A bar closes at the present prices."""
        assert self.broker is not None
        self.minute += 1
        end = START_NS + self.minute * MINUTE_NS
        bars = [
            Bar(name, float(ask), float(ask), float(bid), float(bid), float(size), end) for name, (bid, ask, size) in self.quotes.items()
        ]
        self.broker.take(BarsClosed("1m", end, tuple(bars)))

    def placed(self, client_order_id: str) -> int:
        assert self.store is not None
        return int(self.store.order(client_order_id) is not None)

    def orders(self) -> int:
        assert self.store is not None
        return len(self.store.open_orders())

    secrets = ()


HOUSES = (Paper,)
