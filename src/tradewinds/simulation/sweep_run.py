"""A whole sweep: the plan of its spans, the search over the whole history, and the judgement by validation.

1. Every configuration runs over the whole history (span 0); statistics of sets are kept for what is judged later.
2. The best one is run once more for its returns, and its luck is told.
3. Walk-forward: in each fold a search of its own over the training rows, then its best over the test rows; the stretches are stitched.
   Purged cross-validation: nothing more has to run, the sets hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.simulation.market import Market
from tradewinds.simulation.search import Proposal, Search
from tradewinds.simulation.sweep import BLOCK, FIGURES, Engine, Failure, Figures, Trial, figures_of, run_one, trials
from tradewinds.simulation.sweep_statistics import RETURN_FIGURES, return_figures
from tradewinds.simulation.sweep_verdict import Luck, Tally, luck_of
from tradewinds.simulation.sweep_work import Span, sessions, sessions_per_year
from tradewinds.simulation.validation import Fold, OutOfSample, Purged, blocks, judged, purged, walk_forward

Floats = NDArray[np.float64]
Validate = Literal["none", "walk-forward", "purged"]
VALIDATIONS: tuple[Validate, ...] = ("none", "walk-forward", "purged")


@dataclass(frozen=True, slots=True)
class Validation:
    """How the choice is judged. folds: of either kind. is_anchored, train_parts: of a walk-forward. tested: folds tested at once.

    purge: rows that a decision is held for; embargo: further rows left out after a test. See `simulation.validation`.
    """

    kind: Validate = "none"
    folds: int = 5
    is_anchored: bool = True
    train_parts: int = 3
    tested: int = 1
    purge: int = 0
    embargo: int = 0

    def __post_init__(self) -> None:
        if self.kind not in VALIDATIONS:
            raise Rejected(f"sweep: validation {self.kind!r}, expected one of {', '.join(VALIDATIONS)}")


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What runs over which rows. spans: the whole, then the training spans of the folds, then their test spans.

    blocks: how many of the whole's first sets are those of the symmetric validation; the purged ones follow. year: sessions in one.
    """

    spans: tuple[Span, ...]
    blocks: int
    year: float
    folds: tuple[Fold, ...] = ()
    purged: Purged | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One fold of a walk-forward: what was chosen inside, and what came of it outside. None where nothing could be chosen."""

    fold: Fold
    chosen: Trial | None
    outside: Trial | None


@dataclass(frozen=True, slots=True, eq=False)
class Stitched:
    """The out-of-sample stretches of a walk-forward, one after the other. returns: (sessions,); none of a fold without a choice.

    figures: of them; `equity` is what 1 became; fills and costs are summed over the folds' accounts, which each begin with the capital.
    """

    steps: tuple[Step, ...]
    returns: Floats
    figures: Figures


@dataclass(frozen=True, slots=True, eq=False)
class Swept:
    """A finished sweep. best is None where no configuration has a score. returns: (sessions,) of the best."""

    tally: Tally
    best: Trial | None = None
    returns: Floats | None = None
    luck: Luck | None = None
    walk_forward: Stitched | None = None
    purged: OutOfSample | None = None
    notes: tuple[str, ...] = ()


def plan_of(market: Market, first: int, last: int, validation: Validation, *, lookback: int = 1, is_warm: bool = False) -> Plan:
    """The spans of a sweep over rows [first, last). lookback: the longest of any configuration. is_warm: see `Span`."""
    starts, ends = sessions(market, first, last)
    if not len(starts):
        raise DataFault(f"sweep: rows [{first}, {last}) end with the session they begin in, expected at least two sessions")
    members, year = blocks(len(starts)), sessions_per_year(market, first, last)
    if validation.kind == "walk-forward":
        folds = walk_forward(
            starts, ends, validation.folds, is_anchored=validation.is_anchored, train_parts=validation.train_parts, purge=validation.purge
        )
        trained = tuple(Span(max(fold.train_first - 1, 0), fold.train_last, is_warm=is_warm) for fold in folds)
        tested = tuple(Span(fold.test_first - 1, fold.test_last) for fold in folds)
        return Plan((Span(first, last, members, is_warm), *trained, *tested), len(members), year, folds)
    if validation.kind == "purged":
        cut = purged(
            starts,
            ends,
            validation.folds,
            tested=validation.tested,
            lookback=lookback,
            horizon=validation.purge,
            embargo=validation.embargo,
        )
        return Plan((Span(first, last, np.vstack([members, cut.members]), is_warm),), len(members), year, purged=cut)
    return Plan((Span(first, last, members, is_warm),), len(members), year)


def swept(
    plan: Plan,
    search: Callable[[], Search],
    engine: Engine,
    *,
    objective: str = "sharpe",
    seed: int = 0,
    block: int = BLOCK,
    known: Mapping[int, Mapping[int, Trial]] | None = None,
    on_trial: Callable[[Trial], None] = lambda _: None,
) -> Swept:
    """Run the plan. search: makes one, the same each time. known: trials of an earlier run by fold and number.

    on_trial: told of each trial as it finishes, known ones too.
    """
    if plan.purged is not None and objective not in ("sharpe", "return"):
        raise Rejected(f"sweep: objective {objective!r} with purged cross-validation, expected sharpe or return")

    def tallied(fold: int) -> Tally:
        tally = Tally(objective)
        have = (known or {}).get(fold)
        for trial in trials(search(), engine, objective=objective, fold=fold, block=block, known=have):
            tally.add(trial)
            on_trial(trial)
        return tally

    tally = tallied(0)
    best = tally.best
    if best is None:
        return Swept(tally, notes=(_nothing(tally),))
    again = run_one(engine, Proposal(best.number, best.parameters), fold=0)
    if again.returns is None:
        raise DataFault(f"sweep: configuration {best.number} failed when it was run again: {again.failure}, expected the same as before")
    luck = luck_of(tally, best, again.returns, blocks=plan.blocks, year=plan.year, seed=seed)
    stitched = _walked(plan, engine, tallied) if plan.folds else None
    if plan.purged is None:
        return Swept(tally, best, again.returns, luck, stitched)
    return _cross_validated(plan, plan.purged, Swept(tally, best, again.returns, luck))


def _walked(plan: Plan, engine: Engine, tallied: Callable[[int], Tally]) -> Stitched:
    steps, returns = [], []
    count = len(plan.folds)
    for number, fold in enumerate(plan.folds):
        best = tallied(1 + number).best
        outside = None if best is None else run_one(engine, Proposal(best.number, best.parameters), fold=1 + count + number)
        steps.append(Step(fold, best, outside))
        returns.append(np.empty(0) if outside is None or outside.returns is None else outside.returns)
    whole = np.concatenate(returns)
    return Stitched(tuple(steps), whole, _stitched_figures(whole, plan.year, [step.outside for step in steps]))


def _stitched_figures(returns: Floats, year: float, outside: list[Trial | None]) -> Figures:
    numbers = np.empty(RETURN_FIGURES)
    return_figures(returns, year, numbers)
    ran = [trial.figures for trial in outside if trial is not None and trial.figures is not None]
    level = float(np.prod(1.0 + returns))
    counted = [float(sum(getattr(one, name) for one in ran)) for name in FIGURES[-3:]]
    told = (len(returns), level, *numbers.tolist(), sum(one.fills for one in ran), *counted)
    return figures_of(dict(zip(FIGURES, told, strict=True)))


def _cross_validated(plan: Plan, cut: Purged, found: Swept) -> Swept:
    tally = found.tally
    by = "return" if tally.objective == "return" else "sharpe"
    outside = judged(tally.sets[:, plan.blocks :], cut, by=by)
    return Swept(tally, found.best, found.returns, found.luck, None, outside)


def _nothing(tally: Tally) -> str:
    first = tally.failures[0].failure if tally.failures else None
    why = f"; the first failure: {first.message}" if isinstance(first, Failure) else ""
    return (
        f"None of {tally.tried:,} configurations has a score: {tally.failed:,} failed, {tally.unscored:,} never traded or were ruined{why}"
    )
