"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "tradewinds"
PURE = (
    "core",
    "people",
    "calendars",
    "history",
    "performance",
    "factors",
    "risk",
    "models",
    "portfolio",
    "trading",
    "simulation",
    "report",
)
FORBIDDEN_IN_PURE = {
    "time", "random", "os", "socket", "threading", "logging", "subprocess", "httpx", "sqlalchemy", "pathlib", "shutil"
}  # fmt: skip
# Compiled calendars are data of the package: read once, by name, never from a path of the user's.
READS_ITS_OWN_DATA = {"calendars/compiled.py"}


def _files(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (SOURCE / room).rglob("*.py"))


def _imports(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", _files(*PURE), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_pure_room_has_no_clock_no_files_and_no_chance(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    names = _imports(tree) & FORBIDDEN_IN_PURE
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    clocks = {
        f"{ast.unparse(node.func)}()"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"now", "utcnow", "today"}
    }

    assert names == set()
    assert calls & {"open", "print", "input"} == set()
    assert clocks == set()


def test_core_imports_the_standard_library_only() -> None:
    outside = {
        f"{path.name}: {name}"
        for path in _files("core")
        for name in _imports(ast.parse(path.read_text(encoding="utf-8"))) - set(sys.stdlib_module_names) - {"tradewinds", "polars"}
    }

    assert outside == set()


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import tradewinds; print(sorted({m.split('.')[0] for m in set(sys.modules) - before}))"

    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert printed.strip() == "['tradewinds']"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom tradewinds.app.cli import cli\n"
        "try:\n    cli.main(['--help'], standalone_mode=False)\nfinally:\n"
        "    heavy = {'numpy', 'polars', 'pandas', 'airflow', 'sqlalchemy', 'pydantic', 'duckdb', 'rich', 'httpx'} & set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    assert "demo" in result.stdout


def test_only_the_airflow_room_imports_airflow() -> None:
    elsewhere = {
        str(path.relative_to(SOURCE))
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).parts[0] != "airflow" and "airflow" in _imports(ast.parse(path.read_text(encoding="utf-8")))
    }

    assert elsewhere == set()


def test_only_one_production_file_starts_the_local_venues() -> None:
    importers = {
        str(path.relative_to(SOURCE))
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).parts[0] not in ("sandbox", "campaign") and "tradewinds.sandbox" in path.read_text(encoding="utf-8")
    }

    assert {name for name in importers if re.search(r"^\s*(from|import) tradewinds\.sandbox", (SOURCE / name).read_text(), re.M)} <= {
        "wiring/sandbox.py"
    }


@pytest.mark.parametrize("lock", sorted((ROOT / "locks").rglob("*.lock")), ids=lambda path: path.name)
def test_a_lock_pins_with_hashes_and_names_no_index(lock: Path) -> None:
    text = lock.read_text()
    pins = re.findall(r"^([A-Za-z0-9._-]+)==", text, re.M)

    assert "://" not in text
    assert pins
    assert len(re.findall(r"^[A-Za-z0-9._-]+==[^\n]*\\\n    --hash=sha256:", text, re.M)) == len(pins)


def test_every_command_says_what_it_does() -> None:
    from tradewinds.app.cli import COMMANDS, cli

    context = cli.make_context("tradewinds", ["--help"], resilient_parsing=True)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None, name
        assert command.help, name
