"""pytest checks for DAG files of your own: what would hurt at night is found by day, without a scheduler.

    pytest_plugins = ["tradewinds.airflow.testing"]                 # conftest.py

    def test_dags_are_sound():
        assert findings("dags") == []

    def test_a_night_runs_through(run_dag):
        assert run_dag("dags", "prices", partition="2024-01-03").states == {"fetch": "success"}

1. `findings` reads a folder as Airflow does and looks at every DAG by `Rules`; each check stands in `CHECKS` under its name.
2. What a file does while it is read (modules, seconds, sockets, processes) is observed in a process of its own: `parsing_probe`.
3. `run_dag` runs one DAG to its end in this process, over a metadata database that is made for the test session and thrown away.

Importing this module imports no Airflow. As a plugin it gives Airflow a home in a temporary folder where none was named.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tradewinds.core.errors import Rejected

if TYPE_CHECKING:
    from airflow.sdk import DAG

HEAVY = (
    "cvxpy", "duckdb", "lightgbm", "matplotlib", "mlflow", "numba", "numpy", "pandas", "plotly", "polars", "pyarrow", "ray", "scipy",
    "skfolio", "sklearn", "statsmodels", "talib", "tensorflow", "torch", "xgboost",
)  # fmt: skip
PROBE_S_MAX = 120.0
_NOW = ("now", "utcnow", "today")
_DRAWING = ("dag", "task_group")
_UNNAMED = "airflow"
_BUNDLE = "tested"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a sound DAG is. seconds_max: to read one file, after Airflow itself is imported. heavy: modules that no DAG file imports while
    it is read. excused: DAG id, or file name, -> names of checks that it need not pass, for instance `{"legacy": ("retries",)}`.
    """

    retries_min: int = 1
    runs_max: int = 1
    seconds_max: float = 2.0
    heavy: Sequence[str] = HEAVY
    ids: str = r"[a-z][a-z0-9_]*"
    excused: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: which check says so, of which file or DAG, and what was found and expected."""

    check: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of DAG files as it was read. observed: by file, what `parsing_probe` saw."""

    rules: Rules
    dags: Mapping[str, DAG]
    errors: Mapping[str, str]
    observed: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class DagRun:
    """How a run ended: its state, and the state of each task (a mapped one as `name[index]`)."""

    state: str
    states: dict[str, str | None]


def findings(folder: Path | str, rules: Rules | None = None) -> list[Finding]:
    """Everything that is wrong with the DAGs of a folder, in the order of `CHECKS`; an empty list for a sound one.

    Raises Rejected where the folder holds no DAG file, so that a wrong path does not pass for sound DAGs.
    """
    read = _read(Path(folder), rules or Rules())
    found = [Finding(name, where, what) for name, check in CHECKS.items() for where, what in check(read)]
    return [one for one in found if one.check not in read.rules.excused.get(one.where.partition(".")[0], ())]


def import_errors(read: Folder) -> Iterator[tuple[str, str]]:
    """A file that cannot be read, an id that stands twice, tasks that wait for each other."""
    for name, trace in read.errors.items():
        yield name, f"{trace.strip().splitlines()[-1]}, expected a file that Airflow can read"


def cycles(read: Folder) -> Iterator[tuple[str, str]]:
    """Tasks that wait for each other."""
    for dag_id, dag in read.dags.items():
        try:
            dag.check_cycle()
        except Exception as error:  # noqa: BLE001 -- its class is not part of Airflow's public interface
            yield dag_id, f"{error}, expected tasks in an order"


def owners(read: Folder) -> Iterator[tuple[str, str]]:
    """A task nobody answers for."""
    for dag_id, name, task in _tasks(read):
        if task.owner in ("", _UNNAMED):
            yield f"{dag_id}.{name}", f"owner {task.owner!r}, expected who is called at night (default_args: owner)"


def retries(read: Folder) -> Iterator[tuple[str, str]]:
    """A task that one lost packet fails."""
    for dag_id, name, task in _tasks(read):
        if task.retries < read.rules.retries_min:
            yield f"{dag_id}.{name}", f"{task.retries} retries, expected at least {read.rules.retries_min}"


def heavy_imports(read: Folder) -> Iterator[tuple[str, str]]:
    """A file that loads what only its tasks need, directly or by what it imports: every scheduler loop pays for it."""
    for name, seen in read.observed.items():
        if seen["heavy"]:
            yield name, f"imports {', '.join(seen['heavy'])} while it is read, expected inside tasks"


def reading(read: Folder) -> Iterator[tuple[str, str]]:
    """A file that takes long to read, or asks the network, a database or another process while it is read."""
    for name, seen in read.observed.items():
        if seen["seconds"] > read.rules.seconds_max:
            yield name, f"takes {seen['seconds']:.1f} s to read, expected at most {read.rules.seconds_max:g}"
        if seen["asked"]:
            yield name, f"{', '.join(seen['asked'])} while it is read, expected inside tasks"


def clocks(read: Folder) -> Iterator[tuple[str, str]]:
    """A file that asks the time while it is read: its DAG is another one every time."""
    for name, seen in read.observed.items():
        for line, call in _times_asked(Path(seen["path"])):
            yield name, f"line {line}: {call} while it is read, expected a fixed date"


def catchup(read: Folder) -> Iterator[tuple[str, str]]:
    """A DAG that starts all that it has missed, at once, when it is switched on."""
    for dag_id, dag in read.dags.items():
        if dag.catchup:
            yield dag_id, "catchup True, expected False; a backfill runs what was missed"


def active_runs(read: Folder) -> Iterator[tuple[str, str]]:
    """A DAG whose runs overtake each other."""
    for dag_id, dag in read.dags.items():
        if dag.max_active_runs > read.rules.runs_max:
            yield dag_id, f"max_active_runs {dag.max_active_runs}, expected at most {read.rules.runs_max}"


def ids(read: Folder) -> Iterator[tuple[str, str]]:
    """Names that need quoting somewhere."""
    for dag_id in read.dags:
        if not re.fullmatch(read.rules.ids, dag_id):
            yield dag_id, f"id {dag_id!r}, expected {read.rules.ids}"
    for dag_id, name, _ in _tasks(read):
        if not all(re.fullmatch(read.rules.ids, part) for part in name.split(".")):
            yield f"{dag_id}.{name}", f"id {name!r}, expected {read.rules.ids}"


CHECKS: Mapping[str, Callable[[Folder], Iterator[tuple[str, str]]]] = {
    one.__name__: one
    for one in (import_errors, cycles, owners, retries, heavy_imports, reading, clocks, catchup, active_runs, ids)
}  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """pytest calls it when the plugin is loaded: Airflow's home is a temporary folder unless one is named."""
    if "AIRFLOW_HOME" in os.environ:
        return
    home = tempfile.TemporaryDirectory(prefix="airflow-tests-")
    config.add_cleanup(home.cleanup)
    chosen = {"CORE__LOAD_EXAMPLES": "False", "CORE__LAZY_DISCOVER_PROVIDERS": "False", "CORE__UNIT_TEST_MODE": "False"}
    os.environ |= {"AIRFLOW_HOME": home.name, **{f"AIRFLOW__{name}": value for name, value in chosen.items()}}
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{home.name}/airflow.db"
    config.add_cleanup(_forget_home)


def _forget_home() -> None:
    os.environ.pop("AIRFLOW_HOME", None)


@pytest.fixture(scope="session")
def airflow_metadata() -> None:
    """Airflow's metadata database of this test session, with its tables. Raises Rejected where it is not a file: those hold real runs."""
    from airflow.utils import db

    from airflow import settings

    address = str(settings.SQL_ALCHEMY_CONN)
    if not address.startswith("sqlite"):
        raise Rejected(f"airflow_metadata: {address.partition(':')[0]}, expected SQLite; a test throws its runs away")
    settings.configure_orm()  # type: ignore[no-untyped-call]  # airflow leaves it untyped
    db.initdb()
    with warnings.catch_warnings():
        # What it warns of when it is first imported concerns Airflow, and would fail tests where warnings are errors.
        warnings.simplefilter("ignore")
        importlib.import_module("starlette.testclient")


@pytest.fixture
def run_dag(airflow_metadata: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., DagRun]:
    """`run_dag(folder, dag_id, partition=None, conf=None)`: runs the DAG to its end in this process and says how it ended."""

    def run(folder: Path | str, dag_id: str, *, partition: str | None = None, conf: Mapping[str, Any] | None = None) -> DagRun:
        read = _bag(Path(folder))
        if dag_id not in read.dags:
            raise Rejected(f"run_dag: {dag_id!r}, expected one of {', '.join(sorted(read.dags)) or 'none'}; errors: {read.import_errors}")
        asked = {**({} if partition is None else {"partition": partition}), **(conf or {})}
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", _bundles(Path(folder)))
        done = read.dags[dag_id].test(run_conf=asked)
        states = {
            task.task_id if task.map_index < 0 else f"{task.task_id}[{task.map_index}]": None if task.state is None else str(task.state)
            for task in done.get_task_instances()
        }
        return DagRun(str(done.state), states)

    return run


def _read(folder: Path, rules: Rules) -> Folder:
    bag = _bag(folder)
    errors = {Path(name).name: trace for name, trace in bag.import_errors.items()}
    if not bag.dags and not errors:
        raise Rejected(f"findings: {folder} holds no DAG, expected a folder of DAG files")
    files = sorted({*(Path(dag.fileloc) for dag in bag.dags.values())})
    return Folder(rules, bag.dags, errors, _observed(files, rules.heavy))


def _bag(folder: Path) -> Any:
    from airflow.dag_processing.dagbag import BundleDagBag

    if not folder.is_dir():
        raise Rejected(f"findings: {folder}, expected a folder of DAG files")
    place = folder.absolute()
    return BundleDagBag(place, bundle_path=place, bundle_name=_BUNDLE)


def _bundles(folder: Path) -> str:
    """The folder as the one place where Airflow looks for DAGs."""
    words = {
        "name": _BUNDLE,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder.absolute())},
    }
    return json.dumps([words])


def _observed(files: Sequence[Path], heavy: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By file name, what a fresh process saw while it read the file."""
    command = [
        sys.executable,
        "-m",
        "tradewinds.airflow.parsing_probe",
        json.dumps({"files": [str(one) for one in files], "heavy": list(heavy)}),
    ]
    done = subprocess.run(  # noqa: S603 -- our own interpreter, our own module
        command, capture_output=True, text=True, timeout=PROBE_S_MAX, check=False
    )
    if done.returncode:
        raise Rejected(f"findings: reading {len(files)} files ended with {done.returncode}, expected 0: {done.stderr.strip()[-500:]}")
    found: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return {Path(name).name: {**seen, "path": name} for name, seen in found.items()}


def _times_asked(path: Path) -> Iterator[tuple[int, str]]:
    """Calls such as `datetime.now()` that run while the file is read: outside functions, and in those that draw (`@dag`, `@task_group`)."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            draws = any(name in _DRAWING for one in node.decorator_list for name in ast.unparse(one).partition("(")[0].split("."))
            waiting.extend([*node.decorator_list, *node.args.defaults, *(node.body if draws else ())])
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _NOW:
            yield node.lineno, f"{ast.unparse(node.func)}()"
        waiting.extend(ast.iter_child_nodes(node))


def _tasks(read: Folder) -> Iterator[tuple[str, str, Any]]:
    for dag_id, dag in read.dags.items():
        for name, task in dag.task_dict.items():
            yield dag_id, name, task
