"""The console as a person uses it: real pages of a real process in a headless Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from playwright.sync_api import Page

Enter = Callable[..., "Page"]
PAGES = {
    "/": "Overview", "/alerts": "Alerts", "/approvals": "Approvals", "/settings/people": "People and tokens", "/logs": "Logs",
    "/trading": "Trading", "/trading/order": "Order by hand",
    "/strategies": "Strategies", "/trading/risk": "Risk and limits", "/trading/evenings": "Breaks and parity", "/explain": "Explain a fill",
    "/data": "Coverage", "/data/findings": "Findings", "/data/bar": "As of", "/research": "Backtests",
    "/research/backtest": "Start a backtest",
    "/research/compare": "Compare two", "/research/nights": "Nights", "/research/models": "Models",
    "/research/factors": "Factors", "/research/risk": "Risk model", "/settings": "Settings",
}  # fmt: skip


def test_a_stranger_sees_the_form_and_a_wrong_password_opens_nothing(firm: Any, browser: Any) -> None:
    page = browser.new_page()
    page.goto(f"{firm.url}/data/findings")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("not hers at all")
    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("alert").get_by_text("wrong name or password").wait_for()
    assert "sign-in" in page.url
    page.close()


def test_a_form_of_another_site_does_not_sign_in_and_a_path_of_another_site_is_not_led_to(firm: Any) -> None:
    form = {"name": "ada", "password": "x", "next": "https://evil.example/"}
    with httpx.Client(base_url=firm.url, trust_env=False) as client:
        refused = client.post("/sign-in", data=form, headers={"Origin": "https://evil.example"})
        led = client.post("/sign-in", data=form)

    assert refused.status_code == 403
    assert "evil.example" not in led.text


def test_nobody_without_a_session_reads_a_page_or_a_sheet(firm: Any) -> None:
    with httpx.Client(base_url=firm.url, trust_env=False) as client:
        found = {path: client.get(path) for path in (*PAGES, "/sheet?name=backtests/any.html")}

    assert {path: one.status_code for path, one in found.items() if one.status_code != 303} == {}
    assert all(one.headers["location"].startswith("/sign-in") for one in found.values())


def test_every_page_stands_in_the_dark_on_a_desk_and_on_a_phone(enter: Enter, firm: Any) -> None:
    wrong: list[str] = []
    page = enter("ada", theme="dark")
    page.on("pageerror", lambda error: wrong.append(str(error)))
    for path, title in PAGES.items():
        page.set_viewport_size({"width": 1280, "height": 844})
        page.goto(f"{firm.url}{path}")
        page.get_by_role("heading", name=title, level=1).wait_for()
        wrong += [f"{path}: {one}" for one in page.locator("main .trouble").all_inner_texts()]
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 844})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wrong.append(f"{path} is wider than {width}")

    page.locator("body.body--dark").wait_for()
    assert wrong == []


def test_the_overview_tells_of_the_trading_service_and_of_held_values(enter: Enter) -> None:
    page = enter("vera")

    page.get_by_role("row", name=re.compile("^trade running")).wait_for()
    page.get_by_role("table", name="Platform").get_by_role("row", name=re.compile("^airflow failed does not run")).wait_for()
    assert page.locator(".tile", has_text="Values held").inner_text().split() == ["Values", "held", "2"]


def test_a_held_value_is_released_by_a_person_and_the_audit_log_has_it(enter: Enter, firm: Any) -> None:
    page = enter("tess")
    page.goto(f"{firm.url}/data/findings")

    page.get_by_role("button", name="Accept BTCUSDT.LOCAL 2026-01-01").first.click()

    page.get_by_text("BTCUSDT.LOCAL 2026-01-01: accepted").wait_for()
    page.get_by_role("table", name="Holds").get_by_role("button", name="Accept").nth(1).wait_for(state="detached")
    with closing(firm.house()) as house:
        (closed,) = house.ledger.holds(is_open=False)
        assert (closed.decision, closed.released_by) == ("accept", "tess")
        row = house.ledger.acts.audited(act="release")[0]
        assert (row.person, row.face, row.outcome) == ("tess", "console", "done")


def test_a_viewer_may_look_and_has_no_button_that_does_anything(enter: Enter, firm: Any) -> None:
    page = enter("vera")

    assert page.locator("#halt").is_disabled()
    page.goto(f"{firm.url}/data/findings")
    page.get_by_role("table", name="Holds").wait_for()
    assert page.get_by_role("button", name=re.compile("Accept|Reject")).count() == 0
    page.goto(f"{firm.url}/trading/order")
    page.get_by_text("Your role may look and not trade.").wait_for()


def test_an_order_by_hand_waits_is_approved_by_a_risk_officer_and_is_cancelled(enter: Enter, firm: Any) -> None:
    trader = enter("tess")
    trader.goto(f"{firm.url}/trading/order")
    trader.get_by_label("Account").click()
    trader.get_by_role("option", name="main").click()
    trader.get_by_label("Instrument").fill("BTCUSDT.LOCAL")
    trader.get_by_label("Quantity").fill("99")
    trader.get_by_label("Limit price").fill("60")
    trader.get_by_role("button", name="Place order").click()
    trader.locator("#confirm-now").click()
    trader.get_by_role("status").get_by_text("waiting: buy 99 BTCUSDT.LOCAL limit 60").wait_for()

    officer = enter("otto")
    officer.goto(f"{firm.url}/approvals")
    officer.get_by_role("button", name="Approve buy 99 BTCUSDT.LOCAL limit 60").click()
    officer.get_by_text("approved: buy 99 BTCUSDT.LOCAL limit 60").wait_for()

    trader.goto(f"{firm.url}/trading")
    working = trader.get_by_role("table", name="Orders").first.get_by_role("row", name=re.compile("BTCUSDT.LOCAL buy 99 limit 60"))
    working.get_by_role("button", name="Cancel order").press("Enter")
    working.wait_for(state="detached")


def test_two_backtests_are_compared(enter: Enter, firm: Any) -> None:
    page = enter("vera")
    page.goto(f"{firm.url}/research")
    page.get_by_label("first 1").check()
    page.get_by_label("second 2").check()
    page.get_by_role("button", name="Compare").press("Enter")

    given = page.get_by_role("table", name="Given")
    given.wait_for()
    assert given.get_by_role("row").nth(1).inner_text().split("\t") == ["parameter size", "1", "3"]
    page.get_by_role("img", name="equity of both runs, each begins at 1").locator("canvas").wait_for()
    page.get_by_role("table", name="Figures").get_by_role("row", name=re.compile("^total return")).wait_for()


def test_a_strategy_goes_from_paper_to_live_by_two_persons_and_never_by_one(enter: Enter, firm: Any) -> None:
    file = firm.folder / "strategies" / "trend.yaml"
    asks = enter("otto")
    asks.goto(f"{firm.url}/strategies")
    asks.get_by_role("button", name="Change mode of trend").click()
    asks.get_by_label("Mode", exact=True).click()
    asks.get_by_role("option", name="live", exact=True).click()
    asks.get_by_label("Account", exact=True).click()
    asks.get_by_role("option", name=re.compile("^real")).click()
    asks.get_by_label("Reason").fill("four weeks of paper")
    asks.locator("#confirm-now").click()
    asks.get_by_text("It waits for a second person").wait_for()
    assert "mode: paper" in file.read_text()

    asks.goto(f"{firm.url}/approvals")
    asks.get_by_role("button", name="Take back strategy.mode").wait_for()
    assert asks.get_by_role("button", name=re.compile("^Confirm strategy.mode")).count() == 0

    second = enter("ada")
    second.goto(f"{firm.url}/approvals")
    second.get_by_role("button", name="Confirm strategy.mode asked by otto").click()
    second.locator("#confirm-now").click()
    second.get_by_text("nobody asked for a second person").wait_for()
    assert "mode: live" in file.read_text()
    assert "name: real" in file.read_text()


def test_a_fill_is_explained_back_to_the_bytes_with_the_lying_vendor_in_red(enter: Enter, firm: Any) -> None:
    page = enter("vera")
    page.goto(f"{firm.url}/trading")
    page.get_by_role("table", name="Fills").get_by_role("link", name="Explain this fill").last.click()

    page.get_by_text("Lied about this bar, and was not believed: liar").wait_for()
    liar = page.locator("li.liar")
    assert "spike: close 121.2, expected near 101" in liar.inner_text()
    assert [one.inner_text() for one in liar.locator(".lie").all()] == ["121.2", "122.2", "120.2", "121.2"]
    liar.locator("summary").press("Enter")
    assert "2026-01-01T00:01:00Z,BTCUSDT,121.2" in liar.locator("pre").inner_text()
    for step in ("Fill", "Order", "Decision", "Bar"):
        page.locator(".steps > li", has_text=step).first.wait_for()


def test_the_slider_through_time_shows_what_was_restated(enter: Enter, firm: Any) -> None:
    page = enter("vera")
    page.goto(f"{firm.url}/data/bar?table=bars-1m")
    page.get_by_role("link", name="BTCUSDT.LOCAL").click()
    close = page.get_by_role("table", name="Values").get_by_role("row", name=re.compile("^close"))
    assert close.inner_text().split("\t") == ["close", "102", "102"]

    page.get_by_role("slider").press("ArrowLeft")

    page.get_by_text("version 1 of 2").wait_for()
    assert close.inner_text().split("\t") == ["close", "107", "102"]


def test_a_strategy_named_like_a_script_is_text_wherever_it_stands(enter: Enter, firm: Any, odd_name: str) -> None:
    page = enter("ada")
    page.goto(f"{firm.url}/strategies")

    page.get_by_role("cell", name=odd_name).first.wait_for()
    page.get_by_role("row").filter(has_text="onerror").get_by_role("button", name="Change mode").click()
    page.get_by_role("heading", name="Mode of").wait_for()

    assert page.get_by_role("dialog", name=f"Mode of {odd_name}", exact=True).count() == 1
    assert page.locator("img[src=x]").count() == 0
    assert page.title() == "Strategies · Tradewinds"


def test_a_sheet_is_shown_and_no_other_file_of_the_home(enter: Enter, firm: Any) -> None:
    page = enter("vera")
    sheet = next((firm.home / "backtests").glob("*.html")).relative_to(firm.home)

    answers = {name: page.request.get(f"{firm.url}/sheet", params={"name": name}).status for name in (str(sheet), "ledger.sqlite")}
    answers |= {
        name: page.request.get(f"{firm.url}/sheet", params={"name": name}).status for name in ("../firm/tradewinds.yaml", "/etc/passwd")
    }

    assert answers == {str(sheet): 200, "ledger.sqlite": 404, "../firm/tradewinds.yaml": 404, "/etc/passwd": 404}


def test_pictures_of_the_pages_can_be_had(enter: Enter, firm: Any, pictures: Path) -> None:
    """With TRADEWINDS_PICTURES=docs/pictures those of the documentation are made anew."""
    wide = enter("ada")
    wide.set_viewport_size({"width": 1200, "height": 760})
    wide.goto(f"{firm.url}/trading")
    wide.locator("canvas").first.wait_for()
    fill = wide.get_by_role("table", name="Fills").get_by_role("link", name="Explain this fill").last.get_attribute("href")
    wide.goto(f"{firm.url}{fill}")
    wide.locator("li.liar summary").press("Enter")
    wide.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    wide.screenshot(path=pictures / "console-explain.png", full_page=True)
    wide.goto(f"{firm.url}/trading")
    wide.locator("canvas").first.wait_for()
    wide.screenshot(path=pictures / "console-trading.png", full_page=True, clip={"x": 0, "y": 0, "width": 1200, "height": 1250})
    wide.goto(f"{firm.url}/research/risk")
    wide.get_by_role("table", name="Own risk").wait_for()
    wide.locator("canvas").nth(2).wait_for()
    wide.screenshot(path=pictures / "console-risk.png", full_page=True)
    phone = enter("ada", width=390, theme="dark")
    phone.goto(f"{firm.url}/")
    phone.get_by_role("row").filter(has_text="running").first.wait_for()
    phone.screenshot(path=pictures / "console-phone.png")

    sizes = {name: (pictures / f"console-{name}.png").stat().st_size for name in ("explain", "phone", "risk", "trading")}
    assert all(5_000 < size < 300_000 for size in sizes.values()), sizes


def test_a_page_that_was_left_open_shows_nothing_more_once_its_person_is_signed_out(enter: Enter, firm: Any) -> None:
    page = enter("vera")
    page.goto(f"{firm.url}/trading")
    page.get_by_role("table", name="Fills").wait_for()

    with closing(firm.house()) as house:
        for one in house.ledger.people.accesses(of_person="vera"):
            house.ledger.people.revoke(one.id, house.clock.now_ns(), of_person="vera")

    page.get_by_label("Password").wait_for()


def test_times_turn_local_and_the_dark_is_kept(enter: Enter) -> None:
    page = enter("vera")
    moment = page.locator("time").first
    utc = moment.inner_text()

    page.get_by_role("button", name="Times in UTC or local").press("Enter")
    page.get_by_role("button", name="Light or dark").press("Enter")

    page.locator("body.body--dark").wait_for()
    assert utc.endswith("Z")
    assert not moment.inner_text().endswith("Z")


def test_halting_needs_two_keys_and_stops_the_trading_service(enter: Enter, firm: Any) -> None:
    page = enter("tess")

    page.locator("body").press("Shift+H")
    page.locator("#halt-now:focus").wait_for()
    page.keyboard.press("Enter")

    # Nobody can ask the account `real`, which has no keys here, so nobody says that nothing is open there.
    page.get_by_text("Halted, but ORDERS MAY BE OPEN").wait_for()
    page.goto(f"{firm.url}/trading")
    page.get_by_role("row", name=re.compile("main.*halted")).wait_for()
    with closing(firm.house()) as house:
        row = house.ledger.acts.audited(act="halt")[0]
        assert (row.person, row.face, row.outcome) == ("tess", "console", "done")
