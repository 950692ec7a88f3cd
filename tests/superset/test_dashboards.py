"""Our dashboards in a real Superset: imported, asked chart by chart, drawn in a browser. Run by `make superset`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
VIEWS = ("backtest", "figure", "round_trip", "profit", "performance", "position", "transaction")
DRAWN_WITHIN_MS = 60_000
LOOKS, BETWEEN_LOOKS_MS = 40, 500

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(600)]


def test_every_view_has_rows_of_a_real_backtest_and_a_real_day_on_paper(firm: Any) -> None:
    rows = {name: firm.ask(f"SELECT count(*) FROM dashboards.{name}")[0][0] for name in VIEWS}

    assert min(rows.values()) > 0, rows
    assert rows["backtest"] == 2


def test_the_views_add_up_to_what_the_ledger_says(firm: Any) -> None:
    net, at_the_end = firm.ask(
        "SELECT (SELECT sum(net) FROM public.backtest_round_trip WHERE run = 1), (SELECT sum(cumulative_net) FROM dashboards.profit"
        " WHERE run_id = 1 AND day = (SELECT max(day) FROM dashboards.profit WHERE run_id = 1))"
    )[0]
    bought, held = firm.ask(
        "SELECT (SELECT sum(CASE side WHEN 'buy' THEN quantity ELSE -quantity END) FROM dashboards.transaction),"
        " (SELECT sum(quantity) FROM dashboards.position)"
    )[0]

    assert at_the_end == pytest.approx(net)
    assert bought == held


def test_a_reader_sees_the_views_and_can_change_nothing(firm: Any) -> None:
    refused = (
        "SELECT * FROM public.trade_fill", "DELETE FROM dashboards.position", "CREATE TABLE dashboards.mine (a int)",
        "SET default_transaction_read_only = off; CREATE TABLE public.mine (a int)",
    )  # fmt: skip

    for query in refused:
        with pytest.raises(sa.exc.DBAPIError):
            firm.ask(query, role="tradewinds_reader")

    assert firm.ask("SELECT count(*) > 0 FROM dashboards.transaction", role="tradewinds_reader") == [(True,)]


def test_every_chart_answers_with_rows_and_without_an_error(superset: Any) -> None:
    told = {}
    for name, number in superset.charts().items():
        answer = superset.api.get(f"/api/v1/chart/{number}/data/")
        assert answer.status_code == 200, f"{name}: {answer.text[:1000]}"
        told[name] = [(query["status"], query["error"], query["rowcount"]) for query in answer.json()["result"]]

    assert len(told) == len(list((ROOT / "deploy" / "superset" / "assets" / "charts").glob("*.yaml")))
    for name, queries in told.items():
        assert all(status == "success" and error is None and rows > 0 for status, error, rows in queries), (name, queries)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH, so nothing is drawn")
def test_both_dashboards_are_drawn_and_every_chart_of_them_with_rows(superset: Any, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    pictures = ROOT / "docs" / "pictures" if os.environ.get("TRADEWINDS_PICTURES") else tmp_path
    pictures.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{superset.url}/login/")
        page.fill("input[name=username], #username", "admin")
        page.fill("input[name=password], #password", superset.password)
        page.press("input[name=password], #password", "Enter")
        page.wait_for_url("**/welcome/**", timeout=DRAWN_WITHIN_MS)
        for slug, charts, height in (("tradewinds-performance", 15, 2160), ("tradewinds-live", 4, 1400)):
            drawn, told = _drawn(page, f"{superset.url}/superset/dashboard/{slug}/?standalone=1", charts, height)
            page.screenshot(path=pictures / f"superset-{slug.removeprefix('tradewinds-')}.png")
            assert drawn == charts
            assert all(rows > 0 for rows in told), told
        browser.close()


def _drawn(page: Any, address: str, charts: int, height: int) -> tuple[int, list[int]]:
    """How many charts stand there without an error, and how many rows each answer had while they were drawn."""
    told: list[int] = []

    def hear(response: Any) -> None:
        if "/api/v1/chart/data" in response.url and "form_data" in response.url:
            answered = response.json() if response.status == 200 else {"result": [{"rowcount": 0}]}
            told.extend(one["rowcount"] for one in answered["result"])

    page.set_viewport_size({"width": 1280, "height": height})
    page.on("response", hear)
    page.goto(address)
    page.wait_for_function(
        "n => document.querySelectorAll('[data-test=\"slice-container\"]').length >= n"
        " && !document.querySelector('[data-test=\"loading-indicator\"], .loading')",
        arg=charts, timeout=DRAWN_WITHIN_MS,
    )  # fmt: skip
    _still(page)
    page.remove_listener("response", hear)
    broken = page.locator("[role=alert], .ant-alert-error, .missing-chart-container").count()
    return page.locator('[data-test="slice-container"]').count() - broken, told


def _still(page: Any) -> None:
    """Charts draw themselves in motion, and nothing tells when it ends: look until two pictures are the same."""
    before = b""
    for _ in range(LOOKS):
        page.wait_for_timeout(BETWEEN_LOOKS_MS)
        now = page.screenshot()
        if now == before:
            return
        before = now
    raise AssertionError(f"{page.url} still moves after {LOOKS} looks, expected it to stand still")
