"""Trading, to look at: accounts, strategies, orders, fills, positions, profit, limits, approvals, requests, breaks, evenings."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tradewinds.app.api.answer import json_answer
from tradewinds.app.api.arguments import AsOf, Cursor, Limit, Text, cursor_of, instant, number_of, parts_of
from tradewinds.app.api.document import answers
from tradewinds.app.api.route import GuardedRoute, house_of, needs
from tradewinds.core.errors import Rejected
from tradewinds.wiring.desk import overview, trade
from tradewinds.wiring.desk.explain import explain_fill

router = APIRouter(route_class=GuardedRoute, tags=["trading"])
READ = needs("read:trade")
STATES = ("waiting", "confirmed", "declined", "expired")
_ORDER = {
    "account": "main",
    "client_order_id": "tw0f3a",
    "instrument": "BTCUSDT.BINANCE",
    "side": "buy",
    "quantity": "0.01",
    "state": "filled",
}


@router.get("/accounts", openapi_extra=READ, responses=answers({"accounts": [{"name": "main", "broker": "paper", "is_live": False}]}))
def accounts(request: Request) -> Response:
    """The accounts of the configuration; no key and no address."""
    return json_answer({"accounts": trade.accounts(house_of(request))})


@router.get("/processes", openapi_extra=READ, responses=answers({"processes": [{"name": "trade", "state": "running", "command": ""}]}))
def processes(request: Request) -> Response:
    """The processes of the house: how each is, and what a person runs next where one is not well."""
    return json_answer({"processes": overview.processes(house_of(request))})


@router.get("/status", openapi_extra=READ, responses=answers({"running": True, "accounts": [{"account": "main", "state": "trading"}]}))
def status(request: Request) -> Response:
    """What trades now, as the service says; as the journals say where none runs."""
    return json_answer(trade.status(house_of(request)))


@router.get(
    "/strategies", openapi_extra=READ, responses=answers({"strategies": [{"name": "trend", "file": "trend.yaml", "mode": "paper"}]})
)
def strategies(request: Request) -> Response:
    """The strategies of the workspace: mode, accounts, instruments, and what is wrong with those that cannot be read."""
    return json_answer({"strategies": trade.declared(house_of(request))})


@router.get("/orders", openapi_extra=READ, responses=answers({"orders": [_ORDER], "next": None}))
def orders(
    request: Request, account: Text = None, strategy: Text = None, instrument: Text = None, open: bool | None = None,
    limit: Limit = 200, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """Orders, those that changed last first."""
    page = trade.orders(
        house_of(request), account=account, strategy=strategy, instrument=instrument, is_open=open, after=_after(cursor), limit=limit
    )
    return json_answer({"orders": page.rows, "next": None if page.after is None else cursor_of(*page.after)})


@router.get("/orders/{number}", openapi_extra=READ, responses=answers({"order": _ORDER, "fills": []}))
def order(request: Request, number: str) -> Response:
    """One order and its fills."""
    found, booked = trade.order(house_of(request), number)
    return json_answer({"order": found, "fills": booked})


@router.get("/fills", openapi_extra=READ, responses=answers({"fills": [{"id": "9912", "price": "42940.7"}], "next": None}))
def fills(
    request: Request, account: Text = None, strategy: Text = None, instrument: Text = None, limit: Limit = 200, cursor: Cursor = None
) -> Response:
    """Fills, the last booked first."""
    page = trade.fills(house_of(request), account=account, strategy=strategy, instrument=instrument, after=_after(cursor), limit=limit)
    return json_answer({"fills": page.rows, "next": None if page.after is None else cursor_of(*page.after)})


@router.get("/fills/explained", openapi_extra=READ, responses=answers({"fill": {"id": "9912"}, "order": _ORDER, "bar": None, "notes": []}))
def explained(
    request: Request,
    account: Annotated[str, Query(max_length=100, examples=["main"])],
    id: Annotated[str, Query(max_length=200, description="The venue's id of the fill.", examples=["9912"])],
) -> Response:
    """Why a fill happened: its order, the decision, the bar that was decided on, and the vendors' bytes behind that bar."""
    return json_answer(explain_fill(house_of(request), account, id))


@router.get("/positions", openapi_extra=READ, responses=answers({"positions": [{"instrument": "BTCUSDT.BINANCE", "quantity": "0.01"}]}))
def positions(request: Request, account: Text = None, strategy: Text = None) -> Response:
    """What every strategy holds, and its cash."""
    house = house_of(request)
    held = trade.positions(house, account=account, strategy=strategy)
    return json_answer({"positions": held, "cash": trade.cash(house, account=account, strategy=strategy)})


@router.get("/profit", openapi_extra=READ, responses=answers({"profit": [{"strategy": "trend", "realised": "12.5", "currency": "USDT"}]}))
def profit(request: Request, account: Text = None) -> Response:
    """Realised gains and commissions by account, strategy, instrument and currency."""
    return json_answer({"profit": trade.profit(house_of(request), account=account)})


@router.get("/gains", openapi_extra=READ, responses=answers({"gains": [{"instrument": "BTCUSDT.BINANCE", "amount": "12.5"}]}))
def gains(request: Request, account: Text = None) -> Response:
    """Gains realised, a row a closed lot."""
    return json_answer({"gains": trade.gains(house_of(request), account)})


@router.get(
    "/limits", openapi_extra=READ, responses=answers({"limits": [{"scope": "account", "limit": "notional_max", "value": "100000"}]})
)
def limits(request: Request, account: Annotated[str, Query(max_length=100, examples=["main"])], as_of: AsOf = None) -> Response:
    """Limits of an account, its strategies and instruments, and who changed them."""
    house = house_of(request)
    found = trade.limits(house, account, at_ns=instant(as_of, "as_of"))
    return json_answer({"limits": found, "changes": trade.limit_changes(house, account)[:200]})


@router.get(
    "/approvals", openapi_extra=READ, responses=answers({"orders": [{"id": "tw0f3a", "why": "notional above 50000"}], "requests": []})
)
def approvals(request: Request) -> Response:
    """Everything in trading that waits for a person: orders, and acts that wait for a second one."""
    house = house_of(request)
    return json_answer({"orders": trade.approvals(house), "requests": trade.requests(house)})


@router.get("/requests", openapi_extra=READ, responses=answers({"requests": [{"id": "0f3a9c2b1d4e", "act": "limit", "state": "waiting"}]}))
def requests(request: Request, state: Text = None) -> Response:
    """Acts that wait, or waited, for a second person."""
    if state is not None and state not in STATES:
        raise Rejected(f"state: {state!r}, expected one of {', '.join(STATES)}")
    return json_answer({"requests": trade.requests(house_of(request), state=state)})  # type: ignore[arg-type]  # checked above


@router.get("/events", openapi_extra=READ, responses=answers({"events": [{"kind": "refused", "text": "collar: 8 % off the last price"}]}))
def events(request: Request, account: Text = None, limit: Limit = 200) -> Response:
    """What trading told people: refusals, what waits, alerts, overrides; newest first."""
    return json_answer({"events": trade.events(house_of(request), account=account, limit=limit)})


@router.get("/breaks", openapi_extra=READ, responses=answers({"breaks": [{"account": "main", "day": "2024-01-31", "kind": "position"}]}))
def breaks(request: Request, account: Text = None) -> Response:
    """What differed from the brokers' own statements."""
    return json_answer({"breaks": trade.breaks(house_of(request), account=account)})


@router.get("/evenings", openapi_extra=READ, responses=answers({"evenings": [{"day": "2024-01-31", "is_signed": True, "report": {}}]}))
def evenings(request: Request, account: Annotated[str, Query(max_length=100, examples=["main"])], limit: Limit = 30) -> Response:
    """The signed reports of an account's days: trades, breaks, parity; newest first."""
    return json_answer({"evenings": trade.evenings(house_of(request), account, limit=limit)})


@router.get("/parity", openapi_extra=READ, responses=answers({"parity": [{"day": "2024-01-31", "decisions_percent": 100.0}]}))
def parity(request: Request, account: Annotated[str, Query(max_length=100, examples=["main"])], limit: Limit = 30) -> Response:
    """Whether each day's decisions and orders were those of a replay, as the evening found."""
    found = trade.evenings(house_of(request), account, limit=limit)
    told: list[dict[str, Any]] = [{"day": one["day"], **dict(one["report"].get("parity") or {})} for one in found]
    return json_answer({"parity": told})


def _after(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    sequence, last = parts_of(cursor, 2)
    return number_of(sequence), last
