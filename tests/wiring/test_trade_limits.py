"""Limits of the ledger in force at a running core."""

from __future__ import annotations

from decimal import Decimal

from tradewinds.core.broker import BrokerCapability
from tradewinds.core.order import ORDER_KINDS, TIMES_IN_FORCE, Intent, OrderTerms
from tradewinds.risk.limits import Gate, Limits
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Refused, Wanted
from tradewinds.trading.journal import decode, encode
from tradewinds.wiring.trade_limits import limited

NOW_NS = 1_800_000_000_000_000_000
CAPABILITY = BrokerCapability(
    "none", "X", frozenset(ORDER_KINDS), frozenset(TIMES_IN_FORCE), can_replace=False, has_reduce_only=False, absent_after_s=1.0,
    holds="positions",
)  # fmt: skip


def test_limits_reach_the_gate_through_the_journal_and_a_replay_has_them_too() -> None:
    given = limited(Limits(), {"trend": Limits(quantity_max=Decimal("1.5"))}, {"A.X": Limits(restricted=frozenset({"A.X"}))})
    engine, again = (Engine(Books("main"), Gate(), CAPABILITY) for _ in range(2))
    entry = engine.handle(NOW_NS, given).entry

    again.replay(decode(encode(entry)))

    for one in (engine, again):
        assert one.gate.by_strategy == {"trend": Limits(quantity_max=Decimal("1.5"))}
        assert one.gate.by_instrument == {"A.X": Limits(restricted=frozenset({"A.X"}))}
        intent = Intent("main", "trend", NOW_NS, OrderTerms("B.X", "buy", Decimal(2)))
        [refused] = [record for record in one.handle(NOW_NS, Wanted((intent,), "test")).entry.records if isinstance(record, Refused)]
        assert refused.refusal.reason == "buy 2 B.X: 2 units, the limit of strategy trend is 1.5"


def test_no_limits_take_the_place_of_those_before() -> None:
    engine = Engine(Books("main"), Gate(Limits(quantity_max=Decimal(1))), CAPABILITY)

    engine.handle(NOW_NS, limited(Limits(), {}, {}))

    assert engine.gate.limits.is_empty
