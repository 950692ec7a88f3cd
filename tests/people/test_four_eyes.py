"""What takes two people: which changes of a limit let more happen, and who may be the second."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.people.four_eyes import Request, check_second, is_raised
from tradewinds.people.token import Principal
from tradewinds.risk.bounds import NAMES

REQUEST = Request("r1", "limit", {}, "do:limits", "ada", 0, 1_000, "more")


@pytest.mark.parametrize(
    ("limit", "before", "after", "raised"),
    [
        ("notional_max", Decimal(100), Decimal(200), True),
        ("notional_max", Decimal(200), Decimal(100), False),
        ("notional_max", Decimal(100), Decimal("100.0"), False),
        ("notional_max", None, Decimal(100), False),  # a limit where there was none
        ("notional_max", Decimal(100), None, True),
        ("approval_above", Decimal(100), Decimal(50), False),  # more orders wait for a person
        ("is_long_only", True, False, True),
        ("is_long_only", False, True, False),
        ("restricted", frozenset({"A.B"}), frozenset(), True),
        ("restricted", frozenset({"A.B"}), frozenset({"A.B", "C.D"}), False),
        ("cooldown_s", Decimal(3600), Decimal(60), True),
        ("cooldown_s", Decimal(60), Decimal(3600), False),
        ("messages_window_s", Decimal(1), Decimal(2), True),  # either side may be the looser one
        ("cooldown_losses", 3, 5, True),
    ],
)
def test_what_lets_more_happen_counts_as_raised(limit: str, before: object, after: object, raised: bool) -> None:
    assert is_raised(limit, before, after) is raised


@pytest.mark.parametrize("limit", NAMES)
def test_taking_any_limit_away_is_never_a_lowering(limit: str) -> None:
    value: object = True if limit.startswith(("is_", "does_")) else frozenset({"A.B"}) if limit == "restricted" else Decimal(5)
    gone: object = False if value is True else frozenset() if limit == "restricted" else None

    assert is_raised(limit, value, gone)


def test_the_same_person_never_confirms_and_may_take_back() -> None:
    with pytest.raises(Rejected, match="expected two different persons"):
        check_second(REQUEST, Principal("ada", "admin"), 10, is_given=True)
    check_second(REQUEST, Principal("ada", "admin"), 10, is_given=False)


def test_the_second_person_needs_the_permission_and_comes_in_time() -> None:
    check_second(REQUEST, Principal("bob", "risk_officer"), 999, is_given=True)
    with pytest.raises(Rejected, match="bob is trader, expected somebody who has do:limits"):
        check_second(REQUEST, Principal("bob", "trader"), 999, is_given=True)
    with pytest.raises(Rejected, match=r"expired at 1970-01-01T00:00:00\.000001Z, expected one that waits"):
        check_second(REQUEST, Principal("bob", "risk_officer"), 1_000, is_given=True)
