"""`tradewinds data files`: which files of the lake another engine has to read, and the statement for it."""

from __future__ import annotations

import click

from tradewinds.app.arguments import AS_OF, JSON, instant, opened
from tradewinds.app.output import print_json


@click.command("files")
@click.argument("table")
@AS_OF
@click.option("--sql", "engine", type=click.Choice(["duckdb", "spark"]), help="Print the SELECT for that engine instead of the files.")
@JSON
def files(table: str, as_of: str | None, engine: str | None, *, as_json: bool) -> None:
    """The Parquet files of TABLE that hold what was known at a time, for Spark, Trino, DuckDB and others.

    They hold every version of a fact; the SELECT of --sql keeps the last one known then, and gives the rows of `data export`.

    \b
    tradewinds data files bars-1d --as-of 2024-03-01
    tradewinds data files bars-1d --as-of 2024-03-01 --sql spark
    """
    from tradewinds.jobs.tables import table_named
    from tradewinds.stores.lake import FileLake
    from tradewinds.stores.snapshot import snapshot

    house, context = opened("data")
    as_of_ns = instant(as_of, "--as-of") if as_of else house.clock.now_ns()
    found = snapshot(FileLake(house.files_of_lake()), house.place_of_lake, table_named(context, table), as_of_ns)
    if as_json:
        told = {"table": found.table, "identity": list(found.identity), "files": found.paths}
        print_json(told if engine is None else {**told, "sql": found.statement(engine)})
    else:
        click.echo("\n".join(found.paths) if engine is None else f"{found.statement(engine)};")
