"""Which rows are new, restated or repeated, and which version of each fact was known when. Pure functions over frames.

Everywhere facts are ordered by (instrument, start_ns, keys) and their versions by known_ns.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tradewinds.core.errors import DataFault
from tradewinds.core.instant import text
from tradewinds.stores.lake_schema import Schema


@dataclass(frozen=True, slots=True)
class Changes:
    """What a publish adds to what is there: the rows to append, and how many are of which kind."""

    rows: pl.DataFrame
    new: int
    restated: int
    same: int


def is_single(rows: pl.DataFrame, by: list[str]) -> bool:
    """Whether the rows stand in strictly increasing order of `by`: sorted, and no fact twice. One vectorised pass."""
    if rows.height < 2:
        return True
    undecided: pl.Series | None = None
    for name in by:
        column = rows[name].to_physical()
        above, below = column.slice(1), column.slice(0, rows.height - 1)
        if undecided is None:
            if not (above >= below).all():
                return False
            undecided = above == below
        else:
            if not ((above > below) | ~undecided if name == by[-1] else (above >= below) | ~undecided).all():
                return False
            undecided = undecided & (above == below)
        if not undecided.any():
            return True
    return False


def in_order(rows: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """The rows sorted by identity, then known_ns."""
    return rows.sort([*schema.identity, "known_ns"], maintain_order=True)


def latest(rows: pl.DataFrame, identity: list[str]) -> pl.DataFrame:
    """The last row of each run of one identity, in rows that are sorted by identity and version."""
    if rows.height < 2:
        return rows
    last = pl.any_horizontal(*[pl.col(name).ne_missing(pl.col(name).shift(-1)) for name in identity])
    return rows.filter(last | (pl.int_range(pl.len()) == pl.len() - 1))


def differing(incoming: pl.DataFrame, existing: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """The rows that do not equal the latest existing version of the same fact. Each fact may stand in `incoming` once."""
    current = latest(existing, schema.identity)
    if incoming.height == current.height and all(incoming[name].equals(current[name]) for name in schema.identity):
        is_other = pl.Series([False]).new_from_index(0, incoming.height)
        for name in schema.content:
            is_other = is_other | incoming[name].ne_missing(current[name])
        return incoming.filter(is_other) if is_other.any() else incoming.clear()
    return incoming.join(current, on=[*schema.identity, *schema.content], how="anti", nulls_equal=True, maintain_order="left")


def changes(where: str, incoming: pl.DataFrame, existing: pl.DataFrame, schema: Schema) -> Changes:
    """Compare rows with every version of the same facts that is already there.

    1. Line up old and new by identity and known time, old before new.
    2. A new row that equals the version in force before it is a repetition; so is one that equals the latest version.
    3. One that differs must be later than every version there is, and the only one known then; else DataFault names it.
    """
    key = schema.identity
    lined = pl.concat([existing.with_columns(is_new=pl.lit(False)), incoming.with_columns(is_new=pl.lit(True))])
    lined = lined.sort([*key, "known_ns", "is_new"], maintain_order=True)
    is_next = pl.all_horizontal(*[pl.col(name).eq_missing(pl.col(name).shift(1)) for name in key])
    equals_previous = pl.all_horizontal(*[pl.col(name).eq_missing(pl.col(name).shift(1)) for name in schema.content])
    lined = lined.with_columns(
        fact=is_next.not_().fill_null(True).cum_sum(),
        repeats=(is_next & equals_previous).fill_null(False),
        ties=is_next & pl.col("is_new") & pl.col("is_new").shift(1) & (pl.col("known_ns") == pl.col("known_ns").shift(1)),
    )
    tied = lined.filter(pl.col("ties") & ~pl.col("repeats"))
    if tied.height:
        raise DataFault(_tied(where, tied, schema))
    lined = lined.with_columns(
        old_known=pl.when(~pl.col("is_new")).then(pl.col("known_ns")).max().over("fact"),
        is_first=pl.int_range(pl.len()).over("fact") == 0,
    )
    candidates = lined.filter(pl.col("is_new") & ~pl.col("repeats"))
    if existing.height and candidates.height:
        candidates = _without_repeats_of_latest(candidates, existing, schema)
    early = candidates.filter(pl.col("known_ns") <= pl.col("old_known"))
    if early.height:
        raise DataFault(_early(where, early, schema))
    restated = int((~candidates["is_first"]).sum())
    return Changes(candidates.select(schema.names), candidates.height - restated, restated, incoming.height - candidates.height)


def _without_repeats_of_latest(candidates: pl.DataFrame, existing: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    key = schema.identity
    current = latest(existing, key).select(*key, *[pl.col(name).alias(f"{name}\0latest") for name in schema.content])
    joined = candidates.join(current, on=key, how="left", maintain_order="left")
    equal = pl.all_horizontal(*[pl.col(name).eq_missing(pl.col(f"{name}\0latest")) for name in schema.content])
    repeats = (pl.col("known_ns") <= pl.col("old_known")).fill_null(False) & equal
    return joined.filter(~repeats).select(candidates.columns)


def _early(where: str, rows: pl.DataFrame, schema: Schema) -> str:
    row = rows.row(0, named=True)
    return (
        f"{where}: {rows.height} rows differ from what is published but are not known later; first {_fact(row, schema)} "
        f"known {text(row['known_ns'])}, expected a known time after {text(row['old_known'])}"
    )


def _tied(where: str, rows: pl.DataFrame, schema: Schema) -> str:
    row = rows.row(0, named=True)
    return f"{where}: {_fact(row, schema)} stands there twice with different values known {text(row['known_ns'])}, expected one"


def _fact(row: dict[str, object], schema: Schema) -> str:
    keys = "".join(f" {name}={row[name]}" for name in schema.keys)
    start = row["start_ns"]
    assert isinstance(start, int)
    return f"{row['instrument']}{keys} at {text(start)}"
