"""Approval is a type: nothing but the risk gate makes an `ApprovedOrder`, and a broker takes nothing else."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "tradewinds"
THE_GATE = "risk/limits.py"
# The journal's decoder makes, by its class's name, what was approved before it was written: it names no class here.
WORD = "ApprovedOrder"
# Ways to make or change an object without calling its class.
DETOURS = {"replace", "__replace__", "copy", "deepcopy", "__new__", "__setattr__", "__setstate__", "__reduce__", "__reduce_ex__"}
NEAR_ORDERS = re.compile(r"ApprovedOrder|tradewinds\.(core\.(order|broker)|risk|live|brokers|trading\.(entry|engine|books|journal))\b")
APPROVED_NAMES = re.compile(r"approved|verdict", re.I)


def _made_in(tree: ast.AST) -> list[str]:
    """Every use of the class that is no import, annotation, alias of types, isinstance or pattern; and detours around its constructor."""
    allowed = _where_a_type_may_stand(tree)
    found = []
    for node in ast.walk(tree):
        if _names_it(node) and id(node) not in allowed:
            found.append(f"line {node.lineno}: {WORD} used as a value")  # type: ignore[attr-defined]  # names and attributes have lines
        if isinstance(node, ast.alias) and node.name == WORD and node.asname not in (None, WORD):
            found.append(f"line {node.lineno}: {WORD} under another name")
        if isinstance(node, ast.Call) and _called(node) in DETOURS and any(_is_approved(one) for one in (*node.args, _owner(node))):
            found.append(f"line {node.lineno}: {ast.unparse(node)[:80]}")
        if isinstance(node, ast.Constant) and node.value == WORD:
            found.append(f"line {node.lineno}: {WORD} looked up by its name")
    return found


def _names_it(node: ast.AST) -> bool:
    return (isinstance(node, ast.Name) and node.id == WORD) or (isinstance(node, ast.Attribute) and node.attr == WORD)


def _where_a_type_may_stand(tree: ast.AST) -> set[int]:
    """Ids of the nodes below annotations, patterns, isinstance's second argument, and unions that are given a name."""
    roots: list[ast.AST | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            roots.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            roots.append(node.returns)
        elif isinstance(node, ast.MatchClass):
            roots.append(node.cls)
        elif isinstance(node, ast.Call) and _called(node) in ("isinstance", "cast", "TypeVar"):
            roots.extend(node.args[1:] if _called(node) == "isinstance" else node.args[:1])
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp | ast.Subscript) and _is_type(node.value):
            roots.append(node.value)
    return {id(below) for root in roots if root is not None for below in ast.walk(root)}


def _is_type(node: ast.AST) -> bool:
    return not any(isinstance(below, ast.Call) for below in ast.walk(node)) and not isinstance(node, ast.Dict | ast.List)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""


def _owner(node: ast.Call) -> ast.AST | None:
    return node.func.value if isinstance(node.func, ast.Attribute) else None


def _is_approved(node: ast.AST | None) -> bool:
    """Whether an expression is, by its name, an approved order itself (not something taken out of one)."""
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return bool(APPROVED_NAMES.search(name)) or name == WORD


def test_only_the_risk_gate_makes_an_approved_order() -> None:
    elsewhere = {
        str(path.relative_to(SOURCE)): made
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).as_posix() != THE_GATE
        and NEAR_ORDERS.search(text := path.read_text(encoding="utf-8"))
        and (made := _made_in(ast.parse(text)))
    }

    assert elsewhere == {}


def test_the_gate_makes_them_in_its_two_judgements_alone() -> None:
    tree = ast.parse((SOURCE / THE_GATE).read_text(encoding="utf-8"))

    makers = {
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and _called(node) == WORD
    }

    assert makers == {"_judged", "judge"}


@pytest.mark.parametrize(
    "bypass",
    [
        "order = ApprovedOrder(intent, 0)",
        "order = core.order.ApprovedOrder(intent, 0)",
        "make = ApprovedOrder",
        "order = partial(ApprovedOrder, intent)(0)",
        "orders = list(map(ApprovedOrder, intents, times))",
        "order = object.__new__(ApprovedOrder)",
        "order = ApprovedOrder.__new__(ApprovedOrder)",
        "order = dataclasses.replace(approved, intent=other)",
        "order = replace(self.approved, intent=other)",
        "order = copy.copy(verdict)",
        "object.__setattr__(approved, 'intent', other)",
        "makers = {'order': ApprovedOrder}",
        "makers = [ApprovedOrder]",
        "from tradewinds.core.order import ApprovedOrder as Plain",
        "make = getattr(order, 'ApprovedOrder')",
        "def f(make=ApprovedOrder): ...",
        "class Mine(ApprovedOrder): ...",
    ],
)
def test_ways_around_the_gate_are_found(bypass: str) -> None:
    assert _made_in(ast.parse(bypass)) != []


@pytest.mark.parametrize(
    "use",
    [
        "from tradewinds.core.order import ApprovedOrder",
        "def submit(self, order: ApprovedOrder) -> ApprovedOrder | None: ...",
        "orders: dict[str, ApprovedOrder] = {}",
        "Verdict = ApprovedOrder | Refusal",
        "if isinstance(verdict, ApprovedOrder): pass",
        "if isinstance(verdict, (ApprovedOrder, Hold)): pass",
        "match verdict:\n    case ApprovedOrder(intent): pass",
        "terms = replace(approved.terms, limit=None)",
    ],
)
def test_its_honest_uses_are_not(use: str) -> None:
    assert _made_in(ast.parse(use)) == []


def test_a_type_checker_refuses_to_submit_what_was_not_approved(tmp_path: Path) -> None:
    program = tmp_path / "around_the_gate.py"
    program.write_text(
        "from tradewinds.core.broker import Broker, OrderRef\n"
        "from tradewinds.core.order import ApprovedOrder, Hold, Intent, Refusal\n\n\n"
        "async def send(broker: Broker, ref: OrderRef, approved: ApprovedOrder, intent: Intent, no: Refusal, wait: Hold) -> None:\n"
        "    await broker.submit(approved)\n"
        "    await broker.replace(ref, approved)\n"
        "    await broker.submit(intent)\n"
        "    await broker.replace(ref, intent)\n"
        "    await broker.submit(no)\n"
        "    await broker.submit(wait)\n"
        "    approved.intent = intent\n"
    )

    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "--config-file", str(ROOT / "pyproject.toml"),
         str(program)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip

    errors = re.findall(r"around_the_gate\.py:(\d+): error: (.*?)  \[([\w-]+)\]", checked.stdout)
    assert [(int(line), code) for line, _, code in errors] == [
        (8, "arg-type"),
        (9, "arg-type"),
        (10, "arg-type"),
        (11, "arg-type"),
        (12, "misc"),
    ]
    assert all('expected "ApprovedOrder"' in text for _, text, code in errors if code == "arg-type")


def test_every_broker_takes_approved_orders_only() -> None:
    taken = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.AsyncFunctionDef) and node.name in ("submit", "replace"):
                order = node.args.args[-1]
                taken[f"{path.relative_to(SOURCE)}:{node.lineno}"] = None if order.annotation is None else ast.unparse(order.annotation)

    assert {place: kind for place, kind in taken.items() if kind != WORD} == {}
    assert len(taken) >= 4
