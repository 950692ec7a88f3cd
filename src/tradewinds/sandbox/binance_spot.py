"""The Binance spot venue that trades: its account addresses, answered at once and without a wire.

venue = spot_venue(world)      the venue of a world; the application and a campaign get the same one
venue.answer(question)         REST, market data and account alike
venue.talk(question, ...)      the WebSocket API with its user data stream (`binance_user`)
venue.exchange                 the truth, for an oracle
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradewinds.core.instant import NS_PER_DAY
from tradewinds.core.order import Side
from tradewinds.sandbox import binance_rest
from tradewinds.sandbox.binance_desk import Asked, Denied, Desk, Endpoint
from tradewinds.sandbox.binance_filters import Rules, check_spot, spot_rules
from tradewinds.sandbox.binance_history import named_order, rows_wanted, within
from tradewinds.sandbox.binance_orders import cancelled, client_id, eight, placed, shown, spot_order, trade
from tradewinds.sandbox.binance_questions import Question as MarketQuestion
from tradewinds.sandbox.binance_questions import Refused
from tradewinds.sandbox.binance_spot_account import FEE, SpotAccount
from tradewinds.sandbox.binance_spot_changes import amended, replaced
from tradewinds.sandbox.binance_user import SpotTalk, execution_report
from tradewinds.sandbox.conversation import Answer, Close, Question, Send, Talk
from tradewinds.sandbox.exchange import Exchange
from tradewinds.sandbox.keys import KeyRing
from tradewinds.sandbox.limits import WeightBudget
from tradewinds.sandbox.prices import Prices
from tradewinds.sandbox.spot_wallet import SpotWallet
from tradewinds.sandbox.venue_order import Execution, VenueOrder, is_crossing, is_touched
from tradewinds.sandbox.world import World

NAME = "binance_spot"
_SPAN = "More than 24 hours between startTime and endTime."
_EIGHT = Decimal("0.00000001")


def spot_venue(world: World) -> BinanceSpot:
    """The spot venue of a world, made when it is first asked for."""
    found = world.trading.get(NAME)
    if found is None:
        found = world.trading[NAME] = BinanceSpot(world)
    assert isinstance(found, BinanceSpot)
    return found


class BinanceSpot:
    """`conversation.Venue`. One account a key's `account`; deterministic, single-threaded."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.prices = Prices(world, "spot")
        self.keys = KeyRing(world.config.api_keys)
        self.exchange = Exchange(world.clock.now_ns, self.prices.quote, self._fee, world.config.order_id_first)
        balances = {account: {asset: Decimal(amount) for asset, amount in held.items()} for account, held in world.config.balances.items()}
        self.wallet = SpotWallet(self.exchange, self._assets, balances)
        self.desk = Desk(world, self.keys, WeightBudget(world.config.weight_limit, world.monotonic), {})
        self.account = SpotAccount(world, self.wallet, self.rules, self.desk.counts)
        self.desk.endpoints.update(self._table())
        self._rules: dict[str, Rules] = {}
        self._made = 0
        self.talks: set[SpotTalk] = set()
        self.exchange.listeners.append(self._hear)

    def answer(self, question: Question) -> Answer:
        """The answer to one request; what rests is matched first."""
        self.exchange.match()
        return self.desk.answer(question)

    def talk(self, question: Question, send: Send, close: Close) -> Talk | Answer:
        """Open the WebSocket API."""
        if question.path != "/ws-api/v3":
            return Answer(404, b"")
        talk = SpotTalk(self, question, send, close)
        self.talks.add(talk)
        return talk

    def tick(self) -> None:
        """Match what rests, and hang up on who was connected for a day."""
        self.exchange.match()
        for talk in tuple(self.talks):
            talk.tick()

    def restart(self, *, says_so: bool = False) -> None:
        """Hang up on everybody, as when the venue restarts; orders stay."""
        for talk in tuple(self.talks):
            talk.end(says_so=says_so)

    def revoke(self, key: str) -> bool:
        """Accept a key no longer and end its subscriptions; False where it was unknown."""
        found = self.keys.find(key)
        for talk in tuple(self.talks):
            if found is not None:
                talk.terminate(found.account)
        return self.keys.revoke(key)

    def deposit(self, account: str, asset: str, amount: Decimal) -> None:
        """Move an asset in from outside, out when negative; the account is told."""
        self.wallet.credit(account, asset, amount)
        now_ms = self.desk.now_ns() // 1_000_000
        self._tell(account, {"e": "balanceUpdate", "E": now_ms, "a": asset, "d": eight(amount), "T": now_ms})
        self._tell(account, self._position(account, (asset,), now_ms))

    def rules(self, symbol: str) -> Rules:
        """The numbers of a pair; raises -1121 where there is none."""
        found = self._rules.get(symbol)
        if found is None:
            pair = MarketQuestion(self.world, {}, {}, "spot").pair(symbol)
            found = self._rules[symbol] = spot_rules(self.world, pair)
        return found

    def place_by_hand(self, account: str, symbol: str, side: Side, quantity: Decimal, limit: Decimal | None = None) -> VenueOrder:
        """An order that a person makes at the venue's own page."""
        kind = "LIMIT" if limit else "MARKET"
        order = VenueOrder(
            account, f"web_{self.make_id()}", symbol, side, "limit" if limit else "market", quantity, limit, by_hand=True,
            extra={"type": kind, "tif": "GTC"},
        )  # fmt: skip
        if not self.wallet.can_pay(order):
            raise Refused(-2010, "Account has insufficient balance for requested action.")
        return self.exchange.place(order)

    def place(self, asked: Asked) -> VenueOrder:
        """Check and place the order that the parameters describe."""
        order = self._checked(asked)
        return self.exchange.place(order)

    def find(self, asked: Asked, *, is_cancel: bool = False) -> VenueOrder:
        """The order that the parameters name; raises the venue's refusal where there is none."""
        return named_order(self.exchange, asked, self.rules(asked.text("symbol")).symbol, is_cancel=is_cancel)

    def cancel(self, asked: Asked) -> dict[str, Any]:
        """Cancel one order."""
        order = self.find(asked, is_cancel=True)
        wanted = asked.params.get("cancelRestrictions")
        if wanted and wanted not in ("ONLY_NEW", "ONLY_PARTIALLY_FILLED"):
            raise Refused(-1145, "Invalid cancelRestrictions")
        if not order.is_working:
            raise Refused(-2011, "Unknown order sent.")
        if wanted and (wanted == "ONLY_NEW") != (order.status == "new"):
            raise Refused(-2011, "Order was not canceled due to cancel restrictions.")
        cancel_id = client_id(asked, "newClientOrderId") or self.make_id()
        order.extra["cancel"] = cancel_id
        self.exchange.cancel(order.id)
        return cancelled(order, cancel_id, asked)

    def make_id(self) -> str:
        """A client order id for who sends none."""
        self._made += 1
        return hashlib.blake2b(f"{self.world.config.seed}:{self._made}".encode(), digest_size=11).hexdigest()

    def _table(self) -> dict[tuple[str, str], Endpoint]:
        table = {
            ("POST", "/api/v3/order"): Endpoint(self.new, need="cancel", is_order=True, is_free=True),
            ("GET", "/api/v3/order"): Endpoint(lambda asked: shown(self.find(asked), asked), 4),
            ("DELETE", "/api/v3/order"): Endpoint(self.cancel, need="cancel", is_free=True),
            ("POST", "/api/v3/order/test"): Endpoint(self._test, need="cancel"),
            ("GET", "/api/v3/openOrders"): Endpoint(self._open, lambda asked: 6 if asked.params.get("symbol") else 80),
            ("DELETE", "/api/v3/openOrders"): Endpoint(self._cancel_all, need="cancel", is_free=True),
            ("GET", "/api/v3/allOrders"): Endpoint(self._all, 20),
            ("GET", "/api/v3/myTrades"): Endpoint(self._trades, lambda asked: 5 if asked.params.get("orderId") else 20),
            ("GET", "/api/v3/account"): Endpoint(self.account.account, 20),
            ("GET", "/api/v3/account/commission"): Endpoint(self.account.commission, 20),
            ("GET", "/api/v3/rateLimit/order"): Endpoint(self.account.order_counts, 40),
            ("PUT", "/api/v3/order/amend/keepPriority"): Endpoint(lambda asked: amended(self, asked), 4, "trade"),
            ("POST", "/api/v3/order/cancelReplace"): Endpoint(
                lambda asked: replaced(self, asked), need="trade", is_order=True, is_free=True
            ),
            ("GET", "/sapi/v1/account/apiRestrictions"): Endpoint(self.account.restrictions),
            ("GET", "/sapi/v1/account/status"): Endpoint(lambda asked: {"data": "Normal"}),
            ("GET", "/sapi/v1/account/apiTradingStatus"): Endpoint(lambda asked: {"data": {"isLocked": False, "plannedRecoverTime": 0}}),
            ("GET", "/sapi/v1/capital/config/getall"): Endpoint(self.account.coins, 10),
            ("GET", "/sapi/v1/margin/allPairs"): Endpoint(lambda asked: []),
            ("GET", "/sapi/v1/margin/isolated/allPairs"): Endpoint(lambda asked: []),
            ("GET", "/sapi/v1/asset/tradeFee"): Endpoint(self.account.trade_fee),
        }
        for method in ("POST", "PUT", "DELETE"):
            table[method, "/api/v3/userDataStream"] = Endpoint(_gone, need=None)
        for path, (call, weight) in binance_rest.endpoints().items():
            table["GET", f"/api/v3/{path}"] = Endpoint(self._market(call), self._market_weight(weight), need=None)
        return table

    def _checked(self, asked: Asked) -> VenueOrder:
        rules = self.rules(asked.text("symbol"))
        quote = self.prices.quote(rules.symbol)
        order = spot_order(asked, rules, quote, self.make_id)
        assert asked.key is not None
        if "trade" not in asked.key.scopes and order.side == "buy":
            raise Denied(401, -2015, "Invalid API-key, IP, or permissions for action.")
        check_spot(order, rules, quote, self.exchange.working(order.account, rules.symbol))
        if not rules.is_open:
            raise Refused(-1013, "Market is closed.")
        before = self.exchange.named(order.account, order.client_id)
        if before is not None and before.is_working and before.client_id == order.client_id:
            raise Refused(-2010, "Duplicate order sent.")
        if order.stop is not None and is_touched(order, quote):
            raise Refused(-2010, "Order would trigger immediately.")
        if order.is_post_only and is_crossing(order, quote):
            raise Refused(-2010, "Order would immediately match and take.")
        if not self.wallet.can_pay(order):
            raise Refused(-2010, "Account has insufficient balance for requested action.")
        return order

    def new(self, asked: Asked) -> dict[str, Any]:
        """Place an order; the answer to who asked for it."""
        order = self.place(asked)
        return placed(order, self.exchange.executions_of(order.id), asked)

    def _replace(self, asked: Asked) -> dict[str, Any]:
        return replaced(self, asked)

    def _test(self, asked: Asked) -> dict[str, Any]:
        self._checked(asked)
        return {}

    def _open(self, asked: Asked) -> list[dict[str, Any]]:
        symbol = asked.params.get("symbol")
        if symbol:
            self.rules(symbol)
        return [shown(order, asked) for order in self.exchange.working(asked.account, symbol or None)]

    def _cancel_all(self, asked: Asked) -> list[dict[str, Any]]:
        orders = self.exchange.working(asked.account, self.rules(asked.text("symbol")).symbol)
        if not orders:
            raise Refused(-2011, "Unknown order sent.")
        for order in orders:
            order.extra["cancel"] = self.make_id()
            self.exchange.cancel(order.id)
        return [cancelled(order, order.extra["cancel"], asked) for order in orders]

    def _all(self, asked: Asked) -> list[dict[str, Any]]:
        symbol, first = self.rules(asked.text("symbol")).symbol, asked.number("orderId")
        found = [one for one in self.exchange.orders.values() if one.account == asked.account and one.symbol == symbol]
        found = within(asked, found, lambda one: one.created_ns, NS_PER_DAY, _SPAN)
        if first is not None:
            return [shown(one, asked) for one in found if one.id >= first][: rows_wanted(asked)]
        return [shown(one, asked) for one in found[-rows_wanted(asked) :]]

    def _trades(self, asked: Asked) -> list[dict[str, Any]]:
        symbol, order_id, first = self.rules(asked.text("symbol")).symbol, asked.number("orderId"), asked.number("fromId")
        found = [one for one in self.exchange.executions if one.account == asked.account and one.symbol == symbol]
        if first is not None and (asked.params.get("startTime") or asked.params.get("endTime")):
            raise Refused(-1128, "Combination of optional parameters invalid.")
        if order_id is not None:
            found = [one for one in self.exchange.executions_of(order_id) if one.account == asked.account and one.symbol == symbol]
        if first is not None:
            return [trade(one, asked) for one in found if one.id >= first][: rows_wanted(asked)]
        is_from_start = bool(asked.params.get("startTime"))
        found = within(asked, found, lambda one: one.at_ns, NS_PER_DAY, _SPAN)
        return [trade(one, asked) for one in (found[: rows_wanted(asked)] if is_from_start else found[-rows_wanted(asked) :])]

    def _market(self, call: Callable[[MarketQuestion], Any]) -> Callable[[Asked], Any]:
        return lambda asked: call(_market_question(self.world, asked))

    def _market_weight(self, weight: int | Callable[[MarketQuestion], int]) -> int | Callable[[Asked], int]:
        return weight if isinstance(weight, int) else lambda asked: weight(_market_question(self.world, asked))

    def _assets(self, symbol: str) -> tuple[str, str]:
        rules = self.rules(symbol)
        return rules.base, rules.quote

    def _hear(self, order: VenueOrder, execution: Execution | None) -> None:
        if not self.talks:
            return
        change, now_ms = self.exchange.log[-1], self.desk.now_ns() // 1_000_000
        self._tell(order.account, execution_report(order, execution, change.what, len(self.exchange.log), now_ms))
        self._tell(order.account, self._position(order.account, self._assets(order.symbol), now_ms))

    def _tell(self, account: str, event: dict[str, Any]) -> None:
        for talk in tuple(self.talks):
            talk.tell(account, event)

    def _position(self, account: str, assets: tuple[str, ...], now_ms: int) -> dict[str, Any]:
        held = [
            {"a": asset, "f": eight(self.wallet.free(account, asset)), "l": eight(self.wallet.locked(account, asset))} for asset in assets
        ]
        return {"e": "outboundAccountPosition", "E": now_ms, "u": now_ms, "B": held}

    def _fee(self, order: VenueOrder, quantity: Decimal, price: Decimal, is_maker: bool) -> tuple[Decimal, str]:
        base, quote = self._assets(order.symbol)
        return ((quantity * FEE).quantize(_EIGHT), base) if order.side == "buy" else ((quantity * price * FEE).quantize(_EIGHT), quote)


def _market_question(world: World, asked: Asked) -> MarketQuestion:
    headers = {"x-mbx-time-unit": "MICROSECOND"} if asked.unit == 1_000 else {}
    return MarketQuestion(world, asked.params, headers, "spot")


def _gone(asked: Asked) -> Any:
    raise Denied(410, -1020, "This operation is not supported: user data streams are subscribed to by the WebSocket API.")
