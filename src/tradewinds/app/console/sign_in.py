"""The form by which people come in: plain HTML that needs no script, so that password managers and keyboards know it."""

from __future__ import annotations

from tradewinds.app.console.markup import Markup, tag
from tradewinds.app.console.style import style

_OWN = """
body.gate{margin:0;display:grid;place-items:center;min-height:100vh}
.gate form{display:flex;flex-direction:column;gap:12px;width:min(340px,90vw)}
@media (prefers-color-scheme:dark){:root{color-scheme:dark;--bg:#0e1319;--card:#161d27;--ink:#e7ecf3;--soft:#9aa7b9;--line:#283140;
--accent:#6fb4ff;--on-accent:#06121f;--bad:#ff757e;--bad-bg:#45171c}}
"""


def sign_in_page(place: str, trouble: str = "", name: str = "") -> str:
    """The whole page. place: where it leads afterwards."""
    form = tag("form",
        tag("div", Markup("trade<i>winds</i>"), class_="brand"),
        tag("p", trouble, class_="trouble", role="alert") if trouble else Markup(""),
        tag("label", "Name", tag("input", name="name", value=name, autocomplete="username", autofocus=True, required=True), class_="field"),
        tag("label", "Password", tag("input", name="password", type="password", autocomplete="current-password", required=True),
            class_="field"),
        tag("input", type="hidden", name="next", value=place),
        tag("button", "Sign in", class_="plain main", type="submit"),
        method="post", action="/sign-in", class_="card",
    )  # fmt: skip
    head = tag("head",
        tag("meta", charset="utf-8"), tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", "Sign in · Tradewinds"), tag("style", Markup(style() + _OWN)),
        tag("link", rel="icon", href="data:,"),
    )  # fmt: skip
    return "<!doctype html>" + tag("html", head, tag("body", tag("main", form), class_="gate"), lang="en")
