"""`Term`: one step of a factor's arithmetic, and the evaluation of many at once.

1. A term is a field of the panel, or fills its values from those of its parts. Its text says what it is: two terms with one text
   are the same thing.
2. `evaluate` walks all terms that are asked for, parts first, each text once, and gives arrays that nobody needs any more to the next step.
3. Every step answers finite numbers or NaN. A field is cleaned of infinite values before anybody reads it.
4. A recursive step shows in its last digits where it began. With `edges` it begins afresh at each of them, `reach` rows before: then its
   values do not depend on where the whole computation began, as long as that is not after `first_row`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected

Floats = NDArray[np.float64]
Fill = Callable[[tuple[Floats, ...], Floats], None]

MEMBERS = "universe"  # 1 where an instrument belongs to the universe at that time; steps across instruments heed it where it is given
_EVERYBODY = np.empty((0, 0))  # what such a step is given where the field is absent


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One step. fill: writes (times, instruments) from those of the parts, None for a field; reach: rows before t it reads of its parts.

    error: what it adds by being recursive, in standard deviations of its values. is_across: reads other instruments' cells of a row.
    """

    text: str
    parts: tuple[Term, ...] = ()
    fill: Fill | None = None
    reach: int = 0
    own_error: float = 0.0
    is_across: bool = False
    lookback: int = field(init=False)
    error: float = field(init=False)
    fields: tuple[str, ...] = field(init=False)
    reads_across: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lookback", self.reach + max((one.lookback for one in self.parts), default=0))
        object.__setattr__(self, "error", self.own_error + sum(one.error for one in self.parts))
        read = {name: None for one in self.parts for name in one.fields}
        object.__setattr__(self, "fields", tuple(read) if self.fill is not None else (self.text,))
        object.__setattr__(self, "reads_across", self.is_across or any(one.reads_across for one in self.parts))


def evaluate(
    terms: Sequence[Term], fields: Mapping[str, Floats], outs: Sequence[Floats] | None = None, *, edges: Sequence[int] = (), begin: int = 0
) -> list[Floats]:  # fmt: skip
    """The values (times, instruments) of each term, written into `outs` where they are given.

    edges: rising rows at which recursive steps begin afresh; none: they run through. begin: the first row that is wanted, so that `outs`
    need not hold those that are only read. Raises Rejected for a field that is absent or of another shape than the others.
    """
    shape = _shape(terms, fields)
    answers = [np.empty((shape[0] - begin, *shape[1:])) for _ in terms] if outs is None else list(outs)
    order = _order(terms)
    wanted: dict[str, list[int]] = {}
    for index, one in enumerate(terms):
        wanted.setdefault(one.text, []).append(index)
    uses, needed = _uses(order), _needed(order, wanted, begin)
    kept: dict[str, Floats] = {}
    spare: list[Floats] = []
    owned: set[str] = set()
    for one in order:
        asked = wanted.get(one.text, [])
        if one.fill is None:
            kept[one.text] = _EVERYBODY if one.text == MEMBERS and MEMBERS not in fields else finite(fields[one.text])
        else:
            if asked and begin == 0 and answers[asked[0]].flags.c_contiguous:
                target = answers[asked[0]]
            else:
                target = spare.pop() if spare else np.empty(shape)
                owned.add(one.text)
            low = 0 if one.own_error else max(0, needed[one.text] - one.reach)
            _fill(one, tuple(kept[part.text][low:] for part in one.parts), target[low:], edges)
            kept[one.text] = target
        for index in asked:
            if answers[index] is not kept[one.text]:
                answers[index][:] = kept[one.text][begin:]
        for part in one.parts:
            uses[part.text] -= 1
        for text in {one.text, *(part.text for part in one.parts)}:
            if uses[text] == 0:
                done = kept.pop(text)
                if text in owned:
                    spare.append(done)
    return answers


def first_row(terms: Sequence[Term], row: int, anchor: Callable[[int], int]) -> int:
    """The first row that the values of `row` and later ones are made of; anchor: the last edge at or before a row."""
    found: dict[tuple[str, int], int] = {}

    def of(one: Term, at: int) -> int:
        key = (one.text, at)
        if key not in found:
            begin = (anchor(at) if one.own_error else at) - one.reach
            found[key] = min([begin, *(of(part, begin) for part in one.parts)])
        return found[key]

    return min(of(one, row) for one in terms)


def _fill(one: Term, parts: tuple[Floats, ...], out: Floats, edges: Sequence[int]) -> None:
    assert one.fill is not None, "a field fills nothing"
    if not one.own_error or not edges:
        one.fill(parts, out)
        return
    bounds = [0, *(edge for edge in edges if 0 < edge < len(out)), len(out)]
    for begin, end in pairwise(bounds):
        low = max(0, begin - one.reach)
        found = np.empty((end - low, out.shape[1]))
        one.fill(tuple(part[low:end] for part in parts), found)
        out[begin:end] = found[begin - low :]


def finite(values: Floats) -> Floats:
    """The values as float64 in one piece with NaN in place of infinite ones; the same array where that is what it is."""
    given = np.ascontiguousarray(values, dtype=np.float64)
    if not np.isinf(given).any():
        return given
    return np.where(np.isinf(given), np.nan, given)


def _shape(terms: Sequence[Term], fields: Mapping[str, Floats]) -> tuple[int, ...]:
    needed = {name: None for one in terms for name in one.fields if name != MEMBERS or name in fields}
    absent = [name for name in needed if name not in fields]
    if absent:
        raise Rejected(f"factors: fields {absent} are absent, expected them among {', '.join(sorted(fields)) or 'none'}")
    shapes = {name: np.shape(fields[name]) for name in needed} or {name: np.shape(one) for name, one in fields.items()}
    first = next(iter(shapes.values()), ())
    odd = {name: shape for name, shape in shapes.items() if shape != first or len(shape) != 2}
    if odd or len(first) != 2:
        raise Rejected(f"factors: fields of shapes {odd or first}, expected equal ones (times, instruments)")
    return first


def _order(terms: Sequence[Term]) -> list[Term]:
    """Every term once, parts before what they are parts of."""
    found: dict[str, Term] = {}
    waiting = [(one, False) for one in reversed(terms)]
    while waiting:
        one, is_ready = waiting.pop()
        if one.text in found:
            continue
        if is_ready:
            found[one.text] = one
            continue
        waiting.append((one, True))
        waiting.extend((part, False) for part in reversed(one.parts))
    return list(found.values())


def _needed(order: Sequence[Term], wanted: Mapping[str, object], begin: int) -> dict[str, int]:
    """The first row of each that anybody reads: where only the last session is wanted, its ranks are taken and no others."""
    needed: dict[str, int] = {}
    for one in reversed(order):
        row = min(needed.get(one.text, begin), begin) if one.text in wanted else needed[one.text]
        needed[one.text] = row
        for part in one.parts:
            read = 0 if one.own_error else max(0, row - one.reach)
            needed[part.text] = min(needed.get(part.text, read), read)
    return needed


def _uses(order: Sequence[Term]) -> dict[str, int]:
    """How often each is a part."""
    uses = {one.text: 0 for one in order}
    for one in order:
        for part in one.parts:
            uses[part.text] += 1
    return uses
