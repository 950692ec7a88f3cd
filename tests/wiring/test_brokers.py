"""Options of an account reach its broker's adapter, or are refused by name."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Any

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import AccountConfig, Config
from tradewinds.wiring.accounts import account_of
from tradewinds.wiring.brokers import BrokerParts, broker_of, schedule_of
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.keys import Keys


def parts(folder: Path, broker: str = "ibkr", **options: Any) -> BrokerParts:
    given = AccountConfig(broker=broker, url="127.0.0.1:4002", options=options)
    account = account_of(Config(home=str(folder), accounts={"main": given}), "main")
    return BrokerParts(account, Keys(), {}, ReplayClock(0), folder)


@pytest.mark.parametrize(
    ("options", "restart", "zone"),
    [
        ({}, time(23, 45), "America/New_York"),
        ({"restart": 1425}, time(23, 45), "America/New_York"),  # 23:45 as YAML reads it
        ({"restart": "05:30", "zone": "Europe/Berlin"}, time(5, 30), "Europe/Berlin"),
        ({"restart": False}, None, "America/New_York"),
        ({"restart": None}, None, "America/New_York"),
    ],
)
def test_the_gateways_restart_is_the_accounts_option(tmp_path: Path, options: dict[str, Any], restart: time | None, zone: str) -> None:
    found = schedule_of(parts(tmp_path, **options))

    assert (found.restart, found.zone) == (restart, zone)


def test_a_restart_that_is_no_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="account main: option restart 'late', expected a time such as 23:45, or no"):
        broker_of(parts(tmp_path, restart="late"))
    with pytest.raises(Rejected, match="gateway restart zone 'Mars/Base'"):
        broker_of(parts(tmp_path, zone="Mars/Base"))
