"""How Binance reads a question: parameters, their limits, and the error bodies for wrong ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Rejected
from tradewinds.sandbox.bars import INTERVALS
from tradewinds.sandbox.limits import WeightBudget
from tradewinds.sandbox.listings import Listing
from tradewinds.sandbox.market import Kind
from tradewinds.sandbox.world import World

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

WIRE_INTERVALS = {("1M" if name == "1mo" else name): name for name in INTERVALS}
_MICROSECONDS = 10**14
_NUMBER = re.compile(r"[0-9]{1,20}")
_SYMBOL = re.compile(r"[A-Z0-9_.-]{1,20}")

Answer = Callable[["Question"], Any]
Weight = int | Callable[["Question"], int]


class Refused(Rejected):
    """A question that the venue answers with 400 and this code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Question:
    """The parameters of one request, read the way Binance reads them."""

    def __init__(self, world: World, params: Mapping[str, str], headers: Mapping[str, str], kind: Kind) -> None:
        self.world = world
        self.kind = kind
        self.params = params
        self.unit = 1000 if headers.get("x-mbx-time-unit", "").upper() == "MICROSECOND" else 1

    def text(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.params.get(name, "")
        if not value:
            raise Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def listing(self, name: str = "symbol") -> Listing:
        """The pair that the question is about."""
        return self.pair(self.text(name))

    def pair(self, symbol: str) -> Listing:
        """A pair by symbol."""
        if _SYMBOL.fullmatch(symbol) is None:
            raise Refused(-1100, "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.")
        found = self.world.source.listing(symbol, self.kind)
        if found is None or is_future(self.world, found):
            raise Refused(-1121, "Invalid symbol.")
        return found

    def interval(self) -> str:
        """The bar length, named as in the archive."""
        name = self.text("interval")
        if name not in WIRE_INTERVALS:
            raise Refused(-1120, "Invalid interval.")
        return WIRE_INTERVALS[name]

    def number(self, name: str) -> int | None:
        """A whole number, None where it was not sent."""
        value = self.params.get(name)
        if value is None:
            return None
        if _NUMBER.fullmatch(value) is None:
            raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
        return int(value)

    def instant_ms(self, name: str) -> int | None:
        """An instant, sent in milliseconds or microseconds."""
        value = self.number(name)
        return value if value is None or value < _MICROSECONDS else value // 1000

    def limit(self, usual: int, most: int) -> int:
        """How many rows; more than the most is cut to it, as the venue does."""
        value = self.number("limit")
        if value == 0:
            raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(most, usual if value is None else value)

    def pairs(self) -> list[Listing] | None:
        """The pairs of `symbol` or `symbols`, None where neither was sent."""
        if "symbols" in self.params:
            try:
                names = json.loads(self.params["symbols"])
            except ValueError:
                names = None
            if not isinstance(names, list) or not names:
                raise Refused(
                    -1100, "Illegal characters found in parameter 'symbols'; legal range is '^\\[(\"[A-Z0-9-_.]{1,20}\",?)+\\]$'."
                )
            return [self.pair(str(name)) for name in names]
        return [self.listing()] if "symbol" in self.params else None


def is_future(world: World, listing: Listing) -> bool:
    """Whether the pair is not listed yet by the venue's clock."""
    from tradewinds.sandbox.bars import DAY_MS

    return (listing.start.toordinal() - 719_163) * DAY_MS > world.clock.now_ms()


def route(path: str, answer: Answer, weight: Weight, budget: WeightBudget, world: World, kind: Kind) -> Route:
    """A Starlette route: charges the weight, answers in a thread, says what is wrong the way the venue does."""
    import anyio.to_thread
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def endpoint(request: Request) -> Response:
        question = Question(world, dict(request.query_params), request.headers, kind)
        try:
            cost = weight if isinstance(weight, int) else weight(question)
        except Refused:
            cost = 1
        verdict = budget.spend(request.client.host if request.client else "", cost)
        headers = {"X-MBX-USED-WEIGHT": str(verdict.used), "X-MBX-USED-WEIGHT-1M": str(verdict.used)}
        if verdict.status != 200:
            return refusal(world, verdict.status, verdict.retry_after_s, budget.limit, headers)
        try:
            body = answer(question) if cost <= 1 else await anyio.to_thread.run_sync(answer, question)
        except Refused as error:
            return JSONResponse({"code": error.code, "msg": str(error)}, 400, headers)
        return JSONResponse(body, 200, headers)

    return Route(path, endpoint)


def refusal(world: World, status: int, retry_after_s: int, limit: int, headers: Mapping[str, str]) -> Response:
    """The answer to too much weight: 429, or 418 while banned."""
    from starlette.responses import JSONResponse

    until = world.clock.now_ms() + retry_after_s * 1000
    text = (
        f"Way too much request weight used; IP banned until {until}. Please use WebSocket Streams for live updates to avoid bans."
        if status == 418
        else f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    return JSONResponse({"code": -1003, "msg": text}, status, {**headers, "Retry-After": str(retry_after_s)})
