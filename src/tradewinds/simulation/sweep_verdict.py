"""What a sweep says at its end: its best configurations, and in words how much of the best result is luck.

1. `Tally` takes trials as they finish. It keeps the best few, the statistics of sets, and counts; memory grows by a few hundred bytes a
   trial, whatever the length of the history.
2. `luck_of` compares the best Sharpe ratio with what the luckiest of as many tries without any skill would be expected to show
   (deflated Sharpe ratio), asks how often the best of one half of the history is below the middle in the other half (probability of
   overfitting), and resamples the best configuration's returns (bootstrap).
3. The words say it in sentences.
"""

from __future__ import annotations

import math
from array import array
from bisect import insort
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault
from tradewinds.performance import bootstrap
from tradewinds.performance.overfitting import overfitting
from tradewinds.performance.sharpe import average_correlation, deflated_sharpe, effective_trials, expected_maximum
from tradewinds.simulation.sweep import Trial, checked_objective

Floats = NDArray[np.float64]

TOP = 10
FAILURES_KEPT = 100
CORRELATED_MAX = 2_000  # trials of which the average correlation is taken, evenly spread


class Tally:
    """Trials of one span, in whatever order they come; what it answers does not depend on that order."""

    def __init__(self, objective: str) -> None:
        self.objective = checked_objective(objective)
        self.tried = self.failed = self.unscored = 0
        self.failures: list[Trial] = []
        self._top: list[tuple[float, int, Trial]] = []
        self._numbers = array("q")
        self._sharpes = array("d")
        self._sets = array("d")
        self._width = 0

    def add(self, trial: Trial) -> None:
        """Count one trial."""
        self.tried += 1
        if trial.figures is None:
            self.failed += 1
            insort(self.failures, trial, key=lambda one: one.number)
            del self.failures[FAILURES_KEPT:]
            return
        assert trial.sets is not None
        self._numbers.append(trial.number)
        self._sharpes.append(trial.figures.sharpe_session)
        self._width = len(trial.sets)
        self._sets.frombytes(np.ascontiguousarray(trial.sets).tobytes())
        score = trial.score(self.objective)
        if score is None:
            self.unscored += 1
        elif len(self._top) < TOP or (-score, trial.number) < self._top[-1][:2]:
            insort(self._top, (-score, trial.number, trial), key=lambda one: one[:2])
            del self._top[TOP:]

    @property
    def best(self) -> Trial | None:
        """The trial with the highest score, of equal ones the first by number; None where none has a score."""
        return self._top[0][2] if self._top else None

    @property
    def top(self) -> list[Trial]:
        """The best trials, best first."""
        return [trial for _, _, trial in self._top]

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(trials,) numbers of the trials that did not fail, rising."""
        return np.sort(np.array(self._numbers, np.int64))

    @property
    def sets(self) -> Floats:
        """(trials, sets, 3) their statistics, in the order of `numbers`."""
        order = np.argsort(np.array(self._numbers, np.int64))
        return np.array(self._sets, np.float64).reshape(len(order), self._width, 3)[order]

    @property
    def sharpes(self) -> Floats:
        """(trials,) their Sharpe ratios per session, NaN where they never moved, in the order of `numbers`."""
        return np.array(self._sharpes, np.float64)[np.argsort(np.array(self._numbers, np.int64))]


@dataclass(frozen=True, slots=True)
class Luck:
    """How much of the best result is luck. Sharpe ratios annualised. None where it cannot be said, see `notes`.

    trials: with a Sharpe ratio. independent: how many unrelated ones they amount to, by their average correlation.
    expected: highest Sharpe ratio that as many tries without skill would show. share: of the best's, what that explains, 0 to 1.
    deflated: probability that the best's true ratio is above 0, all tries counted; deflated_independent: the unrelated ones counted.
    overfitting: probability that the best of one half of the history is not above the middle in the other half.
    low, high: 95 % interval of the best's ratio, by resampling its returns; it does not know of the other tries.
    """

    trials: int
    independent: float | None
    best: float
    expected: float | None
    share: float | None
    deflated: float | None
    deflated_independent: float | None
    overfitting: float | None
    low: float | None
    high: float | None
    notes: tuple[str, ...] = ()


def luck_of(tally: Tally, best: Trial, returns: Floats, *, blocks: int, year: float, seed: int) -> Luck:
    """The luck in the best trial. returns: (sessions,) its own. blocks: how many of the first sets are those of the symmetric validation.

    year: sessions in a year.
    """
    figures = best.figures
    assert figures is not None
    sharpes = tally.sharpes
    known = sharpes[np.isfinite(sharpes)]
    notes: list[str] = []
    expected = deflated = deflated_independent = independent = None
    if len(known) >= 2:
        deviation = float(known.std(ddof=1))
        independent = _independent(tally.sets[np.isfinite(sharpes)], blocks)
        told = figures.sharpe_session, figures.sessions
        shape = figures.skewness, figures.kurtosis
        expected = expected_maximum(len(known), deviation) * math.sqrt(year)
        deflated = _known(deflated_sharpe(*told, len(known), deviation, *shape))
        if independent is not None:
            deflated_independent = _known(deflated_sharpe(*told, independent, deviation, *shape))
    else:
        notes.append(f"{len(known)} configurations have a Sharpe ratio, at least 2 are needed to say what luck would show")
    probability = _overfitting(tally, blocks, notes)
    low, high = _interval(returns, year, seed, notes)
    share = None
    if expected is not None and figures.sharpe > 0:
        share = min(max(expected / figures.sharpe, 0.0), 1.0)
    return Luck(
        len(known), independent, figures.sharpe, expected, share, deflated, deflated_independent, probability, low, high, tuple(notes)
    )


def words(luck: Luck) -> list[str]:
    """What the numbers mean, a sentence each."""
    said = []
    if luck.expected is not None:
        said.append(
            f"The best Sharpe ratio is {luck.best:.2f}; the luckiest of {luck.trials:,} tries without any skill would be expected to show "
            f"{luck.expected:.2f}."
        )
        if luck.share is None:
            said.append("The best result is a loss: there is nothing that luck would have to explain.")
        elif luck.share >= 1.0:
            said.append(f"All of the best result's {luck.best:.2f} may be luck.")
        else:
            said.append(f"Of the best result's {luck.best:.2f} about {luck.expected:.2f} ({luck.share:.0%}) is luck.")
    if luck.deflated is not None:
        said.append(
            f"Deflated Sharpe ratio: the probability that the best has any skill is {_percent(luck.deflated)}, {_weighed(luck.deflated)}."
        )
    if luck.independent is not None and luck.deflated_independent is not None:
        said.append(
            f"The tries resemble each other and amount to about {luck.independent:,.0f} unrelated ones; counted like that it is "
            f"{_percent(luck.deflated_independent)}."
        )
    if luck.overfitting is not None:
        said.append(
            f"Probability of overfitting: in {_percent(luck.overfitting)} of the ways to halve the history the best of one half was not "
            "above the middle in the other."
        )
    if luck.low is not None and luck.high is not None:
        said.append(f"Resampling its own returns puts its Sharpe ratio between {luck.low:.2f} and {luck.high:.2f} (95 %).")
    return [*said, *(f"{note[0].upper()}{note[1:]}." for note in luck.notes)]


def _independent(sets: Floats, blocks: int) -> float | None:
    """Unrelated tries, by the correlation of the trials' mean returns over the blocks."""
    if blocks < 4:
        return None
    chosen = np.unique(np.linspace(0, len(sets) - 1, min(len(sets), CORRELATED_MAX)).astype(np.int64))
    means = sets[chosen, :blocks, 1] / sets[chosen, :blocks, 0]
    correlation = average_correlation(np.ascontiguousarray(means.T))
    return None if not math.isfinite(correlation) else effective_trials(len(sets), correlation)


def _overfitting(tally: Tally, blocks: int, notes: list[str]) -> float | None:
    if blocks < 4:
        notes.append("the history has too few sessions to be halved in several ways, so the probability of overfitting is unknown")
        return None
    try:
        return overfitting(tally.sets[:, :blocks]).probability
    except DataFault as error:
        notes.append(str(error))
        return None


def _interval(returns: Floats, year: float, seed: int, notes: list[str]) -> tuple[float | None, float | None]:
    try:
        found = bootstrap.interval(returns, "sharpe", np.random.default_rng(seed), periods_per_year=year)
    except DataFault as error:
        notes.append(str(error))
        return None, None
    return _known(found.low), _known(found.high)


def _weighed(probability: float) -> str:
    return (
        "which is evidence" if probability >= 0.95 else "too little to bet on" if probability < 0.9 else "which is not yet evidence (95 %)"
    )


def _percent(probability: float) -> str:
    return f"{probability:.0%}" if 0.01 <= probability <= 0.99 else f"{probability:.1%}"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
