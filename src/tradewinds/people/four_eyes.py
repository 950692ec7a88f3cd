"""What one person cannot do alone: raise a limit, and let a strategy trade with real money.

1. A person asks; nothing happens but a row with the act and its words.
2. Another person, whose role may do the act itself, confirms or declines within `VALID_S`. The same person never can.
3. Confirmed, the act is done once with the words that were asked for; whoever wants other words asks anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_SECOND, text
from tradewinds.people.role import Permission
from tradewinds.people.token import Principal

RequestState = Literal["waiting", "confirmed", "declined", "expired"]
VALID_S = 24 * 3_600


@dataclass(frozen=True, slots=True)
class Request:
    """An act that waits for a second person. permission: what the second person needs."""

    id: str
    act: str
    words: Mapping[str, Any]
    permission: Permission
    asked_by: str
    asked_ns: int
    expires_ns: int
    reason: str
    state: RequestState = "waiting"
    answered_by: str | None = None
    answered_ns: int | None = None
    note: str = ""
    outcome: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def state_at(self, at_ns: int) -> RequestState:
        """What it is then: one that nobody answered in time has expired."""
        return "expired" if self.state == "waiting" and at_ns >= self.expires_ns else self.state


def check_second(request: Request, second: Principal, at_ns: int, *, is_given: bool) -> None:
    """Raises Rejected where this person cannot answer the request. Whoever asked may take it back, never confirm it."""
    what = f"request {request.id} ({request.act})"
    state = request.state_at(at_ns)
    if state != "waiting":
        who = f" by {request.answered_by}" if request.answered_by else f" at {text(request.expires_ns)}"
        raise Rejected(f"{what}: {state}{who}, expected one that waits")
    if second.person == request.asked_by:
        if is_given:
            raise Rejected(f"{what}: asked and confirmed by {second.person}, expected two different persons")
        return
    if not second.may(request.permission):
        raise Rejected(f"{what}: {second.person} is {second.role}, expected somebody who has {request.permission}")


def expires_at(asked_ns: int) -> int:
    """When a request that nobody answers ends."""
    return asked_ns + VALID_S * NS_PER_SECOND


def is_raised(limit: str, before: object, after: object) -> bool:
    """Whether a limit lets more happen than before. None is no limit; what cannot be compared counts as raised.

    restricted: a list of instruments, fewer let more happen. approval_wait_s and windows: any change counts as raised, because either
    side of them may be the looser one.
    """
    if before == after:
        return False
    if limit.startswith("is_") or limit == "does_count_cancels":
        return bool(before) and not after
    if limit == "restricted":
        return not _names(before) <= _names(after)
    if limit.endswith(("_window_s", "_wait_s")):
        return True
    if limit == "cooldown_s":
        return after is None or (before is not None and _number(after) < _number(before))
    if after is None:
        return True
    return before is not None and _number(after) > _number(before)


def _names(value: object) -> frozenset[str]:
    return (
        frozenset()
        if value is None
        else frozenset(str(one) for one in value)
        if isinstance(value, list | tuple | set | frozenset)
        else frozenset({str(value)})
    )


def _number(value: object) -> Decimal:
    return Decimal(str(value))
