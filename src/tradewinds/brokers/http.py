"""One HTTP request to a broker, and what may be known when it goes wrong.

    no connection was made              Transient: not a byte of the request left
    a question that was not answered    Transient: asking again is harmless
    a change that was not answered      OutcomeUnknown: it may have arrived

Nothing here tries again. aiohttp itself repeats a PUT or DELETE when a kept connection turns out to be closed; that is switched off.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import aiohttp
import msgspec

from tradewinds.core.errors import Invariant, OutcomeUnknown, Transient
from tradewinds.wire.loopback import is_loopback
from tradewinds.wire.secret import Secret

NewSession = Callable[[], aiohttp.ClientSession]
UNSENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ConnectionRefusedError)
"""What aiohttp raises before a request is written: refused, no route, no name, TLS, too slow to connect."""
BROKEN = (aiohttp.ClientError, TimeoutError, OSError, EOFError)
BODY_BYTES_MAX = 32 << 20
LINE_BYTES_MAX = 1 << 20
EXCERPT_CHARS_MAX = 160


exact_json: Callable[[bytes | str], Any] = msgspec.json.Decoder(float_hook=Decimal).decode
"""JSON with its numbers exact: whole ones as int, others as Decimal; raises ValueError where it is none."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer that was read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body with its numbers exact; raises ValueError where it is no JSON."""
        return exact_json(self.body)

    @property
    def excerpt(self) -> str:
        """Its beginning on one line."""
        text = " ".join(self.body[: 4 * EXCERPT_CHARS_MAX].decode("utf-8", "replace").split())
        return text[:EXCERPT_CHARS_MAX] or "empty body"

    @property
    def retry_after_s(self) -> float | None:
        """The wait that was named in seconds, None where none was."""
        text = self.headers.get("retry-after", "").strip()
        return float(text) if text.replace(".", "", 1).isdigit() else None


class HttpWire:
    """Requests below one address. The session is made by `open` and belongs to the wire."""

    def __init__(
        self,
        base_url: str,
        *,
        what: str,
        new_session: NewSession | None = None,
        timeout_s: float = 10.0,
        connect_s: float = 5.0,
        secrets: tuple[Secret, ...] = (),
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._what = what
        self._new_session = new_session
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=connect_s)
        self._secrets = secrets
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make the session; nothing connects yet."""
        if self._session is None:
            self._session = (self._new_session or session_for(self.base_url))()
            self._session._retry_connection = False

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str | Secret] = MappingProxyType({}),
        params: Mapping[str, str] = MappingProxyType({}),
        body: Any = None,
        changes: bool = False,
    ) -> HttpAnswer:
        """The answer, whatever its status. changes: whether the request may have an effect at the venue."""
        content = None if body is None else json.dumps(body).encode()
        sent = _revealed(headers) | ({"Content-Type": "application/json"} if content is not None else {})
        try:
            async with self._live.request(
                method,
                self.base_url + path,
                params=dict(params) or None,
                data=content,
                headers=sent,
                timeout=self._timeout,
                allow_redirects=False,
            ) as answer:
                return HttpAnswer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, await _body(answer))
        except UNSENT as error:
            raise Transient(self._said(method, path, error, "a connection")) from None
        except (*BROKEN, RuntimeError) as error:  # RuntimeError: a body that aiohttp finds closed when it is read
            said = self._said(method, path, error, "a whole answer")
            raise (OutcomeUnknown(said) if changes else Transient(said)) from None

    @asynccontextmanager
    async def lines(
        self, path: str, *, headers: Mapping[str, str | Secret] = MappingProxyType({}), silence_s: float
    ) -> AsyncIterator[tuple[HttpAnswer, AsyncIterable[bytes]]]:
        """A streaming answer: its head, and its lines for as long as they come. Raises Transient after `silence_s` without a byte."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout.sock_connect, sock_read=silence_s)
        try:
            async with self._live.get(
                self.base_url + path, headers=_revealed(headers), timeout=timeout, allow_redirects=False, read_bufsize=LINE_BYTES_MAX
            ) as answer:
                head = HttpAnswer(
                    answer.status,
                    {name.lower(): value for name, value in answer.headers.items()},
                    b"" if answer.status == 200 else await _body(answer),
                )
                yield head, answer.content
        except BROKEN as error:
            raise Transient(self._said("GET", path, error, "the stream to go on")) from None
        except ValueError as error:
            raise Transient(self._said("GET", path, error, f"lines of at most {LINE_BYTES_MAX} bytes")) from None
        except RuntimeError as error:  # what aiohttp raises of a stream that it finds closed when it is read
            raise Transient(self._said("GET", path, error, "the stream to go on")) from None

    def fault(self, method: str, path: str, error: Exception | str) -> str:
        """A message about a request, with secrets hidden."""
        return self._redacted(f"{self._what}: {method} {path.partition('?')[0]}: {error}")

    @property
    def _live(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise Invariant(f"{self._what}: asked before it was opened, expected open() first")
        return self._session

    def _said(self, method: str, path: str, error: BaseException, expected: str) -> str:
        return self.fault(method, path, f"{type(error).__name__} {str(error) or 'without a reason'}, expected {expected}")

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = secret.redact(text)
        return text


def session_for(url: str) -> NewSession:
    """Sessions for an address: through the environment's proxies, unless it is this very machine."""
    return lambda: aiohttp.ClientSession(trust_env=not is_loopback(url))


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise aiohttp.ClientPayloadError(f"body over {BODY_BYTES_MAX} bytes")
        parts.append(part)
    return b"".join(parts)


def _revealed(values: Mapping[str, str | Secret]) -> dict[str, str]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in values.items()}
