"""The point-in-time join of ten million feature rows, beside polars' own as-of join on the same frames.

`join_asof` heeds one time axis: it answers the row that was published last, which is an older period's restatement where there is one.
So it is the floor here and no replacement; where nothing is restated and nothing is late both must answer the same, which is checked.
Both are given what they like best: facts by instrument and known time, decisions by instrument and time. `unsorted` is our own join
of facts by instrument and start, as a lake gives them, where a twentieth was restated.
"""

from __future__ import annotations

import json

import numpy as np
import polars as pl

from benchmarks import market_data as market
from tradewinds.history.point_in_time import join_known

NS_PER_DAY = 86_400_000_000_000
COLUMNS = ("momentum", "value")


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: a fiftieth of the rows."""
    instruments, sessions, rounds = (100, 2_000, 3) if quick else (2_000, 5_000, 5)
    facts, decisions = made(instruments, sessions)
    restated = with_restatements(facts)
    peer = facts.select("instrument", "known_ns", "start_ns", "event_ns", *COLUMNS)
    assert join_known(decisions, facts, COLUMNS)[COLUMNS[0]].equals(_by_polars(decisions, peer)[COLUMNS[0]])
    taken = market.alternated_ms(
        {
            "own_ms": lambda n: join_known(decisions, facts, COLUMNS),
            "own_restated_unsorted_ms": lambda n: join_known(decisions, restated, COLUMNS),
            "polars_join_asof_ms": lambda n: _by_polars(decisions, peer),
        },
        rounds=rounds,
    )
    return {
        "figures": {name: round(value, 2) for name, value in taken.items() if name.startswith("own")}
        | {"rows_per_s": round(len(decisions) / taken["own_ms"] * 1e3)},
        "peers": {"polars_join_asof_ms": round(taken["polars_join_asof_ms"], 2)},
        "reach": {"join_to_polars_join_asof": market.reach(taken["own_ms"] / taken["polars_join_asof_ms"], 1.5)},
        "machine": market.machine() | {"fact_rows": len(facts), "decisions": len(decisions), "rounds": rounds},
    }


def made(instruments: int, sessions: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A fact an instrument and session, known some hours after it, and a decision a day after each session."""
    chance = np.random.default_rng(market.SEED)
    count = instruments * sessions
    names = np.repeat(np.array([f"S{number:05d}.XNAS" for number in range(instruments)]), sessions)
    start = np.tile(np.arange(sessions, dtype=np.int64) * NS_PER_DAY, instruments)
    event = start + NS_PER_DAY // 2
    known = event + chance.integers(0, NS_PER_DAY // 4, count)
    values = {name: chance.normal(size=count) for name in COLUMNS}
    facts = pl.DataFrame({"instrument": names, "start_ns": start, "event_ns": event, "known_ns": known, **values})
    return facts, pl.DataFrame({"instrument": names, "decided_ns": start + NS_PER_DAY})


def with_restatements(facts: pl.DataFrame) -> pl.DataFrame:
    """One row in twenty is said again thirty days later; rows by instrument and start."""
    again = facts.gather_every(20).with_columns(pl.col("known_ns") + 30 * NS_PER_DAY)
    return pl.concat([facts, again]).sort("instrument", "start_ns", "known_ns")


def _by_polars(decisions: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    return decisions.join_asof(facts, left_on="decided_ns", right_on="known_ns", by="instrument", check_sortedness=False)


if __name__ == "__main__":
    print(json.dumps(run()))
