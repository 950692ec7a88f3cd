"""Who stands before a page: the session in the browser's cookie, asked of `wiring.desk.sign_in` at each page and before each act."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewinds.people.token import Principal
from tradewinds.wiring.desk import sign_in
from tradewinds.wiring.desk.sign_in import NotSignedIn

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

COOKIE = "tradewinds_session"
FACE = "console"


def enter(house: House, name: str, password: str, *, address: str) -> str:
    """The secret of a new session. Raises NotSignedIn, or Transient while name or address are locked."""
    return sign_in.sign_in(house, name, password, address=address, face=FACE).secret


def visitor(house: House, secret: str, *, address: str = "") -> Principal | None:
    """Whose session it is; None where it ended or never was."""
    try:
        return sign_in.who(house, secret, address=address)[0]
    except NotSignedIn:
        return None


def leave(house: House, secret: str) -> None:
    """End a session; one that is unknown is ended already."""
    who = visitor(house, secret)
    if who is not None:
        sign_in.sign_out(house, who)
