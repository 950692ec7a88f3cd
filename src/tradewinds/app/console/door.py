"""Who stands before a page. The console keeps a session's token in a cookie and asks the door each time whom it belongs to."""

from __future__ import annotations

from typing import Protocol

from tradewinds.people.token import Principal

COOKIE = "tradewinds_session"


class Door(Protocol):
    """Lets people in and knows them again."""

    def enter(self, name: str, password: str, *, address: str) -> str:
        """The token of a new session; raises Rejected where name and password do not fit or too many tries were made."""
        ...

    def visitor(self, token: str, *, address: str = "") -> Principal | None:
        """Whose session it is; None where it ended or never was."""
        ...

    def leave(self, token: str) -> None:
        """End a session; one that is unknown is ended already."""
        ...
