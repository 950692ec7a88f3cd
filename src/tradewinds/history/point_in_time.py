"""The only join between facts and decisions: what was known of each instrument when each decision was made.

1. A fact is known from its known_ns on; a decision at t sees facts with known_ns <= t, and nothing else.
2. Of those it gets the one with the latest start_ns: the newest period, not the one that was published last.
3. Of several versions of that period it gets the one that became known last: a restatement counts from its own known_ns on.
4. With a greatest age, a fact whose event_ns lies further back than that is no answer.

Both sides are walked once in order of (instrument, time). A plain as-of join by known_ns is not this: it answers an old period that was
restated this morning for the new one that was published last week; one by event_ns answers what nobody knew yet.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds.compiled import compiled
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import text
from tradewinds.history.panel import UNKNOWN_NS

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Floats = NDArray[np.float64]

KEYS = ("instrument",)
DECIDED = "decided_ns"
FACT_TIMES = ("start_ns", "event_ns", "known_ns")
_TIES = ("captured_ns", "source")
NO_ROW = -1  # within this file: no fact answers


def join_known(
    decisions: pl.DataFrame,
    facts: pl.DataFrame,
    columns: Sequence[str] | None = None,
    *,
    keys: Sequence[str] = KEYS,
    decided: str = DECIDED,
    age_max_ns: int | None = None,
) -> pl.DataFrame:
    """The decisions, in their order, with the named columns of the fact that was known then; null where none was.

    decisions: the keys and `decided` (ns). facts: the keys, start_ns, event_ns, known_ns and the columns (None: all others).
    Start_ns, event_ns and known_ns of the answer stand in `fact_start_ns`, `fact_event_ns`, `fact_known_ns`.
    Raises Rejected for absent or clashing columns or null times, DataFault for two versions of a fact that became known at once.
    """
    wanted = [name for name in facts.columns if name not in (*keys, *FACT_TIMES, *_TIES)] if columns is None else list(columns)
    _checked(decisions, (*keys, decided), "decisions")
    _checked(facts, (*keys, *FACT_TIMES, *wanted), "facts")
    clash = sorted(set(decisions.columns) & {*wanted, *(f"fact_{name}" for name in FACT_TIMES)})
    if clash:
        raise Rejected(f"point-in-time join: columns {clash} stand in the decisions already, expected other names")
    of_facts, of_decisions = _codes(facts, decisions, keys)
    rows = _rows(facts, of_facts, of_decisions, _ints(decisions, decided), age_max_ns)
    absent = rows == NO_ROW
    missing = pl.Series(absent) if absent.any() else None
    taken = [_taken(facts[name], rows, missing) for name in wanted]
    times = [_taken(facts[name].alias(f"fact_{name}"), rows, missing) for name in FACT_TIMES]
    return decisions.hstack([*taken, *times])


def columns_known(
    facts: pl.DataFrame, columns: Sequence[str], instruments: Sequence[str], decided_ns: Ints, *, age_max_ns: int | None = None
) -> dict[str, tuple[Floats, Ints]]:
    """Columns as a panel reads them: for each name the values (times, instruments) and when they were known.

    decided_ns: (times,) rising, when the row of each session is made. NaN and UNKNOWN_NS where nothing was known; null reads as NaN.
    """
    _checked(facts, (*KEYS, *FACT_TIMES, *columns), "facts")
    times = np.asarray(decided_ns, dtype=np.int64)
    if times.ndim != 1 or bool((times[1:] < times[:-1]).any()):
        raise Rejected(f"point-in-time join: {times.shape} decision times, expected (times,) in order")
    place = {name: index for index, name in enumerate(dict.fromkeys(instruments))}
    if len(place) != len(instruments):
        raise Rejected(f"point-in-time join: {len(instruments) - len(place)} instruments stand there twice, expected each once")
    names = pl.DataFrame({"instrument": list(place), "_code": range(len(place))}, schema={"instrument": pl.String, "_code": pl.Int32})
    mine = facts.join(names, on="instrument", how="inner", maintain_order="left")
    asked = np.repeat(np.arange(len(place), dtype=np.int32), len(times))
    rows = _rows(mine, mine["_code"].to_numpy(), asked, np.tile(times, len(place)), age_max_ns)
    is_known = rows != NO_ROW
    shape = (len(place), len(times))
    known = np.where(is_known, _ints(mine, "known_ns")[rows], UNKNOWN_NS) if len(mine) else np.full(len(rows), UNKNOWN_NS)
    found = {}
    for name in columns:
        flat = mine[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        values = np.where(is_known, flat[rows], np.nan) if len(mine) else np.full(len(rows), np.nan)
        found[name] = (np.ascontiguousarray(values.reshape(shape).T), np.ascontiguousarray(known.reshape(shape).T))
    return found


def _rows(facts: pl.DataFrame, codes: Codes, asked_codes: Codes, asked_ns: Ints, age_max_ns: int | None) -> Ints:
    """For each question the position of the fact that answers it, NO_ROW where none does; both sides in any order."""
    if age_max_ns is not None and age_max_ns < 0:
        raise Rejected(f"point-in-time join: greatest age {age_max_ns} ns, expected at least 0")
    start, event, known = (_ints(facts, name) for name in FACT_TIMES)
    order = _EVERY if _rises(codes, known, start) else _order(facts, codes, known, start)
    asked = _EVERY if _rises_weakly(asked_codes, asked_ns) else _order(None, asked_codes, asked_ns, None)
    rows = np.empty(len(asked_ns), np.int64)
    oldest = np.iinfo(np.int64).max if age_max_ns is None else age_max_ns
    _merged(codes, start, event, known, order, asked_codes, asked_ns, asked, oldest, rows)
    return rows


def _order(facts: pl.DataFrame | None, codes: Codes, times: Ints, start: Ints | None) -> Ints:
    """Positions by code, time and start; what facts share is settled by when it was captured and from which bytes it came."""
    ties = [] if facts is None else [facts[name].alias(f"_{name}") for name in _TIES if name in facts.columns]
    frame = pl.DataFrame([pl.Series("code", codes), pl.Series("at", times), *([] if start is None else [pl.Series("start", start)]), *ties])
    order = frame.select(pl.arg_sort_by(frame.columns, maintain_order=True).cast(pl.Int64)).to_series().to_numpy()
    if facts is not None and start is not None and not ties:
        twin = _twin(codes, times, start, order)
        if twin != NO_ROW:
            raise DataFault(
                f"point-in-time join: two facts of row {facts.row(int(twin), named=True)} became known at {text(int(times[twin]))}, "
                f"expected one, or captured_ns to tell which came last"
            )
    return order


def _codes(facts: pl.DataFrame, decisions: pl.DataFrame, keys: Sequence[str]) -> tuple[Codes, Codes]:
    """The keys of both sides as whole numbers, equal where the keys are. A key that only facts have counts, one of decisions too."""
    if len(keys) == 1 and facts.schema[keys[0]] == decisions.schema[keys[0]] == pl.String:
        runs = [one[keys[0]].rle().struct.unnest() for one in (facts, decisions)]  # rows of one instrument mostly stand together
        kind = pl.Enum(pl.concat([one["value"] for one in runs]).unique().drop_nulls().sort())
        first, second = (_expanded(one, kind) for one in runs)
        return first, second
    both = pl.concat([facts.select(keys), decisions.select(keys)])
    codes = both.select(pl.struct(keys).rank("dense").cast(pl.Int32)).to_series().to_numpy()
    return codes[: len(facts)], codes[len(facts) :]


def _expanded(runs: pl.DataFrame, kind: pl.Enum) -> Codes:
    if runs["value"].null_count():
        raise Rejected("point-in-time join: rows without an instrument, expected one in each")
    return np.repeat(runs["value"].cast(kind).to_physical().cast(pl.Int32).to_numpy(), runs["len"].to_numpy())


def _taken(column: pl.Series, rows: Ints, missing: pl.Series | None) -> pl.Series:
    """The column at those rows, null where `missing`."""
    if missing is not None and not len(column):
        return column.clear(len(rows))
    if column.null_count() or column.dtype not in (pl.Float64, pl.Int64):
        return column.gather(pl.Series(rows) if missing is None else pl.Series(rows).set(missing, None))
    found = pl.Series(column.name, column.to_numpy()[rows])
    return found if missing is None else found.set(missing, None)


def _ints(frame: pl.DataFrame, name: str) -> Ints:
    return frame[name].cast(pl.Int64).to_numpy()


def _checked(frame: pl.DataFrame, names: Sequence[str], what: str) -> None:
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise Rejected(f"point-in-time join: columns {absent} are absent, expected them among {what} {frame.columns}")
    empty = [name for name in names if (name in FACT_TIMES or name.endswith("_ns")) and frame[name].null_count()]
    if empty:
        raise Rejected(f"point-in-time join: nulls in {empty} of the {what}, expected an instant in each row")


_EVERY = np.empty(0, np.int64)  # in order already


@compiled
def _rises(codes: Codes, times: Ints, start: Ints) -> bool:
    """Whether rows rise strictly by (code, time, start)."""
    for i in range(1, len(codes)):
        if codes[i] != codes[i - 1]:
            if codes[i] < codes[i - 1]:
                return False
        elif times[i] < times[i - 1] or (times[i] == times[i - 1] and start[i] <= start[i - 1]):
            return False
    return True


@compiled
def _rises_weakly(codes: Codes, times: Ints) -> bool:
    is_risen = True
    for i in range(1, len(codes)):
        is_risen &= codes[i] > codes[i - 1] or (codes[i] == codes[i - 1] and times[i] >= times[i - 1])
    return is_risen


@compiled
def _twin(codes: Codes, times: Ints, start: Ints, order: Ints) -> int:
    for k in range(1, len(order)):
        i, j = order[k - 1], order[k]
        if codes[i] == codes[j] and times[i] == times[j] and start[i] == start[j]:
            return int(j)
    return NO_ROW


@compiled
def _merged(
    codes: Codes, start: Ints, event: Ints, known: Ints, order: Ints,
    asked_codes: Codes, asked_ns: Ints, asked: Ints, age_max: int, rows: Ints,
) -> None:  # fmt: skip
    """Both sides once, by code and time; order and asked may be empty: in order already."""
    is_sorted, is_asked_sorted = len(order) == 0, len(asked) == 0
    facts, at = len(codes), 0
    best, code = NO_ROW, 0
    for k in range(len(asked_codes)):
        question = k if is_asked_sorted else asked[k]
        if k == 0 or asked_codes[question] != code:
            code, best = asked_codes[question], NO_ROW
            while at < facts and codes[at if is_sorted else order[at]] < code:
                at += 1
        now = asked_ns[question]
        while at < facts:
            row = at if is_sorted else order[at]
            if codes[row] != code or known[row] > now:
                break
            if best == NO_ROW or start[row] >= start[best]:
                best = row
            at += 1
        rows[question] = best if best != NO_ROW and now - event[best] <= age_max else NO_ROW
