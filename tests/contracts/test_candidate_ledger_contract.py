"""What rows that wait for a person promise, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tradewinds.core.candidate import Candidate, CandidateAnswer, ConditionAlert
from tradewinds.core.errors import Missing, Rejected
from tradewinds.stores.ledger import Ledger

FOUND_NS, EXPIRES_NS = 1_800_000_000_000_000_000, 1_800_000_900_000_000_000
CHEAP = Candidate("us", "cheap", "2024-01-31", "AAA.XNAS", FOUND_NS, EXPIRES_NS, 2.5, {"rsi(14)": 28.0, "close": None})
OTHER = replace(CHEAP, instrument="BBB.XNAS", score=3.5)


def test_a_candidate_is_found_once_and_comes_back_as_it_was(ledger: Ledger) -> None:
    first = ledger.candidates.add([CHEAP, OTHER])
    again = ledger.candidates.add([replace(CHEAP, found_ns=FOUND_NS + 1), OTHER])

    assert first == [CHEAP, OTHER]
    assert again == []
    assert ledger.candidates.candidates() == [OTHER, CHEAP]  # by score, highest first
    assert ledger.candidates.candidate(CHEAP.id[:6]) == CHEAP


def test_the_same_answer_twice_is_fine_and_another_is_refused_with_the_reason(ledger: Ledger) -> None:
    ledger.candidates.add([CHEAP])

    approved = ledger.candidates.answer(CHEAP.id, "approved", by="ada", at_ns=FOUND_NS + 5, face="console", note="cheap indeed")
    again = ledger.candidates.answer(CHEAP.id, "approved", by="bob", at_ns=FOUND_NS + 6, face="airflow")

    assert (approved.state, approved.answered_by, approved.answered_ns, approved.note) == ("approved", "ada", FOUND_NS + 5, "cheap indeed")
    assert again == approved
    with pytest.raises(Rejected, match=f"candidate {CHEAP.id} AAA.XNAS: approved by ada at 2027-01-15"):
        ledger.candidates.answer(CHEAP.id, "denied", by="bob", at_ns=FOUND_NS + 7)
    assert ledger.candidates.history(CHEAP.id) == [
        CandidateAnswer(CHEAP.id, "approved", FOUND_NS + 5, "ada", "console", "cheap indeed"),
        CandidateAnswer(CHEAP.id, "approved", FOUND_NS + 6, "bob", "airflow", None),
    ]


def test_what_nobody_answers_in_time_expires_and_cannot_be_answered_any_more(ledger: Ledger) -> None:
    ledger.candidates.add([CHEAP, OTHER])
    ledger.candidates.answer(OTHER.id, "denied", by="ada", at_ns=FOUND_NS)

    with pytest.raises(Rejected, match="expired at 2027-01-15T08:15:00Z"):
        ledger.candidates.answer(CHEAP.id, "approved", by="ada", at_ns=EXPIRES_NS)
    assert ledger.candidates.expire(EXPIRES_NS - 1) == 0
    assert ledger.candidates.expire(EXPIRES_NS) == 1
    assert ledger.candidates.expire(EXPIRES_NS) == 0

    assert [one.state for one in ledger.candidates.candidates()] == ["denied", "expired"]
    with pytest.raises(Rejected, match="expired by tradewinds"):
        ledger.candidates.answer(CHEAP.id, "approved", by="ada", at_ns=EXPIRES_NS + 1)


@pytest.mark.parametrize(("answer", "by", "why"), [("approved", " ", "by nobody"), ("perhaps", "ada", "expected one of approved, denied")])
def test_an_answer_has_a_person_and_is_yes_or_no(ledger: Ledger, answer: str, by: str, why: str) -> None:
    ledger.candidates.add([CHEAP])

    with pytest.raises(Rejected, match=why):
        ledger.candidates.answer(CHEAP.id, answer, by=by, at_ns=FOUND_NS)  # type: ignore[arg-type]  # what is refused


def test_a_candidate_that_is_not_there_is_missing(ledger: Ledger) -> None:
    for number in ("abc", "", "%"):
        with pytest.raises(Missing, match="there is none"):
            ledger.candidates.candidate(number)


def test_an_alert_is_written_once_for_each_bar(ledger: Ledger) -> None:
    alert = ConditionAlert("r1", "AAA.XNAS", "price above 250", "1d", FOUND_NS, FOUND_NS + 9, {"price": 251.0}, "sell some?")
    later = replace(alert, event_ns=FOUND_NS + 1, raised_ns=FOUND_NS + 10)

    assert ledger.alerts.add([alert]) == [alert]
    assert ledger.alerts.add([replace(alert, raised_ns=FOUND_NS + 11), later]) == [later]
    assert ledger.alerts.alerts() == [later, alert]
    assert ledger.alerts.alerts(instrument="BBB.XNAS") == []
