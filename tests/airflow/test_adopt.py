"""The page `docs/adopt.md` is followed from Monday to Friday: its files are written, its commands are run, in a workspace of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import NamedTuple

import pytest

from tradewinds.app.airflow_folder import DAGS, dag_folders, find

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DAY = re.compile(r"^## (\w+)", re.MULTILINE)
UP = ("tradewinds up", "tradewinds status", "tradewinds down")
pytestmark = pytest.mark.timeout(600)


class Block(NamedTuple):
    """A file to write (`title`), or commands to run."""

    day: str
    kind: str
    title: str
    text: str


def _blocks() -> list[Block]:
    page = (ROOT / "docs" / "adopt.md").read_text()
    days = [(found.start(), found[1]) for found in _DAY.finditer(page)]
    return [
        Block(next(day for start, day in reversed(days) if start < found.start()), found[1], found[2] or "", found[3])
        for found in _BLOCK.finditer(page)
        if found.start() > days[0][0]
    ]


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """The tests' own environment, with this interpreter's commands, and without what other tests say of Airflow and of configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "TRADEWINDS"))}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}


def _run(command: str, place: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(["sh", "-ec", command], cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> tuple[Path, dict[str, str]]:
    """The firm at the end of the week, and what each command said; Wednesday's, which start processes, are left to their own test."""
    place, told = tmp_path_factory.mktemp("week"), {}
    for day, kind, title, text in _blocks():
        if title:
            (place / "firm" / title).parent.mkdir(parents=True, exist_ok=True)
            (place / "firm" / title).write_text(text)
        elif kind == "sh":
            for command in text.strip().splitlines():
                if command.startswith(UP) or command == "cd firm":
                    continue
                told[f"{day}: {command}"] = _run(command, place if "init" in command else place / "firm", environment)
    return place / "firm", told


def test_every_file_and_command_of_the_page_is_used_here() -> None:
    blocks = _blocks()

    assert [block.title for block in blocks if block.title] == [
        *("tradewinds.yaml", "scripts/fetch_prices.sh", "dags/prices.py", "conftest.py", "test_dags.py"),
        *("datasets/closes.yaml", "tradewinds.yaml", "dags/gaps.py"),
    ]
    assert {block.kind for block in blocks if not block.title} == {"sh"}
    assert [line for block in blocks if block.day == "Wednesday" for line in block.text.splitlines()] == [
        *("tradewinds up --detach", "tradewinds status", "tradewinds down"),
    ]


def test_the_week_ends_with_sound_dags_a_tested_day_and_a_table(said: tuple[Path, dict[str, str]]) -> None:
    firm, told = said

    assert (firm / "prices" / "2024-01-03.csv").read_text() == "symbol,session,close\nAAPL,2024-01-03,184.25\n"
    assert "2 passed" in told["Tuesday: python -m pytest test_dags.py"]
    assert "2 passed" in told["Friday: python -m pytest test_dags.py"]
    assert "184.25" in told["Thursday: tradewinds data show closes"]


def test_a_workspaces_own_dags_stand_beside_those_that_ship(tmp_path: Path) -> None:
    without = dag_folders(str(tmp_path))
    (tmp_path / "dags").mkdir()

    assert (without, dag_folders(None)) == ((DAGS,), (DAGS,))
    assert dag_folders(str(tmp_path)) == (DAGS, tmp_path / "dags")


@pytest.mark.airflow
def test_up_runs_the_firms_own_dag(said: tuple[Path, dict[str, str]], environment: dict[str, str]) -> None:
    firm, _ = said
    (firm / "prices" / "2024-01-05.csv").unlink(missing_ok=True)
    started = False
    try:
        _run("tradewinds up --detach", firm, environment)
        started = True
        _run("tradewinds status", firm, environment)
        client = find(firm / "state" / "airflow")
        assert client is not None
        with client:
            while "prices" not in client.dags():
                Event().wait(0.1)
            run_id = client.trigger("prices", {"partition": "2024-01-05"})
            assert run_id is not None
            while not client.run("prices", run_id).has_ended:
                Event().wait(0.1)
            assert client.run("prices", run_id).state == "success", client.tasks("prices", run_id)
            assert client.import_errors() == []
    finally:
        if started:
            _run("tradewinds down", firm, environment)
    assert (firm / "prices" / "2024-01-05.csv").read_text().endswith("AAPL,2024-01-05,184.25\n")
