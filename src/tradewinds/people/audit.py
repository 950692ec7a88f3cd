"""One line of the audit log: who did what, from where, with which words, and what came of it. Refused acts stand there too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

Outcome = Literal["done", "asked", "refused", "failed", "unknown"]
OUTCOMES: tuple[Outcome, ...] = ("done", "asked", "refused", "failed", "unknown")
WORD_CHARACTERS_MAX = 500
HIDDEN = "***"
_SECRETS = ("password", "secret", "token", "key", "authorization", "cookie")


@dataclass(frozen=True, slots=True)
class AuditRow:
    """asked: waits for a second person. unknown: perhaps done, nobody can say. face: api, console, telegram, command."""

    at_ns: int
    person: str
    role: str
    face: str
    address: str
    act: str
    subject: str
    outcome: Outcome
    detail: str = ""
    words: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    id: int = 0


def audited(words: Mapping[str, Any]) -> dict[str, Any]:
    """The words of an act as they may be kept: no secrets, nothing endless."""
    return {str(name): _kept(str(name), value) for name, value in words.items() if value is not None}


def _kept(name: str, value: Any) -> Any:
    if any(word in name.lower() for word in _SECRETS) and isinstance(value, str):
        return HIDDEN
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return audited(value)
    if isinstance(value, list | tuple):
        return [_kept(name, one) for one in value[:50]]
    return str(value)[:WORD_CHARACTERS_MAX]
