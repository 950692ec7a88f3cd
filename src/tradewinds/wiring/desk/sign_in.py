"""How people enter: by a password once, then by a session or a token.

1. A password is judged in the same time whether the name exists or not; wrong ones lock the person and the address for a while.
2. Sessions and tokens are random, kept by their SHA-256, and end by time, by being revoked, or when their person changes.
3. Where there is nobody yet, an admin is made with a random password that stands in a file of mode 0600 below the home.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, NS_PER_SECOND, text
from tradewinds.people.audit import AuditRow, Outcome
from tradewinds.people.password import SALT_BYTES, check, hashed, is_right
from tradewinds.people.role import Permission, Role, permission_named
from tradewinds.people.token import SECRET_BYTES, TOKEN_DAYS_MAX, Access, Principal, fingerprint, id_of, token_of

if TYPE_CHECKING:
    from tradewinds.stores.ledger_people import Person
    from tradewinds.wiring.house import House

SESSION_HOURS = 12
TOKEN_DAYS = 30
TOKENS_MAX = 50  # valid ones of one person
FIRST_PERSON = "admin"
PASSWORD_FILE = "admin.password"  # noqa: S105 - the name of a file
_NAME = re.compile(r"[a-z][a-z0-9_.\-]{0,31}", re.ASCII)


class NotSignedIn(Rejected):
    """Nobody knows who asks: a wrong password, a token that opens nothing. Says no more than that."""


class LockedOut(Transient):
    """Too many wrong passwords: even the right one waits."""


@dataclass(frozen=True, slots=True)
class Given:
    """A new token or session: `secret` is shown this once and kept nowhere."""

    access: Access
    secret: str

    def __repr__(self) -> str:
        return f"Given({self.access!r})"


def add_person(house: House, name: str, role: Role, password: str | None) -> Person:
    """A new person; without a password they enter by tokens only. Raises Rejected for a name or password that cannot be."""
    if _NAME.fullmatch(name) is None:
        raise Rejected(f"person {name!r}, expected small letters, digits, _ . -, beginning with a letter, at most 32")
    if password is not None:
        check(password, name)
    kept = None if password is None else hashed(password, secrets.token_bytes(SALT_BYTES))
    return house.ledger.people.add(name, role, kept, house.clock.now_ns())


def set_password(house: House, name: str, password: str) -> Person:
    """Change a password; every session and token of the person ends."""
    check(password, name)
    found = house.ledger.people.change(name, house.clock.now_ns(), password_hash=hashed(password, secrets.token_bytes(SALT_BYTES)))
    house.ledger.people.forget_wrong(f"person:{name}")
    return found


def first_person(house: House) -> Path | None:
    """Make an admin where there is nobody; the file with the password, None where somebody is there already."""
    place = house.home / PASSWORD_FILE
    if house.ledger.people.people():
        return None
    password = secrets.token_urlsafe(18)
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(f".{os.getpid()}.part")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(password + "\n")
    kept = hashed(password, secrets.token_bytes(SALT_BYTES))
    if not house.ledger.people.add_first(FIRST_PERSON, "admin", kept, house.clock.now_ns()):
        fresh.unlink()
        return None
    fresh.replace(place)
    return place


def sign_in(house: House, name: str, password: str, *, address: str, face: str) -> Given:
    """A session of a person who gives the right password.

    Raises NotSignedIn, the same for a wrong password and an unknown name; Transient with the wait while the person or address is locked.
    """
    people, now_ns = house.ledger.people, house.clock.now_ns()
    subjects = [f"person:{name[:64]}", f"address:{address}"] if address else [f"person:{name[:64]}"]
    is_right_one = is_right(people.password_hash(name), password)
    locked_ns = max(people.wrong(subject).locked_until_ns for subject in subjects)
    if now_ns < locked_ns:
        _audit(house, name, face, address, "sign in", "refused", f"locked until {text(locked_ns)}")
        raise LockedOut(
            f"sign in: too many wrong passwords, expected another try after {text(locked_ns)}",
            retry_after_s=(locked_ns - now_ns) / NS_PER_SECOND,
        )
    if not is_right_one:
        for subject in subjects:
            people.once_more_wrong(subject, now_ns)
        _audit(house, name, face, address, "sign in", "refused", "wrong name or password")
        raise NotSignedIn("sign in: wrong name or password, expected one that fits")
    people.forget_wrong(subjects[0])
    given = _give(house, Access(_new_id(), "session", name, face, None, now_ns, now_ns + SESSION_HOURS * NS_PER_HOUR))
    _audit(house, name, face, address, "sign in", "done", given.access.id)
    return given


def new_token(house: House, person: str, name: str, *, scopes: Sequence[str] | None = None, days: int = TOKEN_DAYS) -> Given:
    """A token of a person for a program. scopes: permissions it is narrowed to. days: until it expires."""
    if not 1 <= days <= TOKEN_DAYS_MAX:
        raise Rejected(f"token of {person}: {days} days, expected 1 to {TOKEN_DAYS_MAX}")
    if not 0 < len(name.strip()) <= 64:
        raise Rejected(f"token of {person}: a name of {len(name)} characters, expected 1 to 64")
    chosen: tuple[Permission, ...] | None = None if scopes is None else tuple(permission_named(one) for one in dict.fromkeys(scopes))
    now_ns = house.clock.now_ns()
    valid = [one for one in house.ledger.people.accesses(of_person=person, kind="token") if one.is_valid(now_ns)]
    if len(valid) >= TOKENS_MAX:
        raise Rejected(f"token of {person}: {len(valid)} are valid, expected fewer than {TOKENS_MAX}; revoke some")
    return _give(house, Access(_new_id(), "token", person, name.strip(), chosen, now_ns, now_ns + days * NS_PER_DAY))


def who(house: House, secret: str, *, address: str = "") -> tuple[Principal, Access]:
    """Whose token or session it is; raises NotSignedIn for what was never given, has ended, or is of somebody no longer active."""
    if id_of(secret) is None:
        raise NotSignedIn("token: not of the form of ours, expected tw_<id>_<secret>")
    found = house.ledger.people.access(fingerprint(secret))
    if found is None:
        raise NotSignedIn("token: unknown, expected one that was given")
    access, person = found
    if not person.is_active or not access.is_valid(house.clock.now_ns()):
        raise NotSignedIn(f"{access.kind} {access.id}: expired or revoked, expected a valid one")
    return Principal(person.name, person.role, access.scopes, access.id, address), access


def sign_out(house: House, principal: Principal) -> None:
    """End the session or token that the principal came by."""
    house.ledger.people.revoke(principal.access, house.clock.now_ns(), of_person=principal.person)


def at_the_machine(house: House, name: str) -> Principal:
    """Somebody who has the machine's own user account may do everything that the files there allow anyhow."""
    return Principal(name, "admin")


def _give(house: House, access: Access) -> Given:
    secret = token_of(bytes.fromhex(access.id), secrets.token_bytes(SECRET_BYTES))
    return Given(house.ledger.people.add_access(access, fingerprint(secret)), secret)


def _new_id() -> str:
    return secrets.token_bytes(6).hex()


def _audit(house: House, name: str, face: str, address: str, act: str, outcome: Outcome, detail: str) -> None:
    house.ledger.acts.write(AuditRow(house.clock.now_ns(), name[:64], "", face, address, act, "", outcome, detail))
