"""Every scenario in our engine alone: the outcomes are those on which the other engines agreed, kept as numbers.

`python -m tests.equality.known` after `make equality` writes `known.json` anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from . import ours
from .fills import outcome
from .known import digest
from .scenarios import MAKERS

KNOWN = json.loads((Path(__file__).parent / "known.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", sorted(KNOWN))
def test_the_outcome_is_the_one_that_other_engines_agreed_on(case: str) -> None:
    name, fill = case.split(" ")
    scenario = MAKERS[name](fill, False)

    found = outcome(ours.run(scenario, fill))

    assert len(found.trades) == KNOWN[case]["trades"]
    assert digest(found) == KNOWN[case]["sha256"]
    if "equity" in KNOWN[case]:
        assert found.equity == pytest.approx(KNOWN[case]["equity"], abs=0.006)
        assert found.fees == pytest.approx(KNOWN[case]["fees"], abs=0.006)


def test_every_scenario_is_known() -> None:
    assert {case.split(" ")[0] for case in KNOWN} == set(MAKERS)
