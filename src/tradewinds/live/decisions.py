"""What was decided and what became of it, gathered from the steps of the accounts: for the control channel, and for whoever waits.

1. Every step that is durable is taken in, those of the journal first; nothing here is truth, all of it is in the journals.
2. What a person may still answer (waiting) is kept until it is settled.
3. Memory is bounded: of older decisions the journal alone knows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tradewinds.core.order import Intent, Refusal
from tradewinds.trading.entry import Approved, Decided, Entry, HandedOver, Refused, Waiting

DECISIONS_MAX = 256  # of one strategy
VERDICTS_MAX = 20_000

Word = Literal["approved", "refused", "waiting"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate said of an intent; why is empty where it passed. until_ns: of one that waits."""

    account: str
    intent: Intent
    word: Word
    rule: str = ""
    why: str = ""
    until_ns: int = 0


@dataclass(slots=True)
class Decision:
    """One decision of a strategy: targets by instrument as text, and the orders that it wanted, by client order id."""

    account: str
    strategy: str
    decision_ns: int
    targets: dict[str, str]
    orders: list[str] = field(default_factory=list)


class Decisions:
    """Takes in steps of any account. `told` hears of each verdict."""

    def __init__(self, told: Callable[[Verdict], None] = lambda verdict: None) -> None:
        self.verdicts: OrderedDict[str, Verdict] = OrderedDict()
        self.waiting: dict[str, Verdict] = {}
        self._by_strategy: dict[str, OrderedDict[int, Decision]] = {}
        self._told = told

    def take(self, account: str, entry: Entry) -> None:
        """One step of an account."""
        for record in entry.records:
            match record:
                case Decided(strategy, decision_ns, targets):
                    self._decided(Decision(account, strategy, decision_ns, dict(targets)))
                case Approved(order):
                    self._judged(Verdict(account, order.intent, "approved"))
                case Refused(Refusal(intent, rule, reason)):
                    self._judged(Verdict(account, intent, "refused", rule, reason))
                case Waiting(intent, rule, why, until_ns):
                    self._judged(Verdict(account, intent, "waiting", rule, why, until_ns))
                case HandedOver(given):
                    for intent in given.intents:
                        self._named(intent)
                case _:
                    pass

    def decision(self, strategy: str, decision_ns: int) -> Decision | None:
        """The decision at a time, None where there was none, or it lies too far back."""
        return self._by_strategy.get(strategy, OrderedDict()).get(decision_ns)

    def last(self, strategy: str) -> Decision | None:
        """The newest decision."""
        found = self._by_strategy.get(strategy)
        return next(reversed(found.values())) if found else None

    def _decided(self, one: Decision) -> None:
        kept = self._by_strategy.setdefault(one.strategy, OrderedDict())
        kept[one.decision_ns] = one
        if len(kept) > DECISIONS_MAX:
            kept.popitem(last=False)

    def _judged(self, verdict: Verdict) -> None:
        name = verdict.intent.client_order_id
        if verdict.rule == "duplicate" and name in self.verdicts:
            return  # what was said first stands
        self.verdicts[name] = verdict
        self.verdicts.move_to_end(name)
        if len(self.verdicts) > VERDICTS_MAX:
            self.verdicts.popitem(last=False)
        if verdict.word == "waiting":
            self.waiting[name] = verdict
        else:
            self.waiting.pop(name, None)
        self._named(verdict.intent)
        self._told(verdict)

    def _named(self, intent: Intent) -> None:
        """Note the order with its decision; one of a decision that is not kept any more is noted nowhere."""
        found = self.decision(intent.strategy, intent.decision_ns)
        if found is not None and intent.client_order_id not in found.orders:
            found.orders.append(intent.client_order_id)
