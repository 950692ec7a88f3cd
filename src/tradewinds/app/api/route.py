"""What every route checks before its function runs. A route without a permission cannot be made.

1. Somebody is known, and may (PUBLIC needs nobody).
2. A write of a browser's session carries the CSRF secret, and comes from a page of this address.
3. A write carries an Idempotency-Key: the same key and body answer the same again, another body is refused, a key under way waits.
4. What goes wrong becomes a problem; a write that is refused here stands in the audit log; `desk.acts` writes the others.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tradewinds.app.api.answer import JSON
from tradewinds.app.api.gate import SAFE, BodyTooLargeError
from tradewinds.app.api.problem import (
    BUG,
    FORBIDDEN,
    MALFORMED,
    MISSING,
    NO_KEY,
    REJECTED,
    SIGNED_OUT,
    kind_of,
    problem,
    problem_of,
)
from tradewinds.core.errors import Invariant, Rejected, TradewindsError, Transient
from tradewinds.people.audit import AuditRow
from tradewinds.people.role import PERMISSIONS, Permission
from tradewinds.people.token import Principal, csrf_of, is_same
from tradewinds.stores.ledger_acts import Answered

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

PUBLIC: Literal["public"] = "public"
NEEDS = "x-permission"
KEYLESS = "x-keyless"  # a write that may be repeated without a key: it changes nothing that stays
FACE = "api"
CSRF_HEADER = "x-csrf-token"
KEPT_HEADER = "x-kept-body"  # what is kept of an answer in place of its body, for one that holds a secret; never sent
_KEY = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_log = logging.getLogger(__name__)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def needs(permission: Permission | Literal["public"], *, is_keyless: bool = False) -> dict[str, Any]:
    """The `openapi_extra` of a route: who may call it stands in the document, too."""
    extra: dict[str, Any] = {NEEDS: permission}
    if permission == PUBLIC:
        extra["security"] = []
    if is_keyless:
        extra[KEYLESS] = True
    return extra


class GuardedRoute(APIRoute):
    """A route of the API; see above."""

    @property
    def permission(self) -> str:
        """What who asks must be allowed."""
        return str((self.openapi_extra or {}).get(NEEDS, ""))

    def get_route_handler(self) -> Handler:
        inner = super().get_route_handler()
        permission, is_write = self.permission, bool((self.methods or set()) - SAFE)
        is_keyed = is_write and not (self.openapi_extra or {}).get(KEYLESS)
        if permission not in (*PERMISSIONS, PUBLIC):
            raise Invariant(f"route {self.path}: permission {permission!r}, expected one of {', '.join(PERMISSIONS)} or {PUBLIC}")

        async def handle(request: Request) -> Response:
            state = request.scope["state"]
            principal: Principal | None = state["principal"]
            try:
                refused = None if permission == PUBLIC else _unallowed(state, principal, permission)
                if refused is None and is_write:
                    refused = _forged(request, state)
                if refused is not None:
                    return await _audited(request, refused) if is_write else refused
                if is_keyed and principal is not None:
                    return await _once(inner, request, principal)
                return await _answered(inner, request)
            except BodyTooLargeError:
                raise
            except Exception as error:  # noqa: BLE001 - the broad catch of a request
                return _trouble(error, state["request_id"])

        return handle


def principal_of(request: Request) -> Principal:
    """Who asks; on a route that is not public there is somebody."""
    found = request.scope["state"]["principal"]
    assert isinstance(found, Principal)
    return found


def house_of(request: Request) -> House:
    """The house that is served."""
    found: House = request.app.state.house
    return found


def _unallowed(state: dict[str, Any], principal: Principal | None, permission: str) -> Response | None:
    if principal is None:
        return problem(SIGNED_OUT, "no token or session, expected Authorization: Bearer tw_…", state["request_id"])
    if not principal.may(permission):  # type: ignore[arg-type]  # checked when the route was made
        return problem(FORBIDDEN, f"{principal.person} ({principal.role}) has no {permission}", state["request_id"])
    return None


def _forged(request: Request, state: dict[str, Any]) -> Response | None:
    """The answer to a write that a page of somebody else made a browser send."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        return problem(FORBIDDEN, "origin: another one, expected a page of this address", state["request_id"])
    if state["is_session"] and state["principal"] is not None:
        given = request.headers.get(CSRF_HEADER, "")
        if not is_same(given, csrf_of(state["secret"])):
            return problem(FORBIDDEN, f"{CSRF_HEADER}: missing or wrong, expected that of the session", state["request_id"])
    return None


async def _once(inner: Handler, request: Request, principal: Principal) -> Response:
    """The write, or what it was answered when it was done before."""
    request_id = request.scope["state"]["request_id"]
    key = request.headers.get("idempotency-key", "")
    if _KEY.fullmatch(key) is None:
        why = "Idempotency-Key: missing or not of 1 to 128 visible characters, expected a new one for each write"
        return await _audited(request, problem(NO_KEY, why, request_id))
    body = await request.body()
    what = f"{request.method} {request.url.path}?{request.url.query}".encode()
    digest = hashlib.sha256(what + b"\0" + body).hexdigest()
    house = house_of(request)
    acts = house.ledger.acts
    try:
        before = await asyncio.to_thread(acts.begin, principal.person, key, digest, house.clock.now_ns())
    except Rejected as error:
        return await _audited(request, problem(REJECTED, str(error), request_id))
    except Transient as error:
        return problem_of(error, request_id)
    if before is not None:
        media = JSON if before.status < 400 else "application/problem+json"
        return Response(before.answer, before.status, {"Idempotent-Replay": "true"}, media)
    try:
        response = await _answered(inner, request)
    except Exception as error:  # noqa: BLE001 - as in `handle`; what was answered is kept with the key
        response = _trouble(error, request_id)
        is_not_done = isinstance(error, Transient)
        await asyncio.to_thread(acts.end, principal.person, key, None if is_not_done else _kept(response))
        return response
    await asyncio.to_thread(acts.end, principal.person, key, _kept(response))
    if KEPT_HEADER in response.headers:
        del response.headers[KEPT_HEADER]
    return response


async def _answered(inner: Handler, request: Request) -> Response:
    try:
        return await inner(request)
    except RequestValidationError as error:
        request_id = request.scope["state"]["request_id"]
        told = [{"at": ".".join(str(part) for part in one["loc"]), "why": str(one["msg"])} for one in error.errors()[:20]]
        response = problem(REJECTED, f"{len(error.errors())} values are not as documented", request_id, errors=told)
        return await _audited(request, response) if request.method not in SAFE else response


def _kept(response: Response) -> Answered:
    kept = response.headers.get(KEPT_HEADER)
    return Answered(response.status_code, kept if kept is not None else bytes(response.body).decode())


def _trouble(error: Exception, request_id: str) -> Response:
    if isinstance(error, HTTPException):
        kind = MISSING if error.status_code == 404 else MALFORMED if error.status_code < 500 else BUG
        return problem(kind, str(error.detail), request_id)
    if kind_of(error) is BUG:
        _log.error("request %s: %s", request_id, type(error).__name__, exc_info=error)
    return problem_of(error, request_id)


async def _audited(request: Request, response: Response) -> Response:
    """The refusal of a write, after it was written down. What nobody known sent is only counted."""
    state = request.scope["state"]
    principal: Principal | None = state["principal"]
    if principal is None:
        return response
    house = house_of(request)
    place = getattr(request.scope.get("route"), "path", "none")
    row = AuditRow(
        house.clock.now_ns(), principal.person, principal.role, FACE, state["address"], f"{request.method} {place}", "", "refused",
        f"status {response.status_code}",
    )  # fmt: skip
    try:
        await asyncio.to_thread(house.ledger.acts.write, row)
    except TradewindsError as error:
        _log.error("audit of request %s: %s", state["request_id"], error)
    return response
