"""What each role may do, and how a token narrows it."""

from __future__ import annotations

import itertools

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.people.role import PERMISSIONS, ROLES, granted, is_allowed, lowest_role, role_named
from tradewinds.people.token import Principal


def test_a_role_may_do_what_the_one_below_it_may() -> None:
    for below, above in itertools.pairwise(ROLES):
        assert granted(below) < granted(above)
    assert granted("admin") == set(PERMISSIONS)


@pytest.mark.parametrize(
    ("permission", "role"),
    [("read:trade", "viewer"), ("do:halt", "trader"), ("do:trade", "trader"), ("do:approve", "risk_officer"), ("do:live", "risk_officer"),
     ("do:people", "admin")],
)  # fmt: skip
def test_the_lowest_role_that_may(permission: str, role: str) -> None:
    assert lowest_role(permission) == role  # type: ignore[arg-type]


def test_scopes_narrow_a_role_and_never_widen_it() -> None:
    assert is_allowed("trader", "do:trade", ["do:trade"])
    assert not is_allowed("trader", "do:halt", ["do:trade"])
    assert not is_allowed("viewer", "do:trade", ["do:trade"])
    assert not Principal("ada", "admin", ()).may("read:market")


def test_a_role_is_named_with_either_dash_and_nothing_else_is_one() -> None:
    assert role_named("Risk-Officer") == "risk_officer"
    with pytest.raises(Rejected, match="role 'boss', expected one of viewer, trader, risk_officer, admin"):
        role_named("boss")
