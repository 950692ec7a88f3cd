"""The user data stream of the USD-M futures venue: listen keys, and the events that their connections hear.

ACCOUNT_UPDATE comes before ORDER_TRADE_UPDATE of the fill that made it. Conditional orders tell ALGO_UPDATE until they start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import msgspec

from tradewinds.core.instant import NS_PER_MS, NS_PER_SECOND
from tradewinds.sandbox.binance_desk import Asked, Desk
from tradewinds.sandbox.binance_filters import Rules
from tradewinds.sandbox.binance_orders import NONE, STATUSES
from tradewinds.sandbox.binance_questions import Refused
from tradewinds.sandbox.binance_um_account import eight, plain
from tradewinds.sandbox.binance_um_orders import algo_status, priced, sized
from tradewinds.sandbox.conversation import Answer, Close, Question, Send, Talk
from tradewinds.sandbox.exchange import Exchange
from tradewinds.sandbox.um_margin import ASSET, UmMargin
from tradewinds.sandbox.venue_order import Execution, VenueOrder, What

LIFE_NS = 3_600 * NS_PER_SECOND
CONNECTED_S = 86_400.0
_TYPES: dict[What, str] = {
    "placed": "NEW", "triggered": "NEW", "amended": "AMENDMENT", "filled": "TRADE", "cancelled": "CANCELED", "rejected": "REJECTED",
    "expired": "EXPIRED", "replaced": "CANCELED",
}  # fmt: skip
_encode = msgspec.json.Encoder().encode


class UmTalk:
    """One connection of one account; what it receives changes nothing."""

    def __init__(self, account: str, send: Send, close: Close, forget: Callable[[UmTalk], None], stream: str, born_s: float) -> None:
        self.account = account
        self.born_s = born_s
        self._send = send
        self._close = close
        self._forget = forget
        self._stream = stream

    def received(self, data: bytes) -> None:
        """Nothing that a client says here is answered."""

    def closed(self) -> None:
        """Nobody listens any more."""
        self._forget(self)

    def end(self) -> None:
        """Hang up."""
        self._forget(self)
        self._close()

    def say(self, event: Mapping[str, Any]) -> None:
        """Send one event."""
        self._send(_encode({"stream": self._stream, "data": event} if self._stream else event))


class ListenKeys:
    """Listen keys of every account, and who is connected by them."""

    def __init__(self, exchange: Exchange, margin: UmMargin, desk: Desk, rules: Callable[[str], Rules]) -> None:
        self._exchange = exchange
        self._margin = margin
        self._desk = desk
        self._rules = rules
        self._keys: dict[str, tuple[str, int]] = {}
        self.talks: list[UmTalk] = []
        exchange.listeners.append(self.hear)

    def start(self, asked: Asked) -> dict[str, str]:
        """A listen key for an hour; the one that is valid already where there is one."""
        found = next((key for key, (account, _) in self._keys.items() if account == asked.account), None)
        if found is None:
            found = hashlib.sha256(f"{asked.account}:{asked.now_ns}".encode()).hexdigest()
        self._keys[found] = asked.account, asked.now_ns + LIFE_NS
        return {"listenKey": found}

    def keep(self, asked: Asked) -> dict[str, str]:
        """Another hour."""
        if not any(account == asked.account for account, _ in self._keys.values()):
            raise Refused(-1125, "This listenKey does not exist.")
        return self.start(asked)

    def drop(self, asked: Asked) -> dict[str, Any]:
        """End the account's listen key and its connections."""
        for key in [each for each, (account, _) in self._keys.items() if account == asked.account]:
            del self._keys[key]
        for talk in [each for each in self.talks if each.account == asked.account]:
            talk.end()
        return {}

    def open(self, question: Question, send: Send, close: Close) -> Talk | Answer:
        """A connection by the listen key at the path's end, or in `listenKey` or `streams` of the query."""
        asked = parse_qs(question.query)
        names = [*asked.get("listenKey", ()), *(one for text in asked.get("streams", ()) for one in text.split("/"))]
        names.append(question.path.rsplit("/", 1)[-1])
        key = next((each for each in names if each in self._keys), None)
        if key is None:
            return Answer(400, _encode({"code": -1125, "msg": "This listenKey does not exist."}))
        stream = key if question.path.endswith("/stream") else ""
        talk = UmTalk(self._keys[key][0], send, close, self._forget, stream, self._desk.world.monotonic())
        self.talks.append(talk)
        return talk

    def tick(self) -> None:
        """Let keys expire, and hang up after a day."""
        now_ns, now_s = self._desk.now_ns(), self._desk.world.monotonic()
        for key, (account, until_ns) in list(self._keys.items()):
            if until_ns <= now_ns:
                del self._keys[key]
                self._tell(account, {"e": "listenKeyExpired", "E": now_ns // NS_PER_MS, "listenKey": key})
        for talk in [each for each in self.talks if now_s - each.born_s > CONNECTED_S]:
            talk.end()

    def hang_up(self) -> None:
        """Close every connection."""
        for talk in tuple(self.talks):
            talk.end()

    def hear(self, order: VenueOrder, done: Execution | None) -> None:
        """Tell one change of an order."""
        if not self.talks:
            return
        change, now_ms = self._exchange.log[-1], self._desk.now_ns() // NS_PER_MS
        rules = self._rules(order.symbol)
        if done is not None:
            self.tell_account(order.account, "ORDER", (order.symbol,), NONE)
        if "algo" in order.extra:
            self._tell(order.account, algo_update(order, rules, now_ms))
        if "algo" not in order.extra or order.is_triggered:
            self._tell(order.account, order_update(order, done, change.what, rules, now_ms))

    def tell_account(self, account: str, reason: str, symbols: tuple[str, ...], amount: Decimal) -> None:
        """Tell the wallet and positions of an account."""
        now_ms, wallet = self._desk.now_ns() // NS_PER_MS, eight(self._margin.wallet(account))
        held = [self._margin.position(account, symbol) for symbol in symbols]
        positions = [
            {
                "s": one.symbol,
                "pa": plain(one.quantity),
                "ep": plain(one.entry),
                "bep": plain(one.entry),
                "cr": eight(self._exchange.realised.get((account, one.symbol), NONE)),
                "up": eight(one.unrealised),
                "mt": "isolated" if self._margin.is_isolated.get((account, one.symbol)) else "cross",
                "iw": "0",
                "ps": "BOTH",
            }
            for one in held
        ]
        balance = {"a": ASSET, "wb": wallet, "cw": wallet, "bc": eight(amount)}
        self._tell(account, {"e": "ACCOUNT_UPDATE", "E": now_ms, "T": now_ms, "a": {"m": reason, "B": [balance], "P": positions}})

    def _tell(self, account: str, event: Mapping[str, Any]) -> None:
        for talk in tuple(self.talks):
            if talk.account == account:
                talk.say(event)

    def _forget(self, talk: UmTalk) -> None:
        if talk in self.talks:
            self.talks.remove(talk)


def order_update(order: VenueOrder, done: Execution | None, what: What, rules: Rules, now_ms: int) -> dict[str, Any]:
    """ORDER_TRADE_UPDATE."""
    kind = order.extra.get("type", "LIMIT" if order.limit else "MARKET")
    told: dict[str, Any] = {
        "s": order.symbol,
        "c": order.client_id,
        "S": order.side.upper(),
        "o": ("LIMIT" if order.limit else "MARKET") if order.is_triggered else kind,
        "f": order.extra.get("tif", "GTC"),
        "q": sized(order.quantity, rules),
        "p": priced(order.limit or NONE, rules),
        "ap": plain(order.quote_filled / order.filled if order.filled else NONE),
        "sp": priced(order.stop or NONE, rules),
        "x": _TYPES[what],
        "X": STATUSES[order.status],
        "i": order.id,
        "l": sized(NONE if done is None else done.quantity, rules),
        "z": sized(order.filled, rules),
        "L": priced(NONE if done is None else done.price, rules),
        "n": "0" if done is None else eight(done.commission),
        "N": ASSET,
        "T": order.updated_ns // NS_PER_MS,
        "t": 0 if done is None else done.id,
        "b": "0",
        "a": "0",
        "m": done is not None and done.is_maker,
        "R": order.is_reduce_only,
        "wt": order.extra.get("working", "CONTRACT_PRICE"),
        "ot": kind,
        "ps": "BOTH",
        "cp": False,
        "rp": eight(NONE if done is None else done.realised),
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "EXPIRE_MAKER",
        "pm": "NONE",
        "gtd": 0 if order.expires_ns is None else order.expires_ns // NS_PER_MS,
        "er": "0",
    }
    return {"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": order.updated_ns // NS_PER_MS, "o": told}


def algo_update(order: VenueOrder, rules: Rules, now_ms: int) -> dict[str, Any]:
    """ALGO_UPDATE."""
    told = {
        "caid": order.client_id,
        "aid": order.id,
        "at": "CONDITIONAL",
        "o": order.extra["type"],
        "s": order.symbol,
        "S": order.side.upper(),
        "ps": "BOTH",
        "f": order.extra["tif"],
        "q": sized(order.quantity, rules),
        "X": algo_status(order),
        "ai": str(order.id) if order.is_triggered else "",
        "ap": plain(order.quote_filled / order.filled if order.filled else NONE),
        "aq": sized(order.filled, rules),
        "tp": priced(order.stop or NONE, rules),
        "p": priced(order.limit or NONE, rules),
        "V": "EXPIRE_MAKER",
        "wt": order.extra["working"],
        "pm": "NONE",
        "cp": False,
        "pP": False,
        "R": order.is_reduce_only,
        "tt": order.updated_ns // NS_PER_MS if order.is_triggered else 0,
        "gtd": 0 if order.expires_ns is None else order.expires_ns // NS_PER_MS,
        "rm": order.reason,
    }
    return {"e": "ALGO_UPDATE", "E": now_ms, "T": order.updated_ns // NS_PER_MS, "o": told}
