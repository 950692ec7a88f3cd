"""`Factor`: a number for each instrument and session, computed of panel fields by a pure function that never reads the future."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors.term import MEMBERS, Term, evaluate

Floats = NDArray[np.float64]
Compute = Callable[[Mapping[str, Floats]], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """One factor. Make your own from a function, or take one of `library` or of `expression.parse`.

    inputs: names of the fields it reads. lookback: row t is computed of rows t - lookback .. t and no others.
    compute: fields (times, instruments) to values of that shape, NaN where not known; infinite values count as not known.
    error: what a start `lookback` rows before may change at most, in standard deviations of the values; 0 unless it is recursive.
    term: the steps it is made of, so that factors share what they have in common; None where `compute` is all there is.
    """

    name: str
    inputs: tuple[str, ...]
    lookback: int
    compute: Compute
    formula: str = ""
    source: str = ""
    error: float = 0.0
    term: Term | None = None

    def __post_init__(self) -> None:
        if self.lookback < 0:
            raise Rejected(f"factor {self.name}: lookback {self.lookback}, expected at least 0 sessions")
        if not self.name or len(set(self.inputs)) != len(self.inputs):
            raise Rejected(f"factor {self.name!r}: inputs {list(self.inputs)}, expected a name, and each input once")

    @property
    def steps(self) -> Term:
        """Its term, or one that calls `compute`."""
        if self.term is not None:
            return self.term
        parts = tuple(Term(name) for name in self.inputs)

        def fill(values: tuple[Floats, ...], out: Floats) -> None:
            found = self.compute(dict(zip(self.inputs, values, strict=True)))
            if found.shape != out.shape:
                raise Rejected(f"factor {self.name}: values of shape {found.shape}, expected {out.shape} (times, instruments)")
            out[:] = np.where(np.isfinite(found), found, np.nan)

        return Term(self.name, parts, fill, self.lookback, self.error)


def factor_of(term: Term, name: str | None = None, formula: str = "", source: str = "") -> Factor:
    """The factor that these steps make; named by their text where no name is given."""

    def compute(fields: Mapping[str, Floats]) -> Floats:
        return evaluate([term], fields)[0]

    inputs = tuple(one for one in term.fields if one != MEMBERS)
    return Factor(name or term.text, inputs, term.lookback, compute, formula, source, term.error, term)
