"""A month out of a journal: opening balances and what was booked make the closing ones, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.report.statement_page import statement_csv, statement_html
from tradewinds.trading.account_statement import statement_of
from tradewinds.trading.books import Books

DAY_NS = 86_400_000_000_000
START_NS = 1_800_000_000_000_000_000  # when the bench begins, 2027-01-15T08:00:00Z


def traded(bench: Any) -> Any:
    """2 bought for 100 on the first day; on the second 1 of them sold for 110 and 3 of another bought for 7, 0.5 paid for each fill."""
    it = bench()
    it.hear(it.fill(it.working("2"), "2", "100", commission=Decimal("0.5")))
    it.now_ns += DAY_NS
    it.hear(it.fill(it.working("1", side="sell"), "1", "110", commission=Decimal("0.5")))
    it.hear(it.fill(it.working("3", name="XYZ.LOCAL"), "3", "7", commission=Decimal("0.5")))
    return it


def test_the_second_day_opens_with_what_the_first_one_left(bench: Any) -> None:
    it = traded(bench)

    one = statement_of(it.entries, Books("main"), START_NS + DAY_NS, START_NS + 2 * DAY_NS)

    assert [(each.instrument, each.quantity, each.average_price) for each in one.held_before] == [("ABC.LOCAL", Decimal(2), Decimal(100))]
    assert [(each.instrument, each.quantity, each.cost) for each in one.held_after] == [
        ("ABC.LOCAL", Decimal(1), Decimal(100)),
        ("XYZ.LOCAL", Decimal(3), Decimal(21)),
    ]
    assert (one.cash_before, one.cash_after) == ({"USD": Decimal("-200.5")}, {"USD": Decimal("-112.5")})
    assert (one.traded, one.commissions, one.realised) == ({"USD": Decimal(89)}, {"USD": Decimal(1)}, {"USD": Decimal(10)})
    assert one.cash_before["USD"] + one.traded["USD"] - one.commissions["USD"] == one.cash_after["USD"]


def test_spans_that_follow_each_other_leave_nothing_out_and_count_nothing_twice(bench: Any) -> None:
    it = traded(bench)

    first = statement_of(it.entries, Books("main"), START_NS, START_NS + DAY_NS)
    second = statement_of(it.entries, Books("main"), START_NS + DAY_NS, START_NS + 2 * DAY_NS)
    both = statement_of(it.entries, Books("main"), START_NS, START_NS + 2 * DAY_NS)

    assert first.cash_after == second.cash_before
    assert first.held_after == second.held_before
    assert first.fills + second.fills == both.fills
    assert first.gains + second.gains == both.gains
    assert first.entries + second.entries == both.entries == len(it.entries)


def test_a_span_without_an_entry_ends_as_it_began(bench: Any) -> None:
    it = traded(bench)

    later = statement_of(it.entries, Books("main"), START_NS + 5 * DAY_NS, START_NS + 6 * DAY_NS)
    earlier = statement_of(it.entries, Books("main"), START_NS - 2 * DAY_NS, START_NS - DAY_NS)

    assert later.cash_before == later.cash_after == {"USD": Decimal("-112.5")}
    assert (later.entries, later.fills, later.gains) == (0, (), ())
    assert (earlier.cash_after, earlier.held_after, earlier.entries) == ({}, (), 0)


def test_a_span_that_is_none_is_refused() -> None:
    with pytest.raises(Rejected, match=r"statement of main: from 5 to 5, expected an end after the start"):
        statement_of([], Books("main"), 5, 5)


def test_the_csv_has_a_line_for_each_thing_and_the_page_the_same_sums(bench: Any) -> None:
    one = statement_of(traded(bench).entries, Books("main"), START_NS + DAY_NS, START_NS + 2 * DAY_NS)

    lines = [line.split(",") for line in statement_csv(one).splitlines()]
    page = statement_html(one, "Statement of <main>")

    assert [line[1] for line in lines[1:]] == [
        "opening cash", "opening position", "fill", "fill", "gain", "closing cash", "closing position", "closing position",
    ]  # fmt: skip
    assert lines[3][:10] == ["main", "fill", lines[3][2], "ABC.LOCAL", "sell", "1", "110", "110", "USD", "0.5"]
    assert lines[5][3:9] == ["ABC.LOCAL", "", "1", "", "10", "USD"]
    assert "Statement of &lt;main&gt;" in page
    assert '<td class="n">-112.5</td>' in page


def test_the_page_shows_amounts_to_eight_decimals_and_the_csv_all_of_them(bench: Any) -> None:
    it = bench()
    it.hear(it.fill(it.working("1"), "1", "100", commission=Decimal("0.10200000000000001")))

    one = statement_of(it.entries, Books("main"), START_NS, START_NS + DAY_NS)

    assert "0.10200000000000001" in statement_csv(one)
    assert '<td class="n">0.102</td>' in statement_html(one, "Statement")
    assert '<td class="n">-100.102</td>' in statement_html(one, "Statement")
