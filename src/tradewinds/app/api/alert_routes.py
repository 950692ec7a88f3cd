"""Alerts: what was raised, what became of it, who has it in hand; take one in hand, try a route."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from tradewinds.app.api.act_routes import Body, Note
from tradewinds.app.api.answer import json_answer
from tradewinds.app.api.arguments import Cursor, Limit, Text, cursor_of, number_of, parts_of
from tradewinds.app.api.document import answers
from tradewinds.app.api.route import FACE, GuardedRoute, house_of, needs, principal_of
from tradewinds.wiring.desk import acts, alerts

router = APIRouter(route_class=GuardedRoute, tags=["alerts"])
READ = needs("read:trade")
Number = Annotated[str, Path(pattern="^[0-9a-f]{1,12}$", description="Its id, or how it begins.", examples=["3f2a916b07cd"])]
RouteName = Annotated[str, Path(max_length=100, examples=["desk"])]
_ALERT = {
    "id": "3f2a916b07cd", "state": "open", "severity": "critical", "source": "breaks", "subject": "main",
    "text": "position of BTCUSDT.BINANCE differs from the broker's statement", "next_command": "tradewinds trade breaks",
    "raised": "2024-01-31T20:00:00Z", "acknowledged": None, "acknowledged_by": None,
}  # fmt: skip
_DELIVERY = {
    "route": "desk", "state": "sent", "why": "routed", "first": "2024-01-31T20:00:00Z", "due": "2024-01-31T20:00:00Z",
    "sent": "2024-01-31T20:00:01Z", "attempts": 1, "is_doubtful": False, "error": "",
}  # fmt: skip
_SAID = {"alert": "3f2a916b07cd", "by": "ada", "at": "2024-01-31T20:01:00Z", "face": "desk", "note": "looking"}
_ROUTE = {
    "name": "desk", "is_ready": True, "severities": ["info", "warning", "critical"], "sources": [], "quiet_hours": "22:00-07:00 UTC",
    "quiet_until": None, "escalates": "critical to phone after 15 min", "summary": True,
}  # fmt: skip


class AckBody(Body):
    note: Note = None


class TryBody(Body):
    """Nothing: the route's name says it all."""


@router.get("/alerts", openapi_extra=READ, responses=answers({"alerts": [_ALERT], "next": None}))
def listed(
    request: Request, state: Text = None, severity: Text = None, source: Text = None, limit: Limit = 200, cursor: Cursor = None
) -> Response:
    """Alerts, newest first. state: open, or acknowledged once somebody has it in hand; severity: info, warning or critical."""
    after = None
    if cursor is not None:
        raised, last = parts_of(cursor, 2)
        after = number_of(raised), last
    page = alerts.alerts(house_of(request), state=state, severity=severity, source=source, after=after, limit=limit)
    return json_answer({"alerts": page.rows, "next": None if page.after is None else cursor_of(*page.after)})


@router.get("/alerts/routes", openapi_extra=READ, responses=answers({"routes": [_ROUTE]}))
def routes(request: Request) -> Response:
    """Where alerts go, by name; no address."""
    return json_answer({"routes": alerts.routes(house_of(request))})


@router.get(
    "/alerts/{number}", openapi_extra=READ, responses=answers({"alert": _ALERT, "deliveries": [_DELIVERY], "acknowledgements": [_SAID]})
)
def one(request: Request, number: Number) -> Response:
    """One alert, what became of it on each route, and everyone who has it in hand."""
    found, deliveries, said = alerts.alert(house_of(request), number)
    return json_answer({"alert": found, "deliveries": deliveries, "acknowledgements": said})


@router.post(
    "/alerts/{number}/ack", openapi_extra=needs("do:trade"),
    responses=answers({"id": "3f2a916b07cd", "alert": "breaks main", "in_the_hands_of": "ada"}),
)  # fmt: skip
def acknowledge(request: Request, number: Number, body: AckBody) -> Response:
    """Take an alert in hand: what is not sent yet is not sent any more, and nothing escalates."""
    words = {"id": number} | ({} if body.note is None else {"note": body.note})
    return json_answer(acts.do(house_of(request), principal_of(request), "alert.ack", words, face=FACE))


@router.post(
    "/alerts/routes/{name}/test", openapi_extra=needs("do:trade"), responses=answers({"route": "desk", "outcome": "told", "error": None})
)
def try_route(request: Request, name: RouteName, body: TryBody) -> Response:
    """Send a test message, now and once. outcome: told, refused (error says why), or doubt where no answer came."""
    return json_answer(acts.do(house_of(request), principal_of(request), "alert.test", {"route": name}, face=FACE))
