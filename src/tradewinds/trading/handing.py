"""Handing over: what a strategy wants on another account leaves its home as one message to each account that something is wanted of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tradewinds.core.instant import text
from tradewinds.core.order import Intent, Refusal
from tradewinds.trading.books import Books
from tradewinds.trading.command import PassCommand
from tradewinds.trading.elsewhere import HAND_OVER_VALID_S_MAX, HANDED_OVER_MAX
from tradewinds.trading.entry import HandedOver, HandOver, Refused
from tradewinds.trading.step import Step
from tradewinds.trading.timers import NS

Wants = Mapping[tuple[str, str], Sequence[Intent]]  # by account and strategy


def hand_over(step: Step, valid_ns: Mapping[str, int], wants: Wants, cancels: Iterable[str]) -> None:
    """Journal what is wanted elsewhere, and send it there. cancels: client order ids; those that have ended, or are on their way, are left.

    valid_ns: by strategy, how long after its decision an order may leave there.
    """
    books = step.books
    ended: dict[tuple[str, str], list[str]] = {}
    for name in cancels:
        found = _place(books, name)
        if found is not None:
            ended.setdefault(found, []).append(name)
    for account, strategy in dict.fromkeys([*wants, *ended]):
        intents = wants.get((account, strategy), ())
        if len(books.handed.get(account, {})) >= HANDED_OVER_MAX:
            why = f"{HANDED_OVER_MAX} hand-overs wait for account {account}, expected it to take them"
            for intent in intents:
                step.emit(Refused(Refusal(intent, "hand-over", why)))
            continue
        until_ns = step.time_ns + valid_ns.get(strategy, int(HAND_OVER_VALID_S_MAX * NS))
        given = HandOver(
            books.account, account, max(books.handed_last.get(account, 0) + 1, step.time_ns), strategy, step.time_ns, until_ns,
            tuple(intents), tuple(ended.get((account, strategy), ())), books.heard.get(account, 0),
        )  # fmt: skip
        step.emit(HandedOver(given))
        step.commands.append(PassCommand(account, given))


def stale(given: HandOver, now_ns: int) -> str | None:
    """Why a hand-over is too old to be acted on; None where it is not."""
    if now_ns <= given.valid_until_ns:
        return None
    late_s = (now_ns - given.valid_until_ns) / NS
    return f"decided on account {given.home} at {text(given.decided_ns)}, here {late_s:.1f} s too late; its next decision counts"


def _place(books: Books, name: str) -> tuple[str, str] | None:
    """Account and strategy of an order elsewhere that is to be cancelled and is not being cancelled yet."""
    for account, handed in books.handed.items():
        if any(name in given.cancels for given in handed.values()):
            return None
        for given in handed.values():
            if any(one.client_order_id == name for one in given.intents):
                return account, given.strategy
    for account, other in books.away.items():
        order = other.open.get(name)
        if order is not None:
            return None if order.is_cancel_wanted else (account, order.strategy)
        if name in other.waiting:
            return account, other.waiting[name].intent.strategy
    return None
