"""What every ledger does for people, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading

import pytest

from tradewinds.core.errors import Missing, Rejected, Transient
from tradewinds.core.instant import NS_PER_SECOND
from tradewinds.people.audit import AuditRow
from tradewinds.people.four_eyes import Request
from tradewinds.people.token import Access, Principal
from tradewinds.stores.ledger import Ledger
from tradewinds.stores.ledger_acts import GIVEN_UP_S, Answered

REQUEST = Request("r1", "limit", {"value": "5"}, "do:limits", "ada", 10, 1_000, "more")


def test_a_person_stands_there_once_and_the_first_one_only_where_nobody_is(ledger: Ledger) -> None:
    assert ledger.people.add_first("admin", "admin", "hash", 1)
    assert not ledger.people.add_first("other", "admin", "hash", 1)
    with pytest.raises(Rejected, match="person 'admin': there is one already"):
        ledger.people.add("admin", "viewer", None, 2)
    assert [(one.name, one.role) for one in ledger.people.people()] == [("admin", "admin")]
    with pytest.raises(Missing, match="person 'nobody': there is none"):
        ledger.people.person("nobody")


def test_a_token_is_found_by_its_fingerprint_and_ends_with_a_change_of_its_person(ledger: Ledger) -> None:
    ledger.people.add("root", "admin", None, 1)
    ledger.people.add("ada", "trader", None, 1)
    ledger.people.add_access(Access("a" * 12, "token", "ada", "notebook", ("read:market",), 1, 100), "f1")

    found = ledger.people.access("f1")
    ledger.people.change("ada", 50, role="viewer")
    after = ledger.people.access("f1")

    assert found is not None
    assert (found[0].scopes, found[1].role, found[0].is_valid(99)) == (("read:market",), "trader", True)
    assert after is not None
    assert (after[0].revoked_ns, after[1].role) == (50, "viewer")
    assert ledger.people.access("f2") is None
    with pytest.raises(Rejected, match="the last active admin"):
        ledger.people.change("root", 60, role="viewer")
    assert ledger.people.person("root").role == "admin"


def test_wrong_passwords_that_come_at_once_are_all_counted(ledger: Ledger) -> None:
    threads = [threading.Thread(target=ledger.people.once_more_wrong, args=("person:ada", 5)) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert ledger.people.wrong("person:ada").count == 8
    ledger.people.forget_wrong("person:ada")
    assert ledger.people.wrong("person:ada").count == 0


def test_a_key_is_taken_once_answers_the_same_and_is_no_key_for_anything_else(ledger: Ledger) -> None:
    assert ledger.acts.begin("ada", "k1", "d1", 0) is None
    with pytest.raises(Transient, match="is being done"):
        ledger.acts.begin("ada", "k1", "d1", 1)
    ledger.acts.end("ada", "k1", Answered(200, "{}"))

    assert ledger.acts.begin("ada", "k1", "d1", 2) == Answered(200, "{}")
    assert ledger.acts.begin("bob", "k1", "d1", 2) is None
    with pytest.raises(Rejected, match="used for another write before"):
        ledger.acts.begin("ada", "k1", "d2", 2)
    ledger.acts.end("bob", "k1", None)
    assert ledger.acts.begin("bob", "k1", "d3", 3) is None
    with pytest.raises(Rejected, match="perhaps done"):
        ledger.acts.begin("bob", "k1", "d3", GIVEN_UP_S * NS_PER_SECOND + 3)


def test_of_many_who_confirm_at_once_one_does(ledger: Ledger) -> None:
    ledger.acts.ask(REQUEST)
    done: list[str] = []

    def confirm(name: str) -> None:
        try:
            ledger.acts.answer("r1", Principal(name, "risk_officer"), 20, is_given=True)
        except Rejected:
            return
        done.append(name)

    threads = [threading.Thread(target=confirm, args=(f"officer{number}",)) for number in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert len(done) == 1
    assert ledger.acts.request("r1").answered_by == done[0]


def test_the_same_wish_that_waits_already_is_not_asked_twice(ledger: Ledger) -> None:
    from dataclasses import replace

    assert ledger.acts.ask(REQUEST).id == "r1"
    assert ledger.acts.ask(replace(REQUEST, id="r2")).id == "r1"
    assert ledger.acts.ask(replace(REQUEST, id="r3", words={"value": "6"})).id == "r3"
    assert [one.id for one in ledger.acts.requests(20, state="waiting")] == ["r1", "r3"]
    assert [one.id for one in ledger.acts.requests(1_000, state="expired")] == ["r1", "r3"]


def test_the_audit_log_is_read_newest_first_and_page_by_page(ledger: Ledger) -> None:
    for number in range(5):
        ledger.acts.write(AuditRow(number, "ada", "trader", "api", "", "halt", "", "done", words={"n": number}))

    first = ledger.acts.audited(limit=2)
    rest = ledger.acts.audited(before=first[-1].id, limit=10)

    assert [one.at_ns for one in (*first, *rest)] == [4, 3, 2, 1, 0]
    assert rest[0].words == {"n": 2}
