"""The OpenAPI document: examples of answers, the problems that every route may answer with, and how one proves who one is."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tradewinds.app.api.answer import ARROW, JSON
from tradewinds.app.api.problem import MEDIA
from tradewinds.app.api.route import KEYLESS, NEEDS, PUBLIC
from tradewinds.app.console.door import COOKIE

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
        "request": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object", "properties": {"at": {"type": "string"}, "why": {"type": "string"}}}},
    },
}  # fmt: skip
_EXAMPLE = {
    "type": "urn:tradewinds:problem:missing", "title": "There is none", "status": 404,
    "detail": "instrument 'AAPL.XNYS': there is none, expected an id such as AAPL.XNAS", "request": "19aa1b2c3d4-2f",
}  # fmt: skip
ABOUT = """Market analysis and trade management of one house.

Give `Authorization: Bearer tw_…` (a token of `tradewinds user token`, or of POST /api/v1/tokens), or a session's cookie and, with each
write, its `X-CSRF-Token`. Each write carries an `Idempotency-Key` of its own: sent again with the same body it changes nothing and is
answered the same. Times are UTC; in series they are microseconds since 1970, elsewhere ISO 8601. Money and quantities of orders are text.
"""


def answers(example: Any, *, status: int = 200, words: str = "As asked.", arrow: bool = False) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: an example of what it answers."""
    content: dict[str, Any] = {JSON: {"schema": _schema(example), "example": example}}
    if arrow:
        content[ARROW] = {"schema": {"type": "string", "format": "binary"}}
    return {status: {"description": words, "content": content}}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
        parts = made.setdefault("components", {})
        parts.setdefault("schemas", {})["Problem"] = PROBLEM
        for unused in ("HTTPValidationError", "ValidationError"):
            parts["schemas"].pop(unused, None)
        parts["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "bearerFormat": "tw_<id>_<secret>"},
            "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        }
        made["security"] = [{"token": []}, {"session": []}]
        for path in made["paths"].values():
            for method, one in path.items():
                _complete(method, one)
        app.openapi_schema = made
    return app.openapi_schema


def _complete(method: str, one: dict[str, Any]) -> None:
    """Add what every route of ours has: problems, and the key of a write."""
    told = one.setdefault("responses", {})
    codes = {"422": "Asked wrongly.", "429": "Too many requests.", "503": "Try again."}
    if one.get(NEEDS) != PUBLIC:
        codes |= {"401": "Nobody knows who asks.", "403": "Not allowed."}
    if method == "get":
        codes["404"] = "There is none."
    if method != "get":
        codes |= {"400": "No Idempotency-Key, or not a request that can be read.", "404": "There is none.", "413": "Too large."}
        codes |= {"409": "Being done, or it conflicts with what is.", "504": "Perhaps done, perhaps not: look before repeating."}
    for code, words in codes.items():
        content = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": _EXAMPLE}}
        if code == "422" or code not in told:
            told[code] = {"description": words, "content": content}
    if method != "get" and not one.get(KEYLESS):
        key = {
            "name": "Idempotency-Key", "in": "header", "required": True, "description": "New for each write.",
            "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,128}$"}, "example": "3f0c1a52-6e",
        }  # fmt: skip
        one.setdefault("parameters", []).append(key)


def _schema(example: Any) -> dict[str, Any]:
    """A loose schema of an example: kinds and names, every value may be null."""
    if isinstance(example, dict):
        return {"type": "object", "properties": {name: _schema(value) for name, value in example.items()}}
    if isinstance(example, list):
        return {"type": "array", "items": _schema(example[0]) if example else {}}
    return {}
