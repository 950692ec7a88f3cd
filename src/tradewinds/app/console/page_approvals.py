"""Everything that waits for a person: held orders, requests for a second person, candidates of screeners, new versions of models."""

from __future__ import annotations

from functools import partial
from typing import Any

from tradewinds.app.console.asking import Field, asked
from tradewinds.app.console.frame import page
from tradewinds.app.console.markup import Markup, moment, moment_text, pill, shown, table, tag
from tradewinds.app.console.visit import Visit, act_button, card, later, live
from tradewinds.core.candidate import Candidate
from tradewinds.people.four_eyes import Request
from tradewinds.stores.model_registry import CHAMPION
from tradewinds.wiring.desk import research, trade

EVERY_S = 2.0
NOTE = Field("note", "Note")


@page("/approvals", "Approvals", group="Now")
async def build(visit: Visit) -> None:
    """Four parts; models last, because asking MLflow takes a moment."""
    await _orders(visit)
    await _requests(visit)
    await _candidates(visit)
    await _models(visit)


async def _orders(visit: Visit) -> None:
    async def answer(act: str, on: str) -> None:
        await visit.do(act, {"id": on, "reason": "answered on the console"}, done=_verdict)

    def drawn(found: list[dict[str, Any]]) -> Markup:
        may = visit.may("do:approve")
        rows = [
            (one["text"], one["account"], one["strategy"] or "by hand", one["why"], moment_text(one["until"]),
             _pair("Approve", "approve", "Deny", "deny", one["id"], one["text"]) if may else "")
            for one in found
        ]  # fmt: skip
        columns = ("order", "account", "strategy", "why", "until", "decide")
        return card("Orders that wait", table(columns, rows, empty="no order waits", label="Orders that wait"))

    deeds = {"approve": partial(answer, "approve"), "deny": partial(answer, "deny")}
    await live(visit, visit.console.standing.approvals, drawn, every_s=EVERY_S, acts=deeds)


async def _requests(visit: Visit) -> None:
    async def answer(on: str, *, is_given: bool) -> None:
        word = "Confirm" if is_given else "Decline"
        given = await asked(f"{word} this request?", "It is written to the audit log with your name.", [NOTE], word)
        if given is not None:
            await visit.answer(on, is_given=is_given, note=given["note"] or "")

    def drawn(found: list[Request]) -> Markup:
        rows = [
            (one.act, _words(one), one.asked_by, one.reason, moment(one.asked_ns), moment(one.expires_ns), _second(visit, one))
            for one in found
        ]
        columns = ("act", "words", "asked by", "reason", "asked", "expires", "decide")
        shown_ = table(columns, rows, empty="nobody asked for a second person", label="Requests")
        return card("Requests for a second person", shown_, note="Whoever asked cannot confirm.")

    deeds = {"confirm": partial(answer, is_given=True), "decline": partial(answer, is_given=False)}
    await live(visit, lambda: trade.requests(visit.house), drawn, every_s=EVERY_S, acts=deeds)


async def _candidates(visit: Visit) -> None:
    async def answer(word: str, on: str) -> None:
        await visit.do("candidate", {"id": on, "answer": word}, done=f"Candidate {word}.")

    def drawn(found: list[Candidate]) -> Markup:
        may = visit.may("do:research")
        rows = [
            (one.instrument, one.screener, one.session, one.score, _values(one), moment(one.expires_ns),
             _pair("Approve", "approved", "Deny", "denied", one.id, one.instrument) if may else "")
            for one in found
        ]  # fmt: skip
        columns = ("instrument", "screener", "session", "score", "values", "expires", "decide")
        return card("Candidates of screeners", table(columns, rows, numbers=("score",), empty="no candidate waits", label="Candidates"))

    deeds = {word: partial(answer, word) for word in ("approved", "denied")}
    await live(visit, lambda: research.candidates(visit.house, state="waiting"), drawn, every_s=EVERY_S, acts=deeds)


async def _models(visit: Visit) -> None:
    async def promote(on: str) -> None:
        model, version = on.rsplit("/", 1)
        await visit.do("model.promote", {"model": model, "version": version}, done=f"{model} {version} is the champion.")

    def drawn(found: list[dict[str, Any]]) -> Markup:
        rows = []
        for model in found:
            for one in model["versions"]:
                if CHAMPION in one["aliases"]:
                    continue
                on = f"{model['model']}/{one['version']}"
                button = act_button("Promote", "promote", on, label=f"Promote {on}") if visit.may("do:approve") else ""
                rows.append((on, " ".join(one["aliases"]), moment(one["as_of_ns"]), _scores(one["scores"]), button))
        columns = ("version", "aliases", "data as of", "out of sample", "decide")
        return card(
            "Versions of models that no champion is", table(columns, rows, empty="every version is a champion, or none was trained")
        )

    await later(visit, "models, from MLflow", lambda: research.models(visit.house), drawn, acts={"promote": promote})


def _pair(yes: str, yes_act: str, no: str, no_act: str, on: str, about: str) -> Markup:
    first = act_button(yes, yes_act, on, kind="main", label=f"{yes} {about}")
    return tag("span", first, act_button(no, no_act, on, label=f"{no} {about}"), class_="row-of")


def _second(visit: Visit, one: Request) -> Markup:
    if one.asked_by == visit.visitor.person:
        return act_button("Take back", "decline", one.id, label=f"Take back {one.act}")
    if not visit.may(one.permission):
        return pill("needs " + one.permission)
    return _pair("Confirm", "confirm", "Decline", "decline", one.id, f"{one.act} asked by {one.asked_by}")


def _words(one: Request) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in one.words.items() if name != "reason")


def _values(one: Candidate) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in one.values.items())


def _scores(scores: dict[str, Any]) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in list(scores.items())[:4] if isinstance(value, int | float))


def _verdict(told: dict[str, Any]) -> str:
    why = f": {told['why']}" if told.get("why") else ""
    return f"{told['verdict']}: {told['text']}{why}"
