"""What the look-ahead detector says: a finding of a kind, what it means, how to mend it; and the verdict over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tradewinds.core.instant import text

Kind = Literal["future", "known later", "latest view", "lookback", "same bar", "not repeatable", "state", "hidden input"]

MEANING: dict[Kind, tuple[str, str]] = {
    "future": (
        "The decision changes with bars that came after it.",
        "Look for shift(-n), centred windows, statistics over the whole array, backward filling, labels at a period's start, indices past "
        "the row.",
    ),
    "known later": (
        "The decision uses a fact before it was published.",
        "Read datasets through panel.other or view.other, which join on the time at which a fact became known.",
    ),
    "latest view": (
        "The data hold corrected values, which nobody knew at the time.",
        "Run it on first-known values (--view first).",
    ),
    "lookback": (
        "Decided on its declared lookback alone, as live does, it decides otherwise than on the whole history.",
        "Declare a longer lookback; of a recursive average its warm-up, such as Ema(n).warmup(1e-6).",
    ),
    "same bar": (
        "It decides by a bar's close and is filled at that same close.",
        "Let orders fill at the next open (fills at: next_open).",
    ),
    "not repeatable": (
        "It decides otherwise when it is asked again: chance without a seed, or something kept between two runs.",
        "Keep state on the object, made anew in __init__; draw chance from a generator with a fixed seed made in the function.",
    ),
    "state": (
        "Written down halfway and taken up again, it goes on otherwise, so that a restart would change its decisions.",
        "Keep everything in attributes of the object that can be written down.",
    ),
    "hidden input": (
        "Its code reads something that is neither data nor parameter.",
        "Take time from view.now_ns or panel.event_ns, and chance from a seeded generator.",
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a strategy must not do. before and after: what it decided in the two cases; how: what was compared.

    lookback_needed: for "lookback", bars that sufficed on the rows tried; None where not even all before them did.
    """

    kind: Kind
    how: str
    row: int | None = None
    event_ns: int | None = None
    instrument: str = ""
    before: object = None
    after: object = None
    lookback_needed: int | None = None

    @property
    def meaning(self) -> str:
        return MEANING[self.kind][0]

    @property
    def mend(self) -> str:
        return MEANING[self.kind][1]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check. rows: bars looked at; decisions: rows at which something new was decided; 0 proves little."""

    name: str
    findings: tuple[Finding, ...]
    rows: int
    decisions: int

    @property
    def is_clean(self) -> bool:
        return not self.findings


def told(finding: Finding) -> str:
    """A finding as two sentences and what to do."""
    where = f" at {text(finding.event_ns)}" if finding.event_ns is not None else ""
    who = f" of {finding.instrument}" if finding.instrument else ""
    values = f": {finding.before} became {finding.after}" if finding.before is not None or finding.after is not None else ""
    if finding.lookback_needed is not None:
        values += f"; {finding.lookback_needed} bars were enough"
    return f"{finding.kind}: {finding.meaning} Seen{where}{who}, {finding.how}{values}. {finding.mend}"
