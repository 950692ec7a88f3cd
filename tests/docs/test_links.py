"""Links within the project hold, down to the heading; the site builds strictly, and none of its pages asks another machine for anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted(DOCS.rglob("*.md"))]
MKDOCS = ROOT / ".docs" / "venv" / "bin" / "mkdocs"
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*#*$", re.MULTILINE)
_LOADED = re.compile(
    r'<(?:script|img|iframe)[^>]+src="(https?:)?//|<link[^>]+rel="(?:stylesheet|preload|preconnect|icon)"[^>]*href="(https?:)?//'
)


def anchors(page: Path) -> set[str]:
    """The names of its headings, as mkdocs and as code hosts make them."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for heading in _HEADING.findall(text):
        shown = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading).replace("`", "")
        plain = unicodedata.normalize("NFKD", shown).encode("ascii", "ignore").decode()
        kept = re.sub(r"[^\w\s-]", "", plain).strip().lower()
        found |= {re.sub(r"[-\s]+", "-", kept), re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", shown).strip().lower())}
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    lost = []
    for link in _LINK.findall(_CODE.sub("``", page.read_text(encoding="utf-8"))):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if anchor and "://" not in link and target.suffix == ".md" and target.is_file() and anchor not in anchors(target):
            lost.append(link)

    assert lost == []


def test_the_navigation_names_pages_that_are_there() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = re.findall(r"([\w/-]+\.md)$", yaml.safe_dump(yaml.safe_load(text)["nav"], width=1000), re.MULTILINE)

    assert len(named) > 50
    assert [one for one in named if not (DOCS / one).is_file()] == []
    assert len(named) == len(set(named))


@pytest.mark.skipif(not MKDOCS.exists(), reason="mkdocs is not here, so no site is built: make docs")
def test_the_site_builds_strictly_and_asks_nobody_else(tmp_path: Path) -> None:
    site = tmp_path / "site"

    done = subprocess.run(
        [MKDOCS, "build", "--strict", "--site-dir", site], cwd=ROOT, text=True, capture_output=True, check=False, timeout=240,
        env={"PATH": str(Path(shutil.which("env") or "/usr/bin/env").parent), "NO_MKDOCS_2_WARNING": "1", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip

    assert done.returncode == 0, "\n".join(line for line in done.stderr.splitlines() if not line.startswith("INFO"))
    pages = list(site.rglob("*.html"))
    assert len(pages) > 60
    assert {page.name for page in pages if _LOADED.search(page.read_text(encoding="utf-8"))} == set()
