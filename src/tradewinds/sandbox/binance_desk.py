"""What both Binance venues that trade do with a question before they answer it: weight, key, time, signature, scope; then the error bodies.

An `Endpoint` says what an address needs. `Desk.answer` checks in the venue's order and calls it with what was `Asked`; `Desk.authorised`
does the same for a request of the WebSocket API, whose parameters are signed in alphabetical order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from urllib.parse import unquote_plus

import msgspec

from tradewinds.core.instant import NS_PER_MS
from tradewinds.sandbox.binance_questions import Refused
from tradewinds.sandbox.conversation import Answer, Question
from tradewinds.sandbox.keys import ApiKey, KeyRing, is_key, is_signed
from tradewinds.sandbox.limits import Verdict, WeightBudget
from tradewinds.sandbox.world import World

Need = Literal["read", "trade", "cancel"]
RECV_WINDOW_MS, RECV_WINDOW_MS_MAX = Decimal(5_000), Decimal(60_000)
AHEAD_MS_MAX = 1_000
ORDERS_10S, ORDERS_DAY = 100, 200_000
_MICROSECONDS = 10**14
_JSON = {"Content-Type": "application/json;charset=UTF-8"}
_encode = msgspec.json.Encoder().encode


class Denied(Refused):
    """A question that the venue answers with another status than 400."""

    def __init__(self, status: int, code: int, message: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(code, message)
        self.status = status
        self.data = data


@dataclass(slots=True)
class Asked:
    """A question after the checks. params: decoded. unit: divides nanoseconds into what the client wants to read."""

    params: dict[str, str]
    key: ApiKey | None
    now_ns: int
    unit: int = NS_PER_MS

    @property
    def account(self) -> str:
        assert self.key is not None
        return self.key.account

    def time(self, at_ns: int) -> int:
        """An instant as the client wants to read it."""
        return at_ns // self.unit

    def text(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.params.get(name, "")
        if not value:
            raise Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def number(self, name: str) -> int | None:
        """A whole number, None where it was not sent."""
        value = self.params.get(name)
        if value is None or value == "":
            return None
        if not (value.isascii() and value.removeprefix("-").isdigit()) or len(value) > 20:
            raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
        return int(value)

    def instant_ns(self, name: str) -> int | None:
        """An instant, sent in milliseconds or microseconds."""
        value = self.number(name)
        return None if value is None else value * (1_000 if value >= _MICROSECONDS else NS_PER_MS)

    def decimal(self, name: str) -> Decimal | None:
        """A number that is not negative, None where it was not sent."""
        value = self.params.get(name)
        if value is None or value == "":
            return None
        try:
            found = Decimal(value)
        except InvalidOperation:
            found = Decimal("NaN")
        if not found.is_finite() or "e" in value.lower() or found < 0:
            raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^([0-9]{{1,20}})(\\.[0-9]{{1,20}})?$'.")
        exponent = found.as_tuple().exponent
        assert isinstance(exponent, int)
        if exponent < -8 and found != round(found, 8):
            raise Refused(-1111, f"Parameter '{name}' has too much precision.")
        return found


Call = Callable[[Asked], Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address. need: the key's scope, None for what needs no key. is_signed: whether a signature is wanted beside the key.

    weight: charged before; given back where `is_order` and the answer is a success. is_order: counts as a new order.
    """

    call: Call
    weight: int | Callable[[Asked], int] = 1
    need: Need | None = "read"
    is_signed: bool = True
    is_order: bool = False
    is_free: bool = False


@dataclass(slots=True)
class OrderCount:
    """New orders of an account in the current ten seconds and in the current day, of the venue's clock."""

    window: int = -1
    short: int = 0
    day: int = -1
    long: int = 0


@dataclass(slots=True)
class Desk:
    """The checks of one venue. counts: new orders by account."""

    world: World
    keys: KeyRing
    budget: WeightBudget
    endpoints: dict[tuple[str, str], Endpoint]
    counts: dict[str, OrderCount] = field(default_factory=dict)
    orders_10s: int = ORDERS_10S
    skew_ms: int = 0

    def answer(self, question: Question) -> Answer:
        """The venue's answer to a request."""
        endpoint = self.endpoints.get((question.method, question.path))
        if endpoint is None:
            return _json(404, {"code": -1000, "msg": f"No such address: {question.method} {question.path}"}, {})
        asked = Asked({}, None, self.now_ns())
        headers: dict[str, str] = {}
        try:
            payload, asked.params = _read(question)
            cost = endpoint.weight if isinstance(endpoint.weight, int) else endpoint.weight(asked)
        except Refused as error:
            return _json(400, {"code": error.code, "msg": str(error)}, headers)
        verdict = self.budget.spend(question.address, cost)
        headers["X-MBX-USED-WEIGHT"] = headers["X-MBX-USED-WEIGHT-1M"] = str(verdict.used)
        if verdict.status != 200:
            return self.over_weight(verdict, headers)
        if question.headers.get("x-mbx-time-unit", "").upper() == "MICROSECOND":
            asked.unit = 1_000
        try:
            if endpoint.need is not None:
                asked.key = self._key(question.headers.get("x-mbx-apikey", ""), endpoint.need)
                if endpoint.is_signed:
                    self._check(asked, payload)
            if endpoint.is_order:
                self.count_order(asked.account)
            body = endpoint.call(asked)
        except Denied as error:
            return _json(error.status, {"code": error.code, "msg": str(error), **(error.data or {})}, headers)
        except Refused as error:
            return _json(400, {"code": error.code, "msg": str(error)}, headers)
        if endpoint.is_free:
            used = str(self.budget.give_back(question.address, cost))
            headers["X-MBX-USED-WEIGHT"] = headers["X-MBX-USED-WEIGHT-1M"] = used
        if endpoint.is_order:
            count = self.counts[asked.account]
            headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-ORDER-COUNT-1D"] = str(count.short), str(count.long)
        return _json(200, body, headers)

    def now_ns(self) -> int:
        """The venue's time as its servers see it."""
        return self.world.clock.now_ns() + self.skew_ms * NS_PER_MS

    def over_weight(self, verdict: Verdict, headers: dict[str, str]) -> Answer:
        """The answer to too much weight: 429, or 418 while banned."""
        until = self.now_ns() // NS_PER_MS + verdict.retry_after_s * 1000
        text = (
            f"Way too much request weight used; IP banned until {until}. Please use WebSocket Streams for live updates to avoid bans."
            if verdict.status == 418
            else f"Too much request weight used; current limit is {self.budget.limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
        return _json(verdict.status, {"code": -1003, "msg": text}, {**headers, "Retry-After": str(verdict.retry_after_s)})

    def authorised(self, params: Mapping[str, Any], need: Need, *, session: ApiKey | None) -> Asked:
        """A request of the WebSocket API, signed or within a session that is logged on."""
        texts = {name: _plain(value) for name, value in params.items()}
        asked = Asked(texts, None, self.now_ns())
        if session is not None and "signature" not in texts and "apiKey" not in texts:
            asked.key = self._key(session.key, need)
            self._check_time(asked)
            return asked
        asked.key = self._key(asked.text("apiKey"), need)
        payload = "&".join(f"{name}={value}" for name, value in sorted(texts.items()) if name != "signature")
        self._check(asked, payload.encode())
        return asked

    def count_order(self, account: str) -> None:
        """Count a new order of an account, or say that it sends too many."""
        now_s = self.now_ns() // 1_000_000_000
        count = self.counts.setdefault(account, OrderCount())
        if count.window != now_s // 10:
            count.window, count.short = now_s // 10, 0
        if count.day != now_s // 86_400:
            count.day, count.long = now_s // 86_400, 0
        if count.short >= self.orders_10s or count.long >= ORDERS_DAY:
            limit = f"{self.orders_10s} orders per 10 SECOND" if count.short >= self.orders_10s else f"{ORDERS_DAY} orders per 1 DAY"
            raise Denied(429, -1015, f"Too many new orders; current limit is {limit}.")
        count.short += 1
        count.long += 1

    def _key(self, text: str, need: Need) -> ApiKey:
        if not is_key(text):
            raise Denied(401, -2014, "API-key format invalid.")
        key = self.keys.find(text)
        if key is None or not (need in key.scopes or (need == "cancel" and "trade" in key.scopes)):
            raise Denied(401, -2015, "Invalid API-key, IP, or permissions for action.")
        return key

    def _check(self, asked: Asked, payload: bytes) -> None:
        signature = asked.params.get("signature", "")
        if not signature:
            raise Refused(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        self._check_time(asked)
        assert asked.key is not None
        if not is_signed(asked.key, payload, signature):
            raise Refused(-1022, "Signature for this request is not valid.")

    def _check_time(self, asked: Asked) -> None:
        asked.text("timestamp")
        at_ns = asked.instant_ns("timestamp")
        window = asked.params.get("recvWindow")
        window_ms = RECV_WINDOW_MS
        if window:
            try:
                window_ms = Decimal(window)
            except InvalidOperation:
                raise Refused(-1100, "Illegal characters found in parameter 'recvWindow'.") from None
        if not 0 <= window_ms <= RECV_WINDOW_MS_MAX:
            raise Refused(-1131, "recvWindow must be less than 60000")
        assert at_ns is not None
        if not self.world.config.checks_time:
            return
        if at_ns >= asked.now_ns + AHEAD_MS_MAX * NS_PER_MS:
            raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if asked.now_ns - at_ns > int(window_ms * NS_PER_MS):
            raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")


def _read(question: Question) -> tuple[bytes, dict[str, str]]:
    """(what was signed, parameters): the query and the body as sent, the signature taken out."""
    parts = [part for part in (question.query, question.body.decode("latin-1")) if part]
    signed, params = [], {}
    for part in parts:
        kept = []
        for pair in part.split("&"):
            name, _, value = pair.partition("=")
            if not pair.isascii() or " " in pair:
                raise Refused(-1022, "Signature for this request is not valid.")
            if "%" in pair or "+" in pair:
                name, value = unquote_plus(name), unquote_plus(value)
            if name in params:
                raise Refused(-1101, "Duplicate values for a parameter detected.")
            params[name] = value
            if name != "signature":
                kept.append(pair)
        signed.append("&".join(kept))
    return "".join(signed).encode("latin-1"), params


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _json(status: int, body: Any, headers: dict[str, str]) -> Answer:
    headers.update(_JSON)
    return Answer(status, _encode(body), headers)
