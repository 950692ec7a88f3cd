"""The OWASP API Security Top 10 (2023) as tests, by its numbers, and what else a hostile network tries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tradewinds.app.api.rate import Rates
from tradewinds.core.instant import NS_PER_DAY, NS_PER_SECOND
from tradewinds.people.token import csrf_of
from tradewinds.wiring.desk import sign_in

PASSWORD = "correct horse battery staple"
CANARY = "canary-7f3a9c2b"
LIMIT = {"account": "main", "limit": "notional_max", "value": "1", "reason": "tighter"}


def entered(served: Any, name: str = "ada", password: str = PASSWORD, client: Any = None) -> Any:
    return (client or served.client).post("/api/v1/session", json={"name": name, "password": password})


@pytest.fixture
def ada(served: Any) -> Any:
    """A house in which ada, a risk officer, has a password."""
    sign_in.add_person(served.house, "ada", "risk_officer", PASSWORD)
    return served


# API1: broken object level authorisation


def test_nobody_ends_or_sees_the_tokens_of_somebody_else(served: Any) -> None:
    theirs = served.token("trader", "bob").split("_")[1]

    assert served.tell("/tokens/revoke", {"id": theirs}, role="viewer").status_code == 404
    assert theirs not in served.ask("/tokens", everybody=True).text
    assert served.tell("/tokens/revoke", {"id": theirs}, role="admin").status_code == 200
    assert served.client.get("/api/v1/me", headers=served.as_("trader", "bob")).status_code == 401


# API2: broken authentication


def test_a_session_enters_by_password_and_its_cookie_is_out_of_reach_of_scripts_and_other_sites(ada: Any) -> None:
    answer = entered(ada)

    cookie = answer.headers["set-cookie"].lower()
    assert answer.status_code == 200
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/", "max-age=43200"))
    assert ada.client.get("/api/v1/me").json()["person"] == "ada"


def test_a_wrong_password_and_an_unknown_name_are_told_apart_by_nothing(ada: Any) -> None:
    wrong, unknown = entered(ada, password="not this one at all"), entered(ada, name="nobody")

    assert wrong.status_code == unknown.status_code == 401
    assert {k: v for k, v in wrong.json().items() if k != "request"} == {k: v for k, v in unknown.json().items() if k != "request"}


def test_an_unknown_name_costs_as_much_work_as_a_wrong_password(ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from argon2 import PasswordHasher

    judged: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, kept: str, password: str) -> bool:
        judged.append(kept.split("$")[3])  # the cost of argon2
        return bool(verify(self, kept, password))

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    entered(ada, password="not this one at all")
    entered(ada, name="nobody")

    assert judged == ["m=65536,t=3,p=4"] * 2


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_after_five_wrong_passwords_even_the_right_one_waits(ada: Any, name: str) -> None:
    for _ in range(5):
        assert entered(ada, name=name, password="not this one at all").status_code == 401

    locked = entered(ada, name=name)
    assert (locked.status_code, locked.headers["retry-after"]) == (429, "30")

    ada.clock.at_ns += 31 * NS_PER_SECOND
    assert entered(ada, name=name).status_code == (200 if name == "ada" else 401)


def test_an_address_that_tries_many_names_is_locked_and_others_are_not(ada: Any) -> None:
    for _ in range(19):
        ada.house.ledger.people.once_more_wrong("address:127.0.0.1", ada.clock.at_ns)
    assert entered(ada, name="person20", password="spring 2025 spring").status_code == 401

    elsewhere = ada.client_at("10.0.0.9")
    assert entered(ada).status_code == 429
    assert entered(ada, client=elsewhere).status_code == 200
    elsewhere.close()


@pytest.mark.parametrize("token", ["", "tw_", "tw_0123456789ab_" + "0" * 64, "Bearer", "' OR 1=1 --", "tw_0123456789ab_" + "é" * 64])
def test_a_token_that_was_never_given_opens_nothing(served: Any, token: str) -> None:
    answer = served.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}".encode()})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_an_expired_token_is_refused(served: Any) -> None:
    headers = served.as_("viewer", days=1)
    assert served.client.get("/api/v1/me", headers=headers).status_code == 200

    served.clock.at_ns += NS_PER_DAY
    served.app.state.forget_people()  # what a second does

    assert served.client.get("/api/v1/me", headers=headers).status_code == 401


def test_a_token_that_was_revoked_is_refused_at_once(served: Any) -> None:
    stolen = served.as_("viewer", days=2)
    number = stolen["Authorization"].split("_")[1]
    assert served.client.get("/api/v1/me", headers=stolen).status_code == 200

    served.tell("/tokens/revoke", {"id": number}, role="viewer")

    assert served.client.get("/api/v1/me", headers=stolen).status_code == 401


def test_a_new_password_ends_every_session_and_token(ada: Any) -> None:
    entered(ada)
    csrf = ada.client.get("/api/v1/me").json()["csrf"]
    body = {"old_password": PASSWORD, "new_password": "another horse, another staple"}
    changed = ada.client.post("/api/v1/me/password", json=body, headers={"X-CSRF-Token": csrf, "Idempotency-Key": "1"})

    assert changed.status_code == 200, changed.text
    assert ada.client.get("/api/v1/me").status_code == 401


def test_a_password_that_everybody_guesses_is_refused_without_being_repeated(served: Any) -> None:
    for password in ("short", "password12345", "aaaaaaaaaaaaaaaa"):
        answer = served.tell("/people", {"name": "eve", "role": "viewer", "password": password}, role="admin")
        assert answer.status_code == 422
        assert password not in answer.text


# CSRF


def test_a_session_without_the_csrf_secret_changes_nothing(ada: Any) -> None:
    entered(ada)
    headers = {"Idempotency-Key": "1"}

    for wrong in ({}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": csrf_of("tw_another")}):
        assert ada.client.post("/api/v1/limits", json=LIMIT, headers={**headers, **wrong}).status_code == 403
    right = {"X-CSRF-Token": ada.client.get("/api/v1/me").json()["csrf"]}
    assert ada.client.post("/api/v1/limits", json=LIMIT, headers={**headers, **right}).status_code == 200


def test_a_page_of_another_origin_cannot_write_whatever_it_sends(served: Any) -> None:
    for origin in ("https://evil.example", "null", "http://localhost.evil.example"):
        assert served.tell("/limits", LIMIT, role="risk_officer", headers={"Origin": origin}).status_code == 403
    assert served.tell("/limits", LIMIT, role="risk_officer", headers={"Origin": "http://localhost"}).status_code == 200


# API3: broken object property level authorisation


def test_a_word_that_a_write_does_not_take_is_refused(served: Any) -> None:
    assert served.tell("/limits", {**LIMIT, "changed_by": "somebody else"}, role="risk_officer").status_code == 422
    assert served.tell("/people", {"name": "eve", "role": "viewer", "is_active": True}, role="admin").status_code == 422


def test_what_is_known_of_people_has_no_password_and_no_secret(ada: Any) -> None:
    told = ada.ask("/people", role="admin").text + ada.ask("/tokens", role="admin", everybody=True).text

    assert "argon2" not in told
    assert "fingerprint" not in told
    assert ada.token("admin") not in told


# API4: unrestricted resource consumption


def test_a_huge_body_is_refused_however_it_is_sent(served: Any) -> None:
    headers = {**served.as_("trader"), "Idempotency-Key": "1", "Content-Type": "application/json"}

    async def in_pieces() -> Any:
        for _ in range(300):
            yield b" " * 1_024

    stated = served.client.post("/api/v1/halt", content=b" " * 300_000, headers=headers)
    streamed = served.client.post("/api/v1/halt", content=in_pieces(), headers=headers)

    assert (stated.status_code, streamed.status_code) == (413, 413)


def test_who_asks_too_often_waits_and_others_do_not(served: Any) -> None:
    client = served.client_at("127.0.0.1", rates=Rates(reads_per_s=0.001, reads_burst=5))
    statuses = [client.get("/api/v1/me", headers=served.as_("viewer")).status_code for _ in range(8)]
    refused = client.get("/api/v1/me", headers=served.as_("viewer"))
    other = client.get("/api/v1/me", headers=served.as_("trader"))
    client.close()

    assert statuses == [200] * 5 + [429] * 3
    assert refused.json()["title"] == "Too many requests"
    assert 900 < int(refused.headers["retry-after"]) <= 1_000
    assert other.status_code == 200


@pytest.mark.parametrize("path", ["/orders?limit=100000", "/bars?instrument=A.B&limit=99999999", f"/instruments?words={'x' * 500}"])
def test_nobody_asks_for_more_than_there_is_room_for(served: Any, path: str) -> None:
    assert served.ask(path).status_code == 422


def test_a_deep_expression_is_refused_before_it_is_computed(furnished: Any) -> None:
    deep = "abs(" * 200 + "close" + ")" * 200

    assert furnished.ask("/indicators", instrument="AAPL.XNAS", expression=deep).status_code == 422
    assert furnished.ask("/indicators", instrument="AAPL.XNAS", expression="__import__('os').system('id')").status_code == 422


# API5 is the matrix of test_authorisation.py; API6: sensitive flows


def test_an_admin_neither_raises_a_limit_alone_nor_changes_their_own_role(served: Any) -> None:
    raised = served.tell("/limits", {**LIMIT, "value": "1000000"}, role="admin")
    own = served.tell("/people/admin", {"role": "viewer"}, role="admin")

    assert (raised.status_code, own.status_code) == (202, 422)


def test_the_last_admin_cannot_be_shut_out(served: Any) -> None:
    served.token("admin", "root")
    assert served.tell("/people/root", {"is_active": False}, role="admin").status_code == 200
    assert served.house.ledger.people.person("root").is_active is False

    from tradewinds.core.errors import Rejected

    with pytest.raises(Rejected, match="the last active admin"):
        served.house.ledger.people.change("admin", served.clock.at_ns, is_active=False)


# API7: server side request forgery, and paths


def test_a_file_outside_of_the_workspaces_strategies_cannot_be_named(served: Any) -> None:
    (served.folder / "strategies" / "link.yaml").symlink_to("/etc/hostname")

    for name in ("../tradewinds.yaml", "/etc/passwd", "link.yaml", "http://169.254.169.254/latest", "--help"):
        answer = served.tell("/backtests", {"file": name})
        assert (answer.status_code, "expected one of trend.py, trend.yaml" in answer.text) == (422, True), name


@pytest.mark.parametrize(
    "path", ["/api/v1/../../etc/passwd", "/api/v1/orders/..%2f..%2fetc", "/api/v1/orders/%2e%2e", "/api/v1/orders/a%00b", "/api/v1/a%5cb"]
)
def test_a_path_that_leads_elsewhere_is_refused(served: Any, path: str) -> None:
    import httpx

    url = httpx.URL("http://localhost").copy_with(raw_path=path.encode())

    assert served.client.get(url, headers=served.as_("viewer")).status_code in (400, 404)


# API8: misconfiguration


def test_answers_carry_the_headers_that_keep_browsers_from_guessing(served: Any) -> None:
    headers = served.ask("/me").headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


def test_a_host_that_is_none_of_ours_gets_nothing(served: Any) -> None:
    answer = served.client.get("/api/v1/health", headers={"Host": "rebound.evil.example"})

    assert (answer.status_code, answer.json()["detail"]) == (400, "host: not one of this house")


def test_a_bug_of_ours_tells_strangers_nothing_but_its_number(served: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    from tradewinds.wiring.desk import market

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"/home/ada/{CANARY}")

    monkeypatch.setattr(market, "table_facts", broken)
    answer = served.ask("/tables")

    assert answer.status_code == 500
    assert set(answer.json()) == {"type", "title", "status", "request"}
    assert CANARY not in answer.text
    assert answer.json()["request"] in caplog.text


def test_what_is_not_there_is_a_problem_and_no_page(served: Any) -> None:
    nowhere = served.client.get("/api/v1/nowhere", headers=served.as_("viewer"))
    method = served.client.request("PUT", "/api/v1/orders", headers=served.as_("viewer"))

    assert (nowhere.status_code, method.status_code) == (404, 405)
    assert {nowhere.headers["content-type"], method.headers["content-type"]} == {"application/problem+json"}


# API9: inventory; API10: what others send


def test_every_route_stands_in_the_document_with_its_permission(served: Any) -> None:
    document = served.client.get("/api/v1/openapi.json").json()

    operations = [(path, method, one) for path, methods in document["paths"].items() for method, one in methods.items()]
    assert len(operations) >= 60
    assert all(one["x-permission"] and one["summary"] and one.get("description") for _, _, one in operations)
    written = [one for _, method, one in operations if method == "post" and not one.get("x-keyless")]
    assert all(any(each["name"] == "Idempotency-Key" for each in one["parameters"]) for one in written)


def test_text_of_others_comes_back_as_text(served: Any) -> None:
    evil = "<script>alert(1)</script>\x1b[31m"
    answer = served.ask("/instruments/by-id", id=evil)

    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.content)["status"] == 404


# Secrets


def test_a_planted_secret_is_in_no_answer_no_audit_row_and_no_kept_write(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWINDS_ACCOUNTS__MAIN__SECRET", CANARY)
    made = served.tell("/people", {"name": "eve", "role": "viewer", "password": f"{CANARY} and more words"}, role="admin")
    token = served.tell("/tokens", {"name": "notebook"}, role="viewer", key="t1")
    again = served.tell("/tokens", {"name": "notebook"}, role="viewer", key="t1")

    told = made.text + "".join(
        served.ask(path, role="admin").text for path in ("/accounts", "/status", "/people", "/tokens", "/strategies")
    )
    audited = served.ask("/audit", role="admin").text
    assert CANARY not in told + audited
    assert token.json()["token"] not in audited
    assert again.json()["token"] == "shown once"
    ledger = (served.house.home / "ledger.sqlite").read_bytes() + (served.house.home / "ledger.sqlite-wal").read_bytes()
    assert CANARY.encode() not in ledger
    assert token.json()["token"].encode() not in ledger


def test_a_token_for_a_program_of_somebody_else_is_made_by_an_admin_and_shown_once(served: Any) -> None:
    served.token("viewer", "robot")
    body = {"name": "feed reader", "scopes": ["read:market"], "days": 2}

    assert served.tell("/people/robot/tokens", body, role="risk_officer").status_code == 403
    made = served.tell("/people/robot/tokens", body, role="admin", key="r1")
    again = served.tell("/people/robot/tokens", body, role="admin", key="r1")

    assert (made.status_code, made.json()["person"]) == (201, "robot")
    assert again.json()["token"] == "shown once"
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    assert served.client.get("/api/v1/me", headers=headers).status_code == 403  # do:self is not among its scopes
    assert served.client.get("/api/v1/instruments", headers=headers).status_code == 200
    assert served.tell("/people/nobody/tokens", body, role="admin").status_code == 404
    assert made.json()["token"] not in str(served.house.ledger.acts.audited(act="person.token"))


def test_people_are_listed_with_their_lock_and_what_they_enter_by(ada: Any) -> None:
    for _ in range(5):
        ada.house.ledger.people.once_more_wrong("person:ada", ada.clock.at_ns)

    row = next(one for one in ada.ask("/people", role="admin").json()["people"] if one["name"] == "ada")

    assert (row["role"], row["is_active"], row["locked_until"]) == ("risk_officer", True, "2025-01-01T12:00:30Z")
    ada.tell("/people/ada", {"unlock": True}, role="admin")
    row = next(one for one in ada.ask("/people", role="admin").json()["people"] if one["name"] == "ada")
    assert row["locked_until"] is None
