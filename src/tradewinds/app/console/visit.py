"""One request for a page: who asks, what of, and the ways a page reads the house and acts on it.

1. Reading and acting happen in threads: the event loop serves every other person meanwhile.
2. A session is looked up again before each act, so one that ended in another window acts no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from nicegui import ui

from tradewinds.app.console import door
from tradewinds.app.console.door import FACE
from tradewinds.app.console.markup import Markup, tag
from tradewinds.core.errors import TradewindsError
from tradewinds.people.role import Permission
from tradewinds.people.token import Principal
from tradewinds.wiring.desk import acts
from tradewinds.wiring.desk.seen_bars import SeenBars
from tradewinds.wiring.desk.standing import Standing

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

P = ParamSpec("P")
R = TypeVar("R")
Handler = Callable[[str], Awaitable[None]]
TROUBLE = (TradewindsError, OSError, LookupError, ValueError)
ALARM = "! "
_SENT = "e => { const one = e.target.closest('[data-act]'); if (one) emit(one.dataset.act, one.dataset.on || ''); }"


@dataclass(frozen=True, slots=True)
class Console:
    """What every page of one console stands on. links: pages elsewhere, name -> address."""

    house: House
    seen: SeenBars
    standing: Standing
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Visit:
    """A page as one person asked for it."""

    console: Console
    visitor: Principal
    token: str
    path: str
    query: Mapping[str, str]
    theme: str = "auto"
    address: str = ""

    @property
    def house(self) -> House:
        return self.console.house

    def may(self, permission: Permission) -> bool:
        return self.visitor.may(permission)

    async def read(self, question: Callable[P, R], *given: P.args, **named: P.kwargs) -> R:
        """The answer, found in a thread."""
        return await asyncio.to_thread(question, *given, **named)

    async def is_over(self) -> bool:
        """Whether the session ended since the page was opened: by time, by signing out elsewhere, or because somebody took it away."""
        return await asyncio.to_thread(door.visitor, self.house, self.token, address=self.address) is None

    async def do(self, act: str, words: Mapping[str, Any], *, done: str | Callable[[dict[str, Any]], str] = "") -> dict[str, Any] | None:
        """Do an act of `wiring.desk.acts` as this person, and say how it ended; None where it was refused or the session is over.

        done: what to say of it; where it begins with ALARM it stays on the page until it is closed.
        """
        return await self._tried(lambda who: acts.do(self.house, who, act, words, face=FACE), done)

    async def answer(self, request: str, *, is_given: bool, note: str = "") -> dict[str, Any] | None:
        """Confirm or decline what another person asked for."""
        word = "Confirmed." if is_given else "Declined."
        return await self._tried(lambda who: acts.answer(self.house, who, request, is_given=is_given, note=note, face=FACE), word)

    async def _tried(
        self, deed: Callable[[Principal], dict[str, Any]], done: str | Callable[[dict[str, Any]], str]
    ) -> dict[str, Any] | None:
        who = await asyncio.to_thread(door.visitor, self.house, self.token, address=self.address)
        if who is None:
            ui.navigate.to("/sign-in")
            return None
        try:
            told = await asyncio.to_thread(deed, who)
        except TROUBLE as error:
            ui.notify(f"{type(error).__name__}: {error}", type="negative", multi_line=True, timeout=12_000, close_button="Close")
            return None
        if "request" in told and "waits_for" in told:
            said = f"Asked for. It waits for a second person: {told['waits_for']}"
        else:
            said = (done if isinstance(done, str) else done(told)) or "Done."
        if said.startswith(ALARM):
            ui.notify(said.removeprefix(ALARM), type="negative", multi_line=True, timeout=0, close_button="Close")
        else:
            ui.notify(said, type="positive", multi_line=True)
        return told


class Live:
    """A part of a page that is read again and shown anew when it changed."""

    def __init__(
        self, visit: Visit, question: Callable[[], R], draw: Callable[[R], Markup], acts: Mapping[str, Handler] | None = None
    ) -> None:
        self._visit = visit
        self._question: Callable[[], Any] = question
        self._draw: Callable[[Any], Markup] = draw
        self._acts = dict(acts or {})
        self._is_reading = self._is_shown = False
        self.element = ui.html("", sanitize=False)
        if self._acts:
            self.element.on("click", self._sent, js_handler=_SENT)

    async def refresh(self) -> None:
        """Read and show; what is read slowly is never read twice at once."""
        if self._is_reading:
            return
        self._is_reading = True
        try:
            if self._is_shown and await self._visit.is_over():
                ui.navigate.to("/sign-in")
                return
            shown = self._draw(await self._visit.read(self._question))
            self._is_shown = True
        except TROUBLE as error:
            shown = trouble(error)
        finally:
            self._is_reading = False
        if self.element.content != shown:
            self.element.set_content(shown)

    async def _sent(self, event: Any) -> None:
        name, on = (*event.args, "", "")[:2] if isinstance(event.args, list) else (str(event.args), "")
        handler = self._acts.get(str(name))
        if handler is not None:
            await handler(str(on))
            await self.refresh()


async def live(
    visit: Visit,
    question: Callable[[], R],
    draw: Callable[[R], Markup],
    *,
    every_s: float | None = None,
    acts: Mapping[str, Handler] | None = None,
) -> Live:
    """Put a part on the page, its first state with it. every_s: read again that often while the page is open."""
    part = Live(visit, question, draw, acts)
    await part.refresh()
    if every_s is not None:
        ui.timer(every_s, part.refresh, immediate=False)
    return part


async def later(
    visit: Visit, what: str, question: Callable[[], R], draw: Callable[[R], Markup], *, every_s: float | None = None,
    acts: Mapping[str, Handler] | None = None,
) -> Live:  # fmt: skip
    """Put a part on the page that takes a while to read: the page is there before it. what: the words meanwhile; the rest as `live`."""
    part = Live(visit, question, draw, acts)
    part.element.set_content(tag("p", f"reading {what} ...", class_="empty", role="status"))
    ui.timer(0.01, part.refresh, once=True)
    if every_s is not None:
        ui.timer(every_s, part.refresh, immediate=False)
    return part


async def built_later(visit: Visit, what: str, question: Callable[[], R], build: Callable[[R], None]) -> None:
    """Put a part with charts on the page that takes a while to read: the page is there before it. build: makes the elements."""
    holder = ui.element("div")
    with holder:
        show(tag("p", f"reading {what} ...", class_="empty", role="status"))

    async def fill() -> None:
        try:
            found = await visit.read(question)
        except TROUBLE as error:
            holder.clear()
            with holder:
                show(trouble(error))
            return
        holder.clear()
        with holder:
            build(found)

    ui.timer(0.01, fill, once=True)


def trouble(error: Exception) -> Markup:
    """What a person is told where something could not be read."""
    return tag("p", f"{type(error).__name__}: {error}", class_="trouble", role="alert")


def act_button(words: str, act: str, on: str = "", *, kind: str = "", label: str | None = None) -> Markup:
    """A button inside a live part; `on` is what it is about."""
    return tag("button", words, type="button", class_=f"plain small {kind}".strip(), data_act=act, data_on=on, aria_label=label)


def card(title: str, *content: object, note: str = "") -> Markup:
    """A titled piece of a page."""
    return tag("section", tag("h2", title), tag("p", note, class_="soft") if note else Markup(""), *content, class_="card")


def show(*content: object) -> None:
    """Put fixed markup on the page."""
    ui.html(Markup("".join(one if isinstance(one, Markup) else tag("span", one) for one in content)), sanitize=False)


def button(words: str, deed: Callable[[], Any], *, kind: str = "", name: str | None = None) -> ui.html:
    """A button of its own on the page. name: its id."""
    made = ui.html(Markup(tag("span", words)), sanitize=False, tag="button").classes(f"plain {kind}".strip()).on("click", deed)
    made.props("type=button" + (f" id={name}" if name else ""))
    return made
