"""The planted strategies: nearly all that look ahead are found, and nearly none of the others is accused."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOUND_MIN = 0.98
FALSE_ALARMS_MAX = 0.02


def _planted_module() -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "corpus" / "planted.py"
    spec = importlib.util.spec_from_file_location("planted_strategies", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def corpus() -> dict[str, list[Any]]:
    """Folder -> what was planted there, each with its verdict."""
    module = _planted_module()
    return {folder: list(module.planted(folder)) for folder in ("tuning", "held_out")}


@pytest.mark.parametrize("folder", ["tuning", "held_out"])
def test_leaks_are_found_and_clean_strategies_are_left_alone(corpus: dict[str, list[Any]], folder: str) -> None:
    leaky = [one for one in corpus[folder] if one.is_leaky]
    clean = [one for one in corpus[folder] if not one.is_leaky]

    missed = [one.name for one in leaky if one.verdict.is_clean]
    accused = {one.name: [found.kind for found in one.verdict.findings] for one in clean if not one.verdict.is_clean}

    assert len(leaky) >= 30
    assert len(clean) >= 30
    assert len(missed) <= (1 - FOUND_MIN) * len(leaky), missed
    assert len(accused) <= FALSE_ALARMS_MAX * len(clean), accused


def test_the_corpus_is_large_enough_and_its_halves_share_nothing(corpus: dict[str, list[Any]]) -> None:
    names = [{one.name for one in planted} for planted in corpus.values()]
    every = [one for planted in corpus.values() for one in planted]

    assert sum(one.is_leaky for one in every) >= 60
    assert sum(not one.is_leaky for one in every) >= 60
    assert names[0] & names[1] == set()
    assert len(every) == len(names[0]) + len(names[1])


def test_what_is_planted_does_decide_so_that_a_clean_verdict_means_something(corpus: dict[str, list[Any]]) -> None:
    idle = {one.name for planted in corpus.values() for one in planted if not one.is_leaky and one.verdict.decisions == 0}

    assert idle <= {"buy_and_hold", "expanding_mean"}
