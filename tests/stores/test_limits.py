"""Limits in the ledger's database, on SQLite and PostgreSQL."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.risk.limits import Limits
from tradewinds.stores.ledger import Ledger
from tradewinds.stores.limits import LimitBook, LimitChange


@pytest.fixture
def book(ledger: Ledger) -> LimitBook:
    return LimitBook(ledger.database)


def _change(limit: str, value: Any, *, at: int = 100, since: int | None = None, strategy: str = "", by: str = "ann") -> LimitChange:
    return LimitChange("main", "strategy" if strategy else "account", strategy, limit, value, at if since is None else since, at, by, "why")


def test_the_change_that_took_effect_last_counts(book: LimitBook) -> None:
    book.change(_change("notional_max", 100_000, at=100))
    book.change(_change("notional_max", "50000.5", at=200, since=300))

    assert book.at("main", 99).over(Limits(), "account") == Limits()
    assert book.at("main", 100).over(Limits(), "account") == Limits(notional_max=Decimal(100_000))
    assert book.at("main", 299).over(Limits(), "account") == Limits(notional_max=Decimal(100_000))
    assert book.at("main", 300).over(Limits(), "account") == Limits(notional_max=Decimal("50000.5"))
    assert book.at("other", 300).by_scope == {}


def test_what_is_kept_takes_the_place_of_what_was_declared_limit_by_limit(book: LimitBook) -> None:
    declared = Limits(notional_max=Decimal(10), quantity_max=Decimal(5), is_long_only=True)
    book.change(_change("notional_max", 20, strategy="trend"))
    book.change(_change("quantity_max", None, strategy="trend"))
    book.change(_change("restricted", ["B.X", "A.X"], strategy="trend"))
    kept = book.at("main", 100)

    assert kept.over(declared, "strategy", "trend") == Limits(
        notional_max=Decimal(20), is_long_only=True, restricted=frozenset({"A.X", "B.X"})
    )
    assert kept.over(declared, "strategy", "other") == declared
    assert kept.names("strategy") == ["trend"]


def test_history_says_who_changed_what_and_forgets_nothing(book: LimitBook) -> None:
    first = book.change(_change("quantity_max", 1))
    second = book.change(_change("quantity_max", None, at=200, by="bob"))
    book.change(_change("collar", 0.05, strategy="trend"))

    assert book.history("main", limit_name="quantity_max") == [second, first]
    assert [(one.changed_by, one.value) for one in book.history("main", name="")] == [("bob", None), ("ann", "1")]
    assert [one.value for one in book.history(limit_name="collar")] == ["0.05"]


def test_a_price_of_many_digits_survives(book: LimitBook) -> None:
    book.change(_change("quantity_max", Decimal("100000.00000812")))

    assert book.at("main", 100).over(Limits(), "account").quantity_max == Decimal("100000.00000812")


@pytest.mark.parametrize(
    ("limit", "value", "why"),
    [
        ("notional", 5, "unknown limit"),
        ("notional_max", "much", "expected a decimal number"),
        ("notional_max", -5, "expected zero or more"),
        ("collar", 5, "expected a fraction"),
        ("messages_max", 1.5, "expected a whole number"),
        ("is_long_only", "yes", "expected true or false"),
        ("restricted", "A.X", "expected a list"),
    ],
)
def test_an_impossible_value_is_refused_and_not_kept(book: LimitBook, limit: str, value: Any, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        book.change(_change(limit, value))

    assert book.history() == []


def test_nobody_changes_the_past_or_without_a_name(book: LimitBook) -> None:
    with pytest.raises(Rejected, match="expected no time before the change itself"):
        _change("quantity_max", 1, at=100, since=99)
    with pytest.raises(Rejected, match="expected who and why"):
        _change("quantity_max", 1, by="")
