"""Superset beside everything else under one command, as `tradewinds up --with superset` runs it. Run by `make superset`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tradewinds.app.up_service import read_services

pytestmark = [pytest.mark.airflow, pytest.mark.postgres, pytest.mark.timeout(600)]


def test_up_runs_superset_with_both_dashboards_over_the_firm_s_ledger(firm: Any) -> None:
    home: Path = firm.folder / "home"
    try:
        firm.run("up", "--detach", "--with", "superset")
        url = read_services(home)["superset"].url
        who = {"username": "admin", "password": (home / "up" / "superset" / "password").read_text(), "provider": "db"}
        with httpx.Client(base_url=url, trust_env=False, timeout=60.0) as api:
            refused = api.post("/api/v1/security/login", json={**who, "password": "another"})
            token = api.post("/api/v1/security/login", json=who).raise_for_status().json()["access_token"]
            api.headers["Authorization"] = f"Bearer {token}"
            boards = api.get("/api/v1/dashboard/").raise_for_status().json()["result"]
            charts = api.get("/api/v1/chart/", params={"q": "(page_size:100)"}).raise_for_status().json()["result"]
            (board,) = (one["id"] for one in boards if one["slug"] == "tradewinds-live")
            live = [one["id"] for one in charts if board in {other["id"] for other in one["dashboards"]}]
            rows = [api.get(f"/api/v1/chart/{number}/data/").json()["result"][0]["rowcount"] for number in live]
    finally:
        firm.run("down")

    assert refused.status_code == 401
    assert sorted(one["slug"] for one in boards) == ["tradewinds-live", "tradewinds-performance"]
    assert len(rows) == 4
    assert all(count > 0 for count in rows)
