"""What one account has for another: kept until it is journalled there, in order, over everything that the other goes through."""

from __future__ import annotations

from typing import Any

import pytest

from tradewinds.core.errors import Transient
from tradewinds.live.post import AHEAD_MAX, Post
from tradewinds.trading.command import PassCommand
from tradewinds.trading.entry import Elsewhere, Entry, HandOver, Ticked


class Account:
    """Takes what it is given while it is up and has room."""

    def __init__(self) -> None:
        self.is_up = True
        self.room = 1000
        self.got: list[int] = []

    def put(self, given: Any) -> bool:
        if not self.is_up:
            return False
        if self.room == 0:
            raise Transient("account other: 100000 inputs wait, expected fewer")
        self.room -= 1
        self.got.append(given.number)
        return True


class Office:
    def __init__(self) -> None:
        self.home, self.other = Account(), Account()
        self.lost: list[tuple[str, int]] = []
        self.post = Post({"home": self.home.put, "other": self.other.put}, lambda account, given: self.lost.append((account, given.number)))

    def send(self, *numbers: int, account: str = "other") -> None:
        for number in numbers:
            self.post.take(PassCommand(account, HandOver("home", account, number, "both", 1, 2)))

    def journalled(self, *numbers: int) -> None:
        for number in numbers:
            self.post.journalled("other", Entry(1, HandOver("home", "other", number, "both", 1, 2), ()))


@pytest.fixture
def office() -> Office:
    return Office()


def test_words_arrive_in_order_and_are_kept_until_they_are_journalled(office: Office) -> None:
    office.send(5, 6, 7)
    assert office.other.got == [5, 6, 7]
    assert office.post.waiting == {"other": 3}

    office.journalled(5, 6)

    assert office.post.waiting == {"other": 1}


def test_an_account_that_is_not_up_gets_everything_when_it_is(office: Office) -> None:
    office.other.is_up = False
    office.send(5, 6)
    assert office.other.got == []

    office.other.is_up = True
    office.post.is_up("other")

    assert office.other.got == [5, 6]


def test_one_that_was_brought_up_anew_gets_again_what_it_had_not_journalled(office: Office) -> None:
    office.send(5, 6, 7)
    office.journalled(5)

    office.post.is_up("other")

    assert office.other.got == [5, 6, 7, 6, 7]


def test_what_was_journalled_before_is_not_carried_again(office: Office) -> None:
    office.journalled(5, 6)  # its journal is read at the start

    office.send(5, 6, 7)  # its home hands over what it does not know to be there

    assert office.other.got == [7]


def test_the_same_word_from_an_account_that_was_brought_up_anew_is_kept_once(office: Office) -> None:
    office.send(5, 6)
    office.send(5, 6)

    assert office.other.got == [5, 6]


def test_so_many_are_under_way_at_a_time(office: Office) -> None:
    office.send(*range(1, AHEAD_MAX + 3))
    assert len(office.other.got) == AHEAD_MAX

    office.journalled(1)

    assert office.other.got[-1] == AHEAD_MAX + 1


def test_where_too_much_waits_it_is_tried_again_with_the_next_step(office: Office) -> None:
    office.other.room = 0
    office.send(5)
    assert office.other.got == []

    office.other.room = 10
    office.post.journalled("other", Entry(1, Ticked(), ()))

    assert office.other.got == [5]


def test_what_is_for_an_account_that_is_not_here_is_said(office: Office) -> None:
    office.send(5, account="third")

    assert office.lost == [("third", 5)]


def test_orders_one_way_and_news_the_other_do_not_count_as_each_other(office: Office) -> None:
    office.send(5)
    office.post.take(PassCommand("home", Elsewhere("other", 3, 1, ())))
    office.post.take(PassCommand("other", Elsewhere("home", 4, 1, ())))

    assert office.other.got == [5, 4]
    assert office.home.got == [3]
