"""Writes: each is an act of `wiring.desk.acts`, which checks, asks for a second person, does it and writes the audit log."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tradewinds.app.api.answer import json_answer
from tradewinds.app.api.document import answers
from tradewinds.app.api.route import FACE, GuardedRoute, house_of, needs, principal_of
from tradewinds.wiring.desk import acts
from tradewinds.wiring.desk.acts import ACTS

router = APIRouter(route_class=GuardedRoute, tags=["acts"])

Name = Annotated[str, Field(min_length=1, max_length=100)]
Reason = Annotated[str, Field(min_length=1, max_length=500, examples=["first week live"])]
Note = Annotated[str | None, Field(max_length=500)]
Amount = Annotated[str, Field(pattern=r"^\d{1,18}(\.\d{1,18})?$", examples=["0.01"])]
_ASKED = {"request": "0f3a9c2b1d4e", "waits_for": "trading with real money", "expires": "2024-02-01T09:30:00Z"}
_VERDICT = {
    "id": "tw0f3a",
    "account": "main",
    "text": "buy 0.01 BTCUSDT.BINANCE at market",
    "verdict": "accepted",
    "rule": None,
    "why": None,
}


class Body(BaseModel):
    """What a write carries; anything else is refused by name."""

    model_config = ConfigDict(extra="forbid", strict=True)


class HaltBody(Body):
    reason: Reason
    flatten: bool = False


class ResumeBody(Body):
    reason: Reason
    account: Name | None = None


class OrderBody(Body):
    account: Name
    instrument: Name
    side: Literal["buy", "sell"]
    quantity: Amount
    limit: Amount | None = None
    stop: Amount | None = None
    trail: Amount | None = None
    time_in_force: Literal["gtc", "day", "ioc", "fok"] = "gtc"
    reduce_only: bool = False
    strategy: Name | None = None
    reason: Note = None


class CancelBody(Body):
    id: Name | None = None
    account: Name | None = None
    strategy: Name | None = None
    instrument: Name | None = None
    reason: Note = None


class CloseBody(Body):
    account: Name
    instrument: Name
    strategy: Name | None = None
    reason: Note = None


class AnswerBody(Body):
    decision: Literal["approve", "deny"]
    reason: Note = None


class OverrideBody(Body):
    override: Literal["no trading", "close only", "reduce only", "trade"]
    reason: Reason
    account: Name | None = None
    strategy: Name | None = None
    instrument: Name | None = None


class StrategyBody(Body):
    """One of these at a time: start, stop (close_only lets it close what it holds), or a mode."""

    action: Literal["start", "stop", "mode"]
    reason: Reason
    close_only: bool = False
    mode: Literal["backtest", "shadow", "paper", "live"] | None = None
    account: Name | None = None


class LimitBody(Body):
    account: Name
    limit: Name
    value: Annotated[str, Field(min_length=1, max_length=2_000, description="As in YAML; `none` takes it away.", examples=["100000"])]
    reason: Reason
    strategy: Name | None = None
    instrument: Name | None = None


class ReleaseBody(Body):
    instrument: Name
    start: Annotated[str, Field(max_length=40, examples=["2024-03-28T13:30:00Z"])]
    decision: Literal["accept", "reject"]
    dataset: Name = "bars-1d"
    note: Note = None


class CandidateBody(Body):
    answer: Literal["approved", "denied"]
    note: Note = None


class PromoteBody(Body):
    version: Annotated[str, Field(min_length=1, max_length=40, examples=["7"])]


class BacktestBody(Body):
    file: Annotated[str, Field(min_length=1, max_length=100, examples=["trend.yaml"])]
    start: Annotated[str | None, Field(max_length=40)] = None
    end: Annotated[str | None, Field(max_length=40)] = None
    capital: Annotated[float | None, Field(gt=0, le=1e12)] = None
    parameters: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,47}$")], Annotated[str, Field(max_length=100)]], Field(max_length=50)
    ] = {}


class ConfirmBody(Body):
    decision: Literal["confirm", "decline"]
    note: Note = None


@router.post("/halt", openapi_extra=needs("do:halt"), responses=answers({"is_clear": True, "accounts": {}}))
def halt(request: Request, body: HaltBody) -> Response:
    """Stop all trading now: nothing is sent any more, every order is cancelled, positions are closed where asked."""
    return _do(request, "halt", body)


@router.post("/resume", openapi_extra=needs("do:resume"), responses=answers({"resumed": ["main"]}))
def resume(request: Request, body: ResumeBody) -> Response:
    """Trade again after a halt."""
    return _do(request, "resume", body)


@router.post("/orders", openapi_extra=needs("do:trade"), responses=answers(_VERDICT))
def order(request: Request, body: OrderBody) -> Response:
    """Place an order by hand; it passes the account's gate and journal like any other."""
    return _do(request, "order", body)


@router.post("/orders/cancel", openapi_extra=needs("do:trade"), responses=answers({"asked": ["tw0f3a"]}))
def cancel(request: Request, body: CancelBody) -> Response:
    """Cancel one order by its id, or all of an account, strategy or instrument."""
    return _do(request, "cancel", body)


@router.post("/positions/close", openapi_extra=needs("do:trade"), responses=answers({"orders": [_VERDICT]}))
def close(request: Request, body: CloseBody) -> Response:
    """Close what an account holds of an instrument, at market."""
    return _do(request, "close", body)


@router.post("/approvals/{number}", openapi_extra=needs("do:approve"), responses=answers(_VERDICT))
def approve(request: Request, number: str, body: AnswerBody) -> Response:
    """Let an order pass that waits, or refuse it; every other rule is judged anew."""
    return _do(request, body.decision, {"id": number, "reason": body.reason})


@router.post("/overrides", openapi_extra=needs("do:strategy"), responses=answers({"override": "no trading", "accounts": ["main"]}))
def override(request: Request, body: OverrideBody) -> Response:
    """Forbid to trade, to open, or to grow; `trade` lifts it again. It stands over restarts."""
    return _do(request, "override", body)


@router.post(
    "/strategies/{name}", openapi_extra=needs("do:strategy"),
    responses={**answers({"strategy": "trend", "mode": "paper"}), **answers(_ASKED, status=202, words="Waits for a second person.")},
)  # fmt: skip
def strategy(request: Request, name: str, body: StrategyBody) -> Response:
    """Start or stop a strategy, or change its mode; to live it takes a second person."""
    words: dict[str, Any] = {"strategy": name, "reason": body.reason}
    if body.action == "mode":
        words |= {"mode": body.mode, "account": body.account}
    elif body.action == "stop":
        words |= {"close_only": body.close_only or None}
    return _do(request, f"strategy.{body.action}", words)


@router.post(
    "/limits", openapi_extra=needs("do:limits"),
    responses={**answers({"limit": "notional_max", "value": "50000"}), **answers(_ASKED, status=202, words="Waits for a second person.")},
)  # fmt: skip
def limit(request: Request, body: LimitBody) -> Response:
    """Set a limit; where more could happen than before it takes a second person."""
    return _do(request, "limit", body)


@router.post("/requests/{number}", openapi_extra=needs("do:limits"), responses=answers({"request": "0f3a9c2b1d4e", "state": "confirmed"}))
def answer(request: Request, number: str, body: ConfirmBody) -> Response:
    """Confirm or decline what another person asked for; confirmed it is done with the words that were asked."""
    given = body.decision == "confirm"
    return json_answer(acts.answer(house_of(request), principal_of(request), number, is_given=given, note=body.note or "", face=FACE))


@router.post("/holds/release", openapi_extra=needs("do:release"), responses=answers({"instrument": "AAPL.XNAS", "closed": 1}))
def release(request: Request, body: ReleaseBody) -> Response:
    """Decide a held value; the next reconciliation of its session publishes it."""
    return _do(request, "release", body)


@router.post("/candidates/{number}", openapi_extra=needs("do:research"), responses=answers({"id": "0f3a9c2b1d4e", "state": "approved"}))
def candidate(request: Request, number: str, body: CandidateBody) -> Response:
    """Answer a candidate of a screener; the same answer again changes nothing."""
    return _do(request, "candidate", {"id": number, "answer": body.answer, "note": body.note})


@router.post("/models/{name}/champion", openapi_extra=needs("do:approve"), responses=answers({"model": "trend", "version": "7"}))
def promote(request: Request, name: str, body: PromoteBody) -> Response:
    """Make a version of a model the champion."""
    return _do(request, "model.promote", {"model": name, "version": body.version})


@router.post(
    "/backtests", openapi_extra=needs("do:research"), status_code=202, responses=answers({"started": "1706659200-trend"}, status=202)
)
def backtest(request: Request, body: BacktestBody) -> Response:
    """Start a backtest of a strategy of the workspace; GET /api/v1/backtests has it when it ended."""
    words = {name: value for name, value in body.model_dump().items() if value not in (None, {})}
    return _do(request, "backtest", words, status=202)


def _do(request: Request, act: str, given: Body | dict[str, Any], *, status: int = 200) -> Response:
    words = given if isinstance(given, dict) else given.model_dump()
    known = {*ACTS[act].needs, *ACTS[act].takes}
    words = {name: value for name, value in words.items() if name in known and value is not None and value is not False}
    done = acts.do(house_of(request), principal_of(request), act, words, face=FACE)
    return json_answer(done, 202 if "waits_for" in done else status)
