"""What a model knew that nobody could know: detectors, each for one way in which the future gets into a sample.

1. Label over the past: `label.check_future`.
2. Value known later: `known_late` compares the times at which inputs became known with the decisions.
3. Restated value, or a row used before its publication, whatever time it was stamped with: `restated` compares what was used with what
   the versions say that was known then (`as_known`).
4. Survivors only: `survivorship` compares the instruments that have rows with those that belonged to the universe as known then.
5. Computed over the whole history: `not_causal` computes again with the future cut off.
6. Too good to be true: `too_good` names features whose rank correlation with the label no market grants.

Each answers findings; `refuse` raises where there are any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import text
from tradewinds.models.sample import Bools, Floats, Ints, Sample
from tradewinds.models.score import by_decision
from tradewinds.models.significance import above_zero

CLOSE = 1e-9
"""Share of a value's size by which two computations of it may differ."""
IC_MAX = 0.3
CHANCE_MAX = 1e-6
COVERAGE_MIN = 0.5
FINDINGS_MAX = 20

Fields = Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Leak:
    """kind: the detector's name. what: feature or instrument. said: value and what was expected. cells: how many."""

    kind: str
    what: str
    said: str
    cells: int


def refuse(leaks: Iterable[Leak]) -> None:
    """Raise Rejected naming the first leak, and how many there are."""
    found = list(leaks)
    if found:
        first = found[0]
        raise Rejected(f"sample: {first.kind}: {first.what}: {first.said} ({first.cells} cells; {len(found)} leaks)")


def known_late(names: Sequence[str], decision_ns: Ints, known_ns: Ints) -> list[Leak]:
    """Inputs that became known after their decision. names: of the columns of known_ns (T, C); decision_ns: (T,)."""
    is_late = known_ns > decision_ns[:, None]
    return [
        _late(names[column], decision_ns, known_ns[:, column], is_late[:, column])
        for column in np.flatnonzero(is_late.any(axis=0)).tolist()
    ]


def as_known(event_ns: Ints, known_ns: Ints, values: Floats, decision_ns: Ints) -> Floats:
    """(T,) what one instrument's versions of a fact said at each decision: of the newest event known by then, the newest version.

    event_ns, known_ns, values: (V,), in any order. NaN before the first is known.
    """
    out = np.full(len(decision_ns), np.nan)
    order = np.lexsort((known_ns, event_ns))
    event, known, value = event_ns[order], known_ns[order], values[order]
    for row, decision in enumerate(decision_ns.tolist()):
        usable = np.flatnonzero((known <= decision) & (event <= decision))
        if len(usable):
            out[row] = value[usable[-1]]
    return out


def restated(names: Sequence[str], decision_ns: Ints, used: Floats, then: Floats) -> list[Leak]:
    """Columns whose values differ from what was known at the decision. used, then: (T, C)."""
    size = np.maximum(np.nan_to_num(np.abs(used)), np.nan_to_num(np.abs(then)))
    with np.errstate(invalid="ignore"):
        is_other = (np.isnan(used) != np.isnan(then)) | (np.abs(used - then) > CLOSE * np.maximum(size, CLOSE))
    leaks = []
    for column in np.flatnonzero(is_other.any(axis=0)).tolist():
        row = int(np.argmax(is_other[:, column]))
        said = f"{used[row, column]:.6g} at {text(int(decision_ns[row]))}, expected {then[row, column]:.6g}, as known then"
        leaks.append(Leak("restated", names[column], said, int(is_other[:, column].sum())))
    return leaks


def survivorship(sample: Sample, universe: Sequence[str], decision_ns: Ints, is_member: Bools) -> list[Leak]:
    """Members that left later and have fewer rows than those that stayed; and rows of instruments that were no members then.

    universe: (M,) everybody who ever belonged. is_member: (T, M), as known at each decision.
    """
    places = {name: place for place, name in enumerate(universe)}
    column = np.array([places.get(name, -1) for name in sample.universe], np.int64)[sample.instruments]
    row = np.searchsorted(decision_ns, sample.times)
    is_known = (row < len(decision_ns)) & (column >= 0)
    is_known[is_known] &= decision_ns[row[is_known]] == sample.times[is_known]
    is_outside = np.ones(len(sample), np.bool_)
    is_outside[is_known] = ~is_member[row[is_known], column[is_known]]
    leaks = []
    if bool(is_outside.any()):
        first = int(np.argmax(is_outside))
        said = f"row for {text(int(sample.times[first]))}, expected it to be a member as known then"
        leaks.append(Leak("survivorship", sample.universe[int(sample.instruments[first])], said, int(is_outside.sum())))
    has_row = np.zeros(is_member.shape, np.bool_)
    has_row[row[is_known], column[is_known]] = True
    return leaks + _absent_leavers(universe, decision_ns, is_member, has_row)


def not_causal(
    names: Sequence[str], compute: Callable[[Fields], Floats], fields: Fields, rows: Sequence[int], *, whole: Floats | None = None
) -> list[Leak]:
    """Features that change when what comes after a row is cut off. compute: fields (T, N) to (T, N, K). rows: those to try."""
    full = compute(fields) if whole is None else whole
    cells = dict.fromkeys(names, 0)
    first: dict[str, str] = {}
    for row in rows:
        cut = compute({name: values[: row + 1] for name, values in fields.items()})[row]
        size = np.maximum(np.nan_to_num(np.abs(cut)), np.nan_to_num(np.abs(full[row])))
        with np.errstate(invalid="ignore"):
            is_other = (np.isnan(cut) != np.isnan(full[row])) | (np.abs(cut - full[row]) > CLOSE * np.maximum(size, CLOSE))
        for place in np.flatnonzero(is_other.any(axis=0)).tolist():
            cells[names[place]] += int(is_other[:, place].sum())
            at = int(np.argmax(is_other[:, place]))
            said = f"row {row}: {full[row, at, place]:.6g} with the rows after it and {cut[at, place]:.6g} without, expected the same"
            first.setdefault(names[place], said)
    return [Leak("not causal", name, said, cells[name]) for name, said in first.items()]


def too_good(sample: Sample, *, ic_max: float = IC_MAX) -> list[Leak]:
    """Features whose mean rank correlation with the label is beyond `ic_max`, and not by chance."""
    leaks = []
    for place, name in enumerate(sample.names):
        values = sample.features[:, place]
        is_known = np.isfinite(values)
        times, instruments, starts, ends = (
            one[is_known] for one in (sample.times, sample.instruments, sample.starts_ns, sample.label_end_ns)
        )
        found = by_decision(times, instruments, values[is_known], sample.label[is_known], starts, ends)
        known = found.ic[np.isfinite(found.ic)]
        mean = float(known.mean()) if len(known) else 0.0
        _, chance = above_zero(np.sign(mean) * found.skill)
        if abs(mean) > ic_max and chance < CHANCE_MAX:
            leaks.append(Leak("too good", name, f"rank correlation {mean:.2f} with the label, expected at most {ic_max}", len(known)))
    return leaks


def _late(name: str, decision_ns: Ints, known_ns: Ints, is_late: Bools) -> Leak:
    row = int(np.argmax(is_late))
    said = f"known at {text(int(known_ns[row]))}, expected by the decision at {text(int(decision_ns[row]))}"
    return Leak("known late", name, said, int(is_late.sum()))


def _absent_leavers(universe: Sequence[str], decision_ns: Ints, is_member: Bools, has_row: Bools) -> list[Leak]:
    """Whether those who left have, of the decisions at which they were members, far fewer rows than those who stayed."""
    member, present = is_member.sum(axis=0), (is_member & has_row).sum(axis=0)
    is_ever = member > 0
    is_leaver = is_ever & ~is_member[-1]
    stayers, leavers = is_ever & ~is_leaver, is_leaver
    if not leavers.any() or not stayers.any():
        return []
    stayed = float(present[stayers].sum() / member[stayers].sum())
    left = float(present[leavers].sum() / member[leavers].sum())
    if left >= COVERAGE_MIN * stayed:
        return []
    gone = [universe[place] for place in np.flatnonzero(leavers & (present == 0)).tolist()] or [universe[int(np.argmax(leavers))]]
    said = (
        f"{left:.0%} of the rows of {int(leavers.sum())} members that left by {text(int(decision_ns[-1]))}, "
        f"expected about the {stayed:.0%} of those that stayed"
    )
    return [Leak("survivorship", ", ".join(gone[:FINDINGS_MAX]), said, int((member - present)[leavers].sum()))]
