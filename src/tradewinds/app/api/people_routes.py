"""Who one is: sessions, tokens, passwords; and for those who may, people and the audit log."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from tradewinds.app.api.act_routes import Body
from tradewinds.app.api.answer import json_answer, plain
from tradewinds.app.api.arguments import Cursor, Limit, Text, cursor_of, number_of, parts_of
from tradewinds.app.api.document import answers
from tradewinds.app.api.route import FACE, KEPT_HEADER, PUBLIC, GuardedRoute, house_of, needs, principal_of
from tradewinds.app.console.door import COOKIE
from tradewinds.people.role import granted
from tradewinds.people.token import csrf_of
from tradewinds.wiring.desk import acts, people, sign_in

router = APIRouter(route_class=GuardedRoute, tags=["people"])

RoleName = Literal["viewer", "trader", "risk_officer", "admin"]
PersonName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.\-]{0,31}$", examples=["ada"])]
Password = Annotated[str, Field(min_length=1, max_length=256)]
_TOKEN = {"id": "0f3a9c2b1d4e", "token": "tw_0f3a9c2b1d4e_…", "scopes": ["read:market"], "expires": "2024-03-01T00:00:00Z"}
_PERSON = {
    "name": "ada", "role": "trader", "is_active": True, "created": "2024-01-01T00:00:00Z", "changed": "2024-01-01T00:00:00Z",
    "locked_until": None, "tokens": 1, "sessions": 1, "used": "2024-01-31T20:00:00Z",
}  # fmt: skip


class SignInBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Password


class TokenBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=64, examples=["notebook"])]
    scopes: Annotated[list[str] | None, Field(max_length=20, examples=[["read:market"]])] = None
    days: Annotated[int, Field(ge=1, le=366)] = 30


class RevokeBody(Body):
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]


class OwnPasswordBody(Body):
    old_password: Password
    new_password: Password


class PersonBody(Body):
    name: PersonName
    role: RoleName
    password: Password | None = None


class ChangeBody(Body):
    role: RoleName | None = None
    password: Password | None = None
    is_active: bool | None = None
    unlock: bool = False


@router.post(
    "/session",
    openapi_extra=needs(PUBLIC, is_keyless=True),
    responses=answers({"person": "ada", "csrf": "5d41…", "expires": "2024-01-31T20:00:00Z"}),
)
async def enter(request: Request, body: SignInBody) -> Response:
    """Sign in: a cookie that scripts cannot read, and the CSRF secret to send with each write. Wrong passwords lock for a while."""
    house, address = house_of(request), request.scope["state"]["address"]
    given = await asyncio.to_thread(sign_in.sign_in, house, body.name, body.password, address=address, face=FACE)
    answer = json_answer({"person": given.access.person, "csrf": csrf_of(given.secret), "expires_ns": given.access.expires_ns})
    is_secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, given.secret, max_age=sign_in.SESSION_HOURS * 3_600, httponly=True, samesite="strict", secure=is_secure, path="/"
    )
    return answer


@router.delete("/session", openapi_extra=needs("do:self", is_keyless=True), responses=answers({"person": "ada"}))
async def leave(request: Request) -> Response:
    """Sign out: the session, or the token that asks, ends."""
    principal = principal_of(request)
    await asyncio.to_thread(sign_in.sign_out, house_of(request), principal)
    request.app.state.forget_people()
    answer = json_answer({"person": principal.person})
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.get("/me", openapi_extra=needs("do:self"), responses=answers({"person": "ada", "role": "trader", "may": ["read:market"]}))
async def me(request: Request) -> Response:
    """Who asks, what they may, and the CSRF secret of their session."""
    principal, state = principal_of(request), request.scope["state"]
    may = sorted(one for one in granted(principal.role) if principal.may(one))
    csrf = csrf_of(state["secret"]) if state["is_session"] else None
    return json_answer({"person": principal.person, "role": principal.role, "may": may, "csrf": csrf})


@router.get("/tokens", openapi_extra=needs("do:self"), responses=answers({"tokens": [{"id": "0f3a9c2b1d4e", "name": "notebook"}]}))
def tokens(request: Request, everybody: bool = False) -> Response:
    """One's own tokens and sessions, or everybody's for who may; never what opens them."""
    principal = principal_of(request)
    of = None if everybody and principal.may("do:people") else principal.person
    return json_answer({"tokens": people.tokens(house_of(request), of)[:1_000]})


@router.post("/tokens", openapi_extra=needs("do:self"), status_code=201, responses=answers(_TOKEN, status=201))
def new_token(request: Request, body: TokenBody) -> Response:
    """A token for a program, shown this once."""
    return _shown_once(_do(request, "token.new", body.model_dump()))


@router.post("/tokens/revoke", openapi_extra=needs("do:self"), responses=answers({"id": "0f3a9c2b1d4e", "person": "ada"}))
def revoke(request: Request, body: RevokeBody) -> Response:
    """End a token or session, at once; of anybody for who may."""
    return json_answer(_do(request, "token.revoke", body.model_dump()))


@router.post("/me/password", openapi_extra=needs("do:self"), responses=answers({"name": "ada"}))
def own_password(request: Request, body: OwnPasswordBody) -> Response:
    """Change one's own password; every session and token ends, this one too."""
    return json_answer(_do(request, "password", body.model_dump()))


@router.get("/people", openapi_extra=needs("do:people"), responses=answers({"people": [_PERSON]}))
def everybody(request: Request) -> Response:
    """Everybody who may enter: whether wrong passwords shut them out, how many tokens and sessions of theirs open, when one last did."""
    return json_answer({"people": people.everybody(house_of(request))})


@router.post("/people", openapi_extra=needs("do:people"), status_code=201, responses=answers({"name": "ada", "role": "trader"}, status=201))
def add(request: Request, body: PersonBody) -> Response:
    """Let somebody in; without a password by tokens only."""
    return json_answer(_do(request, "person.add", body.model_dump()), 201)


@router.post("/people/{name}", openapi_extra=needs("do:people"), responses=answers({"name": "ada", "role": "viewer", "is_active": True}))
def change(request: Request, name: str, body: ChangeBody) -> Response:
    """Change a role or password, shut somebody out, end a lock-out; their tokens and sessions end with a change."""
    given = body.model_dump()
    if given.pop("unlock"):
        _do(request, "person.unlock", {"name": name})
        if all(value is None for value in given.values()):
            return json_answer({"name": name, "unlocked": True})
    return json_answer(_do(request, "person.change", {"name": name, **given}))


@router.post(
    "/people/{name}/tokens", openapi_extra=needs("do:people"), status_code=201, responses=answers({"person": "ada", **_TOKEN}, status=201)
)
def token_of_another(request: Request, name: str, body: TokenBody) -> Response:
    """A token of somebody else, such as a program without a password; shown this once."""
    return _shown_once(_do(request, "person.token", {"person": name, **body.model_dump()}))


@router.get(
    "/audit", openapi_extra=needs("read:people"), responses=answers({"audit": [{"id": 12, "act": "halt", "outcome": "done"}], "next": None})
)
def audit(request: Request, person: Text = None, act: Text = None, limit: Limit = 200, cursor: Cursor = None) -> Response:
    """Every write, refused ones too, newest first."""
    before = None if cursor is None else number_of(parts_of(cursor, 1)[0])
    found = house_of(request).ledger.acts.audited(person=person, act=act, before=before, limit=limit)
    return json_answer({"audit": found, "next": cursor_of(found[-1].id) if len(found) == limit else None})


def _shown_once(done: dict[str, Any]) -> Response:
    """The answer with the secret; what is kept for the key says that it was shown."""
    answer = json_answer(done, 201)
    answer.headers[KEPT_HEADER] = orjson.dumps(plain({**done, "token": "shown once"})).decode()
    return answer


def _do(request: Request, act: str, words: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in words.items() if value is not None}
    try:
        return acts.do(house_of(request), principal_of(request), act, given, face=FACE)
    finally:
        request.app.state.forget_people()
