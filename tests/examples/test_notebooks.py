"""The notebooks run from top to bottom, cell by cell, and are kept without anything that a run left in them."""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "notebooks"
NAMES = ("01_history", "02_factor", "03_model_to_rest", "04_backtest", "05_post_mortem")


def cells(name: str) -> list[dict[str, Any]]:
    told = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert (told["nbformat"], told["nbformat_minor"]) == (4, 5)
    found: list[dict[str, Any]] = told["cells"]
    return found


def run(name: str) -> tuple[int, dict[str, Any]]:
    """Run its cells as a kernel does: one namespace, a last expression is shown. Returns how many were shown, and the namespace."""
    space: dict[str, Any] = {"__name__": "__main__"}
    shown = 0
    for cell in (one for one in cells(name) if one["cell_type"] == "code"):
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        where = f"{name}.ipynb:{cell['id']}"
        exec(compile(tree, where, "exec"), space)
        if isinstance(last, ast.Expr):
            shown += bool(repr(eval(compile(ast.Expression(last.value), where, "eval"), space)))
    return shown, space


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Temporary folders below the test's own, no workspace of the person who runs it, and no house of ours left open."""
    for variable in [one for one in os.environ if one.startswith(("TRADEWINDS_", "MLFLOW_"))]:
        monkeypatch.delenv(variable)
    before = dict(os.environ)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield
    houses = sys.modules.get("tradewinds.wiring.house")
    for house in list(houses._houses.values()) if houses is not None else ():
        house.close()
    if houses is not None:
        houses._houses.clear()
    for variable in set(os.environ) - set(before):
        del os.environ[variable]


def test_there_are_five_of_them() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_run_is_kept_in_it_and_it_ends_with_what_it_proved(name: str) -> None:
    code = [one for one in cells(name) if one["cell_type"] == "code"]

    assert all(one["outputs"] == [] and one["execution_count"] is None for one in code)
    assert any("assert " in "".join(one["source"]) for one in code)
    assert cells(name)[0]["cell_type"] == "markdown"


@pytest.mark.parametrize("name", ["01_history", "02_factor", "04_backtest", "05_post_mortem"])
def test_it_runs_from_top_to_bottom(name: str) -> None:
    shown, _ = run(name)

    assert shown >= 3


@pytest.mark.mlflow
@pytest.mark.timeout(180)
def test_the_model_answers_over_rest_what_it_answers_here() -> None:
    shown, space = run("03_model_to_rest")

    assert shown >= 3
    assert len(space["told"]["predictions"]) == 2
