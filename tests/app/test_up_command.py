"""`tradewinds up`, whole: every process healthy at one address, kept alive, told of in words, and gone after `down`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tradewinds.app import up_guests, up_keeper
from tradewinds.app.status import services
from tradewinds.app.up_guests import superset_python
from tradewinds.app.up_service import Service, answers, console_service, free_port, health_of, read_services, unwell, write_services
from tradewinds.core.errors import Rejected

WITHIN_S = 150.0
CONFIG = "accounts: {paper: {broker: paper, currency: USDT}}\nschedules: {}\n"
IDLE = """from tradewinds.trading.strategy import vector

@vector(lookback=2, targets="units", interval="1m", rhythm="every bar")
def idle(panel, params):
    return panel.close * 0
"""
YAML = "strategy: idle.py\nmode: paper\ninstruments: [BTCUSDT.LOCAL]\naccount: {name: paper, capital: 10000}\n"


class Firm:
    """A workspace with one idle strategy on paper."""

    def __init__(self, folder: Path) -> None:
        self.home, self.folder = folder / "home", folder / "firm"
        (self.folder / "strategies").mkdir(parents=True)
        (self.folder / "tradewinds.yaml").write_text(CONFIG)
        (self.folder / "strategies" / "idle.py").write_text(IDLE)
        (self.folder / "strategies" / "idle.yaml").write_text(YAML)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")}
        self.environment = kept | {"TRADEWINDS_HOME": str(self.home)}

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tradewinds", *words]
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=WITHIN_S, check=False)


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    made = Firm(tmp_path)
    yield made
    made.ask("down")


def until(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("not in time")


@pytest.mark.airflow
def test_everything_is_healthy_at_one_address_and_what_is_killed_comes_back(firm: Firm) -> None:
    guests = [] if up_guests.jupyter_program(os.environ) is None else ["jupyter"]
    started = firm.ask("up", "--detach", "--json", *(("--with", ",".join(guests)) if guests else ()))
    assert started.returncode == 0, started.stdout + started.stderr
    told = json.loads(started.stdout)
    assert told["services"] == ["trade", "console", "alerts", *guests]
    assert sorted(told["links"]) == ["airflow", *guests]
    assert told["trouble"] == []
    with urllib.request.urlopen(told["url"] + "/api/v1/health", timeout=10) as answer:
        assert json.load(answer) == {"is_alive": True}

    status = json.loads(firm.ask("status", "--json").stdout)
    assert status["is_healthy"], status["trouble"]
    pid = status["services"]["console"]["pid"]
    os.kill(pid, signal.SIGKILL)
    again = until(lambda: (one := json.loads(firm.ask("status", "--json").stdout))["is_healthy"] and one)
    assert again["services"]["console"]["pid"] != pid
    assert again["services"]["console"]["starts"] == 2
    said = json.loads(firm.ask("logs", "keeper", "--level", "warning", "--json").stdout)["lines"]
    assert said[-1]["text"] == "console: ended with -9, started again in 1 s"
    assert sorted(path.stem for path in (firm.home / "metrics").glob("*.json")) == ["alerts", "console", "trade"]

    pids = [one["pid"] for one in again["services"].values()]
    assert firm.ask("down").returncode == 0
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
    after = firm.ask("status")
    assert after.returncode == 1
    assert "airflow does not run" in after.stdout


def test_what_is_asked_for_beside_it_and_not_installed_is_refused_before_anything_starts(firm: Firm) -> None:
    firm.environment |= {"TRADEWINDS_SUPERSET_VENV": str(firm.folder / "absent")}

    unknown, superset = firm.ask("up", "--with", "tableau"), firm.ask("up", "--detach", "--with", "superset")

    assert (unknown.returncode, superset.returncode) == (2, 2)
    assert "up --with tableau, expected some of superset, jupyter" in unknown.stderr
    assert "tools/superset.sh" in superset.stderr
    assert not (firm.home / "airflow").exists()


def test_the_console_is_told_where_the_others_are() -> None:
    one = console_service(18_080, {"airflow": "http://127.0.0.1:1", "jupyter": "http://127.0.0.1:2/lab"})

    assert one.url == "http://127.0.0.1:18080"
    assert one.command[-2:] == ("--port", "18080")
    assert one.environment == {"TRADEWINDS_AIRFLOW_PAGE": "http://127.0.0.1:1", "TRADEWINDS_JUPYTER_PAGE": "http://127.0.0.1:2/lab"}


def test_a_service_that_does_not_answer_is_told_of_with_the_next_command(tmp_path: Path) -> None:
    silent = Service("console", ("true",), {}, "", "http://127.0.0.1:9/health")
    write_services(tmp_path, [silent])

    assert read_services(tmp_path) == {"console": silent}
    assert health_of(tmp_path, Service("trade", ("true",))) == "has not said yet that it lives"
    assert unwell(tmp_path, [silent], 0.0) == ["console: http://127.0.0.1:9/health does not answer; tradewinds logs --process console"]


def test_jupyter_keeps_its_token_in_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "venv" / "bin" / "jupyter-lab"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    monkeypatch.setenv("TRADEWINDS_JUPYTER_VENV", str(tmp_path / "venv"))

    one = up_guests.jupyter(tmp_path / "home", tmp_path, 18_888)

    token = tmp_path / "home" / "up" / "jupyter" / "token"
    assert one.command[0] == str(program)
    assert token.read_text() not in " ".join(one.command) + json.dumps(dict(one.environment))
    assert os.stat(token).st_mode & 0o777 == 0o600
    assert one.health == "http://127.0.0.1:18888/api"
    program.unlink()
    with pytest.raises(Rejected, match=r"jupyter-lab is not here, expected JupyterLab; `make jupyter` \(tools/jupyter.sh\) makes it"):
        up_guests.jupyter(tmp_path / "home", tmp_path, 18_888)


@pytest.mark.skipif(up_guests.jupyter_program(os.environ) is None, reason="NO JupyterLab: `make jupyter` installs it, then this test runs")
def test_jupyter_runs_under_the_keeper_lets_nobody_in_without_its_token_and_its_kernels_know_the_platform(firm: Firm) -> None:
    guest = up_guests.jupyter(firm.home, firm.folder, free_port())
    keeper = up_keeper.launch(firm.home, [guest], is_detached=True)
    try:
        until(lambda: answers(guest.health))
        (told,) = services(firm.home)
        token = (firm.home / "up" / "jupyter" / "token").read_text()
        address = guest.health.removesuffix("/api")
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as http:
            stranger = http.post("/api/kernels")
            kernel = http.post("/api/kernels", headers={"Authorization": f"token {token}"}).json()["id"]
        said = _said_by(
            f"ws{address.removeprefix('http')}/api/kernels/{kernel}/channels", token, "import tradewinds; print(tradewinds.__name__)"
        )
        shown = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_there(pid)]
    finally:
        assert up_keeper.stop(firm.home)
        keeper.wait(WITHIN_S)

    assert (told.what, told.state) == ("jupyter", "well")
    assert f"runs at {guest.url}" in told.detail
    assert stranger.status_code == 403
    assert said == "tradewinds\n"
    assert not any(token.encode() in line for line in shown)
    assert not answers(guest.health)


def _is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").exists()


def _said_by(address: str, token: str, code: str) -> str:
    """What a kernel prints when it runs a line."""
    header = {"msg_id": "1", "session": "test", "username": "test", "msg_type": "execute_request", "version": "5.3"}
    content = {"code": code, "silent": False}
    asked = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    with connect(address, additional_headers={"Authorization": f"token {token}"}, proxy=None) as line:
        line.send(json.dumps(asked))
        while True:
            told = json.loads(line.recv(timeout=WITHIN_S))
            if told["msg_type"] in ("stream", "error"):
                return str(told["content"].get("text", told["content"]))


def test_superset_has_an_environment_of_its_own() -> None:
    assert superset_python({"TRADEWINDS_SUPERSET_VENV": "/opt/superset"}) == Path("/opt/superset/bin/python")
    assert superset_python({}).parts[-4:] == (".superset", "venv", "bin", "python")
