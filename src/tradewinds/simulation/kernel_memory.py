"""The kernel's memory: one int64 array of addresses and lengths, and a function for each array that stands at such an address.

Handing twenty arrays to compiled code costs a microsecond a call; one array costs a tenth of that, and there is one machine-code version
whatever the arrays' flags are. The price is that an address knows nothing of its owner: `Simulator` keeps every array alive and in place
for as long as the addresses are used, and builds them anew (`addresses`) when a log has grown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import carray
from numpy.typing import NDArray

from tradewinds.compiled import inlined
from tradewinds.simulation.books import EVENT, FILL, ORDER, POSITION, POSTING, RULES, STATE, TERMS, TIER, Bars, Books

Memory = NDArray[np.int64]

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


def addresses(bars: Bars, books: Books) -> Memory:
    """The addresses and lengths of these arrays; valid while they live."""
    memory = np.zeros(SIZE, np.int64)
    for at, array in enumerate((*bars, *books)):
        assert array.flags.c_contiguous
        memory[at] = array.ctypes.data
    memory[TIMES], memory[WIDTH] = bars.close.shape
    memory[RATE_ROWS], memory[CURRENCIES] = bars.rates.shape
    memory[EVENTS], memory[TIERS] = len(bars.events), len(bars.tiers)
    memory[ORDER_ROOM], memory[FILL_ROOM], memory[POSTING_ROOM] = len(books.orders), len(books.fills), len(books.postings)
    memory[EQUITY_ROWS], memory[SAMPLES], memory[DAYS] = len(books.equity), len(books.sample_rows), books.turnover.shape[1]
    memory[SCHEDULES] = len(books.turnover)
    return memory


def point_at_targets(memory: Memory, targets: NDArray[np.float64]) -> None:
    """Let `targets(memory)` be these (times, instruments); the caller keeps them alive."""
    memory[_TARGETS] = targets.ctypes.data


def _as_pointer(typing: Any, address: Any) -> Any:
    """An int64 as a pointer: the one instruction that numba has no word for."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), build


_pointer: Any = intrinsic(_as_pointer)


@inlined
def start_ns(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(memory[_START_NS]), (memory[TIMES],), np.int64)


@inlined
def end_ns(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(memory[_END_NS]), (memory[TIMES],), np.int64)


@inlined
def session(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(memory[_SESSION]), (memory[TIMES],), np.int64)


@inlined
def opens(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(memory[_OPEN]), (memory[TIMES], memory[WIDTH]), np.float64)


@inlined
def highs(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(memory[_HIGH]), (memory[TIMES], memory[WIDTH]), np.float64)


@inlined
def lows(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(memory[_LOW]), (memory[TIMES], memory[WIDTH]), np.float64)


@inlined
def closes(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(memory[_CLOSE]), (memory[TIMES], memory[WIDTH]), np.float64)


@inlined
def volumes(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(memory[_VOLUME]), (memory[TIMES], memory[WIDTH]), np.float64)


@inlined
def targets(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(memory[_TARGETS]), (memory[TIMES], memory[WIDTH]), np.float64)


@inlined
def target_bits(memory: Memory) -> NDArray[np.int64]:
    """The targets as whole numbers: NaN is equal to itself, and rows compare in a few instructions."""
    return carray(_pointer(memory[_TARGETS]), (memory[TIMES], memory[WIDTH]), np.int64)


@inlined
def rates(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(memory[_RATES]), (memory[RATE_ROWS], memory[CURRENCIES]), np.float64)


@inlined
def events(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(memory[_EVENTS]), (memory[EVENTS],), EVENT)


@inlined
def terms(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(memory[_TERMS]), (memory[WIDTH],), TERMS)


@inlined
def tiers(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(memory[_TIERS]), (memory[TIERS],), TIER)


@inlined
def rules(memory: Memory) -> Any:
    return carray(_pointer(memory[_RULES]), (1,), RULES)[0]


@inlined
def state(memory: Memory) -> Any:
    return carray(_pointer(memory[_STATE]), (1,), STATE)[0]


@inlined
def cash(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(memory[_CASH]), (memory[CURRENCIES],), np.float64)


@inlined
def positions(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(memory[_POSITIONS]), (memory[WIDTH],), POSITION)


@inlined
def orders(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(memory[_ORDERS]), (memory[ORDER_ROOM],), ORDER)


@inlined
def active(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(memory[_ACTIVE]), (memory[ORDER_ROOM],), np.int64)


@inlined
def free(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(memory[_FREE]), (memory[ORDER_ROOM],), np.int64)


@inlined
def fills(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(memory[_FILLS]), (memory[FILL_ROOM],), FILL)


@inlined
def postings(memory: Memory) -> NDArray[np.void]:
    return carray(_pointer(memory[_POSTINGS]), (memory[POSTING_ROOM],), POSTING)


@inlined
def equity(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(memory[_EQUITY]), (memory[EQUITY_ROWS],), np.float64)


@inlined
def held(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(memory[_HELD]), (memory[WIDTH],), np.int64)


@inlined
def dirty(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(memory[_DIRTY]), (memory[WIDTH],), np.int64)


@inlined
def chosen(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(memory[_CHOSEN]), (memory[WIDTH],), np.int64)


@inlined
def lots(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(memory[_LOTS]), (memory[WIDTH],), np.int64)


@inlined
def sample_rows(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(memory[_SAMPLE_ROWS]), (memory[SAMPLES],), np.int64)


@inlined
def samples(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(memory[_SAMPLES]), (memory[SAMPLES],), np.float64)


@inlined
def turnover(memory: Memory) -> NDArray[np.float64]:
    return carray(_pointer(memory[_TURNOVER]), (memory[SCHEDULES], memory[DAYS]), np.float64)


@inlined
def turnover_day(memory: Memory) -> NDArray[np.int64]:
    return carray(_pointer(memory[_TURNOVER_DAY]), (memory[SCHEDULES],), np.int64)
