"""`tradewinds trade` at the local Binance, over real sockets: signed orders, the user stream, a kill, and keys that are refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradewinds.wiring import sandbox

STARTED_WITHIN_S = 60
BTC = "BTCUSDT.BINANCE"


class Trading:
    """A workspace whose account `main` is at the local Binance."""

    def __init__(self, folder: Path, venues: sandbox.RunningSandbox) -> None:
        self.folder = folder
        self.home = folder / "home"
        (folder / "strategies").mkdir()
        (folder / "tradewinds.yaml").write_text(
            "accounts:\n  main: {broker: binance, environment: test, instruments: [BTCUSDT.BINANCE], options: {checks_key: true}}\n"
        )
        rest = venues.urls["binance_rest"]
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")},
            **venues.environment,
            "TRADEWINDS_HOME": str(self.home),
            "TRADEWINDS_ACCOUNTS__MAIN__URL": rest,
            "TRADEWINDS_ACCOUNTS__MAIN__OPTIONS__STREAM_URL": rest.replace("http", "ws", 1) + "/ws-api/v3",
            "TRADEWINDS_ACCOUNTS__MAIN__KEY": "sandbox-trading-key",
            "TRADEWINDS_ACCOUNTS__MAIN__SECRET": "sandbox-trading-secret",
        }
        self.running: list[subprocess.Popen[str]] = []

    def tell(self, *words: str, code: int = 0, **environment: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "tradewinds", "trade", *words], cwd=self.folder, env=self.environment | environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if "--json" in words else done.stdout + done.stderr

    def start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tradewinds", "trade", "--account", "main"], cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.running.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            if line.rstrip().endswith("trading"):
                return process
        raise AssertionError(f"ended before it traded, {process.wait()}")

    def state(self, order: str) -> str:
        """Where an order stands, asked for until it is no longer under way."""
        for _ in range(100):
            found = {one["id"]: one["state"] for one in self.tell("orders", "--all", "--json")["orders"]}
            if found[order] not in ("intent", "sent", "unknown"):
                break
        return str(found[order])


@pytest.fixture
def trading(tmp_path: Path) -> Iterator[Trading]:
    venues = sandbox.start({"seed": 7, "symbols": ["BTCUSDT"]})
    made = Trading(tmp_path, venues)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.kill()
        process.communicate()
    venues.stop()


def test_orders_at_binance_survive_a_kill_and_a_spot_position_is_closed_to_its_dust(trading: Trading) -> None:
    process = trading.start()
    rests = trading.tell("order", "main", BTC, "buy", "0.01", "--limit", "20000", "--json")["id"]
    bought = trading.tell("order", "main", BTC, "buy", "0.01", "--json")["id"]
    assert (trading.state(rests), trading.state(bought)) == ("accepted", "filled")
    process.send_signal(signal.SIGKILL)
    process.wait(STARTED_WITHIN_S)

    again = trading.start()

    assert [one["id"] for one in trading.tell("orders", "--json")["orders"]] == [rests]
    trading.tell("cancel", rests)
    assert trading.state(rests) == "cancelled"
    closing = trading.tell("close", "main", BTC, "--json")
    assert closing["text"] == "sell 1.00999 BTCUSDT.BINANCE market"  # one was there before, commission took a thousandth of what was bought
    assert trading.state(closing["id"]) == "filled"
    (position,) = trading.tell("status", "--json")["accounts"][0]["positions"]
    assert Decimal(position["quantity"]) == Decimal("0.00001")
    again.send_signal(signal.SIGTERM)
    assert again.wait(STARTED_WITHIN_S) == 0


@pytest.mark.parametrize(
    ("key", "told"),
    [("sandbox-withdraw", "the key may withdraw, expected one that may only read and trade"), ("sandbox-unknown", "account main")],
)
def test_a_key_that_may_withdraw_or_is_unknown_is_refused_at_the_start(trading: Trading, key: str, told: str) -> None:
    given = {"TRADEWINDS_ACCOUNTS__MAIN__KEY": f"{key}-key", "TRADEWINDS_ACCOUNTS__MAIN__SECRET": f"{key}-secret"}

    printed = trading.tell("--account", "main", code=2, **given)

    assert told in printed
    assert f"{key}-secret" not in printed
