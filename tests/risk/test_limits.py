"""The gate, rule by rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time
from decimal import Decimal

import pytest

from tradewinds.core.account import Fill
from tradewinds.core.order import ApprovedOrder, Hold, Intent, Refusal
from tradewinds.risk.hours import Hours
from tradewinds.risk.limits import Gate, Limits, ReduceGate, Standing

NS = 1_000_000_000
BTC = "BTCUSDT.BINANCE"
Want = Callable[..., Intent]


def _why(verdict: object) -> tuple[str, str]:
    assert isinstance(verdict, Refusal), verdict
    return verdict.rule, verdict.reason


def _passes(verdict: object) -> bool:
    return isinstance(verdict, ApprovedOrder)


def _fill(number: int, side: str, order: str = "") -> Fill:
    return Fill(str(number), "X", order or f"order-{number}", BTC, side, Decimal(1), Decimal(70_000), "USDT", 0)  # type: ignore[arg-type]  # tests pass text


def test_a_gate_without_limits_lets_everything_pass_once(want: Want, standing: Standing, now_ns: int) -> None:
    gate, intent = Gate(), want("buy", 5)
    verdict = gate.judge(intent, standing, now_ns)
    assert isinstance(verdict, ApprovedOrder)
    gate.approved(verdict)

    rule, _ = _why(gate.judge(intent, standing, now_ns))

    assert rule == "duplicate"


def test_a_refusal_says_what_how_much_and_whose_limit(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(by_strategy={"trend": Limits(notional_max=Decimal(100_000))}, currency="USDT")

    assert _why(gate.judge(want("buy", 5), standing, now_ns)) == (
        "notional",
        "buy 5 BTCUSDT.BINANCE: notional 350,000 USDT, the limit of strategy trend is 100,000 USDT",
    )
    assert _passes(gate.judge(want("buy", "1.42857142857"), standing, now_ns))
    assert _passes(gate.judge(want("buy", 5, strategy="other"), standing, now_ns))


def test_the_tightest_of_account_strategy_and_instrument_wins(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(
        Limits(quantity_max=Decimal(10)), {"trend": Limits(quantity_max=Decimal(5))}, {BTC: Limits(quantity_max=Decimal(2))}, account="main"
    )

    assert _passes(gate.judge(want("buy", 2), standing, now_ns))
    assert "the limit of BTCUSDT.BINANCE is 2" in _why(gate.judge(want("buy", 3), standing, now_ns))[1]
    assert "the limit of strategy trend is 5" in _why(gate.judge(want("buy", 6), standing, now_ns))[1]
    assert "the limit of account main is 10" in _why(gate.judge(want("buy", 11), standing, now_ns))[1]


def test_prices_outside_the_collar_are_refused_on_both_sides(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(collar=Decimal("0.05")))

    assert _passes(gate.judge(want("buy", 1, limit=73_500), standing, now_ns))
    assert _why(gate.judge(want("buy", 1, limit="73500.01"), standing, now_ns))[0] == "collar"
    assert _why(gate.judge(want("sell", 1, limit=66_499), standing, now_ns))[0] == "collar"
    assert _why(gate.judge(want("sell", 1, stop=66_499), standing, now_ns))[0] == "collar"
    assert _why(gate.judge(want("sell", 1, trail=3_501), standing, now_ns))[0] == "collar"
    assert _passes(gate.judge(want("buy", 1), standing, now_ns))
    reason = _why(gate.judge(want("buy", 1, instrument="NEW.BINANCE"), standing, now_ns))[1]
    assert "no price is known to compare with" in reason


def test_a_market_order_wants_a_fresh_price_unless_it_reduces(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(price_age_max_s=Decimal(60)))
    standing.hold("trend", BTC, Decimal(3))

    assert _passes(gate.judge(want("buy", 1), standing, now_ns + 60 * NS))
    assert _why(gate.judge(want("buy", 1), standing, now_ns + 60 * NS + 1))[0] == "stale price"
    assert _why(gate.judge(want("buy", 1), standing, now_ns - 61 * NS))[0] == "stale price"
    assert _passes(gate.judge(want("sell", 3), standing, now_ns + 3600 * NS))
    assert _why(gate.judge(want("sell", 4), standing, now_ns + 3600 * NS))[0] == "stale price"


def test_a_position_counts_what_is_held_what_works_and_the_order(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(position_max=Decimal(10)))
    standing.hold("trend", BTC, Decimal(4))
    standing.leave("one", "trend", BTC, Decimal(3))
    standing.leave("two", "trend", BTC, Decimal(-2))

    assert _passes(gate.judge(want("buy", 3), standing, now_ns))
    assert _why(gate.judge(want("buy", "3.001"), standing, now_ns)) == (
        "position", "buy 3.001 BTCUSDT.BINANCE: position of 10.001 units with what works, the limit of the account is 10",
    )  # fmt: skip
    assert _passes(gate.judge(want("sell", 12), standing, now_ns))
    assert _why(gate.judge(want("sell", "12.001"), standing, now_ns))[0] == "position"
    assert _passes(gate.judge(want("buy", 6), standing, now_ns, replaces="one"))


def test_what_replaces_an_order_takes_its_place_in_net_exposure(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(net_max=Decimal(700_000)))
    standing.leave("one", "trend", BTC, Decimal(10))

    assert _passes(gate.judge(want("buy", 10), standing, now_ns, replaces="one"))
    assert _why(gate.judge(want("buy", "10.1"), standing, now_ns, replaces="one"))[0] == "net"
    assert _why(gate.judge(want("buy", 1), standing, now_ns))[0] == "net"


def test_an_order_over_a_position_limit_may_be_replaced_by_a_smaller_one(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(position_max=Decimal(10)))
    standing.leave("one", "trend", BTC, Decimal(20))

    assert _passes(gate.judge(want("buy", 15), standing, now_ns, replaces="one"))
    assert _why(gate.judge(want("buy", 21), standing, now_ns, replaces="one"))[0] == "position"


def test_a_position_over_its_limit_may_shrink(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(position_max=Decimal(10), gross_max=Decimal(100), leverage_max=Decimal("0.1")))
    standing.hold("trend", BTC, Decimal(40))

    assert _passes(gate.judge(want("sell", 1), standing, now_ns))
    assert not _passes(gate.judge(want("buy", 1), standing, now_ns))


def test_exposure_counts_every_instrument_and_what_works(want: Want, standing: Standing, now_ns: int) -> None:
    standing.mark("ETHUSDT.BINANCE", Decimal(2_000), now_ns, Decimal(1))
    standing.hold("trend", "ETHUSDT.BINANCE", Decimal(-100))  # 200,000 short
    standing.leave("one", "trend", BTC, Decimal(1))  # 70,000
    gross, net = Gate(Limits(gross_max=Decimal(340_000))), Gate(Limits(net_max=Decimal(10_000)))

    assert _passes(gross.judge(want("buy", 1), standing, now_ns))
    assert "gross exposure 410,000" in _why(gross.judge(want("buy", 2), standing, now_ns))[1]
    assert _passes(net.judge(want("buy", 2), standing, now_ns))  # from -130,000 to 10,000
    assert "net exposure 80,000" in _why(net.judge(want("buy", 3), standing, now_ns))[1]
    assert "net exposure -270,000" in _why(net.judge(want("sell", 1), standing, now_ns))[1]


def test_leverage_and_concentration_are_shares_of_equity(want: Want, standing: Standing, now_ns: int) -> None:
    # 1,000,000 in cash: 14 bitcoins are 980,000.
    leverage, share = Gate(Limits(leverage_max=Decimal(1))), Gate(Limits(concentration_max=Decimal("0.25")))

    assert _passes(leverage.judge(want("buy", 14), standing, now_ns))
    assert _why(leverage.judge(want("buy", 15), standing, now_ns))[0] == "leverage"
    assert _passes(share.judge(want("buy", 3), standing, now_ns))
    assert _why(share.judge(want("buy", 4), standing, now_ns))[0] == "concentration"


def test_what_is_not_known_is_not_zero(want: Want, standing: Standing, now_ns: int) -> None:
    standing.hold("trend", "NEW.BINANCE", Decimal(1))

    assert "NEW.BINANCE has no price" in _why(Gate(Limits(gross_max=Decimal(10**9))).judge(want("buy", 1), standing, now_ns))[1]
    assert "equity is not known" in _why(Gate(Limits(leverage_max=Decimal(9))).judge(want("buy", 1), standing, now_ns))[1]
    assert "is not known" in _why(Gate(Limits(day_loss_max=Decimal(9))).judge(want("buy", 1), standing, now_ns))[1]
    assert "is not known" in _why(Gate(Limits(notional_max=Decimal(9))).judge(want("buy", 1, instrument="X.BINANCE"), standing, now_ns))[1]
    assert "sessions are not known" in _why(Gate(Limits(is_in_hours_only=True)).judge(want("buy", 1), standing, now_ns))[1]


def test_long_only_lets_sell_what_is_held(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(is_long_only=True))
    standing.hold("trend", BTC, Decimal(2))

    assert _passes(gate.judge(want("sell", 2), standing, now_ns))
    assert _why(gate.judge(want("sell", 3), standing, now_ns)) == (
        "long only", "sell 3 BTCUSDT.BINANCE: it would leave -1 units, the account may only be long",
    )  # fmt: skip


def test_two_exits_of_one_position_pass_where_the_venue_keeps_them_from_opening(want: Want, standing: Standing, now_ns: int) -> None:
    standing.hold("trend", BTC, Decimal(2))
    standing.leave("stop", "trend", BTC, Decimal(-2))
    profit = want("sell", 2, limit=80_000, is_reduce_only=True)

    assert _why(Gate(Limits(is_long_only=True)).judge(profit, standing, now_ns))[0] == "long only"
    assert _passes(Gate(Limits(is_long_only=True), has_reduce_only=True).judge(profit, standing, now_ns))


def test_the_loss_of_the_day_stops_new_orders_but_no_exit(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(day_loss_max=Decimal(50_000)), currency="USDT")
    standing.keep("trend", Decimal(800_000))
    standing.hold("trend", BTC, Decimal(10))
    gate.marked(None, Decimal(1_500_000), now_ns)
    assert _passes(gate.judge(want("buy", 1), standing, now_ns))

    standing.mark(BTC, Decimal(65_000), now_ns, Decimal(1))

    assert _why(gate.judge(want("buy", 1), standing, now_ns)) == (
        "day loss",
        "buy 1 BTCUSDT.BINANCE: 50,000 USDT lost since 2027-01-15T00:00:00Z, the limit of the account for a day is 50,000 USDT",
    )
    assert _passes(gate.judge(want("sell", 10), standing, now_ns))
    assert _why(gate.judge(want("sell", 11), standing, now_ns))[0] == "day loss"


def test_a_new_day_begins_at_the_stated_time_with_what_the_last_one_left(want: Want, standing: Standing, now_ns: int) -> None:
    # 08:00Z on a Friday; 17:00 in New York is 22:00Z.
    gate = Gate(Limits(day_loss_fraction_max=Decimal("0.05")), day_zone="America/New_York", day_starts=time(17))
    gate.marked(None, Decimal(1_100_000), now_ns)
    gate.marked(None, Decimal(1_000_000), now_ns + 13 * 3600 * NS)
    assert "1,100,000" in _why(gate.judge(want("buy", 1), standing, now_ns + 13 * 3600 * NS))[1]

    assert _passes(gate.judge(want("buy", 1), standing, now_ns + 14 * 3600 * NS))


def test_money_that_is_withdrawn_is_no_loss(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(day_loss_max=Decimal(50_000), drawdown_max=Decimal("0.1")))
    gate.marked(None, Decimal(1_500_000), now_ns)

    gate.moved(None, Decimal(-500_000))

    assert _passes(gate.judge(want("buy", 1), standing, now_ns))


def test_a_fall_from_the_peak_stops_new_orders(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(by_strategy={"trend": Limits(drawdown_max=Decimal("0.2"))})
    gate.marked("trend", Decimal(1_250_000), now_ns - 30 * 86_400 * NS)

    assert "20 % below its peak" in _why(gate.judge(want("buy", 1), standing, now_ns))[1]
    assert _passes(gate.judge(want("buy", 1, strategy="other"), standing, now_ns))
    standing.hold("trend", BTC, Decimal(1))  # worth 70,000 more
    assert _passes(gate.judge(want("buy", 1), standing, now_ns))


def test_losses_in_a_row_pause_a_strategy(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(by_strategy={"trend": Limits(cooldown_losses=2, cooldown_s=Decimal(600))})
    gate.booked(_fill(1, "sell"), "trend", now_ns, Decimal(-5))
    gate.booked(_fill(2, "sell", "order-1"), "trend", now_ns, Decimal(-5))
    assert _passes(gate.judge(want("buy", 1), standing, now_ns)), "two fills of one exit are one loss"

    gate.booked(_fill(3, "sell"), "trend", now_ns, Decimal(-5))

    assert "pauses until 2027-01-15T08:10:00Z" in _why(gate.judge(want("buy", 1), standing, now_ns))[1]
    assert _passes(gate.judge(want("buy", 1, strategy="other"), standing, now_ns))
    assert _passes(gate.judge(want("buy", 1), standing, now_ns + 600 * NS))
    gate.booked(_fill(4, "sell"), "trend", now_ns + 700 * NS, Decimal(-5))
    assert _passes(gate.judge(want("buy", 1), standing, now_ns + 700 * NS)), "counted anew after the pause"


def test_a_win_ends_the_row_of_losses(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(cooldown_losses=2))
    for number, result in enumerate((-5, 3, -5)):
        gate.booked(_fill(number, "sell"), "trend", now_ns, Decimal(result))

    assert _passes(gate.judge(want("buy", 1), standing, now_ns))


def test_messages_sent_and_about_to_be_sent_count(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(messages_max=2, messages_window_s=Decimal(1), does_count_cancels=True))
    for number in range(2):
        verdict = gate.judge(want("buy", 1), standing, now_ns + number)
        assert isinstance(verdict, ApprovedOrder)
        gate.approved(verdict)
        gate.sent(verdict.client_order_id, now_ns + number)

    assert _why(gate.judge(want("buy", 1), standing, now_ns + 10))[0] == "message rate"
    assert _passes(gate.judge(want("buy", 1), standing, now_ns + NS))
    gate.sent("foreign", now_ns + NS, is_cancel=True)
    assert _why(gate.judge(want("buy", 1), standing, now_ns + NS))[0] == "message rate"


def test_approved_orders_count_before_they_are_sent(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(messages_max=1))
    verdict = gate.judge(want("buy", 1), standing, now_ns)
    assert isinstance(verdict, ApprovedOrder)
    gate.approved(verdict)

    assert _why(gate.judge(want("buy", 1), standing, now_ns + 5 * NS))[0] == "message rate"
    assert _passes(gate.judge(want("buy", 1), standing, now_ns + 11 * NS)), "one that was never sent is forgotten"


def test_an_approved_order_counts_for_the_whole_window_whatever_is_approved_after_it(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(messages_max=2, messages_window_s=Decimal(60)))
    for seconds in (0, 11):
        verdict = gate.judge(want("buy", 1), standing, now_ns + seconds * NS)
        assert isinstance(verdict, ApprovedOrder)
        gate.approved(verdict)

    assert _why(gate.judge(want("buy", 1), standing, now_ns + 12 * NS))[0] == "message rate"


def test_executions_that_repeat_are_throttled(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(repeats_max=2, repeats_window_s=Decimal(60)))
    gate.booked(_fill(1, "buy", "a"), "trend", now_ns)
    gate.booked(_fill(2, "buy", "a"), "trend", now_ns)
    assert _passes(gate.judge(want("buy", 1), standing, now_ns))

    gate.booked(_fill(3, "buy", "b"), "trend", now_ns)

    assert _why(gate.judge(want("buy", 1), standing, now_ns))[0] == "repeats"
    assert _passes(gate.judge(want("sell", 1), standing, now_ns))
    assert _passes(gate.judge(want("buy", 1), standing, now_ns + 60 * NS))


def test_the_same_order_again_waits_for_its_window(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(duplicate_window_s=Decimal(5)))
    first = gate.judge(want("buy", 1), standing, now_ns)
    assert isinstance(first, ApprovedOrder)
    gate.approved(first)

    assert _why(gate.judge(want("buy", 1), standing, now_ns + NS))[0] == "duplicate"
    assert _passes(gate.judge(want("buy", 2), standing, now_ns + NS))
    assert _passes(gate.judge(want("buy", 1), standing, now_ns + 5 * NS))


def test_the_restricted_list_lets_nothing_pass(want: Want, standing: Standing, now_ns: int) -> None:
    standing.hold("trend", BTC, Decimal(1))

    assert _why(Gate(Limits(restricted=frozenset({BTC}))).judge(want("sell", 1), standing, now_ns))[0] == "restricted"


def test_orders_pass_in_sessions_only(want: Want, standing: Standing, now_ns: int) -> None:
    lunch = Hours({BTC: [(now_ns, now_ns + 10, now_ns + 20, now_ns + 30)]})
    gate = Gate(Limits(is_in_hours_only=True), is_open=lunch.is_open)

    assert [_passes(gate.judge(want("buy", 1), standing, now_ns + at)) for at in (-1, 0, 9, 10, 19, 20, 29, 30)] == [
        False, True, True, False, False, True, True, False,
    ]  # fmt: skip
    assert _passes(gate.judge(want("buy", 1, when="open"), standing, now_ns - 1))


def test_an_order_above_a_notional_waits_for_a_person(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate(Limits(approval_above=Decimal(100_000), approval_wait_s=Decimal(300), quantity_max=Decimal(9)), currency="USDT")
    intent = want("buy", 2)

    verdict = gate.judge(intent, standing, now_ns)

    assert verdict == Hold(
        intent, "approval", "buy 2 BTCUSDT.BINANCE: notional 140,000 USDT, the account wants a person's word above 100,000 USDT",
        now_ns + 300 * NS,
    )  # fmt: skip
    assert _passes(gate.judge(intent, standing, now_ns, is_allowed=True))
    assert _why(gate.judge(want("buy", 10), standing, now_ns, is_allowed=True))[0] == "quantity"


@pytest.mark.parametrize(
    ("action", "allowed"), [("no trading", []), ("close only", [-4]), ("reduce only", [-1, -4]), ("trade", [-5, -1, -4, 1])]
)
def test_overrides(want: Want, standing: Standing, now_ns: int, action: str, allowed: list[int]) -> None:
    gate = Gate()
    standing.hold("trend", BTC, Decimal(4))
    gate.control("reduce only", "trend")
    gate.control("trade", "trend")

    gate.control(action, "trend", BTC)

    orders = {size: gate.judge(want("buy" if size > 0 else "sell", abs(size)), standing, now_ns) for size in (-5, -1, -4, 1)}
    assert [size for size, verdict in orders.items() if _passes(verdict)] == allowed
    assert _passes(gate.judge(want("buy", 1, strategy="other"), standing, now_ns))


def test_the_strictest_override_counts(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate()
    gate.control("no trading", "", BTC)
    gate.control("reduce only", "trend")

    assert _why(gate.judge(want("sell", 1), standing, now_ns)) == (
        "override", "sell 1 BTCUSDT.BINANCE: reduce only is in force for strategy trend, 0 units are held and -1 would be",
    )  # fmt: skip
    assert "no trading is in force for BTCUSDT.BINANCE" in _why(gate.judge(want("sell", 1, strategy="other"), standing, now_ns))[1]


def test_a_halt_lets_nothing_pass_until_it_is_taken_back(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate()
    gate.control("halt")
    assert _why(gate.judge(want("buy", 1), standing, now_ns))[0] == "halt"

    gate.control("resume")

    assert _passes(gate.judge(want("buy", 1), standing, now_ns))


def test_limits_change_while_it_runs(want: Want, standing: Standing, now_ns: int) -> None:
    gate = Gate()
    assert _passes(gate.judge(want("buy", 5), standing, now_ns))

    gate.limit(by_strategy={"trend": Limits(quantity_max=Decimal(1))})

    assert _why(gate.judge(want("buy", 5), standing, now_ns))[0] == "quantity"


def test_the_guard_only_reduces(want: Want, now_ns: int) -> None:
    gate = ReduceGate()

    assert _passes(gate.judge(want("sell", 4), Decimal(4), Decimal(0), now_ns))
    assert _why(gate.judge(want("sell", 5), Decimal(4), Decimal(0), now_ns))[0] == "reduce only"
    assert _why(gate.judge(want("buy", 1), Decimal(4), Decimal(0), now_ns))[0] == "reduce only"
    assert _why(gate.judge(want("sell", 3), Decimal(4), Decimal(-2), now_ns))[0] == "reduce only"
    assert _why(gate.judge(want("sell", 3), Decimal(0), Decimal(0), now_ns))[0] == "reduce only"
