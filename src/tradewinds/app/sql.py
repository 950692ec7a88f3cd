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
    """Ask STATEMENT (a SELECT) over the lake's tables and the ledger; nothing can be written."""
    from tradewinds.app.output import print_json, print_table
    from tradewinds.core.errors import Rejected
    from tradewinds.core.instant import parse
    from tradewinds.jobs.tables import tables as known_tables
    from tradewinds.stores.query import open_sql
    from tradewinds.wiring.house import open_house

    house = open_house()
    as_of_ns = parse(as_of) if as_of else house.clock.now_ns()
    datasets = {table.dataset.name: table.dataset for table in known_tables(house.context("sql", ""))}
    with open_sql(house.files_of_lake(), house.ledger, as_of_ns, datasets=datasets.values()) as session:
        if tables or statement is None:
            names = session.tables()
            if as_json:
                print_json({"tables": names})
            else:
                print_table("What can be asked", ("table",), [(name,) for name in names])
            if statement is None and not tables:
                raise Rejected('sql: no statement, expected one such as "select * from history.bars_1d"')
            return
        found = session.run(statement)
    if as_json:
        print_json({"as_of_ns": as_of_ns, "columns": found.column_names, "rows": found.to_pylist()})
        return
    rows = found.slice(0, limit).to_pylist()
    print_table("", found.column_names, [tuple(row.values()) for row in rows])
    if found.num_rows > limit:
        click.echo(f"{found.num_rows - limit} more rows; --limit shows more")
