"""`tradewinds sql`: DuckDB over lake and ledger as known at a time."""

from __future__ import annotations

import click


@click.command("sql")
@click.argument("statement", required=False)
@click.option("--as-of", help="What was known then (ISO 8601, UTC); now when left out.")
@click.option("--tables", is_flag=True, help="List what can be asked.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="Show at most so many rows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def sql(statement: str | None, as_of: str | None, limit: int, *, tables: bool, as_json: bool) -> None:
    """Ask STATEMENT (a SELECT) over the lake's tables and the ledger; nothing can be written.

    --json prints every row whatever the limit.

    \b
    tradewinds sql --tables
    tradewinds sql "select instrument, max(close) from history.bars_1d group by all" --as-of 2024-03-01
    tradewinds sql "select job, state, error from ledger.job_run where state = 'failed'"
    """
    from tradewinds.app.arguments import instant
    from tradewinds.app.output import log, print_json, print_table
    from tradewinds.core.errors import Rejected
    from tradewinds.core.instant import to_datetime
    from tradewinds.jobs.tables import tables as known_tables
    from tradewinds.stores.query import open_sql
    from tradewinds.wiring.house import open_house

    house = open_house()
    as_of_ns = instant(as_of, "--as-of") if as_of else house.clock.now_ns()
    datasets = {table.dataset.name: table.dataset for table in known_tables(house.context("sql", ""))}
    with open_sql(house.files_of_lake(), house.ledger, as_of_ns, datasets=datasets.values()) as session:
        if statement is None and not tables:
            raise Rejected('sql: no statement, expected one such as "select * from history.bars_1d"; --tables lists what can be asked')
        if statement is None or tables:
            names = session.tables()
            if as_json:
                print_json({"tables": names})
            else:
                print_table("What can be asked", ("table",), [(name,) for name in names])
            return
        found = session.run(statement)
    names = _unlike(found.column_names)
    if as_json:
        rows = found.rename_columns(names).to_pylist()
        print_json({"as_of": to_datetime(as_of_ns), "columns": names, "rows": rows})
        return
    shown = found.slice(0, limit)
    print_table("", found.column_names, list(zip(*(column.to_pylist() for column in shown.columns), strict=True)), if_empty="no row")
    if found.num_rows > limit:
        log(f"{found.num_rows - limit:,} more rows; --limit shows more")


def _unlike(names: list[str]) -> list[str]:
    """The names, each once: the second `close` is `close_2`."""
    found: list[str] = []
    for name in names:
        number, one = 2, name
        while one in found:
            number, one = number + 1, f"{name}_{number}"
        found.append(one)
    return found
