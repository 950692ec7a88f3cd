"""The end of the demo on a terminal: the plug is pulled, by a function and by a click in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tradewinds.app.demo_live import WRONG, LiveDemo
from tradewinds.app.demo_trade import ALONE, TradingDemo
from tradewinds.core.errors import Transient
from tradewinds.core.instant import parse

pytestmark = pytest.mark.timeout(420)

SERVE = """
import sys
from pathlib import Path
from tradewinds.app.demo_serve import serve
from tradewinds.app.demo_trade import ALONE, TradingDemo
from tradewinds.core.instant import parse

folder = Path(sys.argv[1])
(folder / "workspace").mkdir()
with TradingDemo(folder / "workspace", folder / "home", ALONE, at_ns=parse("2025-01-09T06:30:00Z"), seed=7) as trading:
    serve(trading, opens=False)
"""
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


def test_whoever_pulls_the_plug_sees_the_books_come_back_with_nothing_lost(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    told: list[str] = []

    with TradingDemo(workspace, tmp_path / "home", ALONE, at_ns=parse("2025-01-09T06:30:00Z"), seed=7) as trading:
        demo = LiveDemo(trading)
        demo.start()

        def then() -> None:
            told.append(demo.state)
            if demo.state == "killed":
                with pytest.raises(Transient, match="out already"):
                    demo.pull()

        pulled = demo.pull(then)
        demo.stop()

    assert pulled.is_good, repr(pulled)
    assert pulled.counts == dict.fromkeys(WRONG, 0)
    assert pulled.order.is_at_venue
    assert pulled.order.at_kill in ("intent", "sent")
    assert pulled.order.afterwards == "filled"
    assert pulled.parity_percent == 100.0
    assert told[:4] == ["waiting for an order", "killed", "comparing", "trading"]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")
def test_the_button_in_the_browser_kills_the_process_and_the_page_says_what_was_lost(tmp_path: Path) -> None:
    from playwright.sync_api import TimeoutError, expect, sync_playwright

    served = subprocess.Popen([sys.executable, "-c", SERVE, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        assert served.stdout is not None
        link = next(found[0] for line in served.stdout if (found := re.search(r"http://\S+", line)))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(90_000)
            page.goto(link)
            page.click("#plug")
            tile = page.locator(".tile", has_text="Parity")
            expect(tile).to_contain_text("100 %", timeout=90_000)
            for name in WRONG:
                expect(page.locator(".tile", has_text=name.capitalize()).locator(".tile-value")).to_have_text("0")
            if "TRADEWINDS_PICTURES" in os.environ:
                page.screenshot(path=Path(os.environ["TRADEWINDS_PICTURES"]) / "console-plug.png")
            lied = page.get_by_role("table", name="Lied about")
            explain = lied.get_by_role("link", name="Explain this fill").first
            for _ in range(4):  # the minutes are published after a pull: where no fill of theirs was lied about, after the next one
                with suppress(TimeoutError):
                    explain.wait_for(timeout=40_000)
                    break
                page.click("#plug")
            explain.click()
            expect(page.locator(".steps").first).to_contain_text("Decision")
            expect(page.get_by_text("Lied about this bar, and was not believed: planted_minutes")).to_be_visible()
            liar = page.locator("li.liar")
            assert liar.locator(".lie").count() == 4  # open, high, low, close
            liar.locator("summary").press("Enter")
            told = liar.locator("pre").inner_text().splitlines()
            assert (told[0], len(told)) == ("time,symbol,open,high,low,close,volume", 2)
            if "TRADEWINDS_PICTURES" in os.environ:
                page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
                page.screenshot(path=Path(os.environ["TRADEWINDS_PICTURES"]) / "console-liar.png", full_page=True)
            page.goto(link)  # the link worked once
            assert page.url.endswith("/sign-in")
            browser.close()
    finally:
        served.send_signal(signal.SIGINT)
        served.communicate(timeout=60)
    assert served.returncode == 0
