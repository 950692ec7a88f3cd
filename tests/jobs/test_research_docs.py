"""What the documentation says of the keys of research is what the configuration takes."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from tradewinds.jobs.config import Storage
from tradewinds.jobs.research_config import (
    FactConfig,
    LabelConfig,
    LearnerConfig,
    ModelConfig,
    PortfolioConfig,
    PromotionConfig,
    ResearchConfig,
    RiskModelConfig,
    ScreenerConfig,
)

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def _row(section: str, key: str) -> str:
    """The line of the page's table that begins with the key."""
    text = PAGE.read_text(encoding="utf-8").partition(section)[2]
    return next(line for line in text.splitlines() if line.startswith("| `") and f"`{key}`" in line.split("|")[1])


def _keys(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_]+)`", text))


@pytest.mark.parametrize(
    ("section", "kind"), [("`research.<book>`, for", ResearchConfig), ("`models/<name>.yaml` in the workspace", ModelConfig)]
)
def test_every_key_has_a_line_and_every_line_a_key(section: str, kind: type[Any]) -> None:
    after = PAGE.read_text(encoding="utf-8").partition(section)[2]
    table = after[after.index("| key") :].partition("\n\n")[0]

    assert {key for line in table.splitlines() for key in _keys(line.split("|")[1])} == {one.name for one in fields(kind)}


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("facts", FactConfig), ("risk", RiskModelConfig), ("portfolio", PortfolioConfig), ("screeners", ScreenerConfig),
        ("label", LabelConfig), ("learner", LearnerConfig), ("promotion", PromotionConfig),
    ],
)  # fmt: skip
def test_the_line_of_a_section_names_its_keys_with_their_defaults(key: str, kind: type[Any]) -> None:
    line = _row("## Research", key)

    told = line.split("|")[3]
    assert {one.name for one in fields(kind)} <= _keys(told)
    for one in fields(kind):
        if one.default is not MISSING and isinstance(one.default, int | float) and not isinstance(one.default, bool):
            stated = re.search(rf"`{one.name}` \(([0-9.]+)", told)
            assert stated is not None, one.name
            assert float(stated[1]) == one.default, one.name


def test_every_place_of_storage_is_named() -> None:
    line = next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("`storage`"))

    assert {one.name for one in fields(Storage)} <= _keys(line)
