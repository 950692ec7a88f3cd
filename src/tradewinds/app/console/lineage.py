"""A chain from a published fact to vendor bytes as nested steps; a vendor that said something else stands in red."""

from __future__ import annotations

from tradewinds.app.console.markup import Markup, facts, pill, tag
from tradewinds.wiring.desk.explain import Said, Trail


def lineage_list(trail: Trail) -> Markup:
    """Published row, then each vendor with what it said and the bytes it said it in."""
    published = tag("li", tag("b", "Published"), " ", tag("code", trail.title), facts(trail.published))
    return tag("ol", published, *(_vendor(one) for one in trail.said), class_="steps")


def _vendor(one: Said) -> Markup:
    word = "used" if one.is_used else "lied" if one.is_liar else "not used"
    values = {
        name: tag("b", value, class_="lie") if name in one.differs else value for name, value in one.values.items()
    }  # fmt: skip
    told = [tag("p", f"{kind}: {detail}", class_="trouble" if one.is_liar else "note") for kind, detail in one.findings]
    captures = [tag("div", f"captured {at} from ", tag("code", locator)) for at, locator in one.captures]
    if one.is_missing:
        captures.append(tag("p", "These bytes are not in the raw store.", class_="trouble"))
    payload = tag("details", tag("summary", "vendor bytes ", tag("code", one.sha256[:16])), *captures, tag("pre", one.excerpt or "no text"))
    head = (tag("b", one.vendor), " ", tag("span", word, class_="pill bad") if one.is_liar else pill(word))
    return tag("li", *head, facts(values), *told, payload, class_="liar" if one.is_liar else None)
