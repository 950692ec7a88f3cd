"""`tradewinds user`: who may enter the console and the API, with which role, and their tokens."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import JSON
from tradewinds.app.output import log, print_json, print_table, when
from tradewinds.core.errors import Rejected

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

PASSWORD = "TRADEWINDS_PASSWORD"  # noqa: S105 - the name of a setting
ROLES = click.Choice(["viewer", "trader", "risk_officer", "admin"])
FACE = "command"


@click.group("user", context_settings={"help_option_names": ["-h", "--help"]})
def user() -> None:
    """People who may enter the console and the API: roles, passwords, tokens, and what they did.

    A password is asked for on a terminal; elsewhere TRADEWINDS_PASSWORD holds it, or TRADEWINDS_PASSWORD_FILE names a file that does.
    """


@user.command("add")
@click.argument("name")
@click.option("--role", type=ROLES, required=True, help="What they may do.")
@click.option("--no-password", is_flag=True, help="They enter by tokens only.")
@JSON
def add(name: str, role: str, *, no_password: bool, as_json: bool) -> None:
    """Let NAME in.

    \b
    tradewinds user add ada --role trader
    """
    words = {"name": name, "role": role, "password": None if no_password else _password(f"password of {name}")}
    _tell(_do("person.add", words), as_json=as_json, line=f"{name}: {role}")


@user.command("list")
@JSON
def list_(*, as_json: bool) -> None:
    """Everybody, with their roles."""
    found = _house().ledger.people.people()
    if as_json:
        print_json({"people": found})
        return
    rows = [(one.name, one.role, one.is_active, when(one.created_ns)) for one in found]
    print_table("People", ("name", "role", "may enter", "since"), rows, if_empty="nobody yet; `tradewinds console` makes an admin")


@user.command("change")
@click.argument("name")
@click.option("--role", type=ROLES, help="Another role.")
@click.option("--password", "is_password", is_flag=True, help="Another password, asked for.")
@click.option("--out/--in", "is_out", default=None, help="Shut them out, or let them in again.")
@JSON
def change(name: str, role: str | None, *, is_password: bool, is_out: bool | None, as_json: bool) -> None:
    """Change NAME; their sessions and tokens end."""
    words: dict[str, Any] = {"name": name, "role": role, "is_active": None if is_out is None else not is_out}
    words["password"] = _password(f"new password of {name}") if is_password else None
    done = _do("person.change", words)
    _tell(done, as_json=as_json, line=f"{name}: {done['role']}, {'may enter' if done['is_active'] else 'shut out'}")


@user.command("unlock")
@click.argument("name")
@JSON
def unlock(name: str, *, as_json: bool) -> None:
    """End a lock-out of NAME by wrong passwords."""
    _tell(_do("person.unlock", {"name": name}), as_json=as_json, line=f"{name}: not locked any more")


@user.command("token")
@click.argument("name")
@click.option("--for", "what", default="command line", show_default=True, help="What it is for; a name that lists show.")
@click.option(
    "--scope", "scopes", multiple=True, help="May do this alone (such as read:market); several times. All of the role when left out."
)
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="Until it expires.")
@JSON
def token(name: str, what: str, scopes: tuple[str, ...], days: int, *, as_json: bool) -> None:
    """Make a token of NAME for a program. It is printed this once and kept nowhere.

    \b
    tradewinds user token ada --for notebook --scope read:market
    """
    from tradewinds.core.instant import text
    from tradewinds.people.audit import AuditRow
    from tradewinds.wiring.desk.sign_in import new_token

    house = _house()
    given = new_token(house, name, what, scopes=scopes or None, days=days)
    row = AuditRow(house.clock.now_ns(), _me(), "admin", FACE, "", "token.new", name, "done", f"id {given.access.id}")
    house.ledger.acts.write(row)
    if as_json:
        print_json({"token": given.secret, "id": given.access.id, "expires": text(given.access.expires_ns)})
        return
    click.echo(given.secret)
    log(f"token {given.access.id} of {name}, until {text(given.access.expires_ns)}; it is not shown again")


@user.command("tokens")
@click.argument("name", required=False)
@JSON
def tokens(name: str | None, *, as_json: bool) -> None:
    """Tokens and sessions of NAME, or of everybody."""
    house = _house()
    found = house.ledger.people.accesses(of_person=name)
    now_ns = house.clock.now_ns()
    if as_json:
        print_json({"tokens": found})
        return
    rows = [
        (one.id, one.person, one.kind, one.name, "all" if one.scopes is None else ", ".join(one.scopes), when(one.expires_ns),
         one.is_valid(now_ns))
        for one in found
    ]  # fmt: skip
    print_table(
        "Tokens and sessions", ("id", "person", "kind", "for", "scopes", "until", "valid"), rows, if_empty="none", spare=("scopes",)
    )


@user.command("revoke")
@click.argument("number", metavar="ID")
@JSON
def revoke(number: str, *, as_json: bool) -> None:
    """End a token or session now."""
    done = _do("token.revoke", {"id": number})
    _tell(done, as_json=as_json, line=f"{number} of {done['person']}: ended")


@user.command("audit")
@click.option("--person", help="Only of this one.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True)
@JSON
def audit(person: str | None, limit: int, *, as_json: bool) -> None:
    """What people did, newest first; refused acts too."""
    found = _house().ledger.acts.audited(person=person, limit=limit)
    if as_json:
        print_json({"audit": found})
        return
    rows = [(when(one.at_ns), one.person, one.face, one.act, one.subject, one.outcome, one.detail) for one in found]
    print_table("Audit", ("at", "person", "by", "act", "of", "outcome", "detail"), rows, if_empty="nothing yet", spare=("detail", "by"))


def _house() -> House:
    from tradewinds.wiring.house import open_house

    return open_house()


def _do(act: str, words: Mapping[str, Any]) -> dict[str, Any]:
    from tradewinds.wiring.desk import acts
    from tradewinds.wiring.desk.sign_in import at_the_machine

    house = _house()
    given = {name: value for name, value in words.items() if value is not None}
    return acts.do(house, at_the_machine(house, _me()), act, given, face=FACE)


def _password(what: str) -> str:
    """From the environment, else asked for; never an argument, which every process of the machine could read."""
    from tradewinds.wiring.settings import value_of

    found = value_of(PASSWORD, os.environ)
    if found is not None:
        return found
    if not sys.stdin.isatty():
        raise Rejected(f"{what}: nobody to ask, expected {PASSWORD} or {PASSWORD}_FILE")
    return str(click.prompt(what, hide_input=True, confirmation_prompt=True))


def _me() -> str:
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return f"user {os.getuid()}"


def _tell(done: Mapping[str, Any], *, as_json: bool, line: str) -> None:
    if as_json:
        print_json(done)
    else:
        click.echo(line)
