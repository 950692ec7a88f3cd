"""Stories in the browser: an alert is taken in hand and a route tried by keyboard; people are let in, and a token is shown once."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tradewinds.people.alert import Alert

if TYPE_CHECKING:
    from playwright.sync_api import Page

Enter = Callable[..., "Page"]
DOWN = Alert("critical", "broker", "main", "the connection is down for 12 s", "tradewinds status")
FIRST_PASSWORD = "nobody saw the tide"


@pytest.fixture(scope="module")
def heard(firm: Any) -> Iterator[list[str]]:
    """Messages that came by the route `desk`; its address stands in a file that the firm's environment names."""
    told: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    firm.route_address.write_text(f"json://127.0.0.1:{server.server_port}/s3cret-path\n")
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_alert_is_taken_in_hand_and_its_route_is_tried_by_keyboard_alone(enter: Enter, firm: Any, heard: list[str]) -> None:
    with closing(firm.house()) as house:
        house.ledger.outbox.raise_([DOWN], house.clock.now_ns())
    page = enter("tess")
    page.goto(f"{firm.url}/alerts")
    row = page.get_by_role("table", name="Alerts").get_by_role("row").filter(has_text="the connection is down")
    assert "tradewinds status" in row.inner_text()

    page.get_by_role("button", name="Send a test by desk").focus()
    page.keyboard.press("Enter")
    page.get_by_text("desk took the test message.").wait_for()
    row.get_by_role("button", name="I have it").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Note").fill("looking")
    page.get_by_label("Note").press("Enter")
    page.get_by_text("It is yours; nothing escalates.").wait_for()

    row.wait_for(state="detached")
    page.goto(f"{firm.url}/alerts?state=acknowledged")
    page.get_by_role("link", name="the connection is down for 12 s").click()
    page.get_by_role("table", name="In hand").get_by_text("looking").wait_for()
    assert ["This is a test" in one for one in heard] == [True]
    assert "s3cret" not in page.content()


def test_a_viewer_sees_alerts_and_can_send_no_test(enter: Enter, firm: Any, heard: list[str]) -> None:
    page = enter("vera")
    page.goto(f"{firm.url}/alerts")

    page.get_by_role("table", name="Routes").wait_for()
    assert page.get_by_role("button", name=re.compile("Send a test|I have it")).count() == 0


def test_somebody_is_let_in_gets_another_role_and_is_shut_out(enter: Enter, firm: Any) -> None:
    admin = enter("ada")
    admin.goto(f"{firm.url}/settings/people")
    admin.get_by_label("Name", exact=True).fill("nils")
    admin.get_by_label("Password, none for tokens alone").fill(FIRST_PASSWORD)
    admin.get_by_role("button", name="Let in", exact=True).press("Enter")
    admin.get_by_text("nils may enter as viewer.").wait_for()

    with httpx.Client(base_url=firm.url, trust_env=False) as client:
        form = {"name": "nils", "password": FIRST_PASSWORD, "next": "/"}
        assert client.post("/sign-in", data=form).status_code == 303
        for _ in range(5):
            client.post("/sign-in", data={**form, "password": "not it at all"})
    row = admin.get_by_role("table", name="People").get_by_role("row").filter(has_text="nils")
    row.get_by_text("locked").wait_for()
    admin.get_by_role("button", name="Unlock: nils").press("Enter")
    row.get_by_text("locked").wait_for(state="detached")

    admin.get_by_role("button", name="Role: nils").press("Enter")
    admin.get_by_role("dialog").get_by_label("Role", exact=True).click()
    admin.get_by_role("option", name="trader", exact=True).click()
    admin.locator("#confirm-now").click()
    row.get_by_text("trader").wait_for()
    admin.get_by_role("button", name="Shut out: nils").press("Enter")
    admin.locator("#confirm-now").click()
    row.get_by_text("shut out", exact=True).wait_for()

    assert admin.get_by_role("button", name="Shut out: ada").count() == 0
    with closing(firm.house()) as house:
        acts = [one.act for one in house.ledger.acts.audited(person="ada") if one.subject == "nils" and one.outcome == "done"]
        assert acts[::-1] == ["person.add", "person.unlock", "person.change", "person.change"]
        assert FIRST_PASSWORD not in str(house.ledger.acts.audited(person="ada"))


def test_a_token_is_shown_once_opens_what_its_scope_names_and_nothing_once_it_is_revoked(enter: Enter, firm: Any) -> None:
    page = enter("vera")
    page.goto(f"{firm.url}/settings/people")
    assert page.get_by_role("table", name="People").count() == 0
    page.get_by_label("What it is for").fill("notebook")
    page.get_by_label("It may").click()
    page.get_by_role("option", name="read:market").click()
    page.keyboard.press("Escape")
    page.get_by_label("Days until it expires").fill("2")
    page.get_by_role("button", name="Make token").press("Enter")

    secret = page.get_by_label("Token", exact=True).input_value()
    page.locator("#confirm-now").press("Enter")
    page.get_by_label("Token", exact=True).wait_for(state="detached")
    assert re.fullmatch(r"tw_[0-9a-f]{12}_[0-9a-f]{64}", secret)
    row = page.get_by_role("table", name="Your tokens").get_by_role("row").filter(has_text="notebook")
    assert "read:market" in row.inner_text()
    assert secret not in page.content()

    with closing(firm.house()) as house:
        from tradewinds.wiring.desk import sign_in

        principal, access = sign_in.who(house, secret)
        assert (principal.person, principal.scopes) == ("vera", ("read:market",))
        assert access.expires_ns - access.created_ns == 2 * 86_400 * 10**9
        assert secret not in str(house.ledger.acts.audited(person="vera"))
    row.get_by_role("button", name="Revoke token notebook of vera").press("Enter")
    row.wait_for(state="detached")
    with closing(firm.house()) as house, pytest.raises(sign_in.NotSignedIn, match="expired or revoked"):
        sign_in.who(house, secret)


def test_a_token_for_days_that_are_no_number_is_refused_in_words(enter: Enter, firm: Any) -> None:
    page = enter("vera")
    page.goto(f"{firm.url}/settings/people")
    page.get_by_label("What it is for").fill("x")
    page.get_by_label("Days until it expires").fill("for ever")
    page.get_by_role("button", name="Make token").press("Enter")

    page.get_by_text("days 'for ever', expected a whole number").wait_for()


def test_factors_and_the_risk_model_are_drawn_and_lead_to_each_other(enter: Enter, firm: Any) -> None:
    page = enter("vera")
    page.goto(f"{firm.url}/research/factors")
    page.get_by_role("img", name="factor returns over time, compounded").locator("canvas").wait_for()
    row = page.get_by_role("table", name="Factors").get_by_role("row").filter(has_text="momentum")
    assert row.inner_text().split("\t")[:2] == ["momentum", "+0.50%"]

    row.get_by_role("link", name="momentum").press("Enter")
    page.get_by_role("table", name="Exposed").get_by_role("row").filter(has_text="AAA.XNAS").wait_for()
    page.goto(f"{firm.url}/research/risk")
    page.get_by_role("table", name="Portfolio by factor").wait_for()
    tiles = page.locator(".tile").all_inner_texts()
    assert tiles[0].split("\n") == ["Volatility a year", "19.44%"]
    assert tiles[2].split("\n") == ["Specific part", "33%"]
    page.get_by_role("img", name="parts of the volatility").locator("canvas").wait_for()
    assert page.get_by_role("region", name="Correlations").locator(".cell").count() == 4
