"""A lease has one holder, and the second is told who it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.live.lease import Leases

Holder = Callable[..., Leases]


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Holder]:
    """Makes holders of leases in one folder; all are given back at the end."""
    made: list[Leases] = []

    def make(pid: int, **more: object) -> Leases:
        made.append(Leases(tmp_path / "leases", {"pid": pid, **more}))
        return made[-1]

    yield make
    for one in made:
        one.release()


def test_the_second_holder_of_a_strategy_is_refused_and_told_who_holds_it(holder: Holder) -> None:
    first, second = holder(4711, since="2026-11-20T10:00:00Z"), holder(4712)
    first.take("strategy", ["trend", "pairs"])

    with pytest.raises(Rejected, match="strategy trend: process 4711, since 2026-11-20T10:00:00Z trades it already"):
        second.take("strategy", ["trend"])


def test_who_is_refused_one_holds_none_of_the_others(holder: Holder) -> None:
    first, second, third = holder(1), holder(2), holder(3)
    first.take("strategy", ["pairs"])
    with pytest.raises(Rejected):
        second.take("strategy", ["another", "pairs"])

    third.take("strategy", ["another"])


def test_a_lease_given_back_can_be_taken(holder: Holder) -> None:
    first, second = holder(1), holder(2)
    first.take("account", ["main"])
    first.release()

    second.take("account", ["main"])


def test_a_name_never_leaves_the_folder(tmp_path: Path, holder: Holder) -> None:
    holder(1).take("strategy", ["../../etc/passwd"])

    assert [one.name for one in (tmp_path / "leases").iterdir()] == ["strategy-.._.._etc_passwd.lease"]
