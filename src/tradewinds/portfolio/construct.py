"""From a problem to target weights, by a stated ladder, never by an exception.

1. What the input leaves unknown is replaced and told (`prepared`).
2. Methods with an ideal (equal weight, risk parity, ...) compute it; where it breaks a limit, the portfolio of least tracking error to it
   takes its place.
3. The limits are tried as asked, then rung by rung softer (`Rung`): a soft limit costs so much that it is left only as far as it must be.
   First factor and group limits give way, because what is missing tonight can be reached by next night's turnover; then the distance to
   the benchmark; then the least to be invested, because cash harms nobody; last turnover, which costs money at once. Hard limits never do.
4. Each answer is brought into the hard limits and accepted only if that hardly moved it and what the rung promises holds.
5. On no answer: today's weights, in the hard limits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from tradewinds.portfolio.hard import into_hard_limits
from tradewinds.portfolio.ideal import IDEALS, ideal_weights
from tradewinds.portfolio.measure import answer, holds
from tradewinds.portfolio.optimiser import Wish, best_weights
from tradewinds.portfolio.prepared import Prepared, prepared
from tradewinds.portfolio.problem import Floats, Method, Problem
from tradewinds.portfolio.solution import WORDS, Rung, Solution

MOVED_MAX = 1e-4
"""Sum of |weight| that hard limits may take from a solver's answer: its tolerance, not a different portfolio."""


def construct(problem: Problem) -> Solution:
    """Target weights of the problem. Whatever its arrays hold there is a solution, and its hard limits hold."""
    given = prepared(problem)
    tried: list[str] = []
    if not given.is_known.any():
        tried.append("no risk is known")
    elif (found := _climbed_down(given, tried)) is not None:
        weights, rung = found
        return answer(given, weights, rung, _why(rung, tried))
    return answer(given, into_hard_limits(given.today, problem.limits, given.frozen), Rung.HOLD, _why(Rung.HOLD, tried))


def _climbed_down(given: Prepared, tried: list[str]) -> tuple[Floats, Rung] | None:
    wish = Wish(given.expected_return)
    if given.problem.method is not Method.MEAN_VARIANCE:
        wish = Wish(np.zeros_like(given.today))
    if given.problem.method in IDEALS:
        centre = _attempt(lambda: ideal_weights(given), "no ideal", tried)
        if centre is None:
            return None
        if _is_accepted(given, centre, Rung.AS_ASKED):
            return into_hard_limits(centre, given.problem.limits, given.frozen), Rung.AS_ASKED
        wish = Wish(np.zeros_like(given.today), centre)
    for rung in (one for one in Rung if one is Rung.AS_ASKED or _softens(given, one)):
        raw = _attempt(partial(best_weights, given, wish, rung), _spoken(rung), tried)
        if raw is None:
            continue
        if _is_accepted(given, raw, rung):
            return into_hard_limits(raw, given.problem.limits, given.frozen), rung
        tried.append(f"{_spoken(rung)}: the solver's answer broke limits")
    return None


def _attempt(work: Callable[[], Floats], name: str, tried: list[str]) -> Floats | None:
    """What the work answers, or None with what happened in `tried`."""
    try:
        return work()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - solvers of other houses raise anything, Rust's panics are no Exception even
        tried.append(f"{name}: {_first_line(error)}")
        return None


def _is_accepted(given: Prepared, raw: Floats, rung: Rung) -> bool:
    """Whether hard limits hardly moved the weights, and what the rung promises holds."""
    weights = into_hard_limits(raw, given.problem.limits, given.frozen)
    return bool(np.abs(weights - raw).sum() <= MOVED_MAX) and holds(given, weights, rung)


def _softens(given: Prepared, rung: Rung) -> bool:
    """Whether that rung asks for less than the one above it."""
    limits = given.problem.limits
    if rung is Rung.HOLD:
        return False
    if rung is Rung.SOFT_EXPOSURES:
        return bool(limits.factors or limits.groups)
    if rung is Rung.SOFT_TRACKING:
        return limits.tracking_max is not None
    return rung is Rung.SOFT_INVESTED or limits.turnover_max is not None


def _why(rung: Rung, tried: list[str]) -> str:
    return WORDS[rung] + (f" ({'; '.join(tried)})" if tried else "")


def _spoken(rung: Rung) -> str:
    return rung.name.lower().replace("_", " ")


def _first_line(error: BaseException) -> str:
    if type(error).__name__ == "ConvexOptimizationError":  # skfolio's word for a problem that is infeasible, and for a solver that gave up
        return "no solution found"
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
