"""Random orders in random situations under random limits, judged by the gate and re-judged by the oracle.

`python -m benchmarks.risk_fuzz SEED ORDERS` runs one seed and prints what was counted; a bypass and an unfounded refusal are named by
seed, session and the order's number within it, and come back whenever that session runs again.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from decimal import Decimal, localcontext
from typing import Any

from benchmarks.risk_oracle import EXACTLY, SECOND, World
from tradewinds.core.account import Fill
from tradewinds.core.order import ApprovedOrder, Hold, Intent, OrderTerms, When
from tradewinds.risk.bounds import Limits
from tradewinds.risk.hours import Hours
from tradewinds.risk.limits import Gate, Standing

NOW = 1_800_000_000 * SECOND
INSTRUMENTS = tuple(f"I{number}.X" for number in range(5))
STRATEGIES = ("one", "two", "three")
ORDERS_A_SESSION = 120


def fuzz(seed: int, orders: int) -> Counter[str]:
    """Counts: orders, approved, held, bypasses (approved although a rule is broken), unfounded (refused although none is), refused by
    rule; and each bypass and unfounded refusal under its own name, so that it can be run again.
    """
    found: Counter[str] = Counter()
    session = 0
    with localcontext(EXACTLY):
        while found["orders"] < orders:
            found += Session(f"{seed} {session}").run(min(ORDERS_A_SESSION, orders - found["orders"]))
            session += 1
    return found


class Session:
    """One account with its limits, and what happens to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        chance = self.chance = random.Random(name)
        self.now = NOW + chance.randrange(86_400) * SECOND
        sessions = {name: [(NOW + h * 3600 * SECOND, NOW + (h + 20) * 3600 * SECOND) for h in (0, 24, 48)] for name in INSTRUMENTS[:-1]}
        self.world = World(*self._all_limits(), sessions, chance.random() < 0.5)
        self.gate = Gate(
            self.world.account, self.world.strategies, self.world.instruments, is_open=Hours(sessions).is_open,
            has_reduce_only=self.world.has_reduce_only,
        )  # fmt: skip
        self.standing = Standing()
        self.leg = 0
        self.found: Counter[str] = Counter()
        for name in STRATEGIES:
            if chance.random() < 0.95:
                self._keep(name, Decimal(chance.randrange(1_000, 200_000)))
        for name in INSTRUMENTS:
            if chance.random() < 0.95:
                self._mark(name)

    def run(self, orders: int) -> Counter[str]:
        found = self.found
        for _ in range(orders):
            for _ in range(self.chance.randrange(3)):
                self._happen()
            intent, replaces = self._wanted()
            broken = self.world.breaches(intent, self.now, replaces)
            verdict = self.gate.judge(intent, self.standing, self.now, replaces=replaces)
            found["orders"] += 1
            found["replacements"] += replaces is not None
            if isinstance(verdict, ApprovedOrder):
                found["approved"] += 1
                self._note("bypass", bool(broken), broken, intent)
                self._approve(verdict, replaces)
            elif isinstance(verdict, Hold):
                found["held"] += 1
                self._note("unfounded", broken != {"approval"}, broken, intent)
                again = self.gate.judge(intent, self.standing, self.now, is_allowed=True, replaces=replaces)
                if isinstance(again, ApprovedOrder):
                    self._note("bypass", bool(broken - {"approval"}), broken, intent)
                    self._approve(again, replaces)
            else:
                found[f"refused: {verdict.rule}"] += 1
                self._note("unfounded", verdict.rule not in broken, {verdict.rule, "but", *broken}, intent)
        return found

    def _note(self, what: str, is_so: bool, broken: set[str], intent: Intent) -> None:
        if is_so:
            self.found["bypasses" if what == "bypass" else what] += 1
            self.found[f"{what}: session {self.name}, order {self.found['orders']}, {sorted(broken)}, {intent}"] += 1

    # What happens

    def _happen(self) -> None:
        chance, act = self.chance, self.chance.random()
        if self.world.is_halted and chance.random() < 0.3:
            self._halt(False)
        if act < 0.3:
            self.now += chance.choice((0, 1, SECOND // 2, SECOND, 5 * SECOND, 60 * SECOND, 3600 * SECOND))
        elif act < 0.5:
            self._mark(chance.choice(INSTRUMENTS))
        elif act < 0.7 and self.world.working:
            self._end(chance.choice(list(self.world.working)))
        elif act < 0.8:
            self._remember_equity()
        elif act < 0.85:
            self._override()
        elif act < 0.9 and self.world.approved:
            name = chance.choice(self.world.approved)[1]
            self.gate.sent(name, self.now, is_cancel=True)
            self.world.send(self.now, name, is_cancel=True)
        elif act < 0.92:
            self._halt(True)
        elif act < 0.94 and self.world.cash:
            self._move(chance.choice(sorted(self.world.cash)), Decimal(chance.randrange(-500, 5_000)))
        elif act < 0.945:
            self._limit()

    def _remember_equity(self) -> None:
        for name in (None, *STRATEGIES):
            equity = self.standing.equity(name)
            if equity is not None:
                self.gate.marked(name, equity, self.now)
                self.world.marks.setdefault(name or "", []).append((self.now, equity))

    def _override(self) -> None:
        chance = self.chance
        key = (chance.choice(("", *STRATEGIES)), chance.choice(("", *INSTRUMENTS)))
        action = chance.choice(("trade", "trade", "trade", "reduce only", "close only", "no trading"))
        for old in list(self.world.overrides):
            if old == key or chance.random() < 0.8:
                self.gate.control("trade", *old)
                del self.world.overrides[old]
        self.gate.control(action, *key)
        if action != "trade":
            self.world.overrides[key] = action

    def _halt(self, is_halted: bool) -> None:
        self.world.is_halted = is_halted
        self.gate.control("halt" if is_halted else "resume")

    def _move(self, strategy: str, amount: Decimal) -> None:
        self.world.move(strategy, amount)
        self.standing.keep(strategy, self.world.cash[strategy])
        for whose in (strategy, None):
            self.gate.moved(whose, amount)

    def _limit(self) -> None:
        """Other limits come into force."""
        self.world.account, self.world.strategies, self.world.instruments = self._all_limits()
        self.gate.limit(self.world.account, self.world.strategies, self.world.instruments)

    def _mark(self, instrument: str) -> None:
        price = Decimal(self.chance.choice((1, 10, 100, 1_000))) * self.chance.choice((Decimal(1), Decimal("1.1"), Decimal("0.97531")))
        rate = self.chance.choice((Decimal(1), Decimal("1.25"), Decimal("0.0071")))
        self.standing.mark(instrument, price, self.now, rate)
        self.world.price[instrument] = (price, self.now, rate)

    def _keep(self, strategy: str, cash: Decimal) -> None:
        self.standing.keep(strategy, cash)
        self.world.cash[strategy] = cash

    # What is wanted

    def _wanted(self) -> tuple[Intent, str | None]:
        """An order, and the working one that it is to replace, if any."""
        chance = self.chance
        if self.world.approved and chance.random() < 0.02:
            at, _, strategy, terms = chance.choice(self.world.approved)
            return Intent("main", strategy, at, terms, leg=self.leg), None
        self.leg += 1
        if self.world.working and chance.random() < 0.1:
            name = chance.choice(list(self.world.working))
            strategy, instrument, left = self.world.working[name]
            quantity = chance.choice((abs(left), abs(left) / 2, abs(left) * 2, Decimal(10)))
            terms = self._terms(instrument, "buy" if left > 0 else "sell", quantity)
            return Intent("main", strategy, self.now, terms, leg=self.leg), name
        instrument, strategy = chance.choice(INSTRUMENTS), chance.choice(STRATEGIES)
        held = self.standing.held(instrument, strategy)
        quantity, side = Decimal(chance.randrange(1, 40)), chance.choice(("buy", "sell"))
        if held and chance.random() < 0.3:
            quantity, side = abs(held), "sell" if held > 0 else "buy"
        elif chance.random() < 0.8:
            quantity = chance.choice((Decimal(1), Decimal(5), Decimal(10), Decimal("10.000000000000000000001"), Decimal("0.333")))
        return Intent("main", strategy, self.now, self._terms(instrument, side, quantity), leg=self.leg), None

    def _terms(self, instrument: str, side: str, quantity: Decimal) -> OrderTerms:
        chance = self.chance
        last = self.world.price.get(instrument, (Decimal(100), 0, Decimal(1)))[0]
        near = last * chance.choice((Decimal(1), Decimal("1.05"), Decimal("0.95"), Decimal("1.0500001")))
        kind = chance.choice(("market", "market", "limit", "stop", "stop_limit", "trailing_stop"))
        when: When = chance.choice(("any", "any", "any", "open"))
        return OrderTerms(
            instrument, side, quantity, kind, limit=near if kind in ("limit", "stop_limit") else None,  # type: ignore[arg-type]  # chosen from what is allowed
            stop=last * chance.choice((Decimal(1), Decimal("1.0500001"))) if kind in ("stop", "stop_limit") else None,
            trail=last * chance.choice((Decimal("0.05"), Decimal("0.01"), Decimal("0.0500001"))) if kind == "trailing_stop" else None,
            when=when, is_reduce_only=chance.random() < 0.15,
        )  # fmt: skip

    # What becomes of an order

    def _approve(self, order: ApprovedOrder, replaces: str | None) -> None:
        name, terms, strategy = order.client_order_id, order.terms, order.intent.strategy
        self.gate.approved(order)
        self.world.approve(self.now, name, strategy, terms)
        self._leave(name, strategy, terms.instrument, terms.signed)
        if replaces is not None:
            self._end(replaces)
        if self.chance.random() < 0.9:
            self.gate.sent(name, self.now)
            self.world.send(self.now, name, is_cancel=False)
        if self.chance.random() < 0.6:
            self._fill(order, terms.quantity if self.chance.random() < 0.7 else terms.quantity / 2)

    def _fill(self, order: ApprovedOrder, quantity: Decimal) -> None:
        name, terms, strategy = order.client_order_id, order.terms, order.intent.strategy
        signed = quantity if terms.side == "buy" else -quantity
        held = self.standing.held(terms.instrument, strategy)
        left = self.standing.left(name)
        result = Decimal(self.chance.choice((-7, -7, -7, 0, 4)))
        self.standing.hold(strategy, terms.instrument, held + signed)
        self.world.fill(self.now, name, strategy, terms.instrument, signed, result)
        self._leave(name, strategy, terms.instrument, left - signed)
        fill = Fill(name, "X", name, terms.instrument, terms.side, quantity, Decimal(1), "USD", self.now)
        self.gate.booked(fill, strategy, self.now, result)
        unit = self.world.price.get(terms.instrument, (Decimal(1), 0, Decimal(1)))[0]
        if strategy in self.world.cash:
            self._keep(strategy, self.world.cash[strategy] - Decimal(int(unit)) * signed)

    def _leave(self, name: str, strategy: str, instrument: str, left: Decimal) -> None:
        self.standing.leave(name, strategy, instrument, left)
        self.world.leave(name, strategy, instrument, left)

    def _end(self, name: str) -> None:
        strategy, instrument, _ = self.world.working[name]
        self._leave(name, strategy, instrument, Decimal(0))

    # Limits

    def _all_limits(self) -> tuple[Limits, dict[str, Limits], dict[str, Limits]]:
        """Of the account, by strategy and by instrument; some have none."""
        by_strategy = {name: self._limits(0.3) for name in STRATEGIES[:2]}
        return self._limits(0.3), by_strategy, {name: self._limits(0.2) for name in INSTRUMENTS[:3]}

    def _limits(self, share: float) -> Limits:
        chance = self.chance
        numbers: dict[str, tuple[Any, ...]] = {
            "quantity_max": (Decimal(10), Decimal(25)), "notional_max": (Decimal(1_000), Decimal("5250"), Decimal(20_000)),
            "collar": (Decimal("0.05"),), "price_age_max_s": (Decimal(1), Decimal(60)), "is_long_only": (True,),
            "is_in_hours_only": (True,),
            "restricted": (frozenset({INSTRUMENTS[0]}),), "approval_above": (Decimal(500), Decimal(10_000)),
            "position_max": (Decimal(10), Decimal(50)), "gross_max": (Decimal(10_000), Decimal(50_000)),
            "net_max": (Decimal(5_000), Decimal(20_000)), "leverage_max": (Decimal("0.5"), Decimal(2)),
            "concentration_max": (Decimal("0.1"), Decimal("0.5")), "day_loss_max": (Decimal(100), Decimal(5_000)),
            "day_loss_fraction_max": (Decimal("0.02"),), "drawdown_max": (Decimal("0.05"), Decimal("0.2")), "cooldown_losses": (2, 4),
            "messages_max": (3, 10), "repeats_max": (2, 5), "duplicate_window_s": (Decimal(1), Decimal(30)),
        }  # fmt: skip
        chosen = {name: chance.choice(values) for name, values in numbers.items() if chance.random() < share * 0.5}
        return Limits(
            **chosen, cooldown_s=Decimal(60), messages_window_s=chance.choice((Decimal(1), Decimal(60))),
            does_count_cancels=chance.random() < 0.5, repeats_window_s=Decimal(60),
        )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(fuzz(int(sys.argv[1]), int(sys.argv[2])), indent=1))
