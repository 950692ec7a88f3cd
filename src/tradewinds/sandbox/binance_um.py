"""The Binance USD-M futures venue that trades: orders, margin, positions, funding, and its user data stream by listen keys.

    venue = um_venue(world)     the venue of a world; the application and a campaign get the same one
    venue.exchange              the truth, for an oracle; venue.margin: the wallets

One-way positions and cross margin; hedge mode is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradewinds.core.instant import NS_PER_DAY
from tradewinds.core.order import Side
from tradewinds.sandbox import binance_futures
from tradewinds.sandbox.binance_desk import Asked, Denied, Desk, Endpoint
from tradewinds.sandbox.binance_filters import ALGO_ORDERS_MAX, ORDERS_MAX, Rules, futures_rules
from tradewinds.sandbox.binance_history import named_order, rows_wanted, within
from tradewinds.sandbox.binance_questions import Question as MarketQuestion
from tradewinds.sandbox.binance_questions import Refused
from tradewinds.sandbox.binance_um_account import UmAccount
from tradewinds.sandbox.binance_um_algo import all_algo, cancelled_algo, found_algo, new_algo, open_algo
from tradewinds.sandbox.binance_um_changes import batch, batch_cancelled, modified
from tradewinds.sandbox.binance_um_orders import check_um, is_plain, shown, trade, um_order
from tradewinds.sandbox.binance_um_user import ListenKeys
from tradewinds.sandbox.conversation import Answer, Close, Question, Send, Talk
from tradewinds.sandbox.exchange import Exchange
from tradewinds.sandbox.keys import KeyRing
from tradewinds.sandbox.limits import WeightBudget
from tradewinds.sandbox.perpetual import FUNDING_MS, funding
from tradewinds.sandbox.prices import Prices
from tradewinds.sandbox.um_margin import ASSET, UmMargin
from tradewinds.sandbox.venue_order import VenueOrder
from tradewinds.sandbox.world import World

NAME = "binance_um"
MAKER, TAKER = Decimal("0.0002"), Decimal("0.0005")
ORDERS_10S = 300
WEIGHT_OUT_OF_THE_WAY = 100_000
_EIGHT = Decimal("0.00000001")
_SPAN = "Data sent for parameter 'startTime' is not valid."


def um_venue(world: World) -> BinanceUm:
    """The futures venue of a world, made when it is first asked for."""
    found = world.trading.get(NAME)
    if found is None:
        found = world.trading[NAME] = BinanceUm(world)
    assert isinstance(found, BinanceUm)
    return found


class BinanceUm:
    """`conversation.Venue`. Deterministic, single-threaded."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.prices = Prices(world, "um")
        self.keys = KeyRing(world.config.api_keys)
        self.exchange = Exchange(world.clock.now_ns, self.prices.quote, _fee, world.config.order_id_first)
        balances = world.config.futures_balances
        self.margin = UmMargin(
            self.exchange, {account: {asset: Decimal(amount) for asset, amount in held.items()} for account, held in balances.items()}
        )
        self.account = UmAccount(world, self.exchange, self.margin, self.rules)
        # Raised far above the spot venue's own limit, it is meant to be out of the way here too.
        asked = world.config.weight_limit
        limit = asked if asked >= WEIGHT_OUT_OF_THE_WAY else min(binance_futures.WEIGHT_LIMIT, asked)
        self.desk = Desk(world, self.keys, WeightBudget(limit, world.monotonic), {}, orders_10s=ORDERS_10S)
        self.listeners = ListenKeys(self.exchange, self.margin, self.desk, self.rules)
        self.desk.endpoints.update(self._table())
        self._rules: dict[str, Rules] = {}
        self._made = 0
        self._funded = world.clock.now_ms() // FUNDING_MS
        self._cancel_at: dict[tuple[str, str], int] = {}

    def answer(self, question: Question) -> Answer:
        """The answer to one request; what rests is matched first."""
        self.tick()
        return self.desk.answer(question)

    def talk(self, question: Question, send: Send, close: Close) -> Talk | Answer:
        """Open the user data stream of a listen key, wherever in the address it stands."""
        return self.listeners.open(question, send, close)

    def tick(self) -> None:
        """Match, pay funding, and do what was promised for this time."""
        self.exchange.match()
        now_ms = self.world.clock.now_ms()
        if self._funded != now_ms // FUNDING_MS:
            self._fund(now_ms)
        for (account, symbol), at_ms in list(self._cancel_at.items()):
            if at_ms <= now_ms:
                del self._cancel_at[account, symbol]
                self._cancel_all_of(account, symbol, only_algo=None)
        self.listeners.tick()

    def restart(self, *, says_so: bool = False) -> None:
        """Hang up on everybody, as when the venue restarts; orders stay."""
        self.listeners.hang_up()

    def revoke(self, key: str) -> bool:
        """Accept a key no longer; False where it was unknown."""
        return self.keys.revoke(key)

    def deposit(self, account: str, asset: str, amount: Decimal) -> None:
        """Transfer the margin asset in, out when negative; the account is told."""
        if asset != ASSET:
            raise Refused(-4000, f"deposit of {asset}, expected {ASSET}")
        self.margin.credit(account, "", "TRANSFER", amount)
        self.listeners.tell_account(account, "DEPOSIT" if amount > 0 else "WITHDRAW", (), amount)

    def rules(self, symbol: str) -> Rules:
        """The numbers of a perpetual; raises -1121 where there is none."""
        found = self._rules.get(symbol)
        if found is None:
            pair = MarketQuestion(self.world, {}, {}, "um").pair(symbol)
            found = self._rules[symbol] = futures_rules(self.world, pair)
        return found

    def place_by_hand(self, account: str, symbol: str, side: Side, quantity: Decimal, limit: Decimal | None = None) -> VenueOrder:
        """An order that a person makes at the venue's own page."""
        order = VenueOrder(
            account, f"web_{self._make_id()}", symbol, side, "limit" if limit else "market", quantity, limit, by_hand=True,
            extra={"type": "LIMIT" if limit else "MARKET", "tif": "GTC"},
        )  # fmt: skip
        if not self.margin.can_pay(order):
            raise Refused(-2019, "Margin is insufficient.")
        return self.exchange.place(order)

    def _table(self) -> dict[tuple[str, str], Endpoint]:
        one = self.account
        table = {
            ("POST", "/fapi/v1/order"): Endpoint(self.new, need="cancel", is_order=True),
            ("POST", "/fapi/v1/order/test"): Endpoint(self._test, need="cancel"),
            ("GET", "/fapi/v1/order"): Endpoint(self._query),
            ("DELETE", "/fapi/v1/order"): Endpoint(self.cancel, need="cancel"),
            ("PUT", "/fapi/v1/order"): Endpoint(lambda asked: modified(self, asked), need="trade", is_order=True),
            ("POST", "/fapi/v1/batchOrders"): Endpoint(lambda asked: batch(self, asked), 5, need="cancel", is_order=True),
            ("DELETE", "/fapi/v1/batchOrders"): Endpoint(lambda asked: batch_cancelled(self, asked), need="cancel"),
            ("DELETE", "/fapi/v1/allOpenOrders"): Endpoint(lambda asked: self._cancel_all(asked, only_algo=False), need="cancel"),
            ("POST", "/fapi/v1/countdownCancelAll"): Endpoint(self._countdown, 10, need="cancel"),
            ("GET", "/fapi/v1/openOrder"): Endpoint(self._query_open),
            ("GET", "/fapi/v1/openOrders"): Endpoint(self._open, _all_or_one),
            ("GET", "/fapi/v1/allOrders"): Endpoint(self._all, 5),
            ("GET", "/fapi/v1/userTrades"): Endpoint(self._trades, 5),
            ("POST", "/fapi/v1/algoOrder"): Endpoint(lambda asked: new_algo(self, asked), need="cancel", is_order=True),
            ("GET", "/fapi/v1/algoOrder"): Endpoint(lambda asked: found_algo(self, asked)),
            ("DELETE", "/fapi/v1/algoOrder"): Endpoint(lambda asked: cancelled_algo(self, asked), need="cancel"),
            ("GET", "/fapi/v1/openAlgoOrders"): Endpoint(
                lambda asked: open_algo(self, asked), lambda asked: 1 if asked.params.get("symbol") else 40
            ),
            ("GET", "/fapi/v1/allAlgoOrders"): Endpoint(lambda asked: all_algo(self, asked), 5),
            ("DELETE", "/fapi/v1/algoOpenOrders"): Endpoint(lambda asked: self._cancel_all(asked, only_algo=True), need="cancel"),
            ("GET", "/fapi/v2/balance"): Endpoint(one.balance, 5),
            ("GET", "/fapi/v3/balance"): Endpoint(one.balance, 5),
            ("GET", "/fapi/v2/account"): Endpoint(one.account_v2, 5),
            ("GET", "/fapi/v3/account"): Endpoint(one.account_v3, 5),
            ("GET", "/fapi/v2/positionRisk"): Endpoint(one.risk_v2, 5),
            ("GET", "/fapi/v3/positionRisk"): Endpoint(one.risk_v3, 5),
            ("GET", "/fapi/v1/accountConfig"): Endpoint(one.config, 5),
            ("GET", "/fapi/v1/symbolConfig"): Endpoint(one.symbol_config, 5),
            ("GET", "/fapi/v1/leverageBracket"): Endpoint(one.brackets),
            ("GET", "/fapi/v1/commissionRate"): Endpoint(self._commission, 20),
            ("GET", "/fapi/v1/income"): Endpoint(one.income, 30),
            ("POST", "/fapi/v1/leverage"): Endpoint(one.set_leverage, need="trade"),
            ("POST", "/fapi/v1/marginType"): Endpoint(one.set_margin_type, need="trade"),
            ("GET", "/fapi/v1/positionSide/dual"): Endpoint(lambda asked: {"dualSidePosition": False}, 30),
            ("POST", "/fapi/v1/positionSide/dual"): Endpoint(_dual, need="trade"),
            ("GET", "/fapi/v1/multiAssetsMargin"): Endpoint(lambda asked: {"multiAssetsMargin": False}, 30),
            ("POST", "/fapi/v1/listenKey"): Endpoint(self.listeners.start, is_signed=False),
            ("PUT", "/fapi/v1/listenKey"): Endpoint(self.listeners.keep, is_signed=False),
            ("DELETE", "/fapi/v1/listenKey"): Endpoint(self.listeners.drop, is_signed=False),
        }
        for path, (call, weight) in binance_futures.endpoints().items():
            table["GET", f"/fapi/v1/{path}"] = Endpoint(self._market(call), self._market_weight(weight), need=None)
        return table

    def checked(self, asked: Asked, *, is_algo: bool) -> VenueOrder:
        """The order that the parameters describe, once every rule lets it pass; it is not placed yet."""
        rules = self.rules(asked.text("symbol"))
        quote = self.prices.quote(rules.symbol)
        order = um_order(asked, rules, self._make_id(), is_algo=is_algo)
        assert asked.key is not None
        if "trade" not in asked.key.scopes and not order.is_reduce_only:
            raise Denied(401, -2015, "Invalid API-key, IP, or permissions for action.")
        check_um(order, rules, quote, self.exchange.position(order.account, rules.symbol))
        working = self.exchange.working(order.account, rules.symbol)
        if len(working) >= ORDERS_MAX:
            raise Refused(-2025, "Reach max open order limit.")
        if is_algo and sum(one.waits and not one.is_triggered for one in working) >= 2 * ALGO_ORDERS_MAX:
            raise Refused(-4045, "Reach max stop order limit.")
        before = self.exchange.named(order.account, order.client_id)
        if before is not None and before.is_working:
            raise Refused(-4116, "ClientOrderId is duplicated.")
        if not self.margin.can_pay(order):
            raise Refused(-2019, "Margin is insufficient.")
        return order

    def new(self, asked: Asked) -> dict[str, Any]:
        """Place an order; the answer to who asked for it."""
        order = self.exchange.place(self.checked(asked, is_algo=False))
        is_ack = asked.params.get("newOrderRespType", "ACK") == "ACK"
        return shown(order, asked, self.rules(order.symbol), is_ack=is_ack)

    def _test(self, asked: Asked) -> dict[str, Any]:
        return shown(self.checked(asked, is_algo=False), asked, self.rules(asked.text("symbol")), is_ack=True)

    def find(self, asked: Asked, *, is_cancel: bool = False) -> VenueOrder:
        """The order in the book that the parameters name; raises the venue's refusal where there is none."""
        order = named_order(self.exchange, asked, self.rules(asked.text("symbol")).symbol, is_cancel=is_cancel)
        if not is_plain(order):
            raise Refused(-2011, "Unknown order sent.") if is_cancel else Refused(-2013, "Order does not exist.")
        return order

    def _query(self, asked: Asked) -> dict[str, Any]:
        order = self.find(asked)
        return shown(order, asked, self.rules(order.symbol))

    def _query_open(self, asked: Asked) -> dict[str, Any]:
        order = self.find(asked)
        if not order.is_working:
            raise Refused(-2013, "Order does not exist.")
        return shown(order, asked, self.rules(order.symbol))

    def cancel(self, asked: Asked) -> dict[str, Any]:
        """Cancel one order."""
        order = self.find(asked, is_cancel=True)
        if self.exchange.cancel(order.id) is None:
            raise Refused(-2011, "Unknown order sent.")
        return shown(order, asked, self.rules(order.symbol))

    def _cancel_all(self, asked: Asked, *, only_algo: bool) -> dict[str, Any]:
        self._cancel_all_of(asked.account, self.rules(asked.text("symbol")).symbol, only_algo=only_algo)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _cancel_all_of(self, account: str, symbol: str, *, only_algo: bool | None) -> None:
        for order in self.exchange.working(account, symbol):
            if only_algo is None or only_algo != is_plain(order):
                self.exchange.cancel(order.id)

    def _countdown(self, asked: Asked) -> dict[str, Any]:
        symbol, after_ms = self.rules(asked.text("symbol")).symbol, asked.number("countdownTime")
        if after_ms is None:
            asked.text("countdownTime")
        assert after_ms is not None
        self._cancel_at.pop((asked.account, symbol), None)
        if after_ms > 0:
            self._cancel_at[asked.account, symbol] = self.world.clock.now_ms() + after_ms
        return {"symbol": symbol, "countdownTime": str(after_ms)}

    def _open(self, asked: Asked) -> list[dict[str, Any]]:
        return [shown(one, asked, self.rules(one.symbol)) for one in self.working(asked) if is_plain(one)]

    def working(self, asked: Asked) -> list[VenueOrder]:
        """The account's working orders, of one pair where one is named."""
        symbol = asked.params.get("symbol")
        return self.exchange.working(asked.account, self.rules(symbol).symbol if symbol else None)

    def _all(self, asked: Asked) -> list[dict[str, Any]]:
        found = [one for one in self.ever(asked) if is_plain(one)]
        first = asked.number("orderId")
        if first is not None:
            found = [one for one in found if one.id >= first][: rows_wanted(asked)]
        return [shown(one, asked, self.rules(one.symbol)) for one in found[-rows_wanted(asked) :]]

    def ever(self, asked: Asked) -> list[VenueOrder]:
        """Every order of the account and the pair that was ever made, within the span that is asked for."""
        symbol = self.rules(asked.text("symbol")).symbol
        found = [one for one in self.exchange.orders.values() if one.account == asked.account and one.symbol == symbol]
        return within(asked, found, lambda one: one.created_ns, 7 * NS_PER_DAY, _SPAN)

    def _trades(self, asked: Asked) -> list[dict[str, Any]]:
        rules, order_id, first = self.rules(asked.text("symbol")), asked.number("orderId"), asked.number("fromId")
        found = [one for one in self.exchange.executions if one.account == asked.account and one.symbol == rules.symbol]
        if order_id is not None:
            found = [one for one in found if one.order_id == order_id]
        if first is not None:
            found = [one for one in found if one.id >= first][: rows_wanted(asked)]
        elif asked.params.get("startTime"):
            found = within(asked, found, lambda one: one.at_ns, 7 * NS_PER_DAY, _SPAN)[: rows_wanted(asked)]
        else:
            found = within(asked, found, lambda one: one.at_ns, 7 * NS_PER_DAY, _SPAN)
        return [trade(one, asked, rules) for one in found[-rows_wanted(asked) :]]

    def _commission(self, asked: Asked) -> dict[str, Any]:
        symbol = self.rules(asked.text("symbol")).symbol
        return {"symbol": symbol, "makerCommissionRate": f"{MAKER:.6f}", "takerCommissionRate": f"{TAKER:.6f}"}

    def _fund(self, now_ms: int) -> None:
        since_ms, self._funded = self._funded * FUNDING_MS + FUNDING_MS - 1, now_ms // FUNDING_MS
        for symbol in {symbol for (_, symbol), quantity in self.exchange.positions.items() if quantity}:
            for rate in funding(self.world, symbol, since_ms, now_ms + 1)[1].tolist():
                for account, amount in self.margin.fund(symbol, Decimal(rate).scaleb(-8)):
                    self.listeners.tell_account(account, "FUNDING_FEE", (symbol,), amount)

    def _make_id(self) -> str:
        self._made += 1
        return hashlib.blake2b(f"um:{self.world.config.seed}:{self._made}".encode(), digest_size=11).hexdigest()

    def _market(self, call: Callable[[MarketQuestion], Any]) -> Callable[[Asked], Any]:
        return lambda asked: call(MarketQuestion(self.world, asked.params, {}, "um"))

    def _market_weight(self, weight: int | Callable[[MarketQuestion], int]) -> int | Callable[[Asked], int]:
        return weight if isinstance(weight, int) else lambda asked: weight(MarketQuestion(self.world, asked.params, {}, "um"))


def _fee(order: VenueOrder, quantity: Decimal, price: Decimal, is_maker: bool) -> tuple[Decimal, str]:
    return (quantity * price * (MAKER if is_maker else TAKER)).quantize(_EIGHT), ASSET


def _all_or_one(asked: Asked) -> int:
    """The weight of a question about one pair, or about all."""
    return 1 if asked.params.get("symbol") else 40


def _dual(asked: Asked) -> Any:
    if asked.text("dualSidePosition").lower() == "false":
        raise Refused(-4059, "No need to change position side.")
    raise Refused(-4068, "Position side cannot be changed if there exists position: this venue keeps one-way positions only.")
