"""Starting and stopping: in a thread, in a process, from the command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.instant import NS_PER_SECOND, parse
from tradewinds.sandbox.clock import VenueClock
from tradewinds.sandbox.config import SandboxConfig, config_from, config_from_json
from tradewinds.sandbox.faults import Fault
from tradewinds.sandbox.server import Sandbox, SandboxProcess
from tradewinds.wiring import sandbox as wiring

NAMES = {
    "binance_archive",
    "binance_rest",
    "binance_futures",
    "binance_stream",
    "coingecko",
    "oanda",
    "tiingo",
    "cftc",
    "edgar",
    "ecb",
    "client_portal",
}


def is_listening(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", httpx.URL(url).port or 0)) == 0


def test_stopping_leaves_no_thread_and_no_port() -> None:
    before = set(threading.enumerate())
    venues = Sandbox(SandboxConfig(now_ns=parse("2025-03-14"))).start()
    assert set(venues.urls) == {*NAMES, "control", "tws"}
    address = venues.urls["control"]
    assert httpx.get(address + "/").json()["seed"] == 7
    venues.stop()
    venues.stop()
    assert {thread for thread in threading.enumerate() if thread.name == "sandbox"} - before == set()
    assert not is_listening(address)


def test_every_venue_has_a_setting() -> None:
    with Sandbox(SandboxConfig(now_ns=parse("2025-03-14"))) as venues:
        environment = venues.environment
        assert environment["TRADEWINDS_BINANCE_URL"] == venues.urls["binance_rest"]
        assert set(environment.values()) == {venues.urls[name] for name in NAMES}
        assert all(name.startswith("TRADEWINDS_") and name.endswith("_URL") for name in environment)


def test_futures_answer_below_the_one_binance_address_too() -> None:
    with Sandbox(SandboxConfig(now_ns=parse("2025-03-14"))) as venues:
        path = "/fapi/v1/fundingRate?symbol=BTCUSDT&limit=2"
        same = [httpx.get(venues.urls[name] + path).json() for name in ("binance_rest", "binance_futures")]
    assert same[0] == same[1]
    assert len(same[0]) == 2


def test_a_sandbox_in_its_own_process_ends_with_stop() -> None:
    with SandboxProcess(SandboxConfig(now_ns=parse("2025-03-14"), faults=(Fault("error", venue="ecb"),))) as venues:
        pid = venues.pid
        assert pid is not None
        assert httpx.get(venues.urls["binance_rest"] + "/api/v3/time").json() == {"serverTime": 1741910400000}
        assert httpx.get(venues.urls["ecb"] + "/stats/eurofxref/eurofxref-daily.xml").status_code == 503
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_command_prints_settings_and_ends_on_interrupt() -> None:
    command = [sys.executable, "-m", "tradewinds.sandbox", "--now", "2025-03-14", "--seed", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(11)]
        settings = dict(line.split("=", 1) for line in lines)
        assert httpx.get(settings["TRADEWINDS_COINGECKO_URL"] + "/api/v3/ping").status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


@pytest.mark.parametrize("in_process", [True, False])
def test_the_wiring_starts_a_sandbox(in_process: bool) -> None:
    running = wiring.start({"now_ns": parse("2025-03-14"), "seed": 5}, in_process=in_process)
    try:
        assert httpx.get(running.urls["control"] + "/").json()["seed"] == 5
        assert running.environment["TRADEWINDS_TIINGO_URL"] == running.urls["tiingo"]
    finally:
        running.stop()


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Transient, match=str(port)):
            Sandbox(SandboxConfig(port=port)).start()


def test_a_configuration_survives_json_and_refuses_what_it_does_not_know() -> None:
    config = SandboxConfig(seed=9, now_ns=parse("2025-03-14"), archive=("a",), faults=(Fault("late", symbol="X", times=2),))
    assert config_from_json(config.to_json()) == config
    assert config_from({"faults": [{"kind": "late", "until": "1970-01-01T00:00:01Z"}]}).faults[0].until_ns == NS_PER_SECOND
    with pytest.raises(Rejected, match="colour"):
        config_from({"colour": 1})
    assert "token" not in repr(config)


def test_a_time_without_a_market_is_refused() -> None:
    with pytest.raises(Rejected, match="2035-11-30"):
        SandboxConfig(now_ns=parse("2040-01-01"))


def test_importing_the_sandbox_starts_and_loads_nothing() -> None:
    heavy = "{'starlette', 'uvicorn', 'polars', 'numpy'}"
    code = f"import sys, tradewinds.sandbox, tradewinds.wiring.sandbox; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout.replace("'", '"')) == []


def test_a_standing_clock_stands_and_a_running_one_runs_at_its_speed() -> None:
    ticks = [0]
    standing = VenueClock(1000, ticks=lambda: ticks[0])
    running = VenueClock(1000, speed=60.0, ticks=lambda: ticks[0])
    ticks[0] = NS_PER_SECOND
    assert standing.now_ns() == 1000
    assert running.now_ns() == 1000 + 60 * NS_PER_SECOND
    running.set(0, speed=0)
    ticks[0] = 5 * NS_PER_SECOND
    assert running.now_ns() == 0
    assert standing.advance(1.5) == 1000 + 1_500_000_000
