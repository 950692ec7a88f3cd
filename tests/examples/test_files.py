"""What stands beside each example: a YAML that runs it, a page that explains it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tradewinds.wiring.research import Asked, plan

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("sma_cross", "rsi_bracket", "momentum", "pairs", "funding_carry")


@pytest.mark.parametrize("name", NAMES)
def test_its_yaml_names_everything_that_a_run_needs(name: str) -> None:
    planned = plan(Asked(place=str(ROOT / "examples" / "strategies" / f"{name}.yaml")))

    assert planned.books[0].strategy.name.lower().replace("_", "") == name.replace("_", "")
    assert planned.wanted.instruments
    assert planned.wanted.interval is not None
    assert planned.setup.costs
    assert not planned.is_portfolio


@pytest.mark.parametrize("name", NAMES)
def test_its_page_says_what_it_does_how_to_run_it_and_what_to_beware_of(name: str) -> None:
    page = (ROOT / "docs" / "examples" / f"{name.replace('_', '-')}.md").read_text(encoding="utf-8")

    for heading in ("## What it does", "## Run it", "## What to expect", "## Beware"):
        assert heading in page
    assert f"examples/strategies/{name}.py" in page
    assert f"examples/strategies/{name}.yaml" in page


def test_every_example_has_a_test_and_every_link_of_the_pages_leads_somewhere() -> None:
    files = sorted(path.stem for path in (ROOT / "examples" / "strategies").glob("*.py"))
    assert files == sorted(NAMES)
    for name in NAMES:
        assert (ROOT / "tests" / "examples" / f"test_{name}.py").is_file()
    for page in sorted((ROOT / "docs" / "examples").glob("*.md")):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
