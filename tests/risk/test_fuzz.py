"""The gate against a second opinion that shares no code with it, and against the backtest's compiled limits."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from benchmarks.risk_fuzz import Session, fuzz

from tradewinds.core.order import ApprovedOrder, Intent, Refusal
from tradewinds.risk import limits as gate_module
from tradewinds.risk import memory, rules
from tradewinds.risk.limits import Gate, Limits, Standing
from tradewinds.risk.static import RULES
from tradewinds.risk.static_compiled import breach, limits_array


@pytest.mark.parametrize("seed", [1, 2])
def test_no_random_order_passes_against_a_rule_and_none_is_refused_without_one(seed: int) -> None:
    found = fuzz(seed, 1_500)

    assert found["bypasses"] == 0, found
    assert found["unfounded"] == 0, found
    assert found["approved"] > 300
    assert sum(name.startswith("refused") for name in found) > 12, found


@pytest.mark.parametrize("rule", ["collar", "notional", "position", "net", "day loss", "message rate"])
def test_the_second_opinion_notices_a_rule_that_is_missing(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "ALL", tuple(one for one in rules.ALL if one[0] != rule))

    assert fuzz(3, 3_000)["bypasses"] > 0


def test_the_second_opinion_notices_a_position_that_leaves_out_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Standing, "pending", lambda self, instrument, strategy=None: (Decimal(0), Decimal(0)))

    assert fuzz(3, 1_500)["bypasses"] > 0


def test_the_second_opinion_notices_messages_that_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.Memory, "send", lambda self, client_order_id, time_ns, is_cancel: None)

    assert fuzz(3, 8_000)["bypasses"] > 0


def test_the_second_opinion_notices_a_replaced_order_that_leaves_more_than_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced = gate_module._replaced
    monkeypatch.setattr(gate_module, "_replaced", lambda *given: 2 * replaced(*given))

    assert fuzz(3, 8_000)["bypasses"] > 0


def test_a_bypass_is_named_so_that_it_can_be_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "ALL", tuple(one for one in rules.ALL if one[0] != "collar"))

    first = next(name for name in fuzz(3, 3_000) if name.startswith("bypass: session 3 "))
    session, order = (int(first.split(word)[1].split(",")[0]) for word in ("session 3 ", "order "))

    assert Session(f"3 {session}").run(order)[first] == 1


def test_the_backtest_and_the_gate_agree_on_static_limits(want: Callable[..., Intent], now_ns: int) -> None:
    chance = random.Random(5)
    seen = set()
    for _ in range(2_000):
        limits = _limits(chance)
        standing, equity = Standing(), Decimal(chance.randrange(1_000, 100_000))
        other, held, buys, sells = (Decimal(chance.randrange(-40, 40)) for _ in range(4))
        standing.mark("OTHER.X", Decimal(50), now_ns, Decimal(1))
        standing.mark("BTCUSDT.BINANCE", Decimal(100), now_ns, Decimal("0.5"))
        standing.hold("trend", "OTHER.X", other)
        standing.hold("trend", "BTCUSDT.BINANCE", held)
        standing.leave("buys", "trend", "BTCUSDT.BINANCE", abs(buys))
        standing.leave("sells", "trend", "BTCUSDT.BINANCE", -abs(sells))
        standing.keep("trend", equity - other * 50 - held * 50)
        intent = want(chance.choice(("buy", "sell")), chance.randrange(1, 60))

        verdict = Gate(limits).judge(intent, standing, now_ns)
        exposure = standing.exposure()
        code = breach(
            float(intent.terms.signed), 50.0, float(held), float(abs(buys)), float(abs(sells)),
            (float(exposure.gross), float(exposure.high), float(exposure.low)), float(equity), limits_array(limits),
        )  # fmt: skip

        assert (verdict.rule if isinstance(verdict, Refusal) else "") == RULES[code]
        assert isinstance(verdict, ApprovedOrder) == (code == 0)
        seen.add(code)
    assert seen == set(range(9))


def test_the_limits_of_a_backtest_are_nan_where_there_is_none() -> None:
    found = limits_array(Limits(notional_max=Decimal("0.1")))

    assert found[2] == 0.1
    assert np.isnan(found).sum() == 8


def test_a_replay_brings_the_gate_to_the_same_state(want: Callable[..., Intent], standing: Standing, now_ns: int) -> None:
    limits = Limits(messages_max=50, cooldown_losses=3, duplicate_window_s=Decimal(1), repeats_max=20)
    live, calls = Gate(limits), []
    for number in range(30):
        verdict = live.judge(want("buy", 1), standing, now_ns + number * 10**9)
        if isinstance(verdict, ApprovedOrder):
            calls += [("approved", (verdict,)), ("sent", (verdict.client_order_id, now_ns + number * 10**9))]
            for name, words in calls[-2:]:
                getattr(live, name)(*words)
        if number % 7 == 0:
            calls.append(("marked", (None, Decimal(1_000 - number), now_ns + number * 10**9)))
            live.marked(*calls[-1][1])

    again = Gate(limits)
    for name, words in calls:
        _replayed: Any = getattr(again, name)(*words)

    assert again.memory == live.memory
    assert len(live.memory.orders) > 10


def _limits(chance: random.Random) -> Limits:
    def maybe(*values: str) -> Decimal | None:
        return Decimal(chance.choice(values)) if chance.random() < 0.3 else None

    return Limits(
        quantity_max=maybe("20", "50"), notional_max=maybe("1000", "2500"), is_long_only=chance.random() < 0.2,
        position_max=maybe("20", "40"), gross_max=maybe("1500", "3000"), net_max=maybe("500", "2000"), leverage_max=maybe("0.05", "0.5"),
        concentration_max=maybe("0.02", "0.2"),
    )  # fmt: skip
