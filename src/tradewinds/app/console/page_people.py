"""Who may enter: people and their roles for an admin, one's own password, tokens and sessions for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from nicegui import ui

from tradewinds.app.console.asking import Field, asked, field, shown_once, values
from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, joined, moment, pill, table, tag
from tradewinds.app.console.visit import Visit, act_button, button, card, live, show
from tradewinds.core.errors import Rejected
from tradewinds.people.role import PERMISSIONS, ROLES
from tradewinds.wiring.desk import people
from tradewinds.wiring.desk.people import PersonFacts
from tradewinds.wiring.desk.sign_in import TOKEN_DAYS

if TYPE_CHECKING:
    from tradewinds.people.token import Access

EVERY_S = 3.0
SHOWN = 200
NEW_PASSWORD = Field("password", "New password, 12 characters or more", "password")


@dataclass(frozen=True, slots=True)
class _Seen:
    own: list[Access]
    people: list[PersonFacts]
    others: list[Access]


@page("/settings/people", "People and tokens", group="House")
async def build(visit: Visit) -> None:
    """Lists first, forms below them."""
    deeds = {
        "revoke": partial(_revoke, visit), "role": partial(_role, visit), "out": partial(_let, visit, is_active=False),
        "in": partial(_let, visit, is_active=True), "unlock": partial(_unlock, visit), "password": partial(_password, visit),
        "token": partial(_token_of, visit),
    }  # fmt: skip
    listed = await live(visit, lambda: _read(visit), partial(_drawn, visit), every_s=EVERY_S, acts=deeds)

    async def made(act: str, words: dict[str, Any]) -> None:
        await _made(visit, act, words)
        await listed.refresh()

    with ui.element("div").classes("grid"):
        with ui.element("section").classes("card box"):
            show(tag("h2", "Make a token"), tag("p", "For a program that acts in your name.", class_="soft"))
            inputs = {one.name: field(one) for one in _token_fields(visit)}
            button("Make token", lambda: made("token.new", _asked_for(values(inputs))), kind="main", name="make-token")
        _own_password(visit)
        if visit.may("do:people"):
            _newcomer(visit, listed.refresh)


def _read(visit: Visit) -> _Seen:
    own = people.tokens(visit.house, visit.visitor.person, is_valid=True)[:SHOWN]
    if not visit.may("do:people"):
        return _Seen(own, [], [])
    others = [one for one in people.tokens(visit.house, None, is_valid=True) if one.person != visit.visitor.person]
    return _Seen(own, people.everybody(visit.house), others[:SHOWN])


def _drawn(visit: Visit, seen: _Seen) -> Markup:
    parts = []
    if visit.may("do:people"):
        parts.append(card("People", _people(visit, seen.people), note="A change of role or password ends their tokens and sessions."))
    parts.append(card("Your tokens and sessions", _accesses(visit, seen.own, whose=False)))
    if visit.may("do:people"):
        parts.append(card("Tokens and sessions of others", _accesses(visit, seen.others, whose=True)))
    return joined(parts)


def _people(visit: Visit, found: list[PersonFacts]) -> Markup:
    rows = [
        (tag("b", one.name), one.role.replace("_", " "), _state(one), one.tokens, one.sessions, moment(one.used_ns),
         _buttons(one, is_own=one.name == visit.visitor.person))
        for one in found
    ]  # fmt: skip
    return table(("name", "role", "state", "tokens", "sessions", "last seen", "do"), rows, numbers=("tokens", "sessions"), label="People")


def _state(one: PersonFacts) -> Markup:
    if not one.is_active:
        return pill("shut out")
    return pill("ok") if one.locked_until_ns is None else tag("span", pill("locked"), " until ", moment(one.locked_until_ns))


def _buttons(one: PersonFacts, *, is_own: bool) -> Markup:
    def of(words: str, act: str) -> Markup:
        return act_button(words, act, one.name, label=f"{words}: {one.name}")

    given = [] if is_own else [of("Role", "role"), of("Shut out", "out") if one.is_active else of("Let in", "in")]
    given += [of("Unlock", "unlock")] if one.locked_until_ns is not None else []
    given += [] if is_own else [of("Password", "password"), of("Token", "token")]
    return tag("span", *given, class_="row-of")


def _accesses(visit: Visit, found: list[Access], *, whose: bool) -> Markup:
    rows = [
        (*([one.person] if whose else []), one.kind, one.name, _scopes(one), moment(one.created_ns), moment(one.expires_ns),
         moment(one.used_ns), "this one" if one.id == visit.visitor.access else _end(one))
        for one in found
    ]  # fmt: skip
    columns = (*(["whose"] if whose else []), "kind", "name", "may", "made", "expires", "used", "do")
    return table(columns, rows, empty="none", label="Tokens of others" if whose else "Your tokens")


def _scopes(one: Access) -> str:
    return "all that the role may" if one.scopes is None else ", ".join(one.scopes) or "nothing"


def _end(one: Access) -> Markup:
    return act_button("Revoke", "revoke", one.id, label=f"Revoke {one.kind} {one.name} of {one.person}")


def _token_fields(visit: Visit) -> tuple[Field, ...]:
    choices: dict[str, str] = {one: one for one in PERMISSIONS if visit.may(one)}
    return (
        Field("name", "What it is for"), Field("scopes", "It may (empty: all that the role may)", "many", value=(), choices=choices),
        Field("days", "Days until it expires", value=TOKEN_DAYS),
    )  # fmt: skip


def _asked_for(given: dict[str, Any]) -> dict[str, Any]:
    """The words of a new token; days are text as typed."""
    words = {"name": given["name"], "scopes": given["scopes"] or None, "days": given["days"]}
    return {name: value for name, value in words.items() if value is not None}


async def _made(visit: Visit, act: str, words: dict[str, Any]) -> None:
    """A token, and its secret once."""
    try:
        words |= {"days": _days(words)} if "days" in words else {}
    except Rejected as error:
        ui.notify(str(error), type="negative", multi_line=True)
        return
    told = await visit.do(act, words, done="The token is made.")
    if told is not None:
        note = f"It is shown this once, and expires in {words.get('days', TOKEN_DAYS)} days. Who has it may act with it."
        await shown_once(f"Token {words['name']}", note, "Token", str(told["token"]))


def _days(words: dict[str, Any]) -> int:
    text = str(words["days"])
    if not text.isdecimal() or len(text) > 4:
        raise Rejected(f"days {text[:40]!r}, expected a whole number")
    return int(text)


async def _revoke(visit: Visit, on: str) -> None:
    await visit.do("token.revoke", {"id": on}, done="It opens nothing any more.")


async def _role(visit: Visit, on: str) -> None:
    choices: dict[str, str] = {one: one.replace("_", " ") for one in ROLES}
    given = await asked(
        f"Role of {on}", "Their tokens and sessions end.", [Field("role", "Role", "choice", choices=choices)], "Change role"
    )
    if given is not None and given["role"]:
        await visit.do("person.change", {"name": on, "role": given["role"]}, done=f"{on} is {given['role'].replace('_', ' ')}.")


async def _let(visit: Visit, on: str, *, is_active: bool) -> None:
    word = "Let in" if is_active else "Shut out"
    note = "They may sign in again." if is_active else "Their tokens and sessions end at once."
    if await asked(f"{word} {on}?", note, [], word, kind="main" if is_active else "danger") is not None:
        await visit.do("person.change", {"name": on, "is_active": is_active}, done=f"{on} is {'in' if is_active else 'out'}.")


async def _unlock(visit: Visit, on: str) -> None:
    await visit.do("person.unlock", {"name": on}, done=f"{on} may try again.")


async def _password(visit: Visit, on: str) -> None:
    given = await asked(f"Password of {on}", "Their tokens and sessions end.", [NEW_PASSWORD], "Set password")
    if given is not None and given["password"]:
        await visit.do("person.change", {"name": on, "password": given["password"]}, done=f"{on} has another password.")


async def _token_of(visit: Visit, on: str) -> None:
    given = await asked(f"Token of {on}", "For a program that acts in their name.", _token_fields(visit), "Make")
    if given is not None:
        await _made(visit, "person.token", {"person": on, **_asked_for(given)})


def _own_password(visit: Visit) -> None:
    fields = (Field("old_password", "Old password", "password"), NEW_PASSWORD)
    with ui.element("section").classes("card box"):
        show(tag("h2", "Your password"), tag("p", "Changed, every session and token of yours ends.", class_="soft"))
        inputs = {one.name: field(one) for one in fields}

        async def change() -> None:
            given = values(inputs)
            words = {"old_password": given["old_password"], "new_password": given["password"]}
            if await visit.do("password", words, done="Changed.") is not None:
                ui.navigate.to("/sign-in")

        button("Change password", change, name="change-password")


def _newcomer(visit: Visit, then: Any) -> None:
    roles: dict[str, str] = {one: one.replace("_", " ") for one in ROLES}
    fields = (
        Field("name", "Name"), Field("role", "Role", "choice", value="viewer", choices=roles),
        Field("password", "Password, none for tokens alone", "password"),
    )  # fmt: skip
    with ui.element("section").classes("card box"):
        show(tag("h2", "Let somebody in"), tag("p", "They change the password themselves once they are in.", class_="soft"))
        inputs = {one.name: field(one) for one in fields}

        async def add() -> None:
            words = {name: value for name, value in values(inputs).items() if value is not None}
            if await visit.do("person.add", words, done=lambda told: f"{told['name']} may enter as {told['role']}.") is not None:
                inputs["name"].set_value("")
                inputs["password"].set_value("")
                await then()

        button("Let in", add, kind="main", name="add-person")
