"""What surrounds every page: skip link, header with halt and sign-out, navigation, and the register of pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nicegui import ui

from tradewinds.app.console.halt import halt_button
from tradewinds.app.console.markup import Markup, joined, tag
from tradewinds.app.console.style import script, style
from tradewinds.app.console.visit import Visit, show

Builder = Callable[[Visit], Awaitable[None]]


NAMES = {"airflow": "Airflow", "mlflow": "MLflow", "superset": "Superset", "jupyter": "Jupyter"}


@dataclass(frozen=True, slots=True)
class Page:
    """A page and where the navigation has it; a page without a group is reached from others."""

    path: str
    title: str
    group: str
    build: Builder


PAGES: dict[str, Page] = {}
GROUPS = ("Now", "Trade", "History", "Research", "House")
ORDER = (
    "/", "/alerts", "/approvals", "/logs", "/trading", "/trading/order", "/strategies", "/trading/risk", "/trading/evenings", "/explain",
    "/data", "/data/findings", "/data/bar", "/research", "/research/backtest", "/research/compare", "/research/nights",
    "/research/factors", "/research/risk", "/research/models", "/settings", "/settings/people",
)  # fmt: skip


def page(path: str, title: str, *, group: str = "") -> Callable[[Builder], Builder]:
    """Register a page."""

    def register(build: Builder) -> Builder:
        PAGES[path] = Page(path, title, group, build)
        return build

    return register


@contextmanager
def frame(visit: Visit, title: str) -> Iterator[None]:
    """Header and navigation around what is made within."""
    head(visit.theme)
    ui.page_title(f"{title} · Tradewinds")
    show(tag("a", "Skip to content", href="#content", class_="skip"))
    with ui.element("header").classes("top"):
        show(tag("a", Markup("trade<i>winds</i>"), href="/", class_="brand"))
        ui.element("div").classes("grow")
        halt_button(visit)
        show(_tools(visit))
    with ui.element("div").classes("body"):
        show(_navigation(visit))
        with ui.element("div").classes("content").props("id=content tabindex=-1"):
            show(tag("h1", title))
            yield


def head(theme: str) -> None:
    """Style, script and colours of a page."""
    ui.add_head_html(f"<style>{style()}</style><script>{script()}</script>")
    ui.dark_mode({"dark": True, "light": False}.get(theme))


def _tools(visit: Visit) -> Markup:
    return tag("div",
        tag("span", f"{visit.visitor.person} · {visit.visitor.role.replace('_', ' ')}", class_="who"),
        tag("button", "UTC", id="times", type="button", class_="plain", aria_label="Times in UTC or local"),
        tag("button", "◐", id="theme", type="button", class_="plain", aria_label="Light or dark"),
        tag("form", tag("button", "Sign out", class_="plain", type="submit"), method="post", action="/sign-out"),
        class_="row-of",
    )  # fmt: skip


def _navigation(visit: Visit) -> Markup:
    parts: list[Markup] = []
    for group in GROUPS:
        known = (*ORDER, *(path for path in PAGES if path not in ORDER))
        chosen = [PAGES[path] for path in known if path in PAGES and PAGES[path].group == group]
        if chosen:
            parts.append(tag("h2", group))
        parts += [tag("a", one.title, href=one.path, aria_current="page" if one.path == visit.path else None) for one in chosen]
    if visit.console.links:
        parts.append(tag("h2", "Elsewhere"))
        parts += [tag("a", NAMES.get(name, name), href=address, rel="noreferrer") for name, address in visit.console.links.items()]
    return tag("nav", joined(parts), class_="side", aria_label="Pages")
