"""People in the ledger: who they are, the tokens and sessions they enter by, and wrong passwords. SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa

from tradewinds.core.errors import Missing, Rejected
from tradewinds.people.lockout import Wrong
from tradewinds.people.role import Role
from tradewinds.people.token import Access, AccessKind
from tradewinds.stores.ledger_database import Database
from tradewinds.stores.ledger_schema_people import person, person_access, person_lockout
from tradewinds.stores.ledger_write import add_new, row_of, upsert


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may enter. Their password is not among what is known of them."""

    name: str
    role: Role
    is_active: bool
    created_ns: int
    changed_ns: int


_PERSON = [person.c[one.name] for one in fields(Person)]
_ACCESS = [person_access.c[one.name] for one in fields(Access)]
_WRONG = [person_lockout.c[one.name] for one in fields(Wrong)]


class PeopleLedger:
    """Methods raise what `stores.ledger.Ledger` raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # People

    def people(self) -> list[Person]:
        """Everybody, by name."""
        with self._database.reading("listing people") as connection:
            return [Person(**row) for row in connection.execute(sa.select(*_PERSON).order_by(person.c.name)).mappings()]

    def person(self, name: str) -> Person:
        """Raises Missing where nobody has the name."""
        with self._database.reading("reading a person") as connection:
            row = connection.execute(sa.select(*_PERSON).where(person.c.name == name)).mappings().first()
        if row is None:
            raise Missing(f"person {name!r}: there is none, expected one of `tradewinds user list`")
        return Person(**row)

    def add(self, name: str, role: Role, password_hash: str | None, at_ns: int) -> Person:
        """A new person; raises Rejected where the name is taken."""
        row = {"name": name, "role": role, "password_hash": password_hash, "is_active": True, "created_ns": at_ns, "changed_ns": at_ns}
        with self._database.writing("adding a person") as connection:
            if add_new(connection, person, [row], ["name"]) == 0:
                raise Rejected(f"person {name!r}: there is one already, expected another name")
        return Person(name, role, True, at_ns, at_ns)

    def add_first(self, name: str, role: Role, password_hash: str, at_ns: int) -> bool:
        """Add a person where there is nobody at all; False where somebody is. Of several processes one does it."""
        row = {"name": name, "role": role, "password_hash": password_hash, "is_active": True, "created_ns": at_ns, "changed_ns": at_ns}
        with self._database.writing("adding the first person") as connection:
            if connection.execute(sa.select(sa.func.count()).select_from(person)).scalar():
                return False
            return add_new(connection, person, [row], ["name"]) == 1

    def change(
        self, name: str, at_ns: int, *, role: Role | None = None, password_hash: str | None = None, is_active: bool | None = None
    ) -> Person:
        """Change what is given. Their tokens and sessions end with the change, so that nobody goes on with what they had.

        Raises Missing for nobody, Rejected where no active admin would be left.
        """
        given = {"role": role, "password_hash": password_hash, "is_active": is_active}
        values = {key: value for key, value in given.items() if value is not None}
        with self._database.writing("changing a person") as connection:
            admins = sa.select(person.c.name).where(person.c.role == "admin", person.c.is_active.is_(True))
            before = set(connection.execute(admins).scalars())
            if connection.execute(sa.update(person).where(person.c.name == name).values(changed_ns=at_ns, **values)).rowcount == 0:
                raise Missing(f"person {name!r}: there is none, expected one of `tradewinds user list`")
            if before and not connection.execute(admins).scalars().first():
                raise Rejected(f"person {name!r}: the last active admin, expected another one before")
            ended = sa.update(person_access).where(person_access.c.person == name, person_access.c.revoked_ns.is_(None))
            connection.execute(ended.values(revoked_ns=at_ns))
        return self.person(name)

    def password_hash(self, name: str) -> str | None:
        """How the password of an active person is kept; None for nobody, for one who is not active, and for one without."""
        query = sa.select(person.c.password_hash).where(person.c.name == name, person.c.is_active.is_(True))
        with self._database.reading("reading a password") as connection:
            found: str | None = connection.execute(query).scalar()
            return found

    # Tokens and sessions

    def add_access(self, access: Access, fingerprint: str) -> Access:
        """Keep a token or session by the SHA-256 of what is shown. Raises Missing where the person is not there or not active."""
        if not self.person(access.person).is_active:
            raise Missing(f"person {access.person!r}: not active, expected one who is")
        with self._database.writing("adding a token") as connection:
            row = {**row_of(access, _ACCESS), "scopes": None if access.scopes is None else list(access.scopes), "fingerprint": fingerprint}
            connection.execute(sa.insert(person_access).values(row))
        return access

    def access(self, fingerprint: str) -> tuple[Access, Person] | None:
        """What was shown and whose it is, valid or not; None for what nobody was given."""
        query = sa.select(*_ACCESS, *(column.label(f"of_{column.name}") for column in _PERSON))
        query = query.join(person, person.c.name == person_access.c.person).where(person_access.c.fingerprint == fingerprint)
        with self._database.reading("reading a token") as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        return _access(row), Person(**{column.name: row[f"of_{column.name}"] for column in _PERSON})

    def accesses(self, *, of_person: str | None = None, kind: AccessKind | None = None) -> list[Access]:
        """Tokens and sessions, newest first."""
        terms = [column == value for column, value in ((person_access.c.person, of_person), (person_access.c.kind, kind)) if value]
        query = sa.select(*_ACCESS).where(*terms).order_by(person_access.c.created_ns.desc(), person_access.c.id)
        with self._database.reading("listing tokens") as connection:
            return [_access(row) for row in connection.execute(query).mappings()]

    def revoke(self, number: str, at_ns: int, *, of_person: str | None = None) -> Access:
        """End a token or session; again changes nothing. Raises Missing where the person (None: anybody) has none of that id."""
        terms = [person_access.c.id == number, *([person_access.c.person == of_person] if of_person else [])]
        with self._database.writing("revoking a token") as connection:
            connection.execute(sa.update(person_access).where(*terms, person_access.c.revoked_ns.is_(None)).values(revoked_ns=at_ns))
            row = connection.execute(sa.select(*_ACCESS).where(*terms)).mappings().first()
        if row is None:
            raise Missing(f"token {number!r}: there is none, expected the id of one of yours")
        return _access(row)

    def used(self, numbers: Sequence[str], at_ns: int) -> None:
        """Note when tokens were last used."""
        with self._database.writing("noting the use of tokens") as connection:
            connection.execute(sa.update(person_access).where(person_access.c.id.in_(numbers)).values(used_ns=at_ns))

    # Wrong passwords

    def wrong(self, subject: str) -> Wrong:
        """Wrong passwords in a row of a subject."""
        with self._database.reading("reading a lock-out") as connection:
            row = connection.execute(sa.select(*_WRONG).where(person_lockout.c.subject == subject)).mappings().first()
        return Wrong(subject) if row is None else Wrong(**row)

    def once_more_wrong(self, subject: str, at_ns: int) -> Wrong:
        """Count another one."""
        with self._database.writing("counting a wrong password") as connection:
            add_new(connection, person_lockout, [row_of(Wrong(subject), _WRONG)], ["subject"])
            query = sa.select(*_WRONG).where(person_lockout.c.subject == subject).with_for_update()
            row = connection.execute(query).mappings().first()
            counted = (Wrong(subject) if row is None else Wrong(**row)).once_more(at_ns)
            upsert(connection, person_lockout, [row_of(counted, _WRONG)])
        return counted

    def forget_wrong(self, subject: str) -> None:
        """After a right one, and where an admin unlocks."""
        with self._database.writing("ending a lock-out") as connection:
            connection.execute(sa.delete(person_lockout).where(person_lockout.c.subject == subject))


def _access(row: sa.RowMapping) -> Access:
    values = {column.name: row[column.name] for column in _ACCESS}
    return Access(**{**values, "scopes": None if values["scopes"] is None else tuple(values["scopes"])})
