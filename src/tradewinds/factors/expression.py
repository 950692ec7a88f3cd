"""Text to Factor: `zscore(winsorise(momentum(252, 21)))`, `rank(-reversal(5))`, `neutralise(size(), sector)`, `close / sma(20) - 1`.

1. The text is parsed into a tree of Python's own grammar; nothing of it is ever run.
2. A name alone is a field; a call is a step (`steps.py`), a factor of the library, one of the caller's own, or a TA-Lib function.
3. `+ - * /`, numbers, calls, names and `.output` of a TA-Lib call are all there is; anything else is refused by its place in the text.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tradewinds.core.errors import Rejected
from tradewinds.factors import steps
from tradewinds.factors.factor import Factor, factor_of
from tradewinds.factors.library import LIBRARY
from tradewinds.factors.steps import STEPS
from tradewinds.factors.talib_library import names
from tradewinds.factors.talib_term import is_talib, talib_term
from tradewinds.factors.term import Term

TEXT_MAX = 2_000
DEPTH_MAX = 50
NUMBER_MAX = 1e150

Own = Mapping[str, Callable[..., Factor]]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


def parse(text: str, *, name: str | None = None, own: Own = MappingProxyType({})) -> Factor:
    """The factor that a text describes; `name` is what it is called, the text itself where it is None.

    own: the caller's factors by name, functions of numbers. Raises Rejected saying what is wrong and what stands near it.
    """
    term = parse_term(text, own)
    formula, source = _described(text)
    return factor_of(term, name or text, formula, source)


def parse_term(text: str, own: Own = MappingProxyType({})) -> Term:
    """The steps that a text describes."""
    if len(text) > TEXT_MAX:
        raise Rejected(f"expression: {len(text)} characters, expected at most {TEXT_MAX}")
    line = " ".join(text.split())
    try:
        tree = ast.parse(line, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Rejected(f"expression {text!r}: {_syntax(error)}, expected such as rank(-reversal(5))") from None
    found = _Reading(line, own).term(tree.body, 0)
    if not isinstance(found, Term):
        raise Rejected(f"expression {text!r}: the number {found}, expected a factor")
    return found


@dataclass(frozen=True, slots=True)
class _Reading:
    text: str
    own: Own = field(default_factory=lambda: MappingProxyType({}))

    def term(self, node: ast.expr, depth: int) -> Term | float:
        if depth > DEPTH_MAX:
            raise Rejected(f"expression {self.text!r}: nested more than {DEPTH_MAX} deep")
        match node:
            case ast.Constant(value=bool()) | ast.Constant(value=complex()):
                raise self._refused(node, "expected a number")
            case ast.Constant(value=int() | float() as value):
                return self._number(node, value)
            case ast.Name(id=name):
                return self._field(node, name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.term(operand, depth + 1)
                return steps.negate(inner) if isinstance(inner, Term) else -inner
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.term(operand, depth + 1)
            case ast.BinOp(left=left, op=op, right=right):
                return self._arithmetic(node, op, self.term(left, depth + 1), self.term(right, depth + 1))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords):
                return self._call(node, name, arguments, keywords, depth)
            case ast.Attribute(value=ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords) as call, attr=output):
                if not self._is_talib(name):
                    raise self._refused(node, "expected an output of a TA-Lib function, such as macd().macd_hist")
                return self._talib(call, name, *self._arguments(call, arguments, keywords, depth), output)
        raise self._refused(node, "expected numbers, fields, calls and + - * /")

    def _field(self, node: ast.expr, name: str) -> Term:
        if name in STEPS or name in LIBRARY or name in self.own:
            raise self._refused(node, f"expected a call, such as {name}(...)")
        if _NAME.fullmatch(name) is None:
            raise self._refused(node, "expected a field's name in lower case")
        return Term(name)

    def _arithmetic(self, node: ast.expr, op: ast.operator, left: Term | float, right: Term | float) -> Term | float:
        action = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}.get(type(op))
        if action is None:
            raise self._refused(node, "expected + - * or /")
        if action == "/" and not isinstance(right, Term) and right == 0:
            raise self._refused(node, "expected no division by zero")
        if isinstance(left, Term):
            return {"+": steps.add, "-": steps.subtract, "*": steps.multiply, "/": steps.divide}[action](left, right)
        if isinstance(right, Term):
            return _turned(action, left, right)
        found = {"+": left + right, "-": left - right, "*": left * right}[action] if action != "/" else left / right
        return self._number(node, found)

    def _number(self, node: ast.expr, value: float) -> float:
        if not abs(value) <= NUMBER_MAX:
            raise self._refused(node, f"expected a number of at most {NUMBER_MAX:g}")
        return value

    def _call(self, node: ast.expr, name: str, arguments: list[ast.expr], keywords: list[ast.keyword], depth: int) -> Term:
        given, named = self._arguments(node, arguments, keywords, depth)
        if self._is_talib(name):
            return self._talib(node, name, given, named)
        function = self.own.get(name) or STEPS.get(name) or LIBRARY.get(name)
        if function is None:
            near = difflib.get_close_matches(name.lower(), [*self.own, *STEPS, *LIBRARY, *(one.lower() for one in names())], n=3)
            hint = f"such as {', '.join(near)}" if near else f"a TA-Lib function or one of {', '.join(sorted([*STEPS, *LIBRARY]))}"
            raise self._refused(node, f"{name!r} is unknown, expected {hint}")
        self._checked(node, name, function, given, named)
        try:
            found = function(*given, **named)
        except Rejected as error:
            raise self._refused(node, str(error)) from None
        return found.steps if isinstance(found, Factor) else found

    def _arguments(
        self, node: ast.expr, arguments: list[ast.expr], keywords: list[ast.keyword], depth: int
    ) -> tuple[list[Term | float], dict[str, Term | float]]:  # fmt: skip
        if any(one.arg is None for one in keywords) or any(isinstance(one, ast.Starred) for one in arguments):
            raise self._refused(node, "expected arguments one by one, no stars")
        named = {str(one.arg): self.term(one.value, depth + 1) for one in keywords}
        return [self.term(one, depth + 1) for one in arguments], named

    def _is_talib(self, name: str) -> bool:
        """In capitals always; else where nothing of ours has the name."""
        is_ours = name in self.own or name in STEPS or name in LIBRARY
        return is_talib(name) and (name.isupper() or not is_ours)

    def _talib(
        self, node: ast.expr, name: str, given: list[Term | float], named: dict[str, Term | float], output: str | None = None
    ) -> Term:  # fmt: skip
        series = [one for one in given if isinstance(one, Term)]
        numbers = [one for one in given if not isinstance(one, Term)]
        if given != [*series, *numbers] or any(isinstance(one, Term) for one in named.values()):
            raise self._refused(node, "expected series first, then numbers")
        try:
            return talib_term(name, series, numbers, {key: one for key, one in named.items() if not isinstance(one, Term)}, output)
        except Rejected as error:
            raise self._refused(node, str(error)) from None

    def _checked(
        self, node: ast.expr, name: str, function: Callable[..., object], given: list[Term | float], named: dict[str, Term | float]
    ) -> None:  # fmt: skip
        signature = inspect.signature(function)
        wanted = f"{name}({', '.join(str(one).replace(': Term', '').split(':')[0] for one in signature.parameters.values())})"
        try:
            bound = signature.bind(*given, **named)
        except TypeError as error:
            raise self._refused(node, f"{error}, expected {wanted}") from None
        for place, value in bound.arguments.items():
            is_series = "Term" in str(signature.parameters[place].annotation)
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, Term) != is_series:
                    kind = "a factor or a field" if is_series else "a number"
                    raise self._refused(node, f"{place} is {one.text if isinstance(one, Term) else one!r}, expected {kind} in {wanted}")

    def _refused(self, node: ast.expr, why: str) -> Rejected:
        part = ast.get_source_segment(self.text, node) or ""
        return Rejected(f"expression {self.text!r}: {part!r} at column {node.col_offset + 1}: {why}")


def _turned(action: str, left: float, right: Term) -> Term:
    """A number before the sign: 1 - x, 1 / x."""
    if action == "+":
        return steps.add(right, left)
    if action == "*":
        return steps.multiply(right, left)
    if action == "-":
        return steps.add(steps.negate(right), left)
    return steps.reciprocal(right, left)


def _described(text: str) -> tuple[str, str]:
    """Formula and source out of the docstrings of the library's factors that the text calls."""
    called = [one for one in dict.fromkeys(re.findall(r"[a-z_][a-z0-9_]*(?=\()", text)) if one in LIBRARY]
    notes = [described(LIBRARY[one]) for one in called]
    return "; ".join(one for one, _ in notes if one) or text, "; ".join(one for _, one in notes if one)


def described(function: Callable[..., object]) -> tuple[str, str]:
    """The lines `Formula:` and `Source:` of a docstring, each up to the next or to the end."""
    note = inspect.getdoc(function) or ""
    formula = re.search(r"^Formula: (.*?)(?=^Source:|\n\n|\Z)", note, re.M | re.S)
    source = re.search(r"^Source: (.*?)(?=\n\n|\Z)", note, re.M | re.S)
    return " ".join(formula[1].split()) if formula else "", " ".join(source[1].split()) if source else ""


def _syntax(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.msg} at column {error.offset}"
    return str(error) or "it is too long to parse"
