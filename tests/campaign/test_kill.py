"""Trading processes that are really killed."""

from __future__ import annotations

from tradewinds.campaign.kill import run_kills


def test_five_kills_lose_nothing() -> None:
    report = run_kills(5, "oanda")

    assert report.errors == []
    assert report.verdict.is_clean, report.verdict
    assert report.kills == 5
    assert report.orders > 0
