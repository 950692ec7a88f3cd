"""An alert: something that a person has to know, with the next command to run, told once for each key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from tradewinds.core.candidate import hashed
from tradewinds.core.errors import Rejected

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
TEXT_CHARS_MAX = 1_500
SUBJECT_CHARS_MAX = 120


@dataclass(frozen=True, slots=True)
class Alert:
    """What a person is told.

    source: who says so (jobs, data, risk, trade, breaks, parity, broker, dead-man, crossing, summary, people). subject: what it is
    about (an account, a job, an instrument). next_command: what to run now, "" where nothing is to be done. key: names this very
    occurrence; a second alert of the same key is the same alert. Without one, source, subject and text are it.
    """

    severity: Severity
    source: str
    subject: str
    text: str
    next_command: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise Rejected(f"alert {self.source} {self.subject}: severity {self.severity!r}, expected one of {', '.join(SEVERITIES)}")
        if not (self.source and self.text):
            raise Rejected(f"alert {self.source!r} {self.subject!r}: text {self.text!r}, expected a source and a text")
        object.__setattr__(self, "key", self.key or f"{self.source} {self.subject} {self.text}")
        object.__setattr__(self, "subject", _plain(self.subject, SUBJECT_CHARS_MAX))
        object.__setattr__(self, "text", _plain(self.text, TEXT_CHARS_MAX))

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of the key."""
        return hashed(self.source, self.key)


@dataclass(frozen=True, slots=True)
class RaisedAlert:
    """An alert that stands in the outbox, and who was the first to acknowledge it."""

    alert: Alert
    raised_ns: int
    acknowledged_ns: int | None = None
    acknowledged_by: str | None = None

    @property
    def id(self) -> str:
        return self.alert.id


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A person said that the alert is in hand. face: where they said it (command, console, telegram)."""

    alert: str
    by: str
    at_ns: int
    face: str = ""
    note: str = ""


class Raises(Protocol):
    """What raises alerts: they stand in the ledger when this returns, and are delivered by `tradewinds alerts run`."""

    def raise_(self, *alerts: Alert) -> int:
        """Put alerts into the outbox; returns how many of them are new. Raises Transient where the ledger is away."""
        ...


def rank(severity: Severity) -> int:
    """0 for info, 2 for critical."""
    return SEVERITIES.index(severity)


def _plain(told: str, chars_max: int) -> str:
    """Text of others for people: control characters become spaces, new lines stay, what is too long ends with three dots."""
    clean = "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in told).strip()
    return clean if len(clean) <= chars_max else f"{clean[: chars_max - 3]}..."
