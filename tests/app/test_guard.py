"""`tradewinds halt` at a venue that speaks Binance's protocol, with the guard's own key."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tradewinds.brokers.ccxt_accounts import binance
from tradewinds.core.broker import Told
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, Intent, OrderTerms
from tradewinds.risk.limits import Gate, Standing
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.exchange import Quote
from tradewinds.sandbox.server import Sandbox
from tradewinds.stores.ledger import Ledger
from tradewinds.wire.secret import Secret

BTC = Instrument("BTCUSDT.BINANCE", "spot", "USDT", "24/7", base="BTC", tick=Decimal("0.01"), lot=Decimal("0.00001"))


@pytest.fixture
def venues() -> Iterator[Sandbox]:
    with Sandbox(SandboxConfig(seed=7, now_ns=time.time_ns(), weight_limit=1_000_000)) as running:
        running.world.set_quotes["spot", "BTCUSDT"] = Quote(Decimal("60000.00"), Decimal("60001.00"), Decimal(10), Decimal(10))
        yield running


def _workspace(home: Path, venues: Sandbox) -> dict[str, str]:
    """An account of that venue, its instrument in the ledger; the environment of commands."""
    base = venues.urls["binance_rest"]
    stream = base.replace("http", "ws", 1) + "/ws-api/v3"
    (home / "tradewinds.yaml").write_text(
        f"home: {home}\naccounts:\n  main:\n    broker: binance\n    url: {base}\n    options: {{stream_url: '{stream}'}}\n"
    )
    with Ledger(f"sqlite:///{home / 'ledger.sqlite'}") as ledger:
        ledger.migrate()
        ledger.upsert_instruments([BTC])
    keys = {"TRADEWINDS_GUARD__MAIN__KEY": "sandbox-guard-key", "TRADEWINDS_GUARD__MAIN__SECRET": "sandbox-guard-secret"}
    return {name: value for name, value in os.environ.items() if not name.startswith("TRADEWINDS_")} | keys


async def _rest_orders(venues: Sandbox, count: int) -> None:
    base = venues.urls["binance_rest"]
    broker = binance(
        key=Secret("sandbox-trading-key"), secret=Secret("sandbox-trading-secret"), instruments={BTC.id: BTC}, clock=venues.world.clock,
        random=random.Random(1), url=base, ws_url=base.replace("http", "ws", 1) + "/ws-api/v3",
    )  # fmt: skip
    heard: list[Told] = []
    await broker.open(heard.append)
    for number in range(count):
        terms = OrderTerms(BTC.id, "buy", Decimal("0.001"), "limit", Decimal(50_000))
        order = Gate().judge(Intent("main", "trend", 0, terms, leg=number), Standing(), 0)
        assert isinstance(order, ApprovedOrder)
        await broker.submit(order)
    await broker.close()


def test_halt_cancels_what_works_at_the_venue_with_a_key_that_may_only_cancel(tmp_path: Path, venues: Sandbox) -> None:
    environment = _workspace(tmp_path, venues)
    asyncio.run(_rest_orders(venues, 3))

    done = subprocess.run(
        [sys.executable, "-m", "tradewinds", "halt", "--json"], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["accounts"]["main"] == {"cancelled": 3, "open": [], "flattened": [], "held": {}, "error": "", "is_clear": True}
    assert "sandbox-guard-secret" not in done.stdout + done.stderr
