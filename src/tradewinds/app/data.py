"""`tradewinds data list|fetch|import|export|show|files|findings|lineage|release`."""

from __future__ import annotations

import click

from tradewinds.app.arguments import JSON, opened
from tradewinds.app.data_cell import findings, lineage, release
from tradewinds.app.data_files import files
from tradewinds.app.data_intake import fetch, import_file
from tradewinds.app.data_rows import export, show
from tradewinds.app.output import print_json, print_table


@click.group("data", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def data() -> None:
    """Fetch, import, export and look at data, findings and lineage."""


@data.command("list")
@JSON
def list_tables(*, as_json: bool) -> None:
    """What the lake holds: tables, partitions, versions."""
    from tradewinds.jobs.tables import tables

    house, context = opened("data.list")
    rows = []
    for table in tables(context):
        names = house.lake.partitions(table)
        commits = sum(house.lake.version(table, name) for name in names)
        rows.append((table.name, len(names), names[0] if names else None, names[-1] if names else None, commits, table.dataset.description))
    columns = ("table", "partitions", "first", "last", "commits", "what")
    if as_json:
        print_json({"tables": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        print_table(f"Lake of {house.home}", columns, rows, if_empty="no table yet; `tradewinds data fetch BTCUSDT` makes one")


for command in (fetch, import_file, show, export, files, findings, lineage, release):
    data.add_command(command)
