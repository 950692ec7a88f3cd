"""A ccxt exchange as we want it: our clock, our session, exact numbers, no waiting or repeating of its own, and a trace of each request.

ccxt's exceptions do not say whether a request left, or what the venue answered; the trace does. ccxt's throttle reads the computer's clock
and is left off; its debug log would hold keys and is left out. It rounds by changing how the whole process rounds, and is kept from that.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import localcontext
from types import MethodType
from typing import Any

from tradewinds.brokers.http import NewSession
from tradewinds.core.errors import Rejected
from tradewinds.core.money import NUMBERS
from tradewinds.core.ports import Clock
from tradewinds.wire.secret import Secret

NS_PER_MS = 1_000_000


@dataclass(slots=True)
class Trace:
    """What became of the last request of a call. status None: there was no answer."""

    is_sent: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


TRACE: ContextVar[Trace | None] = ContextVar("ccxt_trace", default=None)
_log = logging.getLogger("tradewinds.brokers.ccxt")
_log.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class ExchangeOptions:
    """How an exchange is made. key, secret, password: as it names them; urls: by ccxt's names of its APIs, over its own.

    markets: what `load_markets` of an earlier one gave, so that nothing is asked; timeout_s: for a whole request.
    """

    key: Secret
    secret: Secret
    clock: Clock
    password: Secret | None = None
    urls: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    markets: Mapping[str, Any] | None = None
    new_session: NewSession | None = None
    timeout_s: float = 10.0
    is_test: bool = False


def make_exchange(exchange_id: str, given: ExchangeOptions) -> Any:
    """The exchange, not connected yet. Raises Rejected for a name that ccxt does not know."""
    config: dict[str, Any] = {
        "apiKey": given.key.reveal(),
        "secret": given.secret.reveal(),
        "enableRateLimit": False,
        "timeout": int(given.timeout_s * 1000),
        "options": {"maxRetriesOnFailure": 0, **given.options},
        "logger": _log,
    }
    if given.password is not None:
        config["password"] = given.password.reveal()
    exchange = _traced(exchange_id)(config)
    exchange.tw_clock = given.clock
    exchange.number = str
    if given.is_test and not given.urls:
        exchange.set_sandbox_mode(True)
    api = exchange.urls["api"]
    if isinstance(api, dict):
        api.update(given.urls)
    elif given.urls:
        exchange.urls["api"] = next(iter(given.urls.values()))
    # The list of coins needs a signed request at Binance and tells nothing that orders need.
    exchange.has["fetchCurrencies"] = False
    if given.markets is not None:
        exchange.set_markets(given.markets)
    # The session is made by whoever opens; reading the certificates for one of ccxt's own takes longer than an order.
    exchange.own_session, exchange.ssl_context = False, False
    return exchange


def known_exchanges() -> Iterable[str]:
    """Every name that ccxt knows."""
    found: Iterable[str] = importlib.import_module("ccxt.async_support").exchanges
    return found


@functools.cache
def _traced(exchange_id: str) -> Any:
    """A class of ccxt's with our clock, which notes what happens to requests."""
    library = importlib.import_module("ccxt.async_support")
    if exchange_id not in library.exchanges:
        raise Rejected(f"ccxt exchange {exchange_id!r}, expected one that ccxt {library.__version__} knows, such as binance or kraken")
    base = getattr(library, exchange_id)

    class Traced(base):  # type: ignore[misc, valid-type]  # ccxt's classes are made by a generator and carry no types
        tw_values: Any = None
        decimal_to_precision: Any

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            if Traced.tw_values is None:
                Traced.tw_values = tuple(name for name in object.__dir__(self) if not isinstance(getattr(self, name), MethodType))
            self.decimal_to_precision = _apart(self.decimal_to_precision)
            self.tw_is_made = True

        def __dir__(self) -> Any:
            """While one is made, ccxt gives every name a second spelling; those of methods have theirs since the first was made."""
            is_second = Traced.tw_values is not None and "tw_is_made" not in self.__dict__
            return [name for name in Traced.tw_values if hasattr(self, name)] if is_second else object.__dir__(self)

        async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            trace = TRACE.get()
            if trace is None:
                return await super().fetch(url, method, headers, body)
            trace.is_sent, trace.status, trace.headers, trace.body = True, None, {}, ""
            answer = await super().fetch(url, method, headers, body)
            if not isinstance(answer, dict | list):
                # ccxt gives half a body on as text, out of which its readers make empty balances and no orders.
                raise library.BadResponse(f"{exchange_id} {method}: {type(answer).__name__}, expected JSON")
            return answer

        def __del__(self) -> None:
            """The session is ours, and closed by us."""

        def handle_errors(self, code: int, reason: str, url: str, method: str, headers: Any, body: str, *rest: Any) -> Any:
            trace = TRACE.get()
            if trace is not None:
                trace.status, trace.body = code, body or ""
                trace.headers = {str(name).lower(): str(value) for name, value in (headers or {}).items()}
            return super().handle_errors(code, reason, url, method, headers, body, *rest)

        def milliseconds(self) -> int:
            found: int = self.tw_clock.now_ns() // NS_PER_MS
            return found

    Traced.__name__ = Traced.__qualname__ = exchange_id
    return Traced


@functools.cache
def _apart(rounds: Callable[..., Any]) -> Callable[..., Any]:
    """The same rounding in a context of its own: ccxt's sets the rounding of whoever calls to half up, for good."""

    def rounded(*given: Any, **named: Any) -> Any:
        with localcontext(NUMBERS):
            return rounds(*given, **named)

    return rounded
