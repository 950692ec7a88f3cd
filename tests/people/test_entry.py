"""Tokens, passwords, lock-outs, and what the audit log keeps of words."""

from __future__ import annotations

import hashlib

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_SECOND
from tradewinds.people.audit import audited
from tradewinds.people.lockout import Wrong
from tradewinds.people.password import check, hashed, is_right
from tradewinds.people.token import Access, csrf_of, fingerprint, id_of, token_of

TOKEN = token_of(bytes(6), b"\x01" * 32)


def test_a_token_carries_its_id_and_is_kept_as_its_hash() -> None:
    assert TOKEN == "tw_000000000000_" + "01" * 32
    assert id_of(TOKEN) == "000000000000"
    assert fingerprint(TOKEN) == hashlib.sha256(TOKEN.encode()).hexdigest()
    assert id_of(TOKEN + "0") is None
    assert id_of(TOKEN.upper()) is None


def test_the_csrf_secret_belongs_to_one_session_and_does_not_give_it_away() -> None:
    other = token_of(bytes(6), b"\x02" * 32)

    assert csrf_of(TOKEN) != csrf_of(other)
    assert "01" * 32 not in csrf_of(TOKEN)


def test_an_access_is_valid_until_it_expires_or_is_revoked() -> None:
    access = Access("a" * 12, "token", "ada", "notebook", ("read:market",), 0, 100)

    assert access.is_valid(99)
    assert not access.is_valid(100)
    with pytest.raises(Rejected, match="scope 'do:everything'"):
        Access("a" * 12, "token", "ada", "notebook", ("do:everything",), 0, 100)  # type: ignore[arg-type]


def test_a_password_is_kept_by_argon2id_with_its_salt() -> None:
    kept = hashed("correct horse battery", bytes(16))

    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert kept != hashed("correct horse battery", b"\x01" * 16)
    assert is_right(kept, "correct horse battery")
    assert not is_right(kept, "correct horse batterx")
    assert not is_right(None, "correct horse battery")
    assert not is_right("no hash", "correct horse battery")


@pytest.mark.parametrize("password", ["eleven char", "x" * 257, "passwordada12", "abababababab", "qwerty123456"])
def test_a_password_that_is_easily_guessed_is_refused_and_not_repeated(password: str) -> None:
    with pytest.raises(Rejected) as error:
        check(password, "ada")
    assert password not in str(error.value)


def test_waits_double_from_the_fifth_wrong_password_to_an_hour_and_are_forgotten_after_a_day() -> None:
    wrong, waits = Wrong("person:ada"), []
    for _ in range(14):
        wrong = wrong.once_more(0)
        waits.append(wrong.locked_until_ns // NS_PER_SECOND)

    assert waits == [0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert wrong.once_more(NS_PER_DAY + 1).count == 1
    assert not wrong.is_locked(wrong.locked_until_ns)


def test_an_address_has_more_tries_than_a_person() -> None:
    wrong = Wrong("address:10.0.0.1", 18, 0)

    assert wrong.once_more(0).locked_until_ns == 0
    assert wrong.once_more(0).once_more(0).locked_until_ns == 30 * NS_PER_SECOND


def test_the_audit_log_keeps_words_without_secrets_and_without_end() -> None:
    kept = audited({"name": "ada", "password": "secret words", "nested": {"api_key": "k"}, "note": "x" * 600, "none": None, "n": 3})

    assert kept == {"name": "ada", "password": "***", "nested": {"api_key": "***"}, "note": "x" * 500, "n": 3}
