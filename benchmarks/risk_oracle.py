"""A second opinion on the risk gate: plain, from the words of docs/risk.md, and nothing of the gate's own code.

It keeps lists of everything that happened and works every answer out from them; only what is held and what works is added up as it
comes. Its numbers are exact: whoever calls it does so within `EXACTLY`, where a result that would have to be rounded raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact

from tradewinds.core.order import Intent, OrderTerms
from tradewinds.risk.bounds import Limits

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
ACCOUNT = ""
ZERO = Decimal(0)
EXACTLY = Context(prec=300, traps=[Inexact])


@dataclass
class Sums:
    """One instrument of the account, or of a strategy's part of it. buys, sells: what may still fill, signed."""

    held: Decimal = ZERO
    buys: Decimal = ZERO
    sells: Decimal = ZERO

    @property
    def is_there(self) -> bool:
        return bool(self.held or self.buys or self.sells)


@dataclass
class World:
    """What happened so far. strategy "" in `marks` and `overrides`: the account. Times rise in every list."""

    account: Limits
    strategies: dict[str, Limits]
    instruments: dict[str, Limits]
    sessions: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    has_reduce_only: bool = False
    is_halted: bool = False
    sums: dict[tuple[str | None, str], Sums] = field(default_factory=dict)
    working: dict[str, tuple[str, str, Decimal]] = field(default_factory=dict)
    price: dict[str, tuple[Decimal, int, Decimal]] = field(default_factory=dict)
    cash: dict[str, Decimal] = field(default_factory=dict)
    approved: list[tuple[int, str, str, OrderTerms]] = field(default_factory=list)
    whose: dict[str, tuple[str, str]] = field(default_factory=dict)
    sent: list[tuple[int, str, bool]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    executed: dict[tuple[str, str, str], dict[str, int]] = field(default_factory=dict)
    results: list[tuple[int, str, str, Decimal]] = field(default_factory=list)
    marks: dict[str, list[tuple[int, Decimal]]] = field(default_factory=dict)
    overrides: dict[tuple[str, str], str] = field(default_factory=dict)

    # What happens

    def approve(self, at: int, name: str, strategy: str, terms: OrderTerms) -> None:
        self.approved.append((at, name, strategy, terms))
        self.whose[name] = (strategy, terms.instrument)

    def send(self, at: int, name: str, *, is_cancel: bool) -> None:
        self.sent.append((at, name, is_cancel))
        if not is_cancel:
            self.gone.add(name)

    def fill(self, at: int, name: str, strategy: str, instrument: str, signed: Decimal, result: Decimal) -> None:
        for whose in (None, strategy):
            self._sums(instrument, whose).held += signed
        self.executed.setdefault((strategy, instrument, "buy" if signed > 0 else "sell"), {}).setdefault(name, at)
        self.results.append((at, strategy, instrument, result))

    def leave(self, name: str, strategy: str, instrument: str, left: Decimal) -> None:
        _, _, before = self.working.pop(name, ("", "", ZERO))
        for whose in (None, strategy):
            for units, sign in ((before, -1), (left, 1)):
                if units > 0:
                    self._sums(instrument, whose).buys += units * sign
                else:
                    self._sums(instrument, whose).sells += units * sign
        if left:
            self.working[name] = (strategy, instrument, left)

    def move(self, strategy: str, amount: Decimal) -> None:
        """Money that comes or goes is neither gain nor loss: every earlier equity counts as if it had been there."""
        for whose in (strategy, ACCOUNT):
            self.marks[whose] = [(at, equity + amount) for at, equity in self.marks.get(whose, [])]
        self.cash[strategy] += amount

    # What breaks

    def breaches(self, intent: Intent, now: int, replaces: str | None = None) -> set[str]:
        """The names of every rule that the order breaks. replaces: a working order whose place it takes."""
        found = self._overridden(intent, replaces)
        if self.is_halted:
            found.add("halt")
        if intent.client_order_id in self.whose:
            found.add("duplicate")
        for scope, limits in (
            ("account", self.account),
            ("strategy", self.strategies.get(intent.strategy)),
            ("instrument", self.instruments.get(intent.terms.instrument)),
        ):
            if limits is not None:
                found |= self._of_order(intent, now, limits, scope, replaces) | self._of_state(intent, now, limits, scope, replaces)
        return found

    # Positions

    def _sums(self, instrument: str, strategy: str | None) -> Sums:
        return self.sums.setdefault((strategy, instrument), Sums())

    def _there(self, instrument: str, strategy: str | None, intent: Intent | None, replaces: str | None) -> tuple[Decimal, Decimal]:
        """The position when all bought fills, and when all sold fills; with an order in the place of the one that it replaces."""
        sums = self.sums.get((strategy, instrument)) or Sums()
        high, low = sums.held + sums.buys, sums.held + sums.sells
        if intent is None or intent.terms.instrument != instrument:
            return high, low
        more = intent.terms.signed - self._replaced(intent, replaces)
        return (high + more, low) if intent.terms.side == "buy" else (high, low + more)

    def _replaced(self, intent: Intent, replaces: str | None) -> Decimal:
        """Signed units of the order that is replaced; it lies on the same side."""
        return ZERO if replaces is None or replaces not in self.working else self.working[replaces][2]

    def _end(self, intent: Intent, strategy: str | None, replaces: str | None) -> Decimal:
        """The position when everything on the order's side fills, the order too."""
        high, low = self._there(intent.terms.instrument, strategy, intent, replaces)
        return high if intent.terms.side == "buy" else low

    def _is_exit(self, intent: Intent, strategy: str | None, replaces: str | None) -> bool:
        terms = intent.terms
        held, is_buy = self._sums(terms.instrument, strategy).held, terms.side == "buy"
        end = self._end(intent, strategy, replaces)
        if (held > 0 and not is_buy and end >= 0) or (held < 0 and is_buy and end <= 0):
            return True
        is_other_way = held < 0 if is_buy else held > 0
        return self.has_reduce_only and terms.is_reduce_only and is_other_way and terms.quantity <= abs(held)

    def _unit(self, instrument: str) -> Decimal | None:
        found = self.price.get(instrument)
        return None if found is None else found[0] * found[2]

    def _names(self, strategy: str | None, only: str | None) -> list[str]:
        return [i for s, i in self.sums if s == strategy and only in (None, i)]

    def _gross(self, strategy: str | None, intent: Intent | None, only: str | None, replaces: str | None) -> Decimal | None:
        total = ZERO
        names = self._names(strategy, only)
        if intent is not None and intent.terms.instrument not in names:
            names.append(intent.terms.instrument)
        for instrument in names:
            high, low = self._there(instrument, strategy, intent, replaces)
            unit = self._unit(instrument)
            if unit is None:
                if high or low or self._sums(instrument, strategy).is_there:
                    return None
                continue
            total += max(abs(high), abs(low)) * unit
        return total

    def _net(self, intent: Intent, strategy: str | None, only: str | None, replaces: str | None) -> Decimal | None:
        """The net exposure when everything on the order's side fills, the order too."""
        total = ZERO
        for instrument in {*self._names(strategy, only), intent.terms.instrument}:
            high, low = self._there(instrument, strategy, intent, replaces)
            unit = self._unit(instrument)
            if unit is None:
                if instrument == intent.terms.instrument or self._sums(instrument, strategy).is_there:
                    return None
                continue
            total += (high if intent.terms.side == "buy" else low) * unit
        return total

    def _equity(self, strategy: str | None) -> Decimal | None:
        cash = [n for s, n in self.cash.items() if strategy in (None, s)]
        if not cash:
            return None
        total = sum(cash, ZERO)
        for instrument in self._names(strategy, None):
            sums, unit = self._sums(instrument, strategy), self._unit(instrument)
            if unit is None:
                if sums.is_there:
                    return None
                continue
            total += sums.held * unit
        return total

    # Rules

    def _overridden(self, intent: Intent, replaces: str | None) -> set[str]:
        for (strategy, instrument), action in self.overrides.items():
            if strategy not in ("", intent.strategy) or instrument not in ("", intent.terms.instrument):
                continue
            whose = strategy or None
            if action == "no trading":
                return {"override"}
            if not self._is_exit(intent, whose, replaces):
                return {"override"}
            if action == "close only" and abs(self._sums(intent.terms.instrument, whose).held) != intent.terms.quantity:
                return {"override"}
        return set()

    def _of_order(self, intent: Intent, now: int, limits: Limits, scope: str, replaces: str | None) -> set[str]:
        terms, found = intent.terms, set()
        is_exit = self._is_exit(intent, intent.strategy if scope == "strategy" else None, replaces)
        mark = self.price.get(terms.instrument)
        if terms.instrument in limits.restricted:
            found.add("restricted")
        if limits.duplicate_window_s is not None and self._is_again(intent, now - int(limits.duplicate_window_s * SECOND)):
            found.add("duplicate")
        is_open = terms.when == "open" or any(start <= now < end for start, end in self.sessions.get(terms.instrument, []))
        if limits.is_in_hours_only and not is_open:
            found.add("hours")
        if (
            limits.price_age_max_s is not None
            and not is_exit
            and (mark is None or abs(now - mark[1]) > int(limits.price_age_max_s * SECOND))
        ):
            found.add("stale price")
        own = [p for p in (terms.limit, terms.stop) if p is not None]
        if limits.collar is not None:
            if mark is None:
                if own or not is_exit:
                    found.add("collar")
            else:
                share = limits.collar
                is_far = any(p > mark[0] * (1 + share) or p < mark[0] * (1 - share) for p in own)
                if is_far or (terms.trail is not None and terms.trail > mark[0] * share):
                    found.add("collar")
        if limits.quantity_max is not None and terms.quantity > limits.quantity_max:
            found.add("quantity")
        notional = None if mark is None else terms.quantity * max([mark[0], *own]) * mark[2]
        if limits.notional_max is not None and ((notional is None and not is_exit) or (notional or 0) > limits.notional_max):
            found.add("notional")
        if limits.approval_above is not None and not is_exit and (notional is None or notional > limits.approval_above):
            found.add("approval")
        return found

    def _is_again(self, intent: Intent, since: int) -> bool:
        """Whether the same strategy was allowed the same order after an instant."""
        for at, _, strategy, terms in reversed(self.approved):
            if at <= since:
                return False
            if strategy == intent.strategy and terms == intent.terms:
                return True
        return False

    def _of_state(self, intent: Intent, now: int, limits: Limits, scope: str, replaces: str | None) -> set[str]:
        terms, found = intent.terms, set()
        strategy = intent.strategy if scope == "strategy" else None
        only = terms.instrument if scope == "instrument" else None
        if limits.messages_max is not None and self._messages(intent, now, limits, scope) >= limits.messages_max:
            found.add("message rate")
        if self._is_exit(intent, strategy, replaces):
            return found
        if limits.repeats_max is not None:
            since = now - int(limits.repeats_window_s * SECOND)
            done = self.executed.get((intent.strategy, terms.instrument, terms.side), {})
            if sum(at > since for at in done.values()) >= limits.repeats_max:
                found.add("repeats")
        high, low = self._there(terms.instrument, strategy, None, None)
        now_there, end = (high if terms.side == "buy" else low), self._end(intent, strategy, replaces)
        if limits.is_long_only and terms.side == "sell" and end < 0:
            found.add("long only")
        if limits.position_max is not None and abs(end) > limits.position_max and abs(end) > abs(now_there):
            found.add("position")
        unit = self._unit(terms.instrument)
        if limits.gross_max is not None and self._is_more(limits.gross_max, intent, strategy, only, replaces):
            found.add("gross")
        if limits.net_max is not None:
            net = self._net(intent, strategy, only, replaces)
            if net is None or (net if terms.side == "buy" else -net) > limits.net_max:
                found.add("net")
        for rule, share, of, is_meant in (
            ("leverage", limits.leverage_max, None, scope != "instrument"),
            ("concentration", limits.concentration_max, terms.instrument, True),
        ):
            if share is None or not is_meant:
                continue
            equity = self._equity(strategy)
            if equity is None or unit is None or self._is_more(max(equity, ZERO) * share, intent, strategy, of, replaces):
                found.add(rule)
        if scope != "instrument":
            found |= self._losses(now, limits, strategy)
        if limits.cooldown_losses is not None and self._is_cooling(intent, now, limits, scope):
            found.add("cool-down")
        return found

    def _is_more(self, most: Decimal, intent: Intent, strategy: str | None, only: str | None, replaces: str | None) -> bool:
        """Whether gross exposure goes over an amount and grows, or is not known."""
        before, after = self._gross(strategy, None, only, None), self._gross(strategy, intent, only, replaces)
        return self._unit(intent.terms.instrument) is None or before is None or after is None or (after > most and after > before)

    def _messages(self, intent: Intent, now: int, limits: Limits, scope: str) -> int:
        window = int(limits.messages_window_s * SECOND)

        def counts(name: str) -> bool:
            if scope == "account":
                return True
            strategy, instrument = self.whose.get(name, (None, None))
            return strategy == intent.strategy if scope == "strategy" else instrument == intent.terms.instrument

        found = 0
        for at, name, is_cancel in reversed(self.sent):
            if at <= now - window:
                break
            found += counts(name) and (limits.does_count_cancels or not is_cancel)
        for at, name, _, _ in reversed(self.approved):
            if at <= now - max(window, 10 * SECOND):
                break
            found += name not in self.gone and counts(name)
        return found

    def _losses(self, now: int, limits: Limits, strategy: str | None) -> set[str]:
        found: set[str] = set()
        if (limits.day_loss_max, limits.day_loss_fraction_max, limits.drawdown_max) == (None, None, None):
            return found
        equity = self._equity(strategy)
        marks = self.marks.get(strategy or ACCOUNT, [])
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
            most = limit if limit is limits.day_loss_max else limit * first
            if first > equity and first - equity >= most:
                found.add("day loss")
        if limits.drawdown_max is not None:
            peak = max((amount for _, amount in marks), default=None)
            if peak is None or equity is None or (peak > equity and peak - equity >= limits.drawdown_max * peak):
                found.add("drawdown")
        return found

    def _is_cooling(self, intent: Intent, now: int, limits: Limits, scope: str) -> bool:
        row: list[int] = []
        for at, strategy, instrument, result in self.results:
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
