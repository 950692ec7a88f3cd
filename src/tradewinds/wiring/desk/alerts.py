"""Alerts for people: what was raised, what became of it on each route, who has it in hand, and the routes themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import text
from tradewinds.people.alert import SEVERITIES, Acknowledgement, RaisedAlert
from tradewinds.wiring.alerting_routes import address_of, quiet_until, routes_of

if TYPE_CHECKING:
    from tradewinds.people.alert_routing import Delivery, Route
    from tradewinds.wiring.house import House

STATES = ("open", "acknowledged")
LIMIT = 200


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """An alert as people read it. state: open until somebody has it in hand."""

    id: str
    state: str
    severity: str
    source: str
    subject: str
    text: str
    next_command: str
    raised_ns: int
    acknowledged_ns: int | None
    acknowledged_by: str | None


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """What became of an alert on one route. is_doubtful: a try ended without an answer, so that it may have arrived twice."""

    route: str
    state: str
    why: str
    first_ns: int
    due_ns: int
    sent_ns: int | None
    attempts: int
    is_doubtful: bool
    error: str


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Some alerts, newest first. after: where the next ones begin, None at the end."""

    rows: list[AlertFacts]
    after: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """A route of the configuration, never its address. is_ready: it has one. quiet_until: the end of quiet hours that hold now."""

    name: str
    is_ready: bool
    severities: tuple[str, ...]
    sources: tuple[str, ...]
    quiet_hours: str
    quiet_until: str | None
    escalates: str
    summary: bool


def alerts(
    house: House, *, state: str | None = None, severity: str | None = None, source: str | None = None,
    after: tuple[int, str] | None = None, limit: int = LIMIT,
) -> AlertPage:  # fmt: skip
    """Alerts that fit, newest first. Raises Rejected for a state or severity that there is not."""
    _one_of("state", state, STATES)
    _one_of("severity", severity, SEVERITIES)
    is_open = None if state is None else state == "open"
    found = house.ledger.outbox.alerts(is_open=is_open, severity=severity, source=source, after=after, limit=limit + 1)
    rest = found[:limit]
    return AlertPage([_facts(one) for one in rest], (rest[-1].raised_ns, rest[-1].id) if len(found) > limit and rest else None)


def alert(house: House, number: str) -> tuple[AlertFacts, list[DeliveryFacts], list[Acknowledgement]]:
    """One alert, its deliveries by route, and everyone who has it in hand. Raises Missing, or Rejected where several ids begin so."""
    outbox = house.ledger.outbox
    found = outbox.alert(number)
    return _facts(found), [_delivery(one) for one in outbox.deliveries(found.id)], outbox.acknowledgements(found.id)


def routes(house: House) -> list[RouteFacts]:
    """The routes of the configuration, by name."""
    now_ns = house.clock.now_ns()
    return [_route(one, now_ns) for _, one in sorted(routes_of(house.config).items())]


def _one_of(name: str, given: str | None, known: tuple[str, ...]) -> None:
    if given is not None and given not in known:
        raise Rejected(f"alerts: {name} {given!r}, expected one of {', '.join(known)}")


def _facts(one: RaisedAlert) -> AlertFacts:
    told = one.alert
    return AlertFacts(
        one.id, "open" if one.acknowledged_ns is None else "acknowledged", told.severity, told.source, told.subject, told.text,
        told.next_command, one.raised_ns, one.acknowledged_ns, one.acknowledged_by,
    )  # fmt: skip


def _delivery(one: Delivery) -> DeliveryFacts:
    return DeliveryFacts(
        one.route, one.state, one.why, one.first_ns, one.due_ns, one.sent_ns, one.attempts, one.is_doubtful, one.error
    )  # fmt: skip


def _route(one: Route, now_ns: int) -> RouteFacts:
    quiet = "" if one.quiet is None else f"{one.quiet[0]:%H:%M}-{one.quiet[1]:%H:%M} {one.zone}"
    ends_ns = quiet_until(one, now_ns)
    onwards = (
        "" if one.escalate_to is None else f"{', '.join(one.escalate_severities)} to {one.escalate_to} after {one.escalate_minutes:g} min"
    )
    return RouteFacts(
        one.name, address_of(one.name) is not None, one.severities, one.sources, quiet, None if ends_ns is None else text(ends_ns), onwards,
        one.summary,
    )  # fmt: skip
