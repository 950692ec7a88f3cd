"""What all per-bar indicators share: a value, and a state that can be written down and taken up again.

The one class of this house that others inherit from: thirty indicators would otherwise repeat the same six lines.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, ClassVar

from tradewinds.core.errors import Rejected

NAN = math.nan


class Incremental:
    """An indicator fed bar by bar. A bar whose input is NaN did not trade: its value is NaN and nothing else changes.

    `fixed` names what the constructor was given; a state of other parameters is refused.
    """

    __slots__ = ()
    fixed: ClassVar[tuple[str, ...]] = ("length",)

    def state(self) -> dict[str, Any]:
        """Everything it holds as JSON values; NaN as None."""
        return {name: _plain(getattr(self, name)) for name in _names(type(self))}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same indicator with the same parameters; raises Rejected for any other."""
        names = _names(type(self))
        if set(state) != set(names):
            raise Rejected(f"{type(self).__name__}: a state of {sorted(state)}, expected {sorted(names)}")
        for name in type(self).fixed:
            if state[name] != getattr(self, name):
                raise Rejected(f"{type(self).__name__}: a state with {name} {state[name]}, expected {getattr(self, name)}")
        for name in names:
            current = getattr(self, name)
            if isinstance(current, Incremental):
                current.restore(state[name])
            else:
                setattr(self, name, _held(current, state[name]))


def decay_bars(weight: float, error: float) -> int:
    """Bars until exponential smoothing of that weight has forgotten all but `error` of what it was seeded with."""
    if not 0.0 < error < 1.0:
        raise Rejected(f"warm-up: an error of {error}, expected a fraction between 0 and 1")
    return 0 if weight >= 1.0 else math.ceil(math.log(error) / math.log1p(-weight))


def _names(kind: type) -> tuple[str, ...]:
    return tuple(name for one in reversed(kind.__mro__) for name in getattr(one, "__slots__", ()))


def _plain(value: Any) -> Any:
    if isinstance(value, Incremental):
        return value.state()
    if isinstance(value, deque | list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _held(current: Any, value: Any) -> Any:
    if isinstance(current, deque):
        return deque((_held(NAN, one) for one in value), current.maxlen)
    if isinstance(value, list):
        items = [_held(NAN, one) for one in value]
        return tuple(items) if isinstance(current, tuple | float) else items
    return NAN if value is None else value
