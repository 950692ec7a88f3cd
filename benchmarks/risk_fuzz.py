"""Random orders in random situations under random limits, judged by the gate and re-judged by the oracle."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

from benchmarks.risk_oracle import SECOND, World
from tradewinds.core.account import Fill
from tradewinds.core.order import ApprovedOrder, Hold, Intent, OrderTerms
from tradewinds.risk.bounds import Limits
from tradewinds.risk.hours import Hours
from tradewinds.risk.limits import Gate, Standing

NOW = 1_800_000_000 * SECOND
INSTRUMENTS = tuple(f"I{number}.X" for number in range(5))
STRATEGIES = ("one", "two", "three")
ORDERS_A_SESSION = 120


def fuzz(seed: int, orders: int) -> Counter[str]:
    """Counts: orders, approved, bypasses (approved although a rule is broken), unfounded (refused although none is), and by rule."""
    found: Counter[str] = Counter()
    session = 0
    while found["orders"] < orders:
        found += Session(random.Random(f"{seed} {session}")).run(min(ORDERS_A_SESSION, orders - found["orders"]))
        session += 1
    return found


class Session:
    """One account with its limits, and what happens to it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.now = NOW + chance.randrange(86_400) * SECOND
        account, strategies = self._limits(0.3), {name: self._limits(0.3) for name in STRATEGIES[:2]}
        instruments = {name: self._limits(0.2) for name in INSTRUMENTS[:3]}
        sessions = {name: [(NOW + h * 3600 * SECOND, NOW + (h + 20) * 3600 * SECOND) for h in (0, 24, 48)] for name in INSTRUMENTS[:-1]}
        self.world = World(account, strategies, instruments, sessions)
        self.gate = Gate(account, strategies, instruments, is_open=Hours(sessions).is_open)
        self.standing = Standing()
        self.leg = 0
        self.cashed = {name: Decimal(0) for name in STRATEGIES}
        for name in STRATEGIES:
            if chance.random() < 0.95:
                self._keep(name, Decimal(chance.randrange(1_000, 200_000)))
        for name in INSTRUMENTS:
            if chance.random() < 0.95:
                self._mark(name)

    def run(self, orders: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for _ in range(orders):
            for _ in range(self.chance.randrange(3)):
                self._happen()
            intent = self._intent()
            broken = self.world.breaches(intent, self.now)
            verdict = self.gate.judge(intent, self.standing, self.now)
            found["orders"] += 1
            if isinstance(verdict, ApprovedOrder):
                found["approved"] += 1
                found["bypasses"] += bool(broken)
                if broken:
                    found[f"bypassed {sorted(broken)}"] += 1
                self._approve(verdict)
            elif isinstance(verdict, Hold):
                found["held"] += 1
                found["unfounded"] += broken != {"approval"}
                again = self.gate.judge(intent, self.standing, self.now, is_allowed=True)
                if isinstance(again, ApprovedOrder):
                    found["bypasses"] += bool(broken - {"approval"})
                    self._approve(again)
            else:
                found[f"refused: {verdict.rule}"] += 1
                found["unfounded"] += verdict.rule not in broken
                if verdict.rule not in broken:
                    found[f"unfounded {verdict.rule}, broken {sorted(broken)}"] += 1
        return found

    # What happens

    def _happen(self) -> None:
        chance, act = self.chance, self.chance.random()
        if act < 0.3:
            self.now += chance.choice((0, 1, SECOND // 2, SECOND, 5 * SECOND, 60 * SECOND, 3600 * SECOND))
        elif act < 0.5:
            self._mark(chance.choice(INSTRUMENTS))
        elif act < 0.7 and self.world.working:
            self._end(chance.choice(list(self.world.working)))
        elif act < 0.8:
            for name in (None, *STRATEGIES):
                equity = self.standing.equity(name)
                if equity is not None:
                    self.gate.marked(name, equity, self.now)
                    self.world.marks.append((self.now, name or "", Fraction(equity)))
        elif act < 0.85:
            key = (chance.choice(("", *STRATEGIES)), chance.choice(("", *INSTRUMENTS)))
            action = chance.choice(("trade", "trade", "trade", "reduce only", "close only", "no trading"))
            for old in list(self.world.overrides):
                self.gate.control("trade", *old)
            self.world.overrides.clear()
            self.gate.control(action, *key)
            if action != "trade":
                self.world.overrides[key] = action
        elif act < 0.9 and self.world.approved:
            name = chance.choice(self.world.approved)[1]
            self.gate.sent(name, self.now, is_cancel=True)
            self.world.sent.append((self.now, name, True))

    def _mark(self, instrument: str) -> None:
        price = Decimal(self.chance.choice((1, 10, 100, 1_000))) * self.chance.choice((Decimal(1), Decimal("1.1"), Decimal("0.97531")))
        rate = self.chance.choice((Decimal(1), Decimal("1.25"), Decimal("0.0071")))
        self.standing.mark(instrument, price, self.now, rate)
        self.world.price[instrument] = (Fraction(price), self.now, Fraction(rate))

    def _keep(self, strategy: str, cash: Decimal) -> None:
        self.cashed[strategy] = cash
        self.standing.keep(strategy, cash)
        self.world.cash[strategy] = Fraction(cash)

    def _intent(self) -> Intent:
        chance = self.chance
        if self.world.approved and chance.random() < 0.02:
            at, _, strategy, terms = chance.choice(self.world.approved)
            return Intent("main", strategy, at, terms, leg=self.leg)
        instrument, strategy = chance.choice(INSTRUMENTS), chance.choice(STRATEGIES)
        held = self.world.held.get((strategy, instrument), Fraction(0))
        sizes = (
            Decimal(1),
            Decimal(5),
            Decimal(10),
            Decimal("10.000000000000000000001"),
            Decimal(chance.randrange(1, 40)),
            Decimal("0.333"),
        )
        quantity, side = chance.choice(sizes), chance.choice(("buy", "sell"))
        if held and chance.random() < 0.3:
            quantity, side = Decimal(held.numerator) / Decimal(held.denominator), "sell" if held > 0 else "buy"
            quantity = abs(quantity)
        last = self.world.price.get(instrument, (Fraction(100), 0, Fraction(1)))[0]
        near = (
            Decimal(last.numerator)
            / Decimal(last.denominator)
            * chance.choice((Decimal(1), Decimal("1.05"), Decimal("0.95"), Decimal("1.0500001")))
        )
        kind = chance.choice(("market", "market", "limit", "stop"))
        price = None if kind == "market" else near
        terms = OrderTerms(
            instrument, side, quantity, kind, limit=price if kind == "limit" else None, stop=price if kind == "stop" else None  # type: ignore[arg-type]  # chosen from what is allowed
        )  # fmt: skip
        self.leg += 1
        return Intent("main", strategy, self.now, terms, leg=self.leg)

    def _approve(self, order: ApprovedOrder) -> None:
        name, terms, strategy = order.client_order_id, order.terms, order.intent.strategy
        self.gate.approved(order)
        self.world.approved.append((self.now, name, strategy, terms))
        self._leave(name, strategy, terms.instrument, terms.signed)
        if self.chance.random() < 0.9:
            self.gate.sent(name, self.now)
            self.world.sent.append((self.now, name, False))
        if self.chance.random() < 0.6:
            self._fill(order, terms.quantity if self.chance.random() < 0.7 else terms.quantity / 2)

    def _fill(self, order: ApprovedOrder, quantity: Decimal) -> None:
        name, terms, strategy = order.client_order_id, order.terms, order.intent.strategy
        signed = quantity if terms.side == "buy" else -quantity
        key = (strategy, terms.instrument)
        held = self.standing.held(terms.instrument, strategy)
        left = self.standing.left(name)
        self.standing.hold(strategy, terms.instrument, held + signed)
        self.world.held[key] = self.world.held.get(key, Fraction(0)) + Fraction(signed)
        self._leave(name, strategy, terms.instrument, left - signed)
        result = Decimal(self.chance.choice((-7, -7, -7, 0, 4)))
        fill = Fill(name, "X", name, terms.instrument, terms.side, quantity, Decimal(1), "USD", self.now)
        self.gate.booked(fill, strategy, self.now, result)
        self.world.executed.append((self.now, name, strategy, terms.instrument, terms.side))
        self.world.results.append((self.now, name, strategy, terms.instrument, Fraction(result)))
        unit = self.world.price.get(terms.instrument, (Fraction(1), 0, Fraction(1)))[0]
        if strategy in self.world.cash:
            self._keep(strategy, self.cashed[strategy] - Decimal(int(unit)) * signed)

    def _leave(self, name: str, strategy: str, instrument: str, left: Decimal) -> None:
        self.standing.leave(name, strategy, instrument, left)
        self.world.working.pop(name, None)
        if left:
            self.world.working[name] = (strategy, instrument, Fraction(left))

    def _end(self, name: str) -> None:
        strategy, instrument, _ = self.world.working[name]
        self._leave(name, strategy, instrument, Decimal(0))

    # Limits

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
