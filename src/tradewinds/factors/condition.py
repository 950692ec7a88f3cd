"""Text to condition: `rsi < 30`, `value_traded > 1e6 and not sector == 3`, `close crosses above sma(200)`.

1. A condition is comparisons of expressions (`expression.py`), joined by `and`, `or` and `not`; nothing of it is ever run as Python.
2. `above`, `below`, `at least`, `at most` are `>`, `<`, `>=`, `<=`; `a crosses above b` holds in the session in which a, last seen at or
   below b, is above it.
3. The answer is a Term: 1 where the condition holds, 0 where it does not, NaN where that is not known. A comparison with what is not known
   is not known; `and` and `or` say what they can in spite of that (Kleene, 1938), and who asks takes 1 alone as a yes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.factors.expression import DEPTH_MAX, TEXT_MAX, Own, parse_term
from tradewinds.factors.term import Floats, Term

CROSS_ROWS = 5  # sessions within which what was compared last is looked for: a halt hides no crossing
EXAMPLE = "expected such as rsi < 30 and close crosses above sma(200)"

Named = Mapping[str, str]
Compare = Callable[[Floats, Floats], np.ndarray]

_WORDS = (
    (r"crosses\s+above", ">>"), (r"crosses\s+below", "<<"), (r"is\s+above|above", ">"), (r"is\s+below|below", "<"),
    (r"at\s+least", ">="), (r"at\s+most", "<="),
)  # fmt: skip
_SIGNS: Mapping[type[ast.cmpop], tuple[str, Compare]] = {
    ast.Lt: ("<", np.less), ast.LtE: ("<=", np.less_equal), ast.Gt: (">", np.greater), ast.GtE: (">=", np.greater_equal),
    ast.Eq: ("==", np.equal), ast.NotEq: ("!=", np.not_equal),
}  # fmt: skip
_NAMED: Named = MappingProxyType({})
_OWN: Own = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """text: as it was written. term: 1 holds, 0 does not, NaN not known. sides: what it compares, by text, for who wants the values."""

    text: str
    term: Term
    sides: Mapping[str, Term]


def parse_condition(text: str, named: Named = _NAMED, own: Own = _OWN) -> Condition:
    """The condition that a text states.

    named: names that stand for expressions, such as a book's features. own: the caller's factors by name. Raises Rejected saying which part
    of the text is wrong.
    """
    if len(text) > TEXT_MAX:
        raise Rejected(f"condition: {len(text)} characters, expected at most {TEXT_MAX}")
    try:
        tree = ast.parse(_signed(text), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        said = error.msg if isinstance(error, SyntaxError) else str(error) or "too long"
        raise Rejected(f"condition {text!r}: {said}, {EXAMPLE}") from None
    reading = _Reading(text, named, own)
    term = reading.condition(tree.body, 0)
    return Condition(text, term, reading.sides)


def expand(text: str, named: Named) -> str:
    """The expression with names that stand for others written out; raises Rejected for no expression."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text  # whoever parses it says what is wrong
    return ast.unparse(_Expanded(text, named).visit(tree))


@dataclass(frozen=True, slots=True)
class _Reading:
    text: str
    named: Named
    own: Own
    sides: dict[str, Term] = field(default_factory=dict)

    def condition(self, node: ast.expr, depth: int) -> Term:
        if depth > DEPTH_MAX:
            raise Rejected(f"condition {self.text!r}: nested more than {DEPTH_MAX} deep")
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return _joined("and", [self.condition(one, depth + 1) for one in values])
            case ast.BoolOp(op=ast.Or(), values=values):
                return _joined("or", [self.condition(one, depth + 1) for one in values])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self.condition(operand, depth + 1)
                return Term(f"(not {inner.text})", (inner,), _negated)
            case ast.Compare(left=left, ops=ops, comparators=others):
                sides = [left, *others]
                found = [self._compared(node, op, sides[place], sides[place + 1]) for place, op in enumerate(ops)]
                return found[0] if len(found) == 1 else _joined("and", found)
            case ast.BinOp(left=left, op=ast.RShift() | ast.LShift() as op, right=right):
                return self._crossed(node, left, right, is_above=isinstance(op, ast.RShift))
        raise self._refused(node, "expected a comparison such as rsi < 30")

    def _compared(self, node: ast.expr, op: ast.cmpop, left: ast.expr, right: ast.expr) -> Term:
        if type(op) not in _SIGNS:
            raise self._refused(node, "expected one of < <= > >= == !=")
        sign, compare = _SIGNS[type(op)]
        first, second = self._side(left), self._side(right)
        parts, text = self._parts(node, first, second)

        def fill(values: tuple[Floats, ...], out: Floats) -> None:
            a, b = _both(values, first, second)
            _told(compare(a, b), np.isnan(a) | np.isnan(b), out)

        return Term(f"({text[0]} {sign} {text[1]})", parts, fill)

    def _crossed(self, node: ast.expr, left: ast.expr, right: ast.expr, *, is_above: bool) -> Term:
        first, second = self._side(left), self._side(right)
        parts, text = self._parts(node, first, second)

        def fill(values: tuple[Floats, ...], out: Floats) -> None:
            a, b = _both(values, first, second)
            difference = np.broadcast_to(a - b if is_above else b - a, out.shape)
            before = np.full(out.shape, np.nan)
            for rows in range(1, min(CROSS_ROWS, len(out) - 1) + 1):
                before[rows:] = np.where(np.isnan(before[rows:]), difference[:-rows], before[rows:])
            _told((difference > 0.0) & (before <= 0.0), np.isnan(difference) | np.isnan(before), out)

        words = "crosses above" if is_above else "crosses below"
        return Term(f"({text[0]} {words} {text[1]})", parts, fill, CROSS_ROWS)

    def _side(self, node: ast.expr) -> Term | float:
        number = _number(node)
        if number is not None:
            return number
        if isinstance(node, ast.Compare | ast.BoolOp) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
            raise self._refused(node, "expected a number or an expression on each side of a comparison")
        text = ast.unparse(node)
        term = parse_term(expand(text, self.named), self.own)
        self.sides[text] = term
        return term

    def _parts(self, node: ast.expr, first: Term | float, second: Term | float) -> tuple[tuple[Term, ...], tuple[str, str]]:
        parts = tuple(one for one in (first, second) if isinstance(one, Term))
        if not parts:
            raise self._refused(node, "compares two numbers, expected a factor or a field on one side")
        text = [one.text if isinstance(one, Term) else repr(one) for one in (first, second)]
        return parts, (text[0], text[1])

    def _refused(self, node: ast.expr, why: str) -> Rejected:
        return Rejected(f"condition {self.text!r}: {_worded(ast.unparse(node))!r}: {why}")


class _Expanded(ast.NodeTransformer):
    """Puts an expression in place of a name, unless it is the name of what is called."""

    def __init__(self, text: str, named: Named) -> None:
        self._text, self._named = text, named

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.args = [self.visit(one) for one in node.args]
        for one in node.keywords:
            one.value = self.visit(one.value)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id not in self._named:
            return node
        try:
            return ast.parse(self._named[node.id].strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise Rejected(f"condition {self._text!r}: {node.id} stands for {self._named[node.id]!r}, expected an expression") from None


def _signed(text: str) -> str:
    if "<<" in text or ">>" in text:
        raise Rejected(f"condition {text!r}: << or >>, {EXAMPLE}")
    for words, sign in _WORDS:
        text = re.sub(rf"\b(?:{words})\b", sign, text, flags=re.IGNORECASE)
    return text.strip()


def _worded(text: str) -> str:
    return text.replace(">>", "crosses above").replace("<<", "crosses below")


def _number(node: ast.expr) -> float | None:
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _number(operand)
            return None if inner is None else -inner
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _number(operand)
    return None


def _both(values: tuple[Floats, ...], first: Term | float, second: Term | float) -> tuple[Floats, Floats]:
    """Both sides as arrays; a number is one of shape (1, 1)."""
    if isinstance(first, Term) and isinstance(second, Term):
        return values[0], values[1]
    if isinstance(first, Term):
        return values[0], np.full((1, 1), second)
    return np.full((1, 1), first), values[0]


def _told(holds: np.ndarray, is_unknown: np.ndarray, out: Floats) -> None:
    out[:] = holds
    out[np.broadcast_to(is_unknown, out.shape)] = np.nan


def _joined(word: str, terms: Sequence[Term]) -> Term:
    """Kleene's and, or: the least, the greatest of what is known, unless what is not known could change it."""
    decides = 0.0 if word == "and" else 1.0

    def fill(values: tuple[Floats, ...], out: Floats) -> None:
        is_unknown, is_decided = np.zeros(out.shape, np.bool_), np.zeros(out.shape, np.bool_)
        for one in values:
            is_unknown |= np.isnan(one)
            is_decided |= one == decides
        out[:] = 1.0 - decides
        out[is_unknown] = np.nan
        out[is_decided] = decides

    return Term("(" + f" {word} ".join(one.text for one in terms) + ")", tuple(terms), fill)


def _negated(values: tuple[Floats, ...], out: Floats) -> None:
    np.subtract(1.0, values[0], out=out)
