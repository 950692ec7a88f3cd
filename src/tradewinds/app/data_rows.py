"""`tradewinds data show` and `data export`: rows of a table as known at a time."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tradewinds.app.arguments import AS_OF, FROM, INSTRUMENTS, JSON, TO, instant, opened, span
from tradewinds.app.output import log, print_json, print_table
from tradewinds.core.errors import ANSWER_IS_NO, Rejected

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.core.observation import Table
    from tradewinds.wiring.house import House

AUDIT = ("source", "captured")  # for audits; shown with --all-columns
# What goes first where the terminal is narrow; prices and volume stay.
SPARE = ("reason", "event", "taker_quote", "taker_base", "trades", "quote_volume", "vendor", "known", "status")
NAMED_MAX = 8


@click.command("show")
@click.argument("table")
@INSTRUMENTS
@FROM
@TO
@AS_OF
@click.option("--versions", is_flag=True, help="Every version instead of the one known then.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="At most so many rows, the last ones.")
@click.option("--all-columns", is_flag=True, help="Every column, however wide.")
@JSON
def show(
    table: str,
    instruments: tuple[str, ...],
    start: str | None,
    end: str | None,
    as_of: str | None,
    limit: int,
    *,
    versions: bool,
    all_columns: bool,
    as_json: bool,
) -> None:
    """Rows of TABLE as known at a time. No such row ends with exit code 1.

    TABLE is one of `data list`: bars-1d (short for history/bars-1d), vendor/alpha/bars-1d. A narrow terminal shows fewer columns.

    \b
    tradewinds data show bars-1m --instrument BTCUSDT.BINANCE --from 2024-03-01 --limit 5
    tradewinds data show bars-1d --as-of 2024-03-01T12:00 --json
    """
    rows = _readable(_read(table, instruments, start, end, as_of, is_versions=versions).tail(limit))
    if as_json:
        print_json({"table": table, "rows": rows.to_dicts()})
    elif not rows.is_empty():
        _print(table, rows, has_all=all_columns)
    if rows.is_empty():
        log(f"{table}: no row of that{' then' if as_of else ''}")
        sys.exit(ANSWER_IS_NO)


@click.command("export")
@click.argument("table")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@INSTRUMENTS
@FROM
@TO
@AS_OF
@click.option("--versions", is_flag=True, help="Every version instead of the one known then.")
@JSON
def export(
    table: str,
    file: Path,
    instruments: tuple[str, ...],
    start: str | None,
    end: str | None,
    as_of: str | None,
    *,
    versions: bool,
    as_json: bool,
) -> None:
    """Write rows of TABLE to FILE (.parquet or .csv), whole or not at all.

    \b
    tradewinds data export bars-1d closes.parquet --as-of 2024-03-01
    tradewinds data export bars-1m btc.csv --instrument BTCUSDT.BINANCE --from 2024-01-01 --to 2024-02-01
    """
    if file.suffix.lower() not in (".parquet", ".csv"):
        raise Rejected(f"export: {file.name}, expected a name that ends in .parquet or .csv")
    if not file.absolute().parent.is_dir():
        raise Rejected(f"export: {file.absolute().parent} is no folder, expected one that is there")
    rows = _readable(_read(table, instruments, start, end, as_of, is_versions=versions))
    _write(rows, file)
    if as_json:
        print_json({"table": table, "file": str(file.absolute()), "rows": rows.height})
    else:
        click.echo(f"{file}: {rows.height:,} rows")


def _read(
    table: str, instruments: tuple[str, ...], start: str | None, end: str | None, as_of: str | None, *, is_versions: bool
) -> pl.DataFrame:
    import polars as pl

    from tradewinds.jobs.tables import table_named

    start_ns, end_ns = span(start, end)
    house, context = opened("data")
    chosen = table_named(context, table)
    as_of_ns = instant(as_of, "--as-of") if as_of else house.clock.now_ns()
    if is_versions:
        rows = house.lake.versions(chosen, instruments=instruments or None, start_ns=start_ns, end_ns=end_ns)
        rows = rows.filter(pl.col("known_ns") <= as_of_ns) if as_of else rows
    else:
        rows = house.lake.read(chosen, as_of_ns=as_of_ns, instruments=instruments or None, start_ns=start_ns, end_ns=end_ns)
    if rows.is_empty():
        _refuse_unknown(house, chosen, instruments)
    return rows


def _refuse_unknown(house: House, table: Table, instruments: tuple[str, ...]) -> None:
    """Raises Rejected for a table that is empty as yet and for an instrument that it never held."""
    if not house.lake.partitions(table):
        have = ", ".join(sorted(house.lake.tables())) or "none yet"
        raise Rejected(f"table {table.name} is not there yet, expected one of: {have}")
    from tradewinds.jobs.ingest import FAR_FUTURE_NS

    if not instruments:
        return
    held = house.lake.read(table, as_of_ns=FAR_FUTURE_NS, columns=["instrument"])["instrument"].unique().sort().to_list()
    unknown = [name for name in instruments if name not in held]
    if unknown:
        some = ", ".join(held[:NAMED_MAX]) + (f" and {len(held) - NAMED_MAX} more" if len(held) > NAMED_MAX else "")
        raise Rejected(f"{table.name}: instrument {', '.join(unknown)}, expected one of {some}")


def _readable(rows: pl.DataFrame) -> pl.DataFrame:
    """Times as UTC timestamps without the suffix, as in the lake's files."""
    import polars as pl

    times = [name for name in rows.columns if name.endswith("_ns")]
    return rows.with_columns(
        pl.from_epoch(pl.col(name), time_unit="ns").dt.cast_time_unit("us").dt.replace_time_zone("UTC") for name in times
    ).rename({name: name.removesuffix("_ns") for name in times})


def _print(table: str, rows: pl.DataFrame, *, has_all: bool) -> None:
    title = f"{table}, the last {rows.height} rows"
    if has_all:
        print_table(title, rows.columns, rows.rows())
        return
    names = [name for name in rows.columns if name not in AUDIT and rows[name].null_count() < rows.height]
    if rows["instrument"].n_unique() == 1:
        title = f"{table} of {rows['instrument'][0]}, the last {rows.height} rows"
        names.remove("instrument")
    print_table(title, names, rows.select(names).rows(), spare=SPARE)


def _write(rows: pl.DataFrame, file: Path) -> None:
    """Whole or not at all: written beside, made durable, then renamed."""
    beside = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with beside.open("wb") as out:
            if file.suffix.lower() == ".csv":
                rows.write_csv(out, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ")
            else:
                rows.write_parquet(out)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
