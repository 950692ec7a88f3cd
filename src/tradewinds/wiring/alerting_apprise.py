"""Sends a message to one address by Apprise, and says what came of it: told, refused, or nobody can say.

1. The address is a secret: it is never in an error, and Apprise's own log, which names addresses, goes nowhere but to `Heard`.
2. Apprise answers yes or no alone. Its log tells why: a status of the receiver, a connection that was never made, or an answer that did
   not come. The last is a doubt: the receiver may have it.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tradewinds.core.errors import Rejected
from tradewinds.people.alert_message import Message
from tradewinds.wire.secret import Secret

SEND_S_MAX = 8.0  # to connect, and again to hear the answer
OutcomeKind = Literal["told", "refused", "doubt"]

_STATUS = re.compile(r"error=(\d{3})\b")
_NEVER_MADE = re.compile(
    r"refused|NewConnection|NameResolution|ConnectTimeout|ConnectionRefused|Name or service|No route|unreachable|SSLError"
)
_KINDS: Mapping[str, str] = {"info": "info", "warning": "warning", "critical": "failure"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try. error: why, without any address."""

    kind: OutcomeKind
    error: str = ""


class Sender(Protocol):
    """Sends one message."""

    def send(self, message: Message) -> Outcome: ...


class Heard(logging.Filter):
    """What Apprise says in this thread, kept for `Outcome`; it lets nothing pass, so that no handler of anybody writes it."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = threading.local()

    def begin(self) -> list[str]:
        self._lines.found = []
        found: list[str] = self._lines.found
        return found

    def filter(self, record: logging.LogRecord) -> bool:
        lines = getattr(self._lines, "found", None)
        if lines is not None:
            lines.append(record.getMessage())
        return False


class AppriseSender:
    """One address. Raises Rejected where Apprise does not know its kind; the text of the address is in no error."""

    def __init__(self, route: str, address: Secret) -> None:
        import apprise

        self._route = route
        self._heard = _listen()
        self._kinds = {name: apprise.NotifyType(kind) for name, kind in _KINDS.items()}
        self._heard.begin()
        with warnings.catch_warnings():  # the first call imports every plugin, and some of them old modules
            warnings.simplefilter("ignore")
            found = apprise.Apprise.instantiate(address.reveal(), suppress_exceptions=True)
        if found is None:
            scheme = address.reveal().partition(":")[0]
            shown = scheme if re.fullmatch(r"[a-z0-9]{1,20}", scheme) else "***"
            raise Rejected(f"route {route}: an address of kind {shown!r} that Apprise cannot read, expected one of its Wiki's forms")
        found.socket_read_timeout = found.socket_connect_timeout = SEND_S_MAX
        self._plugin: Any = found

    def send(self, message: Message) -> Outcome:
        """Send it once and wait for what comes of it."""
        lines = self._heard.begin()
        try:
            is_told = self._plugin.notify(body=message.text, title=message.title, notify_type=self._kinds[message.severity])
        except Exception as error:  # noqa: BLE001 - a hundred plugins; whatever one raises, the message was perhaps sent
            return Outcome("doubt", type(error).__name__)
        return Outcome("told") if is_told else _why("\n".join(lines))


def _why(said: str) -> Outcome:
    """Why Apprise says no. What it says may hold the address, and is not shown."""
    status = _STATUS.search(said)
    if status is not None:
        return Outcome("refused", f"answered {status[1]}")
    if "Socket Exception" in said or "onnection error" in said:
        return Outcome("refused", "no connection") if _NEVER_MADE.search(said) else Outcome("doubt", "no answer")
    return Outcome("refused", "not accepted")


_heard: Heard | None = None


def _listen() -> Heard:
    """Apprise's log, for us alone."""
    global _heard
    if _heard is None:
        _heard = Heard()
        said = logging.getLogger("apprise")
        said.addFilter(_heard)
        said.setLevel(logging.DEBUG)
        logging.getLogger("urllib3").setLevel(logging.WARNING)  # below that it names paths, which hold tokens
    return _heard
