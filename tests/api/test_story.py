"""One order by hand through everything real: the API, the trading service's process, its gate, a risk officer, the journal, the ledger."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tradewinds.app.api.server import make_api
from tradewinds.people.role import Role
from tradewinds.wiring.desk import sign_in
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import load_config

ENDS_WITHIN_S = 60
CONFIG = "accounts:\n  main: {broker: paper, currency: USDT, limits: {approval_above: 500, quantity_max: 100}}\n"
CODE = """
from tradewinds.trading.strategy import Int, vector

@vector(parameters={"size": Int(1, 1, 9)}, lookback=2, targets="units", interval="1m", rhythm="every bar")
def trend(panel, params):
    return panel.close * 0
"""
YAML = "strategy: trend.py\nmode: paper\ninstruments: [BTCUSDT.LOCAL]\naccount: {name: main, capital: 10000}\n"


@pytest.fixture
def trading(tmp_path: Path) -> Iterator[House]:
    """A house whose trading service runs in a process of its own."""
    for name, text in {"tradewinds.yaml": CONFIG, "strategies/trend.py": CODE, "strategies/trend.yaml": YAML}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")}
    environment["TRADEWINDS_HOME"] = str(tmp_path / "home")
    process = subprocess.Popen(
        [sys.executable, "-m", "tradewinds", "trade"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    house = House(load_config(tmp_path / "tradewinds.yaml", {"TRADEWINDS_HOME": str(tmp_path / "home")}))
    try:
        assert process.stderr is not None
        assert any(line.rstrip().endswith("trading") for line in process.stderr)
        yield house
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=ENDS_WITHIN_S)
    finally:
        house.close()
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_an_order_above_the_limit_of_one_person_waits_for_a_risk_officer_and_passes_when_approved(trading: House, client_of: Any) -> None:
    client = client_of(make_api(trading))

    def tell(path: str, body: Any, person: str, key: str) -> Any:
        return client.post(f"/api/v1{path}", json=body, headers={**tokens[person], "Idempotency-Key": key})

    tokens: dict[str, dict[str, str]] = {}
    roles: dict[str, Role] = {"ada": "trader", "bob": "risk_officer"}
    for person, role in roles.items():
        sign_in.add_person(trading, person, role, None)
        tokens[person] = {"Authorization": f"Bearer {sign_in.new_token(trading, person, 'test').secret}"}
    order = {"account": "main", "instrument": "BTCUSDT.LOCAL", "side": "buy", "quantity": "10", "limit": "60"}

    asked = tell("/orders", order, "ada", "k1")
    assert asked.status_code == 200, asked.text
    again = tell("/orders", order, "ada", "k1")
    waiting = client.get("/api/v1/approvals", headers=tokens["ada"]).json()["orders"]
    alone = tell(f"/approvals/{asked.json()['id']}", {"decision": "approve"}, "ada", "k2")
    approved = tell(f"/approvals/{asked.json()['id']}", {"decision": "approve", "reason": "known"}, "bob", "k3")
    large = tell("/orders", {**order, "quantity": "101"}, "ada", "k5")

    assert (asked.json()["verdict"], again.content) == ("waiting", asked.content)
    assert [one["id"] for one in waiting] == [asked.json()["id"]]
    assert alone.status_code == 403
    assert approved.json()["verdict"] == "approved"
    assert (large.json()["verdict"], large.json()["rule"]) == ("refused", "quantity")
    rows = [(one.person, one.act, one.outcome) for one in trading.ledger.acts.audited()]
    assert rows == [
        ("ada", "order", "refused"), ("bob", "approve", "done"),
        ("ada", "POST /api/v1/approvals/{number}", "refused"), ("ada", "order", "done"),
    ]  # fmt: skip
