"""The acceptance card, docs/acceptance.md: which sentence holds at which broker. Made of the cases themselves, and never stale.

TRADEWINDS_WRITE_CARD=1 pytest tests/contracts/test_acceptance_card.py     writes it anew
"""

from __future__ import annotations

import inspect
import os
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CARD = HERE.parents[1] / "docs" / "acceptance.md"
MARK = "<!-- made by tests/contracts/test_acceptance_card.py -->"
ORDERS = ("test_broker_contract.py", "test_broker_contract_doubts.py")
DATA = "test_market_data_contract.py"
HELD, REFUSED, LACKING = "passed", "refused", "not modelled"


def cases(name: str) -> list[tuple[str, list[str]]]:
    """The sentences of a file and what each needs, in their order."""
    module = runpy.run_path(str(HERE / name))
    found = []
    for each, made in module.items():
        if each.startswith("test_") and inspect.isfunction(made):
            marks = [mark for mark in getattr(made, "pytestmark", ()) if mark.name == "needs"]
            # Marks nearest to the function come first; the order in which words are heeded is that of iter_markers.
            found.append((each.removeprefix("test_").replace("_", " "), [word for mark in marks for word in mark.args]))
    return found


def verdict(house: Any, words: list[str]) -> str:
    """What becomes of a case at a house: as the fixture `desk` decides it."""
    if any(word in house.LACKS for word in words):
        return LACKING
    return REFUSED if any(word in house.REFUSES for word in words) else HELD


def table(names: tuple[str, ...], houses: Mapping[str, Any]) -> list[str]:
    """Case by house."""
    rows = ["| case | " + " | ".join(houses) + " |", "|---|" + "---|" * len(houses)]
    for name in names:
        for sentence, words in cases(name):
            rows.append(f"| {sentence} | " + " | ".join(verdict(house, words) for house in houses.values()) + " |")
    return rows


def reasons(houses: Mapping[str, Any]) -> list[str]:
    """Why a house refuses, or does not model, what a case needs."""
    rows = ["| at | needs | is | because |", "|---|---|---|---|"]
    for name, house in houses.items():
        rows += [f"| {name} | {word} | {REFUSED} | {why} |" for word, why in house.REFUSES.items()]
        rows += [f"| {name} | {word} | {LACKING} | {why} |" for word, why in house.LACKS.items()]
    return rows


def card(brokers: Mapping[str, Any], sources: Mapping[str, Any]) -> str:
    """Everything below the mark."""
    sections = [
        MARK, "", "## Orders", "", *table(ORDERS, brokers), "", "## Live data", "", *table((DATA,), sources), "",
        "## What is refused, and what is not modelled", "", "Orders:", "", *reasons(brokers), "", "Live data:", "", *reasons(sources), "",
    ]  # fmt: skip
    return "\n".join(sections)


def test_the_card_is_what_the_cases_say(houses: dict[str, Any]) -> None:
    sources = runpy.run_path(str(HERE / DATA))["SOURCES"]
    text, made = CARD.read_text(), card(houses, sources)
    if os.environ.get("TRADEWINDS_WRITE_CARD"):
        CARD.write_text(text.partition(MARK)[0] + made)
        pytest.skip("the card was written")
    assert text.partition(MARK)[1] + text.partition(MARK)[2] == made


def test_there_are_enough_cases_and_each_needs_what_some_house_knows(houses: dict[str, Any]) -> None:
    orders = [one for name in ORDERS for one in cases(name)]
    assert len(orders) >= 60
    assert len(cases(DATA)) >= 25
    needed = {word for _, words in orders for word in words}
    known = {word for house in houses.values() for word in (*house.REFUSES, *house.LACKS)}
    assert known - needed == set()
    assert needed - known - {"hand", "stream"} == set()
