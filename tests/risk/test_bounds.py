"""Limits read from YAML."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.risk.bounds import Limits, limits_from, limits_to

GIVEN = {"notional_max": 100000, "collar": 0.05, "restricted": ["A.X"], "is_long_only": True, "messages_max": 10, "position_max": "0.1"}


def test_limits_are_read_as_they_are_written_and_back() -> None:
    found = limits_from(GIVEN, "trend.yaml limits")

    assert found == Limits(
        notional_max=Decimal(100_000), collar=Decimal("0.05"), restricted=frozenset({"A.X"}), is_long_only=True, messages_max=10,
        position_max=Decimal("0.1"),
    )  # fmt: skip
    assert limits_from(limits_to(found), "again") == found
    assert limits_to(Limits()) == {}
    assert Limits().is_empty


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"notional": 1}, "trend.yaml limits: unknown key 'notional', expected one of quantity_max, "),
        ({"notional_max": True}, "notional_max True, expected a number"),
        ({"notional_max": float("nan")}, "expected a finite number"),
        ({"notional_max": [1]}, "expected a number"),
        ({"cooldown_losses": 0}, "expected more than zero"),
        ({"drawdown_max": 20}, "expected a fraction from 0 to 1"),
        ({"restricted": [1]}, "expected a list of instruments"),
        ([], "expected limits by name"),
    ],
)
def test_what_is_wrong_is_named(given: object, why: str) -> None:
    with pytest.raises(Rejected) as raised:
        limits_from(given, "trend.yaml limits")  # type: ignore[arg-type]  # what a person may write

    assert why in str(raised.value)
    assert str(raised.value).startswith("trend.yaml limits")
