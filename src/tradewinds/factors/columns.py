"""How an indicator treats columns, gaps and repeated questions; every function of `indicator.py` passes through `computed`.

1. Input is (times,) or (times, instruments) float64; each instrument is a column of its own.
2. A row where any input is NaN is a bar that did not trade: the indicator is computed over the bars that did, and is NaN at that row.
   So leading NaN shift the warm-up, and a gap does not poison what comes after it.
3. A result is read-only. The last results are kept per thread for arrays that nobody can write, so that a sweep asks for
   `sma(close, 20)` once.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import arena
from tradewinds.core.errors import Rejected
from tradewinds.factors.packing import mark, pack, unpack

Floats = NDArray[np.float64]
Leaf = Callable[[Sequence[Floats], Sequence[Floats]], bool | None]
Dense = Callable[[Sequence[Floats], Sequence[Floats]], NDArray[np.bool_]]
Bools = NDArray[np.bool_]

BLOCK_COLUMNS = 16  # a block of columns is turned at once: two cache lines of each row
KEPT_BYTES_MAX = 64 * 2**20
KEPT_RESULT_BYTES_MAX = 4 * 2**20  # a million minutes cost less to compute again than to keep

_kept: ContextVar[_Kept] = ContextVar("kept")  # a context belongs to one thread


def computed(
    name: str,
    leaf: Leaf,
    inputs: tuple[Floats, ...],
    outputs: int,
    parameters: tuple[object, ...],
    dense: Dense | None = None,
    *,
    is_telling: bool = False,
) -> tuple[Floats, ...]:
    """The outputs of an indicator, read-only, of the inputs' shape.

    leaf: fills contiguous (times,) outputs from contiguous (times,) inputs without NaN; one that `is_telling` is given any input and
    answers whether it met a NaN, so that nobody has to look beforehand. dense: the same for contiguous (times, instruments)
    in row order, answering which columns held a NaN; those are computed again by `leaf`.
    """
    columns = [_checked(name, one, inputs[0]) for one in inputs]
    key = _key(name, parameters, columns)
    kept = _own_kept() if key is not None else None
    if kept is not None and key is not None and (found := kept.get(key, columns)) is not None:
        return found
    shape = columns[0].shape
    results = tuple(arena.empty(shape) for _ in range(outputs))
    if columns[0].ndim == 1 or shape[1] == 1:
        _column(leaf, [one.reshape(-1) for one in columns], [one.reshape(-1) for one in results], is_telling=is_telling)
    else:
        rows = [np.ascontiguousarray(one) for one in columns]
        again = np.ones(shape[1], np.bool_) if dense is None else dense(rows, results)
        _blocks(leaf, rows, results, np.flatnonzero(again))
    for one in results:
        arena.fix(one)
    if kept is not None and key is not None:
        kept.put(key, columns, results)
    return results


def whole(name: str, value: object, least: int = 1) -> int:
    """The value as a number of bars; raises Rejected naming the indicator where it is none or below `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise Rejected(f"{name}: length {value!r}, expected a whole number of bars, at least {least}")
    return int(value)


def _checked(name: str, values: Any, first: Any) -> Floats:
    array = values if isinstance(values, np.ndarray) and values.dtype == np.float64 else np.asarray(values, dtype=np.float64)
    if array.ndim not in (1, 2):
        raise Rejected(f"{name}: an array of shape {array.shape}, expected (times,) or (times, instruments)")
    if array.shape != np.shape(first):
        raise Rejected(f"{name}: arrays of shapes {np.shape(first)} and {array.shape}, expected equal ones")
    return array


def _column(leaf: Leaf, inputs: list[Floats], outputs: list[Floats], *, is_telling: bool) -> None:
    if len(inputs[0]) == 0:
        return
    inputs = [np.ascontiguousarray(one) for one in inputs]
    if is_telling:
        if not leaf(inputs, outputs):
            return
    elif not any(np.isnan(one.min()) for one in inputs):
        leaf(inputs, outputs)
        return
    traded = ~np.isnan(inputs[0])
    for one in inputs[1:]:
        traded &= ~np.isnan(one)
    for out in outputs:
        out.fill(np.nan)
    count = int(traded.sum())
    if count == 0:
        return
    compact = [np.empty(count) for _ in outputs]
    leaf([one[traded] for one in inputs], compact)
    for out, values in zip(outputs, compact, strict=True):
        out[traded] = values


def _blocks(leaf: Leaf, inputs: Sequence[Floats], outputs: Sequence[Floats], columns: NDArray[np.int64]) -> None:
    """Compute the named columns, a block at a time, each packed into one piece without its missing bars."""
    times = len(inputs[0])
    packed, results = ([np.empty((BLOCK_COLUMNS, times)) for _ in side] for side in (inputs, outputs))
    counts = np.zeros(BLOCK_COLUMNS, np.int64)
    for begin in range(0, len(columns), BLOCK_COLUMNS):
        block = columns[begin : begin + BLOCK_COLUMNS]
        traded = np.ones((len(block), times), np.bool_)
        for values in inputs:
            mark(values, block, traded)
        for values, piece in zip(inputs, packed, strict=True):
            pack(values, block, traded, piece, counts)
        for place, count in enumerate(counts[: len(block)].tolist()):
            if count:
                leaf([piece[place, :count] for piece in packed], [piece[place, :count] for piece in results])
        for out, piece in zip(outputs, results, strict=True):
            unpack(piece, traded, block, out)


class _Kept:
    """Results by question, oldest first. An entry dies with the arrays it was computed of; no array is kept alive by it."""

    def __init__(self) -> None:
        self._entries: dict[tuple[Any, ...], tuple[tuple[weakref.ref[Any], ...], tuple[Floats, ...]]] = {}
        self._bytes = 0

    def get(self, key: tuple[Any, ...], columns: Sequence[Floats]) -> tuple[Floats, ...] | None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return None
        owners, results = entry
        if any(reference() is not _owner(column) for reference, column in zip(owners, columns, strict=True)):
            self._bytes -= _size(results)
            return None
        self._entries[key] = entry  # now the youngest
        return results

    def put(self, key: tuple[Any, ...], columns: Sequence[Floats], results: tuple[Floats, ...]) -> None:
        if _size(results) > KEPT_RESULT_BYTES_MAX:
            return
        self._forget(key)
        references = tuple(weakref.ref(_owner(column), lambda _: self._forget(key)) for column in columns)
        self._entries[key] = (references, results)
        self._bytes += _size(results)
        while self._bytes > KEPT_BYTES_MAX and self._entries:
            self._forget(next(iter(self._entries)))

    def _forget(self, key: tuple[Any, ...]) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _size(entry[1])


def _own_kept() -> _Kept:
    kept = _kept.get(None)
    if kept is None:
        kept = _Kept()
        _kept.set(kept)
    return kept


def _key(name: str, parameters: tuple[object, ...], columns: Sequence[Floats]) -> tuple[Any, ...] | None:
    """What a question is known by, None where an input can be written."""
    parts: list[object] = [name, parameters]
    for one in columns:
        if not _is_fixed(one):
            return None
        parts += [id(_owner(one)), one.ctypes.data, one.shape, one.strides]
    return tuple(parts)


def _is_fixed(array: Floats) -> bool:
    """Whether neither the array nor any array that it is a view of can be written."""
    one: object = array
    while isinstance(one, np.ndarray):
        if one.flags.writeable:
            return False
        one = one.base
    return True


def _owner(array: Floats) -> Any:
    one: Any = array
    while isinstance(one.base, np.ndarray):
        one = one.base
    return one


def _size(results: tuple[Floats, ...]) -> int:
    return sum(one.nbytes for one in results)
