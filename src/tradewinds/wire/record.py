"""Records the answers of a vendor into a folder and replays them, as transports of the HTTP client.

    HttpClient(clock, random=..., transport=Recording(folder, httpx.HTTPTransport()))
    HttpClient(clock, random=..., transport=Replay(folder))

An answer is found by method and address; headers of the request, and the query values named in `hidden`, are never written down.
The same address asked again gets the next recorded answer, the last one for ever.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx

from tradewinds.core.errors import Missing, Unreadable

HIDDEN = frozenset({"apikey", "api_key", "token", "key", "access_token", "signature", "x_cg_demo_api_key", "x_cg_pro_api_key"})
# What the body was packed with, and how the connection was held, means nothing to a replay.
_DROPPED_HEADERS = ("content-encoding", "content-length", "transfer-encoding", "connection", "set-cookie")


class Recording(httpx.BaseTransport):
    """Passes requests on and keeps every answer."""

    def __init__(self, folder: Path, inner: httpx.BaseTransport, *, hidden: frozenset[str] = HIDDEN) -> None:
        self._folder = folder
        self._inner = inner
        self._hidden = hidden

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        response.read()
        headers = {name: value for name, value in response.headers.items() if name.lower() not in _DROPPED_HEADERS}
        address = address_of(request, self._hidden)
        answer = {
            "address": address,
            "status": response.status_code,
            "headers": headers,
            "body": base64.b64encode(response.content).decode(),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        stem = _stem(address)
        number = len(list(self._folder.glob(f"{stem}-*.json")))
        (self._folder / f"{stem}-{number:04d}.json").write_text(json.dumps(answer, indent=1, sort_keys=True), encoding="utf-8")
        return httpx.Response(response.status_code, headers=headers, content=response.content, request=request)

    def close(self) -> None:
        self._inner.close()


class Replay(httpx.BaseTransport):
    """Answers from a folder of recorded answers; what was never recorded is Missing."""

    def __init__(self, folder: Path, *, hidden: frozenset[str] = HIDDEN) -> None:
        self._folder = folder
        self._hidden = hidden
        self._asked: dict[str, int] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        address = address_of(request, self._hidden)
        stem = _stem(address)
        places = sorted(self._folder.glob(f"{stem}-*.json"))
        if not places:
            raise Missing(f"replay: nothing recorded for {address} in {self._folder}, expected {stem}-0000.json")
        number = self._asked.get(stem, 0)
        self._asked[stem] = number + 1
        answer = _read(places[min(number, len(places) - 1)])
        return httpx.Response(answer["status"], headers=answer["headers"], content=base64.b64decode(answer["body"]), request=request)


def address_of(request: httpx.Request, hidden: frozenset[str] = HIDDEN) -> str:
    """`GET https://host/path?a=1&b=2` with sorted query and without the values of secrets."""
    query = "&".join(f"{name}={'***' if name.lower() in hidden else value}" for name, value in sorted(request.url.params.multi_items()))
    return f"{request.method} {request.url.copy_with(query=None)}{'?' if query else ''}{query}"


def _stem(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:24]


def _read(path: Path) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _ = answer["status"], answer["headers"], answer["body"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"replay {path.name}: {error}, expected address, status, headers and body") from None
    return answer
