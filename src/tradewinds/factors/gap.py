"""What could not be computed, by name: a feature of some instruments at the last session, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.factors.factor import Factor

Floats = NDArray[np.float64]

NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class Gap:
    """A feature that is NaN at the last session for these instruments."""

    feature: str
    instruments: tuple[str, ...]
    reason: str

    @property
    def line(self) -> str:
        """For people: `value: sector is missing for AAPL.XNAS, MSFT.XNAS and 3 more`."""
        more = len(self.instruments) - NAMED_MAX
        return f"{self.feature}: {self.reason} for {', '.join(self.instruments[:NAMED_MAX])}{f' and {more} more' if more > 0 else ''}"


def gaps_of(
    factors: Sequence[tuple[str, Factor]],
    values: Floats,
    fields: Mapping[str, Floats],
    instruments: Sequence[str],
    trades: NDArray[np.bool_],
) -> tuple[Gap, ...]:
    """The gaps of the last session.

    values (times, instruments, features); fields with the rows that they were computed of; trades (instruments,): has a close there.
    """
    if len(values) == 0:
        return ()
    states = {name: _states(one) for name, one in fields.items()}
    gaps = []
    for index, (feature, factor) in enumerate(factors):
        unknown = np.isnan(values[-1, :, index])
        if not unknown.any():
            continue
        reasons = _reasons(factor, states, unknown, trades)
        for reason in dict.fromkeys(reasons.values()):
            named = tuple(instruments[at] for at in reasons if reasons[at] == reason)
            gaps.append(Gap(feature, named, reason))
    return tuple(gaps)


@dataclass(frozen=True, slots=True, eq=False)
class _States:
    """One field at the last session, each (instruments,): is it missing or infinite there; how many rows since its first value."""

    missing: NDArray[np.bool_]
    infinite: NDArray[np.bool_]
    rows: NDArray[np.int64]


def _states(values: Floats) -> _States:
    known = np.isfinite(values)
    rows = np.where(known.any(axis=0), len(values) - known.argmax(axis=0), 0)
    return _States(np.isnan(values[-1]), np.isinf(values[-1]), rows)


def _reasons(
    factor: Factor, states: Mapping[str, _States], unknown: NDArray[np.bool_], trades: NDArray[np.bool_]
) -> dict[int, str]:  # fmt: skip
    mine = {name: states[name] for name in factor.inputs}
    gone = "close is missing at the last session"
    return {at: _reason(factor, mine, at) if trades[at] else gone for at in np.flatnonzero(unknown).tolist()}


def _reason(factor: Factor, states: Mapping[str, _States], at: int) -> str:
    for name, state in states.items():
        if state.rows[at] == 0:
            return f"{name} is missing throughout"
        if state.infinite[at]:
            return f"{name} is infinite"
        if state.missing[at]:
            return f"{name} is missing at the last session"
    shortest = min((int(state.rows[at]) for state in states.values()), default=0)
    if shortest <= factor.lookback:
        return f"{shortest} sessions of history, expected {factor.lookback + 1}"
    return "no value (nothing differs, or a value that the formula does not take)"
