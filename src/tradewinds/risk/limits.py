"""The risk gate: judges an intent against the limits in force and is the only maker of `ApprovedOrder`.

1. Halt and overrides first: no trading, close only, reduce only.
2. The scopes of the order are its account, its strategy and its instrument; each with limits judges by itself, the tightest wins.
3. Rules in the order of `rules.ALL`: lists, hours, prices, sizes, exposure, losses, rates; last, whether a person has to allow it.

The gate reads no clock: `now_ns` is the time of the event that is being handled. Judging changes nothing; the gate changes only through
`approved`, `sent`, `booked`, `marked`, `moved` and `control`, so that a replay of the journal brings it to the same state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal, localcontext

from tradewinds.calendars.day import day_around
from tradewinds.core.account import Fill
from tradewinds.core.errors import Rejected
from tradewinds.core.order import ApprovedOrder, Hold, Intent, OrderTerms, Refusal
from tradewinds.risk import static
from tradewinds.risk.bounds import NO_LIMITS, NS, Limits, limits_from, limits_of_text
from tradewinds.risk.memory import Exits, Marks, Memory, decision_of, scope_keys
from tradewinds.risk.rules import Case, IsOpen, Part, Rule, View, active, shown
from tradewinds.risk.situation import ZERO, Situation, WideSituation, wide
from tradewinds.risk.standing import EXACT, Standing

__all__ = ["Gate", "Limits", "ReduceGate", "Situation", "Standing", "limits_from"]

OVERRIDES = ("trade", "reduce only", "close only", "no trading")  # later ones are stricter

Verdict = ApprovedOrder | Refusal | Hold
_Scope = tuple[str, str, str, Limits, tuple[tuple[str, Rule], ...]]


@dataclass(slots=True)
class Gate:
    """One account's gate. Limits may be exchanged at any time by `limit`.

    currency, account: for the words of a refusal. day_zone, day_starts: when a trading day begins. is_open: (instrument, instant) ->
    whether a session is under way, None where not known. has_reduce_only: the venue itself keeps such an order from opening anything.
    """

    limits: Limits = NO_LIMITS
    by_strategy: Mapping[str, Limits] = field(default_factory=dict)
    by_instrument: Mapping[str, Limits] = field(default_factory=dict)
    currency: str = ""
    account: str = ""
    day_zone: str = "UTC"
    day_starts: time = time(0)
    is_open: IsOpen | None = None
    has_reduce_only: bool = False
    memory: Memory = field(default_factory=Memory)
    overrides: dict[tuple[str, str], str] = field(default_factory=dict)
    is_halted: bool = False
    _scopes: dict[tuple[str, str], _Scope | None] = field(default_factory=dict)
    _day: tuple[int, int] = (0, 0)

    def judge(
        self, intent: Intent, situation: Situation | WideSituation, now_ns: int, *, is_allowed: bool = False, replaces: str | None = None
    ) -> Verdict:
        """An approved order, a refusal with the rule and a reason that a person understands, or a hold until a person allows it.

        is_allowed: a person has allowed it; every other rule is judged anew. replaces: the id of a working order whose place it takes,
        which then does not count as working.
        """
        with localcontext(EXACT):  # sums and products of an order's numbers are exact in so many digits
            return self._judged(intent, situation, now_ns, is_allowed=is_allowed, replaces=replaces)

    def _judged(
        self, intent: Intent, situation: Situation | WideSituation, now_ns: int, *, is_allowed: bool, replaces: str | None
    ) -> Verdict:
        asked = wide(situation)
        if self.is_halted:
            return _refused(intent, "halt", "trading is halted")
        if decision_of(intent) in self.memory.decisions:
            return _refused(intent, "duplicate", f"it was approved before as {intent.client_order_id}")
        why = self._overridden(intent, asked, replaces)
        if why is not None:
            return _refused(intent, "override", why)
        scopes = self._scopes_of(intent.strategy, intent.terms.instrument)
        if not scopes:
            return ApprovedOrder(intent, now_ns)
        case = self._case(intent, asked, now_ns)
        parts: dict[str | None, Part] = {}
        waits: tuple[str, int] | None = None
        for kind, name, owner, limits, rules in scopes:
            strategy = intent.strategy if kind == "strategy" else None
            part = parts.get(strategy)
            if part is None:
                part = parts[strategy] = self._part(case, strategy, replaces)
            view = View((kind, name), owner, limits, part, part.is_exit)
            for rule, breaks in rules:
                reason = breaks(case, view)
                if reason is None or (rule == "approval" and is_allowed):
                    continue
                if rule != "approval":
                    return _refused(intent, rule, reason)
                until_ns = now_ns + int(limits.approval_wait_s * NS)
                waits = (f"{_named(intent)}: {reason}", until_ns) if waits is None else (waits[0], min(waits[1], until_ns))
        return ApprovedOrder(intent, now_ns) if waits is None else Hold(intent, "approval", *waits)

    def limit(
        self,
        limits: Limits | None = None,
        by_strategy: Mapping[str, Limits] | None = None,
        by_instrument: Mapping[str, Limits] | None = None,
    ) -> None:
        """Put other limits in force; what is None stays."""
        self.limits = self.limits if limits is None else limits
        self.by_strategy = self.by_strategy if by_strategy is None else by_strategy
        self.by_instrument = self.by_instrument if by_instrument is None else by_instrument
        self._scopes.clear()

    def limit_by_words(self, limits: Mapping[str, str]) -> None:
        """Put these limits in force and no others: JSON text by "account", "strategy NAME" or "instrument ID". Raises Rejected."""
        found: dict[str, dict[str, Limits]] = {"account": {}, "strategy": {}, "instrument": {}}
        for scope, text in limits.items():
            kind, _, name = scope.partition(" ")
            if kind not in found or (name == "") != (kind == "account"):
                raise Rejected(f"limits of {scope!r}, expected account, strategy NAME or instrument ID")
            found[kind][name] = limits_of_text(text, f"limits of {scope}")
        self.limit(found["account"].get("", NO_LIMITS), found["strategy"], found["instrument"])

    # What happened, now or in the journal that is replayed

    def approved(self, order: ApprovedOrder) -> None:
        """An order was approved."""
        self.memory.approve(order)

    def sent(self, client_order_id: str, time_ns: int, *, is_cancel: bool = False) -> None:
        """A message about an order went onto the wire: the order, its replacement, or its cancel."""
        self.memory.send(client_order_id, time_ns, is_cancel=is_cancel)

    def booked(self, fill: Fill, strategy: str, time_ns: int, realised: Decimal = ZERO) -> None:
        """A fill was booked for a strategy. realised: what it closed gained, in base currency; zero where it opened."""
        self.memory.execute(fill.client_order_id, strategy, fill.instrument, fill.side, time_ns)
        for key in scope_keys(strategy, fill.instrument):
            self.memory.exits.setdefault(key, Exits()).book(fill.client_order_id, time_ns, realised)

    def marked(self, strategy: str | None, equity: Decimal, time_ns: int) -> None:
        """Equity of a strategy, or of the account (None), in base currency, then; loss of the day and drawdown are counted from it."""
        self.memory.marks.setdefault(strategy, Marks()).mark(self._day_start_ns(time_ns), equity)

    def moved(self, strategy: str | None, amount: Decimal) -> None:
        """Money came in, or went out (negative): neither gain nor loss."""
        self.memory.marks.setdefault(strategy, Marks()).move(amount)

    def control(self, action: str, strategy: str = "", instrument: str = "") -> None:
        """Halt, resume, or an override of a strategy or an instrument ("" for all); "trade" takes that one override back."""
        if action in ("halt", "resume"):
            self.is_halted = action == "halt"
        elif action == "trade":
            self.overrides.pop((strategy, instrument), None)
        elif action in OVERRIDES:
            self.overrides[strategy, instrument] = action

    # Within

    def _overridden(self, intent: Intent, situation: WideSituation, replaces: str | None) -> str | None:
        """Why an override does not let it pass. The strictest of those that apply counts."""
        if not self.overrides:
            return None
        strategy, instrument = intent.strategy, intent.terms.instrument
        for key in ((strategy, instrument), (strategy, ""), ("", instrument), ("", "")):
            action = self.overrides.get(key, "trade")
            if action == "trade":
                continue
            whose = f"{action} is in force for {_whose(*key)}"
            if action == "no trading":
                return whose
            part = key[0] or None
            held = situation.held(instrument, part)
            buys, sells = situation.pending(instrument, part)
            pending = (buys if intent.terms.side == "buy" else -sells) - _replaced(situation, intent.terms, replaces)
            after = static.position_after(held, pending, intent.terms.signed)
            if not static.is_reducing(held, after) and not self._is_reduced_there(intent.terms, held):
                return f"{whose}, {shown(held)} units are held and {shown(after)} would be"
            if action == "close only" and intent.terms.signed != -held:
                return f"{whose}, expected an order for all {shown(abs(held))} units"
        return None

    def _scopes_of(self, strategy: str, instrument: str) -> list[_Scope]:
        """The scopes that limit anything."""
        found = (self._scope("account", ""), self._scope("strategy", strategy), self._scope("instrument", instrument))
        return [one for one in found if one is not None]

    def _scope(self, kind: str, name: str) -> _Scope | None:
        """One scope with the rules that its limits switch on, kept until limits change; None where nothing is limited."""
        try:
            return self._scopes[kind, name]
        except KeyError:
            pass
        if kind == "account":
            owner, limits = f"account {self.account}" if self.account else "the account", self.limits
        elif kind == "strategy":
            owner, limits = f"strategy {name}", self.by_strategy.get(name, NO_LIMITS)
        else:
            owner, limits = name, self.by_instrument.get(name, NO_LIMITS)
        found = self._scopes[kind, name] = None if limits.is_empty else (kind, name, owner, limits, active(limits, kind))
        return found

    def _case(self, intent: Intent, situation: WideSituation, now_ns: int) -> Case:
        terms = intent.terms
        price, rate = situation.price(terms.instrument), situation.rate(terms.instrument)
        unit = None if price is None or rate is None else EXACT.multiply(price, rate)
        notional = None
        if rate is not None:
            prices = [one for one in (price, terms.limit, terms.stop) if one is not None]
            notional = abs(EXACT.multiply(terms.quantity, EXACT.multiply(max(prices), rate))) if prices else None
        return Case(
            intent.strategy, terms, now_ns, self._day_start_ns(now_ns), situation, self.memory, self.currency, self.is_open, price, unit,
            notional, terms.side == "buy", terms.signed, self.memory.recent.get((intent.strategy, terms)),
        )  # fmt: skip

    def _part(self, case: Case, strategy: str | None, replaces: str | None) -> Part:
        asked, terms = case.situation, case.terms
        held = asked.held(terms.instrument, strategy)
        buys, sells = asked.pending(terms.instrument, strategy)
        pending, replaced = buys if case.is_buy else -sells, _replaced(asked, terms, replaces)
        after = static.position_after(held, pending - replaced, case.signed)
        is_exit = static.is_reducing(held, after) or self._is_reduced_there(terms, held)
        high, low = EXACT.add(held, buys), EXACT.subtract(held, sells)
        unit = ZERO if case.unit is None else abs(case.unit)
        here = static.worst_size(high, low) * unit
        there = (static.worst_size(after, low) if case.is_buy else static.worst_size(high, after)) * unit
        return Part(
            strategy, EXACT.add(held, pending), after, case.signed - replaced, high, low, is_exit, here, there,
            asked.exposure(strategy), asked.equity(strategy),
        )  # fmt: skip

    def _is_reduced_there(self, terms: OrderTerms, held: Decimal) -> bool:
        """Whether the venue itself keeps this order from doing more than reducing what is held."""
        return self.has_reduce_only and terms.is_reduce_only and held * terms.signed < 0 and terms.quantity <= abs(held)

    def _day_start_ns(self, now_ns: int) -> int:
        if not self._day[0] <= now_ns < self._day[1]:
            self._day = day_around(now_ns, self.day_zone, self.day_starts)
        return self._day[0]


@dataclass(frozen=True, slots=True)
class ReduceGate:
    """The guard's gate: lets pass what lessens a position that the venue says is held, and nothing else."""

    def judge(self, intent: Intent, held: Decimal, working: Decimal, now_ns: int) -> ApprovedOrder | Refusal:
        """held: signed units at the venue. working: signed units of orders that may still fill there."""
        pending = working if working * intent.terms.signed > 0 else ZERO
        after = static.position_after(held, pending, intent.terms.signed)
        if static.is_reducing(held, after):
            return ApprovedOrder(intent, now_ns)
        return Refusal(
            intent, "reduce only", f"{_named(intent)}: {shown(held)} units are held and {shown(after)} would be, the guard only reduces"
        )


def _replaced(situation: WideSituation, terms: OrderTerms, replaces: str | None) -> Decimal:
    """Signed units that leave the order's side with the order whose place it takes."""
    left = ZERO if replaces is None else situation.left(replaces)
    return left if left * terms.signed > 0 else ZERO


def _refused(intent: Intent, rule: str, reason: str) -> Refusal:
    return Refusal(intent, rule, f"{_named(intent)}: {reason}")


def _named(intent: Intent) -> str:
    return f"{intent.terms.side} {shown(intent.terms.quantity)} {intent.terms.instrument}"


def _whose(strategy: str, instrument: str) -> str:
    if strategy and instrument:
        return f"strategy {strategy} in {instrument}"
    return f"strategy {strategy}" if strategy else instrument or "everything"
