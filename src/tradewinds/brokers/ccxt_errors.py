"""ccxt's exceptions as ours. What counts is whether the request left and what the venue answered; the class of the exception comes last.

nothing was sent                    Rejected: ccxt itself refused to build it
no connection was made              Transient
no answer, or one that cannot be read   OutcomeUnknown for a change, Transient for a question
429, 418, -1003, -1015, -1008       Transient: the venue did not do it, and names its wait
-1021                               Transient, after the clocks were compared
5xx, -1000, -1001, -1006, -1007     OutcomeUnknown for a change: "execution status unknown"
an id that is taken                 OutcomeUnknown: an earlier request of ours arrived
any other refusal                   Rejected, with the venue's words
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import ccxt

from tradewinds.brokers.ccxt_exchange import Trace
from tradewinds.brokers.http import UNSENT
from tradewinds.core.errors import OutcomeUnknown, Rejected, TradewindsError, Transient
from tradewinds.wire.secret import HIDDEN, Secret

EXCERPT_CHARS_MAX = 200
BAN_S = 120.0  # Binance bans for two minutes at first
THROTTLE_S = 1.0
_CODE = re.compile(r'"code"\s*:\s*"?(-?\d+)')
_SIGNATURE = re.compile(r"(signature|sign|apiKey|api_key)=[^&\s\"]+", re.IGNORECASE)
_UNKNOWN = {-1000, -1001, -1006, -1007}
_THROTTLED = {-1003, -1008, -1015}
_TAKEN = {-4116, -4111}
_KEY = {-1002, -1022, -2014, -2015, -2008}
_NO_ORDER = {-2013}
_PARTLY_REPLACED = -2021

Meaning = Literal["other", "clock", "key", "throttled"]


class NoOrder(Rejected):
    """The venue says that it knows no such order."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An error of ours, and what it means beside that. wait_s: for how long nothing may be sent."""

    error: TradewindsError
    meaning: Meaning = "other"
    wait_s: float = 0.0


def fault_of(error: Exception, trace: Trace, what: str, secrets: Iterable[Secret], *, changes: bool) -> Fault:
    """What an exception out of ccxt means. changes: whether the request may have an effect at the venue."""
    doubt = OutcomeUnknown if changes else Transient
    if not trace.is_sent:
        return Fault(Rejected(_hidden(f"{what}: {type(error).__name__} {error}, expected a request that can be made", secrets)))
    if trace.status is None:
        return _unanswered(error, what, doubt)
    said = _hidden(f"{what}: HTTP {trace.status} {type(error).__name__} ({_excerpt(trace.body) or 'empty body'})", secrets)
    code = code_of(trace.body)
    if (
        trace.status in (418, 429)
        or code in _THROTTLED
        or (isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded) and code not in _KEY)
    ):
        wait_s = _wait_s(trace) or (BAN_S if trace.status == 418 else THROTTLE_S)
        return Fault(Transient(f"{said}, expected to be within the rate limit", retry_after_s=wait_s), "throttled", wait_s)
    if code == -1021 or (isinstance(error, ccxt.InvalidNonce) and code is None):
        return Fault(Transient(f"{said}, expected the venue's time"), "clock")
    if code in _KEY or trace.status == 401 or (isinstance(error, ccxt.AuthenticationError) and trace.status < 500):
        return Fault(Rejected(f"{said}, expected a key that the venue accepts"), "key")
    if trace.status >= 500 or trace.status == 408 or code in _UNKNOWN or code == _PARTLY_REPLACED:
        return Fault(doubt(f"{said}, expected to hear what became of it"))
    if code in _TAKEN or "Duplicate order sent" in trace.body or isinstance(error, ccxt.DuplicateOrderId):
        return Fault(OutcomeUnknown(f"{said}, expected an id that was not used; an earlier request may have arrived"))
    if code in _NO_ORDER or isinstance(error, ccxt.OrderNotFound):
        return Fault(NoOrder(f"{said}, expected an order that the venue knows"))
    if trace.status == 403:
        return Fault(Transient(f"{said}, expected to be let in: a firewall refuses this address for now"))
    if 400 <= trace.status < 500 or _is_refusal(error):
        return Fault(Rejected(f"{said}, expected a request that the venue takes"))
    return Fault(doubt(f"{said}, expected an answer that can be read"))


def code_of(body: str) -> int | None:
    """Binance's number of the error, None where the body holds none."""
    found = _CODE.search(body)
    return int(found[1]) if found else None


def _unanswered(error: Exception, what: str, doubt: type[TradewindsError]) -> Fault:
    cause = error.__cause__ or error
    said = f"{what}: {type(error).__name__} ({type(cause).__name__})"
    if isinstance(cause, (*UNSENT, socket.gaierror)):
        return Fault(Transient(f"{said}, expected a connection"))
    return Fault(doubt(f"{said}, expected an answer"))


def _is_refusal(error: Exception) -> bool:
    """A plain ExchangeError may stand for anything, also for an answer that broke off."""
    return isinstance(error, ccxt.ExchangeError) and type(error) is not ccxt.ExchangeError and not isinstance(error, ccxt.BadResponse)


def _wait_s(trace: Trace) -> float | None:
    text = trace.headers.get("retry-after", "").strip()
    return float(text) if text.replace(".", "", 1).isdigit() else None


def _excerpt(body: str) -> str:
    return " ".join(body[: 4 * EXCERPT_CHARS_MAX].split())[:EXCERPT_CHARS_MAX]


def _hidden(text: str, secrets: Iterable[Secret]) -> str:
    for secret in secrets:
        text = secret.redact(text)
    return _SIGNATURE.sub(rf"\1={HIDDEN}", text)
