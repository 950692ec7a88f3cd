"""Every function of TA-Lib by its name, over columns with gaps: `talib_function("HT_TRENDLINE")(close)`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors.columns import computed
from tradewinds.factors.talib_library import TalibFunction, described, names

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TalibCall:
    """A function of TA-Lib. `function` tells its inputs, parameters with defaults, and outputs."""

    function: TalibFunction

    def __call__(self, *inputs: Floats, **parameters: float) -> tuple[Floats, ...]:
        """The outputs in order, read-only, of the inputs' shape; integers (candle patterns, modes) become floats.

        Positions that a function answers (MAXINDEX) count the bars that traded.
        """
        function, values = self.function, self.function.values(parameters)
        if len(inputs) != len(function.inputs):
            raise Rejected(f"talib {function.name}: {len(inputs)} arrays, expected {len(function.inputs)}: {', '.join(function.inputs)}")
        return computed(function.name, lambda i, o: function.fill(i, o, values), inputs, len(function.outputs), values)


def talib_function(name: str) -> TalibCall:
    """The function of that name in any case; raises Rejected where TA-Lib has none."""
    return TalibCall(described(name))


def talib_functions() -> tuple[str, ...]:
    """The names of all of them."""
    return names()


def one(name: str, *inputs: Floats, **parameters: float) -> Floats:
    """The only output of a function."""
    return talib_function(name)(*inputs, **parameters)[0]
