"""Binance spot and USD-M futures at the local venues."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal

import tradewinds.brokers.ccxt_accounts as accounts
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import Side
from tradewinds.sandbox.binance_spot import spot_venue
from tradewinds.sandbox.binance_um import um_venue
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.server import Sandbox
from tradewinds.sandbox.venue_control import VenueControl
from tradewinds.wire.secret import Secret

D = Decimal
KEY = "sandbox-trading-key"
SECRET = "sandbox-trading-secret"


class Spot:
    """BTCUSDT is bid 60000.00 and offered at 60001.00, ten of them, whatever the seeded market says."""

    name = "binance"
    instrument = "BTCUSDT.BINANCE"
    base, currency = "BTC", "USDT"
    lot, tick, size = D("0.00001"), D("0.01"), D("0.01")
    bid, ask, far_bid, far_ask = D("60000.00"), D("60001.00"), D("55000.00"), D("65000.00")
    fine: tuple[tuple[str, Decimal, Decimal], ...] = (
        ("BTCUSDT.BINANCE", D("100000.01"), D("0.001")),
        ("PEPEUSDT.BINANCE", D("0.00000812"), D(10_000_000)),
    )
    odd_price, odd_size = D("55000.005"), D("0.0100001")
    too_small, too_large = D("0.00001"), D(9_500)
    poor_size = D("3")
    order_line = "POST /binance/api/v3/order"
    venue = "binance_spot"
    says: ClassVar[dict[str, Any]] = {
        "refusal": (400, '{"code": -1013, "msg": "Filter failure: NOTIONAL"}', "1013"),
        "throttle": (429, '{"code": -1003, "msg": "Too many requests."}', "1003"),
        "clock": (400, '{"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}', "1021"),
        "status": '{"orderId": 9, "symbol": "BTCUSDT", "clientOrderId": "%s", "status": "PENDING_SOMETHING", "executedQty": "0", '
        '"origQty": "0.01", "price": "55000", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "time": 1741955696000}',
    }
    REFUSES: ClassVar[dict[str, str]] = {
        "day": "Binance has no day orders", "trailing stop": "trailing stops are left out",
        "reduce only": "spot has no positions to reduce",
    }  # fmt: skip
    LACKS: ClassVar[dict[str, str]] = {"short": "a balance cannot be negative", "closed market": "it never closes"}
    kind: Literal["spot", "um"] = "spot"
    _markets: ClassVar[dict[str, Any]] = {}
    _ended: ClassVar[list[Sandbox]] = []

    def start(self, folder: Path) -> None:
        """Begin a venue of its own."""
        self.running = Sandbox(
            SandboxConfig(seed=7, now_ns=parse("2025-03-14T12:34:56Z"), weight_limit=1_000_000, symbols=("BTCUSDT", "ETHUSDT", "PEPEUSDT"))
        ).start()
        self.instruments = {
            f"BTCUSDT.{self.suffix}": Instrument(
                f"BTCUSDT.{self.suffix}", "spot" if self.kind == "spot" else "perpetual", "USDT", "24/7", base="BTC", tick=self.tick,
                lot=self.lot,
            ),
        }  # fmt: skip
        for name, price, _ in self.fine[1:]:
            self.instruments[name] = Instrument(name, "spot", "USDT", "24/7", base=name[:4], tick=D(1).scaleb(price.as_tuple().exponent))  # type: ignore[arg-type]  # a finite number's exponent is a number
        spot_venue(self.running.world)
        um_venue(self.running.world)
        self.price(self.bid, self.ask, D(10))

    @property
    def suffix(self) -> str:
        return self.instrument.partition(".")[2]

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

    def make(self, port: int, *, key: str = KEY, secret: str = SECRET, timeout_s: float = 5.0) -> Any:
        """A broker that speaks through a port."""
        shared: dict[str, Any] = {
            "key": Secret(key), "secret": Secret(secret), "instruments": self.instruments, "clock": self.running.world.clock,
            "random": random.Random(1), "timeout_s": timeout_s, "markets": self._markets.get(self.name),
        }  # fmt: skip
        root = f"http://127.0.0.1:{port}"
        return accounts.binance(url=f"{root}/binance", ws_url=f"ws://127.0.0.1:{port}/binance/ws-api/v3", **shared)

    def opened(self, broker: Any) -> None:
        """Keep what the venue said of its markets: the next broker need not ask again."""
        self._markets.setdefault(self.name, broker.exchange.markets)

    # The venue's own side

    @property
    def trading(self) -> Any:
        return self.running.world.trading[self.venue]

    def _act(self, action: str, **body: Any) -> dict[str, Any]:
        return VenueControl(self.running.world).act(self.venue, action, body)

    def price(self, bid: Decimal, ask: Decimal, size: Decimal | None = None, instrument: str = "") -> None:
        symbol = (instrument or self.instrument).partition(".")[0]
        self._act("price", symbol=symbol, bid=str(bid), ask=str(ask), bid_size=str(size or 10), ask_size=str(size or 10))

    def turn(self) -> None:
        """What is on offer is there again."""
        self._act("match")

    def by_hand(self, side: Side, quantity: Decimal, limit: Decimal | None = None) -> str:
        said = self._act("order", symbol="BTCUSDT", side=side, quantity=str(quantity), limit=None if limit is None else str(limit))
        return str(said["id"])

    def cancel_by_hand(self, venue_order_id: str) -> None:
        self._act("cancel", id=venue_order_id)

    def placed(self, client_order_id: str) -> int:
        return len(self.trading.exchange.all_named("main", client_order_id))

    def orders(self) -> int:
        return len(self.trading.exchange.orders)

    def held(self) -> Decimal:
        if self.kind == "spot":
            return Decimal(self.trading.wallet.total("main", "BTC"))
        return Decimal(self.trading.exchange.position("main", "BTCUSDT"))

    def restart(self) -> None:
        self._act("restart")

    def advance(self, seconds: float) -> None:
        self.running.world.clock.advance(seconds)

    def now_ns(self) -> int:
        return self.running.world.clock.now_ns()

    def revoke(self) -> None:
        self._act("revoke", key=KEY)

    bad_key: ClassVar[dict[str, str]] = {"key": "no-such-key-of-ours", "secret": "a-secret-nobody-may-see"}
    withdrawing: ClassVar[dict[str, str]] = {"key": "sandbox-withdraw-key", "secret": "sandbox-withdraw-secret"}
    secrets = (SECRET, "a-secret-nobody-may-see")


class Um(Spot):
    """The perpetual BTCUSDT at the same prices."""

    name = "binance_um"
    instrument = "BTCUSDT.BINANCE_UM"
    fine = (("BTCUSDT.BINANCE_UM", D("100000.01"), D("0.002")),)
    too_small, too_large = D("0.000001"), D(2_000)
    poor_size = D("9.9")
    order_line = "POST /binance-futures/fapi/v1/order"
    venue = "binance_um"
    kind = "um"
    REFUSES: ClassVar[dict[str, str]] = {
        "day": "Binance has no day orders", "trailing stop": "trailing stops are left out", "replace": "cancel, confirm, new",
        "stop": "kept as algo orders with ids of their own", "stop limit": "kept as algo orders with ids of their own",
        "take profit": "kept as algo orders with ids of their own",
    }  # fmt: skip
    LACKS: ClassVar[dict[str, str]] = {
        "closed market": "it never closes", "commission in base": "commissions are paid in USDT",
        "balances": "positions are kept by instrument",
    }  # fmt: skip

    def make(self, port: int, *, key: str = KEY, secret: str = SECRET, timeout_s: float = 5.0) -> Any:
        root = f"http://127.0.0.1:{port}"
        return accounts.binance_um(
            key=Secret(key), secret=Secret(secret), instruments=self.instruments, clock=self.running.world.clock, random=random.Random(1),
            timeout_s=timeout_s, markets=self._markets.get(self.name), url=f"{root}/binance-futures",
            stream_url=f"ws://127.0.0.1:{port}/binance-futures", key_url=f"{root}/binance",
        )  # fmt: skip


HOUSES = (Spot, Um)
