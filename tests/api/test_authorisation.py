"""Every route by every role: a route without a row here fails, and so does a row without a route."""

from __future__ import annotations

from typing import Any

import pytest

from tradewinds.people.role import ROLES, Role

# (method, path) -> the lowest role that may; "nobody" for what strangers may.
MATRIX: dict[tuple[str, str], str] = {
    ("GET", "/api/v1/health"): "nobody",
    ("GET", "/api/v1/openapi.json"): "nobody",
    ("POST", "/api/v1/session"): "nobody",
    ("DELETE", "/api/v1/session"): "viewer",
    ("GET", "/api/v1/me"): "viewer",
    ("POST", "/api/v1/me/password"): "viewer",
    ("GET", "/api/v1/tokens"): "viewer",
    ("POST", "/api/v1/tokens"): "viewer",
    ("POST", "/api/v1/tokens/revoke"): "viewer",
    ("GET", "/api/v1/bars"): "viewer",
    ("GET", "/api/v1/instruments"): "viewer",
    ("GET", "/api/v1/instruments/by-id"): "viewer",
    ("GET", "/api/v1/tables"): "viewer",
    ("GET", "/api/v1/rows"): "viewer",
    ("GET", "/api/v1/indicators"): "viewer",
    ("GET", "/api/v1/findings"): "viewer",
    ("GET", "/api/v1/holds"): "viewer",
    ("GET", "/api/v1/lineage"): "viewer",
    ("GET", "/api/v1/coverage"): "viewer",
    ("GET", "/api/v1/runs"): "viewer",
    ("GET", "/api/v1/runs/{number}"): "viewer",
    ("GET", "/api/v1/nights"): "viewer",
    ("GET", "/api/v1/features"): "viewer",
    ("GET", "/api/v1/signals"): "viewer",
    ("GET", "/api/v1/risk"): "viewer",
    ("GET", "/api/v1/risk/sessions"): "viewer",
    ("GET", "/api/v1/risk/factors"): "viewer",
    ("GET", "/api/v1/risk/portfolio"): "viewer",
    ("GET", "/api/v1/candidates"): "viewer",
    ("GET", "/api/v1/models"): "viewer",
    ("GET", "/api/v1/backtests"): "viewer",
    ("GET", "/api/v1/accounts"): "viewer",
    ("GET", "/api/v1/status"): "viewer",
    ("GET", "/api/v1/strategies"): "viewer",
    ("GET", "/api/v1/orders"): "viewer",
    ("GET", "/api/v1/orders/{number}"): "viewer",
    ("GET", "/api/v1/fills"): "viewer",
    ("GET", "/api/v1/fills/explained"): "viewer",
    ("GET", "/api/v1/processes"): "viewer",
    ("GET", "/api/v1/positions"): "viewer",
    ("GET", "/api/v1/profit"): "viewer",
    ("GET", "/api/v1/gains"): "viewer",
    ("GET", "/api/v1/limits"): "viewer",
    ("GET", "/api/v1/approvals"): "viewer",
    ("GET", "/api/v1/requests"): "viewer",
    ("GET", "/api/v1/events"): "viewer",
    ("GET", "/api/v1/breaks"): "viewer",
    ("GET", "/api/v1/evenings"): "viewer",
    ("GET", "/api/v1/parity"): "viewer",
    ("GET", "/api/v1/live"): "viewer",
    ("GET", "/api/v1/alerts"): "viewer",
    ("GET", "/api/v1/alerts/routes"): "viewer",
    ("GET", "/api/v1/alerts/{number}"): "viewer",
    ("POST", "/api/v1/alerts/{number}/ack"): "trader",
    ("POST", "/api/v1/alerts/routes/{name}/test"): "trader",
    ("POST", "/api/v1/halt"): "trader",
    ("POST", "/api/v1/orders"): "trader",
    ("POST", "/api/v1/orders/cancel"): "trader",
    ("POST", "/api/v1/positions/close"): "trader",
    ("POST", "/api/v1/overrides"): "trader",
    ("POST", "/api/v1/strategies/{name}"): "trader",
    ("POST", "/api/v1/holds/release"): "trader",
    ("POST", "/api/v1/candidates/{number}"): "trader",
    ("POST", "/api/v1/backtests"): "trader",
    ("POST", "/api/v1/resume"): "risk_officer",
    ("POST", "/api/v1/approvals/{number}"): "risk_officer",
    ("POST", "/api/v1/limits"): "risk_officer",
    ("POST", "/api/v1/requests/{number}"): "risk_officer",
    ("POST", "/api/v1/models/{name}/champion"): "risk_officer",
    ("GET", "/api/v1/audit"): "risk_officer",
    ("GET", "/api/v1/people"): "admin",
    ("POST", "/api/v1/people"): "admin",
    ("POST", "/api/v1/people/{name}"): "admin",
    ("POST", "/api/v1/people/{name}/tokens"): "admin",
}


def routes(app: Any) -> set[tuple[str, str]]:
    """Every (method, path) that the application answers."""
    return {(method, one.path) for one in flat(app.routes) for method in getattr(one, "methods", None) or ()}


def flat(found: Any) -> list[Any]:
    """Routes, those of included routers among them."""
    told: list[Any] = []
    for one in found:
        inner = getattr(one, "effective_candidates", None)
        told += flat(inner()) if callable(inner) else flat(one.routes) if getattr(one, "routes", None) else [one]
    return told


def call(served: Any, method: str, path: str, headers: dict[str, str], number: int) -> int:
    """The status of a call with as little in it as passes the door: nothing that could be done."""
    place = path.replace("{number}", "1").replace("{name}", "nobody")
    params = {"for_s": "1"} if path.endswith("/live") else {}
    sent = {**headers, "Idempotency-Key": f"matrix-{number}"}
    body = {"json": {}} if method == "POST" else {}
    return int(served.client.request(method, place, params=params, headers=sent, **body).status_code)


def test_the_matrix_and_the_application_name_the_same_routes(served: Any) -> None:
    assert routes(served.app) == set(MATRIX)


@pytest.mark.parametrize("role", [None, *ROLES])
def test_every_route_lets_in_whom_it_should_and_nobody_else(served: Any, role: Role | None) -> None:
    wrong = []
    for number, ((method, path), lowest) in enumerate(MATRIX.items()):
        given = {"days": 2} if path.endswith("/session") else {}  # signing out ends the token that it is called with
        headers = {} if role is None else served.as_(role, **given)
        status = call(served, method, path, headers, number)
        is_let_in = lowest == "nobody" or (role is not None and ROLES.index(role) >= ROLES.index(lowest))  # type: ignore[arg-type]  # a role here
        expected = {401} if role is None and not is_let_in else {403}
        if (status in (401, 403)) is is_let_in or (not is_let_in and status not in expected) or status >= 500:
            wrong.append((method, path, role, status))

    assert wrong == []


def test_a_token_does_what_its_scopes_name_and_nothing_else(served: Any) -> None:
    headers = served.as_("admin", scopes=["read:market"])

    assert served.client.get("/api/v1/instruments", headers=headers).status_code == 200
    assert served.client.get("/api/v1/orders", headers=headers).status_code == 403
    assert served.client.get("/api/v1/people", headers=headers).status_code == 403
    assert served.client.post("/api/v1/halt", headers={**headers, "Idempotency-Key": "1"}, json={"reason": "x"}).status_code == 403


def test_a_refused_write_stands_in_the_audit_log(served: Any) -> None:
    served.tell("/limits", {"account": "main", "limit": "notional_max", "value": "1", "reason": "x"}, role="trader")

    row = served.house.ledger.acts.audited(person="trader")[0]
    assert (row.act, row.outcome, row.detail, row.address) == ("POST /api/v1/limits", "refused", "status 403", "127.0.0.1")


def test_a_route_without_a_permission_cannot_be_made() -> None:
    from fastapi import APIRouter

    from tradewinds.app.api.route import GuardedRoute
    from tradewinds.core.errors import Invariant

    router = APIRouter(route_class=GuardedRoute)
    with pytest.raises(Invariant, match="permission '', expected one of"):
        router.get("/open")(lambda: None)
