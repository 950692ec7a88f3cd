"""Whether a challenger may take the champion's place: a rule over rows that neither had seen, and then a person.

1. Both are compared on the rows that both foretold, decision by decision; labels of the decisions that count do not overlap.
2. The challenger is proposed where it was right more than chance explains, and better than the champion by more than the margin and by more
   than chance explains; chances are those of the best of all models that were tried.
3. A proposal changes nothing: `ModelRegistry.promote` wants the name of the person who agreed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.models.sample import Bools, Floats, Ints
from tradewinds.models.significance import above_zero, jointly
from tradewinds.models.train import OutOfSample

Metric = Literal["ic", "portfolio"]
METRICS: tuple[Metric, ...] = ("ic", "portfolio")


@dataclass(frozen=True, slots=True)
class Rule:
    """metric: "ic", or "portfolio" for the return of the highest fifth less the lowest. margin: by which the challenger must be better.

    sessions_min: decisions in common. level: chance that is accepted.
    """

    metric: Metric = "ic"
    margin: float = 0.0
    sessions_min: int = 60
    level: float = 0.05

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise Rejected(f"promotion: metric {self.metric!r}, expected one of {', '.join(METRICS)}")
        if not (self.margin >= 0 and math.isfinite(self.margin)) or self.sessions_min < 1 or not 0 < self.level < 1:
            raise Rejected(
                f"promotion: margin {self.margin}, {self.sessions_min} sessions, level {self.level}, expected >= 0, >= 1, in (0, 1)"
            )


@dataclass(frozen=True, slots=True)
class Promotion:
    """is_proposed: whether a person is asked. why: in words. The figures are what the rule looked at; NaN where there was no champion.

    independent: decisions whose labels do not overlap, over which p (of the challenger alone) and p_better (of the difference) are told.
    """

    is_proposed: bool
    why: str
    decisions: int
    independent: int
    challenger: float
    champion: float
    p: float
    p_better: float
    trials: int

    def as_json(self) -> dict[str, Any]:
        """NaN as None; for the row that waits for a person."""
        told: Mapping[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in told.items()}


def promotion(challenger: OutOfSample, champion: OutOfSample | None, rule: Rule | None = None, *, trials: int = 1) -> Promotion:
    """What the rule says. trials: models of this name that were tried since the champion was chosen, the challenger included.

    Raises DataFault where both have no row in common, Rejected where they were judged by different labels.
    """
    chosen = rule or Rule()
    if champion is not None:
        challenger, champion = _common(challenger, champion)
    ours, is_independent = _series(challenger, chosen.metric)
    theirs = np.full(len(ours), math.nan) if champion is None else _series(champion, chosen.metric)[0]
    p = _chance(ours[is_independent], trials)
    p_better = math.nan if champion is None else _chance((ours - theirs - chosen.margin)[is_independent], trials)
    figures = (_mean(ours), _mean(theirs))
    known = int(np.isfinite(ours).sum())
    why = _against(chosen, known, figures, p, p_better, has_champion=champion is not None)
    independent = int((is_independent & np.isfinite(ours)).sum())
    said = why or _for(chosen, figures, p, p_better)
    return Promotion(why is None, said, known, independent, figures[0], figures[1], p, p_better, trials)


def _against(rule: Rule, known: int, figures: tuple[float, float], p: float, p_better: float, *, has_champion: bool) -> str | None:
    """Why not; None where nothing speaks against it."""
    if known < rule.sessions_min:
        return f"{known} decisions out of sample, expected at least {rule.sessions_min}"
    if not p <= rule.level:
        return f"{rule.metric} {figures[0]:.4g} out of sample, which chance explains (p {p:.3g}), expected p of at most {rule.level}"
    if has_champion and not figures[0] - figures[1] > rule.margin:
        return f"{rule.metric} {figures[0]:.4g} against the champion's {figures[1]:.4g}, expected more than {rule.margin} better"
    if has_champion and not p_better <= rule.level:
        return (
            f"{rule.metric} {figures[0]:.4g} against the champion's {figures[1]:.4g}, which chance explains (p {p_better:.3g}), "
            f"expected p of at most {rule.level}"
        )
    return None


def _for(rule: Rule, figures: tuple[float, float], p: float, p_better: float) -> str:
    if math.isnan(p_better):
        return f"{rule.metric} {figures[0]:.4g} out of sample (p {p:.3g}), and no champion"
    return f"{rule.metric} {figures[0]:.4g} against the champion's {figures[1]:.4g} (p {p_better:.3g})"


def _common(a: OutOfSample, b: OutOfSample) -> tuple[OutOfSample, OutOfSample]:
    """The rows of both, by decision and instrument."""
    keys_a, keys_b = _keys(a, b)
    _, rows_a, rows_b = np.intersect1d(keys_a, keys_b, return_indices=True)
    if not len(rows_a):
        raise DataFault("promotion: challenger and champion foretold no row in common, expected the same decisions")
    ours, theirs = _rows(a, rows_a), _rows(b, rows_b)
    if not np.allclose(ours.label, theirs.label, rtol=1e-9, atol=1e-12):
        raise Rejected("promotion: challenger and champion were judged by different labels, expected the same label")
    return ours, theirs


def _keys(a: OutOfSample, b: OutOfSample) -> tuple[Ints, Ints]:
    """A number for each row, rising with its decision, equal where decision and instrument are."""
    codes = {name: code for code, name in enumerate(sorted({*a.universe, *b.universe}))}
    times = np.unique(np.concatenate([a.times, b.times]))
    found = [
        np.searchsorted(times, one.times) * len(codes) + np.array([codes[name] for name in one.universe], np.int64)[one.instruments]
        for one in (a, b)
    ]
    return found[0], found[1]


def _rows(one: OutOfSample, rows: Ints) -> OutOfSample:
    names = ("fold", "times", "instruments", "prediction", "label", "starts_ns", "label_end_ns")
    taken: dict[str, Any] = {name: getattr(one, name)[rows] for name in names}
    return OutOfSample(one.universe, **taken)


def _series(found: OutOfSample, metric: Metric) -> tuple[Floats, Bools]:
    decisions = found.decisions()
    return (decisions.ic if metric == "ic" else decisions.portfolio), decisions.is_independent


def _chance(values: Floats, trials: int) -> float:
    return jointly(above_zero(values[np.isfinite(values)])[1], trials)


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan
