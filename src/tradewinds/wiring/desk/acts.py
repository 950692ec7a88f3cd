"""Everything that a person can do to the house, in one place: API, console and telephone call these, and the CLI does the same things.

`do(house, principal, act, words, face=…)`:

1. The act is one of ACTS; its words are known by name, and those that it needs are there.
2. The principal's role and scopes hold its permission, or it is refused.
3. Where one person is not enough (`needs_two`), a request is kept for a second one; `answer` does it when they confirm.
4. It is done: by the trading service's control, which is the gate that the CLI uses, by the ledger, or by the halt.
5. The audit log has a row of it, whatever came of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradewinds.core.errors import OutcomeUnknown, Rejected, TradewindsError
from tradewinds.people.audit import AuditRow, Outcome, audited
from tradewinds.people.four_eyes import Request, expires_at
from tradewinds.people.role import Permission
from tradewinds.people.token import Principal
from tradewinds.wiring import alerting_acts
from tradewinds.wiring.desk import doings, people

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

Words = Mapping[str, Any]
Doing = Callable[["House", Principal, Words], dict[str, Any]]
Two = Callable[["House", Words], str]

REASON_CHARACTERS_MAX = 500
DETAIL_CHARACTERS_MAX = 500


class Forbidden(Rejected):
    """The person may not do it, whoever asks how often."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that can be done. needs and takes: words it must and may have. subject: the word that names what it is done to.

    two: why these words need a second person, "" where they do not. second: what that person must be allowed; as `permission` where None.
    """

    name: str
    permission: Permission
    do: Doing
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    subject: str = ""
    two: Two | None = None
    second: Permission | None = None
    what: str = ""


def _acts(*given: Act) -> dict[str, Act]:
    return {one.name: one for one in given}


ACTS: dict[str, Act] = _acts(
    Act("halt", "do:halt", doings.halt, ("reason",), ("flatten",), what="Stop all trading, cancel every order."),
    Act("resume", "do:resume", doings.control("resume"), ("reason",), ("account",), "account", what="Trade again after a halt."),
    Act(
        "order", "do:trade", doings.control("order"), ("account", "instrument", "side", "quantity"),
        ("limit", "stop", "trail", "time_in_force", "reduce_only", "strategy", "reason"), "instrument", what="Place an order by hand.",
    ),
    Act(
        "cancel", "do:trade", doings.cancel, (), ("id", "account", "strategy", "instrument", "reason"), "id",
        what="Cancel one order, or all that fit.",
    ),
    Act(
        "close", "do:trade", doings.control("close"), ("account", "instrument"), ("strategy", "reason"), "instrument",
        what="Close a position.",
    ),
    Act("approve", "do:approve", doings.control("approve"), ("id",), ("reason",), "id", what="Let an order pass that waits."),
    Act("deny", "do:approve", doings.control("deny"), ("id",), ("reason",), "id", what="Refuse an order that waits."),
    Act(
        "override", "do:strategy", doings.override, ("override", "reason"), ("account", "strategy", "instrument"), "strategy",
        what="Forbid a strategy or instrument to trade, to open, or to grow; lift it again.",
    ),
    Act("strategy.start", "do:strategy", doings.start, ("strategy", "reason"), (), "strategy", what="Let a stopped strategy trade again."),
    Act("strategy.stop", "do:strategy", doings.stop, ("strategy", "reason"), ("close_only",), "strategy", what="Stop a strategy."),
    Act(
        "strategy.mode", "do:strategy", doings.set_mode, ("strategy", "mode", "reason"), ("account",), "strategy",
        two=doings.why_two_for_mode, second="do:live", what="Backtest, shadow, paper or live; live takes two persons.",
    ),
    Act(
        "limit", "do:limits", doings.set_limit, ("account", "limit", "value", "reason"), ("strategy", "instrument"), "limit",
        two=doings.why_two_for_limit, what="Set a limit; raising one takes two persons.",
    ),
    Act(
        "release", "do:release", doings.release, ("instrument", "start", "decision"), ("dataset", "note"), "instrument",
        what="Decide a held value.",
    ),
    Act("candidate", "do:research", doings.answer_candidate, ("id", "answer"), ("note",), "id", what="Answer a candidate of a screener."),
    Act("model.promote", "do:approve", doings.promote, ("model", "version"), (), "model", what="Make a version of a model the champion."),
    Act(
        "backtest", "do:research", doings.backtest, ("file",), ("start", "end", "capital", "parameters"), "file",
        what="Start a backtest of a strategy of the workspace.",
    ),
    Act("alert.ack", "do:trade", alerting_acts.take_in_hand, ("id",), ("note",), "id", what="Take an alert in hand."),
    Act("alert.test", "do:trade", alerting_acts.try_route, ("route",), (), "route", what="Send a test message by a route of alerts."),
    Act("person.add", "do:people", people.add, ("name", "role"), ("password",), "name", what="Let somebody in."),
    Act(
        "person.change", "do:people", people.change, ("name",), ("role", "password", "is_active"), "name",
        what="Change a role or password, or shut somebody out.",
    ),
    Act(
        "person.token", "do:people", people.token_of_another, ("person", "name"), ("scopes", "days"), "person",
        what="Make a token of somebody else.",
    ),
    Act("person.unlock", "do:people", people.unlock, ("name",), (), "name", what="End a lock-out."),
    Act("password", "do:self", people.own_password, ("old_password", "new_password"), what="Change one's own password."),
    Act("token.new", "do:self", people.new_token, ("name",), ("scopes", "days"), "name", what="Make a token of one's own."),
    Act("token.revoke", "do:self", people.revoke, ("id",), (), "id", what="End a token or session."),
)  # fmt: skip


def do(house: House, principal: Principal, act: str, words: Words, *, face: str) -> dict[str, Any]:
    """Do it; what came of it. With four eyes: {"request": id, "waits_for": why, "expires": …} and nothing is done yet.

    Raises Forbidden where the person may not, Rejected for words that cannot be, and whatever the doing raises.
    """
    found = named(act)
    with _Audited(house, principal, found, words, face) as log:
        checked(found, principal, words)
        why = "" if found.two is None else found.two(house, words)
        if why:
            request = _asked(house, principal, found, words)
            log.outcome, log.detail = "asked", f"request {request.id}: {why}"
            return {"request": request.id, "waits_for": why, "expires_ns": request.expires_ns}
        done = found.do(house, principal, words)
        log.outcome = _outcome(done)
        log.detail = said(done)
        return done


def answer(house: House, principal: Principal, request: str, *, is_given: bool, note: str = "", face: str) -> dict[str, Any]:
    """The word of a second person on a request; confirmed, the act is done with the words that were asked for."""
    kept = house.ledger.acts.request(request)
    found = named(kept.act)
    words = {"request": request, "is_given": is_given, "note": note, **kept.words}
    with _Audited(house, principal, found, words, face, verb="confirm" if is_given else "decline") as log:
        kept = house.ledger.acts.answer(request, principal, house.clock.now_ns(), is_given=is_given, note=note[:REASON_CHARACTERS_MAX])
        if not is_given:
            log.detail = f"asked by {kept.asked_by}"
            return {"request": kept.id, "state": kept.state}
        try:
            done = found.do(house, Principal(f"{kept.asked_by} and {principal.person}", principal.role), kept.words)
        except TradewindsError as error:
            house.ledger.acts.note_outcome(request, {"error": type(error).__name__, "message": str(error)[:DETAIL_CHARACTERS_MAX]})
            raise
        house.ledger.acts.note_outcome(request, done)
        log.detail = f"asked by {kept.asked_by}; {said(done)}"
        return {"request": kept.id, "state": kept.state, "outcome": done}


def named(act: str) -> Act:
    """Raises Rejected for an act that there is not."""
    if act not in ACTS:
        raise Rejected(f"act {act!r}, expected one of {', '.join(ACTS)}")
    return ACTS[act]


def checked(act: Act, principal: Principal, words: Words) -> None:
    """Raises Forbidden where the principal may not, Rejected where words are missing or too many."""
    if not principal.may(act.permission):
        why = f"its scopes are {', '.join(principal.scopes)}" if principal.scopes is not None else f"role {principal.role}"
        raise Forbidden(f"{act.name}: {principal.person} ({why}), expected somebody who has {act.permission}")
    given = {name for name, value in words.items() if value is not None}
    missing = [name for name in act.needs if name not in given or (isinstance(words[name], str) and not words[name].strip())]
    if missing:
        raise Rejected(f"{act.name}: no {missing[0]}, expected {', '.join(act.needs)}")
    unknown = sorted(given - {*act.needs, *act.takes})
    if unknown:
        raise Rejected(f"{act.name}: unknown {unknown[0]!r}, expected of {', '.join((*act.needs, *act.takes))}")
    if len(str(words.get("reason") or "")) > REASON_CHARACTERS_MAX:
        raise Rejected(f"{act.name}: a reason of {len(str(words['reason']))} characters, expected at most {REASON_CHARACTERS_MAX}")


def said(done: Mapping[str, Any]) -> str:
    """What came of it, short, for the audit log."""
    return ", ".join(f"{name} {value}" for name, value in audited(done).items() if value not in (None, "", [], {}))[:DETAIL_CHARACTERS_MAX]


def _outcome(done: Mapping[str, Any]) -> Outcome:
    """How an act ended that raised nothing: the gate's verdict on an order, a receiver's answer to a message."""
    if done.get("verdict") == "refused":
        return "refused"
    outcomes: Mapping[Any, Outcome] = {"refused": "failed", "doubt": "unknown"}
    return outcomes.get(done.get("outcome"), "done") if isinstance(done.get("outcome"), str) else "done"


def _asked(house: House, principal: Principal, act: Act, words: Words) -> Request:
    now_ns = house.clock.now_ns()
    kept = {name: value for name, value in words.items() if value is not None}
    second = act.second or act.permission
    request = Request(
        secrets.token_hex(6), act.name, kept, second, principal.person, now_ns, expires_at(now_ns), str(words.get("reason") or "")
    )
    return house.ledger.acts.ask(request)


class _Audited:
    """Writes the row when the act has ended, however it did."""

    def __init__(self, house: House, principal: Principal, act: Act, words: Words, face: str, *, verb: str = "") -> None:
        self._house = house
        self._who = principal
        self._act = act
        self._words = words
        self._face = face
        self._verb = verb
        self.outcome: Outcome = "done"
        self.detail = ""

    def __enter__(self) -> _Audited:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self.outcome = "refused" if isinstance(error, Rejected) else "unknown" if isinstance(error, OutcomeUnknown) else "failed"
            self.detail = str(error)[:DETAIL_CHARACTERS_MAX] if isinstance(error, TradewindsError) else type(error).__name__
        name = f"{self._verb} {self._act.name}".strip()
        subject = str(self._words.get(self._act.subject) or "")[:200]
        self._house.ledger.acts.write(
            AuditRow(
                self._house.clock.now_ns(), self._who.person, self._who.role, self._face, self._who.address, name, subject, self.outcome,
                self.detail, audited(self._words),
            )
        )  # fmt: skip
