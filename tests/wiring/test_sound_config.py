"""One broken entry disables itself and what asks it, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.wiring.settings import load_sound_config

SOUND = (
    "datasets: {cot: {vendor: cftc, dataset: cot, since: 2024-01-01}, rates: {vendor: ecb, dataset: reference-rates, since: 2024-01-01}}"
)


def _load(folder: Path, text: str) -> tuple[set[str], dict[str, str]]:
    path = folder / "tradewinds.yaml"
    path.write_text(text)
    config, problems = load_sound_config(path, {"TRADEWINDS_HOME": str(folder)})
    return {*config.datasets, *config.equities, *config.crypto}, problems


def test_a_sound_configuration_has_no_problems(tmp_path: Path) -> None:
    names, problems = _load(tmp_path, SOUND)

    assert names == {"cot", "rates"}
    assert problems == {}


def test_a_broken_dataset_is_set_aside_with_its_reason(tmp_path: Path) -> None:
    names, problems = _load(tmp_path, SOUND.replace("vendor: cftc,", "vendor: cftc, colour: red,"))

    assert names == {"rates"}
    assert list(problems) == ["datasets.cot"]
    assert "colour: unknown key" in problems["datasets.cot"]


def test_two_broken_entries_are_both_named(tmp_path: Path) -> None:
    names, problems = _load(tmp_path, SOUND.replace("2024-01-01}", "soon}"))

    assert names == set()
    assert sorted(problems) == ["datasets.cot", "datasets.rates"]


def test_a_broken_vendor_takes_along_only_what_asks_it(tmp_path: Path) -> None:
    market = "equities: {XNYS: {calendar: XNYS, instruments: [A.XNYS], vendors: [alpha, bravo], since: 2024-01-01}}"
    names, problems = _load(tmp_path, f"{SOUND}\n{market}\nvendors: {{alpha: {{use: drops, paths: here}}, bravo: {{use: drops}}}}")

    assert names == {"cot", "rates"}
    assert sorted(problems) == ["equities.XNYS", "vendors.alpha"]
    assert problems["equities.XNYS"] == "asks the vendor 'alpha', whose entry is broken"


def test_an_unknown_section_still_refuses_the_whole(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="colour: unknown key"):
        _load(tmp_path, SOUND + "\ncolour: red")
