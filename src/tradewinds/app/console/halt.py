"""The halt button of every page: one press asks, a second one halts. Shift+H opens it, Enter confirms, Escape leaves."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from tradewinds.app.console.markup import tag
from tradewinds.app.console.visit import ALARM, Visit, button, show


def halt_button(visit: Visit) -> None:
    """The button, and the dialog that it opens."""
    with ui.dialog() as dialog, ui.element("div").classes("box").props('role=alertdialog aria-label="Halt all trading"'):
        show(tag("h2", "Halt all trading?"))
        show(
            tag(
                "p",
                "Nothing is sent any more and every order is cancelled, on every account. It stands until somebody resumes trading.",
            )
        )
        reason = ui.input("Reason, for the journal").props("outlined dense")
        flatten = ui.checkbox("Close every position too, at the market")

        async def halt() -> None:
            words = {"reason": str(reason.value or "").strip() or "no reason given", "flatten": bool(flatten.value)}
            await visit.do("halt", words, done=_said)
            dialog.close()

        with ui.element("div").classes("row-of"):
            button("Halt now", halt, kind="danger", name="halt-now")
            button("Cancel", dialog.close)
        reason.on("keydown.enter", halt)

    async def ask() -> None:
        dialog.open()
        await ui.run_javascript("setTimeout(() => document.getElementById('halt-now')?.focus(), 120)")

    pressed = button("Halt", ask, kind="danger", name="halt").props('aria-keyshortcuts="Shift+H" title="Shift+H"')
    if not visit.may("do:halt"):
        pressed.props("disabled")


def _said(told: dict[str, Any]) -> str:
    if told.get("is_clear"):
        return "Halted; no order is open."
    return ALARM + "Halted, but ORDERS MAY BE OPEN. Halt again, or cancel them at the broker."
