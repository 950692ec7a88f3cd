"""A fill of the guard closes what the books hold, with its share of the commission."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tradewinds.core.account import Fill
from tradewinds.core.order import Side
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Booked

ABC = "ABC.LOCAL"


def fill(number: int, side: Side, quantity: str, price: str = "10", commission: str = "0") -> Fill:
    return Fill(
        str(number), "LOCAL", f"x{number}", ABC, side, Decimal(quantity), Decimal(price), "USD", number, commission=Decimal(commission)
    )


def books_of(*held: tuple[str, Side, str]) -> Books:
    books = Books("main")
    for number, (strategy, side, quantity) in enumerate(held, 1):
        books.apply(number, (Booked(fill(number, side, quantity), strategy),))
    return books


def held(books: Books) -> dict[str, Decimal]:
    return {name: part.quantity(ABC) for name, part in sorted(books.parts.items())}


def test_one_fill_closes_two_books_by_name_and_each_bears_its_part_of_the_commission() -> None:
    books = books_of(("a", "buy", "1"), ("b", "buy", "3"))

    books.apply(9, (Booked(fill(9, "sell", "4", "12", commission="0.4"), "guard"),))

    assert held(books) == {"a": 0, "b": 0}
    assert (books.parts["a"].cash["USD"], books.parts["b"].cash["USD"]) == (Decimal("1.9"), Decimal("5.7"))
    assert [(strategy, gain.amount) for strategy, gain in books.gains] == [("a", Decimal(2)), ("b", Decimal(6))]


def test_a_part_of_a_fill_closes_a_part() -> None:
    books = books_of(("a", "buy", "1"), ("b", "buy", "3"))

    books.apply(9, (Booked(fill(9, "sell", "2"), "guard"),))

    assert held(books) == {"a": 0, "b": 2}


def test_books_that_held_against_each_other_are_closed_at_the_same_price() -> None:
    books = books_of(("a", "buy", "5"), ("b", "sell", "2"))

    books.apply(9, (Booked(fill(9, "sell", "3", "11"), "guard"),))

    assert held(books) == {"a": 0, "b": 0}
    assert (books.parts["a"].cash["USD"], books.parts["b"].cash["USD"]) == (Decimal(5), Decimal(-2))


def test_what_nobody_held_stays_with_the_guard() -> None:
    books = books_of(("a", "buy", "1"))

    books.apply(9, (Booked(fill(9, "sell", "3"), "guard"),))

    assert held(books) == {"a": 0, "guard": -2}


SIZES = st.decimals(min_value="0.001", max_value="1000", places=3)


@given(
    st.lists(st.tuples(st.sampled_from(["", "a", "b", "c"]), st.sampled_from(["buy", "sell"]), SIZES), max_size=6),
    st.sampled_from(["buy", "sell"]), SIZES, st.decimals(min_value=0, max_value=5, places=4),
)  # fmt: skip
def test_the_books_always_add_up_to_the_account(before: list[tuple[str, Side, Decimal]], side: Side, size: Decimal, fee: Decimal) -> None:
    books = books_of(*((name, one, str(quantity)) for name, one, quantity in before))

    books.apply(99, (Booked(fill(99, side, str(size), "7.77", str(fee)), "guard"),))

    assert sum(held(books).values()) == books.whole.quantity(ABC)
    assert sum(part.cash.get("USD", Decimal(0)) for part in books.parts.values()) == books.whole.cash.get("USD", Decimal(0))
    if books.whole.quantity(ABC) == 0:
        assert set(held(books).values()) <= {0}
