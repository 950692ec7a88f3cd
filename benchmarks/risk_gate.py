"""The risk gate: how long a judgement takes with every rule on and 500 positions, and whether anything ever gets past it.

Time: one judgement after the other, each between two readings of the clock (its own cost stands beside it), and of the processor's time,
which leaves out what other processes took. Bypasses: random orders in random situations, each approved one judged again by `risk_oracle`,
which shares no code with the gate.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from functools import partial

import numpy as np

from benchmarks import market_data as market
from benchmarks.risk_fuzz import fuzz
from tradewinds.app.cli import COLLECT_AFTER
from tradewinds.core.account import Fill
from tradewinds.core.order import ApprovedOrder, Intent, OrderTerms
from tradewinds.risk.bounds import Limits
from tradewinds.risk.hours import Hours
from tradewinds.risk.limits import Gate, Standing

Times = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

NOW_NS = 1_800_000_000_000_000_000
POSITIONS = 500
WORKERS = 2
CHUNK = 10_000
CASES_SHOWN = 20
EVERY_RULE = Limits(
    quantity_max=Decimal(1_000), notional_max=Decimal(1_000_000), collar=Decimal("0.1"), price_age_max_s=Decimal(60), is_long_only=True,
    is_in_hours_only=True, restricted=frozenset({"BAD.X"}), approval_above=Decimal(900_000), position_max=Decimal(100_000),
    gross_max=Decimal(10**9), net_max=Decimal(10**9), leverage_max=Decimal(5), concentration_max=Decimal("0.5"),
    day_loss_max=Decimal(10**6), day_loss_fraction_max=Decimal("0.5"), drawdown_max=Decimal("0.5"), cooldown_losses=5, messages_max=100,
    messages_window_s=Decimal(1), does_count_cancels=True, repeats_max=50, duplicate_window_s=Decimal(1),
)  # fmt: skip


def run(quick: bool = False) -> dict[str, object]:
    """Figures and reaches. quick: 5,000 judgements and 4,000 random orders instead of 100,000 and 1,000,000."""
    gc.set_threshold(COLLECT_AFTER)  # as every command of ours does
    taken, worked, floor = _times(5_000 if quick else 100_000)
    counts = _fuzzed(4_000 if quick else 1_000_000)
    p99 = float(np.quantile(taken, 0.99))
    return {
        "figures": {
            "judge_p50_us": round(float(np.median(taken)), 2),
            "judge_p99_us": round(p99, 2),
            "judge_cpu_p50_us": round(float(np.median(worked)), 2),
            "judge_cpu_p99_us": round(float(np.quantile(worked, 0.99)), 2),
            "clock_floor_p50_us": round(floor, 3),
            "fuzzed_orders": counts["orders"],
            "fuzzed_approved": counts["approved"],
            "fuzzed_held": counts["held"],
            "fuzzed_refused": sum(count for name, count in counts.items() if name.startswith("refused")),
            "bypasses": counts["bypasses"],
            "unfounded_refusals": counts["unfounded"],
            "fuzzed_replacements": counts["replacements"],
            "to_run_again": sorted(name for name in counts if name.startswith(("bypass: ", "unfounded: ")))[:CASES_SHOWN],
        },
        "peers": {},
        "reach": {"judge_p99_us": market.reach(p99, 100.0), "bypasses": market.reach(counts["bypasses"], 0)},
        "machine": market.machine()
        | {"judgements": len(taken), "positions": POSITIONS, "rules": "all of account and strategy, two of instrument"},
    }


def _times(count: int) -> tuple[Times, Times, float]:
    """(microseconds of each judgement, of the processor alone, the cost of looking at the clock); every tenth order moves the books."""
    names = [f"S{number}.X" for number in range(POSITIONS)]
    sessions = {name: [(NOW_NS - 10**15, NOW_NS + 10**15)] for name in names}
    own = Limits(quantity_max=Decimal(500), position_max=Decimal(10_000))
    gate = Gate(EVERY_RULE, {"trend": EVERY_RULE}, dict.fromkeys(names, own), is_open=Hours(sessions).is_open)
    standing = Standing()
    standing.keep("trend", Decimal(10**9))
    for number, name in enumerate(names):
        standing.mark(name, Decimal(100) + number, NOW_NS, Decimal("1.1"))
        standing.hold("trend", name, Decimal(50))
    for scope in (None, "trend"):
        gate.marked(scope, Decimal(10**9), NOW_NS)
    taken, worked, now_ns = np.zeros(count), np.zeros(count), NOW_NS
    for number in range(count):
        terms = OrderTerms(
            names[number * 7 % POSITIONS], "buy" if number % 3 else "sell", Decimal(1), "limit", Decimal(100) + number * 7 % POSITIONS
        )
        intent = Intent("main", "trend", now_ns, terms, leg=number)
        now_ns += 50_000_000
        began_working, begin = time.thread_time_ns(), time.perf_counter_ns()
        verdict = gate.judge(intent, standing, now_ns)
        taken[number] = (time.perf_counter_ns() - begin) / 1_000
        worked[number] = (time.thread_time_ns() - began_working) / 1_000
        standing.mark(terms.instrument, Decimal(100) + number * 7 % POSITIONS, now_ns, Decimal("1.1"))
        if isinstance(verdict, ApprovedOrder):
            gate.approved(verdict)
            gate.sent(verdict.client_order_id, now_ns)
            standing.leave(verdict.client_order_id, "trend", terms.instrument, terms.signed)
            standing.leave(verdict.client_order_id, "trend", terms.instrument, Decimal(0))
            if number % 10 == 0:
                fill = Fill(
                    str(number), "X", verdict.client_order_id, terms.instrument, terms.side, Decimal(1), Decimal(100), "USD", now_ns
                )
                gate.booked(fill, "trend", now_ns, Decimal(number // 10 % 5 - 1))
                standing.hold("trend", terms.instrument, standing.held(terms.instrument, "trend") + terms.signed)
        elif number % 500 == 0:
            for name in names:
                standing.mark(name, standing.price(name) or Decimal(1), now_ns, Decimal("1.1"))
    begin = time.perf_counter_ns()
    for _ in range(10_000):
        time.perf_counter_ns()
    return taken, worked, (time.perf_counter_ns() - begin) / 1e7


def _fuzzed(orders: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    with ProcessPoolExecutor(WORKERS) as pool:
        for one in pool.map(partial(fuzz, orders=min(CHUNK, orders)), range(max(1, orders // CHUNK))):
            counts.update(one)
    return counts


if __name__ == "__main__":
    print(json.dumps(run(quick="--quick" in sys.argv)))
