"""What the documents link to exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`(?!\]\()", re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """Targets of the page's links within the project, without their anchors."""
    found = _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))
    return [one.partition("#")[0] for one in found if "://" not in one and not one.startswith(("#", "mailto:"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    assert [one for one in links(page) if not (page.parent / one).exists()] == []


def test_the_first_page_leads_to_every_page() -> None:
    reached = {(ROOT / one).resolve() for one in links(ROOT / "README.md")}
    missing = [page for page in (ROOT / "docs").glob("*.md") if page not in reached and page.name != "plan.md"]
    assert missing == []
