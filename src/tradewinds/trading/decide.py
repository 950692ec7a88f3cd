"""Asking a vector strategy: all targets of a panel at once, or those of its last row, as live does on the trailing window.

Shape and type of the answer are checked here. Infinities are refused where a target is followed: by the simulation, which looks at each
one anyway, and for the last row in `decide_window`. NaN is an answer: leave the position as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import arena
from tradewinds.core.errors import Invariant, Rejected
from tradewinds.core.instant import text
from tradewinds.trading.panel import StrategyPanel
from tradewinds.trading.strategy import Params, Strategy

Floats = NDArray[np.float64]


def decide_all(strategy: Strategy, panel: StrategyPanel, params: Params) -> Floats:
    """Targets (times, instruments) of a vector strategy; raises Rejected naming strategy, bar and value where it answers nonsense."""
    if strategy.kind != "vector":
        raise Invariant(f"strategy {strategy.name}: of kind {strategy.kind}, expected a vector strategy")
    try:
        answer = strategy.code(panel, params)
    except Exception as error:
        raise Rejected(
            f"strategy {strategy.name}: raised {type(error).__name__}: {error}; over bars up to {text(int(panel.bars.event_ns[-1]))}, "
            "expected targets (times, instruments)"
        ) from error
    return checked_targets(strategy, answer, panel.instruments, panel.bars.event_ns)


def decide_window(strategy: Strategy, window: StrategyPanel, params: Params) -> Floats:
    """Targets (instruments,) decided at the end of the window's last bar. The window holds at least the lookback.

    Prices in it are anchored at its first row, as those of a whole history are at theirs: a strategy that depends on the level of
    adjusted prices, and not only on their ratios, decides differently (use `prices="raw"`).
    """
    bars = strategy.lookback_bars(params)
    if window.shape[0] < bars:
        raise Rejected(f"strategy {strategy.name}: a window of {window.shape[0]} bars, expected at least the {bars} of its lookback")
    last: Floats = decide_all(strategy, window, params)[-1]
    for column in np.flatnonzero(np.isinf(last)).tolist():
        raise Rejected(
            f"strategy {strategy.name}: target {last[column]} of {window.instruments[column]} at "
            f"{text(int(window.bars.event_ns[-1]))}, expected a finite number, or NaN to leave the position"
        )
    return last


def checked_targets(strategy: Strategy, answer: object, instruments: tuple[str, ...], event_ns: NDArray[np.int64]) -> Floats:
    """The answer as a float64 array (times, instruments) that can be written; (times,) will do for one instrument."""
    shape = (len(event_ns), len(instruments))
    try:
        given = np.asarray(answer)
    except ValueError as error:  # rows of different lengths
        raise Rejected(f"strategy {strategy.name}: targets that are no array ({error}), expected {shape} (times, instruments)") from error
    if given.dtype.kind not in "fiub":
        raise Rejected(f"strategy {strategy.name}: targets are {_named(answer, given)}, expected numbers {shape} (times, instruments)")
    targets = np.ascontiguousarray(given) if given.dtype == np.float64 else _as_numbers(given)
    if targets.shape == shape[:1] and shape[1] == 1:
        targets = targets.reshape(shape)
    if targets.shape != shape:
        raise Rejected(f"strategy {strategy.name}: targets of shape {given.shape}, expected {shape} (times, instruments)")
    if not targets.flags.writeable:
        targets = targets.copy()  # compiled code is made for arrays that can be written, another kind would be compiled anew
    return targets


def _as_numbers(given: NDArray[np.generic]) -> Floats:
    numbers = arena.empty(given.shape)
    np.copyto(numbers, given, casting="unsafe")
    return numbers


def _named(answer: object, given: NDArray[np.generic]) -> str:
    return "None" if answer is None else f"of type {type(answer).__name__} ({given.dtype})"
