"""Questions to the person before something is done: a dialog with fields, which Enter confirms and Escape leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from tradewinds.app.console.markup import tag
from tradewinds.app.console.visit import button, show

CONFIRM = "confirm-now"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. kind: text, password, choice (of `choices`: value -> words), many (of them, as a list) or check."""

    name: str
    label: str
    kind: str = "text"
    value: Any = ""
    choices: Mapping[str, str] | None = None


REASON = Field("reason", "Reason, for the journal")


async def asked(title: str, note: str, fields: Sequence[Field], confirm: str, *, kind: str = "main") -> dict[str, Any] | None:
    """What the person filled in, None where they left."""
    inputs: dict[str, Any] = {}
    with ui.dialog() as dialog, ui.element("div").classes("box") as box:
        box.props.update({"role": "dialog", "aria-label": title})  # never as text: a title may hold a name from outside
        show(tag("h2", title))
        if note:
            show(tag("p", note, class_="soft"))

        def done() -> None:
            dialog.submit(values(inputs))

        for one in fields:
            inputs[one.name] = field(one)
            inputs[one.name].on("keydown.enter", done)
        with ui.element("div").classes("row-of"):
            button(confirm, done, kind=kind, name=CONFIRM)
            button("Cancel", lambda: dialog.submit(None))
    answer = await dialog
    dialog.delete()
    return answer if isinstance(answer, dict) else None


def field(one: Field) -> Any:
    """An input for a field."""
    if one.kind == "check":
        return ui.checkbox(one.label, value=bool(one.value))
    if one.kind == "choice":
        return ui.select(dict(one.choices or {}), label=one.label, value=one.value or None).props("outlined dense options-dense")
    if one.kind == "many":
        return ui.select(dict(one.choices or {}), label=one.label, value=list(one.value or ()), multiple=True).props(
            "outlined dense options-dense use-chips"
        )
    if one.kind == "password":
        return ui.input(one.label, password=True).props('outlined dense autocomplete="new-password"')
    return ui.input(one.label, value=str(one.value)).props("outlined dense")


async def shown_once(title: str, note: str, label: str, secret: str) -> None:
    """Show what nobody can read again; the page forgets it when the person is done."""
    with ui.dialog().props("persistent") as dialog, ui.element("div").classes("box") as box:
        box.props.update({"role": "dialog", "aria-label": title})
        show(tag("h2", title), tag("p", note, class_="soft"))
        ui.input(label, value=secret).props("outlined dense readonly")
        with ui.element("div").classes("row-of"):
            button("I have kept it", lambda: dialog.submit(None), kind="main", name=CONFIRM)
    await dialog
    dialog.delete()


def values(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the inputs; empty text is None."""
    given = {name: one.value for name, one in inputs.items()}
    return {name: (value.strip() or None) if isinstance(value, str) else value for name, value in given.items()}
