"""`tradewinds trade` as a person runs it: a process of its own, spoken to over its channel, stopped, killed and started again."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

STARTED_WITHIN_S = 60
SECRETS = ("k3y-that-nobody-reads", "s3cret-that-nobody-reads")

CONFIG = """
accounts:
  main: {broker: paper, currency: USDT, limits: {approval_above: 5000, quantity_max: 100}}
  other: {broker: paper, currency: USDT, instruments: [ETHUSDT.LOCAL]}
"""
TREND = """
from tradewinds.trading.strategy import Int, vector

@vector(parameters={"size": Int(1, 1, 9)}, lookback=2, targets="units", interval="1m", rhythm="every bar")
def trend(panel, params):
    rising = panel.close[1:] > panel.close[:-1]
    targets = panel.close * 0
    targets[1:][rising] = params.size
    return targets
"""
YAML = "strategy: trend.py\nmode: paper\ninstruments: [BTCUSDT.LOCAL]\naccount: {name: main, capital: 10000}\ncosts: [{bps: 10}]\n"


class Firm:
    """A workspace with one strategy, bars of twelve minutes, and processes that trade it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.folder = folder / "firm"
        (self.folder / "strategies").mkdir(parents=True)
        (self.folder / "bars").mkdir()
        (self.folder / "tradewinds.yaml").write_text(CONFIG)
        (self.folder / "strategies" / "trend.py").write_text(TREND)
        (self.folder / "strategies" / "trend.yaml").write_text(YAML)
        rows = ["time,open,high,low,close,volume"]
        closes = [100, 101, 102, 103, 102, 101, 100, 101, 102, 103, 104, 103]
        for minute, close in enumerate(closes):
            rows.append(f"2026-01-01T00:{minute:02d}:00Z,{close},{close + 1},{close - 1},{close},1000")
        (self.folder / "bars" / "BTCUSDT.csv").write_text("\n".join(rows) + "\n")
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")},
            "TRADEWINDS_HOME": str(self.home),
            "TRADEWINDS_ACCOUNTS__MAIN__KEY": SECRETS[0],
            "TRADEWINDS_ACCOUNTS__MAIN__SECRET": SECRETS[1],
        }
        self.running: list[subprocess.Popen[str]] = []

    def tell(self, *words: str, code: int = 0) -> Any:
        """What a command prints, its JSON read where it is any."""
        done = subprocess.run(
            [sys.executable, "-m", "tradewinds", *words], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if "--json" in words else done.stdout + done.stderr

    def start(self, *words: str, accounts: int = 1) -> subprocess.Popen[str]:
        """A trading process that has said that so many accounts trade."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tradewinds", "trade", *words], cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.running.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            accounts -= line.rstrip().endswith("trading")
            if accounts == 0:
                return process
        raise AssertionError(f"trade {words}: ended before it traded, {process.wait()}")

    def end(self, process: subprocess.Popen[str], number: int) -> int:
        process.send_signal(number)
        process.communicate(timeout=STARTED_WITHIN_S)
        return process.returncode


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    made = Firm(tmp_path)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_a_first_paper_run_over_files_decides_trades_and_is_told_afterwards(firm: Firm) -> None:
    told = firm.tell("trade", "--data", "bars", "--json")

    (account,) = told["accounts"]
    assert (account["account"], account["mode"], account["state"], account["open_orders"]) == (
        "main",
        "paper",
        "not running",
        1,
    )  # of the last bar
    assert account["strategies"][0] == {
        "strategy": "trend", "last_decision": "2026-01-01T00:12:00Z", "targets": {"BTCUSDT.LOCAL": "0.0"}, "refused": [], "elsewhere": [],
    }  # fmt: skip
    orders = firm.tell("trade", "orders", "--all", "--json")["orders"]
    assert [(one["side"], one["quantity"], one["state"]) for one in orders][:2] == [("buy", "1", "filled"), ("sell", "1", "filled")]
    gains = firm.tell("trade", "gains", "--json")["gains"]
    assert (gains[0]["strategy"], gains[0]["quantity"]) == ("trend", "1")
    header, first, *_ = firm.tell("trade", "gains", "--csv", "-").splitlines()
    assert header == "account,strategy,instrument,quantity,opened,opened_price,closed,closed_price,amount,currency,method"
    assert first.startswith("main,trend,BTCUSDT.LOCAL,1,2026-01-01T00:03:00Z,102,2026-01-01T00:06:00Z,101,-1,USDT,fifo")


def test_a_person_orders_cancels_overrides_and_closes_through_the_running_service(firm: Firm) -> None:
    process = firm.start("--account", "other", accounts=2)

    placed = firm.tell("trade", "order", "other", "ETHUSDT.LOCAL", "buy", "2", "--limit", "50", "--json")
    assert (placed["verdict"], placed["text"]) == ("approved", "buy 2 ETHUSDT.LOCAL limit 50")
    assert [one["id"] for one in firm.tell("trade", "orders", "--json")["orders"]] == [placed["id"]]
    refused = firm.tell("trade", "order", "main", "BTCUSDT.LOCAL", "buy", "101", "--limit", "1", "--json", code=1)
    assert (refused["verdict"], refused["rule"]) == ("refused", "quantity")
    waits = firm.tell("trade", "order", "main", "BTCUSDT.LOCAL", "buy", "99", "--limit", "60", "--json")
    assert (waits["verdict"], waits["rule"]) == ("waiting", "approval")
    assert [one["id"] for one in firm.tell("trade", "approvals", "--json")["waiting"]] == [waits["id"]]
    assert firm.tell("trade", "deny", waits["id"], "--json")["verdict"] == "refused"
    assert "answered before" in firm.tell("trade", "approve", waits["id"], code=1)
    firm.tell("trade", "override", "no-trading", "--strategy", "trend")
    assert firm.tell("trade", "status", "--json")["accounts"][0]["overrides"][0]["override"] == "no trading"
    assert firm.tell("trade", "cancel", placed["id"], "--json") == {"asked": [placed["id"]]}
    assert "holds none of it" in firm.tell("trade", "close", "main", "BTCUSDT.LOCAL", code=2)
    assert "which one?" in firm.tell("trade", "cancel", code=2)
    assert firm.end(process, signal.SIGTERM) == 0


def test_a_killed_service_comes_back_with_its_orders_and_its_overrides(firm: Firm) -> None:
    process = firm.start("--account", "other", accounts=2)
    placed = firm.tell("trade", "order", "other", "ETHUSDT.LOCAL", "buy", "2", "--limit", "50", "--json")
    firm.tell("trade", "override", "close-only", "--strategy", "trend")
    assert "trades it already" in firm.tell("trade", code=2)

    assert firm.end(process, signal.SIGKILL) == -signal.SIGKILL
    assert [one["id"] for one in firm.tell("trade", "orders", "--json")["orders"]] == [placed["id"]]
    assert "no trading service runs" in firm.tell("trade", "cancel", "--all", code=75)
    again = firm.start("--account", "other", accounts=2)

    (order,) = firm.tell("trade", "orders", "--json")["orders"]
    assert (order["id"], order["state"]) == (placed["id"], "accepted")
    assert firm.tell("trade", "status", "--json")["accounts"][0]["overrides"][0]["override"] == "close only"
    assert firm.end(again, signal.SIGTERM) == 0


def test_a_shadow_decides_and_sends_nothing(firm: Firm) -> None:
    (firm.folder / "strategies" / "trend.yaml").write_text(YAML.replace("mode: paper", "mode: shadow"))

    (account,) = firm.tell("trade", "--data", "bars", "--json")["accounts"]

    assert (account["mode"], account["open_orders"], account["positions"]) == ("shadow", 0, [])
    assert account["strategies"][0]["last_decision"] == "2026-01-01T00:12:00Z"
    orders = firm.tell("trade", "orders", "--all", "--json")["orders"]
    assert orders
    assert {(one["state"], one["filled"]) for one in orders} <= {("absent", "0"), ("cancelled", "0"), ("rejected", "0")}


def test_a_strategy_on_days_decides_once_when_it_is_asked_to(firm: Firm) -> None:
    rows = ["time,open,high,low,close,volume"]
    rows += [f"2026-01-{day:02d},{close},{close + 1},{close - 1},{close},1000" for day, close in enumerate([10, 11, 12, 11, 12], 1)]
    (firm.folder / "days.csv").write_text("\n".join(rows) + "\n")
    firm.tell("data", "import", "days.csv", "--instrument", "BTCUSDT.LOCAL")
    (firm.folder / "strategies" / "trend.yaml").write_text(YAML + "interval: 1d\n")
    process = firm.start()

    told = firm.tell("trade", "decide", "trend", "--at", "2026-01-06", "--json")
    again = firm.tell("trade", "decide", "trend", "--at", "2026-01-06T00:00:00Z", "--json")

    assert told["targets"] == {"BTCUSDT.LOCAL": "1.0"}
    assert [one["text"] for one in told["orders"]] == ["buy 1 BTCUSDT.LOCAL market"]
    assert [one["id"] for one in again["orders"]] == [one["id"] for one in told["orders"]]
    assert "expected bars that end there" in firm.tell("trade", "decide", "trend", "--at", "2026-01-09", code=75)
    assert firm.end(process, signal.SIGTERM) == 0


def test_no_secret_stands_in_anything_that_a_run_wrote(firm: Firm) -> None:
    process = firm.start()
    shown = firm.tell("trade", "status") + firm.tell("trade", "status", "--json", code=0)["since"]
    command_line = Path(f"/proc/{process.pid}/cmdline")
    shown += command_line.read_text() if command_line.exists() else ""
    process.send_signal(signal.SIGTERM)
    printed, complained = process.communicate(timeout=STARTED_WITHIN_S)
    firm.tell("trade", "--data", "bars")

    written = b"".join(one.read_bytes() for one in sorted(firm.home.rglob("*")) if one.is_file())

    assert written
    for secret in SECRETS:
        assert secret not in shown + printed + complained
        assert secret.encode() not in written


def test_what_would_be_traded_is_said_without_starting_anything(firm: Firm) -> None:
    (firm.folder / "strategies" / "broken.yaml").write_text("strategy: trend.py\nmodee: paper\n")

    told = firm.tell("trade", "--check", "--json", code=1)

    assert [(one["strategy"], one["mode"], one["account"]) for one in told["strategies"]] == [("trend", "paper", "main")]
    assert "key 'modee', expected mode?" in told["set_aside"]["broken.yaml"]
    assert not (firm.home / "trade").exists()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("trade", "strategies/absent.yaml"), 2, "does not exist"),
        (("trade", "strategies/trend.py"), 2, "expected the YAML of a strategy"),
        (("trade", "decide", "trend", "--at", "2026-01-01"), 75, "no trading service runs"),
        (("trade", "orders", "--account", "mian"), 2, "account 'mian', expected one of"),
        (("trade", "orders", "--account", "main"), 2, "no journal yet"),
    ],
)
def test_what_is_asked_wrongly_ends_with_a_reason(firm: Firm, words: tuple[str, ...], code: int, told: str) -> None:
    assert told in " ".join(firm.tell(*words, code=code).split())


def test_help_names_every_act(firm: Firm) -> None:
    told = firm.tell("trade", "--help")

    for act in ("run", "status", "orders", "order", "cancel", "close", "approve", "deny", "override", "resume", "gains", "decide"):
        assert act in told
    assert "--data" in firm.tell("trade", "run", "--help")


def test_where_no_service_runs_a_person_acts_alone_when_they_say_so(firm: Firm) -> None:
    words = ("trade", "order", "other", "ETHUSDT.LOCAL", "buy", "2", "--limit", "50")
    assert "no trading service runs" in firm.tell(*words, code=75)

    placed = firm.tell(*words, "--alone", "--json")

    assert (placed["verdict"], placed["text"]) == ("approved", "buy 2 ETHUSDT.LOCAL limit 50")
    assert [(one["id"], one["state"]) for one in firm.tell("trade", "orders", "--json")["orders"]] == [(placed["id"], "accepted")]
    assert "which one? --account" in firm.tell("trade", "cancel", placed["id"], "--alone", code=2)
    assert firm.tell("trade", "cancel", placed["id"], "--account", "other", "--alone", "--json") == {"asked": [placed["id"]]}
    assert firm.tell("trade", "orders", "--json")["orders"] == []
    assert "holds none of it" in firm.tell("trade", "close", "other", "ETHUSDT.LOCAL", "--alone", code=2)
    assert firm.tell("trade", "project", "--json")["projected"][0]["account"] == "other"


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="wants a system that can limit the files of another process")
def test_a_full_disk_under_the_journal_stops_the_sending_is_said_and_nothing_is_lost(firm: Firm) -> None:
    words = ("trade", "order", "other", "ETHUSDT.LOCAL", "buy", "2", "--limit", "50", "--json")
    process = firm.start("--account", "other", accounts=2)
    assert process.stderr is not None
    first = firm.tell(*words)
    before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    asking = subprocess.Popen(
        [sys.executable, "-m", "tradewinds", *words], cwd=firm.folder, env=firm.environment, text=True, stdout=subprocess.PIPE
    )
    firm.running.append(asking)
    said = next(line for line in process.stderr if "nothing is sent" in line)
    assert "account other" in said
    assert "expected a disk with room" in said
    assert asking.poll() is None
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)

    told = json.loads(asking.communicate(timeout=STARTED_WITHIN_S)[0])
    assert told["verdict"] == "approved"
    assert [one["id"] for one in firm.tell("trade", "orders", "--json")["orders"]] == [first["id"], told["id"]]
    assert firm.end(process, signal.SIGTERM) == 0
    assert [one["id"] for one in firm.tell("trade", "orders", "--json")["orders"]] == [first["id"], told["id"]]
    assert "the journal is written again" in (firm.home / "trade" / "alerts.jsonl").read_text()
    files = [one for one in firm.home.rglob("*") if one.is_file() and not one.is_socket()]
    assert not [one for one in files for secret in SECRETS if secret.encode() in one.read_bytes()]
