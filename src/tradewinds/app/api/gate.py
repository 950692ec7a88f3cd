"""Everything that comes in passes here first. Plain ASGI, because it is on the way of every request.

1. The host is one of ours (a page elsewhere that renames itself to this machine gets nothing), the path leads nowhere else.
2. The body is no larger than BODY_BYTES_MAX, however it is sent.
3. Whose token or session it is: asked of the ledger, remembered for KNOWN_FOR_S. A token that is revoked by another process is refused
   after at most that long, one that is revoked here at once.
4. How often they ask.
5. Answers get the headers that keep browsers from guessing, framing and caching.

Routes find `scope["state"]`: `principal` (None for nobody), `secret`, `is_session`, `request_id`.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import count
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tradewinds.app.api.problem import MALFORMED, TOO_LARGE, TOO_MANY, problem, problem_of
from tradewinds.app.api.rate import Buckets, Rates
from tradewinds.app.console.door import COOKIE
from tradewinds.core.errors import TradewindsError
from tradewinds.people.token import Access, Principal, id_of
from tradewinds.wiring.desk.sign_in import NotSignedIn, who

if TYPE_CHECKING:
    from tradewinds.app.api.watch import Watch
    from tradewinds.wiring.house import House

PREFIX = "/api/"
BODY_BYTES_MAX = 256 * 1024
KNOWN_FOR_S = 1.0
KNOWN_MAX = 5_000
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
OF_API: tuple[tuple[bytes, bytes], ...] = (
    *HEADERS,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
HOSTS = ("localhost", "127.0.0.1", "[::1]")
_numbers = count(1)


class BodyTooLargeError(Exception):
    """More bytes came than a request may have."""


class Gate:
    """The application behind its gate. hosts: names under which people reach it."""

    def __init__(
        self, app: ASGIApp, house: House, watch: Watch, *, rates: Rates | None = None, hosts: Iterable[str] = HOSTS,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._app = app
        self._house = house
        self._watch = watch
        self._clock_s = clock_s
        chosen = rates or Rates()
        self._reads = Buckets(chosen.reads_per_s, chosen.reads_burst)
        self._writes = Buckets(chosen.writes_per_s, chosen.writes_burst)
        self._strangers = Buckets(chosen.strangers_per_s, chosen.strangers_burst)
        self._hosts = frozenset(one.lower() for one in (*HOSTS, *hosts))
        self._changes = 0
        self._asking: dict[tuple[str, str], asyncio.Task[tuple[Principal, Access]]] = {}
        self._known: OrderedDict[tuple[str, str], tuple[Principal, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        is_http = scope["type"] == "http"
        if _host(headers.get(b"host", b"")) not in self._hosts:
            await self._refuse(problem(MALFORMED, "host: not one of this house"), scope, receive, send)
            return
        if not is_http or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, _adding(send, HEADERS) if is_http else send)
            return
        begun = self._clock_s()
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id = f"{int(time.time() * 1000):x}-{next(_numbers):x}"
        self._watch.began()
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *OF_API, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            refused = await self._refusal(scope, headers, state, begun)
            if refused is not None:
                await refused(scope, receive, answer)
            else:
                await self._app(scope, _limited(receive), answer)
        except BodyTooLargeError:
            await problem(TOO_LARGE, f"body: more than {BODY_BYTES_MAX} bytes", request_id)(scope, receive, answer)
        finally:
            self._watch.ended(scope, status, self._clock_s() - begun)

    def forget(self) -> None:
        """Ask the ledger anew about everybody: somebody changed."""
        self._known.clear()
        self._asking.clear()
        self._changes += 1

    async def _refusal(self, scope: Scope, headers: dict[bytes, bytes], state: dict[str, Any], now_s: float) -> Response | None:
        """The answer to what may not go on, None for what may."""
        request_id = state["request_id"]
        if _leads_elsewhere(scope):
            return problem(MALFORMED, "path: leads elsewhere, expected one of this API", request_id)
        length = headers.get(b"content-length")
        if length is not None and (not length.isdigit() or int(length) > BODY_BYTES_MAX):
            return problem(TOO_LARGE, f"body: {length[:20].decode('latin-1')} bytes, expected at most {BODY_BYTES_MAX}", request_id)
        secret, is_session = _shown(headers)
        address = scope["client"][0] if scope.get("client") else ""
        state.update(principal=None, secret=secret, is_session=is_session, address=address)
        trouble: TradewindsError | None = None
        if secret:
            try:
                state["principal"] = await self._who(secret, address, now_s)
            except NotSignedIn as error:
                trouble = error
            except TradewindsError as error:
                return problem_of(error, request_id)
        wait_s = self._wait_s(state["principal"], address, scope["method"], now_s)
        if wait_s:
            return problem(TOO_MANY, f"requests: too many, expected the next after {wait_s:.2f} s", request_id, wait_s=wait_s)
        return None if trouble is None or is_session else problem_of(trouble, request_id)

    async def _who(self, secret: str, address: str, now_s: float) -> Principal:
        known = self._known.get((secret, address))
        if known is not None and now_s < known[1]:
            return known[0]
        if id_of(secret) is None:
            raise NotSignedIn("token: not of the form of ours, expected tw_<id>_<secret>")
        self._known.pop((secret, address), None)
        # However many requests of one token wait for it, the ledger is asked once.
        task = self._asking.get((secret, address))
        if task is None:
            task = self._asking[secret, address] = asyncio.create_task(asyncio.to_thread(who, self._house, secret, address=address))
            task.add_done_callback(lambda _: self._asking.pop((secret, address), None))
        changes = self._changes
        principal, _ = await asyncio.shield(task)
        if changes != self._changes:  # somebody changed while the ledger was asked: good for this request, remembered for none
            return principal
        while len(self._known) >= KNOWN_MAX:
            self._known.popitem(last=False)
        self._known[secret, address] = (principal, now_s + KNOWN_FOR_S)
        return principal

    def _wait_s(self, principal: Principal | None, address: str, method: str, now_s: float) -> float:
        if principal is None:
            return self._strangers.wait_s(address, now_s)
        return (self._reads if method in SAFE else self._writes).wait_s(principal.person, now_s)

    async def _refuse(self, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        await response(scope, receive, _adding(send, OF_API))


def _shown(headers: dict[bytes, bytes]) -> tuple[str, bool]:
    """(token or session, whether it is a session): a bearer token counts before a cookie."""
    given = headers.get(b"authorization")
    if given is not None:
        scheme, _, token = given.partition(b" ")
        return (token.strip().decode("latin-1"), False) if scheme.lower() == b"bearer" else ("?", False)
    cookie = headers.get(b"cookie")
    if cookie:
        for part in cookie.decode("latin-1").split(";"):
            name, _, value = part.strip().partition("=")
            if name == COOKIE:
                return value, True
    return "", False


def _leads_elsewhere(scope: Scope) -> bool:
    """Dots, backslashes and control characters in a path, plain or encoded: no path of ours has them."""
    raw = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
    path = raw.lower() + b"\n" + scope["path"].lower().encode("utf-8", "replace")
    return b"/.." in path or b"../" in path or b"%2e%2e" in path or b"\\" in path or b"%5c" in path or b"%00" in path or b"\x00" in path


def _host(given: bytes) -> str:
    """The name in a Host header, without its port."""
    name = given.decode("latin-1").lower()
    return name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]


def _adding(send: Send, more: tuple[tuple[bytes, bytes], ...]) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(one for one in more if one[0] not in there)]
        await send(message)

    return answer


def _limited(receive: Receive) -> Receive:
    """What is received, until it is more than a request may have: a body without a stated length is counted as it comes."""
    got = 0

    async def limited() -> Message:
        nonlocal got
        message = await receive()
        if message["type"] == "http.request":
            got += len(message.get("body", b""))
            if got > BODY_BYTES_MAX:
                raise BodyTooLargeError
        return message

    return limited
