"""Takes secrets out of text before it is written anywhere.

1. Known secrets: what settings of this process hold under names that end in KEY, SECRET, PASSWORD, TOKEN and the like, and the files that
   `<NAME>_FILE` names. They are hidden wherever they stand.
2. Unknown ones, by what stands around them: passwords in addresses, signatures, bearer tokens, `api_key=…` of a request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from tradewinds.wire.secret import HIDDEN

SHORTEST = 5  # shorter values stand in too much that is no secret
SHORT = 64
BYTES_MAX = 64 * 1024  # of a file that holds a secret

_NAMED = re.compile(r"(KEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|CREDENTIALS|_DSN|ALCHEMY_CONN)$")
# (what stands in every match, the pattern): most text has none of these, and looking for them costs a tenth of the pattern.
_AROUND = (
    (("://",), re.compile(r"(?P<kept>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(?=@)", re.I)),  # postgresql://name:password@host
    (("bearer", "basic"), re.compile(r"(?P<kept>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.I)),
    (
        ("key", "signature", "secret", "passw", "passphrase", "token", "authorization"),
        re.compile(
            r"(?P<kept>\b(?:x-mbx-apikey|(?:api|access|secret|private)[-_]?key|signature|secret|password|passwd|passphrase"
            r"|(?:access|refresh|id|bot)?[-_]?token|authorization)[\"']?\s*[=:]\s*[\"']?)(?!\*\*\*)(?!bearer\b|basic\b)[^\s\"'&,;}]+",
            re.I,
        ),
    ),
    (("telegram",), re.compile(r"(?P<kept>api\.telegram\.org/bot)[0-9]+:[A-Za-z0-9_-]+")),
)

Redactor = Callable[[str], str]


def redactor_of(environment: Mapping[str, str]) -> Redactor:
    """What hides the secrets of this process. A file that cannot be read hides nothing by itself."""
    return redactor(_secrets(environment))


def redactor(secrets: Iterable[str]) -> Redactor:
    """Hides these, and what looks like one."""
    known = sorted({one for one in secrets if len(one) >= SHORTEST}, key=len, reverse=True)
    told = re.compile("|".join(map(re.escape, known))) if known else None

    def redact(message: str) -> str:
        return short(message) if len(message) <= SHORT else whole(message)

    def whole(message: str) -> str:
        if told is not None:
            message = told.sub(HIDDEN, message)
        if not any(sign in message for sign in " :="):
            return message  # a name by itself
        lower = message.lower()
        for signs, pattern in _AROUND:
            if any(sign in lower for sign in signs):
                message = pattern.sub(rf"\g<kept>{HIDDEN}", message)
        return message

    short = lru_cache(maxsize=1024)(whole)  # accounts, instruments and rules come again and again
    return redact


def _secrets(environment: Mapping[str, str]) -> Iterable[str]:
    for name, value in environment.items():
        if _NAMED.search(name):
            yield from (value.strip(), *value.strip().splitlines())
        elif name.endswith("_FILE") and _NAMED.search(name.removesuffix("_FILE")):
            try:
                place = Path(value)
                if place.stat().st_size <= BYTES_MAX:
                    kept = place.read_text().strip()
                    yield from (kept, *kept.splitlines())
            except (OSError, ValueError):
                continue
