"""Passwords: what one has to be, and how it is kept: argon2id, memory-hard, with a salt of its own.

Rules follow NIST SP 800-63B: length counts, composition does not; what everybody uses is refused.
Cost: the second recommended option of RFC 9106 (3 passes, 64 MiB, 4 lanes).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from tradewinds.core.errors import Rejected

if TYPE_CHECKING:
    from argon2 import PasswordHasher

CHARACTERS_MIN = 12
CHARACTERS_MAX = 256
OWN_MIN = 8  # characters that belong to no common word
DISTINCT_MIN = 4
SALT_BYTES = 16
_COMMON = (
    "password", "passwort", "qwerty", "asdfgh", "letmein", "welcome", "iloveyou", "tradewinds", "trading", "123456", "654321", "abcdef",
    "admin", "changeme", "secret",
)  # fmt: skip


def check(password: str, person: str) -> None:
    """Raises Rejected, which never repeats the password, for one that is too short, too long or easily guessed."""
    if not CHARACTERS_MIN <= len(password) <= CHARACTERS_MAX:
        raise Rejected(f"password of {person}: {len(password)} characters, expected {CHARACTERS_MIN} to {CHARACTERS_MAX}")
    rest = password.lower()
    for word in (person.lower(), *_COMMON):
        rest = rest.replace(word, "")
    if len(rest) < OWN_MIN or len(set(rest)) < DISTINCT_MIN:
        raise Rejected(f"password of {person}: little but common words or one sign repeated, expected something nobody guesses")


def hashed(password: str, salt: bytes) -> str:
    """How it is kept. salt: SALT_BYTES random bytes."""
    if len(salt) != SALT_BYTES:
        raise Rejected(f"password: a salt of {len(salt)} bytes, expected {SALT_BYTES}")
    return _hasher().hash(password, salt=salt)


def is_right(kept: str | None, password: str) -> bool:
    """Whether it is the password that was kept. Nothing kept takes as long as a wrong one."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        _hasher().verify(_nobody() if kept is None else kept, password[: CHARACTERS_MAX + 1])
        return kept is not None
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)


@lru_cache(maxsize=1)
def _nobody() -> str:
    """What an unknown person's password is compared with."""
    return hashed("no password of anybody at all", bytes(SALT_BYTES))
