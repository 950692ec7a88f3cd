"""HTML from values. Everything that is not `Markup` already is escaped, so text from outside can never become an element.

`tag("td", name)` is safe whatever `name` holds. Only this file and constants of ours make `Markup`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any
from urllib.parse import urlencode

from tradewinds.core.instant import text

NONE = "-"
SHORT = 24
_EMPTY = frozenset({"input", "br", "hr", "meta", "link"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element. Attributes: a last `_` is dropped, others become `-`; None and False leave one out, True has no value."""
    given = {key: value for key, value in attributes.items() if value is not None and value is not False}
    words = "".join(_attribute(key, value) for key, value in given.items())
    if name in _EMPTY:
        return Markup(f"<{name}{words}>")
    return Markup(f"<{name}{words}>{joined(children)}</{name}>")


def joined(parts: Iterable[object]) -> Markup:
    """Parts one after the other."""
    return Markup("".join(part if isinstance(part, Markup) else escape(shown(part)) for part in parts))


def shown(value: object) -> str:
    """A value as a person reads it: no exponent, a dash for nothing."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return format(value.normalize() + 0, "f")
    if isinstance(value, float):
        return NONE if value != value else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    return str(value)


def moment(at_ns: int | None) -> Markup:
    """An instant in UTC, which the page shows in local time where that is asked for."""
    if at_ns is None:
        return Markup(NONE)
    whole = text(at_ns)
    return tag("time", whole[:10] + " " + whole[11:19] + "Z", datetime=whole[:19] + "Z")


def moment_text(iso: str | None) -> Markup:
    """The same of an instant that is text already (ISO 8601, UTC)."""
    if not iso:
        return Markup(NONE)
    return tag("time", iso[:10] + " " + iso[11:19] + "Z", datetime=iso[:19] + "Z")


def link(words: object, path: str, **query: object) -> Markup:
    """A link within the console; query values that are None are left out."""
    return tag("a", words, href=address(path, **query))


def address(path: str, **query: object) -> str:
    """A path with its query."""
    given = {key: str(value) for key, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


GOOD = frozenset({
    "done", "running", "trading", "healthy", "ok", "filled", "up", "approved", "champion", "equal", "sound", "accept", "healed", "resolved",
})  # fmt: skip
BAD = frozenset({
    "failed", "halted", "error", "critical", "down", "rejected", "refused", "unknown", "denied", "died", "dead", "breaks", "differs",
    "standing still", "late",
})  # fmt: skip
WARN = frozenset({
    "partial", "waiting", "warning", "held", "provisional", "starting", "pending", "idle", "shadow", "stale", "no trading", "close only",
    "reduce only", "submitted", "stopped", "LIVE", "live",
})  # fmt: skip


def pill(word: object) -> Markup:
    """A state as a coloured word; the word itself says it, the colour only helps."""
    name = shown(word)
    tone = "good" if name in GOOD else "bad" if name in BAD else "warn" if name in WARN else ""
    return tag("span", name, class_=f"pill {tone}".strip())


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "none", numbers: Sequence[str] = (), label: str = ""
) -> Markup:
    """A table that becomes a list of cards on a narrow page. numbers: columns that stand to the right."""
    given = [list(row) for row in rows]
    if not given:
        return tag("p", empty, class_="empty")
    right = [name in numbers for name in columns]
    # Roles are named because cards of a narrow page are no table to a screen reader any more.
    head = tag("tr", *(_head(name, is_right=side) for name, side in zip(columns, right, strict=True)), role="row")
    body = joined(
        tag("tr", *(_cell(name, cell, is_right=side) for name, cell, side in zip(columns, row, right, strict=True)), role="row")
        for row in given
    )
    groups = (tag("thead", head, role="rowgroup"), tag("tbody", body, role="rowgroup"))
    return tag("div", tag("table", *groups, role="table", aria_label=label or None), class_="scroll", tabindex="0")


def facts(rows: Mapping[str, object]) -> Markup:
    """Names with their values, one a line."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in rows.items()), class_="facts")


def tiles(rows: Iterable[tuple[str, object, str]]) -> Markup:
    """Figures to be seen first: name, value, tone ("good", "bad", "warn" or "")."""
    return tag("div", *(
        tag("div", tag("div", name, class_="tile-name"), tag("div", value, class_=f"tile-value {tone}".strip()), class_="tile")
        for name, value, tone in rows
    ), class_="tiles")  # fmt: skip


def options(choices: Iterable[tuple[str, str]], chosen: str | None) -> Markup:
    """Options of a `select`: value and words."""
    return joined(tag("option", words, value=value, selected=value == chosen) for value, words in choices)


def _is_short(cell: object) -> bool:
    """A date, a number or an id, which nobody wants broken over lines."""
    return not isinstance(cell, Markup) and isinstance(cell, str) and len(cell) <= SHORT and " " not in cell


def _attribute(key: str, value: Any) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value), quote=True)}"'


def _head(name: str, *, is_right: bool) -> Markup:
    return tag("th", name, scope="col", role="columnheader", class_="number" if is_right else None)


def _cell(name: str, cell: object, *, is_right: bool) -> Markup:
    inside = tag("span", cell, class_="short" if _is_short(cell) else None)
    return tag("td", inside, role="cell", data_label=name, class_="number" if is_right else None)
