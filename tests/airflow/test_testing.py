"""The checks for DAG files of a user's own: each finds what it is for, and a sound folder passes all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tradewinds.airflow.testing import CHECKS, DagRun, Finding, Rules, findings
from tradewinds.core.errors import Rejected

SOUND = '''
"""Prices of the day."""

from datetime import datetime

from airflow.sdk import dag, task

WORDS = {"owner": "ada", "retries": 2}


@dag(schedule="30 22 * * 1-5", start_date=datetime(2024, 1, 1), catchup=False, max_active_runs=1, default_args=WORDS)
def prices():
    @task
    def fetch(dag_run=None):
        import numpy as np

        return [dag_run.conf["partition"], float(np.sum([1.0, 2.0]))]

    @task
    def publish(rows):
        assert rows == ["2024-01-03", 3.0], rows

    publish(fetch())


prices()
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one sound DAG file."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "prices.py").write_text(SOUND)
    return tmp_path / "dags"


def _changed(folder: Path, old: str, new: str) -> None:
    assert old in SOUND
    (folder / "prices.py").write_text(SOUND.replace(old, new))


def test_a_sound_folder_passes_every_check(folder: Path) -> None:
    assert findings(folder) == []
    assert list(CHECKS) == [
        *("import_errors", "cycles", "owners", "retries", "heavy_imports", "reading", "clocks", "catchup", "active_runs", "ids"),
    ]


CASES = [
    ("WORDS = ", "WORDS = 1 / 0 or ", "import_errors", "prices.py", "ZeroDivisionError: division by zero"),
    ("publish(fetch())", "one = fetch()\n    one >> publish(one) >> one", "import_errors", "prices.py", "ycl"),
    ('"owner": "ada", ', "", "owners", "prices.fetch", "owner 'airflow'"),
    ('"retries": 2', '"retries": 0', "retries", "prices.fetch", "0 retries, expected at least 1"),
    ("from airflow.sdk", "import numpy\nfrom airflow.sdk", "heavy_imports", "prices.py", "imports numpy while it is read"),
    ("from airflow.sdk", "import desk_words\nfrom airflow.sdk", "heavy_imports", "prices.py", "polars while it is read"),
    ("WORDS = ", "import subprocess; subprocess.run(['true'])\nWORDS = ", "reading", "prices.py", "starts a process while it is read"),
    ("WORDS = ", "import sqlite3; sqlite3.connect(':memory:').close()\nWORDS = ", "reading", "prices.py", "opens a database"),
    ("    publish(fetch())", "    datetime.now()\n    publish(fetch())", "clocks", "prices.py", "line 23: datetime.now() while it is read"),
    ("datetime(2024, 1, 1)", "datetime.now()", "clocks", "prices.py", "line 11: datetime.now() while it is read"),
    ("catchup=False", "catchup=True", "catchup", "prices", "catchup True, expected False"),
    ("max_active_runs=1, ", "", "active_runs", "prices", "max_active_runs 16, expected at most 1"),
    ("@dag(", '@dag("Prices-of-the-day", ', "ids", "Prices-of-the-day", "expected [a-z][a-z0-9_]*"),
]


@pytest.fixture(scope="module")
def unsound(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    """What is found in a folder in which every file has one thing wrong; the file of case 3 and its DAG are called case_03."""
    place = tmp_path_factory.mktemp("unsound")
    (place / "desk_words.py").write_text("import polars\n")
    for number, (old, new, *_) in enumerate(CASES):
        assert old in SOUND
        (place / f"case_{number:02}.py").write_text(SOUND.replace(old, new, 1).replace("prices()", f"case_{number:02}()"))
    return findings(place)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: f"{number}-{CASES[number][2]}")
def test_what_would_hurt_at_night_is_found(unsound: list[Finding], number: int) -> None:
    _, _, check, where, what = CASES[number]
    place = where.replace("prices", f"case_{number:02}")

    found = [one for one in unsound if one.where == place]

    assert [one.check for one in found] == [check], unsound
    assert what in found[0].what


def test_rules_can_be_set_and_a_dag_can_be_excused_from_one(folder: Path) -> None:
    _changed(folder, "max_active_runs=1, ", "max_active_runs=3, ")
    assert findings(folder) == [Finding("active_runs", "prices", "max_active_runs 3, expected at most 1")]

    assert findings(folder, Rules(runs_max=3)) == []
    assert findings(folder, Rules(excused={"prices": ("active_runs",)})) == []
    assert [one.check for one in findings(folder, Rules(runs_max=3, retries_min=3))] == ["retries", "retries"]


def test_a_folder_without_a_dag_is_refused_so_that_a_wrong_path_does_not_pass(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="expected a folder of DAG files"):
        findings(tmp_path / "absent")
    with pytest.raises(Rejected, match="holds no DAG"):
        findings(tmp_path)


def test_a_dag_runs_to_its_end_without_a_scheduler(folder: Path, run_dag: Callable[..., DagRun]) -> None:
    done = run_dag(folder, "prices", partition="2024-01-03")

    assert done == DagRun("success", {"fetch": "success", "publish": "success"})


def test_a_task_that_fails_is_named(folder: Path, run_dag: Callable[..., DagRun]) -> None:
    _changed(folder, '"retries": 2', '"retries": 0')

    done = run_dag(folder, "prices", partition="2024-01-04")

    assert done == DagRun("failed", {"fetch": "success", "publish": "failed"})
    with pytest.raises(Rejected, match=r"'pricess', expected one of prices"):
        run_dag(folder, "pricess")
