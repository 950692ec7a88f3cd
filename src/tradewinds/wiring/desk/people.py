"""Acts on people: who may enter, their roles, passwords and tokens. Names are found in `acts.ACTS`; nobody's role is asked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import Rejected
from tradewinds.people.password import is_right
from tradewinds.people.role import role_named
from tradewinds.people.token import Principal
from tradewinds.wiring.desk import sign_in

if TYPE_CHECKING:
    from tradewinds.people.token import Access
    from tradewinds.stores.ledger_people import Person
    from tradewinds.wiring.house import House

Words = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """Somebody who may enter, with their valid tokens and sessions. locked_until_ns: after wrong passwords, None where they may try."""

    name: str
    role: str
    is_active: bool
    created_ns: int
    changed_ns: int
    locked_until_ns: int | None
    tokens: int
    sessions: int
    used_ns: int | None


def people(house: House) -> list[Person]:
    """Everybody, by name."""
    return house.ledger.people.people()


def everybody(house: House) -> list[PersonFacts]:
    """Everybody, by name, with what they enter by and whether wrong passwords shut them out."""
    now_ns, book = house.clock.now_ns(), house.ledger.people
    given: dict[str, list[Access]] = {}
    for access in book.accesses():
        given.setdefault(access.person, []).append(access)
    found = []
    for one in book.people():
        mine = given.get(one.name, [])
        valid = [access.kind for access in mine if access.is_valid(now_ns)]
        locked_ns = book.wrong(f"person:{one.name}").locked_until_ns
        found.append(
            PersonFacts(
                one.name, one.role, one.is_active, one.created_ns, one.changed_ns, locked_ns if locked_ns > now_ns else None,
                valid.count("token"), valid.count("session"), max((a.used_ns for a in mine if a.used_ns is not None), default=None),
            )
        )  # fmt: skip
    return found


def tokens(house: House, person: str | None, *, is_valid: bool | None = None) -> list[Access]:
    """Tokens and sessions of a person (None: of everybody), newest first; never what opens them. is_valid: only those that still open."""
    now_ns = house.clock.now_ns()
    found = house.ledger.people.accesses(of_person=person)
    return found if is_valid is None else [one for one in found if one.is_valid(now_ns) is is_valid]


def add(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    made = sign_in.add_person(house, str(words["name"]), role_named(str(words["role"])), _text(words, "password"))
    return {"name": made.name, "role": made.role}


def change(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    """Role, password, and whether they may enter; their tokens and sessions end. Nobody changes their own role or shuts themselves out."""
    name = str(words["name"])
    role = None if words.get("role") is None else role_named(str(words["role"]))
    active, password = words.get("is_active"), _text(words, "password")
    if role is None and active is None and password is None:
        raise Rejected(f"person {name}: nothing to change, expected a role, a password or is_active")
    if name == principal.person and (role is not None or active is not None):
        raise Rejected(f"person {name}: changed by {principal.person}, expected somebody else to change a role or shut out")
    if password is not None:
        sign_in.set_password(house, name, password)
    if role is not None or active is not None:
        house.ledger.people.change(name, house.clock.now_ns(), role=role, is_active=None if active is None else bool(active))
    found = house.ledger.people.person(name)
    return {"name": found.name, "role": found.role, "is_active": found.is_active}


def unlock(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    """End a lock-out by wrong passwords."""
    name = house.ledger.people.person(str(words["name"])).name
    house.ledger.people.forget_wrong(f"person:{name}")
    return {"name": name}


def own_password(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    """Change one's own password, giving the old one; every session and token ends, this one too."""
    if not is_right(house.ledger.people.password_hash(principal.person), str(words["old_password"])):
        house.ledger.people.once_more_wrong(f"person:{principal.person}", house.clock.now_ns())
        raise Rejected(f"password of {principal.person}: the old one is wrong, expected that")
    sign_in.set_password(house, principal.person, str(words["new_password"]))
    return {"name": principal.person}


def new_token(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    """A token of one's own. A token cannot make one that may more than itself."""
    return _token(house, principal, principal.person, words)


def token_of_another(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    """A token of somebody else, such as a program that has no password; `person` names whose."""
    owner = house.ledger.people.person(str(words["person"]))
    return {"person": owner.name, **_token(house, principal, owner.name, words)}


def _token(house: House, principal: Principal, owner: str, words: Words) -> dict[str, Any]:
    scopes = words.get("scopes")
    if scopes is not None and (not isinstance(scopes, list | tuple) or not all(isinstance(one, str) for one in scopes)):
        raise Rejected(f"token {words['name']}: scopes {scopes!r}, expected a list of names")
    if principal.scopes is not None:
        beyond = sorted(set(scopes if scopes is not None else ["*"]) - set(principal.scopes))
        if beyond:
            raise Rejected(f"token {words['name']}: scope {beyond[0]!r}, expected of those of the token that asks")
    days = words.get("days")
    given = sign_in.new_token(house, owner, str(words["name"]), scopes=scopes, days=sign_in.TOKEN_DAYS if days is None else int(days))
    return {"id": given.access.id, "token": given.secret, "scopes": given.access.scopes, "expires_ns": given.access.expires_ns}


def revoke(house: House, principal: Principal, words: Words) -> dict[str, Any]:
    """End a token or session of one's own; of anybody for who has do:people."""
    of = None if principal.may("do:people") else principal.person
    ended = house.ledger.people.revoke(str(words["id"]), house.clock.now_ns(), of_person=of)
    return {"id": ended.id, "person": ended.person, "revoked_ns": ended.revoked_ns}


def _text(words: Words, name: str) -> str | None:
    return None if words.get(name) is None else str(words[name])
