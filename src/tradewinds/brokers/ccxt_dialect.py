"""What is particular to an exchange among those that ccxt knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from tradewinds.brokers.ccxt_messages import Fields
from tradewinds.core.broker import BrokerCapability
from tradewinds.core.errors import Rejected
from tradewinds.core.order import OrderKind, TimeInForce

TIMES: frozenset[TimeInForce] = frozenset({"gtc", "ioc", "fok"})
PLAIN_KINDS: frozenset[OrderKind] = frozenset({"market", "limit"})
# Binance takes a request for five seconds after its time, and one second before it; the rest is for clocks that differ.
RECV_WINDOW_MS = 5_000
BINANCE_ABSENT_S = RECV_WINDOW_MS / 1000 + 2.0
OTHERS_ABSENT_S = 60.0


@dataclass(frozen=True, slots=True)
class Dialect:
    """market: ccxt's type of the markets that are traded. finds_by_client_id: orders, open or ended, are found by our id.

    counts_trades: trades have rising numbers and are asked for from one on; else they are asked for from a time on.
    has_time_window: requests carry a time that must be near the venue's. key_check: ccxt's name of the call that tells what a key may do.
    """

    exchange_id: str
    venue: str
    market: Literal["spot", "swap", "future"] = "spot"
    holds: Literal["balances", "positions"] = "balances"
    kinds: frozenset[OrderKind] = PLAIN_KINDS
    can_replace: bool = False
    has_reduce_only: bool = False
    finds_by_client_id: bool = False
    counts_trades: bool = False
    has_time_window: bool = False
    absent_after_s: float = OTHERS_ABSENT_S
    orders_per_second: float | None = None
    key_check: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    open_orders_params: Mapping[str, Any] = field(default_factory=dict)

    def capability(self, name: str) -> BrokerCapability:
        """What the core is told."""
        return BrokerCapability(
            name, self.venue, self.kinds, TIMES, self.can_replace, self.has_reduce_only, self.absent_after_s, self.holds,
            self.orders_per_second,
        )  # fmt: skip

    def takes(self, market: Fields) -> bool:
        """Whether a market is of the type that is traded."""
        is_linear = market.get("linear") is not False
        return market.get("type") == self.market and is_linear

    def after(self, cursor: str) -> tuple[dict[str, Any], int | None]:
        """How trades after a cursor are asked for: extra parameters, and the time in milliseconds."""
        if not cursor:
            return {}, None
        if not cursor.isdigit():
            raise Rejected(f"cursor {cursor[:40]!r}, expected a number")
        return ({"fromId": int(cursor) + 1}, None) if self.counts_trades else ({}, int(cursor))

    def later(self, cursor: str, trade: Fields) -> str:
        """The cursor behind a trade."""
        at = trade.get("id") if self.counts_trades else trade.get("timestamp")
        return str(max(int(cursor or 0), int(at or 0)))

    def first(self, now_ns: int) -> str:
        """The cursor of an instrument that was never traded."""
        return "0" if self.counts_trades else str(now_ns // 1_000_000)

    async def positions(self, exchange: Any) -> list[Fields]:
        """Positions with symbol, contracts and side."""
        if self.exchange_id != "binanceusdm":
            found: list[Fields] = await exchange.fetch_positions()
            return found
        # ccxt's own way also asks for every leverage bracket.
        rows = await exchange.fapiPrivateV3GetPositionRisk()
        sizes = [(str(row["symbol"]), Decimal(str(row["positionAmt"]))) for row in rows]
        return [{"symbol": name, "contracts": str(abs(size)), "side": "long" if size > 0 else "short"} for name, size in sizes]


BINANCE = Dialect(
    "binance", "BINANCE", kinds=frozenset({"market", "limit", "stop", "stop_limit", "take_profit"}), can_replace=True,
    finds_by_client_id=True, counts_trades=True, has_time_window=True, absent_after_s=BINANCE_ABSENT_S, orders_per_second=10.0,
    key_check="sapiGetAccountApiRestrictions",
    options={
        "fetchMarkets": {"types": ["spot"]}, "fetchMargins": False, "defaultType": "spot", "recvWindow": RECV_WINDOW_MS,
        "warnOnFetchOpenOrdersWithoutSymbol": False,
    },
)  # fmt: skip
BINANCE_UM = Dialect(
    "binanceusdm", "BINANCE_UM", market="swap", holds="positions", has_reduce_only=True, finds_by_client_id=True, counts_trades=True,
    has_time_window=True, absent_after_s=BINANCE_ABSENT_S, orders_per_second=20.0, key_check="sapiGetAccountApiRestrictions",
    options={
        "fetchMarkets": {"types": ["linear"]}, "recvWindow": RECV_WINDOW_MS, "warnOnFetchOpenOrdersWithoutSymbol": False,
        "disableFuturesSandboxWarning": True,
    },
)  # fmt: skip


def dialect_of(exchange_id: str, market: Literal["spot", "swap"] = "spot") -> Dialect:
    """How an exchange is spoken to; one of which nothing particular is known is spoken to plainly."""
    if exchange_id == "binance" and market == "spot":
        return BINANCE
    if exchange_id == "binanceusdm" or exchange_id == "binance":
        return BINANCE_UM
    options = {"defaultType": market}
    venue = exchange_id.upper() if market == "spot" else f"{exchange_id.upper()}_{market.upper()}"
    return Dialect(
        exchange_id, venue, market, "balances" if market == "spot" else "positions", has_reduce_only=market != "spot", options=options
    )
