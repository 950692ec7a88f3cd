"""Account addresses of the USD-M futures venue: balances, positions, leverage, income."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradewinds.core.instant import NS_PER_DAY
from tradewinds.sandbox.binance_desk import Asked
from tradewinds.sandbox.binance_filters import Rules
from tradewinds.sandbox.binance_history import rows_wanted, within
from tradewinds.sandbox.binance_questions import Refused
from tradewinds.sandbox.exchange import ZERO, Exchange
from tradewinds.sandbox.um_margin import ASSET, LEVERAGE_MAX, MAINTENANCE, Held, UmMargin
from tradewinds.sandbox.world import World

NOTIONAL_MAX = 1_000_000


class UmAccount:
    """Calls of endpoints about one account's money and positions."""

    def __init__(self, world: World, exchange: Exchange, margin: UmMargin, rules: Callable[[str], Rules]) -> None:
        self._world = world
        self._exchange = exchange
        self._margin = margin
        self._rules = rules

    def balance(self, asked: Asked) -> list[dict[str, Any]]:
        """/fapi/v3/balance."""
        gained = sum((one.unrealised for one in self._margin.held(asked.account)), ZERO)
        wallet, free = self._margin.wallet(asked.account), self._margin.available(asked.account)
        return [
            {
                "accountAlias": "SgsR",
                "asset": ASSET,
                "balance": eight(wallet),
                "crossWalletBalance": eight(wallet),
                "crossUnPnl": eight(gained),
                "availableBalance": eight(free),
                "maxWithdrawAmount": eight(min(free, wallet)),
                "marginAvailable": True,
                "updateTime": asked.time(asked.now_ns),
            }
        ]

    def account_v3(self, asked: Asked) -> dict[str, Any]:
        """/fapi/v3/account: only positions that are held."""
        return {
            **self._totals(asked),
            "assets": [self._asset(asked)],
            "positions": [self._position(one, asked) for one in self._held(asked)],
        }

    def account_v2(self, asked: Asked) -> dict[str, Any]:
        """/fapi/v2/account: every symbol has a position."""
        flags = {"feeTier": 0, "feeBurn": False, "canTrade": True, "canDeposit": True, "canWithdraw": True, "updateTime": 0}
        flags |= {"multiAssetsMargin": False, "tradeGroupId": -1}
        positions = []
        for symbol in self._world.source.symbols("um"):
            one = self._margin.position(asked.account, symbol)
            positions.append(
                {
                    **self._position(one, asked),
                    "positionInitialMargin": eight(one.margin),
                    "openOrderInitialMargin": "0",
                    "leverage": str(one.leverage),
                    "isolated": self._margin.is_isolated.get((asked.account, symbol), False),
                    "entryPrice": plain(one.entry),
                    "breakEvenPrice": plain(one.entry),
                    "maxNotional": str(NOTIONAL_MAX),
                    "bidNotional": "0",
                    "askNotional": "0",
                }
            )
        return {**flags, **self._totals(asked), "assets": [self._asset(asked)], "positions": positions}

    def risk_v3(self, asked: Asked) -> list[dict[str, Any]]:
        """/fapi/v3/positionRisk: positions that are held, or symbols with orders."""
        symbol = asked.params.get("symbol")
        ordered = {one.symbol for one in self._exchange.working(asked.account)}
        symbols = {one.symbol for one in self._held(asked)} | ordered
        return [self._risk(asked, each) for each in sorted(symbols) if symbol in (None, "", each)]

    def risk_v2(self, asked: Asked) -> list[dict[str, Any]]:
        """/fapi/v2/positionRisk: every symbol."""
        symbol = asked.params.get("symbol")
        chosen = [self._rules(symbol).symbol] if symbol else list(self._world.source.symbols("um"))
        found = []
        for each in chosen:
            one = self._risk(asked, each)
            isolated = self._margin.is_isolated.get((asked.account, each), False)
            found.append(
                {
                    **one,
                    "leverage": str(self._margin.leverage_of(asked.account, each)),
                    "maxNotionalValue": str(NOTIONAL_MAX),
                    "marginType": "isolated" if isolated else "cross",
                    "isAutoAddMargin": "false",
                }
            )
        return found

    def config(self, asked: Asked) -> dict[str, Any]:
        """/fapi/v1/accountConfig."""
        return {
            "feeTier": 0,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "dualSidePosition": False,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }

    def symbol_config(self, asked: Asked) -> list[dict[str, Any]]:
        """/fapi/v1/symbolConfig."""
        symbol = asked.params.get("symbol")
        return [
            {
                "symbol": each,
                "marginType": "ISOLATED" if self._margin.is_isolated.get((asked.account, each)) else "CROSSED",
                "isAutoAddMargin": False,
                "leverage": self._margin.leverage_of(asked.account, each),
                "maxNotionalValue": str(NOTIONAL_MAX),
            }
            for each in ([self._rules(symbol).symbol] if symbol else self._world.source.symbols("um"))
        ]

    def brackets(self, asked: Asked) -> Any:
        """/fapi/v1/leverageBracket: one bracket for every symbol."""
        symbol = asked.params.get("symbol")
        bracket = {
            "bracket": 1,
            "initialLeverage": LEVERAGE_MAX,
            "notionalCap": NOTIONAL_MAX,
            "notionalFloor": 0,
            "maintMarginRatio": float(MAINTENANCE),
            "cum": 0.0,
        }
        rows = [
            {"symbol": each, "notionalCoef": 1.0, "brackets": [bracket]}
            for each in ([self._rules(symbol).symbol] if symbol else self._world.source.symbols("um"))
        ]
        return rows[0] if symbol else rows

    def income(self, asked: Asked) -> list[dict[str, Any]]:
        """/fapi/v1/income."""
        symbol, kind = asked.params.get("symbol"), asked.params.get("incomeType")
        found = [one for one in self._margin.incomes if one.account == asked.account]
        found = [one for one in found if symbol in (None, "", one.symbol) and kind in (None, "", one.kind)]
        found = within(asked, found, lambda one: one.at_ns, 7 * NS_PER_DAY, "Data sent for parameter 'startTime' is not valid.")
        return [
            {
                "symbol": one.symbol,
                "incomeType": one.kind,
                "income": eight(one.amount),
                "asset": ASSET,
                "info": one.kind,
                "time": asked.time(one.at_ns),
                "tranId": one.id,
                "tradeId": str(one.trade_id or ""),
            }
            for one in found[-rows_wanted(asked) :]
        ]

    def set_leverage(self, asked: Asked) -> dict[str, Any]:
        """POST /fapi/v1/leverage."""
        symbol, leverage = self._rules(asked.text("symbol")).symbol, asked.number("leverage")
        if leverage is None or not 1 <= leverage <= LEVERAGE_MAX:
            raise Refused(-4028, f"Leverage {leverage} is not valid")
        self._margin.leverage[asked.account, symbol] = leverage
        self._margin.recount(asked.account, symbol)
        return {"leverage": leverage, "maxNotionalValue": str(NOTIONAL_MAX), "symbol": symbol}

    def set_margin_type(self, asked: Asked) -> dict[str, Any]:
        """POST /fapi/v1/marginType: kept and shown; margin is counted as cross all the same."""
        symbol, name = self._rules(asked.text("symbol")).symbol, asked.text("marginType")
        if name not in ("ISOLATED", "CROSSED"):
            raise Refused(-4047, "Margin type cannot be changed: expected ISOLATED or CROSSED.")
        key = asked.account, symbol
        if self._margin.is_isolated.get(key, False) == (name == "ISOLATED"):
            raise Refused(-4046, "No need to change margin type.")
        if self._exchange.position(*key) or self._exchange.working(*key):
            raise Refused(-4048, "Margin type cannot be changed if there exists position.")
        self._margin.is_isolated[key] = name == "ISOLATED"
        return {"code": 200, "msg": "success"}

    def _held(self, asked: Asked) -> list[Held]:
        return self._margin.held(asked.account)

    def _totals(self, asked: Asked) -> dict[str, Any]:
        held, ordered = self._held(asked), self._margin.ordered(asked.account)
        wallet, free = self._margin.wallet(asked.account), self._margin.available(asked.account)
        used = sum((one.margin for one in held), ZERO)
        gained = sum((one.unrealised for one in held), ZERO)
        kept = sum((abs(one.notional) * MAINTENANCE for one in held), ZERO)
        return {
            "totalInitialMargin": eight(used + ordered),
            "totalMaintMargin": eight(kept),
            "totalWalletBalance": eight(wallet),
            "totalUnrealizedProfit": eight(gained),
            "totalMarginBalance": eight(wallet + gained),
            "totalPositionInitialMargin": eight(used),
            "totalOpenOrderInitialMargin": eight(ordered),
            "totalCrossWalletBalance": eight(wallet),
            "totalCrossUnPnl": eight(gained),
            "availableBalance": eight(free),
            "maxWithdrawAmount": eight(min(free, wallet)),
        }

    def _asset(self, asked: Asked) -> dict[str, Any]:
        totals = self._totals(asked)
        names = {
            "walletBalance": "totalWalletBalance",
            "unrealizedProfit": "totalUnrealizedProfit",
            "marginBalance": "totalMarginBalance",
            "maintMargin": "totalMaintMargin",
            "initialMargin": "totalInitialMargin",
            "positionInitialMargin": "totalPositionInitialMargin",
            "openOrderInitialMargin": "totalOpenOrderInitialMargin",
            "crossWalletBalance": "totalCrossWalletBalance",
            "crossUnPnl": "totalCrossUnPnl",
            "availableBalance": "availableBalance",
            "maxWithdrawAmount": "maxWithdrawAmount",
        }
        shown = {name: totals[total] for name, total in names.items()}
        return {"asset": ASSET, **shown, "marginAvailable": True, "updateTime": asked.time(asked.now_ns)}

    def _position(self, one: Held, asked: Asked) -> dict[str, Any]:
        return {
            "symbol": one.symbol,
            "positionSide": "BOTH",
            "positionAmt": plain(one.quantity),
            "unrealizedProfit": eight(one.unrealised),
            "isolatedMargin": "0",
            "notional": eight(one.notional),
            "isolatedWallet": "0",
            "initialMargin": eight(one.margin),
            "maintMargin": eight(abs(one.notional) * MAINTENANCE),
            "updateTime": asked.time(asked.now_ns),
        }

    def _risk(self, asked: Asked, symbol: str) -> dict[str, Any]:
        one = self._margin.position(asked.account, symbol)
        return {
            "symbol": symbol,
            "positionSide": "BOTH",
            "positionAmt": plain(one.quantity),
            "entryPrice": plain(one.entry),
            "breakEvenPrice": plain(one.entry),
            "markPrice": eight(one.mark),
            "unRealizedProfit": eight(one.unrealised),
            "liquidationPrice": "0",
            "isolatedMargin": "0",
            "notional": eight(one.notional),
            "marginAsset": ASSET,
            "isolatedWallet": "0",
            "initialMargin": eight(one.margin),
            "maintMargin": eight(abs(one.notional) * MAINTENANCE),
            "positionInitialMargin": eight(one.margin),
            "openOrderInitialMargin": "0",
            "adl": 1,
            "bidNotional": "0",
            "askNotional": "0",
            "updateTime": asked.time(asked.now_ns),
        }


def eight(value: Decimal) -> str:
    """Text with eight decimals."""
    return f"{value:.8f}"


def plain(value: Decimal) -> str:
    """A number as short as it is, without an exponent."""
    return f"{value.normalize():f}" if value else "0"
