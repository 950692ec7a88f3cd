"""exchangeInfo of the spot and USD-M venues: symbols, their filters, and the rate limits."""

from __future__ import annotations

import json
from typing import Any

from tradewinds.sandbox.bars import DAY_MS
from tradewinds.sandbox.binance_questions import Question, Refused, is_future
from tradewinds.sandbox.listings import Listing
from tradewinds.sandbox.world import World

_SPOT_ORDERS = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]
_FUTURES_ORDERS = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"]
_TRADE_PREVENTION = ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"]
_NEVER_MS = 4_133_404_800_000


def spot_info(question: Question) -> dict[str, Any]:
    """The answer of /api/v3/exchangeInfo."""
    world = question.world
    pairs = question.pairs()
    status = question.params.get("symbolStatus")
    if status is not None and pairs is not None:
        raise Refused(-1128, "Combination of optional parameters invalid.")
    if status not in (None, "TRADING", "HALT", "BREAK"):
        raise Refused(-1130, "Data sent for parameter 'symbolStatus' is not valid.")
    if not _wants_spot(question):
        pairs = []
    shown = pairs if pairs is not None else listed(world, question)
    with_sets = question.params.get("showPermissionSets", "true") != "false"
    symbols = [_spot_symbol(world, pair, with_sets=with_sets) for pair in shown]
    return {
        "timezone": "UTC",
        "serverTime": world.clock.now_ms(),
        "rateLimits": [
            _rate("REQUEST_WEIGHT", "MINUTE", 1, world.config.weight_limit),
            _rate("ORDERS", "SECOND", 10, 100),
            _rate("ORDERS", "DAY", 1, 200_000),
            _rate("RAW_REQUESTS", "MINUTE", 5, 300_000),
        ],
        "exchangeFilters": [],
        "symbols": [each for each in symbols if status is None or each["status"] == status],
    }


def futures_info(question: Question) -> dict[str, Any]:
    """The answer of /fapi/v1/exchangeInfo."""
    world = question.world
    return {
        "timezone": "UTC",
        "serverTime": world.clock.now_ms(),
        "futuresType": "U_MARGINED",
        "rateLimits": [
            _rate("REQUEST_WEIGHT", "MINUTE", 1, 2400),
            _rate("ORDERS", "MINUTE", 1, 1200),
            _rate("ORDERS", "SECOND", 10, 300),
        ],
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [_futures_symbol(world, pair) for pair in listed(world, question)],
    }


def listed(world: World, question: Question) -> list[Listing]:
    """Every pair that is listed by the venue's clock, delisted ones included."""
    found = (world.source.listing(symbol, question.kind) for symbol in world.source.symbols(question.kind))
    return [pair for pair in found if pair is not None and not is_future(world, pair)]


def status_of(world: World, pair: Listing) -> str:
    """TRADING, or BREAK once it is delisted."""
    over = pair.end is not None and (pair.end.toordinal() - 719_162) * DAY_MS <= world.clock.now_ms()
    return "BREAK" if over else "TRADING"


def _wants_spot(question: Question) -> bool:
    text = question.params.get("permissions")
    if text is None:
        return True
    try:
        wanted = json.loads(text) if text.startswith("[") else [text]
    except ValueError:
        raise Refused(-1130, "Data sent for parameter 'permissions' is not valid.") from None
    return "SPOT" in wanted


def _rate(kind: str, interval: str, count: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": limit}


def _spot_symbol(world: World, pair: Listing, *, with_sets: bool) -> dict[str, Any]:
    is_dollar = pair.quote in ("USDT", "USDC", "FDUSD")
    minimum = "5.00000000" if is_dollar else "0.00010000"
    groups = [["SPOT", "MARGIN", "TRD_GRP_004", "TRD_GRP_005"]]
    return {
        "symbol": pair.symbol,
        "status": status_of(world, pair),
        "baseAsset": pair.base,
        "baseAssetPrecision": 8,
        "quoteAsset": pair.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": _SPOT_ORDERS,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": is_dollar,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": eight(pair.tick), "maxPrice": eight(pair.tick * 1e8), "tickSize": eight(pair.tick)},
            {"filterType": "LOT_SIZE", "minQty": eight(pair.lot), "maxQty": eight(pair.lot * 9e8), "stepSize": eight(pair.lot)},
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": eight(pair.lot * 3e7), "stepSize": "0.00000000"},
            {
                "filterType": "TRAILING_DELTA",
                "minTrailingAboveDelta": 10,
                "maxTrailingAboveDelta": 2000,
                "minTrailingBelowDelta": 10,
                "maxTrailingBelowDelta": 2000,
            },
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": "5",
                "bidMultiplierDown": "0.2",
                "askMultiplierUp": "5",
                "askMultiplierDown": "0.2",
                "avgPriceMins": 5,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": minimum,
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
            {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
        ],
        "permissions": [],
        "permissionSets": groups if with_sets else [],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": _TRADE_PREVENTION,
    }


def _futures_symbol(world: World, pair: Listing) -> dict[str, Any]:
    born = (pair.start.toordinal() - 719_163) * DAY_MS
    is_over = status_of(world, pair) != "TRADING"
    ends = (pair.end.toordinal() - 719_162) * DAY_MS if pair.end and is_over else _NEVER_MS
    tick, lot = f"{pair.tick:.{pair.price_decimals}f}", f"{pair.lot:.{pair.quantity_decimals}f}"
    return {
        "symbol": pair.symbol,
        "pair": pair.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": ends,
        "onboardDate": born,
        "status": "SETTLING" if is_over else "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": pair.base,
        "quoteAsset": pair.quote,
        "marginAsset": pair.quote,
        "pricePrecision": pair.price_decimals,
        "quantityPrecision": pair.quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": f"{pair.tick * 1e8:.0f}", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": f"{pair.lot * 1e8:.0f}", "stepSize": lot},
            {"filterType": "MARKET_LOT_SIZE", "minQty": lot, "maxQty": f"{pair.lot * 1e7:.0f}", "stepSize": lot},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500", "multiplierDecimal": "4"},
        ],
        "orderTypes": _FUTURES_ORDERS,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def eight(value: float) -> str:
    """Text with the eight decimals that the spot venue always shows."""
    return f"{value:.8f}"
