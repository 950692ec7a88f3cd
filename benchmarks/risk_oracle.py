"""A second opinion on the risk gate: slow, plain, from the words of docs/risk.md, with fractions, and nothing of the gate's own code.

It keeps lists of everything that happened and works every answer out from the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from tradewinds.core.order import Intent, OrderTerms
from tradewinds.risk.bounds import Limits

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
ACCOUNT = ""


@dataclass
class World:
    """What happened so far. strategy "" in `marks` and `limits`: the account."""

    account: Limits
    strategies: dict[str, Limits]
    instruments: dict[str, Limits]
    sessions: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    held: dict[tuple[str, str], Fraction] = field(default_factory=dict)
    working: dict[str, tuple[str, str, Fraction]] = field(default_factory=dict)
    price: dict[str, tuple[Fraction, int, Fraction]] = field(default_factory=dict)
    cash: dict[str, Fraction] = field(default_factory=dict)
    approved: list[tuple[int, str, str, OrderTerms]] = field(default_factory=list)
    sent: list[tuple[int, str, bool]] = field(default_factory=list)
    executed: list[tuple[int, str, str, str, str]] = field(default_factory=list)
    results: list[tuple[int, str, str, str, Fraction]] = field(default_factory=list)
    marks: list[tuple[int, str, Fraction]] = field(default_factory=list)
    overrides: dict[tuple[str, str], str] = field(default_factory=dict)

    def breaches(self, intent: Intent, now: int) -> set[str]:
        """The names of every rule that the order breaks."""
        found = self._overridden(intent)
        if any(name == intent.client_order_id for _, name, _, _ in self.approved):
            found.add("duplicate")
        for scope, limits in (
            ("account", self.account),
            ("strategy", self.strategies.get(intent.strategy, Limits())),
            ("instrument", self.instruments.get(intent.terms.instrument, Limits())),
        ):
            found |= self._of_order(intent, now, limits, scope) | self._of_state(intent, now, limits, scope)
        return found

    # Positions

    def _position(self, instrument: str, strategy: str | None) -> Fraction:
        return sum((n for (s, i), n in self.held.items() if i == instrument and strategy in (None, s)), Fraction(0))

    def _rest(self, instrument: str, strategy: str | None, sign: int) -> Fraction:
        mine = (n for s, i, n in self.working.values() if i == instrument and strategy in (None, s))
        return sum((n for n in mine if n * sign > 0), Fraction(0))

    def _is_exit(self, intent: Intent, strategy: str | None) -> bool:
        instrument, signed = intent.terms.instrument, Fraction(intent.terms.signed)
        held = self._position(instrument, strategy)
        end = held + self._rest(instrument, strategy, 1 if signed > 0 else -1) + signed
        return (held > 0 and signed < 0 and end >= 0) or (held < 0 and signed > 0 and end <= 0)

    def _unit(self, instrument: str) -> Fraction | None:
        found = self.price.get(instrument)
        return None if found is None else found[0] * found[2]

    def _gross(self, strategy: str | None, more: Intent | None = None, only: str | None = None) -> Fraction | None:
        total = Fraction(0)
        for instrument in (
            {i for _, i in self.held} | {i for _, i, _ in self.working.values()} | ({only} if only else set()) | set(self.price)
        ):
            if only not in (None, instrument):
                continue
            high = self._position(instrument, strategy) + self._rest(instrument, strategy, 1)
            low = self._position(instrument, strategy) + self._rest(instrument, strategy, -1)
            if more is not None and more.terms.instrument == instrument:
                signed = Fraction(more.terms.signed)
                high, low = (high + signed, low) if signed > 0 else (high, low + signed)
            unit = self._unit(instrument)
            if unit is None:
                if high or low or self._position(instrument, strategy):
                    return None
                continue
            total += max(abs(high), abs(low)) * unit
        return total

    def _net(self, strategy: str | None, sign: int, only: str | None) -> Fraction | None:
        total = Fraction(0)
        for instrument in {i for _, i in self.held} | {i for _, i, _ in self.working.values()}:
            if only not in (None, instrument):
                continue
            size = self._position(instrument, strategy) + self._rest(instrument, strategy, sign)
            is_there = size or self._position(instrument, strategy) or self._rest(instrument, strategy, -sign)
            unit = self._unit(instrument)
            if unit is None and is_there:
                return None
            total += size * (unit or 0)
        return total

    def _equity(self, strategy: str | None) -> Fraction | None:
        cash = [n for s, n in self.cash.items() if strategy in (None, s)]
        if not cash:
            return None
        total = sum(cash, Fraction(0))
        for instrument in {i for _, i in self.held} | {i for _, i, _ in self.working.values()}:
            held, unit = self._position(instrument, strategy), self._unit(instrument)
            if unit is None:
                if held or self._rest(instrument, strategy, 1) or self._rest(instrument, strategy, -1):
                    return None
                continue
            total += held * unit
        return total

    # Rules

    def _overridden(self, intent: Intent) -> set[str]:
        for (strategy, instrument), action in self.overrides.items():
            if strategy not in ("", intent.strategy) or instrument not in ("", intent.terms.instrument):
                continue
            whose = strategy or None
            if action == "no trading":
                return {"override"}
            if not self._is_exit(intent, whose):
                return {"override"}
            if action == "close only" and abs(self._position(intent.terms.instrument, whose)) != Fraction(intent.terms.quantity):
                return {"override"}
        return set()

    def _of_order(self, intent: Intent, now: int, limits: Limits, scope: str) -> set[str]:
        terms, found = intent.terms, set()
        is_exit = self._is_exit(intent, intent.strategy if scope == "strategy" else None)
        mark = self.price.get(terms.instrument)
        if terms.instrument in limits.restricted:
            found.add("restricted")
        if limits.duplicate_window_s is not None:
            window = int(limits.duplicate_window_s * SECOND)
            if any(s == intent.strategy and t == terms and now - at < window for at, _, s, t in self.approved):
                found.add("duplicate")
        if limits.is_in_hours_only and not any(start <= now < end for start, end in self.sessions.get(terms.instrument, [])):
            found.add("hours")
        if (
            limits.price_age_max_s is not None
            and not is_exit
            and (mark is None or abs(now - mark[1]) > int(limits.price_age_max_s * SECOND))
        ):
            found.add("stale price")
        own = [Fraction(p) for p in (terms.limit, terms.stop) if p is not None]
        if limits.collar is not None:
            share = Fraction(limits.collar)
            if mark is None:
                if own or not is_exit:
                    found.add("collar")
            elif any(p > mark[0] * (1 + share) or p < mark[0] * (1 - share) for p in own):
                found.add("collar")
        if limits.quantity_max is not None and terms.quantity > limits.quantity_max:
            found.add("quantity")
        notional = None if mark is None else Fraction(terms.quantity) * max([mark[0], *own]) * mark[2]
        if limits.notional_max is not None and ((notional is None and not is_exit) or (notional or 0) > Fraction(limits.notional_max)):
            found.add("notional")
        if limits.approval_above is not None and not is_exit and (notional is None or notional > Fraction(limits.approval_above)):
            found.add("approval")
        return found

    def _of_state(self, intent: Intent, now: int, limits: Limits, scope: str) -> set[str]:
        terms, found = intent.terms, set()
        strategy = intent.strategy if scope == "strategy" else None
        only = terms.instrument if scope == "instrument" else None
        signed = Fraction(terms.signed)
        sign = 1 if signed > 0 else -1
        is_exit = self._is_exit(intent, strategy)
        end = self._position(terms.instrument, strategy) + self._rest(terms.instrument, strategy, sign) + signed
        if limits.messages_max is not None and self._messages(intent, now, limits, scope) >= limits.messages_max:
            found.add("message rate")
        if is_exit:
            return found
        if limits.repeats_max is not None:
            since = now - int(limits.repeats_window_s * SECOND)
            first: dict[str, int] = {}
            for at, name, s, i, side in self.executed:
                if (s, i, side) == (intent.strategy, terms.instrument, terms.side):
                    first.setdefault(name, at)
            if sum(at > since for at in first.values()) >= limits.repeats_max:
                found.add("repeats")
        if limits.is_long_only and signed < 0 and end < 0:
            found.add("long only")
        if limits.position_max is not None and abs(end) > Fraction(limits.position_max) and abs(end) > abs(end - signed):
            found.add("position")
        unit, equity = self._unit(terms.instrument), self._equity(strategy)
        before, after = self._gross(strategy, None, only), self._gross(strategy, intent, only)
        if limits.gross_max is not None and (
            unit is None or before is None or after is None or (after > Fraction(limits.gross_max) and after > before)
        ):
            found.add("gross")
        if limits.net_max is not None:
            net = self._net(strategy, sign, only)
            if unit is None or net is None or (net + signed * unit) * sign > Fraction(limits.net_max):
                found.add("net")
        if limits.leverage_max is not None and scope != "instrument":
            room = None if equity is None else max(equity, Fraction(0)) * Fraction(limits.leverage_max)
            if room is None or unit is None or before is None or after is None or (after > room and after > before):
                found.add("leverage")
        if limits.concentration_max is not None:
            room = None if equity is None else max(equity, Fraction(0)) * Fraction(limits.concentration_max)
            here, there = self._gross(strategy, None, terms.instrument), self._gross(strategy, intent, terms.instrument)
            if room is None or here is None or there is None or unit is None or (there > room and there > here):
                found.add("concentration")
        if scope != "instrument":
            found |= self._losses(now, limits, strategy, equity)
        if limits.cooldown_losses is not None and self._is_cooling(intent, now, limits, scope):
            found.add("cool-down")
        return found

    def _messages(self, intent: Intent, now: int, limits: Limits, scope: str) -> int:
        window = int(limits.messages_window_s * SECOND)
        whose = {name: (s, t.instrument) for _, name, s, t in self.approved}

        def counts(name: str) -> bool:
            if scope == "account":
                return True
            if name not in whose:
                return False
            return whose[name][0] == intent.strategy if scope == "strategy" else whose[name][1] == intent.terms.instrument

        gone = {name for _, name, is_cancel in self.sent if not is_cancel}
        on_wire = sum(
            at > now - window and counts(name) and (limits.does_count_cancels or not is_cancel) for at, name, is_cancel in self.sent
        )
        return on_wire + sum(at > now - max(window, 10 * SECOND) and name not in gone and counts(name) for at, name, _, _ in self.approved)

    def _losses(self, now: int, limits: Limits, strategy: str | None, equity: Fraction | None) -> set[str]:
        found = set()
        marks = [(at, amount) for at, whose, amount in self.marks if whose == (strategy or ACCOUNT)]
        midnight = now // DAY * DAY
        earlier = [amount for at, amount in marks if at < midnight]
        today = [amount for at, amount in marks if at >= midnight]
        first = earlier[-1] if earlier else today[0] if today else None
        for limit in (limits.day_loss_max, limits.day_loss_fraction_max):
            if limit is None:
                continue
            if first is None or equity is None:
                found.add("day loss")
                continue
            most = Fraction(limit) if limit is limits.day_loss_max else Fraction(limit) * first
            if first > equity and first - equity >= most:
                found.add("day loss")
        if limits.drawdown_max is not None:
            peak = max((amount for _, amount in marks), default=None)
            if peak is None or equity is None or (peak > equity and peak - equity >= Fraction(limits.drawdown_max) * peak):
                found.add("drawdown")
        return found

    def _is_cooling(self, intent: Intent, now: int, limits: Limits, scope: str) -> bool:
        row: list[int] = []
        for at, _, strategy, instrument, result in self.results:
            if (scope == "strategy" and strategy != intent.strategy) or (scope == "instrument" and instrument != intent.terms.instrument):
                continue
            if result > 0:
                row = []
            elif result < 0:
                row.append(at)
        count, until = 0, 0
        for at in row:
            if at >= until:
                count += 1
                if count == limits.cooldown_losses:
                    count, until = 0, at + int(limits.cooldown_s * SECOND)
        return now < until
