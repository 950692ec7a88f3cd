"""Eighteen known errors of one vendor, each beside its repaired copy: which a vendor's bars betray by themselves, and which not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.shared

NOW = "2026-07-01T12:00:00Z"
SPLITS = ("ALPHA-PA-1d-bad-stock-split", "LA-V-1d-bad-stock-split", "MOB-ST-1d-bad-stock-split", "SPM-MI-1d-bad-stock-split")
UNSEEN_SPLITS = ("AV-L-1wk-bad-stock-split", "DEX-AX-1d-bad-stock-split")
DIVIDENDS = (
    "1398-HK-1d-bad-div",
    "4063-T-1d-bad-div",
    "8TRA-DE-1d-missing-div-adjust",
    "ADIG-L-1d-bad-div",
    "CLC-L-1d-bad-div",
    "KAP-IL-1d-bad-div",
    "KME-MI-1d-bad-div",
    "PSH-L-1d-bad-div",
    "RGL-L-1d-bad-div",
    "SCR-TO-1d-bad-div",
    "TENT-L-1d-bad-div",
)
CLEAN = ("EWG-1d-no-bad-divs", "IBE-MC-1d-no-bad-divs", "TISG-MI-1d-no-bad-divs")
UNITS = "SSW-JO-1d-100x-error"


@pytest.fixture(scope="module")
def kinds(shared: Path, stage: Callable[[str], Any], told: Callable[[Any], Any]) -> dict[str, dict[str, int]]:
    """Findings by kind of every file, read through the vendor `files` by the dataset job."""
    names = [name for stem in (*SPLITS, *UNSEEN_SPLITS, *DIVIDENDS, UNITS) for name in (stem, f"{stem}-fixed")]
    files = {}
    for name in (*names, *CLEAN):
        place = next((shared / "equities" / "yahoo_defects").glob(f"{name}.csv*"))
        symbol = name.partition("-1d" if "-1d" in name else "-1wk")[0]
        interval = "1w" if "-1wk" in name else "1d"
        files[name.lower()] = {
            "path": str(place),
            "instrument": f"{symbol}.{'FIXED' if name.endswith('-fixed') else 'YAHOO'}",
            "interval": interval,
        }
    found = told(stage("yahoo").read_files(NOW, files))
    return {name: found.kinds(vendor=name.lower()) for name in (*names, *CLEAN)}


def test_a_split_applied_to_some_days_only_is_a_jump_there_and_back(kinds: Any) -> None:
    assert [kinds[name] for name in SPLITS] == [{"unit": 2}, {"unit": 2}, {"unit": 2}, {"unit": 1}]
    assert [kinds[f"{name}-fixed"] for name in SPLITS] == [{}, {}, {}, {}]


def test_cents_for_rand_is_one_jump_and_bars_that_cannot_be_stay_in_the_repaired_copy(kinds: Any) -> None:
    assert kinds[UNITS] == {"impossible": 4, "unit": 1}
    assert kinds[f"{UNITS}-fixed"] == {"impossible": 4}


def test_a_wrong_factor_below_fivefold_in_a_thin_or_weekly_series_is_not_seen(kinds: Any) -> None:
    assert [kinds[name] for name in UNSEEN_SPLITS] == [{"volume_scale": 1}, {}]
    assert [kinds[f"{name}-fixed"] for name in UNSEEN_SPLITS] == [{"volume_scale": 1}, {}]


def test_wrong_dividends_leave_the_bars_as_they_are_and_are_not_seen_in_them(kinds: Any) -> None:
    assert [kinds[name] for name in DIVIDENDS] == [kinds[f"{name}-fixed"] for name in DIVIDENDS]
    assert {name[:4]: kinds[name] for name in DIVIDENDS if kinds[name]} == {
        "1398": {"impossible": 2},
        "ADIG": {"impossible": 4, "spike": 1},
        "CLC-": {"impossible": 10, "unit": 2},
        "KME-": {"spike": 1},
        "PSH-": {"impossible": 3},
        "RGL-": {"impossible": 2},
        "SCR-": {"unit": 1},
        "TENT": {"impossible": 76, "spike": 2},
    }


def test_clean_files_have_no_finding(kinds: Any) -> None:
    assert [kinds[name] for name in CLEAN] == [{}, {}, {}]
