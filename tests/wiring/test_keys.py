"""Keys come from the environment, from files or from Airflow, apart for trading and guard, and do not show themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.wire.secret import Secret
from tradewinds.wiring.keys import Keys, keys_of


def test_keys_come_from_the_environment_and_from_files(tmp_path: Path) -> None:
    place = tmp_path / "secret"
    place.write_text("s3cret\n")

    found = keys_of("main", environment={"TRADEWINDS_ACCOUNTS__MAIN__KEY": "k3y", "TRADEWINDS_ACCOUNTS__MAIN__SECRET_FILE": str(place)})

    assert found == Keys(Secret("k3y"), Secret("s3cret"))
    assert "s3cret" not in repr(found)
    assert found.redact("key=k3y&sign=s3cret") == "key=***&sign=***"


def test_the_guard_has_keys_of_its_own() -> None:
    given = {"TRADEWINDS_ACCOUNTS__MAIN__KEY": "trading", "TRADEWINDS_GUARD__MAIN__KEY": "guard"}

    assert keys_of("main", "guard", environment=given).key == Secret("guard")
    assert keys_of("main", environment=given).key == Secret("trading")
    assert not keys_of("other", environment=given)


def test_an_airflow_connection_is_asked_only_where_the_environment_has_none() -> None:
    asked = []

    def look_up(name: str) -> tuple[str | None, str | None]:
        asked.append(name)
        return "login", "password"

    own = keys_of("main", environment={"TRADEWINDS_ACCOUNTS__MAIN__KEY": "k"}, connection="binance_main", look_up=look_up)
    theirs = keys_of("main", environment={}, connection="binance_main", look_up=look_up)

    assert own.key == Secret("k")
    assert theirs == Keys(Secret("login"), Secret("password"))
    assert asked == ["binance_main"]


def test_a_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(Rejected, match="TRADEWINDS_ACCOUNTS__MAIN__KEY_FILE names /nowhere/at/all"):
        keys_of("main", environment={"TRADEWINDS_ACCOUNTS__MAIN__KEY_FILE": "/nowhere/at/all"})
