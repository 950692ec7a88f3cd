"""OANDA v20 at the local venue."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from tradewinds.brokers.oanda import OandaBroker
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import Side
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.oanda import ACCOUNT
from tradewinds.sandbox.server import Sandbox
from tradewinds.sandbox.venue_order import Quote
from tradewinds.wire.secret import Secret

D = Decimal
TOKEN = "sandbox-oanda-token"


class Oanda:
    """EUR_USD is bid 1.08000 and offered at 1.08014 on a Friday noon, a million of them."""

    name = "oanda"
    instrument = "EUR_USD.OANDA"
    base, currency = "EUR", "USD"
    lot, tick, size = D(1), D("0.00001"), D(100)
    bid, ask, far_bid, far_ask = D("1.08000"), D("1.08014"), D("1.05000"), D("1.11000")
    fine = (("EUR_USD.OANDA", D("1.23456"), D(1)), ("USD_JPY.OANDA", D("151.237"), D(7)))
    odd_price, odd_size = D("1.050001"), D("100.5")
    too_small, too_large = D("0.5"), D(200_000_000)
    poor_size = D(90_000_000)
    order_line = "POST /oanda/v3/accounts"
    stream_line = "/transactions/stream"
    says: ClassVar[dict[str, Any]] = {
        "refusal": (400, '{"errorCode": "UNITS_INVALID", "errorMessage": "no"}', "UNITS_INVALID"),
        "throttle": (429, '{"errorMessage": "slow down"}', "429"),
        "status": '{"order": {"id": "9", "createTime": "2025-03-14T12:34:56Z", "type": "LIMIT", "instrument": "EUR_USD", "units": "100", '
        '"price": "1.05", "timeInForce": "GTC", "state": "SLEEPING", "clientExtensions": {"id": "%s"}}, "lastTransactionID": "9"}',
    }
    REFUSES: ClassVar[dict[str, str]] = {
        "stop limit": "a price bound cancels instead of waiting", "trailing stop": "trailing stops are left out",
    }  # fmt: skip
    LACKS: ClassVar[dict[str, str]] = {
        "withdrawing key": "OANDA's interface has no withdrawal", "commission": "OANDA charges by the spread",
        "commission in base": "OANDA charges by the spread", "balances": "positions are kept by instrument",
        "clock": "requests carry no time",
    }  # fmt: skip
    _ended: ClassVar[list[Sandbox]] = []

    def start(self, folder: Path) -> None:
        """Begin a venue of its own."""
        self.running = Sandbox(SandboxConfig(seed=7, now_ns=parse("2025-03-14T12:34:56Z"))).start()
        self.instruments = {
            "EUR_USD.OANDA": Instrument("EUR_USD.OANDA", "fx", "USD", "fx", base="EUR", tick=self.tick, lot=self.lot),
            "USD_JPY.OANDA": Instrument("USD_JPY.OANDA", "fx", "JPY", "fx", base="USD", tick=D("0.001"), lot=self.lot),
        }
        self.price(self.bid, self.ask)

    @property
    def port(self) -> int:
        return int(self.running.urls["oanda"].split(":")[2].split("/")[0])

    def stop(self) -> None:
        """Ask the venue to end; it does while the next case begins."""
        self.running.request_stop()
        self.running.tws.stop()
        self._ended.append(self.running)

    @classmethod
    def end(cls) -> None:
        """Wait for every venue that was asked to end."""
        while cls._ended:
            cls._ended.pop().stop()

    def make(self, port: int, *, token: str = TOKEN, timeout_s: float = 5.0) -> Any:
        """A broker that speaks through a port."""
        url = f"http://127.0.0.1:{port}/oanda"
        return OandaBroker(
            account=ACCOUNT, token=Secret(token), instruments=self.instruments, clock=self.running.world.clock, random=random.Random(1),
            url=url, stream_url=url, timeout_s=timeout_s,
        )  # fmt: skip

    def opened(self, broker: Any) -> None:
        """Nothing is kept."""

    # The venue's own side

    @property
    def trading(self) -> Any:
        return self.running.world.trading["oanda"]

    def price(self, bid: Decimal, ask: Decimal, size: Decimal | None = None, instrument: str = "") -> None:
        offered = size or D(1_000_000)
        self.trading.set_quotes[(instrument or self.instrument).partition(".")[0]] = Quote(bid, ask, offered, offered)
        self.trading.tick()

    def turn(self) -> None:
        """What is on offer is there again."""
        self.trading.exchange.replenish()
        self.trading.tick()

    def by_hand(self, side: Side, quantity: Decimal, limit: Decimal | None = None) -> str:
        return str(self.trading.place_by_hand(ACCOUNT, "EUR_USD", quantity if side == "buy" else -quantity, limit).id)

    def cancel_by_hand(self, venue_order_id: str) -> None:
        self.trading.exchange.cancel(int(venue_order_id), "by hand")

    def placed(self, client_order_id: str) -> int:
        return len([one for one in self.trading.exchange.all_named(ACCOUNT, client_order_id) if one.status != "rejected"])

    def orders(self) -> int:
        return len([one for one in self.trading.exchange.orders.values() if one.status != "rejected"])

    def held(self) -> Decimal:
        return Decimal(self.trading.exchange.position(ACCOUNT, "EUR_USD"))

    def restart(self) -> None:
        self.trading.restart()

    def close_market(self) -> None:
        self.trading.is_open = lambda instrument: False

    def advance(self, seconds: float) -> None:
        self.running.world.clock.advance(seconds)

    def now_ns(self) -> int:
        return self.running.world.clock.now_ns()

    def revoke(self) -> None:
        self.trading.tokens.pop(TOKEN)

    bad_key: ClassVar[dict[str, str]] = {"token": "a-secret-nobody-may-see"}
    secrets = (TOKEN, "a-secret-nobody-may-see")


HOUSES = (Oanda,)
