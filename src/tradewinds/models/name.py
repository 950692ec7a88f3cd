"""The name of a model as a parameter of a strategy; `models.bound` makes it the model itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tradewinds.core.errors import Rejected

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tradewinds.models.sample import Floats


class Fields(Protocol):
    """What features are computed of: a strategy's panel."""

    @property
    def times(self) -> NDArray[np.int64]:
        """(T,) where each bar starts, UTC ns."""
        ...

    def field(self, name: str) -> Floats:
        """(T, N)"""
        ...


class ModelName(str):
    """The name of a model that nobody resolved yet."""

    __slots__ = ()

    @property
    def lookback(self) -> int:
        """Bars that a score looks at."""
        raise self._unresolved()

    @property
    def warm_up(self) -> int:
        """Bars before the lookback with which recursive features are the same to the bit wherever the panel begins."""
        raise self._unresolved()

    def predict(self, features: Floats) -> Floats:
        """See `FittedModel.predict`."""
        raise self._unresolved()

    def scores(self, panel: Fields) -> Floats:
        """(T, N): the model's score of each instrument at each row, NaN where no feature is known."""
        raise self._unresolved()

    def _unresolved(self) -> Rejected:
        return Rejected(f"model {str(self)!r}: not resolved, expected a run that brings it: a backtest, paper or live trading")
