"""What OANDA keeps of one account: its transactions, orders, trades and balance.

Everything is a transaction with an id that rises. An order's id is that of the transaction that created it; a fill, a cancel and a
refusal are transactions of their own. Trades close first in, first out. Numbers leave as text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tradewinds.sandbox.exchange import Exchange, Execution, VenueOrder

ZERO = Decimal(0)
NS = 1_000_000_000
Fields = dict[str, Any]

FILL_REASONS = {
    "MARKET_ORDER": "MARKET_ORDER",
    "LIMIT_ORDER": "LIMIT_ORDER",
    "STOP_ORDER": "STOP_ORDER",
    "MARKET_IF_TOUCHED_ORDER": "MARKET_IF_TOUCHED_ORDER",
}
CANCEL_REASONS = {
    "": "CLIENT_REQUEST",
    "time in force": "TIME_IN_FORCE_EXPIRED",
    "immediate or cancel": "TIME_IN_FORCE_EXPIRED",
    "fill or kill": "INSUFFICIENT_LIQUIDITY",
    "no more on offer": "INSUFFICIENT_LIQUIDITY",
    "reduce only": "CLIENT_REQUEST",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What the venue demands of orders in an instrument."""

    name: str
    decimals: int
    units_decimals: int = 0
    units_least: Decimal = Decimal(1)
    units_most: Decimal = Decimal(100_000_000)
    margin_rate: Decimal = Decimal("0.0333")

    @property
    def quote_currency(self) -> str:
        return self.name.partition("_")[2]


@dataclass(slots=True)
class Trade:
    """Units opened by one fill, signed; `left` of them are still open."""

    id: str
    instrument: str
    price: Decimal
    units: Decimal
    left: Decimal
    opened_ns: int
    realized: Decimal = ZERO
    closed_ns: int = 0


@dataclass(slots=True)
class Note:
    """What is known of an order beside the exchange's own record of it."""

    created: Fields
    fills: list[Fields] = field(default_factory=list)
    cancelled: Fields | None = None


@dataclass(slots=True)
class Book:
    """One account. told: hears of every transaction; home_rate: account currency per unit of another."""

    id: str
    currency: str
    balance: Decimal
    exchange: Exchange
    rules: dict[str, Rule]
    home_rate: Callable[[str], Decimal]
    told: Callable[[Fields], None]
    transactions: list[Fields] = field(default_factory=list)
    notes: dict[int, Note] = field(default_factory=dict)
    trades: dict[str, Trade] = field(default_factory=dict)
    realized: Decimal = ZERO
    request: str = ""
    batch: str = ""

    @property
    def last_id(self) -> str:
        return str(self.transactions[-1]["id"]) if self.transactions else "0"

    def record(self, kind: str, **fields: Any) -> Fields:
        """Add a transaction, part of the batch of the request that is being answered, else a batch of its own."""
        number = self.exchange.first_id
        self.exchange.first_id = number + 1
        self.batch = self.batch or (str(number) if self.request else "")
        transaction: Fields = {
            "id": str(number), "accountID": self.id, "userID": 1, "batchID": self.batch or str(number),
            "requestID": self.request or str(number), "time": moment(self.exchange.now_ns()), "type": kind,
        }  # fmt: skip
        transaction.update({name: value for name, value in fields.items() if value is not None})
        self.transactions.append(transaction)
        self.told(transaction)
        return transaction

    def since(self, number: int) -> list[Fields]:
        """Transactions with a greater id."""
        first = len(self.transactions)
        while first and int(self.transactions[first - 1]["id"]) > number:
            first -= 1
        return self.transactions[first:]

    # What the exchange tells

    def hear(self, order: VenueOrder, done: Execution | None) -> None:
        """Make transactions of what happened to an order."""
        if order.id not in self.notes:
            self.exchange.first_id = order.id
            kind, fields = created(order, self.rules[order.symbol])
            self.notes[order.id] = Note(self.record(kind, **fields))
        note = self.notes[order.id]
        if done is not None:
            note.fills.append(self._fill(order, note, done))
        elif not order.is_working and note.cancelled is None and order.status != "filled":
            note.cancelled = self.record(
                "ORDER_CANCEL",
                orderID=str(order.id),
                clientOrderID=order.client_id or None,
                reason=CANCEL_REASONS.get(order.reason, order.reason),
                replacedByOrderID=order.extra.get("replacedBy"),
            )

    def _fill(self, order: VenueOrder, note: Note, done: Execution) -> Fields:
        rule = self.rules[order.symbol]
        signed = done.quantity if done.side == "buy" else -done.quantity
        closed, reduced, left = self._close(order.symbol, signed, done)
        gain = sum((Decimal(one["realizedPL"]) for one in [*closed, *reduced]), ZERO)
        self.realized += gain
        self.balance += gain - done.commission
        number = str(self.exchange.first_id)
        opened = None
        if left:
            self.trades[number] = Trade(number, order.symbol, done.price, left, left, done.at_ns)
            opened = {"tradeID": number, "units": units(left), "price": price(done.price, rule)}
        return self.record(
            "ORDER_FILL",
            orderID=str(order.id),
            clientOrderID=order.client_id or None,
            instrument=order.symbol,
            units=units(signed),
            price=price(done.price, rule),
            fullVWAP=price(done.price, rule),
            reason=FILL_REASONS.get(str(note.created["type"]), "MARKET_ORDER"),
            pl=money(gain),
            financing="0.0000",
            commission=money(done.commission),
            guaranteedExecutionFee="0.0000",
            accountBalance=money(self.balance),
            halfSpreadCost="0.0000",
            tradesClosed=closed or None,
            tradeReduced=reduced[0] if reduced else None,
            tradeOpened=opened,
        )

    def _close(self, symbol: str, signed: Decimal, done: Execution) -> tuple[list[Fields], list[Fields], Decimal]:
        """Trades closed whole, the one closed in part, and the signed units that open a new one."""
        rate = self.home_rate(self.rules[symbol].quote_currency)
        closed: list[Fields] = []
        reduced: list[Fields] = []
        left = signed
        for trade in self.open_trades(symbol):
            if left == 0 or trade.left * left > 0:
                break
            size = min(abs(trade.left), abs(left)).copy_sign(left)
            gain = (-size * (done.price - trade.price) * rate).quantize(Decimal("0.0001"))
            trade.left += size
            trade.realized += gain
            left -= size
            said = {"tradeID": trade.id, "units": units(size), "price": price(done.price, self.rules[symbol]), "realizedPL": money(gain),
                    "financing": "0.0000"}  # fmt: skip
            if trade.left == 0:
                trade.closed_ns = done.at_ns
                closed.append(said)
            else:
                reduced.append(said)
        return closed, reduced, left

    # What is asked for

    def open_trades(self, symbol: str | None = None) -> list[Trade]:
        """Oldest first."""
        return [one for one in self.trades.values() if one.left != 0 and symbol in (None, one.instrument)]

    def order(self, order: VenueOrder) -> Fields:
        """An order as the venue shows it."""
        note = self.notes[order.id]
        hidden = ("accountID", "userID", "batchID", "requestID", "time", "type", "reason")
        shown = {name: value for name, value in note.created.items() if name not in hidden}
        shown["type"] = str(note.created["type"]).removesuffix("_ORDER")
        shown["createTime"] = note.created["time"]
        shown["state"] = "PENDING" if order.is_working else "FILLED" if order.status == "filled" else "CANCELLED"
        if note.fills:
            shown["fillingTransactionID"], shown["filledTime"] = note.fills[-1]["id"], note.fills[-1]["time"]
        if note.cancelled is not None:
            shown["cancellingTransactionID"], shown["cancelledTime"] = note.cancelled["id"], note.cancelled["time"]
            if "replacedBy" in order.extra:
                shown["replacedByOrderID"] = order.extra["replacedBy"]
        return shown

    def trade(self, trade: Trade, mid: Decimal) -> Fields:
        """A trade as the venue shows it."""
        rule = self.rules[trade.instrument]
        open_gain = trade.left * (mid - trade.price) * self.home_rate(rule.quote_currency)
        shown = {
            "id": trade.id, "instrument": trade.instrument, "price": price(trade.price, rule), "openTime": moment(trade.opened_ns),
            "state": "OPEN" if trade.left else "CLOSED", "initialUnits": units(trade.units), "currentUnits": units(trade.left),
            "realizedPL": money(trade.realized), "unrealizedPL": money(open_gain), "financing": "0.0000",
        }  # fmt: skip
        return shown | ({"closeTime": moment(trade.closed_ns)} if not trade.left else {})

    def position(self, symbol: str, mid: Decimal) -> Fields:
        """Both sides of a position; on an account without hedging one of them is flat."""
        rate = self.home_rate(self.rules[symbol].quote_currency)
        shown: Fields = {"instrument": symbol}
        total = unrealized = ZERO
        for name, sign in (("long", 1), ("short", -1)):
            trades = [one for one in self.trades.values() if one.instrument == symbol and one.units * sign > 0]
            held = [one for one in trades if one.left != 0]
            size = sum((one.left for one in held), ZERO)
            gain = sum((one.left * (mid - one.price) * rate for one in held), ZERO)
            realized = sum((one.realized for one in trades), ZERO)
            side: Fields = {"units": units(size), "pl": money(realized), "resettablePL": money(realized), "unrealizedPL": money(gain)}
            if held:
                average = sum((one.left * one.price for one in held), ZERO) / size
                side |= {"averagePrice": price(average, self.rules[symbol]), "tradeIDs": [one.id for one in held]}
            shown[name] = side
            total, unrealized = total + realized, unrealized + gain
        return shown | {"pl": money(total), "resettablePL": money(total), "unrealizedPL": money(unrealized)}

    def summary(self, mids: Callable[[str], Decimal]) -> Fields:
        """The account's own numbers."""
        gain = used = worth = ZERO
        for one in self.open_trades():
            rule = self.rules[one.instrument]
            rate, mid = self.home_rate(rule.quote_currency), mids(one.instrument)
            gain += one.left * (mid - one.price) * rate
            worth += abs(one.left) * mid * rate
            used += abs(one.left) * mid * rate * rule.margin_rate
        value = self.balance + gain
        return {
            "id": self.id, "alias": "Primary", "currency": self.currency, "balance": money(self.balance), "createdByUserID": 1,
            "createdTime": self.transactions[0]["time"] if self.transactions else moment(0), "pl": money(self.realized),
            "resettablePL": money(self.realized), "marginRate": "0.0333", "hedgingEnabled": False, "financing": "0.0000",
            "openTradeCount": len(self.open_trades()), "openPositionCount": len({one.instrument for one in self.open_trades()}),
            "pendingOrderCount": len(self.exchange.working(self.id)), "unrealizedPL": money(gain), "NAV": money(value),
            "marginUsed": money(used), "marginAvailable": money(max(ZERO, value - used)), "positionValue": money(worth),
            "lastTransactionID": self.last_id,
        }  # fmt: skip


def created(order: VenueOrder, rule: Rule) -> tuple[str, Fields]:
    """The transaction that creates an order: its type and fields."""
    kinds = {"limit": "LIMIT", "stop": "STOP", "take_profit": "MARKET_IF_TOUCHED"}
    kind = kinds.get(order.kind, "MARKET")
    asked = order.stop if kind in ("STOP", "MARKET_IF_TOUCHED") else order.limit
    signed = order.quantity if order.side == "buy" else -order.quantity
    fields: Fields = {
        "instrument": order.symbol,
        "units": units(signed),
        "timeInForce": order.extra.get("timeInForce", "GTC"),
        "positionFill": order.extra.get("positionFill", "DEFAULT"),
        "reason": order.extra.get("reason", "CLIENT_ORDER"),
        "price": price(asked, rule) if kind != "MARKET" and asked is not None else None,
        "priceBound": order.extra.get("priceBound"),
        "gtdTime": order.extra.get("gtdTime"),
        "replacesOrderID": order.extra.get("replaces"),
        "triggerCondition": "DEFAULT" if kind != "MARKET" else None,
    }
    extensions = {name: order.extra[key] for name, key in (("tag", "tag"), ("comment", "comment")) if key in order.extra}
    if order.client_id:
        extensions["id"] = order.client_id
    if extensions:
        fields["clientExtensions"] = extensions
    return f"{kind}_ORDER", fields


def moment(at_ns: int) -> str:
    """RFC 3339 with nine decimals."""
    whole, rest = divmod(at_ns, NS)
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:09d}Z"


def units(value: Decimal) -> str:
    """Units without trailing zeros."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def price(value: Decimal, rule: Rule) -> str:
    """A price with the instrument's decimals."""
    return f"{value:.{rule.decimals}f}"


def money(value: Decimal) -> str:
    """An amount with four decimals."""
    return f"{value:.4f}"
