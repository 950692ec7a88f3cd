"""Nobody changes how the whole process counts, and nobody here takes it from there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = sorted(path for folder in ("src", "tests", "benchmarks", "tools", "examples") for path in (ROOT / folder).rglob("*.py"))


def _calls(path: Path, *names: str) -> list[ast.Call]:
    text = path.read_text(encoding="utf-8")
    if not any(name in text for name in names):
        return []
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [one for one in calls if (one.func.attr if isinstance(one.func, ast.Attribute) else getattr(one.func, "id", "")) in names]


def _changed(tree: ast.AST) -> list[int]:
    """Lines that set an attribute of `getcontext()`, or a key of one."""
    targets = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store)]
    return [one.lineno for one in targets if "getcontext()" in ast.unparse(one) or "DefaultContext" in ast.unparse(one)]


def test_no_file_changes_how_the_process_counts() -> None:
    calls = {str(path.relative_to(ROOT)): [one.lineno for one in _calls(path, "setcontext")] for path in WRITTEN}
    changes = {
        str(path.relative_to(ROOT)): _changed(ast.parse(path.read_text(encoding="utf-8")))
        for path in WRITTEN
        if _calls(path, "getcontext") or "DefaultContext" in path.read_text(encoding="utf-8")
    }

    assert {name: lines for name, lines in (calls | changes).items() if lines} == {}


@pytest.mark.parametrize("room", sorted(path.name for path in (ROOT / "src" / "tradewinds").iterdir() if path.is_dir()))
def test_whoever_counts_otherwise_says_so_in_whole(room: str) -> None:
    """`localcontext(prec=50)` would take rounding and traps from the process; `core.money.numbers` names them all."""
    calls = {path: _calls(path, "localcontext") for path in WRITTEN if path.is_relative_to(ROOT / "src" / "tradewinds" / room)}

    assert [f"{path.relative_to(ROOT)}:{one.lineno}" for path, found in calls.items() for one in found if not one.args] == []
