"""Account addresses of the Binance spot venue: balances, commissions, counts, and what a key may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from tradewinds.sandbox.binance_desk import ORDERS_10S, ORDERS_DAY, Asked, OrderCount
from tradewinds.sandbox.binance_filters import Rules
from tradewinds.sandbox.binance_orders import eight
from tradewinds.sandbox.spot_wallet import SpotWallet
from tradewinds.sandbox.world import World

FEE = Decimal("0.001")


class SpotAccount:
    """Calls of endpoints about one account."""

    def __init__(self, world: World, wallet: SpotWallet, rules: Callable[[str], Rules], counts: Mapping[str, OrderCount]) -> None:
        self._world = world
        self._wallet = wallet
        self._rules = rules
        self._counts = counts

    def account(self, asked: Asked) -> dict[str, Any]:
        assert asked.key is not None
        held = self._wallet.totals.get(asked.account, {})
        omits = asked.params.get("omitZeroBalances") == "true"
        rate = eight(FEE)
        return {
            "makerCommission": 10,
            "takerCommission": 10,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {"maker": rate, "taker": rate, "buyer": "0.00000000", "seller": "0.00000000"},
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": asked.time(asked.now_ns),
            "accountType": "SPOT",
            "balances": [
                {
                    "asset": asset,
                    "free": eight(self._wallet.free(asked.account, asset)),
                    "locked": eight(self._wallet.locked(asked.account, asset)),
                }
                for asset, total in held.items()
                if total or not omits
            ],
            "permissions": ["SPOT"],
            "uid": 354_937_868 + len(asked.account),
        }

    def commission(self, asked: Asked) -> dict[str, Any]:
        rate, none = eight(FEE), eight(Decimal(0))
        nothing = {"maker": none, "taker": none, "buyer": none, "seller": none}
        return {
            "symbol": self._rules(asked.text("symbol")).symbol,
            "standardCommission": {"maker": rate, "taker": rate, "buyer": none, "seller": none},
            "specialCommission": nothing,
            "taxCommission": nothing,
            "discount": {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": "0.75000000"},
        }

    def order_counts(self, asked: Asked) -> list[dict[str, Any]]:
        count, now_s = self._counts.get(asked.account, OrderCount()), asked.now_ns // 1_000_000_000
        short = count.short if count.window == now_s // 10 else 0
        long = count.long if count.day == now_s // 86_400 else 0
        return [
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": ORDERS_10S, "count": short},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": ORDERS_DAY, "count": long},
        ]

    def restrictions(self, asked: Asked) -> dict[str, Any]:
        assert asked.key is not None
        scopes = asked.key.scopes
        trades = "trade" in scopes or "cancel" in scopes
        return {
            "ipRestrict": True,
            "createTime": 1_698_645_219_000,
            "enableReading": "read" in scopes,
            "enableWithdrawals": "withdraw" in scopes,
            "enableInternalTransfer": "withdraw" in scopes,
            "enableMargin": False,
            "enableFutures": trades,
            "permitsUniversalTransfer": "withdraw" in scopes,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": trades,
            "enablePortfolioMarginTrading": False,
        }

    def coins(self, asked: Asked) -> list[dict[str, Any]]:
        assets = sorted(
            {asset for symbol in self._world.source.symbols("spot") for asset in (self._rules(symbol).base, self._rules(symbol).quote)}
        )
        return [
            {
                "coin": asset,
                "depositAllEnable": True,
                "free": eight(self._wallet.free(asked.account, asset)),
                "locked": eight(self._wallet.locked(asked.account, asset)),
                "freeze": "0",
                "ipoable": "0",
                "ipoing": "0",
                "isLegalMoney": False,
                "name": asset,
                "networkList": [],
                "storage": "0",
                "trading": True,
                "withdrawAllEnable": True,
                "withdrawing": "0",
            }
            for asset in assets
        ]

    def trade_fee(self, asked: Asked) -> list[dict[str, Any]]:
        symbol = asked.params.get("symbol")
        chosen = [self._rules(symbol).symbol] if symbol else list(self._world.source.symbols("spot"))
        return [{"symbol": each, "makerCommission": "0.001", "takerCommission": "0.001"} for each in chosen]
