"""Errors as people's programs read them: `application/problem+json` (RFC 9457).

    {"type": "urn:tradewinds:problem:rejected", "title": "Asked wrongly", "status": 422, "detail": "...", "request": "..."}

What went wrong inside is never told: a bug of ours is a 500 with the id under which the log has it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
from starlette.responses import Response

from tradewinds.core.errors import DataFault, Invariant, Late, Missing, OutcomeUnknown, Rejected, TradewindsError, Transient
from tradewinds.live.control import NotRunning
from tradewinds.stores.ledger_acts import UnderWay
from tradewinds.wiring.desk.acts import Forbidden
from tradewinds.wiring.desk.sign_in import LockedOut, NotSignedIn

MEDIA = "application/problem+json"
DETAIL_CHARACTERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of problem. is_told: whether its text is for the caller."""

    name: str
    title: str
    status: int
    is_told: bool = True


SIGNED_OUT = Kind("not-signed-in", "Nobody knows who asks", 401)
FORBIDDEN = Kind("forbidden", "Not allowed", 403)
MISSING = Kind("missing", "There is none", 404)
METHOD = Kind("method", "Not that method", 405)
NO_KEY = Kind("no-key", "A write wants an Idempotency-Key", 400)
MALFORMED = Kind("malformed", "Not a request that can be read", 400)
UNDER_WAY = Kind("under-way", "Being done", 409)
NOT_RUNNING = Kind("not-running", "No trading service runs", 409)
FAULTY = Kind("data-fault", "Data is missing or conflicts", 409)
TOO_LARGE = Kind("too-large", "Too large", 413)
REJECTED = Kind("rejected", "Asked wrongly", 422)
TOO_MANY = Kind("too-many", "Too many requests", 429)
BUG = Kind("bug", "A bug of ours", 500, is_told=False)
AWAY = Kind("away", "Try again", 503)
UNKNOWN = Kind("outcome-unknown", "Perhaps done, perhaps not: look before repeating", 504)

# The first that fits; what is not ours is a bug.
_KINDS: tuple[tuple[type[BaseException], Kind], ...] = (
    (NotSignedIn, SIGNED_OUT),
    (Forbidden, FORBIDDEN),
    (Rejected, REJECTED),
    (Missing, MISSING),
    (DataFault, FAULTY),
    (Late, FAULTY),
    (NotRunning, NOT_RUNNING),
    (LockedOut, TOO_MANY),
    (UnderWay, UNDER_WAY),
    (Transient, AWAY),
    (OutcomeUnknown, UNKNOWN),
    (Invariant, BUG),
)


def kind_of(error: BaseException) -> Kind:
    """What sort of problem an error is."""
    return next((kind for sort, kind in _KINDS if isinstance(error, sort)), BUG)


def problem(
    kind: Kind, detail: str, request: str = "", *, wait_s: float | None = None, errors: Sequence[Mapping[str, str]] = ()
) -> Response:
    """The answer. errors: [{"at": place in the request, "why": what is wrong}]."""
    body: dict[str, object] = {"type": f"urn:tradewinds:problem:{kind.name}", "title": kind.title, "status": kind.status}
    if kind.is_told and detail:
        body["detail"] = detail[:DETAIL_CHARACTERS_MAX].encode("utf-8", "replace").decode()
    if request:
        body["request"] = request
    if errors:
        body["errors"] = [dict(one) for one in errors]
    headers = {"Retry-After": str(max(1, math.ceil(wait_s)))} if wait_s is not None else {}
    if kind.status == SIGNED_OUT.status:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(body), kind.status, headers, MEDIA)


def problem_of(error: BaseException, request: str = "") -> Response:
    """The answer to an error."""
    kind = kind_of(error)
    wait_s = getattr(error, "retry_after_s", None)
    if wait_s is None and kind in (AWAY, TOO_MANY):
        wait_s = 1.0
    return problem(kind, str(error) if isinstance(error, TradewindsError) else "", request, wait_s=wait_s)
