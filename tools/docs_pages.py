"""Hooks of mkdocs: what the pages link to outside of docs/ becomes a page of the site too, and no page is left out of its navigation.

1. `on_files` follows links from the pages: a Markdown file of the project becomes a page below `project/`, any other text file a page
   that shows it, a folder the list of its files.
2. `on_page_markdown` turns each link into the one that leads there on the site.
3. `on_config` puts pages that mkdocs.yml does not name into a last section of the navigation.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PLACE = "project"
LAST_SECTION = "More"
LEFT_OUT = {"plan.md"}  # notes of the makers
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_WORDS = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".sql": "sql", ".sh": "sh", ".toml": "toml", ".ipynb": "json"}

_made: dict[str, Path] = {}  # address on the site -> what it shows


def on_config(config: Any) -> Any:
    """Pages that the navigation does not name stand at its end, so that none is lost when one is added."""
    named = set(_named(config["nav"]))
    every = {place.relative_to(DOCS).as_posix() for place in DOCS.rglob("*.md")}
    rest = sorted(every - named - LEFT_OUT)
    if rest:
        config["nav"] = [*config["nav"], {LAST_SECTION: list(rest)}]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add what is linked to, and what that links to."""
    from mkdocs.structure.files import File

    _made.clear()
    waiting = sorted(DOCS.rglob("*.md"))
    seen = set(waiting)
    while waiting:
        page = waiting.pop()
        for target in _targets(page):
            if target in seen or DOCS in target.parents or target == DOCS:
                continue
            seen.add(target)
            _made[_address(target)] = target
            files.append(File.generated(config, _address(target), content=_shown(target)))
            if target.suffix == ".md":
                waiting.append(target)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links to files of the project become links to their pages."""
    del config, files
    here = page.file.src_uri
    source = _made.get(here, DOCS / here)
    folder = source if source.is_dir() else source.parent

    def led(found: re.Match[str]) -> str:
        head, link, tail = found.groups()
        place, mark, anchor = link.partition("#")
        if not place or "://" in link or link.startswith("mailto:") or (here in _made and source.suffix != ".md"):
            return found.group()
        target = Path(os.path.normpath(folder / place))
        if not target.exists():
            return found.group()  # mkdocs says that it leads nowhere
        if target.is_dir() and DOCS in target.parents:
            target = min(target.glob("*.md"), default=target)
        to = _address(target) if DOCS not in target.parents else target.relative_to(DOCS).as_posix()
        return f"{head}{os.path.relpath(to, Path(here).parent)}{mark}{anchor}{tail}"

    return _outside_code(markdown, lambda text: _LINK.sub(led, text))


def _named(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    rows = nav.values() if isinstance(nav, dict) else nav
    return [name for row in rows for name in _named(row)]


def _targets(page: Path) -> list[Path]:
    links = [link for _, link, _ in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))]
    places = [link.partition("#")[0] for link in links if "://" not in link and not link.startswith(("#", "mailto:"))]
    found = [Path(os.path.normpath(page.parent / place)) for place in places if place]
    return [one for one in found if one.exists() and ROOT in one.parents]


def _address(target: Path) -> str:
    """Where it stands on the site; a picture keeps its name."""
    name = target.relative_to(ROOT).as_posix()
    if target.is_dir():
        return f"{PLACE}/{name}/index.md"
    return f"{PLACE}/{name}" if target.suffix in (".md", ".png", ".svg") else f"{PLACE}/{name}.md"


def _shown(target: Path) -> str | bytes:
    name = target.relative_to(ROOT).as_posix()
    if target.is_dir():
        rows = [f"- `{place.name}`" for place in sorted(target.iterdir()) if not place.name.startswith((".", "__"))]
        return f"# {name}\n\n" + "\n".join(rows) + "\n"
    if target.suffix in (".png", ".svg"):
        return target.read_bytes()
    text = target.read_text(encoding="utf-8")
    return text if target.suffix == ".md" else f"# {name}\n\n~~~~{_WORDS.get(target.suffix, 'text')}\n{text}\n~~~~\n"


def _outside_code(text: str, change: Any) -> str:
    parts, at = [], 0
    for code in _CODE.finditer(text):
        parts += [change(text[at : code.start()]), code.group()]
        at = code.end()
    return "".join([*parts, change(text[at:])])
