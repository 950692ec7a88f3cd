"""What a person shows to prove who they are: a token of a program, or the session of a browser.

1. A token is `tw_<id>_<secret>`: the id (12 hexadecimal digits) may stand in lists and logs, the secret (32 random bytes) nowhere.
2. Only the SHA-256 of the whole text is kept. With 256 random bits nobody finds another text, so no slow hash is needed.
3. A session is the same in a cookie, and has a second secret for CSRF that is made of the first: a page of another origin that
   makes the browser send the cookie cannot read or compute it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Literal

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import text
from tradewinds.people.role import PERMISSIONS, Permission, Role, is_allowed

AccessKind = Literal["token", "session"]
SECRET_BYTES = 32
TOKEN_DAYS_MAX = 366
_TOKEN = re.compile(r"tw_([0-9a-f]{12})_([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Access:
    """A token or session as it is kept, without its secret. scopes: None for all that the role may do."""

    id: str
    kind: AccessKind
    person: str
    name: str
    scopes: tuple[Permission, ...] | None
    created_ns: int
    expires_ns: int
    used_ns: int | None = None
    revoked_ns: int | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.scopes or ()) - set(PERMISSIONS))
        if unknown:
            raise Rejected(f"token {self.name!r} of {self.person}: scope {unknown[0]!r}, expected one of {', '.join(PERMISSIONS)}")
        if self.expires_ns <= self.created_ns:
            raise Rejected(f"token {self.name!r} of {self.person}: expires {text(self.expires_ns)}, expected a time after now")

    def is_valid(self, at_ns: int) -> bool:
        """Whether it opens anything then."""
        return self.revoked_ns is None and at_ns < self.expires_ns


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts: a person with a role, by a token, a session, or at the machine itself. address: where from, "" at the machine."""

    person: str
    role: Role
    scopes: tuple[Permission, ...] | None = None
    access: str = ""
    address: str = ""

    def may(self, permission: Permission) -> bool:
        """Whether they may do it."""
        return is_allowed(self.role, permission, self.scopes)


def token_of(id_bytes: bytes, secret: bytes) -> str:
    """The text of a token; raises Rejected for fewer random bytes than it needs."""
    if len(id_bytes) != 6 or len(secret) != SECRET_BYTES:
        raise Rejected(f"token: {len(id_bytes)} and {len(secret)} bytes, expected 6 and {SECRET_BYTES}")
    return f"tw_{id_bytes.hex()}_{secret.hex()}"


def id_of(token: str) -> str | None:
    """The id that a token carries, None for what has not the form of one."""
    found = _TOKEN.fullmatch(token)
    return None if found is None else found.group(1)


def fingerprint(token: str) -> str:
    """The SHA-256 under which a token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_of(session: str) -> str:
    """The secret that a page of ours sends with each write of a session."""
    return hmac.new(session.encode(), b"csrf", hashlib.sha256).hexdigest()


def is_same(one: str, other: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(one.encode(), other.encode())
