"""A page: one HTML text that needs nothing else, and what stands in it: tiles, tables, figures side by side, pictures to choose from.

Its policy forbids every address, so that it works offline and tells nobody that it was opened. Every text given here is escaped here;
only `content` arguments hold HTML already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tradewinds.report.chart import Figure
from tradewinds.report.style import SCRIPT, STYLE

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Tile:
    """A headline figure: what it is called, its value as text, what it means in plain words. tone: up, down or none."""

    label: str
    value: str
    words: str
    tone: str = ""


def document(title: str, subtitle: str, content: str, footer: str) -> str:
    """The whole page."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>"
        f"<header><div><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></div>"
        f'<button id="theme" type="button" hidden>Light / dark</button></header>\n'
        f"{content}\n<footer>{escape(footer)}</footer></main><script>{SCRIPT}</script></body></html>\n"
    )


def framed(title: str, content: str, *, height: int, is_whole: bool = False) -> str:
    """A page or a part of one as a notebook shows it: in a frame of its own, so that styles never meet."""
    page = content if is_whole else document_of_part(title, content)
    return (
        f'<iframe title="{escape(title)}" sandbox="allow-scripts" style="width:100%;height:{height}px;border:0" '
        f'srcdoc="{escape(page)}"></iframe>'
    )


def document_of_part(title: str, content: str) -> str:
    """One figure as a page without header and footer."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{content}<script>{SCRIPT}</script></body></html>"
    )


def section(name: str, title: str, *content: str) -> str:
    """A part of the page with its heading."""
    return f'<section id="{escape(name)}"><h2>{escape(title)}</h2>{"".join(content)}</section>\n'


def tiles(each: Sequence[Tile]) -> str:
    """Headline figures."""
    boxes = "".join(
        f'<div class="tile"><span>{escape(tile.label)}</span><b{_tone(tile)}>{escape(tile.value)}</b><p>{escape(tile.words)}</p></div>'
        for tile in each
    )
    return f'<div class="tiles">{boxes}</div>'


def warnings(texts: Sequence[str]) -> str:
    """What to know before believing the figures; nothing where there is nothing."""
    if not texts:
        return ""
    points = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f'<div class="warnings" role="note"><b>Before you believe this</b><ul>{points}</ul></div>'


def pair(*figures: Figure) -> str:
    """Two figures beside each other, below each other on a phone."""
    return f'<div class="pair">{"".join(one.html for one in figures)}</div>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1, empty: str = "Nothing to show.") -> str:
    """A table in a card; the first `texts` columns are words, the others numbers."""
    if not rows:
        return f'<div class="card"><p class="empty">{escape(empty)}</p></div>'
    styles = ["text" if k < texts else "n" for k in range(len(heads))]
    head = "".join(f'<th scope="col" class="{style}">{escape(text)}</th>' for style, text in zip(styles, heads, strict=True))
    lines = "".join(
        "<tr>" + "".join(f'<td class="{style}">{escape(text)}</td>' for style, text in zip(styles, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="card wide"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Names and values."""
    lines = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
    return f'<div class="card"><dl>{lines}</dl></div>'


def notes(texts: Sequence[str]) -> str:
    """Remarks that a run left, as it left them; nothing where there are none."""
    return "".join(f'<p class="note">{escape(text)}</p>' for text in texts)


def chosen(name: str, label: str, figures: Sequence[Figure]) -> str:
    """One picture of several, by a selector; print shows all."""
    if len(figures) < 2:
        return "".join(one.html for one in figures)
    options = "".join(f"<option>{escape(one.title)}</option>" for one in figures)
    boxes = "".join(f'<div class="chosen"{" hidden" if k else ""}>{one.html}</div>' for k, one in enumerate(figures))
    return (
        f'<div id="{escape(name)}"><label class="choice">{escape(label)} <select data-for="{escape(name)}">{options}</select></label>'
        f"{boxes}</div>"
    )


def _tone(tile: Tile) -> str:
    return f' class="{tile.tone}-text"' if tile.tone else ""
