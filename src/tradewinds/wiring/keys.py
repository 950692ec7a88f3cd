"""Keys of accounts, apart for trading and for the guard; a vendor's (data) are `settings.secret_of`.

1. `TRADEWINDS_ACCOUNTS__<NAME>__KEY`, `__SECRET` and `__PASSWORD` (where an exchange wants one), or `..._FILE` naming a file.
2. `TRADEWINDS_GUARD__<NAME>__KEY` and so on: the guard's own, which need only the right to cancel and reduce.
3. Where the environment holds none and the account names an Airflow `connection`, that one's login and password.

What comes out is `Secret` alone; the text leaves only on the wire.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Literal

from tradewinds.core.errors import Rejected
from tradewinds.wire.secret import Secret
from tradewinds.wiring.settings import PREFIX, value_of

Scope = Literal["accounts", "guard"]
Connection = Callable[[str], tuple[str | None, str | None]]  # connection id -> (login, password)


@dataclass(frozen=True, slots=True)
class Keys:
    """What a broker asks of who signs in. None where it wants no such thing."""

    key: Secret | None = None
    secret: Secret | None = None
    password: Secret | None = None

    def __bool__(self) -> bool:
        return any(one is not None for one in (self.key, self.secret, self.password))

    def redact(self, message: str) -> str:
        """`message` with every one of them hidden."""
        for one in (self.key, self.secret, self.password):
            message = message if one is None else one.redact(message)
        return message


def keys_of(
    account: str,
    scope: Scope = "accounts",
    *,
    environment: Mapping[str, str] | None = None,
    connection: str | None = None,
    look_up: Connection | None = None,
) -> Keys:
    """The keys of an account. connection: the Airflow connection that is asked where the environment has none.

    Raises Rejected where a file cannot be read, or a connection is named and Airflow is absent or does not know it.
    """
    env = os.environ if environment is None else environment
    found = Keys(*(_secret(f"{PREFIX}{scope.upper()}__{account.upper()}__{part}", env) for part in ("KEY", "SECRET", "PASSWORD")))
    if found or connection is None:
        return found
    login, password = (look_up or _airflow)(connection)
    return Keys(None if not login else Secret(login), None if not password else Secret(password))


def _secret(name: str, env: Mapping[str, str]) -> Secret | None:
    text = value_of(name, env)
    return Secret(text) if text else None


def _airflow(connection: str) -> tuple[str | None, str | None]:
    if find_spec("airflow") is None:
        raise Rejected(f"account's connection {connection!r}: Airflow is not installed, expected it, or the keys in the environment")
    # By name: no room but `airflow` imports Airflow, and only who names a connection pays for it.
    hook, failure = import_module("airflow.sdk").BaseHook, import_module("airflow.exceptions").AirflowException
    try:
        found = hook.get_connection(connection)
    except failure as error:  # its text may hold the address, with a password
        raise Rejected(f"account's connection {connection!r}: {type(error).__name__}, expected a connection that Airflow knows") from None
    return found.login, found.password
