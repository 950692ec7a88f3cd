"""One synchronous HTTP client: time limits, retries, typed errors, a shared rate budget.

A request goes

1. wait for room in the venue's budget, when the caller names one (`wire.budget`);
2. send, and read the body up to a limit;
3. map the status to an error that says what to do next;
4. on Transient: back off (or wait what the venue asked for) and go to 1, a limited number of times.

Only GET lives here: repeating it is always safe.
"""

from __future__ import annotations

import functools
import logging
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from threading import Lock
from types import MappingProxyType, TracebackType
from urllib.parse import urlsplit

import httpx

from tradewinds.core.errors import Missing, Rejected, TradewindsError, Transient
from tradewinds.core.instant import NS_PER_SECOND, from_datetime
from tradewinds.core.ports import Clock
from tradewinds.wire.budget import BudgetBook, Cost
from tradewinds.wire.loopback import is_loopback
from tradewinds.wire.secret import Secret

USER_AGENT = "tradewinds/0.1"
EXCERPT_CHARS_MAX = 160
REDIRECTS_MAX = 3
TOO_MANY = (429, 418)
GEO_BLOCK = (403, 451)

Explain = Callable[[int, Mapping[str, str], bytes], TradewindsError | None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often one request may try. `wait_s_max`: a longer wait is the caller's, raised as Transient."""

    attempts_max: int = 4
    connect_s: float = 10.0
    read_s: float = 60.0
    backoff_first_s: float = 0.5
    backoff_s_max: float = 20.0
    wait_s_max: float = 60.0
    body_bytes_max: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a body read to its end, and when. `status` is 200, or 304 where an ETag was sent."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    captured_ns: int
    url: str = field(repr=False)


class HttpClient:
    """Asks politely and says plainly what went wrong. Safe to share between threads.

    `sleep`, `clock` and `random` are passed so that tests neither wait nor guess. `transport` replaces the network (record, replay).
    """

    def __init__(
        self,
        clock: Clock,
        *,
        sleep: Callable[[float], None] = time.sleep,
        random: random.Random,
        limits: Limits | None = None,
        budgets: BudgetBook | None = None,
        transport: httpx.BaseTransport | None = None,
        user_agent: str = USER_AGENT,
    ) -> None:
        self.clock = clock
        self.budgets = budgets
        self.limits = limits or Limits()
        self._sleep = sleep
        self._random = random
        self._transport = transport
        self._user_agent = user_agent
        self._opening = Lock()
        self._outside: httpx.Client | None = None
        self._loopback: httpx.Client | None = None

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for client in (self._outside, self._loopback):
            if client is not None:
                client.close()
        self._outside = self._loopback = None

    def get(
        self,
        url: str,
        *,
        what: str,
        params: Mapping[str, str | Secret] = MappingProxyType({}),
        headers: Mapping[str, str | Secret] = MappingProxyType({}),
        cost: Cost | None = None,
        etag: str | None = None,
        explain: Explain | None = None,
        body_bytes_max: int | None = None,
    ) -> Answer:
        """The answer to a GET of `url`; `what` begins every error message ("binance klines BTCUSDT").

        A Secret among params or headers is revealed to the wire only and never stands in an error.
        explain: the vendor's own reading of an answer that is no 200, asked first.
        Raises Transient (429, 418, 5xx, no connection; with the wait that was named), Missing (404), Rejected (other 4xx).
        """
        ask = _Ask(url, what, params, headers, etag, explain, body_bytes_max or self.limits.body_bytes_max)
        for attempt in range(1, self.limits.attempts_max + 1):
            self._wait_for_room(cost, what)
            try:
                return self._once(ask, cost)
            except Transient as error:
                wait_s = self._wait_s(error, attempt)
                if attempt == self.limits.attempts_max or wait_s is None:
                    raise
            self._sleep(wait_s)
        raise AssertionError("the loop above returns or raises")

    def _wait_for_room(self, cost: Cost | None, what: str) -> None:
        if cost is None or self.budgets is None:
            return
        wait_s = self.budgets.budget(cost.budget).acquire(cost.weight, what=what, wait_s_max=self.limits.wait_s_max)
        if wait_s > 0:
            self._sleep(wait_s)

    def _wait_s(self, error: Transient, attempt: int) -> float | None:
        """How long to wait before trying again; None where that is longer than this client waits."""
        if error.retry_after_s is not None:
            return error.retry_after_s if error.retry_after_s <= self.limits.wait_s_max else None
        ceiling = min(self.limits.backoff_s_max, self.limits.backoff_first_s * 2.0 ** (attempt - 1))
        return ceiling * (0.5 + 0.5 * self._random.random())

    def _once(self, ask: _Ask, cost: Cost | None) -> Answer:
        client = self._client(ask.url)
        try:
            request = client.build_request("GET", ask.url, params=_revealed(ask.params) or None, headers=ask.sent_headers)
            response = client.send(request, stream=True, follow_redirects=not ask.secrets)
            try:
                content = _body(response, ask)
            finally:
                response.close()
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Rejected(ask.redact(f"{ask.what}: address {ask.url!r} ({error}), expected http:// or https://")) from None
        except (httpx.TransportError, httpx.TooManyRedirects, httpx.DecodingError) as error:
            raise Transient(ask.redact(f"{ask.what}: {type(error).__name__} {error}, expected an answer from {_host(ask.url)}")) from None
        now_ns = self.clock.now_ns()
        seen = MappingProxyType({name.lower(): value for name, value in response.headers.items()})
        answer = Answer(response.status_code, seen, content, now_ns, ask.url)
        fault = None if answer.status == 200 or (answer.status == 304 and ask.etag) else _error(ask, answer)
        self._learn(cost, answer, fault)
        if fault is not None:
            raise fault
        return answer

    def _learn(self, cost: Cost | None, answer: Answer, fault: TradewindsError | None) -> None:
        if cost is None or self.budgets is None:
            return
        budget = self.budgets.budget(cost.budget)
        budget.observe(answer.headers)
        if answer.status in TOO_MANY and isinstance(fault, Transient):
            budget.penalise(fault.retry_after_s if fault.retry_after_s is not None else self.limits.backoff_s_max)

    def _client(self, url: str) -> httpx.Client:
        with self._opening:  # two threads that open one at once would leave one open for ever
            if is_loopback(url):
                if self._loopback is None:
                    self._loopback = self._open(trust_env=False)
                return self._loopback
            if self._outside is None:
                self._outside = self._open(trust_env=True)
            return self._outside

    def _open(self, *, trust_env: bool) -> httpx.Client:
        # httpx logs every address at INFO, and an address may carry a key.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        return httpx.Client(
            timeout=httpx.Timeout(self.limits.read_s, connect=self.limits.connect_s),
            headers={"User-Agent": self._user_agent},
            max_redirects=REDIRECTS_MAX,
            trust_env=trust_env,
            transport=self._transport,
            verify=_tls(),
        )


@dataclass(frozen=True, slots=True)
class _Ask:
    url: str
    what: str
    params: Mapping[str, str | Secret]
    headers: Mapping[str, str | Secret]
    etag: str | None
    explain: Explain | None
    body_bytes_max: int

    @property
    def secrets(self) -> list[Secret]:
        return [value for value in (*self.params.values(), *self.headers.values()) if isinstance(value, Secret)]

    @property
    def sent_headers(self) -> dict[str, str]:
        return _revealed(self.headers) | ({"If-None-Match": self.etag} if self.etag else {})

    def redact(self, message: str) -> str:
        for secret in self.secrets:
            message = secret.redact(message)
        return message


@functools.cache
def _tls() -> ssl.SSLContext:
    """One for the process: reading the certificates takes longer than a request."""
    return httpx.create_ssl_context()


def retry_after_s(value: str | None, now_ns: int) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date; None where it is absent or unreadable."""
    if value is None:
        return None
    text = value.strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (from_datetime(moment) - now_ns) / NS_PER_SECOND)


def excerpt(content: bytes) -> str:
    """The beginning of a body on one line, fit for a message."""
    text = " ".join(content[: 4 * EXCERPT_CHARS_MAX].decode("utf-8", "replace").split())
    return text if len(text) <= EXCERPT_CHARS_MAX else text[:EXCERPT_CHARS_MAX] + "…"


def _error(ask: _Ask, answer: Answer) -> TradewindsError:
    own = ask.explain(answer.status, answer.headers, answer.content) if ask.explain else None
    if own is not None:
        return own
    status = answer.status
    said = ask.redact(f"{ask.what}: HTTP {status} from {_host(ask.url)} ({excerpt(answer.content) or 'empty body'})")
    wait_s = retry_after_s(answer.headers.get("retry-after"), answer.captured_ns)
    if status in TOO_MANY:
        return Transient(f"{said}, expected to be within the rate limit", retry_after_s=wait_s)
    if status >= 500 or status == 408:
        return Transient(f"{said}, expected 200", retry_after_s=wait_s)
    if status == 404:
        return Missing(f"{said}, expected it to exist")
    if status in GEO_BLOCK:
        return Rejected(
            f"{said}, expected to be let in: a firewall or a country block refuses this address; use another host of the vendor"
        )
    if status == 401:
        return Rejected(f"{said}, expected a key that the vendor accepts")
    return Rejected(f"{said}, expected 200")


def _body(response: httpx.Response, ask: _Ask) -> bytes:
    stated = response.headers.get("content-length", "")
    too_large = Rejected(f"{ask.what}: body over {ask.body_bytes_max} bytes, expected at most that")
    if stated.isdigit() and int(stated) > ask.body_bytes_max:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > ask.body_bytes_max:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)


def _revealed(values: Mapping[str, str | Secret]) -> dict[str, str]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in values.items()}


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
