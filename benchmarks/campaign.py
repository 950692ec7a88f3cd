"""The fault campaign: seeds a second on all cores with nothing lost, kills of real processes, and planted bugs found."""

from __future__ import annotations

import os
import time
from typing import Any

from tradewinds.campaign.catching import caught_at
from tradewinds.campaign.kill import KILLED_AT, run_kills
from tradewinds.campaign.many import run_seeds
from tradewinds.campaign.mutants import MUTANTS
from tradewinds.campaign.postgres import journal_url

REAL_BROKERS = ("binance", "oanda", "ibkr")
SEEDS_OF_A_MUTANT = 500
KILL_JOBS = 6  # the end of a round is mostly waiting


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: 40 seeds, three mutants and five kills."""
    seeds, kills, kills_postgres = (40, 5, 0) if quick else (10_000, 1_000, 200)
    jobs = os.cpu_count() or 1
    cpu_s = {name: _cpu_s(name, 10 if quick else 50) for name in REAL_BROKERS}
    begin = time.perf_counter()
    report = run_seeds(range(seeds), jobs=jobs, brokers=REAL_BROKERS)
    seeds_per_s = seeds / (time.perf_counter() - begin)
    names = list(MUTANTS)[:3] if quick else list(MUTANTS)
    caught = {name: caught_at(name, range(SEEDS_OF_A_MUTANT)) for name in names}
    killed = _kills(kills, "sqlite")
    killed_postgres = _kills(kills_postgres, "postgresql") if kills_postgres else None
    figures: dict[str, Any] = {
        "seeds": seeds, "brokers": dict(report.brokers), "jobs": jobs, "seeds_per_s": round(seeds_per_s, 2),
        "cpu_s_per_seed": cpu_s, "orders": report.orders,
        "fills": report.fills, "faults": report.faults.total(), "kinds_of_fault": len(report.faults), "lost": report.lost,
        "duplicated": report.duplicated, "unexplained_positions": report.unexplained_positions, "stuck": report.stuck,
        "errors": report.errors, "mutants": caught, "kills_sqlite": killed, "kills_postgresql": killed_postgres,
    }  # fmt: skip
    wrong = report.lost + report.duplicated + report.unexplained_positions + report.stuck + report.errors
    found = sum(1 for at in caught.values() if at is not None)
    reach = {
        "wrong": {"value": wrong, "limit": 0, "met": wrong == 0},
        "seeds_per_s": {"value": round(seeds_per_s, 2), "limit": 20, "met": seeds_per_s >= 20},
        "kinds_of_fault": {"value": len(report.faults), "limit": 12, "met": len(report.faults) >= 12},
        "mutants_caught": {"value": found, "limit": len(names), "met": found == len(names)},
        "kills_sqlite_wrong": {"value": killed["wrong"], "limit": 0, "met": killed["wrong"] == 0},
    }
    if killed_postgres is not None:
        reach["kills_postgresql_wrong"] = {"value": killed_postgres["wrong"], "limit": 0, "met": killed_postgres["wrong"] == 0}
    return {"figures": figures, "peers": {}, "reach": reach}


def _cpu_s(broker: str, seeds: int) -> float:
    """CPU seconds of a seed, which other work on the machine disturbs less than its time."""
    run_seeds(range(1), broker=broker)
    begin = time.process_time()
    run_seeds(range(seeds), broker=broker)
    return round((time.process_time() - begin) / seeds, 4)


def _kills(kills: int, journal: str) -> dict[str, Any]:
    begin = time.perf_counter()
    with journal_url(journal) as place:
        report = run_kills(kills, KILLED_AT, place, jobs=KILL_JOBS if kills > KILL_JOBS else 1)
    verdict = report.verdict
    wrong = sum(len(one) for one in (verdict.lost, verdict.duplicated, verdict.unexplained, verdict.stuck, report.errors))
    return {
        "kills": report.kills,
        "broker": KILLED_AT,
        "orders": report.orders,
        "fills": report.fills,
        "wrong": wrong,
        "kills_per_s": round(kills / (time.perf_counter() - begin), 2),
    }
