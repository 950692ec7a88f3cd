"""The kernel's memory: the address of a table of addresses and lengths, and a function for each array that stands at one of them.

Handing twenty arrays to compiled code costs a microsecond a call and counts references at every call inside; one whole number costs next
to nothing, and there is one machine-code version whatever the arrays' flags are. The price is that an address knows nothing of its owner:
`Simulator` keeps the table and every array alive and in place while the kernel runs, and builds the table anew when a log has grown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import carray
from numpy.typing import NDArray

from tradewinds.compiled import compiled, inlined
from tradewinds.simulation.books import EVENT, FILL, ORDER, POSITION, POSTING, RULES, STATE, TERMS, TIER, Bars, Books

Memory = int  # the address of the table

_NAMES = (*Bars._fields, *Books._fields)
_TARGETS = len(_NAMES)
TIMES, WIDTH, CURRENCIES, RATE_ROWS, EVENTS, TIERS, ORDER_ROOM, FILL_ROOM, POSTING_ROOM, EQUITY_ROWS, SAMPLES, DAYS, SCHEDULES = range(
    _TARGETS + 1, _TARGETS + 14
)
SIZE = _TARGETS + 14

(
    _START_NS, _END_NS, _SESSION, _OPEN, _HIGH, _LOW, _CLOSE, _VOLUME, _RATES, _EVENTS, _TERMS, _TIERS, _RULES,
    _STATE, _CASH, _POSITIONS, _ORDERS, _ACTIVE, _FREE, _FILLS, _POSTINGS, _EQUITY, _HELD, _DIRTY, _CHOSEN, _LOTS, _SAMPLE_ROWS, _SAMPLES,
    _TURNOVER, _TURNOVER_DAY,
) = range(_TARGETS)  # fmt: skip


def table_of(bars: Bars, books: Books) -> NDArray[np.int64]:
    """The addresses and lengths of these arrays; valid while they live. Its own address is the kernel's memory."""
    table = np.zeros(SIZE, np.int64)
    for at, array in enumerate((*bars, *books)):
        assert array.flags.c_contiguous
        table[at] = array.ctypes.data
    table[TIMES], table[WIDTH] = bars.close.shape
    table[RATE_ROWS], table[CURRENCIES] = bars.rates.shape
    table[EVENTS], table[TIERS] = len(bars.events), len(bars.tiers)
    table[ORDER_ROOM], table[FILL_ROOM], table[POSTING_ROOM] = len(books.orders), len(books.fills), len(books.postings)
    table[EQUITY_ROWS], table[SAMPLES], table[DAYS] = len(books.equity), len(books.sample_rows), books.turnover.shape[1]
    table[SCHEDULES] = len(books.turnover)
    return table


def point_at_targets(table: NDArray[np.int64], targets: NDArray[np.float64]) -> None:
    """Let `targets(memory)` be these (times, instruments); the caller keeps them alive."""
    table[_TARGETS] = targets.ctypes.data


def _as_pointer(typing: Any, address: Any) -> Any:
    """An int64 as a pointer: the one instruction that numba has no word for."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), build


def _as_word(typing: Any, address: Any, place: Any) -> Any:
    """The int64 at a place of the table."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = arguments[0].type
        at = builder.add(arguments[0], builder.mul(arguments[1], whole(8)))
        return builder.load(builder.inttoptr(at, whole.as_pointer()))

    return types.int64(types.int64, types.int64), build


def _as_fetch(typing: Any, address: Any) -> Any:
    """Ask the processor to bring what stands at an address into its cache, without waiting for it."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = ir.IntType(32)
        pointer = builder.inttoptr(arguments[0], cgutils.voidptr_t)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        for_reading, keep, data = number(0), number(3), number(1)
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], kind)
        builder.call(fetch, [pointer, for_reading, keep, data])
        return context.get_dummy_value()

    return types.void(types.int64), build


_pointer: Any = intrinsic(_as_pointer)
_fetch: Any = intrinsic(_as_fetch)
word: Any = intrinsic(_as_word)


@compiled
def start_ns(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(word(memory, _START_NS)), (word(memory, TIMES),), np.int64)


@compiled
def end_ns(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(word(memory, _END_NS)), (word(memory, TIMES),), np.int64)


@compiled
def session(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(word(memory, _SESSION)), (word(memory, TIMES),), np.int64)


@compiled
def opens(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(word(memory, _OPEN)), (word(memory, TIMES), word(memory, WIDTH)), np.float64)


@inlined
def fetch_open(memory: Memory, row: int, instrument: int) -> None:
    """Begin to fetch an open into the cache: opens are read at fills alone, and waiting for one takes longer than all else about a fill."""
    _fetch(word(memory, _OPEN) + 8 * (row * word(memory, WIDTH) + instrument))


@compiled
def highs(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(word(memory, _HIGH)), (word(memory, TIMES), word(memory, WIDTH)), np.float64)


@compiled
def lows(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(word(memory, _LOW)), (word(memory, TIMES), word(memory, WIDTH)), np.float64)


@compiled
def closes(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(word(memory, _CLOSE)), (word(memory, TIMES), word(memory, WIDTH)), np.float64)


@compiled
def volumes(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(word(memory, _VOLUME)), (word(memory, TIMES), word(memory, WIDTH)), np.float64)


@compiled
def targets(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(word(memory, _TARGETS)), (word(memory, TIMES), word(memory, WIDTH)), np.float64)


@compiled
def target_bits(memory: Memory) -> NDArray[np.int64]:
    """The targets as whole numbers: NaN is equal to itself, and rows compare in a few instructions."""
    return carray(_pointer(word(memory, _TARGETS)), (word(memory, TIMES), word(memory, WIDTH)), np.int64)


@compiled
def only_closes(memory: Memory) -> NDArray[np.float64]:
    """(times,) the closes of the one instrument there is: contiguous, so that several are read at a time."""
    return carray(_pointer(word(memory, _CLOSE)), (word(memory, TIMES),), np.float64)


@compiled
def only_targets(memory: Memory) -> NDArray[np.float64]:
    """(times,) the targets of the one instrument there is."""
    return carray(_pointer(word(memory, _TARGETS)), (word(memory, TIMES),), np.float64)


@compiled
def rates(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(word(memory, _RATES)), (word(memory, RATE_ROWS), word(memory, CURRENCIES)), np.float64)


@compiled
def events(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(word(memory, _EVENTS)), (word(memory, EVENTS),), EVENT)


@compiled
def terms(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(word(memory, _TERMS)), (word(memory, WIDTH),), TERMS)


@compiled
def tiers(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(word(memory, _TIERS)), (word(memory, TIERS),), TIER)


@compiled
def rules(memory: Memory) -> Any:
    return carray(_pointer(word(memory, _RULES)), (1,), RULES)[0]


@compiled
def state(memory: Memory) -> Any:
    return carray(_pointer(word(memory, _STATE)), (1,), STATE)[0]


@compiled
def cash(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(word(memory, _CASH)), (word(memory, CURRENCIES),), np.float64)


@compiled
def positions(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(word(memory, _POSITIONS)), (word(memory, WIDTH),), POSITION)


@compiled
def orders(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(word(memory, _ORDERS)), (word(memory, ORDER_ROOM),), ORDER)


@compiled
def active(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(word(memory, _ACTIVE)), (word(memory, ORDER_ROOM),), np.int64)


@compiled
def free(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(word(memory, _FREE)), (word(memory, ORDER_ROOM),), np.int64)


@compiled
def fills(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(word(memory, _FILLS)), (word(memory, FILL_ROOM),), FILL)


@compiled
def postings(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(word(memory, _POSTINGS)), (word(memory, POSTING_ROOM),), POSTING)


@compiled
def equity(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(word(memory, _EQUITY)), (word(memory, EQUITY_ROWS),), np.float64)


@compiled
def held(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(word(memory, _HELD)), (word(memory, WIDTH),), np.int64)


@compiled
def dirty(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(word(memory, _DIRTY)), (word(memory, WIDTH),), np.int64)


@compiled
def chosen(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(word(memory, _CHOSEN)), (word(memory, WIDTH),), np.int64)


@compiled
def lots(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(word(memory, _LOTS)), (word(memory, WIDTH),), np.int64)


@compiled
def sample_rows(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(word(memory, _SAMPLE_ROWS)), (word(memory, SAMPLES),), np.int64)


@compiled
def samples(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(word(memory, _SAMPLES)), (word(memory, SAMPLES),), np.float64)


@compiled
def turnover(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(word(memory, _TURNOVER)), (word(memory, SCHEDULES), word(memory, DAYS)), np.float64)


@compiled
def turnover_day(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(word(memory, _TURNOVER_DAY)), (word(memory, SCHEDULES),), np.int64)
