"""What stands below deploy/: its own rules, its secrets, its commands, and the checkers that are installed."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tradewinds.app.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHECK: dict[str, Any] = runpy.run_path(str(DEPLOY / "check.py"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.mark.parametrize("name", [name for name in CHECK["CHECKERS"] if name != "checkov"])
def test_what_stands_there_passes_each_checker(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`make deploy-check` brings those that are absent here, and the slow one."""
    try:
        said = CHECK["CHECKERS"][name]()
    except CHECK["AbsentError"] as error:
        pytest.skip(f"NOT CHECKED by {name}: {error}")

    assert said == ""


def test_a_service_that_breaks_the_rules_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    broken["services"]["postgres"] |= {"ports": ["5432:5432"], "read_only": False, "user": "root"}
    broken["services"]["mlflow"]["environment"]["SOME_PASSWORD"] = "in the open"
    del broken["services"]["trade"]["healthcheck"]
    broken["networks"]["data"] = {}
    monkeypatch.setitem(CHECK["compose_rules"].__globals__, "compose_file", lambda: broken)

    said = CHECK["compose_rules"]().splitlines()

    assert said == [
        "postgres: ports, expected of the proxy alone",
        "postgres: user root, expected a number that is not 0",
        "postgres: its root can be written, expected read_only",
        "mlflow: SOME_PASSWORD is given in the open, expected a file below /run/secrets",
        "trade: no health check",
        "networks: internal are ['people'], expected data and people",
    ]


def test_every_command_of_ours_that_is_started_is_one() -> None:
    texts = [place.read_text() for place in [DEPLOY / "compose.yaml", *sorted((DEPLOY / "kubernetes").rglob("*.yaml"))]]
    started = [name for text in texts for name in re.findall(r'\["?tradewinds"?, "?([a-z-]+)', text)]
    started += re.findall(r"/bin/tradewinds ([a-z-]+)", "\n".join(place.read_text() for place in (DEPLOY / "systemd").glob("*.service")))

    assert {"trade", "guard", "console", "alerts", "backup", "up"} <= set(started)
    assert [name for name in started if name not in COMMANDS] == []


def test_what_the_images_copy_is_there() -> None:
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line.startswith("COPY") and "--from" not in line]
    named = [word for line in lines for word in line.split()[1:-1] if not word.startswith("--")]

    assert "locks/stack.lock" in named
    assert [name for name in named if not (ROOT / name).exists()] == []
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert [name for name in named if not any(f"!{name}".startswith(line) for line in ignored if line.startswith("!"))] == []


def make_secrets(place: Path, standin: str = "0") -> None:
    environment = {**os.environ, "STANDIN": standin}
    subprocess.run(["sh", "tools/stack.sh", "secrets"], cwd=place, env=environment, check=True, capture_output=True)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The secrets as tools/stack.sh makes them, in a copy of the project's folders."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / "tools").mkdir()
    for name in ("stack.sh", "containers.sh"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools")
    make_secrets(tmp_path)
    return tmp_path / "deploy" / "secrets"


def test_every_secret_of_the_stack_is_made_once_and_by_chance(secrets: Path) -> None:
    first = {place.name: place.read_text() for place in secrets.iterdir()}
    make_secrets(secrets.parents[1])

    assert {place.name: place.read_text() for place in secrets.iterdir()} == first
    assert set(COMPOSE["secrets"]) <= set(first)
    assert oct(secrets.stat().st_mode & 0o777) == "0o700"
    chosen = [text for name, text in first.items() if name.endswith("_password")]
    assert len(set(chosen)) == len(chosen) == 11
    assert all(len(text) > 32 for text in chosen)
    assert first["ledger_database"] == f"postgresql+psycopg2://ledger:{first['ledger_password'].strip()}@postgres:5432/ledger\n"


def test_over_stand_ins_the_keys_of_the_local_venue_are_in_force(secrets: Path) -> None:
    assert (secrets / "accounts").read_text().startswith("#")
    (secrets / "accounts").unlink()
    (secrets / "guard").unlink()

    make_secrets(secrets.parents[1], standin="1")

    assert (secrets / "accounts").read_text().splitlines() == [
        "TRADEWINDS_ACCOUNTS__VENUE__KEY=sandbox-trading-key",
        "TRADEWINDS_ACCOUNTS__VENUE__SECRET=sandbox-trading-secret",
    ]
    assert (secrets / "guard").read_text().splitlines() == [
        "TRADEWINDS_GUARD__VENUE__KEY=sandbox-guard-key",
        "TRADEWINDS_GUARD__VENUE__SECRET=sandbox-guard-secret",
    ]


def begun(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """The images' entrypoint with a program."""
    place = DEPLOY / "images" / "entrypoint.sh"
    given = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(["sh", str(place), *words], env=given, capture_output=True, text=True, check=False)


def test_the_entrypoint_makes_variables_of_secrets_that_are_files(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://x:$(touch planted)'\"@y\n")

    done = begun({"FROM_FILE_AIRFLOW__CELERY__BROKER_URL": str(tmp_path / "url"), "OTHER": "kept"}, "env")

    lines = done.stdout.splitlines()
    assert "AIRFLOW__CELERY__BROKER_URL=postgresql://x:$(touch planted)'\"@y" in lines
    assert "OTHER=kept" in lines
    assert not [line for line in lines if line.startswith("FROM_FILE_")]


def test_the_entrypoint_ends_where_a_secret_is_absent(tmp_path: Path) -> None:
    done = begun({"FROM_FILE_KEY": str(tmp_path / "absent")}, "true")

    assert done.returncode == 2
    assert done.stderr == f"entrypoint: KEY wants {tmp_path}/absent, expected a secret that can be read\n"


def test_the_entrypoint_puts_a_file_where_its_program_alone_reads_it(tmp_path: Path) -> None:
    (tmp_path / "given").write_text("{}")

    done = begun({"COPY_PRIVATE": f"{tmp_path}/given {tmp_path}/mine"}, "true")

    assert done.returncode == 0
    assert (tmp_path / "mine").read_text() == "{}"
    assert oct((tmp_path / "mine").stat().st_mode & 0o777) == "0o600"


def test_a_containers_health_is_told_by_its_heartbeat(tmp_path: Path) -> None:
    place = str(DEPLOY / "images" / "healthy.py")

    def healthy(*words: str) -> tuple[int, str]:
        given = {"PATH": os.environ["PATH"], "TRADEWINDS_HOME": str(tmp_path)}
        done = subprocess.run(["python3", place, *words], env=given, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    absent = healthy("beat", "halt/service.json")
    (tmp_path / "halt").mkdir()
    (tmp_path / "halt" / "service.json").write_text("{}")
    young = healthy("beat", "halt/service.json")
    os.utime(tmp_path / "halt" / "service.json", (0, 0))
    old = healthy("beat", "halt/service.json")

    assert absent[0] == 1
    assert "FileNotFoundError" in absent[1]
    assert young == (0, "")
    assert old[0] == 1
    assert "expected less than 60" in old[1]
