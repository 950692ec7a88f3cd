"""The container stack's commands: what they do without an engine or a registry, and what the stand-ins' workspace holds."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tradewinds.core.instant import NS_PER_DAY, parse
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.house import House, run_job
from tradewinds.wiring.settings import load_config
from tradewinds.wiring.trade import plan

ROOT = Path(__file__).resolve().parents[2]
FIRM = ROOT / "deploy" / "standin" / "firm"
PROVE: dict[str, Any] = runpy.run_path(str(ROOT / "deploy" / "standin" / "prove.py"))
CHECK: dict[str, Any] = runpy.run_path(str(ROOT / "deploy" / "check.py"))
PROGRAMS = ("sh", "python3", "dirname", "grep", "sed", "date", "cat", "head", "mkdir", "chmod", "tr", "cut")
ENGINES = ("podman", "buildah", "docker")
NO_REGISTRY = "127.0.0.1:1"  # nobody listens there
NAMES = {"AAPL.XNAS", "GOOG.XNAS", "IBM.XNYS", "MSFT.XNAS", "NVDA.XNAS"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The commands in a folder of their own, whose environment only says with which words it was called."""
    if any(Path(folder, name).exists() for name in ENGINES for folder in ("/usr/local/sbin", "/usr/sbin", "/sbin")):
        pytest.skip("an engine stands among the system's programs: its absence cannot be shown here")
    for name in ("tools/stack.sh", "tools/images.sh", "tools/containers.sh", "deploy/compose.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name, said in (("tools/setup.sh", "setup"), (".venv/bin/python", "python")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{said} $*"\n')
        (tmp_path / name).chmod(0o755)
    (tmp_path / "bin").mkdir()
    for name in PROGRAMS:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def run(checkout: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": str(checkout / "bin"), "HOME": str(checkout), **environment}
    return subprocess.run(["/bin/sh", *words], cwd=checkout, env=given, capture_output=True, text=True, check=False)


def test_without_an_engine_the_stack_is_the_same_platform_as_plain_processes(checkout: Path) -> None:
    images = run(checkout, "tools/images.sh", "build")
    up = run(checkout, "tools/stack.sh", "up", "--detach")
    down = run(checkout, "tools/stack.sh", "down")

    assert images.returncode == 0
    assert "nothing to build: without containers 'make stack' runs the platform as plain processes" in images.stderr
    assert (up.returncode, up.stdout) == (0, "setup main\npython -m tradewinds up --detach\n")
    assert "neither podman nor docker is here" in up.stderr
    assert (down.returncode, down.stdout) == (0, "python -m tradewinds down\n")


@pytest.mark.parametrize("words", [("tools/images.sh", "build", "tradewinds"), ("tools/images.sh", "base"), ("tools/stack.sh", "prove")])
def test_what_cannot_be_done_without_an_engine_ends_with_an_error(checkout: Path, words: tuple[str, ...]) -> None:
    done = run(checkout, *words)

    assert done.returncode == 3
    assert "is here" in done.stderr


@pytest.mark.parametrize(
    ("environment", "is_pinned", "said"),
    [
        ({}, False, "standin"),
        ({"STANDIN": "1", "BASE": "debian"}, True, "standin"),
        ({"STANDIN": "0"}, False, "usual"),
        ({"BASE": "debian"}, False, "usual"),
        ({"POSTGRES_IMAGE": "mine"}, False, "usual"),
        ({}, True, "usual"),
    ],
)
def test_stand_ins_serve_where_asked_for_or_where_nothing_else_can_be_had(
    checkout: Path, environment: dict[str, str], is_pinned: bool, said: str
) -> None:
    if is_pinned:
        (checkout / "deploy" / "images.env").write_text("POSTGRES_IMAGE=postgres@sha256:0\n")

    done = run(
        checkout, "-c", ". tools/containers.sh; if is_standin; then echo standin; else echo usual; fi", REGISTRY=NO_REGISTRY, **environment
    )

    assert done.stdout == f"{said}\n", done.stderr


def test_what_stand_ins_add_keeps_the_rules_too(monkeypatch: pytest.MonkeyPatch) -> None:
    merged = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    for name, service in yaml.safe_load((ROOT / "deploy" / "compose.standin.yaml").read_text())["services"].items():
        merged["services"][name] = {**merged["services"].get(name, {}), **service}
    monkeypatch.setitem(CHECK["compose_rules"].__globals__, "compose_file", lambda: merged)

    assert CHECK["compose_rules"]() == ""


def test_the_stand_ins_workspace_trades_on_paper_what_the_proof_orders(tmp_path: Path) -> None:
    house = House(load_config(FIRM / "tradewinds.yaml", {"TRADEWINDS_HOME": str(tmp_path)}), clock=ReplayClock(NS_PER_DAY))
    code = tmp_path / "moving_average.py"  # `tradewinds init` makes it beside the YAML
    shutil.copy(ROOT / "src" / "tradewinds" / "app" / "template" / "strategies" / "moving_average.py", code)
    (tmp_path / "cross.yaml").write_text((FIRM / "strategies" / "cross.yaml").read_text())

    planned = plan(house.config, (tmp_path / "cross.yaml",), house=house)
    house.close()

    assert planned.troubles == {}
    account = planned.accounts[PROVE["ORDER"]["account"]]
    assert account.mode == "paper"
    assert PROVE["ORDER"]["instrument"] in str(account)


def test_both_vendors_of_the_stand_ins_have_the_nights_of_the_proof_and_a_night_publishes_all_of_them(tmp_path: Path) -> None:
    for vendor in ("alpha", "bravo"):
        assert tuple(sorted(place.stem for place in (FIRM / "drops" / vendor).iterdir())) == PROVE["SESSIONS"]
    shutil.copytree(FIRM, tmp_path / "firm")
    config = load_config(tmp_path / "firm" / "tradewinds.yaml", {"TRADEWINDS_HOME": str(tmp_path / "home")})
    house = House(config, clock=ReplayClock(parse("2024-02-05T12:00:00Z")))

    market = {"market": "XNYS"}
    run_job("equities.plan", "2024-01-31", market, house=house)
    for vendor in ("alpha", "bravo"):
        run_job("equities.capture", "2024-01-31", {**market, "vendor": vendor}, house=house)
    decided = run_job("equities.reconcile", "2024-01-31", market, house=house)
    done = run_job("equities.publish", "2024-01-31", market, house=house)
    house.close()

    assert set(config.equities["XNYS"].instruments) == NAMES
    assert decided["detail"]["vendors"] == {"alpha": 15, "bravo": 14}  # three sessions, one row missing
    assert (done["state"], done["rows_published"], done["detail"]["without_a_row"]) == ("done", 15, 0)


def test_the_entrypoints_of_the_scripts_can_be_run() -> None:
    for name in ("tools/stack.sh", "tools/images.sh", "deploy/images/superset.sh"):
        assert os.access(ROOT / name, os.X_OK), name
