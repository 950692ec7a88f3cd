"""A trading core driven by hand: time, what the broker says and what was asked of it, without a wire or an event loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.account import Fill
from tradewinds.core.broker import BrokerCapability, Holdings, OrderReport
from tradewinds.core.order import ORDER_KINDS, TIMES_IN_FORCE, ApprovedOrder, Intent, OrderState, OrderTerms, Side
from tradewinds.risk.limits import Gate
from tradewinds.trading.books import Books, Order
from tradewinds.trading.engine import Command, CompareCommand, Engine
from tradewinds.trading.entry import Alerted, Answered, Ask, Compared, Doubt, Entry, Heard, Input, Record, Restarted, Ticked, Wanted
from tradewinds.trading.journal import decode, encode

NOW_NS = 1_800_000_000_000_000_000
NS = 1_000_000_000
CAPABILITY = BrokerCapability(
    "bench", "LOCAL", frozenset(ORDER_KINDS), frozenset(TIMES_IN_FORCE), can_replace=False, has_reduce_only=True,
    absent_after_s=1.0, holds="positions",
)  # fmt: skip


class Bench:
    """One core; every step goes through the journal's bytes, and `replayed` makes a second core of them."""

    def __init__(self, **options: Any) -> None:
        books = {name: options.pop(name) for name in ("currency", "instruments", "method") if name in options}
        gate = options.pop("gate", Gate)
        is_shadow = options.pop("is_shadow", False)
        self._make: Callable[[], Engine] = lambda: Engine(
            Books("main", **books), gate(), dataclasses.replace(CAPABILITY, **options), is_shadow=is_shadow
        )
        self.engine = self._make()
        self.now_ns = NOW_NS
        self.entries: list[Entry] = []
        self.commands: list[Any] = []
        self._fills = 0

    @property
    def books(self) -> Books:
        return self.engine.books

    def do(self, *given: Input) -> list[Record]:
        """Handle inputs; returns their records and keeps what is asked of the broker in `commands`."""
        made: list[Record] = []
        self.commands = []
        for one in given:
            outcome = self.engine.handle(self.now_ns, one)
            assert decode(encode(outcome.entry)) == outcome.entry
            self.entries.append(outcome.entry)
            made += outcome.entry.records
            self.commands += outcome.commands
        return made

    def wait(self, seconds: float) -> list[Record]:
        """Time passes; what is due is done."""
        self.now_ns += int(seconds * NS)
        return self.do(Ticked())

    def want(self, quantity: str = "10", side: Side = "buy", name: str = "ABC.LOCAL", strategy: str = "trend", **terms: Any) -> Order:
        """Want an order; it passes the gate."""
        self.now_ns += 1
        kind: dict[str, Any] = {"kind": "limit", "limit": Decimal(100)} | terms
        intent = Intent("main", strategy, self.now_ns, OrderTerms(name, side, Decimal(quantity), **kind))
        self.do(Wanted((intent,), "test"))
        return self.books.orders[intent.client_order_id]

    def working(self, quantity: str = "10", **terms: Any) -> Order:
        """An order that the venue accepted."""
        order = self.want(quantity, **terms)
        self.answer(order, OrderState.ACCEPTED)
        return order

    def report(self, order: Order, state: OrderState, filled: str | None = None, reason: str = "") -> OrderReport:
        known = None if filled is None else Decimal(filled)
        return OrderReport(order.client_order_id, f"v-{order.client_order_id[:8]}", order.instrument, state, self.now_ns, known, reason)

    def fill(self, order: Order, quantity: str, price: str = "100", **more: Any) -> Fill:
        self._fills += 1
        terms = order.approved.terms
        return Fill(
            more.pop("id", f"f{self._fills}"), "LOCAL", order.client_order_id, terms.instrument, more.pop("side", terms.side),
            Decimal(quantity), Decimal(price), "USD", self.now_ns, **more,
        )  # fmt: skip

    def hear(self, *told: Any) -> list[Record]:
        return self.do(*(Heard(one) for one in told))

    def answer(
        self, order: Order, state: OrderState | None = None, filled: str | None = None, ask: Ask = "submit", reason: str = ""
    ) -> list[Record]:
        """The answer to what was asked of an order; state None: the venue knows no such order."""
        self.now_ns += 1000
        report = None if state is None else self.report(order, state, filled, reason)
        return self.do(Answered(ask, order.client_order_id, report, asked_ns=self.now_ns - 500))

    def fail(self, order: Order, doubt: Doubt, ask: Ask = "submit", **more: Any) -> list[Record]:
        self.now_ns += 1000
        return self.do(Answered(ask, order.client_order_id, None, doubt, f"it was {doubt}", self.now_ns - 500, **more))

    def compare(
        self,
        reports: Sequence[OrderReport] = (),
        fills: Sequence[Fill] = (),
        positions: dict[str, Decimal] | None = None,
        cash: dict[str, Decimal] | None = None,
        asked_ns: int | None = None,
        *,
        is_once: bool = False,
    ) -> list[Record]:
        """A comparison comes back; without positions the venue holds what the books say. An opening gets the same twice, unless is_once."""
        self.now_ns += 1000
        held = {name: one.quantity for name, one in self.books.whole.positions.items()}
        for one in fills:
            if one.key not in self.books.booked:
                held[one.instrument] = held.get(one.instrument, Decimal(0)) + one.signed
        holdings = Holdings(held if positions is None else positions, cash or {}, self.now_ns)
        truth = Compared(self.now_ns - 500 if asked_ns is None else asked_ns, tuple(reports), tuple(fills), "c1", holdings)
        made = self.do(truth)
        if not is_once and not self.books.compared_ns:
            asked = self.commands
            made += self.do(truth)
            self.commands = asked + self.commands
        return made

    def asked(self) -> list[str]:
        """What was asked of the broker by the last inputs."""
        return ["compare" if isinstance(one, CompareCommand) else one.ask for one in self.commands]

    def sent(self) -> list[ApprovedOrder]:
        return [one.order for one in self.commands if isinstance(one, Command) and one.order is not None]

    def alerts(self, severity: str = "critical") -> list[str]:
        return [one.text for entry in self.entries for one in entry.records if isinstance(one, Alerted) and one.severity == severity]

    def replayed(self) -> Engine:
        """Another core, made of the journal."""
        engine = self._make()
        for entry in self.entries:
            engine.replay(decode(encode(entry)))
        return engine

    def restart(self) -> list[Record]:
        """The process dies and another takes the journal up."""
        self.engine = self.replayed()
        return self.do(Restarted())


@pytest.fixture
def bench() -> Callable[..., Bench]:
    """Makes a core: bench(can_replace=True, is_shadow=True, ...)."""
    return Bench
