"""Which alerts a route takes, when it tries again, and how many messages it may become.

1. A route takes an alert by severity and source; one that takes nothing by itself serves escalation alone.
2. A message that is refused is tried again after a wait that doubles; after `attempts_max` tries the route gave up.
3. In a window of time a route sends at most `messages_max` messages of critical alerts, and as many of others. What is beyond becomes one
   digest that names every alert; where the last one is spent, it waits until the window moves on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Literal

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_MINUTE, NS_PER_SECOND
from tradewinds.people.alert import SEVERITIES, Alert, RaisedAlert, Severity, rank

SUMMARY = "summary"  # the source of daily summaries, which only routes that ask for them get
AGAIN_S_FIRST = 1.0
AGAIN_S_MAX = 300.0
DeliveryState = Literal["waiting", "sending", "sent", "failed", "moot"]
Why = Literal["routed", "escalated", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where alerts go, without its address. quiet: [from, until) by the clocks of `zone`, in which only critical ones pass.

    escalate_to: the route that hears of it when nobody acknowledged within `escalate_minutes`, or when this route gave up.
    """

    name: str
    severities: tuple[Severity, ...] = SEVERITIES
    sources: tuple[str, ...] = ()
    summary: bool = False
    quiet: tuple[time, time] | None = None
    zone: str = "UTC"
    escalate_to: str | None = None
    escalate_minutes: float = 15.0
    escalate_severities: tuple[Severity, ...] = ("critical",)
    messages_max: int = 10
    window_minutes: float = 10.0
    attempts_max: int = 12

    def __post_init__(self) -> None:
        for name, least in (("escalate_minutes", 0), ("messages_max", 1), ("window_minutes", 0), ("attempts_max", 1)):
            if not getattr(self, name) >= least:
                raise Rejected(f"route {self.name}: {name} {getattr(self, name)!r}, expected at least {least}")
        if self.escalate_to == self.name:
            raise Rejected(f"route {self.name}: escalate_to itself, expected another route")

    @property
    def window_ns(self) -> int:
        return int(self.window_minutes * NS_PER_MINUTE)

    def takes(self, alert: Alert) -> bool:
        """Whether an alert goes here by itself."""
        if alert.source == SUMMARY:
            return self.summary
        return alert.severity in self.severities and (not self.sources or alert.source in self.sources)

    def escalates_at_ns(self, alert: Alert, due_ns: int) -> int | None:
        """When an alert that nobody acknowledged goes on, None where it never does. due_ns: when it was first due here."""
        if self.escalate_to is None or alert.severity not in self.escalate_severities:
            return None
        return due_ns + int(self.escalate_minutes * NS_PER_MINUTE)


@dataclass(frozen=True, slots=True)
class Delivery:
    """An alert on its way to a route. first_ns: when it was first due. message: of the message it was put into, "" for none yet.

    is_doubtful: a try ended without an answer, so that the receiver may have it already.
    """

    raised: RaisedAlert
    route: str
    state: DeliveryState
    why: Why
    first_ns: int
    due_ns: int
    attempts: int = 0
    message: str = ""
    is_doubtful: bool = False
    sent_ns: int | None = None
    error: str = ""

    @property
    def is_critical(self) -> bool:
        return self.raised.alert.severity == "critical"


@dataclass(frozen=True, slots=True)
class Spent:
    """Messages that a route began within its window."""

    critical: int = 0
    other: int = 0


def again_ns(attempts: int) -> int:
    """How long to wait after so many tries: 1, 2, 4 … seconds, five minutes at most."""
    return int(min(AGAIN_S_FIRST * 2 ** min(attempts - 1, 30), AGAIN_S_MAX) * NS_PER_SECOND)


def batches(due: Sequence[Delivery], route: Route, spent: Spent) -> list[tuple[Delivery, ...]]:
    """The messages to send now, each with its deliveries; critical first, then the oldest. What is in none has to wait.

    Deliveries that were in one message before stay in it, and cost no further message.
    """
    begun: dict[str, list[Delivery]] = {}
    due = sorted(due, key=lambda one: (-rank(one.raised.alert.severity), one.first_ns, one.raised.id))
    for one in due:
        if one.message:
            begun.setdefault(one.message, []).append(one)
    found = [tuple(rows) for rows in begun.values()]
    fresh = [one for one in due if not one.message]
    for is_critical, used in ((True, spent.critical), (False, spent.other)):
        found += _within([one for one in fresh if one.is_critical is is_critical], route.messages_max - used)
    return found


def check_routes(routes: Mapping[str, Route]) -> None:
    """Raises Rejected where a route escalates to one that is not there."""
    for one in routes.values():
        if one.escalate_to is not None and one.escalate_to not in routes:
            raise Rejected(f"route {one.name}: escalate_to {one.escalate_to!r}, expected one of {', '.join(sorted(routes))}")


def _within(fresh: list[Delivery], left: int) -> list[tuple[Delivery, ...]]:
    """Each alone while messages are left; the last of them takes all the rest."""
    if not fresh or left <= 0:
        return []
    alone = len(fresh) if len(fresh) <= left else left - 1
    return [(one,) for one in fresh[:alone]] + ([tuple(fresh[alone:])] if fresh[alone:] else [])
